#!/bin/bash
# The table of system calls (tests/fuse/posix.c), on every kind of object that an overlay can have: on a plain
# directory, which shows that the table asks for nothing that is not so, and on strake-overlayfs, which then
# has to show the same again by another mount. As root of a user namespace with the user's own id, and with
# a range of ids where the user has one.
# timeout: 600
. "$(dirname "$0")/../lib/harness.sh"
. "$(dirname "$0")/../lib/overlay.sh"
if ! { : <>/dev/fuse; } 2>/dev/null; then skip "/dev/fuse cannot be opened here"; fi

# What is known to differ, as patterns for failures:
# - a read that the kernel answers from its own memory is none to the server, which keeps the atime
cat >"$T/known" <<'END'
time: atime of file-copied after a read*
END

# counted WHAT LEAST: the table in $out was run whole, and nothing failed
counted() {
	local passed
	passed=$(sed -n 's/^\([0-9]*\) passed, 0 failed$/\1/p' <<<"$out" | tail -n 1)
	check "$1: $2 checks at least (${passed:-none})" test "${passed:-0}" -ge "$2"
}

on_plain() {
	mkdir -p "$T/plain"
	ok "$PROGRAMS/posix" --prepare-plain "$T/plain"
	ok "$PROGRAMS/posix" "$T/plain"
	counted "the table" 20000
	ok "$PROGRAMS/posix" --verify "$T/plain"
	counted "what stays" 5000
}

# on_ours DIR: with layers and a mount of its own below it. Over a remount without the kernel's gathering of
# writes: with it, the time of the last change that some files show can be milliseconds off afterwards.
on_ours() {
	local d=$1
	mkdir -p "$d/A" "$d/B"
	ok "$PROGRAMS/posix" --prepare-lower "$d/A" "$d/B"
	mount_ours "$d/m" "$d/A:$d/B" "$d/up"
	ok "$PROGRAMS/posix" "$d/m" --known "$T/known"
	counted "the table" 20000
	check "the server ends with 0" unmount "$d/m"

	mount_ours "$d/m" "$d/A:$d/B" "$d/up2" writeback=0
	ok "$PROGRAMS/posix" "$d/m" --known "$T/known"
	counted "the table" 20000
	check "the server ends with 0" unmount "$d/m"
	mount_ours "$d/m" "$d/A:$d/B" "$d/up2" writeback=0
	ok "$PROGRAMS/posix" --verify "$d/m" --known "$T/known"
	counted "what stays" 5000
	check "the server ends with 0" unmount "$d/m"
}

# a fault of the file system's is noticed: here a directory that takes no xattrs away is what is faulty
it "the table notices"
mkdir "$T/wrong"
"$PROGRAMS/posix" --prepare-plain "$T/wrong" >/dev/null
rm -rf "$T/wrong"/*
exits 1 "$PROGRAMS/posix" "$T/wrong" --only open

it "a plain directory"
in_ns on_plain
it "one id"
in_ns on_ours "$T/one"
if [ "$IDENTITY" = range ]; then
	it "a range of ids"
	in_ns_range on_ours "$T/range"
fi
