#!/bin/bash
# strake-overlayfs's command line: each option does what the man page says, and what cannot be is refused with a reason.
# Names with all characters that mean something, relative names, 500 layers, option lists longer than an argument; in the
# background, outside of namespaces by fusermount3, until a signal ends it.
# timeout: 240
. "$(dirname "$0")/../lib/harness.sh"
. "$(dirname "$0")/../lib/overlay.sh"
if ! { : <>/dev/fuse; } 2>/dev/null; then skip "/dev/fuse cannot be opened here"; fi

# --- refusals

mkdir -p "$T/l" "$T/u" "$T/w" "$T/m"
touch "$T/file"
# refuses REGEX ARG...
refuses() {
	local re=$1
	shift
	fails_with 1 "^strake-overlayfs: $re" "$OVERLAYFS" "$@"
}
it "refusals"
refuses "option 'lowerdir' is missing"
refuses "unknown option; try --help" --nonsense
refuses "unknown option 'nonsense'" -o "lowerdir=$T/l,nonsense" "$T/m"
refuses "option 'plugins': plugins cannot be loaded" -o "lowerdir=$T/l,plugins=x" "$T/m"
refuses "option 'workdir' is missing" -o "lowerdir=$T/l,upperdir=$T/u" "$T/m"
refuses "option 'upperdir' is missing" -o "lowerdir=$T/l,workdir=$T/w" "$T/m"
refuses "the mount point is missing" -o "lowerdir=$T/l"
refuses "'more' is one argument too many" -o "lowerdir=$T/l" "$T/m" more
refuses "an empty name in 'lowerdir'" -o "lowerdir=$T/l::$T/l" "$T/m"
for bad in squash_to_uid=root squash_to_gid= xattr_permissions=3; do
	refuses "option '${bad%%=*}' wants a number, not '${bad#*=}'" -o "lowerdir=$T/l,$bad" "$T/m"
done
for bad in timeout=soon timeout=-1 timeout=; do
	refuses "option 'timeout' is a number of seconds, not '${bad#*=}'" -o "lowerdir=$T/l,$bad" "$T/m"
done
for bad in redirect_dir=maybe metacopy=2 fsync=x writeback=x threaded=2; do
	refuses "option '${bad%%=*}' is on or off, not '${bad#*=}'" -o "lowerdir=$T/l,$bad" "$T/m"
done
for bad in uidmapping=0:1 gidmapping=0:0:0 uidmapping=a:b:c gidmapping=; do
	refuses "option '${bad%%=*}' is 'SHOWN:ON-DISK:COUNT" -o "lowerdir=$T/l,$bad" "$T/m"
done
refuses "--flatten and -n go with --check" --flatten -o "lowerdir=$T/l" "$T/m"
refuses "--flatten and -n go with --check" -n -o "lowerdir=$T/l" "$T/m"
refuses "--check looks an upper directory over: 'upperdir' is missing" --check -o "lowerdir=$T/l"
refuses "cannot open the lower directory '$T/none': No such file" -o "lowerdir=$T/l:$T/none" "$T/m"
refuses "cannot open the lower directory '$T/file': Not a directory" -o "lowerdir=$T/file" "$T/m"
refuses "cannot open the upper directory '$T/none'" -o "lowerdir=$T/l,upperdir=$T/none,workdir=$T/w" "$T/m"
refuses "cannot open the work directory '$T/none'" -o "lowerdir=$T/l,upperdir=$T/u,workdir=$T/none" "$T/m"
refuses "cannot mount on '$T/file': it is no directory" -o "lowerdir=$T/l" "$T/file"
refuses "cannot mount on '$T/none'" -o "lowerdir=$T/l" "$T/none"
refuses "descriptor 77 of '--options-fd'" --options-fd 77 "$T/m"
it "--help and --version"
prints_like '^usage: strake-overlayfs ' "$OVERLAYFS" --help
prints_like '--check ' "$OVERLAYFS" -h
version=$("$STRAKE" --version)
prints "strake-overlayfs ${version##* }" "$OVERLAYFS" -V
prints "strake-overlayfs ${version##* }" "$OVERLAYFS" --version

# --- names

