"""The sides tests/bench/overlay compares, and how each gets a mount.

Every mount is a process of the test user, root of a user namespace with that user's range of ids, in a mount
and a pid namespace of its own: whatever happens to it, killing that one process takes the mount and the
server along. Commands are sent into those namespaces by nsenter.
"""
import glob, os, pwd, shlex, shutil, subprocess, sys

sys.dont_write_bytecode = True
CLEAN = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8", "HOME": "/nonexistent",
         "DEBIAN_FRONTEND": "noninteractive", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_COUNT": "1",
         "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}

# $1 the mount point, the rest the command that mounts; "serve" before it when it stays to serve. Says when the
# mount is there, waits for its input to end, and unmounts.
HOLDER = r"""
set -e
at=$1; shift
if [ "$1" = serve ]; then
	shift
	before=$(stat -c %d "$at")
	"$@" >&2 &
	for ((i = 0; i < 1000; i++)); do
		[ "$(stat -c %d "$at")" = "$before" ] || break
		kill -0 $! 2>/dev/null || { wait $! || exit 1; echo "it has gone to the background" >&2; exit 1; }
		sleep 0.01
	done
	[ "$i" -lt 1000 ] || { echo "no mount after 10 s" >&2; exit 1; }
else
	"$@" >&2
fi
read -r pid _ </proc/self/stat
echo "$pid"
read -r _ || true
umount -R "$at" || umount -lR "$at"
wait
"""


class Failed(Exception):
    pass


class Side:
    """One file system under test. short is its column's head."""

    def __init__(self, short, program=None):
        self.short, self.program = short, program

    def command(self, at, layers, upper, work):
        if self.short == "ext4":
            return ["mount", "--bind", layers[0] if upper is None else upper, at]
        o = "lowerdir=" + ":".join(layers)
        if upper is not None:
            o += ",upperdir=%s,workdir=%s" % (upper, work)
        if self.short == "kernel":
            return ["mount", "-t", "overlay", "overlay", "-o", o + ",userxattr", at]
        return ["serve", self.program, "-f", "-o", o + ",allow_other", at]


class Space:
    """A user namespace of @user with something mounted on @at in it, or nothing when @command is none."""

    def __init__(self, user, at, command, log):
        self.at, self.log = at, log
        who = pwd.getpwnam(user)
        with open(log, "w") as errors:
            self.process = subprocess.Popen(
                ["unshare", "--user", "--map-root-user", "--map-auto", "--mount", "--pid", "--fork",
                 "--kill-child", "bash", "-c", HOLDER, "holder", at, *(command or ["true"])],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=CLEAN, cwd="/",
                user=who.pw_uid, group=who.pw_gid, extra_groups=[])
        pid = self.process.stdout.readline().strip().decode()
        if not pid:
            self.close()
            raise Failed("%s: %s" % (" ".join(command), self.said()))
        self.pid = int(pid)

    def said(self):
        with open(self.log, errors="replace") as f:
            return f.read().strip()[-600:]

    def run(self, *cmd, env=None):
        """The output of @cmd, run as root of the namespace."""
        done = subprocess.run(["nsenter", "-t", str(self.pid), "-U", "-m", "-p", *cmd], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**CLEAN, **(env or {})}, cwd="/",
                              timeout=900)
        if done.returncode:
            raise Failed("%s: %s %s" % (shlex.join(cmd)[:200], done.stderr.decode(errors="replace").strip()[-500:],
                                        self.said()))
        return done.stdout.decode()

    def servers(self):
        """The pids of the server: the children of the one that holds the mount."""
        with open("/proc/%d/task/%d/children" % (self.pid, self.pid)) as f:
            return [int(p) for p in f.read().split()]

    def close(self):
        p = self.process
        p.stdin.close()
        try:
            p.wait(60)
        except subprocess.TimeoutExpired:
            print("%s does not end; killing it" % self.log, file=sys.stderr)
            os.kill(self.pid, 9)
            p.wait()
        p.stdout.close()


class Mount(Space):
    """@layers (topmost first) as @side shows them. writable: over an empty upper layer, or for ext4 a copy."""

    def __init__(self, bench, side, layers, writable):
        self.bench, self.side = bench, side
        self.root = bench.fresh()
        at, upper, work = (self.root + "/" + n for n in ("at", "upper", "work"))
        for d in (at, upper, work):
            bench.mkdir(d)
        layers = [os.path.realpath(layer) for layer in layers]
        if side.short == "ext4" and (writable or len(layers) > 1):
            for layer in reversed(layers):
                if os.listdir(layer):
                    subprocess.run(["cp", "-a", layer + "/.", upper], check=True)
            bench.sync()
            writable = True
        try:
            super().__init__(bench.user, at, side.command(at, layers, upper if writable else None, work),
                             bench.tmp + "/log")
        except Failed:
            shutil.rmtree(self.root, ignore_errors=True)
            raise

    def ops(self, *args):
        """{name: value} that overlay-ops printed; "@" at the head of an argument becomes the mount point."""
        args = [self.at + a[1:] if a[:1] == "@" else a for a in map(str, args)]
        return {name: float(value) for name, value in
                (line.split() for line in self.run(self.bench.helper, *args).splitlines())}

    def memory(self):
        """KiB resident in the server's processes."""
        total = 0
        for pid in self.servers():
            with open("/proc/%d/status" % pid) as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))
        return total

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
        shutil.rmtree(self.root)
