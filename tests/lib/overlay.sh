# Sourced, after harness.sh, by the scripts that try an overlay file system (tests/cli/overlayfs-*.sh). Three
# ways to have a file system at a directory - strake-overlayfs, the kernel's overlay, a plain directory - all of
# them inside namespaces of the script's own:
#
#   over_it() { mount_ours "$T/m" "$T/low2:$T/low1" "$T/up"; ok "$PROGRAMS/posix" "$T/m"; unmount "$T/m"; }
#   in_ns over_it
#
# in_ns runs the function in a fresh bash, which knows all functions of the script, the exported variables and
# those named in _in_ns below, but none of the script's other variables: pass them as arguments. Assertions work
# inside. (`ok in_ns FUNCTION` works too, as long as FUNCTION itself asserts nothing.) When the function ends, or
# fails - errexit is set - whatever it mounted is unmounted and its servers are stopped.
# shellcheck shell=bash
declare -A server=()
OVERLAYFS=$(cd "$(dirname "$STRAKE")/../libexec/strake" && pwd)/strake-overlayfs

# in_ns FUNCTION [ARG...]: run FUNCTION as root of a user namespace in which only the user's own id is mapped.
# in_ns_range: the same with the user's subordinate ids; only when IDENTITY is range.
# Run by root (# needs: root), both only give it a mount namespace of its own.
in_ns() { _in_ns -r "$@"; }
in_ns_range() { _in_ns --map-auto --map-root-user "$@"; }
_in_ns() {
	local how=() vars
	while [[ $1 = -* ]]; do how+=("$1"); shift; done
	[ "$(id -u)" != 0 ] || how=()
	vars=$(declare -p LIB OVERLAYFS)
	unshare "${how[@]}" -m --propagation private bash -c "set -euo pipefail
		$(declare -f)
		$vars
		declare -A server=()
		title=$(printf '%q' "${title-}") rc=0 out='' err='' cleanups=()
		trap _end EXIT
		"'"$@"' bash "$@"
}

# has_kernel_overlay: the kernel's overlay can be mounted writable over $T in a namespace of this user
has_kernel_overlay() { in_ns _probe_kernel 2>/dev/null; }
_probe_kernel() {
	mkdir -p "$T/probe/low" "$T/probe/m"
	mount_kernel "$T/probe/m" "$T/probe/low" "$T/probe/up"
	touch "$T/probe/m/x"
	unmount "$T/probe/m"
	rm -rf "$T/probe"
}

# _layers LOWER BASE: the layer options; BASE/upper and BASE/work are made, BASE '' is read-only
_layers() {
	printf 'lowerdir=%s' "$1"
	[ -n "$2" ] || return 0
	mkdir -p "$2/upper" "$2/work"
	printf ',upperdir=%s,workdir=%s' "$2/upper" "$2/work"
}

# mount_ours MNT LOWER[:LOWER...] BASE [OPTIONS]: strake-overlayfs at MNT with BASE/upper and BASE/work, served by
# a process (-f) whose pid is ${server[MNT]} and whose output is in MNT.log. Returns when it is live.
mount_ours() {
	local mnt=$1 layers
	layers=$(_layers "$2" "$3")
	mkdir -p "$mnt"
	"$OVERLAYFS" -f -o "$layers${4:+,$4}" "$mnt" >>"$mnt.log" 2>&1 &
	server[$mnt]=$!
	finally _drop "$mnt" $!
	until_true 60 _live_or_ended "$mnt" || true
	is_mounted "$mnt" || { echo "strake-overlayfs did not mount $mnt:" >&2; cat "$mnt.log" >&2; return 1; }
}
is_mounted() { grep -qF " $1 " /proc/self/mountinfo; }
_live_or_ended() { is_mounted "$1" || ! _runs "${server[$1]}"; }
_runs() { [[ $(jobs -rp) =~ (^|[[:space:]])$1($|[[:space:]]) ]]; }
_ended() { ! _runs "$1"; }

# mount_kernel MNT LOWER[:LOWER...] BASE [OPTIONS]: the kernel's overlay, as mount_ours
mount_kernel() {
	local layers
	layers=$(_layers "$2" "$3")
	# only the initial namespace's root has trusted.* attributes
	if [ "$(stat -Lc %i /proc/self/ns/user)" != 4026531837 ]; then layers+=,userxattr; fi
	mkdir -p "$1"
	mount -t overlay overlay -o "$layers${4:+,$4}" "$1"
	finally _drop "$1"
}

# mount_plain MNT DIR: DIR itself, bound to MNT
mount_plain() {
	mkdir -p "$1" "$2"
	mount --bind "$2" "$1"
	finally _drop "$1"
}

# unmount MNT: unmount whatever is there, wait until its server ended (60 s, then it is killed) and return the
# server's exit code; what the server printed is shown when that is not 0.
unmount() {
	local pid=${server[$1]-} code=0
	umount "$1"
	[ -n "$pid" ] || return 0
	until_true 60 _ended "$pid" || { echo "the server of $1 did not end" >&2; kill -9 "$pid"; }
	wait "$pid" || code=$?
	unset "server[$1]"
	[ "$code" = 0 ] || { echo "the server of $1 ended with $code" >&2; cat "$1.log" >&2; }
	return "$code"
}

# kill_server MNT: kill its server with signal 9 and detach what is left of the mount
kill_server() {
	kill -9 "${server[$1]}"
	wait "${server[$1]}" 2>/dev/null || true
	unset "server[$1]"
	umount -l "$1"
}

# _drop MNT [PID]: what is left of a mount when a function ends early
_drop() {
	if is_mounted "$1"; then umount -l "$1"; fi
	if [ -n "${2-}" ] && [ "${server[$1]-}" = "$2" ]; then
		kill -9 "$2" 2>/dev/null
		wait "$2" 2>/dev/null
	fi
}

# check_upper LOWER BASE: strake-overlayfs --check finds nothing in BASE/upper, and BASE/work holds no garbage.
# Prints what it finds.
check_upper() {
	local code=0 garbage
	"$OVERLAYFS" --check -o "$(_layers "$1" "$2")" || code=$?
	garbage=$(find "$2/work" -mindepth 1 \( -path "$2/work/*/*" -o ! -type d \) -printf '%P\n')
	[ -z "$garbage" ] || { printf 'left in the work directory: %s\n' "$garbage"; code=1; }
	return "$code"
}
