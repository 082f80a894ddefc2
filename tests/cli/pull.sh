#!/bin/bash
# Pull from a real registry: by tag and digest, indexes, platforms, what is there is not fetched again,
# what it prints on a terminal, in a pipe and with -q.
. "$(dirname "$0")/../lib/harness.sh"

own_registry
it "by tag"
ok strake pull "$REGISTRY/busybox:latest"
unlike "no control characters in a pipe" "$out$err" $'\r|\x1b'
like "plain lines say what was pulled" "$out$err" "sha256:[0-9a-f]{12}|[0-9a-f]{12}"
prints_like "^$REGISTRY/busybox +latest " strake images
manifest=$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/busybox:latest" | sha256sum | cut -d' ' -f1)
config=$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/busybox:latest" | jq -r .config.digest)
eq "the manifest is stored byte for byte" "$(sha256sum <"$(blob "$manifest")" | cut -d' ' -f1)" "$manifest"
eq "every blob has the digest it is named by" "$(cd "$STRAKE_STORE/blobs/sha256" && sha256sum -- * | awk '$1 != $2')" ""

it "again"
ok strake pull "$REGISTRY/busybox:latest"
# not a count before and one after: the log may lag behind what the registry sends
eq "no blob is fetched that is there" \
	"$(grep -oE '"GET [^ ]*/blobs/sha256:[0-9a-f]+' "$REGISTRY_LOG" | sort | uniq -d)" ""
check "and was fetched before" grep -q '"GET [^ ]*/blobs/' "$REGISTRY_LOG"

it "-q"
prints_like "^(sha256:)?${config#sha256:}$" strake pull -q "$REGISTRY/busybox:latest"
eq "prints one line, the image id" "$(wc -l <<<"$out")" 1
eq "and nothing on stderr" "$err" ""
fresh_store
ok strake pull -q "$REGISTRY/busybox"
eq "a fresh quiet pull chatters nothing" "$err" ""

it "by digest"
fresh_store
ok strake pull -q "$REGISTRY/busybox@sha256:$manifest"
prints hello strake run --rm "$REGISTRY/busybox@sha256:$manifest" echo hello
fresh_store
fails_with 125 "${manifest:0:12}|unknown|not found" strake pull -q "$REGISTRY/zoo@sha256:$manifest"

it "tag and digest: the digest decides"
ok strake pull -q "$REGISTRY/busybox:whatever@sha256:$manifest"

it "an index"
fresh_store
ok strake pull -q "$REGISTRY/multi:known"
case $(uname -m) in x86_64) mine=amd64 ;; aarch64) mine=arm64v8 ;; *) mine='?' ;; esac
prints "$mine" strake run --rm "$REGISTRY/multi:known" cat /arch
index=$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/multi:known" | sha256sum | cut -d' ' -f1)
check "the index is kept as a blob" test -e "$(blob "$index")"

it "--platform"
for p in linux/arm64:arm64v8 linux/arm/v7:armv7 linux/arm/v6:armv6 linux/arm64/v8:arm64v8 linux/amd64:amd64; do
	ok strake pull -q --platform "${p%:*}" "$REGISTRY/multi:known"
	eq "${p%:*} is what the tag names now" \
		"$(strake inspect "$REGISTRY/multi:known" | jq -r '.[0].Architecture')" \
		"$(cut -dv -f1 <<<"${p#*:}")"
done
fails_with 125 'linux/s390x' strake pull -q --platform linux/s390x "$REGISTRY/multi:known"
fails_with 125 'platform' strake pull -q --platform 'li nux' "$REGISTRY/multi:known"
if [ "$mine" = amd64 ]; then
	fails_with 125 'linux/amd64' strake pull -q "$REGISTRY/multi:noplatform"
fi
fails_with 125 'arm64' strake pull -q --platform linux/arm64 "$REGISTRY/busybox:latest"

it "every family and compression"
for image in docker:v2s2 zstd:latest uncompressed:latest zoo:latest layers:100 config:nulls; do
	ok strake pull -q "$REGISTRY/$image"
done
prints "busybox of the host" strake run --rm "$REGISTRY/docker:v2s2" sh -c '. /etc/os-release; echo $PRETTY_NAME'

it "a progress bar per layer on a terminal"
fresh_store
ok pty --size 24x80 "$STRAKE" pull "$REGISTRY/layers:100"
like "it is redrawn" "$out" $'\r|\x1b\\['
width=$(tr '\r' '\n' <<<"$out" | sed 's/\x1b\[[0-9;?]*[A-Za-z]//g' | awk '{ if (length($0) > n) n = length($0) } END { print n + 0 }')
le "no line is wider than the terminal" "$width" 80

it "names"
fails_with 125 'no-such-image' strake pull -q "$REGISTRY/no-such-image:latest"
fails_with 125 'no-such-tag' strake pull -q "$REGISTRY/busybox:no-such-tag"
fails_with 125 '[Ll]ower.?case' strake pull -q "$REGISTRY/Upper"
fails_with 125 'reference|name|invalid' strake pull -q "$REGISTRY/bad//name"
fails_with 125 'invalid|tag|reference' strake pull -q "$REGISTRY/busybox:-x"
fails_with 125 'connect|refused|reach' strake pull -q "127.0.0.1:1/busybox"
fails_with 125 'resolve|nowhere.invalid' strake pull -q "nowhere.invalid/busybox"
fails_with 125 'usage|IMAGE|argument' strake pull

it "where the store is"
STRAKE_STORE='' ok env -u STRAKE_STORE "$STRAKE" pull -q "$REGISTRY/busybox"
check "\$HOME/.local/share/strake by default" test -e "$HOME/.local/share/strake/index.json"
ok env -u STRAKE_STORE XDG_DATA_HOME="$T/data" "$STRAKE" pull -q "$REGISTRY/busybox"
check "\$XDG_DATA_HOME/strake" test -e "$T/data/strake/index.json"
ok strake --store "$T/elsewhere" pull -q "$REGISTRY/busybox"
check "--store before \$STRAKE_STORE" test -e "$T/elsewhere/index.json"
for s in "$HOME/.local/share/strake" "$T/data/strake" "$T/elsewhere"; do
	ok strake --store "$s" reset -f
done
