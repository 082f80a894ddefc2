#!/bin/bash
# The environment: what is set, -e, --env-file, -w.
. "$(dirname "$0")/../lib/harness.sh"
import_busybox

it "defaults"
ok strake run --rm busybox env
like PATH "$out" '^PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin$'
like HOME "$out" '^HOME=/root$'
like HOSTNAME "$out" '^HOSTNAME=[0-9a-f]{12}$'
unlike "nothing of the caller's" "$(SECRET_OF_MINE=1 strake run --rm busybox env)" 'SECRET_OF_MINE|STRAKE_STORE'
unlike "TERM without -t" "$out" '^TERM='

it "-e"
prints "1 two words" strake run --rm -e A=1 --env "B=two words" busybox sh -c 'echo "$A $B"'
prints "set and empty" strake run --rm -e A= busybox sh -c 'test "${A-unset}" = "" && echo "set and empty"'
prints "from me" env FROM_ME="from me" "$STRAKE" run --rm -e FROM_ME busybox sh -c 'echo "$FROM_ME"'
prints unset strake run --rm -e NOT_SET_HERE busybox sh -c 'echo "${NOT_SET_HERE-unset}"'
prints 2 strake run --rm -e A=1 -e A=2 busybox sh -c 'echo "$A"'
prints "a=b=c" strake run --rm -e A=a=b=c busybox sh -c 'echo "$A"'
prints /mine strake run --rm -e PATH=/bin -e HOME=/mine busybox sh -c 'echo "$HOME"'
fails_with 125 'env|=' strake run --rm -e =x busybox true

it "--env-file"
printf '# comment\nA=1\nB="quoted" $not \\expanded\n\nFROM_ME\nC=x # y\n  D=d\n' >"$T/env"
ok env FROM_ME=me "$STRAKE" run --rm --env-file "$T/env" -e A=2 busybox env
like "-e wins over the file" "$out" '^A=2$'
like "lines are literal" "$out" '^B="quoted" \$not \\expanded$'
like "a bare name is the caller's" "$out" '^FROM_ME=me$'
like "# within a line is text" "$out" '^C=x # y$'
fails_with 125 'no-such-file' strake run --rm --env-file "$T/no-such-file" busybox true
printf 'A\0B=1\n' >"$T/nul"
fails_with 125 . strake run --rm --env-file "$T/nul" busybox true

it "-w"
prints /tmp strake run --rm -w /tmp busybox pwd
prints /made/for/me strake run --rm -w /made/for/me busybox pwd
prints /tmp strake run --rm --workdir=/tmp/ busybox pwd
fails_with 125 'absolute|relative|working dir' strake run --rm -w relative busybox pwd
fails_with '12[56]' . strake run --rm -w /etc/passwd busybox pwd
