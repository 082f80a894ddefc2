#!/bin/bash
# mount and umount: an image on a directory of its user's. What is seen there, what may be written and where it
# goes; gc, rmi and reset keep away from what is mounted; every way in which it ends leaves nothing behind.
# timeout: 200
. "$(dirname "$0")/../lib/harness.sh"
if ldd "$STRAKE" | grep -q libasan; then skip "the sanitizers' runtime cannot live under the server's seccomp filter"; fi

it "help"
prints_like 'mount' strake --help
prints_like 'IMAGE DIR' strake mount --help
prints_like 'DIR\.\.\.' strake umount --help

# What needs no mount to be made
import_busybox
mkdir "$T/m"
touch "$T/file"
it "what cannot be mounted"
fails_with 125 "no such image 'nosuch'.*strake pull" strake mount nosuch "$T/m"
fails_with 125 'directory' strake mount busybox
fails_with 125 'too many' strake mount busybox "$T/m" more
fails_with 125 'No such file' strake mount busybox "$T/nowhere"
fails_with 125 'not a directory' strake mount busybox "$T/file"
it "what is not mounted"
fails_with 125 'not where strake mounted' strake umount "$T/m"
fails_with 125 'not where strake mounted' strake umount /proc
fails_with 125 'No such file' strake umount "$T/nowhere"
fails_with 125 'argument' strake umount
it "without fusermount3"
mkdir "$T/bin"
fails_with 125 'fusermount3 is not in PATH.*fuse3' env PATH="$T/bin" "$STRAKE" mount busybox "$T/m"
ok env PATH="$T/bin" "$STRAKE" doctor
like "doctor says how to mend it" "$out" 'apt-get install fuse3'
eq "nothing is left" "$(containers_rest)" ""

command -v fusermount3 >/dev/null || skip "fusermount3 is not here"
if ! { : <>/dev/fuse; } 2>/dev/null; then skip "/dev/fuse cannot be opened here"; fi
ok strake doctor
like "doctor: /dev/fuse" "$out" '^ok +/dev/fuse'
like "doctor: fusermount3" "$out" '^ok +fusermount3'
eq "and has cleaned up" "$(grep -c "$STRAKE_STORE" /proc/self/mounts || true)" 0

dirs=()
clean() {
	local d
	cd /
	for d in "${dirs[@]}"; do
		fusermount3 -uz "$d" 2>/dev/null
	done
}
finally clean
# mounted DIR; server DIR: its process
mounted() { grep -qF " $1 " /proc/self/mounts; }
not_mounted() { ! mounted "$1"; }
server() { strake mount --format json | jq -r ".[] | select(.Directory == \"$1\") | .Pid"; }
ended() { [ ! -e "/proc/$1" ] || grep -q '^State:[[:space:]]*[ZX]' "/proc/$1/status" 2>/dev/null || [ ! -e "/proc/$1" ]; }
# gone WHAT: nothing is left of any mount
gone() {
	eq "$1: no record" "$(strake mount --format json)" "[]"
	eq "$1: nothing in the store" "$(containers_rest)" ""
}
dirs+=("$T/m" "$T/m2" "$T/odd dir,x:y")
mkdir "$T/m2" "$T/odd dir,x:y"

it "read-only"
prints "$T/m" strake mount busybox "$T/m"
check "is mounted" mounted "$T/m"
eq "shows the image" "$("$T/m/bin/busybox" echo runs) $(ls "$T/m/bin/sh")" "runs $T/m/bin/sh"
eq "every file is mine" "$(find "$T/m" ! -user "$(id -u)" -print -quit)" ""
fails_with 1 'Read-only' touch "$T/m/x"
prints_like "^busybox +ro +.* +mounted +$T/m\$" strake mount
eq "json" "$(strake mount --format json | jq -r '.[0] | "\(.Image) \(.ReadOnly) \(.Status)"')" "busybox true mounted"
fails_with 125 "mounted on .*already.*umount" strake mount busybox "$T/m"
eq "is no container" "$(strake ps -aq)" ""
pid=$(server "$T/m")
eq "its server has a session of its own" "$(ps -o sid= -p "$pid" | tr -d ' ')" "$pid"

it "the image under a mount"
fails_with 125 "is mounted on '$T/m'.*umount" strake rmi busybox
fails_with 125 "is mounted on '$T/m'.*umount" strake reset -f
fails_with 125 "no such container" strake rm "$(find "$STRAKE_STORE/containers" -mindepth 1 -maxdepth 1 -type d -name '[0-9a-f]*' -printf %f)"
ok strake gc
eq "gc leaves it" "$("$T/m/bin/busybox" echo still)" still
ok strake rmi -f busybox
ok strake gc
eq "no image is left" "$(strake images -q)" ""
find "$T/m" -type f -exec cat {} + >"$T/all"
check "its layers are" test -s "$T/all"

it "umount"
exits 125 bash -c "cd '$T/m' && exec '$STRAKE' umount '$T/m'"
like "busy" "$err" "^strake: .*[Bb]usy.*try again"
check "it stays mounted" mounted "$T/m"
prints "$T/m/" strake umount "$T/m/"
check "is unmounted" not_mounted "$T/m"
check "the server ended" ended "$pid"
gone "umount"
ok strake gc
eq "then the layers go" "$(store_rest)" ""
fails_with 125 'not where strake mounted' strake umount "$T/m"

