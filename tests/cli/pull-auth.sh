#!/bin/bash
# Who am I: Basic and Bearer authentication, login and logout, the credential files of docker and of the
# containers tools, and that no other host is ever given them.
. "$(dirname "$0")/../lib/harness.sh"

it "docker-registry with htpasswd"
fails_with 125 '401|[Uu]nauthorized|authentication|login' strake pull -q "$AUTH_REGISTRY/busybox"
fails_with 125 '401|[Uu]nauthorized|credentials|denied' \
	strake login --username alice --password-stdin "$AUTH_REGISTRY" <<<"wrong"
check "a failed login writes no file" test ! -e "$HOME/.config/containers/auth.json"
ok strake login --username alice --password-stdin "$AUTH_REGISTRY" <<<"correct:horse"
auth=$(find "$HOME" -name auth.json -o -name config.json)
eq "login writes one file, for its owner only" "$(stat -c %a "$auth")" 600
eq "in the format all tools share" \
	"$(jq -r --arg r "$AUTH_REGISTRY" '.auths[$r].auth' "$auth")" "$(printf 'alice:correct:horse' | base64)"
ok strake pull -q "$AUTH_REGISTRY/busybox"
ok skopeo inspect --authfile "$auth" --tls-verify=false "docker://$AUTH_REGISTRY/busybox"
ok strake push -q "$AUTH_REGISTRY/busybox" "$AUTH_REGISTRY/pushed/busybox:new"
ok strake logout "$AUTH_REGISTRY"
eq "logout removes the entry" "$(jq -r --arg r "$AUTH_REGISTRY" '.auths[$r]' "$auth" 2>/dev/null || echo null)" null
fails_with 125 'not logged in' strake logout "$AUTH_REGISTRY"
fails_with 125 '401|[Uu]nauthorized|login' strake push -q "$AUTH_REGISTRY/busybox" "$AUTH_REGISTRY/pushed/busybox:x"
fails_with 125 'terminal|password' strake login --username alice "$AUTH_REGISTRY"

it "login keeps what others wrote"
mkdir -p "$T/conf/containers"
echo '{"auths":{"other.example":{"auth":"b3RoZXI6b3RoZXI="}},"credHelpers":{"x.example":"x"}}' >"$T/conf/containers/auth.json"
ok env XDG_CONFIG_HOME="$T/conf" "$STRAKE" login -u alice --password-stdin "$AUTH_REGISTRY" <<<"correct:horse"
eq "other members" "$(jq -c '[.auths["other.example"].auth, .credHelpers["x.example"]]' "$T/conf/containers/auth.json")" \
	'["b3RoZXI6b3RoZXI=","x"]'
ok env XDG_CONFIG_HOME="$T/conf" "$STRAKE" pull -q "$AUTH_REGISTRY/zstd"

it "where credentials are looked for"
fresh_store
entry=$(jq -n --arg r "$AUTH_REGISTRY" '{auths: {($r): {auth: "YWxpY2U6Y29ycmVjdDpob3JzZQ=="}}}')
mkdir -p "$HOME/.docker" "$T/docker" "$T/run/containers"
echo "$entry" >"$HOME/.docker/config.json"
ok strake pull -q "$AUTH_REGISTRY/busybox"
rm "$HOME/.docker/config.json"
echo "$entry" >"$T/docker/config.json"
ok env DOCKER_CONFIG="$T/docker" "$STRAKE" pull -q "$AUTH_REGISTRY/busybox"
echo "$entry" >"$T/run/containers/auth.json"
ok env XDG_RUNTIME_DIR="$T/run" "$STRAKE" pull -q "$AUTH_REGISTRY/busybox"
echo "$entry" >"$T/auth.json"
ok env REGISTRY_AUTH_FILE="$T/auth.json" DOCKER_CONFIG="$T/docker" "$STRAKE" pull -q "$AUTH_REGISTRY/busybox"
ok strake pull -q --authfile "$T/auth.json" "$AUTH_REGISTRY/busybox"
jq '.auths |= with_entries(.key = "https://" + .key + "/v2/")' <<<"$entry" >"$T/auth.json"
ok strake pull -q --authfile "$T/auth.json" "$AUTH_REGISTRY/busybox"
it "the most specific entry wins"
jq -n --arg r "$AUTH_REGISTRY" '{auths: {($r): {auth: "YWxpY2U6d3Jvbmc="}, ($r + "/busybox"): {auth: "YWxpY2U6Y29ycmVjdDpob3JzZQ=="}}}' >"$T/auth.json"
ok strake pull -q --authfile "$T/auth.json" "$AUTH_REGISTRY/busybox"
fails_with 125 '401|[Uu]nauthorized|denied' strake pull -q --authfile "$T/auth.json" "$AUTH_REGISTRY/zstd"
it "an auth file that is no JSON"
echo '{"auths":' >"$T/auth.json"
fails_with 125 'auth.json' strake pull -q --authfile "$T/auth.json" "$AUTH_REGISTRY/busybox"

faultd_start "$FIXTURES/layouts"
fresh_store
echo '{"auths":{}}' >"$T/none.json"
jq -n --arg r "$FAULT" '{auths: {($r): {auth: "YWxpY2U6Y29ycmVjdDpob3JzZQ=="}}}' >"$T/alice.json"
it "Bearer, anonymous"
ok strake pull -q "$FAULT/bearer/busybox"
like "the token goes to the registry" "$(grep '/v2/bearer/busybox/blobs' "$FAULT_LOG")" 'auth=Bearer'
like "and is asked for without credentials" "$(grep '/token' "$FAULT_LOG" | head -n 1)" 'auth=none'
fresh_store
it "Bearer, with credentials"
fails_with 125 '401|[Uu]nauthorized|denied|login' strake pull -q --authfile "$T/none.json" "$FAULT/bearerauth/busybox"
ok strake pull -q --authfile "$T/alice.json" "$FAULT/bearerauth/busybox"
unlike "the password goes to the token server only" "$(grep '/v2/bearerauth' "$FAULT_LOG")" 'auth=Basic'
it "Basic, by a server that writes its challenge in another way"
fresh_store
ok strake pull -q --authfile "$T/alice.json" "$FAULT/basic/busybox"

it "a redirect to another host"
fresh_store
ok strake pull -q --authfile "$T/alice.json" "$FAULT/redirect/busybox"
like "is followed" "$(cat "$FAULT_LOG")" '/cdn/busybox/'
unlike "and never given the credentials" "$(grep '/cdn/' "$FAULT_LOG")" 'auth=(Bearer|Basic)'
it "redirects that never end"
fresh_store
fails_with 125 'redirect' strake pull -q "$FAULT/loop/busybox"
