"""The workloads of tests/bench/overlay: each takes the bench and a side and yields (cell, value), times in ns.

"cold" is a mount just made with the kernel's caches dropped after it; "first" is a mount just made over layers
that are in the kernel's caches; "again" and "warm" are what was done before on the same mount.
"""
import sys, time

sys.dont_write_bytecode = True
WORKLOADS = {}


class Workload:
    """title; unit and its nanoseconds; floor: {cell: the least speed, relative to the kernel's overlay}"""

    def __init__(self, run, title, trees, unit, floor, peers, skip):
        self.run, self.title, self.trees, self.unit = run, title, trees, unit
        self.scale = {"us": 1e3, "ms": 1e6}.get(unit, 1)
        self.floor = floor or {}
        self.peers = peers      # counts among the ratios to fuse-overlayfs
        self.skip = skip        # sides that have nothing of the kind


def workload(title, trees, unit="us", floor=None, peers=True, skip=()):
    def note(run):
        WORKLOADS[run.__name__] = Workload(run, title, trees.split(), unit, floor, peers, skip)
        return run
    return note


def layers_of(b, tree, count=1):
    return ["%s/%s/%d" % (b.trees, tree, i) for i in range(count)]


STAT = [(name, kind, n) for n in (1, 31) for name, kind in (("stat", "present"), ("ENOENT", "absent"))]


@workload("stat of 5,000 names in 50 directories, and of as many that are not there", "small many",
          floor={"%s, %d layer%s, warm" % (name, n, "s" * (n > 1)): 1.0 for name, _, n in STAT})
def stat(b, side):
    for name, kind, n in STAT:
        tree = "small" if n == 1 else "many"
        cell = "%s, %d layer%s, " % (name, n, "s" * (n > 1))
        # Their ext4 is the same: what 31 layers merge to is the small tree.
        layers = layers_of(b, "small" if side.short == "ext4" else tree, 1 if side.short == "ext4" else n)
        with b.mount(side, layers, side.short != "ext4") as m:
            b.drop()
            yield cell + "cold", m.ops("stat", "@", b.list(tree), 1, kind)["stat"]
            yield cell + "warm", m.ops("stat", "@", b.list(tree), b.times(20), kind)["stat"]


@workload("stat of the 50,000 entries of one directory", "wide", floor={"again": 1.0})
def bigdir(b, side):
    with b.mount(side, layers_of(b, "wide"), side.short != "ext4") as m:
        b.drop()
        yield "cold", m.ops("stat", "@", b.list("wide"), 1, "present")["stat"]
        yield "again", m.ops("stat", "@", b.list("wide"), b.times(4), "present")["stat"]


@workload("reading all directories of a Debian tree, and find -printf %s of it", "debian", "ms",
          floor={"readdir again": 1.0, "find again": 1.0})
def readdir(b, side):
    for name in ("readdir", "find"):
        b.warm("debian/0")
        with b.mount(side, layers_of(b, "debian"), side.short != "ext4") as m:
            def once(rounds):
                if name == "readdir":
                    return m.ops("walk", "@", rounds, "readdir")["walk"]
                return m.ops("time", rounds, "find", "@", "-printf", "%s\\n")["time"]
            yield name + " first", once(1)
            once(1)
            yield name + " again", once(b.times(10))


@workload("open, read and close of 5,000 files of 4 KiB", "small",
          floor={"again, %d client%s" % (n, "s" * (n > 1)): 1.0 for n in (1, 2, 4)})
def openread(b, side):
    for clients in (1, 2, 4):
        name = ", %d client%s" % (clients, "s" * (clients > 1))
        for before in ("cold", "after ls"):
            with b.mount(side, layers_of(b, "small"), side.short != "ext4") as m:
                b.drop()
                if before == "after ls":
                    m.run("ls", "-lR", m.at)
                files = ("read", "@", b.list("small"))
                yield before + name, m.ops(*files, 1, 4096, clients)["read"]
                if before == "after ls":
                    m.ops(*files, 1, 4096, 1)
                    yield "again" + name, m.ops(*files, b.times(10), 4096, clients)["read"]


@workload("writing: 4 KiB over and over 16 MiB, and 256 MiB by 1 MiB", "empty")
def write(b, side):
    with b.mount(side, layers_of(b, "empty"), True) as m:
        yield "pwrite 4 KiB", m.ops("pwrite", "@/small", b.times(40000))["pwrite"]
    with b.mount(side, layers_of(b, "empty"), True) as m:
        b.sync()
        yield "write 1 MiB", m.ops("write", "@/large", b.times(256))["write"]


@workload("5,000 files created, renamed and unlinked in 10 directories", "empty")
def storm(b, side):
    with b.mount(side, layers_of(b, "empty"), True) as m:
        b.sync()
        for name, value in m.ops("storm", "@", b.times(5000)).items():
            yield name, value


