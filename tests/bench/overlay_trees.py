#!/usr/bin/python3
"""Make the trees tests/bench/overlay measures on: OUT/NAME/0, OUT/NAME/1 ... are the layers of tree NAME,
the topmost first, and OUT/NAME.list has the paths of its files where a workload asks for them.

usage: overlay_trees.py OUT SCALE DEBIAN.tar NAME...

SCALE divides the number of files. Run as root of a user namespace with a range of ids: files of the Debian
tree have several owners.
"""
import os, random, re, shutil, subprocess, sys

sys.dont_write_bytecode = True
rnd = random.Random(3)


def put(path, data=b"", mode=0o644):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    os.write(fd, data)
    os.close(fd)


def run(*cmd, **kw):
    done = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)
    if done.returncode:
        sys.exit("%s: %s" % (" ".join(cmd), done.stderr.decode(errors="replace")[-500:]))
    return done.stdout.decode()


class Trees:
    def __init__(self, out, scale, debian):
        self.out, self.scale, self.debian_tar = out, scale, debian

    def dir(self, *names):
        path = os.path.join(self.out, *names)
        os.makedirs(path)
        return path

    def files(self, tree, dirs, each, layers=1, size=4096):
        """Directory i has files i*each and on; file n is in layer n % layers, all directories in each."""
        for layer in range(layers):
            for d in range(dirs):
                self.dir(tree, str(layer), "t", "d%03d" % d)
        with open("%s/%s.list" % (self.out, tree), "w") as names:
            for n in range(dirs * each):
                name = "t/d%03d/f%06d" % (n // each, n)
                put("%s/%s/%d/%s" % (self.out, tree, n % layers, name), rnd.randbytes(size))
                names.write(name + "\n")

    def small(self):
        self.files("small", 50, 100 // self.scale)

    def many(self):
        self.files("many", 50, 100 // self.scale, layers=31)

    def wide(self):
        self.files("wide", 1, 50000 // self.scale, size=0)

    def inodes(self):
        self.files("inodes", 100, 1000 // self.scale, size=0)

    def empty(self):
        self.dir("empty", "0")

    def data(self):
        """One file of 512 MiB, without holes, and the names to look up while it is copied."""
        self.files("data", 50, 200, size=0)
        with open(self.out + "/data/0/big", "wb") as f:
            mib = rnd.randbytes(1 << 20)
            for i in range(512 // self.scale):
                f.write(i.to_bytes(4, "big") + mib[4:])

    def debian(self):
        root = self.dir("debian", "0")
        run("tar", "-C", root, "--numeric-owner", "--exclude=./dev/*", "-xf", self.debian_tar)

    def packages(self):
        """20 packages of 100 files and two maintainer scripts each, above the Debian tree."""
        debs = self.dir("packages", "0", "debs")
        os.symlink("../debian/0", self.out + "/packages/1")
        words = [b"".join(rnd.choices((b"e", b"t", b"a", b" ", b"\n"), k=rnd.randint(2, 9))) for _ in range(4000)]
        for p in range(20):
            name = "overlay-bench%02d" % p
            root = self.dir("deb")
            for d in ("DEBIAN", "usr/bin", "usr/lib/" + name, "usr/share/doc/" + name, "usr/share/" + name):
                os.makedirs(root + "/" + d)
            put(root + "/DEBIAN/control", b"Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: nobody "
                b"<nobody@example.org>\nDescription: files\n" % name.encode())
            for script in ("postinst", "prerm"):
                put(root + "/DEBIAN/" + script, b"#!/bin/sh\nset -e\ntest -d /usr/share/%s\n" % name.encode(), 0o755)
            for f in range(100 // self.scale):
                where = ("usr/bin", "usr/lib/" + name, "usr/share/doc/" + name, "usr/share/" + name)[f % 4]
                size = 200000 if f % 20 == 1 else rnd.randint(200, 12000)
                put("%s/%s/%s-%d" % (root, where, name, f), b"".join(rnd.choices(words, k=size // 5)))
            run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", root, "%s/%s.deb" % (debs, name))
            shutil.rmtree(root)

    def repository(self):
        """A git repository of 5,000 files in 250 directories, committed and packed."""
        root = self.dir("repository", "0")
        for d in range(250):
            sub = "%s/part%02d/sub%02d" % (root, d // 10, d % 10)
            os.makedirs(sub)
            for f in range(20 // self.scale):
                put("%s/file%d.c" % (sub, f), b"/* %d %d */\n" % (d, f) + rnd.randbytes(900).hex().encode())
        git = ["git", "-C", root, "-c", "user.name=n", "-c", "user.email=n@example.org"]
        run(*git, "init", "-q")
        run(*git, "add", ".")
        run(*git, "commit", "-q", "-m", "all")
        run(*git, "gc", "-q")

    def program(self):
        """40 C files, a make file, and in include/ the system's headers they come to read."""
        root = self.dir("program", "0")
        os.mkdir(root + "/src")
        system = "stdio stdlib string errno fcntl unistd sys/stat sys/types time pthread signal math".split()
        for h in range(20):
            lines = ["struct s%d_%d { int a; char b[%d]; struct s%d_%d *next; };" % (h, i, i + 1, h, i)
                     for i in range(40)]
            put("%s/src/part%d.h" % (root, h),
                ("#ifndef P%d\n#define P%d\n%s\n#endif\n" % (h, h, "\n".join(lines))).encode())
        count = 40 // self.scale
        for c in range(count):
            lines = ["#include <%s.h>" % h for h in system] + ['#include "part%d.h"' % h for h in range(20)]
            lines += ["int f%d_%d(struct s%d_%d *p);\nint f%d_%d(struct s%d_%d *p)\n{\n\tint n = 0;\n\tfor (; p; p = "
                      "p->next)\n\t\tn += p->a * %d + (int)strlen(p->b);\n\treturn n;\n}"
                      % (c, i, i % 20, i, c, i, i % 20, i, i) for i in range(10)]
            if c == 0:
                lines.append("int main(void)\n{\n\treturn 0;\n}")
            put("%s/src/file%d.c" % (root, c), "\n".join(lines).encode() + b"\n")
        self.headers(root)
        objects = " ".join("file%d.o" % c for c in range(count))
        put(root + "/src/Makefile", ("program: %s\n\tcc -o $@ $^\n%%.o: %%.c\n\tcc $(CPPFLAGS) -O1 -MMD -c -o $@ $<\n"
                                     "-include $(wildcard *.d)\n" % objects).encode())

    def headers(self, root):
        """Copy what file0.c includes from outside; CPPFLAGS in the file src/flags name the copies."""
        said = subprocess.run(["cc", "-E", "-v", "-x", "c", "/dev/null"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, check=True).stderr.decode()
        search = re.search(r"#include <...> search starts here:\n(.*?)End of search list", said, re.S).group(1).split()
        needed = run("cc", "-O1", "-M", root + "/src/file0.c").replace("\\\n", " ").split()[1:]
        for header in needed:
            if not header.startswith(root):
                copy = root + "/include" + os.path.normpath(header)
                os.makedirs(os.path.dirname(copy), exist_ok=True)
                shutil.copyfile(header, copy)
        here = [os.path.normpath(s) for s in search if os.path.isdir(root + "/include" + os.path.normpath(s))]
        put(root + "/src/flags", ("-nostdinc " + " ".join("-isystem ../include" + s for s in here)).encode())

    def modules(self):
        """The standard library, with its compiled files, and a program that imports most of it."""
        root = self.dir("modules", "0")
        lib = root + "/lib"
        skip = "test tests idlelib tkinter turtledemo ensurepip lib2to3 dist-packages".split()
        shutil.copytree(os.path.dirname(os.__file__), lib, ignore=lambda d, names: [
            n for n in names if n in skip or n.startswith("config-") or n == "sitecustomize.py"], symlinks=False)
        leave = {"antigravity", "this", "turtle", "__main__", "sitecustomize"}
        good = []
        for name in sorted(sys.stdlib_module_names - leave):
            if name.startswith("_") or not any(os.path.exists(lib + "/" + name + e) for e in (".py", "/__init__.py")):
                continue
            code = "import sys; sys.path[:] = [%r, %r]; import %s" % (lib, lib + "/lib-dynload", name)
            if not subprocess.run([sys.executable, "-I", "-S", "-W", "ignore", "-c", code], capture_output=True).returncode:
                good.append(name)
        put(root + "/all.py", ("import sys\nd = sys.argv[1]\nsys.path[:] = [d + '/lib', d + '/lib/lib-dynload']\n"
                               "import %s\nassert calendar.__file__.startswith(d)\n" % ", ".join(good)).encode())


def main():
    trees = Trees(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    os.umask(0o022)
    for name in sys.argv[4:]:
        getattr(trees, name)()


main()
