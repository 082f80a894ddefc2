#!/bin/bash
# strake-overlayfs as the root of the machine: marks are trusted.overlay.* unless userxattr is given, and only those are
# believed that no client can write; recorded owners in security.*; devices, setuid programs and other users.
# needs: root
. "$(dirname "$0")/../lib/harness.sh"
. "$(dirname "$0")/../lib/overlay.sh"
if ! { : <>/dev/fuse; } 2>/dev/null; then skip "/dev/fuse cannot be opened here"; fi
if [ "$(stat -Lc %i /proc/self/ns/user)" != 4026531837 ]; then skip "this is not the machine's root"; fi
keys() { getfattr -R -h -m- --absolute-names "$1" | grep -v -e '^#' -e '^$' -e '^security' | sort -u | tr '\n' ' '; }
as() { setpriv --reuid "$1" --regid "$1" --clear-groups "${@:2}"; }
chmod 755 "$T"

marks() {
	mkdir -p "$T/marks/low/d" "$T/marks/m"
	echo data >"$T/marks/low/f"
	mount_ours "$T/marks/m" "$T/marks/low" "$T/marks"
	chmod 600 "$T/marks/m/f"
	mv "$T/marks/m/d" "$T/marks/m/e"
	unmount "$T/marks/m"
	eq "as the kernel marks them for root" "$(keys "$T/marks/upper")" \
		"trusted.overlay.metacopy trusted.overlay.redirect trusted.overlay.strake.ino "
	ok "$OVERLAYFS" --check --flatten -o "$(_layers "$T/marks/low" "$T/marks")"
	eq "tells what it does" "$(sort <<<"$out")" "/e: a redirected directory, copied whole
/f: a metadata-only copy, completed"
	eq "flattened" "$(keys "$T/marks/upper")" "trusted.overlay.opaque "
	mount_ours "$T/marks/m" "$T/marks/low" "$T/marks/user" userxattr
	chmod 600 "$T/marks/m/f"
	mv "$T/marks/m/d" "$T/marks/m/e"
	unmount "$T/marks/m"
	eq "userxattr" "$(keys "$T/marks/user/upper")" "user.overlay.metacopy user.overlay.redirect user.overlay.strake.ino "
	ok "$OVERLAYFS" --check --flatten -o "$(_layers "$T/marks/low" "$T/marks/user"),userxattr"
	eq "flattened" "$(keys "$T/marks/user/upper")" "user.overlay.opaque "
}
it "marks"
in_ns marks

# A user who marks a file of his own must not get at others.
forged() {
	local dir=$T/forged
	mkdir -p "$dir/low/tmp" "$dir/m"
	echo secret >"$dir/low/secret"
	chmod 600 "$dir/low/secret"
	chmod 1777 "$dir/low/tmp"
	mount_ours "$dir/m" "$dir/low" "$dir"
	as 65534 sh -c 'cd "$0" && truncate -s 7 mine && setfattr -n user.overlay.metacopy mine && setfattr -n user.overlay.redirect -v /secret mine &&
		mkdir dir && setfattr -n user.overlay.redirect -v / dir && chmod 777 dir' "$dir/m/tmp"
	unmount "$dir/m"
	mount_ours "$dir/m" "$dir/low" "$dir"
	eq "the file is what it was" "$(as 65534 cat "$dir/m/tmp/mine" | tr '\0' 0)" 0000000
	eq "the directory, too" "$(ls -A "$dir/m/tmp/dir")" ""
	eq "the xattr is a client's own" "$(getfattr --only-values --absolute-names -n user.overlay.redirect "$dir/m/tmp/mine")" /secret
	unmount "$dir/m"
	ok "$OVERLAYFS" --check --flatten -o "$(_layers "$dir/low" "$dir")"
	unlike "--check is not led on, either" "$out" mine
	eq "and leaves it" "$(getfattr --only-values --absolute-names -n user.overlay.redirect "$dir/upper/tmp/mine")" /secret
}
it "marks that a client made"
in_ns forged

owners() {
	local m=$T/owners/m up=$T/owners/upper key=security.fuseoverlayfs.override_stat
	mkdir -p "$T/owners/low" "$m"
	mount_ours "$m" "$T/owners/low" "$T/owners" xattr_permissions=1
	touch "$m/f"
	chown 5:6 "$m/f"
	chmod 4711 "$m/f"
	mknod "$m/null" c 1 3
	eq "they are shown" "$(stat -c '%u:%g %a %F' "$m/f" "$m/null" | tr '\n' ' ')" "5:6 4711 regular empty file 0:0 644 character special file "
	eq "recorded" "$(getfattr --only-values --absolute-names -n $key "$up/f" "$up/null" | sed 's/char/ char/')" "5:6:04711:file0:0:0644: char-1-3"
	eq "and not set" "$(stat -c '%u:%g %F' "$up/f" "$up/null" | tr '\n' ' ')" "0:0 regular empty file 0:0 regular empty file "
	unmount "$m"
}
it "xattr_permissions=1"
in_ns owners

others() {
	local m=$T/others/m
	mkdir -p "$T/others/low" "$m"
	cp /usr/bin/id "$T/others/low/id"
	chmod 4755 "$T/others/low/id"
	mknod -m 666 "$T/others/low/null" c 1 3
	echo x >"$T/others/low/f"
	chmod 640 "$T/others/low/f"
	mount_ours "$m" "$T/others/low" "$T/others" allow_other
	eq "other users use it" "$(as 65534 ls "$m" | tr '\n' ' ')" "f id null "
	fails_with 1 'Permission denied' as 65534 cat "$m/f"
	eq "setuid programs" "$(as 65534 "$m/id" -u)" 0
	ok dd if=/dev/zero of="$m/null" count=1 status=none
	unmount "$m"
	mount_ours "$m" "$T/others/low" "$T/others" nosuid,nodev
	eq "nosuid" "$(as 65534 "$m/id" -u)" 65534
	fails_with 1 'Permission denied' dd if=/dev/zero of="$m/null" count=1 status=none
	unmount "$m"
}
it "other users, setuid programs, devices"
in_ns others
