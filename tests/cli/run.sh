#!/bin/bash
# run: the command, its output, its exit code; the codes of strake's own failures.
. "$(dirname "$0")/../lib/harness.sh"
import_busybox

it "the command"
prints hello strake run --rm busybox echo hello
prints "a b|c" strake run --rm busybox sh -c 'echo "$1|$2"' x "a b" c
prints 0 strake run --rm busybox id -u
prints "from stdin" strake run --rm -i busybox cat <<<"from stdin"
prints "" strake run --rm busybox cat <<<"without -i there is no stdin"
try strake run --rm busybox sh -c 'echo out; echo err >&2'
eq "stdout and stderr stay apart" "$out/$err" "out/err"
prints 1 strake run --rm busybox sh -c 'echo $$'
prints "-x --rm" strake run --rm busybox echo -x --rm

it "big output and input are whole"
head -c 20000000 /dev/urandom >"$T/big"
eq "20 MB through cat" "$(strake run --rm -i busybox cat <"$T/big" | sha256sum)" "$(sha256sum <"$T/big")"

it "exit codes"
exits 0 strake run --rm busybox true
exits 1 strake run --rm busybox false
exits 42 strake run --rm busybox sh -c 'exit 42'
exits 255 strake run --rm busybox sh -c 'exit 255'
exits 125 strake run --rm busybox sh -c 'exit 125'
# PID 1 of a pid namespace is deaf to signals from inside: it must be the child of a shell that dies
exits 143 strake run --rm busybox sh -c 'sh -c "kill -TERM \$\$"; exit $?'
fails_with 127 'no-such-program' strake run --rm busybox no-such-program
fails_with 127 '/no/such/path' strake run --rm busybox /no/such/path
fails_with 126 '/etc/passwd|[Pp]ermission' strake run --rm busybox /etc/passwd
fails_with 126 '/etc|directory|[Pp]ermission' strake run --rm busybox /etc
fails_with 125 'no-such-flag' strake run --no-such-flag busybox true
fails_with 125 'argument|IMAGE' strake run --rm
fails_with 125 'no-such-verb' strake no-such-verb
fails_with 125 'no/such' strake run --rm --pull=never no/such
fails_with 125 'pull' strake run --rm --pull=sometimes busybox true

it "a failed run leaves no container"
eq "nothing in ps -a" "$(strake ps -aq)" ""
eq "nothing in the store" "$(containers_rest)" ""

it "what runs is in the image, not on the host"
check "writes stay inside" strake run --rm busybox sh -c 'echo x >/etc/written; mkdir /new; rm /bin/ls'
prints "/bin/ls" strake run --rm busybox sh -c 'ls -d /bin/ls /new /etc/written 2>/dev/null; true'
prints no strake run --rm busybox sh -c "test -e '$T' && echo yes || echo no"

it "names and ids"
id=$(strake images -q | head -n 1)
prints byid strake run --rm "$id" echo byid
prints byid strake run --rm "${id#sha256:}" echo byid
prints full strake run --rm localhost/busybox:latest echo full
prints tag strake run --rm busybox:latest echo tag

it "--pull"
prints pulled strake run --rm "$REGISTRY/busybox" echo pulled
prints again strake run --rm --pull=missing "$REGISTRY/busybox" echo again
prints never strake run --rm --pull=never "$REGISTRY/busybox" echo never
prints always strake run --rm --pull=always "$REGISTRY/busybox" echo always
eq "what pull says is not on stdout" "$out" always
fails_with 125 'never|no such image|not found' strake run --rm --pull=never "$REGISTRY/zstd" true
fails_with 125 'connect|refused' strake run --rm --pull=always 127.0.0.1:1/busybox true

it "--entrypoint"
prints "-c x" strake run --rm --entrypoint echo busybox -c x
prints "" strake run --rm --entrypoint /bin/true busybox
prints cmd strake run --rm --entrypoint '' busybox echo cmd

it "--hostname"
prints box strake run --rm --hostname box busybox hostname
prints box strake run --rm -h box busybox cat /etc/hostname
prints_like "box" strake run --rm --hostname box busybox cat /etc/hosts
prints_like "^[0-9a-f]{12}$" strake run --rm busybox hostname
eq "the host keeps its own" "$(hostname)" "$(uname -n)"

it "--dry-run"
ok strake run --dry-run --rm -v "$T:/mnt" --hostname dry busybox touch /mnt/dry-ran
like "prints the plan" "$out" "/mnt"
like "and the command" "$out" "touch"
check "and does nothing" test ! -e "$T/dry-ran"
eq "and leaves no container" "$(strake ps -aq)" ""

it "--platform"
fails_with 125 'linux/s390x' strake run --rm --platform linux/s390x "$REGISTRY/multi:known" true

it "a read-only directory to start in, or none"
mkdir "$T/gone"
ok bash -c "cd '$T/gone' && rmdir '$T/gone' && '$STRAKE' run --rm busybox true"
ok bash -c "cd / && '$STRAKE' run --rm busybox pwd"

it "closed standard descriptors"
exits 0 bash -c "'$STRAKE' run --rm busybox true <&-"
exits 0 bash -c "'$STRAKE' run --rm busybox true >&-"
exits 0 bash -c "'$STRAKE' run --rm busybox true 2>&-"
it "no other descriptor gets in"
exec 9<"$T/big"
# ls is process 1; its fourth is the directory it reads
prints "0 1 2 3" bash -c "'$STRAKE' run --rm busybox ls /proc/1/fd | tr '\n' ' ' | sed 's/ \$//'"
exec 9<&-
