#!/bin/bash
# The server of strake-overlayfs killed at any moment, again and again (tests/fuse/crash.c): every file is old or
# new and whole, no name is lost, the next mount goes on from there, and neither what a killed server leaves in
# the work directory nor a mount after it stands in the way of --check. STRAKE_SLOW=1 makes it 200 kills.
# timeout: 240
. "$(dirname "$0")/../lib/harness.sh"
. "$(dirname "$0")/../lib/overlay.sh"
if ! { : <>/dev/fuse; } 2>/dev/null; then skip "/dev/fuse cannot be opened here"; fi
runs=2
if [ -n "${STRAKE_SLOW-}" ]; then runs=20; fi

# After every other kill --check looks first, and cleans; after the others the next mount has to do without.
make_between() {
	cat >"$1" <<-END
		#!/bin/bash
		set -euo pipefail
		$(declare -p OVERLAYFS)
		$(declare -f _layers check_upper)
		n=\$(cat "$1.n" 2>/dev/null || echo 0)
		echo \$((n + 1)) >"$1.n"
		[ \$((n % 2)) = 0 ] || exit 0
		"\$OVERLAYFS" --check -o "\$(_layers "$2" "$3")" >&2
		check_upper "$2" "$3" >&2
	END
	chmod +x "$1"
}

# killed SEED KILLS
killed() {
	local dir=$T/run$1
	mkdir -p "$dir/low" "$dir/m"
	"$PROGRAMS/crash" --make-lower "$1" "$dir/low"
	make_between "$dir/between" "$dir/low" "$dir/up"
	ok "$PROGRAMS/crash" --seed "$1" --kills "$2" --between "$dir/between" --lower "$dir/low" "$dir/m" \
		"$OVERLAYFS" -f -o "$(_layers "$dir/low" "$dir/up")"
	like "it was worked on" "$out" "^$2 kills in [0-9]{2,} operations"
	ok check_upper "$dir/low" "$dir/up"
	mount_ours "$dir/m" "$dir/low" "$dir/up"
	ok find "$dir/m" -mindepth 1 -maxdepth 1 -exec rm -rf {} +
	eq "rm -rf removes all" "$(ls -A "$dir/m")" ""
	check "the server ends with 0" unmount "$dir/m"
	ok check_upper "$dir/low" "$dir/up"
	rm -rf "$dir"
}

# Files that lose their end while no server runs are noticed.
notices() {
	local dir=$T/notices
	mkdir -p "$dir/low" "$dir/m"
	"$PROGRAMS/crash" --make-lower 1 "$dir/low"
	printf '#!/bin/bash\nfind "%s/low" -type f -exec truncate -s 3 {} +\n' "$dir" >"$dir/between"
	chmod +x "$dir/between"
	exits 1 "$PROGRAMS/crash" --seed 1 --kills 1 --between "$dir/between" --lower "$dir/low" "$dir/m" \
		"$OVERLAYFS" -f -o "$(_layers "$dir/low" "$dir/up")"
	like "it says which" "$out" "'dir[0-9].*' (has|holds|says|cannot be) "
	rm -rf "$dir"
}

it "crash itself"
in_ns notices
for ((run = 1; run <= runs; run++)); do
	it "10 kills, run $run"
	in_ns killed "$run" 10
done
