#!/bin/bash
# strake-overlayfs --check and --flatten: what is wrong in an upper is found, what can be mended is, and neither
# what is seen nor the times of directories change; -n touches nothing; an upper may hold anything. After --flatten
# the kernel's overlay shows the same; killed at many different steps and run again, the outcome is the same.
# timeout: 300
. "$(dirname "$0")/../lib/harness.sh"
. "$(dirname "$0")/../lib/overlay.sh"
if ! { : <>/dev/fuse; } 2>/dev/null; then skip "/dev/fuse cannot be opened here"; fi

# run DIR [OPTION...]: --check of DIR/upper over DIR/low2:DIR/low1
run() {
	local dir=$1
	shift
	"$OVERLAYFS" --check "$@" -o "lowerdir=$dir/low2:$dir/low1,upperdir=$dir/upper,workdir=$dir/work"
}
# tree DIR: all of it, as it is on disk
tree() { "$LIB/manifest" "$1"; }
# view DIR [OPTION...]: the merged view of DIR as strake-overlayfs shows it
view() {
	local dir=$1
	shift
	mount_ours "$dir/m" "$dir/low2:$dir/low1" "$dir.layers"
	"$LIB/manifest" "$@" "$dir/m"
	unmount "$dir/m"
}
# layers DIR: DIR.layers is what lib/overlay.sh wants, DIR/upper and DIR/work the same
layers() {
	mkdir -p "$1/low1" "$1/low2" "$1/upper" "$1/work" "$1/m" "$1.layers"
	ln -s "$1/upper" "$1/work" "$1.layers/"
}
# kinds: what was found, without what is done about it; of standard input
kinds() { sed "s/, .*//; s/left over '\(.*\)'/left over \1/" | sort; }
whiteout() { mknod "$1" c 0 0; }
mark() { setfattr -n "user.overlay.$2" -v "${3-}" "$1"; }

# --- what --check finds

