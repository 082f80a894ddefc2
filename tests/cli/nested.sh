#!/bin/bash
# strake in strake, and in containers whose /proc is masked: it runs, or says exactly why not.
# timeout: 200
. "$(dirname "$0")/../lib/harness.sh"
prefix=$(dirname "$(dirname "$STRAKE")")
import_busybox

# An image that takes all programs from the host's /usr.
mkdir -p "$T/root"/{usr,etc,tmp,proc,sys,dev,root,inner,fixtures,prefix}
for d in bin sbin lib lib64; do ln -s "usr/$d" "$T/root/$d"; done
printf 'root:x:0:0:root:/root:/bin/sh\n' >"$T/root/etc/passwd"
printf 'root:x:0:\n' >"$T/root/etc/group"
tar -C "$T/root" --owner=0 --group=0 -cf "$T/outer.tar" .
strake import -q "$T/outer.tar" outer >/dev/null

inner() {
	local options=$1 script=$2
	# shellcheck disable=SC2086
	strake run --rm $options -v /usr:/usr:ro -v "$prefix:$prefix:ro" -v "$FIXTURES:/fixtures:ro" -e HOME=/root outer \
		sh -c "export STRAKE_STORE=/inner/store; $script"
}
it "import and images inside"
ok inner "" "'$STRAKE' import -q /fixtures/busybox.tar b && '$STRAKE' images"
it "run inside"
for options in "" --overlay=copy --userns=single; do
	try inner "$options" "'$STRAKE' import -q /fixtures/busybox.tar b >/dev/null && '$STRAKE' run --rm b echo nested"
	if [ "$rc" = 0 ]; then
		eq "outer $options: runs" "$out" nested
	else
		eq "outer $options: fails as strake fails" "$rc" 125
		like "outer $options: says exactly why" "$err" '^strake: .*(/proc|user namespace|mount|overlay)'
	fi
done
ok inner "" "'$STRAKE' doctor || true"
like "doctor works inside" "$out" '[Uu]ser namespace'

it "a masked /proc"
masked() {
	unshare -Urm sh -c 'mount -t tmpfs none /proc/acpi 2>/dev/null || mount --bind /dev/null /proc/timer_list; exec "$@"' sh "$@"
}
if masked true 2>/dev/null; then
	try masked "$STRAKE" run --rm --userns=single busybox sh -c 'echo runs; cat /proc/timer_list 2>/dev/null | head -c 100'
	if [ "$rc" = 0 ]; then
		eq "runs, and what was masked stays masked" "$out" runs
	else
		eq "fails as strake fails" "$rc" 125
		like "says exactly why" "$err" '^strake: .*/proc'
	fi
else
	skip_one "this kernel does not let a user mask /proc"
fi

it "without any user namespace to be had"
try unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"' sh "$STRAKE" run --rm busybox true
if grep -q 'max_user_namespaces: ' <<<"$err" && ! grep -q '^strake' <<<"$err"; then
	skip_one "the limit cannot be set here"
else
	eq "fails as strake fails" "$rc" 125
	like "and names what to change" "$err" '^strake: .*(user namespace|max_user_namespaces)'
fi
