#!/bin/bash
# Every fallback, forced on this machine: no openat2, copies in place of overlays, one id in place of a range,
# no newuidmap, no runtime directory, no HOME.
# timeout: 240
. "$(dirname "$0")/../lib/harness.sh"

it "without openat2"
export STRAKE_NO_OPENAT2=1
ok strake pull -q "$REGISTRY/zoo"
prints "" strake run --rm "$REGISTRY/zoo" sh /check.sh
modes=widened
[ "$IDENTITY" = single ] || modes=true
prints "" strake run --rm --overlay=copy "$REGISTRY/zoo" sh /check.sh $modes
mkdir "$T/dir"
ok strake run --rm -v "$T/dir:/new/mount/point" -w /new/dir --tmpfs /new/tmp "$REGISTRY/zoo" touch /new/mount/point/x
check "mounts work" test -e "$T/dir/x"
fails_with 125 . strake run --rm -w /proc/self/fd/7 "$REGISTRY/zoo" pwd
fresh_store
. "$(dirname "$0")/../lib/hostile.sh"
hostile_setup layers
while IFS=$'\t' read -r name verdict blob; do
	case $name in symlink-* | dotdot* | hardlink-* | root-is-* | deep*) try_hostile "$name" "$verdict" "$blob" ;; esac
done <"$T/table"
unset STRAKE_NO_OPENAT2
fresh_store
import_busybox

it "one id"
prints "0 1" strake run --rm --userns=single busybox sh -c 'echo $(id -u) $(awk "{print \$3}" /proc/self/uid_map)'
it "no newuidmap in PATH"
mkdir "$T/bin"
for p in sh cat; do ln -s "$(command -v $p)" "$T/bin/$p"; done
ok env PATH="$T/bin" "$STRAKE" run --rm busybox true
it "a newuidmap that somebody put into PATH"
printf '#!/bin/sh\necho ran >>"%s"\nexit 1\n' "$T/hijacked" >"$T/bin/newuidmap"
cp "$T/bin/newuidmap" "$T/bin/newgidmap"
chmod +x "$T/bin"/new*idmap
try env PATH="$T/bin:$PATH" "$STRAKE" run --rm busybox true
if [ -e "$T/hijacked" ]; then
	eq "was asked, failed, and strake says so" "$rc $(grep -cE 'new[ug]idmap' <<<"$err")" "125 1"
else
	eq "is not asked" "$rc" 0
fi

it "no HOME, no runtime directory, no TERM, no PATH"
prints bare env -i STRAKE_STORE="$STRAKE_STORE" "$STRAKE" run --rm busybox echo bare
prints bare env -i STRAKE_STORE="$STRAKE_STORE" XDG_RUNTIME_DIR=/no/such "$STRAKE" run --rm busybox echo bare
it "a umask that closes everything"
prints 644 bash -c "umask 077; '$STRAKE' run --rm busybox sh -c 'umask 022; touch /f; stat -c %a /f'"
prints ok bash -c "umask 077; '$STRAKE' --store '$T/u' import -q '$FIXTURES/busybox.tar' b >/dev/null && '$STRAKE' --store '$T/u' run --rm b sh -c 'test \$(stat -c %a /etc) = 755 && echo ok'"
ok strake --store "$T/u" reset -f
it "forced ways that are not there yet, or never"
fails_with 125 'overlay' strake run --rm --overlay=nonsense busybox true
it "-v says what was chosen"
ok strake -v run --rm busybox true
like "the way to stack" "$err" 'overlay|kernel|copy'
ok strake -v run --rm --overlay=copy busybox true
like "and that it was forced" "$err" 'copy'
