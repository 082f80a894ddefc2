#!/bin/bash
# version, help, unshare, doctor and reset.
. "$(dirname "$0")/../lib/harness.sh"

it "version"
prints_like '^strake (version )?[0-9]+\.[0-9]+' strake version
prints_like '^strake (version )?[0-9]+\.[0-9]+' strake --version

it "help"
for verb in pull push login logout import images inspect tag rmi gc run ps rm unshare reset doctor version; do
	prints_like "$verb" strake --help
	prints_like '[Uu]sage:? .*'"$verb" strake "$verb" --help
done
ok strake run --help
for flag in --rm --interactive --tty --env --env-file --workdir --user --volume --mount --tmpfs --read-only \
	--hostname --name --entrypoint --pull --userns --overlay --dry-run --platform --security-opt; do
	like "run knows $flag" "$out" "(^|[ ,])$flag([ =,]|\$)"
done
fails_with 125 'usage|command|help' strake

it "unshare"
prints 0 strake unshare -- id -u
prints 0 strake unshare id -u
exits 42 strake unshare -- sh -c 'exit 42'
fails_with 127 'no-such' strake unshare -- no-such-program
ok strake unshare -- sh -c "echo x >'$T/unshared'"
eq "files are mine" "$(stat -c %u "$T/unshared")" "$(id -u)"
if [ "$IDENTITY" = range ]; then
	ok strake unshare -- sh -c "mkdir '$T/sub' && touch '$T/sub/f' && chown -R 1:1 '$T/sub'"
	ne "with the range" "$(stat -c %u "$T/sub")" "$(id -u)"
	ok strake unshare -- rm -r "$T/sub"
fi
ok strake unshare -- mount -t tmpfs none /mnt

it "doctor"
try strake doctor
check "says what it found, whatever it is" test -n "$out"
like "user namespaces" "$out" '[Uu]ser namespace'
like "id ranges" "$out" 'subuid|id range'
like "kernel overlay" "$out" '[Oo]verlay'
like "/dev/fuse" "$out" '/dev/fuse'
like "xattrs" "$out" '[Xx]attr'
if [ "$IDENTITY" = single ]; then
	like "the line for the administrator" "$out" "(usermod --add-subuids|/etc/subuid).*$(id -un)|$(id -un).*/etc/subuid"
fi

it "reset"
ok strake import -q "$FIXTURES/busybox.tar" busybox
ok strake run --name kept busybox sh -c 'mkdir /d; touch /d/f; chown 1000:1000 /d /d/f 2>/dev/null; chmod 700 /d'
ok strake reset -f
eq "nothing is left of the store" "$(find "$STRAKE_STORE" -mindepth 1 2>/dev/null)" ""
ok strake reset -f
ok strake import -q "$FIXTURES/busybox.tar" busybox
prints again strake run --rm busybox echo again
it "reset asks"
fails_with 125 'force|-f|terminal' strake reset </dev/null
prints still strake run --rm busybox echo still
try pty --on '\?|\[y/N\]|sure' 'send:n\n' "$STRAKE" reset
prints still strake run --rm busybox echo still
exits 0 pty --on '\?|\[y/N\]|sure' 'send:y\n' "$STRAKE" reset
eq "and does it when told" "$(find "$STRAKE_STORE" -mindepth 1 2>/dev/null)" ""
it "reset does not follow links out"
mkdir -p "$T/precious" "$STRAKE_STORE"
echo x >"$T/precious/file"
ok strake import -q "$FIXTURES/busybox.tar" busybox
ln -s "$T/precious" "$STRAKE_STORE/cache/layers/link"
ln -s "$T/precious" "$STRAKE_STORE/containers/link"
ok strake reset -f
eq "what a link names stays" "$(cat "$T/precious/file")" x
it "reset of what is no store"
mkdir "$T/home-like"
echo x >"$T/home-like/letter"
fails_with 125 'store|layout' strake --store "$T/home-like" reset -f
eq "touches nothing" "$(cat "$T/home-like/letter")" x
