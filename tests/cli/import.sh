#!/bin/bash
# import: a root filesystem tarball, from a file or stdin, in any compression, with --change.
. "$(dirname "$0")/../lib/harness.sh"
tar=$FIXTURES/busybox.tar

it "a file"
prints_like '^(sha256:)?[0-9a-f]{64}$' strake import "$tar" one
prints one strake run --rm one echo one
prints one strake run --rm localhost/one:latest echo one
ok strake import "$tar" tagged:v1
prints one strake run --rm tagged:v1 echo one
prints one strake run --rm tagged:v1 echo one
fails_with 125 'tagged' strake run --rm --pull=never tagged:v2 true
ok strake import "$tar" registry.example/some/thing:x
prints_like '^registry.example/some/thing +x ' strake images

it "every compression"
for c in gzip:gz bzip2:bz2 xz:xz zstd:zst cat:tar; do
	"${c%:*}" <"$tar" >"$T/b.${c#*:}"
	ok strake import -q "$T/b.${c#*:}" "c-${c#*:}"
	prints "${c#*:}" strake run --rm "c-${c#*:}" echo "${c#*:}"
	ok sh -c "'$STRAKE' import -q - 'stdin-${c#*:}' <'$T/b.${c#*:}'"
	prints "${c#*:}" strake run --rm "stdin-${c#*:}" echo "${c#*:}"
done
eq "a gzip archive is kept as it is" \
	"$(strake inspect c-gz | jq -r '.[0].RootFS.Layers[0]')" "$(strake inspect c-tar | jq -r '.[0].RootFS.Layers[0]')"
check "byte for byte" test -e "$(blob "$(digest_of "$T/b.gz")")"

it "a pipe that is slow"
ok bash -c "(head -c 100000 '$tar'; sleep 1; tail -c +100001 '$tar') | '$STRAKE' import -q - slow"
prints slow strake run --rm slow echo slow

it "--change"
ok strake import -q --change 'CMD ["/bin/echo", "from cmd"]' -c 'ENV A=1 B="two words"' -c 'WORKDIR /w' \
	-c 'LABEL k=v' -c 'EXPOSE 80' -c 'VOLUME /v' -c 'STOPSIGNAL SIGINT' -c 'USER root' "$tar" changed
prints "from cmd" strake run --rm changed
prints "1 two words /w" strake run --rm changed sh -c 'echo "$A $B $(pwd)"'
ok strake inspect changed
eq "all of it is in the config" "$(jq -c '.[0].Config | [.Labels.k, .StopSignal, .User, (.ExposedPorts|keys[0]), (.Volumes|keys[0])]' <<<"$out")" \
	'["v","SIGINT","root","80/tcp","/v"]'
ok strake import -q --change 'ENTRYPOINT ["/bin/echo", "ep"]' --change 'CMD x y' "$tar" ep
prints_like '^ep' strake run --rm ep
ok strake import -q --change 'CMD echo shell form' "$tar" shell
prints "shell form" strake run --rm shell
fails_with 125 'RUN' strake import -q --change 'RUN true' "$tar" bad
fails_with 125 'NONSENSE' strake import -q --change 'NONSENSE x' "$tar" bad

it "what is no archive"
fails_with 125 'no-such-file' strake import "$T/no-such-file" x
fails_with 125 . strake import /etc/passwd x
fails_with 125 . strake import - x </dev/null
head -c 1000000 "$T/b.gz" >"$T/short.gz"
head -c 500000 "$T/b.tar" >"$T/short.tar"
fails_with 125 '[Tt]runcated|end|corrupt|unexpected' strake import "$T/short.gz" x
fails_with 125 '[Tt]runcated|end|corrupt|unexpected' strake import "$T/short.tar" x
fails_with 125 'usage|argument|NAME|TARBALL' strake import
fails_with 125 '[Ll]ower.?case' strake import "$tar" Upper
it "failures leave nothing"
fresh_store
strake import "$T/short.gz" x 2>/dev/null || true
store_is_empty "after a truncated archive"

it "the image is an ordinary one"
ok strake import -q "$tar" pushed
ok strake push -q pushed "$REGISTRY/import-$IDENTITY/busybox:latest"
ok skopeo inspect --tls-verify=false "docker://$REGISTRY/import-$IDENTITY/busybox:latest"
ok umoci unpack --rootless --image "$STRAKE_STORE:localhost/pushed:latest" "$T/bundle"
check "umoci unpacks it" test -e "$T/bundle/rootfs/bin/busybox"
