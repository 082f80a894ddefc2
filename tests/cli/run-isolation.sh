#!/bin/bash
# Namespaces, capabilities and no_new_privs are docker's.
. "$(dirname "$0")/../lib/harness.sh"
import_busybox

it "namespaces"
inside=$(strake run --rm busybox sh -c 'for n in user mnt pid ipc uts cgroup net; do echo $n $(readlink /proc/self/ns/$n); done')
for n in user mnt pid ipc uts cgroup; do
	ne "$n is its own" "$(awk -v n="$n" '$1 == n { print $2 }' <<<"$inside")" "$(readlink "/proc/self/ns/$n")"
	like "$n could be read" "$inside" "^$n $n:\\[[0-9]+\\]$"
done
eq "net is the host's" "$(awk '$1 == "net" { print $2 }' <<<"$inside")" "$(readlink /proc/self/ns/net)"

it "capabilities"
caps=$(strake run --rm busybox grep ^Cap /proc/self/status)
like "docker's default set is effective" "$caps" '^CapEff:\s*00000000a80425fb'
like "and bounding" "$caps" '^CapBnd:\s*00000000a80425fb'
like "none inheritable" "$caps" '^CapInh:\s*0000000000000000'
like "none ambient" "$caps" '^CapAmb:\s*0000000000000000'
exits 1 strake run --rm busybox mount -t tmpfs none /tmp
exits 1 strake run --rm busybox sh -c 'hostname changed' 2>/dev/null
exits 1 strake run --rm busybox chroot / unshare -m true
if [ "$IDENTITY" = range ]; then
	ok strake pull -q "$REGISTRY/config:users"
	caps=$(strake run --rm -u app "$REGISTRY/config:users" grep ^Cap /proc/self/status)
	like "an ordinary user has none" "$caps" '^CapEff:\s*0000000000000000'
	like "but may get them by setuid" "$caps" '^CapBnd:\s*00000000a80425fb'
fi

it "no_new_privs"
prints_like 'NoNewPrivs:\s*0' strake run --rm busybox grep NoNewPrivs /proc/self/status
prints_like 'NoNewPrivs:\s*1' strake run --rm --security-opt no-new-privileges busybox grep NoNewPrivs /proc/self/status
prints_like 'NoNewPrivs:\s*1' strake run --rm --security-opt no-new-privileges=true busybox grep NoNewPrivs /proc/self/status
fails_with 125 'nonsense' strake run --rm --security-opt nonsense busybox true

it "the old root is gone"
prints "" strake run --rm busybox sh -c "find / -xdev -maxdepth 2 -name '*oldroot*' -o -maxdepth 2 -name '*put_old*'"
le "mounts" "$(strake run --rm busybox sh -c 'grep -c . /proc/self/mountinfo')" 60
eq "no path of the store shows but in the root's own line" \
	"$(strake run --rm busybox sh -c 'grep -v " / / " /proc/self/mountinfo' | grep -F "$STRAKE_STORE/containers" | grep -vE ' /etc/(hosts|hostname|resolv.conf) ' || true)" ""

it "the program itself"
prints "" strake run --rm busybox sh -c 'ls -l /proc/1/exe | grep strake || true'
prints_like '^Seccomp:' strake run --rm busybox grep ^Seccomp: /proc/self/status

it "what the host runs is not disturbed by what dies inside"
ok strake run --rm busybox sh -c 'kill -9 -1; true'
it "children are reaped when PID 1 ends"
nap=$((100000 + $$)) # seconds that nobody else sleeps: other scripts run as the same user
ok strake run --rm busybox sh -c "sleep $nap & sleep $nap & true"
eq "and nobody waits for them: none is left" "$(pgrep -u "$(id -u)" -x -f "sleep $nap" || true)" ""
