#!/bin/bash
# ps and rm: containers that ended stay until they are removed, by name or id.
. "$(dirname "$0")/../lib/harness.sh"
import_busybox

it "a container with a name"
exits 3 strake run --name first busybox sh -c 'echo x >/file; exit 3'
ok strake ps -a
like "is listed with its exit code" "$out" 'busybox.*Exited \(3\).*first$'
like "a heading as docker's" "$out" '^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS'
fails_with 125 'first' strake run --name first busybox true
prints_like '^[0-9a-f]{12}$' strake ps -aq
eq "json" "$(strake ps -a --format json | jq length)" 1
eq "ps without -a lists what runs" "$(strake ps -q)" ""
ok strake rm first
eq "is gone" "$(strake ps -aq)" ""
fails_with 125 'first' strake rm first
ok strake run --name first --rm busybox true
eq "--rm leaves none" "$(strake ps -aq)" ""

it "without --rm and name"
ok strake run busybox true
id=$(strake ps -aq)
like "gets an id" "$id" '^[0-9a-f]{12}$'
ok strake rm "${id:0:6}"
it "names"
fails_with 125 'name' strake run --name 'bad/name' busybox true
fails_with 125 'name' strake run --name '../x' busybox true
fails_with 125 'name' strake run --name '' busybox true

it "while it runs"
nap=$((100000 + $$)) # seconds that nobody else sleeps: other scripts run as the same user
"$STRAKE" run --name running busybox sh -c "echo ready; exec sleep $nap" >"$T/running" 2>&1 &
pid=$!
until_true 60 grep -q ready "$T/running" || true
prints_like '^[0-9a-f]{12}$' strake ps -q
prints_like 'Up ' strake ps
fails_with 125 'running' strake rm running
ok strake rm -f running
wait "$pid" 2>/dev/null || true
eq "is gone" "$(strake ps -aq)" ""
eq "and has ended" "$(pgrep -u "$(id -u)" -x -f "sleep $nap" || true)" ""

it "killed"
"$STRAKE" run --name killed busybox sh -c 'echo ready; exec sleep 1000' >"$T/killed" 2>&1 &
pid=$!
until_true 60 grep -q ready "$T/killed" || true
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
until_true 60 bash -c "! '$STRAKE' ps -q | grep -q ." || true
eq "no longer runs" "$(strake ps -q)" ""
ok strake rm killed
eq "and nothing is left" "$(containers_rest)" ""

it "files of other ids"
if [ "$IDENTITY" = range ]; then
	ok strake run --name owned busybox sh -c 'mkdir /d && touch /d/f && chown -R 1000:1000 /d && chmod 700 /d'
	ok strake rm owned
	eq "are removed with the container" "$(containers_rest)" ""
	ok strake run --rm busybox sh -c 'mkdir /d && touch /d/f && chown -R 1000:1000 /d && chmod 0 /d'
	eq "and by --rm" "$(containers_rest)" ""
fi
ok strake run --rm busybox sh -c 'mkdir -p /d/e && chmod 0 /d/e /d'
eq "directories without permissions too" "$(containers_rest)" ""
