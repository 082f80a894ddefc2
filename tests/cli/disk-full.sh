#!/bin/bash
# A full disk during pull, unpack and run: a clear error, and the store is still usable.
# needs: root
# timeout: 240
. "$(dirname "$0")/../lib/harness.sh"
[ ! -e "$FIXTURES/why-no-debian" ] || skip "$(cat "$FIXTURES/why-no-debian")"

# mount_small MIB: a file system of that size for the store
small=$T/small
mount_small() {
	umount "$small" 2>/dev/null || true
	mkdir -p "$small"
	mount -t tmpfs -o "size=$1m,mode=0700,uid=$(id -u "$TEST_USER"),gid=$(id -g "$TEST_USER")" none "$small"
}
finally umount "$small"
export STRAKE_STORE=$small/store

for mib in 20 75 110 160 200; do
	it "Debian into $mib MiB"
	mount_small "$mib"
	fails_with 125 'space|full' strake pull -q "$REGISTRY/debian:bookworm"
	like "names the layer" "$err" '[0-9a-f]{12}'
	ok strake gc
	eq "nothing stays" "$(store_rest)" ""
	if [ "$mib" -ge 110 ]; then
		ok strake pull -q "$REGISTRY/zstd"
		prints usable strake run --rm "$REGISTRY/zstd" echo usable
		fails_with 125 'space|full' strake pull -q "$REGISTRY/debian:bookworm"
		prints usable strake run --rm "$REGISTRY/zstd" echo usable
	fi
done

it "the reserve stays free"
mount_small 200
strake pull -q "$REGISTRY/zstd" >/dev/null
try strake pull -q "$REGISTRY/debian:bookworm"
strake gc >/dev/null
check "space is given back" test "$(df --output=avail -BM "$small" | tail -n 1 | tr -dc 0-9)" -gt 150

it "a container that fills the disk"
exits 1 strake run --rm "$REGISTRY/zstd" sh -c 'dd if=/dev/zero of=/big bs=1M count=300 2>/dev/null'
prints fine strake run --rm "$REGISTRY/zstd" echo fine
it "no inodes"
umount "$small"
mount -t tmpfs -o "size=500m,nr_inodes=2000,mode=0700,uid=$(id -u "$TEST_USER")" none "$small"
fails_with 125 'space|full|inode' strake pull -q "$REGISTRY/debian:bookworm"
ok strake gc
eq "nothing stays" "$(store_rest)" ""
it "import into a full disk"
mount_small 66
fails_with 125 'space|full' strake import -q "$FIXTURES/debian.tar" x
store_is_empty "after the import"
