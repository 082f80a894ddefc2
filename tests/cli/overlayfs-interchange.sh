#!/bin/bash
# Uppers go from one overlay to the other: what strake-overlayfs wrote is shown the same by the kernel's overlay
# (userxattr) and by fuse-overlayfs, after --check --flatten, or at once when redirects and metadata-only copies were
# off; and what these two wrote, by strake-overlayfs. The same is: names, types, modes, owners, sizes, contents, xattrs,
# links, times of all files.
# timeout: 200
. "$(dirname "$0")/../lib/harness.sh"
. "$(dirname "$0")/../lib/overlay.sh"
if ! { : <>/dev/fuse; } 2>/dev/null; then skip "/dev/fuse cannot be opened here"; fi

# mount_other MNT LOWER[:LOWER...] BASE: fuse-overlayfs, as mount_ours
mount_other() {
	mkdir -p "$1"
	fuse-overlayfs -f -o "$(_layers "$2" "$3")" "$1" >>"$1.log" 2>&1 &
	server[$1]=$!
	finally _drop "$1" $!
	until_true 60 _live_or_ended "$1" || true
	is_mounted "$1" || { echo "fuse-overlayfs did not mount $1:" >&2; cat "$1.log" >&2; return 1; }
}
# view BY DIR BASE [OPTION...]: what ours, kernel or other shows of BASE over DIR/low2:DIR/low1, but for the marks of
# overlays, which fuse-overlayfs shows
view() {
	"mount_$1" "$2/m" "$2/low2:$2/low1" "$3"
	"$LIB/manifest" --hide '^(user|trusted)\.(overlay|fuseoverlayfs)\.' "${@:4}" "$2/m"
	unmount "$2/m"
}
# but PEER: what a peer does not keep itself. fuse-overlayfs counts links, and knows names of one file, only of what was
# linked since it was mounted.
but() { if [ "$1" = kernel ]; then echo --but=nothing; else echo --but=links; fi; }

# lower DIR OWNED: two lower layers
lower() {
	mkdir -p "$1"/low{1,2}
	(
		cd "$1/low1"
		mkdir -p dir/sub/deep gone/sub again moved/a/b onto/full set links closed shared
		printf '%s\n' one >dir/one
		printf '%s\n' two >dir/sub/two
		head -c 200000 /dev/urandom >dir/big
		truncate -s 3M dir/sparse
		printf end >>dir/sparse
		ln -s one dir/link
		ln -s /nowhere/at/all dir/dangling
		mkfifo dir/fifo
		touch gone/{a,b} gone/sub/c again/{old,kept} moved/{x,a/y,a/b/z} onto/full/f
		printf '%s\n' s >set/suid
		chmod 4755 set/suid
		chmod 2775 set
		printf '%s\n' l >links/l1
		ln links/l1 links/l2
		ln links/l1 shared/l3
		ln dir/one shared/one
		setfattr -n user.color -v red dir/big
		setfattr -n user.color -v blue dir/sub
		setfacl -m u:0:r-x,g:0:r dir/big 2>/dev/null || true
		setfacl -d -m u:0:rwx closed 2>/dev/null || true
		touch file swap tofile.d untouched
		mkdir todir tofile tofile/sub
		touch 'odd "name'$'\n''with\all:of,it' todir/x
		chmod 700 closed
		if [ "$2" = owned ]; then
			chown -h 5:6 dir/link dir/big
			chown 7:8 moved/a set
		fi
	)
	(
		cd "$1/low2"
		mkdir -p dir/sub moved/a only2
		printf '%s\n' 'two from 2' >dir/sub/two
		printf '%s\n' three >dir/three
		setfattr -n user.color -v blue dir/sub
		mknod dir/dangling c 0 0
		touch moved/a/y2 only2/f
	)
	find "$1"/low{1,2} -depth -exec touch -h -d '2010-10-10 10:10:10.123456789' {} +
}

# work DIR OWNED: changes of every kind, through the mount. Where directories cannot be renamed, mv copies them.
work() (
	cd "$1"
	printf 'more\n' >>dir/one
	printf 'x' | dd of=dir/big bs=1 seek=1000 conv=notrunc status=none
	truncate -s 100 dir/sparse
	rm dir/three dir/link
	ln -s elsewhere dir/link
	rm -r gone again
	mkdir again again/new
	touch again/kept again/new/f
	mv moved renamed
	mv renamed/a renamed/c
	touch renamed/c/b/fresh
	rm renamed/x
	mkdir moved
	touch moved/x
	mv only2 moved/only2
	rm -r onto/full
	mv dir/sub onto/full
	mkdir -p new/a/b
	printf 'new\n' >new/a/b/file
	ln new/a/b/file new/hard
	ln links/l1 links/l4
	chmod 600 set/suid
	touch set/made
	mkdir set/dir
	chmod 711 untouched
	setfattr -n user.color -v green dir/big
	setfattr -n user.shape -v round dir/one
	setfattr -x user.color onto/full
	setfattr -n user.dir -v d closed
	touch closed/inherits
	mkdir closed/dir
	mkfifo new/fifo
	python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("new/socket")'
	rm -r todir tofile file
	printf 'was a directory\n' >tofile
	mkdir file
	touch file/in
	mkdir todir
	mv swap new/swap
	mv new/swap swap
	touch -d '2011-11-11 11:11:11.111111111' dir/one dir renamed/c
	touch -h -d '2012-12-12' dir/link
	rm untouched
	touch untouched
	if [ "$2" = owned ]; then
		chown -h 10:11 dir/link links/l2
		chown -R 12:13 new
		chmod 4755 new/hard
	fi
)

