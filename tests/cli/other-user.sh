#!/bin/bash
# Another local user reaches no file of the store's layers, uppers or volumes, whatever the home's mode.
# needs: root
. "$(dirname "$0")/../lib/harness.sh"
other=nobody

# a home that is open, all the way down
chmod 755 "$T" "$HOME"
export STRAKE_STORE=
unset STRAKE_STORE
umask 022
strake pull -q "$REGISTRY/zoo" >/dev/null
strake run --name upper "$REGISTRY/zoo" sh -c 'cp /bin/busybox /suid && chmod 4755 /suid' ||
	fail "a container that makes a setuid file"
store=$HOME/.local/share/strake
check "the store is where I look" test -e "$store/index.json"
check "there is a setuid file in a layer" test -n "$(find "$store/cache" -name setuid -perm -4000)"
check "there is a setuid file in an upper" test -n "$(find "$store/containers" -name suid -perm -4000)"

it "as $other"
check "$other gets as far as the home" runuser -u "$other" -- test -x "$HOME"
# every path below the doors, tried by its full name: listing need not be possible
reached=0 tried=0
while IFS= read -r -d '' p; do
	tried=$((tried + 1))
	printf '%s\0' "$p"
done < <(find "$store/cache" "$store/containers" "$store/uploads" "$store/volumes" -mindepth 1 -print0 2>/dev/null) >"$T/paths"
chmod 644 "$T/paths"
reached=$(runuser -u "$other" -- xargs -0 -a "$T/paths" stat -c %n 2>/dev/null | wc -l || true)
eq "reaches nothing below cache, containers, volumes, uploads" "$reached" 0
check "(of many paths)" test "$(tr -dc '\0' <"$T/paths" | wc -c)" -gt 100
for d in cache containers uploads volumes; do
	[ ! -e "$store/$d" ] || exits 2 runuser -u "$other" -- ls "$store/$d"
done
it "a running container's files"
nap=$((100000 + $$)) # seconds that nobody else sleeps: other scripts run as the same user
as_test_user "$STRAKE" run --name running "$REGISTRY/zoo" sh -c "chmod 777 /; touch /mine; exec sleep $nap" >"$T/running" 2>&1 &
pid=$!
p=
there() { p=$(pgrep -u "$TEST_USER" -x -f "sleep $nap"); }
check "a container that runs" until_true 60 there
exits 2 runuser -u "$other" -- ls "/proc/$p/root/"
exits 2 runuser -u "$other" -- ls "/proc/$p/fd/"
check "(of a process that is still there)" test -d "/proc/$p/root"
ok strake rm -f running
wait "$pid" || true

it "a store somebody else made for me"
mkdir -p "$T/theirs"
chown "$other" "$T/theirs"
chmod 777 "$T/theirs"
export STRAKE_STORE=$T/theirs
try strake images -q
check "is refused, or closed to him" test "$rc" = 125 -o "$(stat -c %a "$T/theirs/cache" 2>/dev/null)" = 700
unset STRAKE_STORE
strake reset -f
