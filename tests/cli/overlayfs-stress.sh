#!/bin/bash
# strake-overlayfs under eight processes that write, map, truncate, punch, copy, rename and remove at the same
# time (tests/fuse/stress.c): what is read is what was written, the tree is whole at the end and the same by
# another mount, all of it can be removed, and the server ends well. STRAKE_SLOW=1 makes it half an hour.
# timeout: 180
. "$(dirname "$0")/../lib/harness.sh"
. "$(dirname "$0")/../lib/overlay.sh"
if ! { : <>/dev/fuse; } 2>/dev/null; then skip "/dev/fuse cannot be opened here"; fi
seconds=15
if [ -n "${STRAKE_SLOW-}" ]; then seconds=1800; fi

# tree_of DIR: all that is below DIR, as text
tree_of() { (cd "$1" && find . -printf '%p %y %m %U %G %n %l %T@\n' && find . -type f -exec sha256sum {} +) | sort; }

# stressed SEED SECONDS [OPTIONS]: the server's options
stressed() {
	local mnt=$T/m low=$T/low before
	mkdir -p "$low"
	"$PROGRAMS/stress" --make-lower --clients 8 --seed "$1" "$low"
	mount_ours "$mnt" "$low" "$T/up" "${3-}"
	ok "$PROGRAMS/stress" --clients 8 --seed "$1" --seconds "$2" "$mnt"
	like "all did something" "$out" '^client 7: [0-9]{2,} operations'
	before=$(tree_of "$mnt")
	like "there is a tree" "$before" 'client0/file'
	check "the server ends with 0" unmount "$mnt"
	ok check_upper "$low" "$T/up"

	mount_ours "$mnt" "$low" "$T/up" "${3-}"
	# directories' link counts are for a mount to choose
	eq "the same by another mount" "$(diff <(grep -v ' d ' <<<"$before") <(tree_of "$mnt" | grep -v ' d ') | head)" ""
	ok find "$mnt" -mindepth 1 -maxdepth 1 -exec rm -rf {} +
	eq "rm -rf removes all" "$(ls -A "$mnt")" ""
	check "the server ends with 0" unmount "$mnt"
	ok check_upper "$low" "$T/up"
}

stop_client() { if _runs "$1"; then kill "$1"; fi; }

# A server that loses a byte is noticed: here it is this script that changes one, in each file again and again.
notices() {
	local mnt=$T/plain client code=0
	mount_plain "$mnt" "$T/behind"
	"$PROGRAMS/stress" --clients 2 --seconds 60 "$mnt" >"$T/noticed" 2>&1 &
	client=$!
	finally stop_client $client
	python3 - "$T/behind/client0" $client <<-'END'
		import os, sys
		directory, client = sys.argv[1], sys.argv[2]
		def runs():
		    try:
		        with open(f"/proc/{client}/stat") as stat:
		            return stat.read().rpartition(")")[2].split()[0] != "Z"
		    except OSError:
		        return False
		while runs():
		    try:
		        for name in os.listdir(directory):
		            with open(f"{directory}/{name}", "r+b", buffering=0) as file:
		                byte = file.read(1)
		                os.pwrite(file.fileno(), bytes(255 - b for b in byte), 0)
		    except OSError:
		        pass
	END
	wait $client || code=$?
	eq "a byte that changed is noticed" "$code" 1
	like "it says which" "$(cat "$T/noticed")" 'at offset [0-9]+ .* wanted|has [0-9]+ bytes, wanted|last operations'
	unmount "$mnt"
}

it "stress itself"
in_ns notices
it "8 clients, $seconds s"
in_ns stressed 1 "$seconds"
