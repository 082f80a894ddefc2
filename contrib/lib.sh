# Shared by contrib/quickstart and contrib/check: sourced, not run.
# shellcheck shell=bash

step() { printf '==> %s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }
is_root() { [ "$(id -u)" = 0 ]; }

# as_user USER CMD...: run CMD as USER with a clean environment, in USER's own session.
as_user() {
	local user=$1 home
	shift
	home=$(getent passwd "$user" | cut -d: -f6)
	if is_root && [ "$user" != root ]; then
		(cd / && exec runuser -u "$user" -- env -i HOME="$home" USER="$user" LOGNAME="$user" \
			PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin LANG=C.UTF-8 \
			TERM="${TERM-dumb}" "$@")
	else
		"$@"
	fi
}

# make_user USER range|norange: make USER where missing, with a subordinate id range or without one.
make_user() {
	local user=$1 file
	if ! getent passwd "$user" >/dev/null; then
		useradd --create-home --shell /bin/bash "$user"
	fi
	for file in /etc/subuid /etc/subgid; do
		[ -e "$file" ] || touch "$file"
		if [ "$2" = range ]; then
			grep -q "^$user:" "$file" || add_range "$user" "$file"
		else
			sed -i "/^$user:/d" "$file"
		fi
	done
}

# add_range USER FILE: give USER the first free 65536 ids in FILE (/etc/subuid or /etc/subgid).
add_range() {
	awk -F: -v user="$1" '
		$2 + $3 > next_id { next_id = $2 + $3 }
		END { if (next_id < 100000) next_id = 100000; printf "%s:%d:65536\n", user, next_id }
	' "$2" >"$2.strake-new"
	cat "$2.strake-new" >>"$2"
	rm "$2.strake-new"
}

# copy_source FROM TO: the files of the tree, without build products, readable by everyone.
copy_source() {
	mkdir -p "$2"
	if git -c safe.directory='*' -C "$1" rev-parse --git-dir >/dev/null 2>&1; then
		(cd "$1" && git -c safe.directory='*' ls-files -z --cached --others --exclude-standard |
			while IFS= read -r -d '' f; do
				if [ -e "$f" ] || [ -L "$f" ]; then printf '%s\0' "$f"; fi
			done | tar -c --null -T - -f -) | tar -x --no-same-owner -C "$2" -f -
	else
		tar -c -C "$1" --exclude=./build --exclude=./.git . | tar -x --no-same-owner -C "$2" -f -
	fi
	chmod -R a+rX "$2"
}
