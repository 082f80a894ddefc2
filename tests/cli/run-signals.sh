#!/bin/bash
# Signals go to the container's first process; exit codes 128+n; nobody stays behind.
. "$(dirname "$0")/../lib/harness.sh"
strake pull -q "$REGISTRY/config:users" >/dev/null
image=$REGISTRY/config:users

for s in TERM INT HUP USR1 USR2 QUIT; do
	it "SIG$s"
	"$STRAKE" run --rm "$image" /trap >"$T/trap.$s" 2>&1 &
	pid=$!
	until_true 60 grep -q ready "$T/trap.$s" || true
	kill -"$s" "$pid"
	r=0
	wait "$pid" || r=$?
	eq "is forwarded, the exit code comes back" "$r $(tail -n 1 "$T/trap.$s")" "42 got $s"
done

it "the default of TERM, for a program that is no shell"
"$STRAKE" run --rm busybox true >/dev/null 2>&1 || true
nap=$((100000 + $$)) # seconds that nobody else sleeps: other scripts run as the same user
"$STRAKE" run --rm "$image" sh -c "echo ready; sleep $nap; echo no" >"$T/term" 2>&1 &
pid=$!
until_true 60 grep -q ready "$T/term" || true
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
gone() { ! pgrep -u "$(id -u)" -f "sleep $nap" >/dev/null; }
check "kill -9 of strake ends the container" until_true 60 gone

it "a program killed inside"
exits 137 strake run --rm "$image" sh -c 'sh -c "kill -9 \$\$"; exit $?'
exits 134 strake run --rm "$image" sh -c 'sh -c "kill -ABRT \$\$"; exit $?'

it "a stopped and continued strake"
mkfifo "$T/stdin"
"$STRAKE" run --rm -i "$image" sh -c 'echo ready; read -r x; echo "$x"' <"$T/stdin" >"$T/stop" 2>&1 &
pid=$!
exec 8>"$T/stdin"
until_true 60 grep -q ready "$T/stop" || true
kill -STOP "$pid"
check "stops" until_true 60 grep -q '^State:.T' "/proc/$pid/status"
kill -CONT "$pid"
echo well >&8
exec 8>&-
r=0
wait "$pid" || r=$?
eq "goes on" "$r $(tail -n 1 "$T/stop")" "0 well"

it "SIGPIPE"
r=0
"$STRAKE" run --rm "$image" yes 2>/dev/null | head -n 1 >/dev/null || r=$?
check "a closed pipe ends a writer" until_true 60 bash -c '! pgrep -u "$(id -u)" -x yes >/dev/null'

it "nothing is left"
# what a killed strake could not remove, gc does
ok strake gc
eq "containers" "$(strake ps -aq)" ""
