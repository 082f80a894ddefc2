#!/bin/bash
# images, tag, rmi, inspect and gc: what is listed, what is named, what goes.
. "$(dirname "$0")/../lib/harness.sh"

it "an empty store"
prints "" strake images -q
prints_like 'REPOSITORY +TAG +IMAGE ID +CREATED +SIZE' strake images
eq "only the heading" "$(strake images | wc -l)" 1
prints '[]' bash -c "'$STRAKE' images --format json | jq -c ."

strake pull -q "$REGISTRY/busybox" >/dev/null
strake pull -q "$REGISTRY/zstd" >/dev/null
strake import -q "$FIXTURES/busybox.tar" mine >/dev/null
id=$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/busybox" | jq -r .config.digest | cut -d: -f2)

it "images"
ok strake images
like "name, tag, short id" "$out" "^$REGISTRY/busybox +latest +${id:0:12} +.* +[0-9.]+ ?[kMG]i?B$"
like "imported" "$out" '^localhost/mine +latest '
eq "one line each" "$(wc -l <<<"$out")" 4
prints_like "^${id:0:12}$" strake images -q
prints_like "^sha256:$id$" strake images -q --no-trunc
prints_like "sha256:$id" strake images --no-trunc
ok strake images --format json
eq "json is valid and complete" "$(jq -r 'length' <<<"$out")" 3
eq "with the names" "$(jq -r '.[] | (.Names // .names // .RepoTags)[0]' <<<"$out" | sort | head -n 1)" "$REGISTRY/busybox:latest"
fails_with 125 'format|yaml' strake images --format yaml

it "tag"
ok strake tag mine other:v1
prints_like '^localhost/other +v1 ' strake images
prints x strake run --rm other:v1 echo x
ok strake tag "${id:0:12}" byid
prints x strake run --rm byid echo x
ok strake tag "$REGISTRY/busybox" registry.example/a/b:c
prints x strake run --rm --pull=never registry.example/a/b:c echo x
ok strake tag mine other:v1
fails_with 125 'no-such' strake tag no-such x
fails_with 125 '[Ll]ower.?case' strake tag mine Bad
eq "a tag names one image" "$(jq '[.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "localhost/other:v1")] | length' "$STRAKE_STORE/index.json")" 1
ok strake tag "$REGISTRY/zstd" other:v1
eq "and moves" "$(strake inspect other:v1 | jq -r '.[0].Id')" "$(strake inspect "$REGISTRY/zstd" | jq -r '.[0].Id')"

it "inspect"
ok strake inspect "$REGISTRY/busybox"
eq "id" "$(jq -r '.[0].Id' <<<"$out" | sed s/sha256://)" "$id"
eq "docker's members" "$(jq -c '.[0] | [.Architecture != null, .Os, .Config.Cmd, .RootFS.Type, (.RepoTags|index($n) != null), (.RepoDigests|length > 0), .Created != null, .Size > 0]' \
	--arg n "$REGISTRY/busybox:latest" <<<"$out")" '[true,"linux",["/bin/sh"],"layers",true,true,true,true]'
eq "several at once" "$(strake inspect "$REGISTRY/busybox" mine | jq length)" 2
fails_with 125 'no-such' strake inspect no-such

it "rmi"
fails_with 125 'no-such' strake rmi no-such
ok strake rmi other:v1
prints x strake run --rm mine echo x
fails_with 125 'other' strake run --rm --pull=never other:v1 true
ok strake rmi byid
ok strake rmi registry.example/a/b:c
ok strake rmi "$REGISTRY/busybox" mine
eq "the last" "$(strake images -q | wc -l)" 1
it "rmi by id"
ok strake tag "$REGISTRY/zstd" second
zid=$(strake images -q | head -n 1)
fails_with 125 'tag|names|several|force|-f' strake rmi "$zid"
ok strake rmi -f "$zid"
store_is_empty "after the last rmi"

it "gc"
ok strake import -q "$FIXTURES/busybox.tar" keep
touch "$STRAKE_STORE/blobs/sha256/$(printf '0%.0s' $(seq 64))"
mkdir -p "$STRAKE_STORE/cache/layers/$(printf '1%.0s' $(seq 64))/root"
echo x >"$STRAKE_STORE/uploads/sha256-$(printf '2%.0s' $(seq 64)).partial"
mkdir -p "$STRAKE_STORE/cache/tmp/stray"
ok strake gc
eq "strays go" "$(find "$STRAKE_STORE" -name '000000*' -o -name '111111*' -o -name '*222222*' -o -name stray)" ""
prints kept strake run --rm keep echo kept
it "gc while a container runs"
mkfifo "$T/stdin"
"$STRAKE" run --rm -i keep sh -c 'echo ready; read -r x; cat /etc/os-release >/os && ls /bin/busybox' <"$T/stdin" >"$T/running" 2>&1 &
pid=$!
exec 8>"$T/stdin"
until_true 60 grep -q ready "$T/running" || true
ok strake rmi -f keep
ok strake gc
echo >&8
exec 8>&-
r=0
wait "$pid" || r=$?
eq "the running container keeps its layers" "$r $(tail -n 1 "$T/running")" "0 /bin/busybox"
store_is_empty "after it ended"

it "a damaged index.json is named, not replaced"
echo '{"schemaVersion":2,"manifests":[' >"$STRAKE_STORE/index.json"
fails_with 125 'index.json' strake images
fails_with 125 'index.json' strake import -q "$FIXTURES/busybox.tar" x
eq "untouched" "$(cat "$STRAKE_STORE/index.json")" '{"schemaVersion":2,"manifests":['
