#!/bin/bash
# run --overlay=fuse: a root file system that strake-overlayfs serves from outside of the container. It holds
# what the image and the container's writes make of it, for each identity; its server ends with the container
# and outlives every signal before; a container does not outlive its server; auto falls back to it and past it.
# timeout: 400
. "$(dirname "$0")/../lib/harness.sh"
if ldd "$STRAKE" | grep -q libasan; then skip "the sanitizers' runtime cannot live under the server's seccomp filter"; fi
if ! { : <>/dev/fuse; } 2>/dev/null; then skip "/dev/fuse cannot be opened here"; fi
import_busybox
fuse() { strake run --rm --overlay=fuse "$@"; }
libexec=$(cd "$(dirname "$STRAKE")/../libexec/strake" && pwd)

# server PID: the server of the container that the strake PID runs
server() { pgrep -P "$1" -f overlayfs; }
ended() { [ ! -e "/proc/$1" ] || grep -q '^State:[[:space:]]*[ZX]' "/proc/$1/status" 2>/dev/null || [ ! -e "/proc/$1" ]; }

it "writes"
prints "x /new" fuse busybox sh -c 'echo x >/etc/written && mkdir /new && rm /bin/ls && cat /etc/written | tr "\n" " " && echo /new'
prints "/bin/ls" fuse busybox sh -c 'ls -d /bin/ls /new /etc/written 2>/dev/null; true'
prints "fuse" fuse busybox sh -c 'awk "\$5 == \"/\" { sub(/.* - /, \"\"); print \$1 }" /proc/self/mountinfo'
head -c 20000000 /dev/urandom >"$T/big"
sum=$(sha256sum <"$T/big")
prints "$sum" fuse -i busybox sh -c 'cat >/big && sha256sum </big' <"$T/big"
prints moved fuse busybox sh -c 'mkdir /etc/old && touch /etc/old/f && mv /usr /moved && test -d /moved && ! test -e /usr && echo moved'
exits 42 fuse busybox sh -c 'exit 42'
fails_with 127 'no-such' fuse busybox no-such-program
fails_with 126 '/etc/passwd' fuse busybox /etc/passwd
fails_with 1 'Read-only' fuse --read-only busybox touch /x
prints same fuse --read-only --tmpfs /new busybox sh -c 'touch /tmp/x /new/x && echo same'
prints_like '^/dev/(pts/[0-9]+|console)' pty "$STRAKE" run --rm -it --overlay=fuse busybox tty
eq "--rm leaves nothing" "$(containers_rest)" ""

it "a container that stays"
ok strake -v run --overlay=fuse --name kept busybox sh -c 'echo kept >/file; mkdir -p /d/e; chmod 0 /d/e'
like "-v says how" "$err" 'fuse overlay over 1 layers, as asked'
eq "its upper is whole" "$(cat "$STRAKE_STORE"/containers/*/upper/file)" kept
eq "inspect shows how" "$(strake inspect kept | jq -r '.[0].Overlay')" fuse
eq "and so does ps" "$(strake ps -a --format json | jq -r '.[0].Overlay')" fuse
ok strake rm kept
eq "nothing is left of it" "$(containers_rest)" ""
strake run --overlay=kernel --name kept busybox true
eq "the kernel's is shown too" "$(strake inspect kept | jq -r '.[0].Overlay')" kernel
ok strake rm kept
strake run --overlay=copy --name kept busybox true
eq "and a copy" "$(strake inspect kept | jq -r '.[0].Overlay')" copy
ok strake rm kept
ok strake run --dry-run --overlay=fuse busybox true
like "a dry run names it" "$out" '^rootfs fuse '

