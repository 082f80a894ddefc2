#!/bin/bash
# Servers that fail: what can be retried or resumed is, what cannot ends with 125 and an error that names
# the blob, and the store is left as it was.
# timeout: 400
. "$(dirname "$0")/../lib/harness.sh"
faultd_start "$FIXTURES/layouts"
layer=$(jq -r .layers[0].digest "$FIXTURES/layouts/zstd/blobs/sha256/$(jq -r '.manifests[0].digest' "$FIXTURES/layouts/zstd/index.json" | cut -d: -f2)")
hex=${layer#sha256:}
size=$(stat -c %s "$FIXTURES/layouts/zstd/blobs/sha256/$hex")

# runs_well FAULT: after a pull with this fault the image is whole
runs_well() { prints whole strake run --rm "$FAULT/$1/zstd" echo whole; }

it "breaks off half-way"
ok strake pull -q "$FAULT/cut/zstd"
like "the rest is asked for with Range" "$(grep "/v2/cut/zstd/blobs/$layer" "$FAULT_LOG")" "range=bytes=$((size / 2))-"
runs_well cut
fresh_store
it "breaks off, and the server knows no Range"
ok strake pull -q "$FAULT/cutnorange/zstd"
runs_well cutnorange
fresh_store
it "Range answered from the wrong place"
ok strake pull -q "$FAULT/badrange/zstd"
runs_well badrange
fresh_store
it "no answer at first"
ok strake pull -q "$FAULT/reset/zstd"
fresh_store
it "503 twice"
ok strake pull -q "$FAULT/e503/zstd"
runs_well e503
fresh_store
it "429 with Retry-After: 2"
begin=$(date +%s%N)
ok strake pull -q "$FAULT/r429/zstd"
took=$((( $(date +%s%N) - begin) / 1000000))
check "waited as told ($took ms)" test "$took" -ge 2000
fresh_store
it "chunked, without Content-Length"
ok strake pull -q "$FAULT/chunked/zstd"
fresh_store
it "no Docker-Content-Digest"
ok strake pull -q "$FAULT/nodigest/zstd"
fresh_store

# refused FAULT REGEX: 125, the error names the blob, nothing stays
refused() {
	it "$1"
	fails_with 125 "$2" strake pull -q "$FAULT/$1/zstd"
	ok strake gc
	eq "nothing stays in the store" "$(store_rest)" ""
}
refused trunc "[0-9a-f]{12}"
refused flip "[0-9a-f]{12}"
refused short "[0-9a-f]{12}"
refused endless "[0-9a-f]{12}"
refused e500 "500"
refused e404 "[0-9a-f]{12}"
refused flipconfig "[0-9a-f]{12}"
refused html "[Jj][Ss][Oo][Nn]|type|html"
refused hugeheader "header|large|limit|$FAULT"
it "a manifest changed on its way"
manifest=$(jq -r '.manifests[0].digest' "$FIXTURES/layouts/zstd/index.json")
fails_with 125 "${manifest:7:12}" strake pull -q "$FAULT/flipmanifest/zstd@$manifest"
fails_with 125 "digest" strake pull -q "$FAULT/flipmanifest/zstd"

it "a layer is refused, the rest of the store stays"
ok strake pull -q "$REGISTRY/busybox"
fails_with 125 "[0-9a-f]{12}" strake pull -q "$FAULT/flip/zstd"
prints still strake run --rm "$REGISTRY/busybox" echo still

it "TLS with an authority of our own"
tls=localhost:${FAULT_TLS#*:}
fresh_store
fails_with 125 '[Cc]ertificate|SSL|TLS' strake pull -q "$tls/plain/zstd"
ok strake pull -q --tls-verify=false "$tls/plain/zstd"
fresh_store
ok env SSL_CERT_FILE="$FAULT_CA" "$STRAKE" pull -q "$tls/plain/zstd"
fresh_store
mkdir -p "$HOME/.config/containers/certs.d/$tls"
cp "$FAULT_CA" "$HOME/.config/containers/certs.d/$tls/ca.crt"
ok strake pull -q "$tls/plain/zstd"
rm -r "$HOME/.config"
fresh_store
mkdir "$T/certs"
cp "$FAULT_CA" "$T/certs/our.crt"
ok strake pull -q --cert-dir "$T/certs" "$tls/plain/zstd"
fresh_store

it "plain HTTP is for loopback"
fails_with 125 . env no_proxy= http_proxy="http://$FAULT" https_proxy="http://127.0.0.1:1" \
	"$STRAKE" pull -q "registry.test:81/plain/zstd"
unlike "not even tried elsewhere" "$(cat "$FAULT_LOG")" 'http://registry.test'

it "proxies"
ok env https_proxy="http://$FAULT" "$STRAKE" pull -q --cert-dir "$T/certs" "registry.test/plain/zstd"
like "HTTPS through a tunnel" "$(cat "$FAULT_LOG")" 'CONNECT registry.test:443'
fresh_store
ok env http_proxy="http://$FAULT" "$STRAKE" pull -q --tls-verify=false "registry.test:81/plain/zstd"
like "HTTP through a proxy" "$(cat "$FAULT_LOG")" 'GET http://registry.test:81/v2/plain/zstd'
fresh_store
ok env http_proxy=http://127.0.0.1:1 https_proxy=http://127.0.0.1:1 NO_PROXY=127.0.0.1 "$STRAKE" pull -q "$FAULT/plain/zstd"
fails_with 125 . env http_proxy=http://127.0.0.1:1 https_proxy=http://127.0.0.1:1 "$STRAKE" pull -q --tls-verify=false registry.test:81/plain/zstd

it "Ctrl-C during a pull"
fresh_store
exits 130 pty --on 'slow|[0-9a-f]{12}|%' 'send:\x03' "$STRAKE" pull "$FAULT/slow/debian:bookworm"
ok strake gc
ok strake pull -q "$FAULT/plain/zstd"
