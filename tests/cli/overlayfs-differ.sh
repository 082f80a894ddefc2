#!/bin/bash
# strake-overlayfs over two lower layers is, operation for operation, what a plain directory is, and what the
# kernel's overlay is as far as that goes: the same random operations are made on each, and results, errors,
# attributes, contents and trees compared (tests/fuse/differ.c). What one mount did, the next one finds.
# STRAKE_SLOW=1 makes it 100,000 operations on each pair.
# timeout: 300
. "$(dirname "$0")/../lib/harness.sh"
. "$(dirname "$0")/../lib/overlay.sh"
if ! { : <>/dev/fuse; } 2>/dev/null; then skip "/dev/fuse cannot be opened here"; fi
rounds=4 ops=1200
if [ -n "${STRAKE_SLOW-}" ]; then rounds=20 ops=5000; fi
DIFFER=$PROGRAMS/differ
export DIFFER

# make_lower DIR SEED [OPTION]: DIR/top over DIR/bottom, and DIR/plain, which an overlay of both has to look like
make_lower() {
	local dir=$1 seed=$2
	shift 2
	mkdir -p "$dir/bottom" "$dir/top" "$dir/plain"
	"$DIFFER" --make-lower "$seed" "$@" "$dir/bottom" "$dir/top"
	"$DIFFER" --flatten-lower "$dir/bottom" "$dir/top" "$dir/plain"
}

# The layers must have what is to be tried, or a bug of their maker would hide all of the server's.
layers_are_rich() {
	check "whiteouts in the upper one" test "$(find "$1/top" -type c | wc -l)" -ge 8
	check "opaque directories in the upper one" test \
		"$(getfattr -R -h -n user.overlay.opaque "$1/top" 2>/dev/null | grep -c '^# file')" -ge 6
	check "hundreds of objects" test "$(find "$1/plain" | wc -l)" -ge 250
}

# against_plain SEED ROUNDS OPS
against_plain() {
	local seed=$1 dir=$T/plain i
	make_lower "$dir" "$seed"
	layers_are_rich "$dir"
	check "hard links in the lower one" test "$(find "$dir/bottom" -type f -links +1 | wc -l)" -ge 5
	for ((i = 1; i <= $2; i++)); do
		mount_ours "$dir/ours" "$dir/top:$dir/bottom" "$dir/up"
		ok "$DIFFER" --seed "$seed$i" --ops "$3" --stable-ino "$dir/ours" "$dir/plain"
		[ "$rc" = 0 ] || i=$2
		check "the server ends with 0" unmount "$dir/ours"
		ok check_upper "$dir/top:$dir/bottom" "$dir/up"
	done
	# the tree of the last round, by another mount
	mount_ours "$dir/ours" "$dir/top:$dir/bottom" "$dir/up"
	ok "$DIFFER" --ops 0 "$dir/ours" "$dir/plain"
	check "the server ends with 0" unmount "$dir/ours"
}

# against_kernel SEED ROUNDS OPS
against_kernel() {
	local seed=$1 dir=$T/kernel i
	make_lower "$dir" "$seed" --no-links
	layers_are_rich "$dir"
	for ((i = 1; i <= $2; i++)); do
		mount_ours "$dir/ours" "$dir/top:$dir/bottom" "$dir/up"
		mount_kernel "$dir/kernel" "$dir/top:$dir/bottom" "$dir/kup"
		ok "$DIFFER" --seed "$seed$i" --ops "$3" --tolerate exdev "$dir/ours" "$dir/kernel"
		[ "$rc" = 0 ] || i=$2
		unmount "$dir/kernel"
		check "the server ends with 0" unmount "$dir/ours"
		ok check_upper "$dir/top:$dir/bottom" "$dir/up"
	done
}

# A file changed behind the back of one of the two, and then only a mode, are noticed.
notices() {
	local dir=$T/notices
	make_lower "$dir" 7
	mount_plain "$dir/one" "$dir/plain"
	cp -a "$dir/plain" "$dir/two"
	ok "$DIFFER" --ops 0 "$dir/one" "$dir/two"
	printf x >>"$dir/two/links/file1"
	exits 1 "$DIFFER" --ops 0 "$dir/one" "$dir/two"
	like "it says where" "$out" "links/(file|link)1"
	rm -r "$dir/two"
	cp -a "$dir/plain" "$dir/two"
	ln -f "$dir/two/links/file1" "$dir/two/links/file2"
	exits 1 "$DIFFER" --ops 0 "$dir/one" "$dir/two"
	unmount "$dir/one"
}

it "differ itself"
in_ns notices
it "against a plain directory"
if [ "$IDENTITY" = range ]; then
	in_ns_range against_plain 39 "$rounds" "$ops"
else
	in_ns against_plain 35 "$rounds" "$ops"
fi
it "against the kernel's overlay"
if has_kernel_overlay; then
	in_ns against_kernel 36 "$rounds" "$ops"
else
	skip_one "the kernel's overlay cannot be mounted by a user here"
fi