it "one id"
prints "0:0 0:0" fuse --userns=single busybox sh -c 'touch /f && chown 0:0 /f /bin/busybox && echo $(stat -c %u:%g /f /bin/busybox)'
fails_with 1 'chown' fuse --userns=single busybox chown 1:1 /etc/passwd
me=$(id -u):$(id -g)
it "keep-id"
prints "$me $me" fuse --userns=keep-id -w / busybox sh -c 'touch /f && echo $(id -u):$(id -g) $(stat -c %u:%g /f)'
if [ "$IDENTITY" = range ]; then
	it "a range of ids"
	ok strake run --overlay=fuse --name owned busybox sh -c 'mkdir -p /d && touch /d/f && chown -R 1000:1001 /d && chmod 4755 /d/f && stat -c "%u:%g %a" /d/f /bin/busybox'
	like "files have owners" "$out" '^1000:1001 4755$'
	ne "on disk as well" "$(stat -c %u "$STRAKE_STORE"/containers/*/upper/d)" "$(id -u)"
	ok strake rm owned
	eq "and go with the container" "$(containers_rest)" ""
	users=$REGISTRY/config:users
	ok strake pull -q "$users"
	prints "1000 1000:1000" fuse -u 1000:1000 -w /tmp "$users" sh -c 'touch f && echo $(id -u) $(stat -c %u:%g f)'
	fails_with 1 'ermission' fuse -u 1000 -w /tmp "$users" touch /etc/x
	prints "$me 1:2" fuse --userns=keep-id -u 0 busybox sh -c "touch /f /g && chown $me /f && chown 1:2 /g && stat -c %u:%g /f /g | tr '\n' ' ' | sed 's/ \$//'"
fi

it "what its owner may not enter"
closed='mkdir d && echo hi >d/f && chmod 000 d/f d && echo more >>d/f && mkdir d/x && cat d/f && ls d && mv d e && rm -r e && echo gone; chmod 0 etc; cat etc/hostname'
for userns in single $([ "$IDENTITY" = single ] || echo auto); do
	prints "hi more f x gone box" fuse --userns="$userns" --hostname box busybox sh -c "{ $closed; } | tr '\n' ' ' | sed 's/ \$//'"
done
fails_with 1 'ermission' fuse --userns=keep-id busybox sh -c 'cd /tmp && mkdir d && chmod 000 d && ls d'

it "layers"
ok strake pull -q "$REGISTRY/zoo"
prints "" fuse --userns=single "$REGISTRY/zoo" sh /check.sh
[ "$IDENTITY" = single ] || prints "" fuse "$REGISTRY/zoo" sh /check.sh
ok strake pull -q "$REGISTRY/layers:100"
prints "98 99 shared 99 99" fuse "$REGISTRY/layers:100" sh -c 'echo $(ls /n | sort) $(cat /last) $(wc -c </n/shared)'
odd="$T/a,b:c\\d e=f\"g'"
ok env STRAKE_STORE="$odd" "$STRAKE" pull -q "$REGISTRY/layers:100"
prints 99 env STRAKE_STORE="$odd" "$STRAKE" run --rm --overlay=fuse "$REGISTRY/layers:100" sh -c 'cat /last; touch /x'
ok env STRAKE_STORE="$odd" "$STRAKE" reset -f

it "several at the same time"
pids=()
for i in 1 2 3 4; do
	"$STRAKE" run --rm --overlay=fuse busybox sh -c "echo $i >/n; cat /n" >"$T/many.$i" 2>&1 &
	pids+=($!)
done
codes=()
for p in "${pids[@]}"; do
	r=0
	wait "$p" || r=$?
	codes+=("$r")
done
eq "all run" "${codes[*]} $(cat "$T"/many.* | tr '\n' ' ')" "0 0 0 0 1 2 3 4 "

# --- processes

# begin NAME [OPTION...]: a container in the background: $pid is its strake, $srv its server
pid=''
put_down() { [ -z "$pid" ] || kill -9 "$pid"; }
finally put_down
begin() {
	local name=$1
	shift
	rm -f "$T/go" "$T/$name"
	"$STRAKE" run --overlay=fuse -v "$T:/t" "$@" busybox sh -c \
		'echo ready; while ! test -e /t/go; do sleep 0.1; done; echo done >/file; cat /file' >"$T/$name" 2>&1 &
	pid=$!
	until_true 120 grep -qs ready "$T/$name" || { fail "the container starts"; cat "$T/$name"; exit 1; }
	srv=$(server "$pid")
}
end() {
	rc=0
	wait "$pid" || rc=$?
	pid=''
}