# escaped NAME: as it has to be in an option
escaped() {
	local name=${1//\\/\\\\}
	name=${name//:/\\:}
	printf %s "${name//,/\\,}"
}
# serve MNT ARG...: a server in the foreground, started by hand; see mount_ours
serve() {
	local mnt=$1
	shift
	"$OVERLAYFS" -f "$@" "$mnt" >>"$mnt.log" 2>&1 &
	server[$mnt]=$!
	finally _drop "$mnt" $!
	until_true 60 _live_or_ended "$mnt" || true
	is_mounted "$mnt" || { echo "it did not mount $mnt:" >&2; cat "$mnt.log" >&2; return 1; }
}

odd_names() {
	local dir="$T/a,b:c\\d e\"f'=g\\" e
	e=$(escaped "$dir")
	mkdir -p "$dir/low:1" "$dir/low,2" "$dir/up,=" "$dir/work\\:" "$T/odd"
	echo 1 >"$dir/low:1/one"
	echo 2 >"$dir/low,2/two"
	serve "$T/odd" -o "lowerdir=$e/low\\:1:$e/low\\,2,upperdir=$e/up\\,=,workdir=$e/work\\\\\\:"
	eq "both layers are there" "$(cat "$T/odd"/{one,two} | tr '\n' ' ')" "1 2 "
	rm "$T/odd/one"
	echo 3 >"$T/odd/two"
	unmount "$T/odd"
	check "and the upper directory" test -c "$dir/up,=/one"
	eq "with what was written" "$(cat "$dir/up,=/two")" 3
	check "and the work directory" test -d "$dir/work\\:/work"
}
it "names with , : \\ and more"
in_ns odd_names

relative() {
	local name=background-$$-end
	mkdir -p "$T/rel/low" "$T/rel/up" "$T/rel/work" "$T/rel/m"
	cd "$T/rel"
	echo low >low/f
	# whoever reads its output goes on
	eq "it says nothing" "$("$OVERLAYFS" -o "lowerdir=low,upperdir=up,workdir=work,fsname=$name" m 2>&1)" ""
	eq "it serves when the command returns" "$(cat m/f)" low
	echo up >m/new
	eq "what is written is there" "$(cat up/new)" up
	umount m
	check "it ends with its mount" until_true 60 flock -n work true
	"$OVERLAYFS" -o "lowerdir=low,upperdir=up,workdir=work,fsname=$name" m
	kill "$(pgrep -f "[f]sname=$name")"
	check "SIGTERM ends it" until_true 60 flock -n work true
	check "and unmounts" test ! -e m/f
}
it "relative names, in the background"
in_ns relative

signals() {
	local sig
	mkdir -p "$T/sig/low"
	touch "$T/sig/low/f"
	for sig in TERM INT; do
		mount_ours "$T/sig/m" "$T/sig/low" "$T/sig"
		kill -HUP "${server[$T/sig/m]}"
		kill -QUIT "${server[$T/sig/m]}"
		kill -TSTP "${server[$T/sig/m]}"
		echo x >"$T/sig/m/$sig"
		check "others than SIG$sig are no end" test -e "$T/sig/m/f"
		kill "-$sig" "${server[$T/sig/m]}"
		check "SIG$sig is" until_true 60 _ended "${server[$T/sig/m]}"
		exits 0 wait "${server[$T/sig/m]}"
		unset "server[$T/sig/m]"
		check "and nothing is mounted" test ! -e "$T/sig/m/f"
		eq "what was written is there" "$(cat "$T/sig/upper/$sig")" x
	done
}
it "signals"
in_ns signals

layers() {
	local n=$1 base list='' i
	base=$T/layers$1/$(printf 'l%.0s' {1..250})
	mkdir -p "$base" "$T/layers$1/m"
	for ((i = 1; i <= n; i++)); do
		mkdir "$base/$i" "$base/$i/d"
		echo "$i" | tee "$base/$i/f$i" "$base/$i/d/f$i" "$base/$i/shared" >/dev/null
		list=$base/$i${list:+:$list}
	done
	mkdir "$T/layers$1/upper" "$T/layers$1/work"
	printf 'lowerdir=%s,upperdir=%s,workdir=%s' "$list" "$T/layers$1/upper" "$T/layers$1/work" >"$T/options"
	le "the list is longer than a page" 4096 "$(stat -c %s "$T/options")"
	serve "$T/layers$1/m" --options-fd 3 3<"$T/options"
	cd "$T/layers$1/m"
	eq "all are listed" "$(find . -name 'f*' | wc -l)" $((2 * n))
	eq "the topmost wins" "$(cat shared)" "$n"
	eq "the lowest is there" "$(cat d/f1)" 1
	rm f1 shared
	echo new >"d/f$n"
	cd /
	unmount "$T/layers$1/m"
	serve "$T/layers$1/m" --options-fd 3 3<"$T/options"
	eq "and so it is after the next mount" "$(cat "$T/layers$1/m/d/f$n" "$T/layers$1/m/f2")" new$'\n'2
	check "what was removed stays so" test ! -e "$T/layers$1/m/f1" -a ! -e "$T/layers$1/m/shared"
	unmount "$T/layers$1/m"
}
it "31 layers"
in_ns layers 31
it "500 layers"
in_ns layers 500
le "longer than an argument may be" 131072 "$(stat -c %s "$T/options")"

# --- what each does

base() {
	mkdir -p "$T/$1/low/d" "$T/$1/m"
	echo low >"$T/$1/low/f"
	echo in >"$T/$1/low/d/in"
}
read_only() {
	base ro
	mount_ours "$T/ro/m" "$T/ro/low" ''
	eq "it shows what is there" "$(cat "$T/ro/m/f")" low
	fails_with 1 'Read-only file system' touch "$T/ro/m/x"
	fails_with 1 'Read-only file system' chmod 600 "$T/ro/m/f"
	unmount "$T/ro/m"
	mount_ours "$T/ro/m" "$T/ro/low" "$T/ro" ro
	fails_with 1 'Read-only file system' touch "$T/ro/m/x"
	unmount "$T/ro/m"
	mount_ours "$T/ro/m" "$T/ro/low" "$T/ro" ro,rw
	ok touch "$T/ro/m/x"
	unmount "$T/ro/m"
}
it "without an upper directory, and ro"
in_ns read_only

rename_errno() { python3 -c 'import os, sys
try: os.rename(*sys.argv[1:])
except OSError as e: print(e.errno)' "$@"; }
on_and_off() {
	base onoff
	mount_ours "$T/onoff/m" "$T/onoff/low" "$T/onoff/a"
	eq "redirect_dir is on" "$(rename_errno "$T/onoff/m/d" "$T/onoff/m/e")" ""
	chmod 600 "$T/onoff/m/f"
	eq "metacopy is on" "$(stat -c %b "$T/onoff/a/upper/f")" 0
	unmount "$T/onoff/m"
	like "marked as the kernel has it" "$(getfattr -R -h -d -m- --absolute-names "$T/onoff/a/upper")" '^user.overlay.metacopy'
	eq "with the way" "$(getfattr --only-values --absolute-names -n user.overlay.redirect "$T/onoff/a/upper/e")" /d
	mount_ours "$T/onoff/m" "$T/onoff/low" "$T/onoff/b" redirect_dir=off,metacopy=off
	eq "redirect_dir=off: EXDEV" "$(rename_errno "$T/onoff/m/d" "$T/onoff/m/e")" 18
	ok mv "$T/onoff/m/d" "$T/onoff/m/e"
	chmod 600 "$T/onoff/m/f"
	eq "metacopy=off: the data are there" "$(cat "$T/onoff/b/upper/f" "$T/onoff/b/upper/e/in")" low$'\n'in
	unmount "$T/onoff/m"
	unlike "nothing is marked" "$(getfattr -R -h -d -m- --absolute-names "$T/onoff/b/upper")" 'redirect|metacopy'
}
it "redirect_dir and metacopy"
in_ns on_and_off

# syncs NAME OPTIONS: how often a server syncs while a file is copied up, written and synced
syncs() {
	base "$1"
	mkdir -p "$T/$1/upper" "$T/$1/work"
	strace -f -qq -o "$T/$1/trace" -e trace=fsync,fdatasync,syncfs "$OVERLAYFS" -f \
		-o "$(_layers "$T/$1/low" "$T/$1"),$2" "$T/$1/m" >/dev/null 2>&1 &
	server[$T/$1/m]=$!
	finally _drop "$T/$1/m" $!
	until_true 60 is_mounted "$T/$1/m"
	echo more >>"$T/$1/m/f"
	dd if=/dev/zero of="$T/$1/m/new" bs=1k count=1 conv=fsync status=none
	sync -f "$T/$1/m"
	unmount "$T/$1/m"
	grep -cE '(fsync|fdatasync|syncfs)\(' "$T/$1/trace" || true
}
syncing() {
	local all
	all=$(syncs sync fsync=1)
	le "what is copied and what is synced is synced" 2 "$all"
	le "fsync=0 spares those of clients" "$(syncs nofsync fsync=0)" $((all - 1))
	eq "volatile spares all" "$(syncs volatile volatile)" 0
}
it "fsync and volatile"
if strace -qq -o /dev/null true 2>/dev/null; then in_ns syncing; else skip_one "strace cannot trace here"; fi

logged() {
	base log
	mount_ours "$T/log/m" "$T/log/low" "$T/log" debug,writeback=0
	dd if=/dev/zero of="$T/log/m/new" bs=1 count=1000 status=none
	cat "$T/log/m/nothing" 2>/dev/null || true
	unmount "$T/log/m"
	like "messages are logged with their times" "$(cat "$T/log/m.log")" \
		'^strake-overlayfs: LOOKUP \(1\) node [0-9a-f]+ pid [0-9]+: (ok|No such file or directory), [0-9.]+ us$'
	eq "writeback=0: each write is a message" "$(grep -c ': WRITE ' "$T/log/m.log")" 1000
	rm "$T/log/m.log"
	mount_ours "$T/log/m" "$T/log/low" "$T/log" debug,writeback=1
	dd if=/dev/zero of="$T/log/m/gathered" bs=1 count=1000 status=none
	unmount "$T/log/m"
	le "writeback=1: they are gathered" "$(grep -c ': WRITE ' "$T/log/m.log")" 100
	eq "and none is lost" "$(stat -c %s "$T/log/upper/gathered")" 1000
	rm "$T/log/m.log"
	serve "$T/log/m" -d -o "$(_layers "$T/log/low" "$T/log")"
	ls "$T/log/m" >/dev/null
	unmount "$T/log/m"
	like "-d logs as well" "$(cat "$T/log/m.log")" ': READDIRPLUS .* us$'
}
it "debug and writeback"
in_ns logged

threads_of() { awk '/^Threads:/ { print $2 }' "/proc/${server[$1]}/status"; }
threads() {
	local one
	base threads
	for how in -s "-o threaded=0"; do
		# shellcheck disable=SC2086
		serve "$T/threads/m" $how -o "$(_layers "$T/threads/low" "$T/threads")"
		dd if=/dev/zero of="$T/threads/m/x" bs=1k count=1 conv=fsync status=none
		one=$(threads_of "$T/threads/m")
		unmount "$T/threads/m"
		le "$how: few threads" "$one" 3
	done
	serve "$T/threads/m" -o "$(_layers "$T/threads/low" "$T/threads")",threaded=1
	dd if=/dev/zero of="$T/threads/m/x" bs=1k count=1 conv=fsync status=none
	le "threaded=1: more" $((one + 1)) "$(threads_of "$T/threads/m")"
	unmount "$T/threads/m"
}
it "threaded"
in_ns threads

shown() {
	base shown
	mkdir -p "$T/shown/upper"
	echo 1 >"$T/shown/upper/new"
	mount_ours "$T/shown/m" "$T/shown/low" "$T/shown" \
		timeout=0,writeback=0,fsname=a-name,noexec,noatime,nosuid,subtype=x,default_permissions,allow_other
	eq "a file" "$(stat -c %s "$T/shown/m/new")" 2
	echo 22 >>"$T/shown/upper/new"
	eq "timeout=0: what others do to it is seen" "$(stat -c %s "$T/shown/m/new")" 5
	like "fsname, noexec, noatime, nosuid" "$(grep -F " $T/shown/m " /proc/self/mountinfo)" \
		' rw,.*nosuid.*noexec.*noatime.* - fuse.strake-overlayfs a-name '
	cp /bin/true "$T/shown/m/true"
	exits 126 "$T/shown/m/true"
	eq "the counters are there" "$(getfattr --only-values --absolute-names -n user.strake.stats "$T/shown/m" | cut -d' ' -f1 | head -n 2 | tr '\n' ' ')" "nodes lookups "
	eq "and not listed" "$(getfattr -m- --absolute-names "$T/shown/m")" ""
	unmount "$T/shown/m"
	mount_ours "$T/shown/m" "$T/shown/low" "$T/shown" noexec,exec,noatime,atime,suid,dev,userxattr
	like "the last one wins" "$(grep -F " $T/shown/m " /proc/self/mountinfo)" ' rw,relatime (.* )?- fuse.strake-overlayfs strake-overlayfs '
	ok "$T/shown/m/true"
	setfattr -n user.overlay.opaque -v mine "$T/shown/m/new"
	eq "a client's user.overlay.* is its own" "$(getfattr --only-values --absolute-names -n user.overlay.opaque "$T/shown/m/new")" mine
	eq "and is escaped on disk" "$(getfattr --only-values --absolute-names -n user.overlay.overlay.opaque "$T/shown/upper/new")" mine
	unmount "$T/shown/m"
}
it "timeout, fsname, the mount's flags, counters, xattrs"
in_ns shown

links() {
	base links
	mount_ours "$T/links/m" "$T/links/low" "$T/links"
	mkdir -p "$T/links/m/new"/{a,b,c}
	eq "a new directory has the links it has" "$(stat -c %h "$T/links/m/new")" "$(stat -c %h "$T/links/upper/new")"
	if setfacl -m u:0:rwx "$T/links/m/f" 2>/dev/null; then
		pass "ACLs are there"
		unmount "$T/links/m"
		mount_ours "$T/links/m" "$T/links/low" "$T/links" noacl
		fails_with 1 'not supported' setfacl -m u:0:r "$T/links/m/f"
		unlike "noacl: none is shown" "$(getfattr -m- --absolute-names "$T/links/m/f")" acl
	else
		skip_one "the file system has no ACLs"
	fi
	unmount "$T/links/m"
	mount_ours "$T/links/m" "$T/links/low" "$T/links" static_nlink
	eq "static_nlink: one" "$(stat -c %h "$T/links/m/new")" 1
	unmount "$T/links/m"
}
it "static_nlink and noacl"
in_ns links

# --- owners

owner() { stat -c %u:%g "$@" | tr '\n' ' '; }
# Files of the machine's root, who is nobody in this namespace.
foreign() {
	local dir
	dir=$(dirname "$(readlink -f "$(type -P true)")")
	base own
	mount_ours "$T/own/m" "$T/own/low:$dir" "$T/own"
	eq "whose they are" "$(owner "$T/own/m/true" "$T/own/m/f")" "65534:65534 0:0 "
	unmount "$T/own/m"
	mount_ours "$T/own/m" "$T/own/low:$dir" "$T/own" squash_to_root
	eq "squash_to_root" "$(owner "$T/own/m/true" "$T/own/m/f")" "0:0 0:0 "
	unmount "$T/own/m"
	mount_ours "$T/own/m" "$T/own/low:$dir" "$T/own" squash_to_uid=0
	eq "squash_to_uid" "$(owner "$T/own/m/true")" "0:65534 "
	unmount "$T/own/m"
	mount_ours "$T/own/m" "$T/own/low:$dir" "$T/own" squash_to_gid=0
	eq "squash_to_gid" "$(owner "$T/own/m/true")" "65534:0 "
	unmount "$T/own/m"
	mount_ours "$T/own/m" "$T/own/low:$dir" "$T/own" uidmapping=0:65534:1,gidmapping=5:5:1:0:65534:1
	eq "uidmapping and gidmapping" "$(owner "$T/own/m/true" "$T/own/m/f")" "0:0 65534:65534 "
	unmount "$T/own/m"
}
it "files of others"
in_ns foreign

recorded() {
	local m=$T/rec/m up=$T/rec/upper key=user.containers.override_stat
	base rec
	mount_ours "$m" "$T/rec/low" "$T/rec" xattr_permissions=0
	touch "$m/plain"
	unlike "xattr_permissions=0: nothing is recorded" "$(getfattr -m- --absolute-names "$up/plain")" $key
	unmount "$m"
	mount_ours "$m" "$T/rec/low" "$T/rec" xattr_permissions=2
	touch "$m/new"
	chmod 4001 "$m/new"
	mkdir -m 700 "$m/dir"
	mkfifo -m 600 "$m/fifo"
	chmod 0 "$m/dir"
	eq "modes are shown" "$(stat -c %a "$m/new" "$m/dir" | tr '\n' ' ')" "4001 0 "
	eq "types, too" "$(stat -c %F "$m/fifo")" fifo
	eq "and recorded" "$(getfattr --only-values --absolute-names -n $key "$up/new")" "0:0:04001:file"
	eq "a directory" "$(getfattr --only-values --absolute-names -n $key "$up/dir")" "0:0:00:dir"
	eq "a fifo is a file" "$(stat -c %F "$up/fifo")" "regular empty file"
	le "the owner may read what is on disk" 400 "$(stat -c %a "$up/new" | tail -c 4)"
	eq "clients do not see it" "$(getfattr -m- --absolute-names "$m/new")" ""
	unmount "$m"
	mount_ours "$m" "$T/rec/low" "$T/rec" xattr_permissions=2
	eq "it is the same after the next mount" "$(stat -c '%a %F' "$m/new" "$m/dir" "$m/fifo" | tr '\n' ' ')" \
		"4001 regular empty file 0 directory 600 fifo "
	unmount "$m"
}
it "recorded owners"
in_ns recorded

ranges() {
	local m=$T/range/m up=$T/range/upper key=user.containers.override_stat
	base range
	touch "$T/range/low"/{five,nine}
	chown 5:6 "$T/range/low/five"
	chown 9:9 "$T/range/low/nine"
	mount_ours "$m" "$T/range/low" "$T/range" uidmapping=0:5:1:5:0:1,gidmapping=0:6:1:6:0:1
	eq "ids are shown as others" "$(owner "$m/five" "$m/f" "$m/nine")" "0:0 5:6 65534:65534 "
	touch "$m/new"
	eq "new files get the other" "$(owner "$up/new" "$m/new")" "5:6 0:0 "
	ok chown 5:6 "$m/new"
	eq "and changed ones" "$(owner "$up/new")" "0:0 "
	fails_with 1 'Value too large|Invalid argument' chown 7 "$m/new"
	unmount "$m"
	mount_ours "$m" "$T/range/low" "$T/range" squash_to_uid=7,squash_to_gid=8
	eq "all are one's" "$(owner "$m/five" "$m/f" "$m/nine")" "7:8 7:8 7:8 "
	ok chown 1:1 "$m/nine"
	eq "and stay so" "$(owner "$m/nine")" "7:8 "
	unmount "$m"
	mount_ours "$m" "$T/range/low" "$T/range/x" xattr_permissions=2
	touch "$m/given"
	chown 5:6 "$m/given"
	eq "owners are shown" "$(owner "$m/given")" "5:6 "
	eq "recorded" "$(getfattr --only-values --absolute-names -n $key "$T/range/x/upper/given")" "5:6:0644:file"
	eq "and not set" "$(owner "$T/range/x/upper/given")" "0:0 "
	unmount "$m"
	rm -rf "$T/range"
}
it "owners in a range of ids"
if [ "$IDENTITY" = range ]; then in_ns_range ranges; else skip_one "this user has no subordinate ids"; fi

# --- by fusermount3

it "outside of a namespace"
if ! command -v fusermount3 >/dev/null; then
	skip_one "fusermount3 is not installed"
	exit 0
fi
base out
mkdir -p "$T/out/upper" "$T/out/work"
list=$(_layers "$T/out/low" "$T/out"),fsname=outside-$$-end
finally sh -c "fusermount3 -u -z '$T/out/m' 2>/dev/null"
fails_with 1 'fuse3' env PATH=/nonexistent "$OVERLAYFS" -o "$list" "$T/out/m"
ok "$OVERLAYFS" -o "$list" "$T/out/m"
if is_mounted "$T/out/m"; then
	eq "it serves" "$(cat "$T/out/m/f")" low
	rm "$T/out/m/f"
	ok mv "$T/out/m/d" "$T/out/m/e"
	eq "a lower directory was renamed" "$(cat "$T/out/m/e/in")" in
	check "a whiteout was left" test -c "$T/out/upper/f"
	like "its name" "$(grep -F " $T/out/m " /proc/self/mountinfo)" " - fuse.strake-overlayfs outside-$$-end "
	ok fusermount3 -u "$T/out/m"
	check "it ends with its mount" until_true 60 flock -n "$T/out/work" true
	ok "$OVERLAYFS" -o "$list,ro" "$T/out/m"
	fails_with 1 'Read-only file system' touch "$T/out/m/x"
	kill "$(pgrep -f "[f]sname=outside-$$-end")"
	check "SIGTERM ends it" until_true 60 flock -n "$T/out/work" true
	check "and unmounts" test ! -e "$T/out/m/e"
	if ! grep -q '^user_allow_other' /etc/fuse.conf 2>/dev/null; then
		fails_with 1 'user_allow_other' "$OVERLAYFS" -o "$list,allow_other" "$T/out/m"
	fi
fi
