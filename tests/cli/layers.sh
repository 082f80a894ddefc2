#!/bin/bash
# What layers say is what containers see: whiteouts, opaque directories, hard links, modes, times, sparse
# files, long and odd names, every compression, 100 layers; the same through every way to stack them.
# timeout: 300
. "$(dirname "$0")/../lib/harness.sh"
strake pull -q "$REGISTRY/zoo" >/dev/null || { fail "pull of the zoo"; strake pull "$REGISTRY/zoo"; exit 1; }
zoo=$REGISTRY/zoo

# zoo_with OVERLAY USERNS: true modes are promised for copies with a range
zoo_with() {
	local modes=widened
	[ "$1/$2" != copy/range ] || modes=true
	prints "" strake run --rm --overlay="$1" --userns="$2" "$zoo" sh /check.sh $modes
}

for overlay in kernel copy; do
	it "the zoo, --overlay=$overlay"
	zoo_with $overlay single
	[ "$IDENTITY" = single ] || zoo_with $overlay range
	it "xattrs, --overlay=$overlay"
	mkdir -p "$T/$overlay"
	# busybox has no getfattr: the host's looks at a copy on a bind mount, made by a tool that keeps xattrs
	prints value strake run --rm --overlay=$overlay -v /usr/bin/getfattr:/getfattr:ro -v /lib:/lib:ro -v /lib64:/lib64:ro \
		"$zoo" /getfattr --only-values -n user.test /attr
	prints "" strake run --rm --overlay=$overlay -v /usr/bin/getfattr:/getfattr:ro -v /lib:/lib:ro -v /lib64:/lib64:ro \
		"$zoo" /getfattr --only-values -n user.empty /attr
	ok strake run --rm --overlay=$overlay -v /usr/bin/getfattr:/getfattr:ro -v /lib:/lib:ro -v /lib64:/lib64:ro \
		"$zoo" /getfattr -d -m - /reserved
	like "what is not reserved stays" "$out" 'user.fine='
	unlike "reserved ones are dropped" "$out" 'user.overlay|trusted|4777'
	if [ "$overlay" = copy ]; then
		prints 4096 strake run --rm --overlay=$overlay "$zoo" sh -c 'head -c 4096 /sparse-pax | wc -c'
	fi
done

it "a hard link to a file of a lower layer"
ok strake pull -q "$REGISTRY/hardlower"
for overlay in kernel copy; do
	prints "lowerd" strake run --rm --overlay=$overlay "$REGISTRY/hardlower" sh -c 'echo $(cat /link /d/link)'
done

it "owners"
if [ "$IDENTITY" = range ]; then
	prints "1000:1001 640" strake run --rm --overlay=copy "$zoo" stat -c '%u:%g %a' /owned
	prints "1000:1001 755" strake run --rm --overlay=copy "$zoo" stat -c '%u:%g %a' /owned-dir
	prints "50000:60000" strake run --rm --overlay=copy "$zoo" stat -c %u:%g /owned-big
fi
prints "0:0 640" strake run --rm --overlay=copy --userns=single "$zoo" stat -c '%u:%g %a' /owned
prints "0:0 640" strake run --rm --overlay=kernel "$zoo" stat -c '%u:%g %a' /owned
it "device nodes are placeholders, not devices"
prints "regular empty file" strake run --rm "$zoo" stat -c %F /null-dev
prints "regular empty file" strake run --rm "$zoo" stat -c %F /loop-dev

it "in the store every file is the user's, and readable by him"
eq "owners" "$(find "$STRAKE_STORE/cache" ! -user "$(id -un)")" ""
eq "modes" "$(find "$STRAKE_STORE/cache" \( -type f ! -perm -u+r -o -type d ! -perm -u+rwx \))" ""
eq "no devices but whiteouts" "$(find "$STRAKE_STORE/cache" -type b -o -type c ! -size 0 -printf '%p\n')" ""
eq "the true owner is recorded as other tools do" \
	"$(getfattr -h --only-values -n user.containers.override_stat "$(find "$STRAKE_STORE/cache/layers" -path '*/root/owned')")" \
	"1000:1001:0640"
eq "and the type of a device" \
	"$(getfattr -h --only-values -n user.containers.override_stat "$(find "$STRAKE_STORE/cache/layers" -path '*/root/null-dev')" | sed 's/^0:0:0*666/0:0:666/')" \
	"0:0:666:char-1-3"

it "100 layers"
ok strake pull -q "$REGISTRY/layers:100"
for overlay in kernel copy; do
	prints "98 99 shared 99 99" strake run --rm --overlay=$overlay "$REGISTRY/layers:100" sh -c \
		'echo $(ls /n | sort) $(cat /last) $(wc -c </n/shared)'
done
it "with a long path to the store"
long=$T/$(printf 'l%.0s' $(seq 200))/$(printf 'm%.0s' $(seq 200))
ok env STRAKE_STORE="$long" "$STRAKE" pull -q "$REGISTRY/layers:100"
prints 99 env STRAKE_STORE="$long" "$STRAKE" run --rm "$REGISTRY/layers:100" cat /last
ok env STRAKE_STORE="$long" "$STRAKE" reset -f
it "with a store path full of what mount options cannot hold"
odd="$T/a,b:c\\d e=f\"g'"
ok env STRAKE_STORE="$odd" "$STRAKE" pull -q "$REGISTRY/layers:100"
prints 99 env STRAKE_STORE="$odd" "$STRAKE" run --rm "$REGISTRY/layers:100" cat /last
ok env STRAKE_STORE="$odd" "$STRAKE" reset -f

it "unpack makes the layers again"
rm -rf "$STRAKE_STORE/cache"
ok strake unpack "$zoo"
prints "" strake run --rm --pull=never "$zoo" sh /check.sh
rm -rf "$STRAKE_STORE/cache"
it "run unpacks what is missing"
prints "" strake run --rm "$zoo" sh /check.sh

it "writes copy up, deletes white out"
ok strake run --rm --pull=never "$zoo" sh -c 'echo changed >>/dir/keep && cat /dir/keep && rm -r /dir /opq && mkdir /opq && test -z "$(ls /opq)" && ! test -e /dir'
prints "" strake run --rm "$zoo" sh /check.sh