it "the server"
begin server --rm
check "is one process" test "$(wc -w <<<"$srv")" = 1
eq "has a session of its own" "$(ps -o sid= -p "$srv" | tr -d ' ')" "$srv"
for s in HUP INT QUIT TSTP TTIN TTOU USR1 PIPE; do kill -$s "$srv"; done
touch "$T/go"
end
eq "outlives what a terminal, a shell and a job manager send" "$rc $(tail -n 1 "$T/server")" "0 done"
check "and ends with the container" ended "$srv"

it "strake killed"
begin orphan --rm
kill -9 "$pid"
end 2>/dev/null
check "takes the server along" until_true 20 ended "$srv"
ok strake gc
eq "and leaves what gc removes" "$(containers_rest)" ""

for how in "" --rm; do
	it "the server killed ${how:-without --rm}"
	begin dead --name dead $how
	kill -9 "$srv"
	end
	eq "ends the container" "$rc" 125
	eq "with one clear line" "$(grep -c "^strake: the overlay server of container 'dead' died (signal 9)\$" "$T/dead")" 1
	if [ -z "$how" ]; then
		prints_like 'Exited \(125\)' strake ps -a
		ok strake rm dead
	fi
	eq "and leaves nothing" "$(containers_rest)" ""
done

it "Ctrl-C"
exits 42 pty --on ready 'send:\x03' "$STRAKE" run --rm --overlay=fuse busybox sh -c \
	'trap "cat /etc/passwd >/copy && exit 42" INT; echo ready; while :; do sleep 0.1; done'
exits 42 pty --on ready 'send:\x03' "$STRAKE" run --rm -it --overlay=fuse busybox sh -c \
	'trap "cat /etc/passwd >/copy && exit 42" INT; echo ready; while :; do sleep 0.1; done'
it "rm -f"
begin forced --name forced
ok strake rm -f forced
end
eq "the container is killed" "$rc" 137
check "the server ends" ended "$srv"
eq "nothing is left" "$(containers_rest)" ""

# --- auto, and what goes wrong

# Layers whose whiteouts are .wh. files: the kernel's overlay cannot have them.
it "auto where the kernel's overlay does not work"
export STRAKE_STORE=$T/store-wh
ok env STRAKE_NO_MKNOD=1 "$STRAKE" pull -q "$REGISTRY/zoo"
ok strake -v run --rm --userns=single "$REGISTRY/zoo" sh /check.sh
like "says why" "$err" 'the kernel overlay does not work here: .*\.wh\. files'
like "and what it took" "$err" 'root file system: fuse overlay over [0-9]+ layers$'
eq "the files are as they should be" "$out" ""
fails_with 125 '\.wh\. files' strake run --rm --overlay=kernel "$REGISTRY/zoo" true

# Our programs without strake-overlayfs, or with one that is given here.
mkdir "$T/libexec"
ln -s "$libexec"/strake-* "$T/libexec"
rm -f "$T/libexec/strake-overlayfs"
export STRAKE_LIBEXEC=$T/libexec
it "auto without strake-overlayfs"
ok strake -v run --name copied --userns=single "$REGISTRY/zoo" sh /check.sh
like "says that too" "$err" "the fuse overlay does not work here: .*strake-overlayfs"
like "and copies" "$err" 'root file system: copy of'
eq "and shows it" "$(strake inspect copied | jq -r '.[0].Overlay')" copy
ok strake rm copied
fails_with 125 'strake-overlayfs.*No such file.*make install' fuse "$REGISTRY/zoo" true

