#!/bin/bash
# The store is a valid OCI image layout: other tools read it as it stands, and what they wrote is kept.
. "$(dirname "$0")/../lib/harness.sh"
strake pull -q "$REGISTRY/busybox" >/dev/null
strake pull -q "$REGISTRY/zoo" >/dev/null
strake import -q "$FIXTURES/busybox.tar" mine >/dev/null

it "the layout"
eq "oci-layout" "$(jq -c . "$STRAKE_STORE/oci-layout")" '{"imageLayoutVersion":"1.0.0"}'
eq "index.json" "$(jq -c '[.schemaVersion, (.manifests | length)]' "$STRAKE_STORE/index.json")" '[2,3]'
eq "every descriptor has a blob of its size" "$(jq -r '.manifests[] | "\(.digest[7:]) \(.size)"' "$STRAKE_STORE/index.json" |
	while read -r hex size; do [ "$(stat -c %s "$STRAKE_STORE/blobs/sha256/$hex")" = "$size" ] || echo "$hex"; done)" ""

it "skopeo"
for name in "$REGISTRY/busybox:latest" "$REGISTRY/zoo:latest" localhost/mine:latest; do
	ok skopeo inspect "oci:$STRAKE_STORE:$name"
done
ok skopeo copy -q --insecure-policy "oci:$STRAKE_STORE:$REGISTRY/zoo:latest" "oci:$T/copy:zoo"

it "umoci"
ok umoci list --layout "$STRAKE_STORE"
ok umoci unpack --rootless --image "$STRAKE_STORE:localhost/mine:latest" "$T/bundle"
check "unpacks" test -x "$T/bundle/rootfs/bin/busybox"

it "what others write"
ok skopeo copy -q --insecure-policy --src-tls-verify=false "docker://$REGISTRY/zstd" "oci:$STRAKE_STORE:localhost/by-skopeo:1"
prints_like '^localhost/by-skopeo +1 ' strake images
ok strake unpack by-skopeo:1
prints other strake run --rm by-skopeo:1 echo other
jq '.annotations = {"keep": "me"} | .manifests[0].annotations.mine = "too"' "$STRAKE_STORE/index.json" >"$T/index.json"
cp "$T/index.json" "$STRAKE_STORE/index.json"
ok strake tag mine newer
eq "unknown members survive" "$(jq -r '.annotations.keep + .manifests[0].annotations.mine' "$STRAKE_STORE/index.json")" metoo
ok strake gc
prints other strake run --rm by-skopeo:1 echo other

it "modes"
for d in cache containers uploads; do
	eq "$d is closed to others" "$(stat -c %a "$STRAKE_STORE/$d")" 700
done
chmod 755 "$STRAKE_STORE/cache"
try strake run --rm mine true
if [ "$rc" = 0 ]; then
	eq "an opened cache is closed again" "$(stat -c %a "$STRAKE_STORE/cache")" 700
else
	like "or refused by name" "$err" 'cache.*(0?700|mode|permission)'
	chmod 700 "$STRAKE_STORE/cache"
fi
