#!/usr/bin/python3
"""The measuring half of tests/bench/overlay: sides take turns, a table for each workload, targets at the end.

Run as root by tests/bench/overlay, in a directory on a file system of its own. Figures are medians over the
repetitions; each repetition of each side has a mount, a server and an upper layer of its own.
"""
import argparse, json, math, os, pwd, shutil, signal, statistics, subprocess, sys, time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from overlay_sides import Failed, Mount, Side, Space
from overlay_work import WORKLOADS

LATENCY, PER_INODE, BASE = 2e6, 150, 8 << 10       # ns, bytes, KiB
MEAN, LEAST = 3.0, 1.0                             # the speed relative to fuse-overlayfs
EVEN = 0.97


class Bench:
    def __init__(self, args):
        self.user, self.helper, self.debian = args.user, args.helper, args.debian
        self.tmp, self.disk = args.tmp, args.disk
        self.scale = 5 if args.quick else 1
        self.trees = self.tmp + "/trees"
        self.who = pwd.getpwnam(self.user)
        self.count = 0
        self.mkdir(self.trees)

    def mkdir(self, path):
        os.mkdir(path)
        os.chown(path, self.who.pw_uid, self.who.pw_gid)

    def fresh(self):
        self.count += 1
        path = "%s/m%d" % (self.tmp, self.count)
        self.mkdir(path)
        return path

    def make(self, names):
        """Trees are made from within a namespace: their owners are the test user's ids."""
        with open(self.tmp + "/log", "w"):
            pass
        space = Space(self.user, self.trees, ["mount", "--bind", self.trees, self.trees], self.tmp + "/log")
        try:
            here = os.path.dirname(os.path.abspath(__file__))
            space.run("python3", here + "/overlay_trees.py", self.trees, str(self.scale), self.debian, *names)
        finally:
            space.close()

    def times(self, n):
        return max(1, n // self.scale)

    def list(self, tree):
        return "%s/%s.list" % (self.trees, tree)

    def sync(self):
        subprocess.run(["sync", "-f", self.tmp], check=True)

    def drop(self):
        self.sync()
        fd = os.open(self.disk, os.O_RDONLY)    # what is dirty in the loop device's file is not dropped
        os.fsync(fd)
        os.close(fd)
        with open("/proc/sys/vm/drop_caches", "w") as f:
            f.write("3")

    def warm(self, layer):
        """Have @layer in the kernel's caches, whichever side is next."""
        subprocess.run([self.helper, "walk", self.trees + "/" + layer, "1", "stat"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([self.helper, "walk", self.trees + "/" + layer, "1", "read"], check=True, stdout=subprocess.DEVNULL)

    def mount(self, side, layers, writable):
        return Mount(self, side, layers, writable)


class Results:
    """cells[cell][side] = [values]; why[side] = what failed"""

    def __init__(self, name, work):
        self.name, self.work, self.cells, self.why = name, work, {}, {}

    def measure(self, bench, sides, reps):
        for rep in range(reps):
            turn = rep % len(sides)
            for side in sides[turn:] + sides[:turn]:
                if side.short in self.work.skip or side.short in self.why:
                    continue
                try:
                    for cell, value in self.work.run(bench, side):
                        self.cells.setdefault(cell, {}).setdefault(side.short, []).append(value)
                except (Failed, OSError, subprocess.SubprocessError, KeyError, ValueError) as e:
                    self.why[side.short] = "%s: %s" % (type(e).__name__, e)

    def median(self, cell, side):
        values = self.cells.get(cell, {}).get(side) if side not in self.why else None
        return statistics.median(values) if values else None

    def speed(self, cell, peer):
        mine, its = self.median(cell, "ours"), self.median(cell, peer)
        return its / mine if mine and its else None

    def reaches(self, cell, peer, floor):
        """Not below @floor: EVEN below counts when our fastest is as fast as its median, which is noise."""
        speed = self.speed(cell, peer)
        if speed is None or speed >= floor:
            return speed is not None
        return speed >= EVEN * floor and min(self.cells[cell]["ours"]) * floor <= self.median(cell, peer)

    def print(self, sides, reps):
        print("\n%s: %s (%s, median of %d)" % (self.name, self.work.title, self.work.unit, reps))
        print("  %-24s" % "" + "".join(" %14s" % s.short for s in sides) + "   speed of ours by fuse-ovl, kernel")
        for cell in self.cells:
            line = "  %-24s" % cell
            for side in sides:
                m = self.median(cell, side.short)
                line += " %14s" % ("-" if m is None else "%.*f" % (1 if m / self.work.scale < 1e4 else 0, m / self.work.scale))
            by_fuse, by_kernel = self.speed(cell, "fuse-ovl"), self.speed(cell, "kernel")
            line += "   %6s %6s" % tuple("-" if r is None else "%.2f" % r for r in (by_fuse, by_kernel))
            if self.work.peers and by_fuse is not None and not self.reaches(cell, "fuse-ovl", LEAST):
                line += "  fuse-ovl at least %.1f: MISS" % LEAST
            if cell in self.work.floor and {"kernel", "ours"} <= {s.short for s in sides}:
                floor = self.work.floor[cell]
                line += "  kernel at least %.1f: %s" % (floor, verdict(self.reaches(cell, "kernel", floor)))
            print(line)
        for side, why in self.why.items():
            print("  %s not measured: %s" % (side, why))
        sys.stdout.flush()


def verdict(good):
    return "ok" if good else "MISS"


class Targets:
    """What issue and HACKING.md promise, told of all that was measured."""

    def __init__(self, results, sides, quick):
        self.results, self.sides, self.quick, self.missed = results, sides, quick, 0

    def line(self, what, good, found):
        self.missed += not good
        print("  %-66s %-24s %s" % (what, found, verdict(good)))

    def floors(self, what, floor, names):
        found = [(r, c) for r in self.results if r.name in names for c, least in r.work.floor.items()
                 if least == floor]
        if found and "kernel" in self.sides:
            self.least("%s: at least %.1fx the kernel's overlay" % (what, floor), "kernel", floor, found)

    def least(self, what, peer, floor, found):
        low = [(r.speed(c, peer) or 0, r.name, c) for r, c in found if c not in r.cells or not r.reaches(c, peer, floor)]
        self.line(what, not low, "%d of %d" % (len(found) - len(low), len(found)))
        for speed, name, cell in sorted(low):
            print("      %s, %s: %s" % (name, cell, "%.2f" % speed if speed else "not measured"))

    def print(self):
        print("\nTargets" + (" (--quick: smaller trees, for a look only)" if self.quick else ""))
        found = [(r, c) for r in self.results if r.work.peers for c in r.cells or ("all",)
                 if "fuse-ovl" not in r.why or "ours" in r.why]
        known = [s for s in (r.speed(c, "fuse-ovl") for r, c in found) if s]
        if known:
            mean = math.exp(sum(map(math.log, known)) / len(known))
            self.line("geometric mean over %d figures: at least %.0fx fuse-overlayfs" % (len(known), MEAN), mean >= MEAN,
                      "%.2f" % mean)
        if found and "fuse-ovl" in self.sides:
            self.least("no figure below %.1fx fuse-overlayfs" % LEAST, "fuse-ovl", LEAST, found)
        self.floors("warm reads", 1.0, ("stat", "bigdir", "readdir", "openread", "git", "imports"))
        self.floors("cold walk and cold read of a Debian tree", 0.7, ("debian",))
        self.floors("C build, dpkg, tar extraction", 0.7, ("build", "dpkg", "tar"))
        for r in self.results:
            if r.name == "latency":
                m = r.median("max", "ours")
                self.line("slowest lookup during a copy-up of 512 MiB: at most %.0f ms" % (LATENCY / 1e6),
                          m is not None and m <= LATENCY, "-" if m is None else "%.2f ms" % (m / 1e6))
            if r.name == "rss":
                m = r.median("all known", "ours")
                inodes = 100 * 1000 // (5 if self.quick else 1) + 102
                each = None if m is None else (m - BASE) * 1024 / inodes
                self.line("memory per inode known, above 8 MiB: at most %d bytes" % PER_INODE,
                          each is not None and each <= PER_INODE, "-" if each is None else "%.0f bytes" % each)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))     # through all the "with"s
    p = argparse.ArgumentParser()
    for o in ("user", "helper", "debian", "tmp", "disk", "sides", "ours", "raw"):
        p.add_argument("--" + o, required=True)
    p.add_argument("--reps", type=int, required=True)
    p.add_argument("--quick", action="store_true")
    p.add_argument("workloads", nargs="*")
    a = p.parse_args()
    programs = {"ext4": None, "kernel": None, "fuse-ovl": shutil.which("fuse-overlayfs"), "ours": a.ours}
    sides = [Side(s, programs[s]) for s in programs if s in a.sides.split(",")]
    bench = Bench(a)
    names = [n for n in WORKLOADS if not a.workloads or n in a.workloads]
    bench.make(list(dict.fromkeys(t for n in names for t in WORKLOADS[n].trees)))
    print("load %.2f %.2f %.2f, %d CPUs, Linux %s" % (*os.getloadavg(), os.cpu_count(), os.uname().release))
    results = []
    for name in names:
        begin = time.monotonic()
        r = Results(name, WORKLOADS[name])
        r.measure(bench, sides, a.reps)
        r.print(sides, a.reps)
        results.append(r)
        print("  (%.0f s, load %.2f)" % (time.monotonic() - begin, os.getloadavg()[0]))
        if a.raw:
            with open(a.raw, "w") as f:
                json.dump({r.name: r.cells for r in results}, f, indent=1)
    targets = Targets(results, [s.short for s in sides], a.quick)
    if "ours" in targets.sides:
        targets.print()
    sys.exit(1 if targets.missed or any(r.why for r in results) else 0)


main()