# stand_in SCRIPT: what runs in place of strake-overlayfs; $notify is the descriptor it reports on
stand_in() {
	cat >"$T/libexec/strake-overlayfs" <<-END
		#!/bin/bash
		for a; do case \$a in --notify=*) notify=\${a#*=} ;; esac; done
		$1
	END
	chmod +x "$T/libexec/strake-overlayfs"
}
it "a server that says no"
# a struct err: exit status, code (ENOSPC), message
printf '\0\0\0\0\034\0\0\0%s' "these are its words" >"$T/error"
truncate -s 1024 "$T/error"
stand_in "cat '$T/error' >&\$notify; exec sleep 1000"
fails_with 125 'these are its words' fuse "$REGISTRY/zoo" true
ok strake -v run --rm --userns=single "$REGISTRY/zoo" sh /check.sh
like "auto goes on without it" "$err" 'the fuse overlay does not work here: these are its words'
it "a server that dies before it serves"
stand_in 'kill -SEGV $$'
fails_with 125 "overlay server of container .* died \(signal 11\)" fuse "$REGISTRY/zoo" true
fails_with 125 "overlay server of container .* died \(signal 11\)" strake run --rm "$REGISTRY/zoo" true
stand_in 'exit 3'
fails_with 125 "overlay server of container .* died \(status 3\)" fuse "$REGISTRY/zoo" true
eq "nothing is left of all that" "$(containers_rest)" ""
unset STRAKE_LIBEXEC
export STRAKE_STORE=$T/store

it "no /dev/fuse"
without_fuse() { unshare -Urm sh -c 'mount --bind /dev/null /dev/fuse && exec "$@"' sh "$@"; }
if without_fuse true 2>/dev/null; then
	fails_with 125 'fuse' without_fuse "$STRAKE" run --rm --overlay=fuse --userns=single busybox true
	ok without_fuse "$STRAKE" -v --store "$T/store-wh" run --rm --userns=single "$REGISTRY/zoo" true
	like "auto copies" "$err" 'root file system: copy of'
else
	skip_one "this kernel does not let a user hide /dev/fuse"
fi
ok strake --store "$T/store-wh" reset -f

it "nested"
prefix=$(dirname "$(dirname "$STRAKE")")
mkdir -p "$T/root"/{usr,etc,tmp,proc,sys,dev,root,inner,fixtures,prefix}
for d in bin sbin lib lib64; do ln -s "usr/$d" "$T/root/$d"; done
printf 'root:x:0:0:root:/root:/bin/sh\n' >"$T/root/etc/passwd"
tar -C "$T/root" --owner=0 --group=0 -cf "$T/outer.tar" .
strake import -q "$T/outer.tar" outer >/dev/null
inner() {
	strake run --rm "$@" -v /usr:/usr:ro -v "$prefix:$prefix:ro" -v "$FIXTURES:/fixtures:ro" -e HOME=/root outer sh -c \
		"export STRAKE_STORE=/inner/store; '$STRAKE' import -q /fixtures/busybox.tar b >/dev/null && '$STRAKE' run --rm b echo nested"
}
for userns in auto single; do
	if inner --userns=$userns --overlay=copy >/dev/null 2>&1; then
		prints nested inner --userns=$userns --overlay=fuse
	else
		skip_one "strake does not run inside of strake here (see nested)"
	fi
done

it "Debian"
[ ! -e "$FIXTURES/why-no-debian" ] || skip "$(cat "$FIXTURES/why-no-debian")"
ok strake pull -q "$REGISTRY/debian:bookworm"
ok fuse "$REGISTRY/debian:bookworm" sh -c 'dpkg --audit && perl -e "print 6*7" >/42 && cat /42 && rm -r /usr/share/doc && mv /usr/share /usr/moved && ls /usr/moved/common-licenses/GPL'
like "runs, removes and renames" "$out" '^42'
if [ "$IDENTITY" = range ]; then
	ok fuse "$REGISTRY/debian:bookworm" sh -c 'useradd -m user && su user -c "touch /home/user/f" && stat -c %U /home/user/f'
	like "has users" "$out" '^user$'
fi