# same WHAT VIEW VIEW
same() {
	if diff "$2" "$3" >"$T/diff"; then pass "$1"; else fail "$1"; note "$(cat "$T/diff")"; fi
}

# ours OTHER OWNED: what strake-overlayfs wrote is what OTHER (kernel or other) shows
ours() {
	local dir=$T/ours-$1 to=$1 owned=$2 but
	but=$(but "$to")
	lower "$dir" "$owned"
	mount_ours "$dir/m" "$dir/low2:$dir/low1" "$dir/full"
	work "$dir/m" "$owned"
	unmount "$dir/m"
	view ours "$dir" "$dir/full" >"$dir/full.view"
	ok "$OVERLAYFS" --check --flatten -o "$(_layers "$dir/low2:$dir/low1" "$dir/full")"
	like "there were redirects" "$out" 'a redirected directory, copied whole'
	like "and metadata-only copies" "$out" 'a metadata-only copy, completed'
	view ours "$dir" "$dir/full" >"$dir/flat.view"
	same "flattened, it shows the same" "$dir/full.view" "$dir/flat.view"
	view ours "$dir" "$dir/full" "$but" >"$dir/ours.view"
	view "$to" "$dir" "$dir/full" "$but" >"$dir/$to.view"
	same "$to shows the same" "$dir/ours.view" "$dir/$to.view"

	mount_ours "$dir/m" "$dir/low2:$dir/low1" "$dir/plain" redirect_dir=off,metacopy=off
	work "$dir/m" "$owned"
	unmount "$dir/m"
	view ours "$dir" "$dir/plain" "$but" >"$dir/plain.view"
	eq "no redirect, no metadata-only copy" "$(getfattr -R -h -m 'overlay.(redirect|metacopy)' "$dir/plain/upper")" ""
	view "$to" "$dir" "$dir/plain" "$but" >"$dir/$to.view"
	same "$to shows the same without --flatten" "$dir/plain.view" "$dir/$to.view"
	ok check_upper "$dir/low2:$dir/low1" "$dir/plain"
}

# theirs FROM OWNED: what FROM wrote is what strake-overlayfs shows, also when it goes on with it
theirs() {
	local dir=$T/theirs-$1 from=$1 owned=$2 but
	but=$(but "$from")
	lower "$dir" "$owned"
	"mount_$from" "$dir/m" "$dir/low2:$dir/low1" "$dir/base"
	work "$dir/m" "$owned"
	unmount "$dir/m"
	view "$from" "$dir" "$dir/base" "$but" >"$dir/$from.view"
	view ours "$dir" "$dir/base" "$but" >"$dir/ours.view"
	same "strake-overlayfs shows what $from wrote" "$dir/$from.view" "$dir/ours.view"
	ok "$OVERLAYFS" --check --flatten -o "$(_layers "$dir/low2:$dir/low1" "$dir/base")"
	view ours "$dir" "$dir/base" "$but" >"$dir/checked.view"
	same "--check --flatten changes nothing of it" "$dir/ours.view" "$dir/checked.view"
	mount_ours "$dir/m" "$dir/low2:$dir/low1" "$dir/base"
	mv "$dir/m/new" "$dir/m/newer"
	ok rm -r "$dir/m/again" "$dir/m/dir" "$dir/m/moved"
	mkdir "$dir/m/dir"
	eq "what was removed is gone" "$(ls -A "$dir/m/dir")" ""
	unmount "$dir/m"
	view ours "$dir" "$dir/base" "$but" >"$dir/ours.view"
	view "$from" "$dir" "$dir/base" "$but" >"$dir/$from.view"
	same "$from shows what was done to it" "$dir/ours.view" "$dir/$from.view"
}

# A manifest that is not the same is noticed.
notices() {
	local dir=$T/notices
	mkdir -p "$dir/low1" "$dir/low2"
	echo a >"$dir/low1/f"
	ln "$dir/low1/f" "$dir/low1/g"
	setfattr -n user.a -v b "$dir/low1/f"
	view ours "$dir" "$dir/a" >"$dir/1"
	eq "a manifest has all of a file" "$(grep -cE '^\./g 100644 [0-9:]+ mtime=[0-9]{19} links=2 of=\./f size=2 [0-9a-f]{64} user.a=b$' "$dir/1")" 1
	touch -h -d '2001-01-01' "$dir/low1/f"
	view ours "$dir" "$dir/a" >"$dir/2"
	exits 1 diff "$dir/1" "$dir/2"
}

it "manifests"
in_ns notices
kernel=''
if has_kernel_overlay; then kernel=kernel; else skip_one "the kernel's overlay cannot be mounted here"; fi
other=''
if command -v fuse-overlayfs >/dev/null; then other=other; else skip_one "fuse-overlayfs is not installed"; fi
run=in_ns owned=mine
if [ "$IDENTITY" = range ]; then run=in_ns_range owned=owned; fi
for peer in $kernel $other; do
	it "ours to $peer"
	$run ours "$peer" $owned
	it "$peer's to ours"
	$run theirs "$peer" $owned
done
# what belongs to subordinate ids
if [ "$IDENTITY" = range ]; then
	unshare --map-auto --map-root-user sh -c 'chmod -R u+rwx "$0"/ours-* "$0"/theirs-*; rm -rf "$0"/ours-* "$0"/theirs-*' "$T"
fi