@workload("a change to each of 5,000 lower files of 4 KiB", "small", "ms")
def change(b, side):
    for name, cmd in (("chmod -R", ("chmod", "-R", "g+w")), ("chown -R", ("chown", "-R", "1:1"))):
        b.warm("small/0")
        with b.mount(side, layers_of(b, "small"), True) as m:
            b.sync()
            yield name, m.ops("time", 1, *cmd, "@/t")["time"]


@workload("sequential reads of 512 MiB, per 1 MiB", "data")
def seqread(b, side):
    with b.mount(side, layers_of(b, "data"), side.short != "ext4") as m:
        b.drop()
        yield "cold", m.ops("seqread", "@/big", 1)["seqread"]
        yield "again", m.ops("seqread", "@/big", b.times(4))["seqread"]


@workload("a Debian tree, cold", "debian", "ms", floor={"walk with stat": 0.7, "read all files": 0.7})
def debian(b, side):
    for name, what in (("walk with stat", "stat"), ("read all files", "read")):
        with b.mount(side, layers_of(b, "debian"), side.short != "ext4") as m:
            b.drop()
            yield name, m.ops("walk", "@", 1, what)["walk"]


@workload("extraction of a Debian tree by tar", "empty", "ms", floor={"tar -x": 0.7})
def tar(b, side):
    with open(b.debian, "rb") as f:
        while f.read(1 << 20):
            pass
    with b.mount(side, layers_of(b, "empty"), True) as m:
        b.sync()
        yield "tar -x", m.ops("time", 1, "tar", "-C", "@", "--numeric-owner", "--exclude=./dev/*", "-xf",
                              b.debian)["time"]


@workload("20 packages of 100 files in a Debian root", "debian packages", "ms",
          floor={"dpkg -i": 0.7, "dpkg --purge": 0.7})
def dpkg(b, side):
    b.warm("debian/0")
    with b.mount(side, layers_of(b, "packages", 2), True) as m:
        m.run("mount", "--rbind", "/dev", m.at + "/dev")
        b.sync()
        names = ["overlay-bench%02d" % i for i in range(20)]
        chroot = ("time", 1, "chroot", "@", "dpkg", "--no-pager")
        yield "dpkg -i", m.ops(*chroot, "-i", *("/debs/%s.deb" % n for n in names))["time"]
        yield "dpkg --purge", m.ops(*chroot, "--purge", *names)["time"]


@workload("git status in a repository of 5,000 files", "repository", "ms", floor={"again": 1.0})
def git(b, side):
    b.warm("repository/0")
    with b.mount(side, layers_of(b, "repository"), True) as m:
        status = ("git", "-C", "@", "status", "--porcelain")
        yield "first", m.ops("time", 1, *status)["time"]
        m.ops("time", 2, *status)
        yield "again", m.ops("time", b.times(10), *status)["time"]


@workload("a C program of 40 files, make -j2; headers on the mount, the compiler outside", "program", "ms",
          floor={"make": 0.7})
def build(b, side):
    b.warm("program/0")
    with open(b.trees + "/program/0/src/flags") as f:
        flags = f.read()
    with b.mount(side, layers_of(b, "program"), True) as m:
        b.sync()
        yield "make", m.ops("time", 1, "make", "-s", "-j2", "-C", "@/src", "CPPFLAGS=" + flags)["time"]


@workload("python3 importing most of a copy of its standard library", "modules", "ms", floor={"again": 1.0})
def imports(b, side):
    b.warm("modules/0")
    with b.mount(side, layers_of(b, "modules"), side.short != "ext4") as m:
        run = ("/usr/bin/python3", "-I", "-S", "-B", "-W", "ignore", "@/all.py", "@")
        yield "first", m.ops("time", 1, *run)["time"]
        yield "again", m.ops("time", b.times(5), *run)["time"]


@workload("mv of a lower directory with 5,000 files of 4 KiB", "small", "ms")
def mv(b, side):
    b.warm("small/0")
    with b.mount(side, layers_of(b, "small"), True) as m:
        b.sync()
        yield "mv", m.ops("time", 1, "mv", "@/t", "@/u")["time"]


@workload("looking names up while a file of 512 MiB is copied up", "data", "ms", peers=False, skip=("ext4",))
def latency(b, side):
    b.warm("data/0")
    with b.mount(side, layers_of(b, "data"), True) as m:
        b.sync()
        found = m.ops("latency", "@", b.list("data"), "big")
        yield "max", found["max"]
        yield "p99", found["p99"]
        yield "the copy-up itself", found["copy-up"]


@workload("memory of the server that knows 100,000 inodes", "inodes", "KiB", peers=False, skip=("ext4", "kernel"))
def rss(b, side):
    with b.mount(side, layers_of(b, "inodes"), True) as m:
        yield "just mounted", m.memory()
        m.ops("walk", "@", 1, "stat")
        yield "all known", m.memory()
        b.drop()
        time.sleep(1)       # forgetting is not waited for
        yield "forgotten", m.memory()
