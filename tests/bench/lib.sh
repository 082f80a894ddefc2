# Shared by the benches: sourced after contrib/lib.sh, not run.
# shellcheck shell=bash

# bench_begin NAME: makes the directory $work, which goes away with all mounts in it when the script ends,
# after the function bench_end, if there is one.
bench_begin() {
	work=$(mktemp -d "/var/tmp/$1.XXXXXX")
	chmod 755 "$work"
	trap bench_finish EXIT
	trap 'exit 1' INT TERM HUP
}
bench_finish() {
	! declare -F bench_end >/dev/null || bench_end || true
	! mountpoint -q "$work/user" || umount "$work/user" 2>/dev/null || umount -l "$work/user" || true
	rm -rf "$work" 2>/dev/null || true
}

# bench_disk SIZE [OPTIONS]: $work/user, on an ext4 of its own (mounted with OPTIONS) where that can be had:
# what others wrote and deleted lately does not count then. 1 where it cannot.
bench_disk() {
	mkdir "$work/user"
	is_root && truncate -s "$1" "$work/disk" && mkfs.ext4 -q "$work/disk" &&
		mount -o "loop${2:+,$2}" "$work/disk" "$work/user" && rmdir "$work/user/lost+found"
}
