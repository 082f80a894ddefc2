#!/bin/bash
# The main show: pull Debian from a registry, run it; with a range apt works inside.
# timeout: 400
. "$(dirname "$0")/../lib/harness.sh"
[ ! -e "$FIXTURES/why-no-debian" ] || skip "$(cat "$FIXTURES/why-no-debian")"
image=$REGISTRY/debian:bookworm

it "pull and run"
ok strake pull "$image"
ok strake run --rm "$image" sh -c 'id -u; cat /etc/os-release'
eq "root inside" "$(head -n 1 <<<"$out")" 0
like "Debian" "$out" '^ID=debian$'
ok strake run --rm "$image" bash -c 'ls -lR / >/dev/null 2>&1; perl -e "print 6*7" && dpkg -l | grep -c ^ii'
ok strake run --rm --overlay=copy "$image" dpkg --audit
eq "dpkg has nothing to say" "$out" ""

it "a non-interactive shell session"
prints 5050 strake run --rm -i "$image" bash <<<'n=0; for i in $(seq 100); do n=$((n + i)); done; echo $n'

it "apt"
[ "$IDENTITY" = range ] || skip "apt needs more than one id until root emulation lands: this user has no range"
# the container asks the mirror the host asks
mapfile -t lines < <(apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT) $(ORIGIN)' 2>/dev/null |
	awk '$4 == "Debian" && $3 == "main" && $2 ~ /^bookworm/ { print "deb", $1, $2, $3 }' | sort -u)
[ ${#lines[@]} -gt 0 ] || lines=("deb http://deb.debian.org/debian bookworm main")
printf '%s\n' "${lines[@]}" >"$T/sources.list"
site=$(awk 'NR == 1 { print $2 }' "$T/sources.list")
curl -sf -m 20 -o /dev/null "$site/dists/bookworm/InRelease" || skip "the mirror $site cannot be reached"
apt-config dump 2>/dev/null | grep -iE '^Acquire::(http|https|Retries|Check-Valid-Until)' >"$T/99host" || true
for overlay in kernel copy; do
	it "apt, --overlay=$overlay"
	ok strake run --rm --overlay=$overlay -v "$T/sources.list:/etc/apt/sources.list:ro" -v "$T/99host:/etc/apt/apt.conf.d/99host:ro" \
		"$image" sh -c 'apt-get update && apt-get install -y file && file /bin/dash'
	like "installs a package that runs" "$out" 'ELF|symbolic link'
	unlike "without a complaint" "$err" '^E:|cannot|failed|not permitted'
done
it "owners as Debian wants them"
prints "root:shadow 640" strake run --rm --overlay=copy "$image" stat -c '%U:%G %a' /etc/shadow
