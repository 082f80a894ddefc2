#!/bin/bash
# push: blobs unchanged byte for byte, none sent that is there, indexes as they were.
. "$(dirname "$0")/../lib/harness.sh"
repo=$REGISTRY/push-$IDENTITY-$$
raw() { skopeo inspect --raw --tls-verify=false "docker://$1"; }

it "what was pulled goes back unchanged"
for image in busybox:latest zoo:latest layers:100 docker:v2s2 config:latest; do
	ok strake pull -q "$REGISTRY/$image"
	ok strake push -q "$REGISTRY/$image" "$repo/$image"
	eq "$image: the same manifest" "$(raw "$repo/$image" | sha256sum)" "$(raw "$REGISTRY/$image" | sha256sum)"
done

it "blobs that are there are not sent again"
n=$(grep -cE "\"(PUT|PATCH) /v2/push-$IDENTITY-$$/.*blobs/uploads" "$REGISTRY_LOG" || true)
check "they were sent once" test "$n" -gt 0
ok strake push -q "$REGISTRY/zoo:latest" "$repo/zoo:again"
eq "and not twice" "$(grep -cE "\"(PUT|PATCH) /v2/push-$IDENTITY-$$/.*blobs/uploads" "$REGISTRY_LOG" || true)" "$n"

it "an index"
ok strake pull -q "$REGISTRY/multi:known"
ok strake push -q "$REGISTRY/multi:known" "$repo/multi:one"
for p in linux/arm64 linux/arm/v7 linux/arm/v6 linux/amd64; do ok strake pull -q --platform "$p" "$REGISTRY/multi:known"; done

it "what was imported"
ok strake import -q --change 'CMD ["/bin/sh"]' "$FIXTURES/busybox.tar" mine
prints_like 'sha256:[0-9a-f]{64}' strake push mine "$repo/mine:1"
ok skopeo copy -q --insecure-policy --src-tls-verify=false "docker://$repo/mine:1" "oci:$T/copied:1"
ok strake pull -q "$repo/mine:1"
prints back strake run --rm "$repo/mine:1" echo back
fresh_store
prints back strake run --rm "$repo/mine:1" echo back

it "one argument pushes under the image's own name"
ok strake tag "$repo/mine:1" "$repo/own:name"
ok strake push -q "$repo/own:name"
ok skopeo inspect --tls-verify=false "docker://$repo/own:name"

it "failures"
fails_with 125 'no-such' strake push no-such "$repo/x"
fails_with 125 'connect|refused' strake push "$repo/mine:1" 127.0.0.1:1/x
faultd_start "$FIXTURES/layouts"
fails_with 125 '405|UNSUPPORTED|unsupported' strake push "$repo/mine:1" "$FAULT/plain/x:1"
it "an error's text is the server's"
like "its code is shown" "$err" '405|[Uu][Nn][Ss][Uu][Pp]'
