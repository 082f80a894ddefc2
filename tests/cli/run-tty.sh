#!/bin/bash
# -t: a real terminal inside, its size follows, Ctrl-C goes in, the caller's terminal comes back as it was.
. "$(dirname "$0")/../lib/harness.sh"
import_busybox

it "a terminal"
prints_like '^/dev/(pts/[0-9]+|console)' pty "$STRAKE" run --rm -it busybox tty
exits 1 strake run --rm busybox tty
prints_like '^30 100' pty --size 30x100 "$STRAKE" run --rm -it busybox stty size
prints_like 'TERM=' env TERM=xterm "$LIB/pty" "$STRAKE" run --rm -it busybox env
prints_like '^Ok' pty "$STRAKE" run --rm -it busybox sh -c 'test -t 0 && test -t 1 && test -t 2 && echo Ok'
prints_like 'tty' pty "$STRAKE" run --rm -it busybox sh -c 'echo tty >/dev/tty'

it "its size follows"
ok pty --size 30x100 --on '30 100' 'resize:41x111' --on '41 111' 'send:q\n' "$STRAKE" run --rm -it busybox sh -c \
	'trap "stty size" WINCH; stty size; while ! read -t 1 x; do :; done'

it "typing"
exits 7 pty --on '[#$] ' 'send:echo 1$((1+1))3\n' --on '123' 'send:exit 7\n' "$STRAKE" run --rm -it busybox sh
exits 0 pty --on '[#$] ' 'send:\x04' "$STRAKE" run --rm -it busybox sh

it "Ctrl-C and Ctrl-Z"
exits 42 pty --on ready 'send:\x03' "$STRAKE" run --rm -it busybox sh -c 'trap "exit 42" INT; echo ready; while :; do sleep 0.1; done'
# the echo of what is typed shows no sum: when it shows the shell has left the line to the terminal
prints_like interrupted pty --on '[#$] ' 'send:sh -c "echo up $((1+1)); exec sleep 100"\n' --on 'up 2' 'send:\x03' \
	--on '[#$] ' 'send:echo inter''rupted; exit\n' "$STRAKE" run --rm -it busybox sh
exits 42 pty --on ready 'send:\x03' "$STRAKE" run --rm busybox sh -c 'trap "exit 42" INT; echo ready; while :; do sleep 0.1; done'

it "raw bytes pass"
prints_like '^200$' pty --on ready 'send:\x80' "$STRAKE" run --rm -it busybox sh -c \
	'stty raw -echo; echo ready; dd bs=1 count=1 2>/dev/null | od -An -to1 | tr -d " "; stty sane'

it "the caller's terminal comes back"
prints_like '^same' pty bash -c "a=\$(stty -g); '$STRAKE' run --rm -it busybox stty raw -echo; b=\$(stty -g); [ \"\$a\" = \"\$b\" ] && echo same"
prints_like '^same' pty bash -c "a=\$(stty -g); '$STRAKE' run --rm -it busybox sh -c 'stty raw; kill -9 \$\$; exit 1'; '$STRAKE' run --rm -it busybox no-such; b=\$(stty -g); [ \"\$a\" = \"\$b\" ] && echo same"

it "-t without a terminal"
prints_like 'pts|console' strake run --rm -t busybox tty
ok script -qec "'$STRAKE' run --rm -it busybox tty" /dev/null
prints_like 'pts|console' strake run --rm -it busybox tty </dev/null

it "much output arrives whole and in order"
eq "100000 lines" "$(pty "$STRAKE" run --rm -t busybox seq 100000 | tr -d '\r' | sha256sum)" "$(seq 100000 | sha256sum)"

it "hang-up"
"$LIB/pty" "$STRAKE" run --rm -it busybox sh >"$T/hangup" 2>&1 &
pid=$!
check "a shell on a terminal" until_true 60 grep -q '[#$] ' "$T/hangup"
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
gone() { [ -z "$(strake ps -q)" ]; }
check "ends when the terminal vanishes" until_true 60 gone

it "strake killed"
nap=$((100000 + $$)) # seconds that nobody else sleeps: other scripts run as the same user
exits 137 pty --on ready kill:KILL "$STRAKE" run --rm -it busybox sh -c "echo ready; exec sleep $nap"
ended() { ! pgrep -u "$(id -u)" -f "sleep $nap" >/dev/null; }
check "takes the container along" until_true 60 ended