# lower layers, and an upper with one of each fault
faults() {
	local dir=$1 up=$1/upper
	layers "$dir"
	mkdir -p "$dir/low1/d/s" "$dir/low1/k" "$dir/low2/d"
	echo x >"$dir/low1/d/f"
	echo y >"$dir/low1/k/f"
	echo z >"$dir/low1/meta"
	mkdir "$up"/{d,opaque,both,pure,closed}
	mkdir "$dir/work/work" "$dir/work/work/left"
	echo over >"$dir/work/work/over"
	whiteout "$up/idle"
	whiteout "$up/d/f"
	whiteout "$up/d/idle"
	mark "$up/opaque" opaque y
	whiteout "$up/opaque/idle"
	whiteout "$up/closed/idle"
	whiteout "$up/"$'new\nline \e[31m'
	mark "$up/both" opaque y
	mark "$up/both" redirect /k
	echo own >"$up/stale"
	mark "$up/stale" redirect /meta
	truncate -s 2 "$up/pure/moved"
	mark "$up/pure/moved" metacopy
	mark "$up/pure/moved" redirect /meta
	echo plain >"$up/.wh.plain"
	touch "$up/recorded"
	setfattr -n user.containers.override_stat -v 0:0:0644:file "$up/recorded"
	chmod 0 "$up/closed"
	find "$up" -exec touch -h -d '2004-04-04 04:04:04.444' {} +
}
mended='/both: a redirect of a directory that hides what is below
/closed/idle: a whiteout that hides nothing
/d/idle: a whiteout that hides nothing
/idle: a whiteout that hides nothing
/new\x0aline \x1b[31m: a whiteout that hides nothing
/opaque/idle: a whiteout that hides nothing
/pure: a directory that hides marks in it
/stale: a redirect of a file that has its data
work directory: left over left
work directory: left over over'

check_finds() {
	local dir=$T/finds
	faults "$dir"
	tree "$dir/upper" >"$T/before"
	tree "$dir/work" >"$T/work.before"
	exits 1 run "$dir" -n
	eq "a dry run says each" "$(kinds <<<"$out")" "$1"
	tree "$dir/upper" >"$T/after"
	ok diff "$T/before" "$T/after"
	tree "$dir/work" >"$T/work.after"
	ok diff "$T/work.before" "$T/work.after"
	cp -a "$dir/upper" "$dir/kept"
	find "$dir/upper" -exec touch -h -d '2004-04-04 04:04:04.444' {} +
	ok run "$dir"
	eq "access times of directories are kept" "$(find "$dir/upper" -type d -printf '%A+\n' | sort -u)" \
		"2004-04-04+04:04:04.4440000000"
	eq "and the others" "$(find "$dir/upper" -type d -printf '%T+\n' | sort -u)" "2004-04-04+04:04:04.4440000000"
	eq "the real one says each" "$(kinds <<<"$out")" "$1"
	prints "" run "$dir"
	eq "the work directory is empty" "$(find "$dir/work" -mindepth 2)" ""
	eq "whiteouts that hide something stay" "$(find "$dir/upper" -type c -printf '%P\n')" d/f
	eq "the file that is no whiteout" "$(cat "$dir/upper/.wh.plain")" plain
	like "marks in the plain directory are read now" "$(getfattr -h -m- -d --absolute-names "$dir/upper/pure")" 'impure="y"'
	eq "so that it has its data" "$(view "$dir" | grep -c "pure/moved .*$(sha256sum <"$dir/low1/meta" | cut -c1-64)")" 1
	# what was seen is seen
	view "$dir" --but xattrs | grep -v '^\./pure' >"$T/view.mended"
	chmod -R u+rwx "$dir/upper"
	rm -rf "$dir/upper"
	mv "$dir/kept" "$dir/upper"
	view "$dir" --but xattrs | grep -v '^\./pure' >"$T/view.faulty"
	ok diff "$T/view.faulty" "$T/view.mended"
}
it "--check"
in_ns check_finds "$mended"

check_reports() {
	local dir=$T/reports up=$T/reports/upper
	layers "$dir"
	mkdir -p "$dir/low1/k" "$dir/low1/other"
	echo meta >"$dir/low1/meta"
	mkdir "$up"/{dots,nowhere,long,one,two,moved,mounted}
	mark "$up/dots" redirect ../k
	mark "$up/nowhere" redirect /no/such
	mark "$up/long" redirect "/$(printf 'a%.0s' {1..3000})"
	mark "$up/one" redirect /k
	mark "$up/two" redirect /k
	whiteout "$up/k"
	mark "$up/moved" redirect /other
	touch "$up/gone" "$up/short" "$up/record" "$up/huge"
	truncate -s 5 "$up/gone"
	mark "$up/gone" metacopy
	truncate -s 2 "$up/short"
	mark "$up/short" metacopy
	mark "$up/short" redirect /meta
	setfattr -n user.containers.override_stat -v 0:0:rwx "$up/record"
	setfattr -n user.containers.override_stat -v "$(printf '0%.0s' {1..200})" "$up/huge"
	mount -t tmpfs none "$up/mounted"
	whiteout "$up/mounted/idle"
	tree "$up" >"$T/before"
	exits 1 run "$dir"
	eq "what cannot be mended" "$(cut -d: -f1 <<<"$out" | sort)" \
		"$(printf '/%s\n' dots gone huge long mounted moved nowhere record short two | sort)"
	like "a redirect with dots" "$out" '^/dots: its redirect is malformed$'
	like "one without a target" "$out" "^/nowhere: its redirect leads nowhere: '/no/such'$"
	like "a name that is too long" "$out" '^/long: its redirect is malformed$'
	like "two of a kind" "$out" "^/(one|two): shows the lower directory '/k', as '/(one|two)' does$"
	like "a rename cut short" "$out" "^/moved: shows the lower directory '/other', as '/other' does$"
	like "data that are missing" "$out" '^/gone: a metadata-only copy whose data are in no lower layer$'
	like "data that were changed" "$out" '^/short: a metadata-only copy of 2 bytes whose data have 5:'
	like "a record of no form" "$out" "^/record: user.containers.override_stat is not"
	like "another file system" "$out" '^/mounted: another file system is mounted here$'
	tree "$up" >"$T/after"
	ok diff "$T/before" "$T/after"
	exits 1 run "$dir" --flatten
	unlike "--flatten leaves them" "$out" '^/(gone|short|nowhere|dots|long): .*(completed|copied)'
	like "and does the others" "$out" '^/two: a redirected directory, copied whole$'
	eq "a redirect that leads nowhere stays" "$(getfattr --absolute-names --only-values -n user.overlay.redirect "$up/nowhere")" /no/such
	exits 1 run "$dir"
	unlike "each has its own now" "$out" '^/(one|two|moved):'
	umount "$up/mounted"
}
it "what cannot be mended"
in_ns check_reports

check_elsewhere() {
	local dir=$T/elsewhere
	layers "$dir"
	mkdir "$dir/outside"
	whiteout "$dir/outside/idle"
	ln -s "$dir/outside" "$dir/upper/link"
	mkfifo "$dir/upper/fifo"
	prints "" run "$dir" --flatten
	check "symlinks are not followed" test -c "$dir/outside/idle"
	mkdir -p "$T/none/work"
	fails_with 1 "cannot open the upper directory" run "$T/none"
	rm -rf "$dir/work"
	fails_with 1 "cannot open the work directory" run "$dir"
	mkdir "$dir/work"
	mount -t tmpfs none "$dir/work"
	fails_with 1 "is not on the file system of the upper" run "$dir"
	umount "$dir/work"
}
it "the world around"
in_ns check_elsewhere

check_busy() {
	local dir=$T/busy
	layers "$dir"
	mount_ours "$dir/m" "$dir/low1" "$dir.layers"
	whiteout "$dir/upper/idle"
	fails_with 1 "is in use" run "$dir"
	check "nothing was changed" test -c "$dir/upper/idle"
	unmount "$dir/m"
	ok run "$dir"
	check "but then" test ! -e "$dir/upper/idle"
}
it "an upper in use"
in_ns check_busy

# --- --flatten

# redirects in redirects, links within and without, metadata-only copies alone and with several names
work_on() {
	local dir=$1 m=$1/m
	layers "$dir"
	(
		cd "$dir/low1"
		mkdir -p d/sub/deep e plain
		echo one >d/one
		ln d/one d/sub/again
		ln d/one e/outside
		echo two >d/sub/two
		ln -s two d/sub/link
		mkfifo d/fifo
		echo gone >d/gone
		echo x >d/sub/deep/x
		head -c 300000 /dev/urandom >e/big
		truncate -s 1M e/big
		ln e/big e/big2
		setfattr -n user.a -v b d/sub
		setfattr -n user.a -v b e/big
		echo file >plain/file
		cp /bin/true plain/true
		chmod 4755 plain/file e/big
		setcap cap_net_raw+ep plain/true
		setcap cap_net_raw+ep e/big
		chmod 2751 d/sub
		setfacl -m u:0:rwx plain/file 2>/dev/null || true
		find . -exec touch -h -d '2001-01-01 01:01:01.111' {} +
	)
	mkdir -p "$dir/low2/d"
	echo from2 >"$dir/low2/d/from2"
	mount_ours "$m" "$dir/low2:$dir/low1" "$dir.layers"
	rm "$m/d/gone"
	mv "$m/d" "$m/moved"
	touch "$m/moved/sub/deep/new"
	mv "$m/moved/sub/deep" "$m/moved/deeper"
	chmod 4700 "$m/e/big"
	chmod 4711 "$m/plain/file"
	setfattr -n user.c -v d "$m/plain/true"
	mkdir "$m/pure" "$m/d"
	mv "$m/plain/file" "$m/pure/"
	echo new >"$m/d/one"
	unmount "$m"
	whiteout "$dir/upper/e/nothing"
	find "$dir/upper" -type d -exec touch -d '2003-03-03 03:03:03.333' {} +
}
marks() { getfattr -R -h -m '^user.overlay' "$1" 2>/dev/null | sed -n 's/^user.overlay.//p' | sort | uniq -c | tr -s ' \n' ' '; }

check_flatten() {
	local dir=$T/flat said
	work_on "$dir"
	view "$dir" >"$T/view"
	like "the upper needs it" "$(marks "$dir/upper")" '4 metacopy .*[34] redirect'
	exits 1 run "$dir" --flatten -n
	said=$out
	ok run "$dir" --flatten
	like "metadata-only copies are completed" "$out" '^/plain/true: a metadata-only copy, completed$'
	like "redirected directories are copied" "$out" '^/moved/deeper: a redirected directory, copied whole$'
	eq "a dry run says no less" "$(sed -n 's/, to be /, /p' <<<"$said" | grep -v big | sort)" "$(grep -v big <<<"$out" | sort)"
	eq "nothing is left that only we read" "$(marks "$dir/upper")" " 3 opaque "
	eq "whiteouts that hide nothing any more are gone" "$(find "$dir/upper" -type c -printf '%P\n')" plain/file
	prints "" run "$dir" --flatten
	prints "" run "$dir" --flatten -n
	view "$dir" >"$T/flat.view"
	ok diff "$T/view" "$T/flat.view"
	eq "files with several names have them" "$(stat -c %h "$dir/upper/e/big" "$dir/upper/moved/one" | tr '\n' ' ')" "2 3 "
	eq "holes stay" "$(($(stat -c %b "$dir/upper/e/big") < 1000))" 1
	if [ "$2" = kernel ]; then
		mount_kernel "$dir/m" "$dir/low2:$dir/low1" "$dir.layers"
		"$LIB/manifest" "$dir/m" >"$T/kernel.view"
		unmount "$dir/m"
		ok diff "$T/view" "$T/kernel.view"
	fi
}
kernel=no
if has_kernel_overlay; then kernel=kernel; else skip_one "the kernel's overlay cannot be mounted here"; fi
it "--flatten"
in_ns check_flatten x $kernel

# Names and paths longer than PATH_MAX, in both layers.
deep() {
	(
		cd "$1"
		name=$(printf 'n%.0s' {1..250})
		for _ in {1..40}; do mkdir "$name"; cd -P "./$name"; done
		"${@:2}"
	)
}
check_deep() {
	local dir=$T/deep
	layers "$dir"
	mkdir "$dir/low1/old" "$dir/upper/"{new,chain}
	deep "$dir/low1/old" touch end
	mark "$dir/upper/new" redirect /old
	whiteout "$dir/upper/old"
	deep "$dir/upper/chain" mknod idle c 0 0
	ok run "$dir" --flatten
	like "the end is reached" "$(wc -l <<<"$out")" '^2$'
	eq "copied to the end" "$("$LIB/manifest" "$dir/upper/new" | grep -c /end)" 1
	eq "swept to the end" "$("$LIB/manifest" "$dir/upper/chain" | grep -c idle)" 0
}
it "deeper than PATH_MAX"
in_ns check_deep

# Whiteouts that are files, and what fuse-overlayfs leaves.
check_files() {
	local dir=$T/files
	layers "$dir"
	echo 1 | tee "$dir/low1/"{a,b,c} >/dev/null
	mkdir "$dir/low1/d"
	touch "$dir/low1/d/below"
	STRAKE_NO_MKNOD=1 mount_ours "$dir/m" "$dir/low1" "$dir.layers"
	rm -r "$dir/m"/{a,b,d}
	mkdir "$dir/m/d"
	unmount "$dir/m"
	check "whiteouts are files" test -e "$dir/upper/.wh.a"
	touch "$dir/upper/.wh.nothing" "$dir/upper/.wh.c" "$dir/upper/c"
	view "$dir" >"$T/view"
	exits 1 run "$dir" -n
	ok run "$dir"
	eq "what hides nothing is swept" "$(sort <<<"$out")" "/.wh.c: a whiteout beside what it should hide, removed
/.wh.nothing: a whiteout that hides nothing, removed"
	mkdir "$dir/upper/fuse"
	touch "$dir/upper/fuse/.wh..wh..opq"
	whiteout "$dir/upper/fuse/.wh..opq"
	setfattr -n user.fuseoverlayfs.opaque -v y "$dir/upper/fuse"
	touch -r "$dir/low1" "$dir/upper/fuse" "$dir/upper"
	view "$dir" >"$T/view"
	ok run "$dir" --flatten
	eq "only devices are left" "$(find "$dir/upper" -mindepth 1 -printf '%y %P\n' | sort)" "c a
c b
d d
d fuse
f c"
	like "opaque to all" "$(getfattr --absolute-names -m- -d "$dir/upper/fuse")" '^user.overlay.opaque="y"'
	eq "and nothing says that there are files" "$(getfattr --absolute-names -m- "$dir/upper")" ""
	view "$dir" >"$T/after"
	ok diff "$T/view" "$T/after"
}
it "whiteouts that are files"
in_ns check_files

# --- killed

# kill_at CALL N DIR: kill it when it is about to do CALL the N-th time; 1 when it never does
kill_at() {
	local code=0
	{
		STRAKE_NO_XATTRAT=1 strace -f -qq -o /dev/null -e "trace=$1" -e "inject=$1:signal=KILL:when=$2" \
			"$OVERLAYFS" --check --flatten -o "lowerdir=$3/low2:$3/low1,upperdir=$3/upper,workdir=$3/work" >/dev/null || code=$?
	} 2>/dev/null
	[ "$code" = 137 ]
}
check_killed() {
	local dir=$T/killed step call n kills=0 whole='' same='' steps
	work_on "$dir"
	view "$dir" >"$T/view"
	"$LIB/manifest" "$dir/low1" >"$T/low"
	cp -a "$dir/upper" "$dir/first"
	steps=(setxattr:2 setxattr:9 setxattr:16 removexattr:1 linkat:2 linkat:5 renameat:1 utimensat:3 utimensat:12 copy_file_range:4)
	for step in "${steps[@]}"; do
		call=${step%:*} n=${step#*:}
		rm -rf "$dir/upper" "$dir/work/work"
		cp -a "$dir/first" "$dir/upper"
		kill_at "$call" "$n" "$dir" || continue
		kills=$((kills + 1))
		# between: nothing but times and what is linked to what may differ
		view "$dir" --but mtime --but links --hide security.capability >"$T/between"
		sed -E 's/ (mtime|links|of)=[^ ]*//g; s/ security.capability=[^ ]*//' "$T/view" | diff - "$T/between" >"$T/diff" ||
			whole+="$step: $(cat "$T/diff")"$'\n'
		run "$dir" --flatten >"$T/again" 2>&1 || same+="$step: $(cat "$T/again")"$'\n'
		[ "$(marks "$dir/upper")" = " 3 opaque " ] || same+="$step: $(marks "$dir/upper")"$'\n'
		view "$dir" >"$T/after"
		diff "$T/view" "$T/after" >"$T/diff" || same+="$step: $(cat "$T/diff")"$'\n'
	done
	check "it was killed often enough ($kills times)" test "$kills" -ge 7
	eq "every file is old or new, and whole" "$whole" ""
	eq "the next run ends where it would have ended" "$same" ""
	"$LIB/manifest" "$dir/low1" | diff "$T/low" - >"$T/diff" || true
	eq "the lower layer is as it was" "$(cat "$T/diff")" ""
}
it "killed"
if strace -qq -o /dev/null true 2>/dev/null; then
	in_ns check_killed
else
	skip_one "strace cannot trace here"
fi