it "writable"
import_busybox
ok strake mount --rw busybox "$T/m"
ok sh -c "cd '$T/m' && echo x >new && rm bin/ls && mkdir d && mv etc d/moved && cat new"
check "is seen" test -f "$T/m/d/moved/passwd" -a ! -e "$T/m/bin/ls"
prints_like "^busybox +rw " strake mount
ok strake umount "$T/m"
gone "what was written goes"
ok strake mount busybox "$T/m"
check "the image is as it was" test -e "$T/m/bin/ls" -a ! -e "$T/m/new"
ok strake umount "$T/m"

it "--upper"
ok strake mount --upper "$T/up" busybox "$T/m"
ok sh -c "echo kept >'$T/m/kept' && rm '$T/m/bin/ls'"
fails_with 125 "'$T/up' takes what is written" strake mount --upper "$T/x/../up" busybox "$T/m2"
mkdir -p "$T/x"
fails_with 125 "'$T/up' takes what is written" strake mount --upper "$T/x/../up" busybox "$T/m2"
ok strake umount "$T/m"
eq "what was written stays" "$(cat "$T/up/upper/kept")" kept
gone "but no record"
ok strake mount --upper "$T/up" busybox "$T/m2"
check "and is seen again" test -e "$T/m2/kept" -a ! -e "$T/m2/bin/ls"

it "several, and odd names"
cd "$T"
ok strake mount busybox "odd dir,x:y"
ok strake mount busybox m
eq "all are listed" "$(strake mount --format json | jq length)" 3
ln -s m link
cd "$T/x"
prints "$(printf '../link\n../odd dir,x:y\n../m2')" strake umount ../link "../odd dir,x:y" ../m2
cd "$T"
gone "all at once"

it "a mount that was taken away without strake"
ok strake mount --rw busybox "$T/m"
pid=$(server "$T/m")
fusermount3 -u "$T/m"
check "ends its server" until_true 20 ended "$pid"
ok strake gc
gone "gc"
ok strake mount --rw busybox "$T/m"
pid=$(server "$T/m")
fusermount3 -u "$T/m"
until_true 20 ended "$pid" || true
ok strake umount "$T/m"
gone "umount"

it "a server that was killed"
ok strake mount --rw busybox "$T/m"
pid=$(server "$T/m")
kill -9 "$pid"
until_true 20 ended "$pid" || true
prints_like " dead +$T/m\$" strake mount
fails_with '[12]' 'not connected' ls "$T/m"
ok strake umount "$T/m"
check "is unmounted" not_mounted "$T/m"
gone "umount"
ok strake mount busybox "$T/m"
pid=$(server "$T/m")
kill -9 "$pid"
until_true 20 ended "$pid" || true
ok strake gc
gone "gc"
ok strake umount "$T/m"
check "what gc left mounted is unmounted, too" not_mounted "$T/m"

it "a server that was asked to end"
ok strake mount busybox "$T/m"
pid=$(server "$T/m")
kill -HUP "$pid"
eq "not by a hang-up" "$("$T/m/bin/busybox" echo still)" still
kill -TERM "$pid"
check "ends" until_true 20 ended "$pid"
ok strake umount "$T/m"
check "is unmounted" not_mounted "$T/m"
gone "a server that ended"

it "a mount namespace that was made meanwhile"
# in_namespace COMMANDS: which go on in a mount namespace of their own, as $holder
in_namespace() {
	unshare -Urm --propagation private sh -c "$1; touch '$T/made'; exec sleep 60" &
	holder=$!
	until_true 20 test -e "$T/made"
	rm -f "$T/made"
}
mkdir "$T/elsewhere"
ok strake mount --rw busybox "$T/m"
pid=$(server "$T/m")
in_namespace "mount --bind '$T/m' '$T/elsewhere'"
fails_with 125 "unmounted here, but process $holder .sleep. has it elsewhere.*gc" strake umount "$T/m"
check "is unmounted" not_mounted "$T/m"
kill "$holder"
check "the server ends with it" until_true 20 ended "$pid"
ok strake gc
gone "gc"
ok strake mount --upper "$T/up2" busybox "$T/m"
pid=$(server "$T/m")
in_namespace true
ok sh -c "echo kept >'$T/m/kept'"
ok strake umount "$T/m"
check "a mere copy: the server is told to end" ended "$pid"
eq "what was written is there" "$(cat "$T/up2/upper/kept")" kept
kill "$holder"
gone "a mere copy"

it "where one may not mount"
fails_with 125 . strake mount busybox /proc
gone "a refusal"

it "unshare: as root of a user namespace, without fusermount3"
ok strake unshare sh -c "PATH='$T/bin'; '$STRAKE' mount busybox '$T/m' >/dev/null && '$T/m/bin/busybox' echo inside && '$STRAKE' umount '$T/m' >/dev/null"
eq "works" "$out" inside
gone "unshare"
