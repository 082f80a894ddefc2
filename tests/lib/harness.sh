# Sourced by every script of tests/cli, which tests/lib/suite runs. What a script finds set:
#
#   STRAKE       the program under test           STRAKE_STORE  a fresh store
#   T            a fresh directory of its own     HOME          a fresh home ($T/home)
#   REGISTRY     HOST:PORT of docker-registry     REGISTRY_LOG  its access log
#   FIXTURES     what tests/lib/fixtures made     IDENTITY      range | single: what the user has
#   PROGRAMS     the programs built from tests/fuse
#
# An assertion prints one line and is counted; a failed one prints why and the script goes on.
# shellcheck shell=bash
set -euo pipefail

LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${STRAKE:?run me through tests/lib/suite}" "${T:?}" "${RESULTS:?}" "${FIXTURES:?}"
title=$(basename "$0" .sh)
rc=0 out='' err=''
cleanups=()

# it WORDS: what the following assertions are about.
it() { title=$*; }

# In a script that needs root, strake still runs as the test user.
as_test_user() {
	if [ "$(id -u)" = 0 ]; then
		# runuser gives the user's own HOME
		runuser -u "$TEST_USER" -- env HOME="$HOME" "$@"
	else
		"$@"
	fi
}
strake() { as_test_user "$STRAKE" "$@"; }

# try CMD...: run CMD, leave its exit code in $rc and what it printed in $out and $err.
try() {
	rc=0
	"$@" >"$T/.out" 2>"$T/.err" || rc=$?
	out=$(tr -d '\0' <"$T/.out")
	err=$(tr -d '\0' <"$T/.err")
}

_short() { local s=$*; s=${s//$'\n'/\\n}; if [ ${#s} -gt 160 ]; then s="${s:0:157}..."; fi; printf '%s' "$s"; }
_result() { printf '%s\t%s\n' "$1" "$2" >>"$RESULTS"; printf '%-7s%s\n' "$1" "$2"; }
pass() { _result ok "$title: $(_short "$*")"; }
fail() { _result FAILED "$title: $(_short "$*")"; }
note() { printf '%s\n' "$*" | head -c 4000 | sed 's/^/       | /'; }
_show() {
	note "exit code $rc"
	[ -z "$out" ] || note "stdout: $out"
	[ -z "$err" ] || note "stderr: $err"
}

# skip REASON: end the script; the rest of it is counted as one skipped test.
skip() { _result skipped "$title: $*"; exit 0; }
# skip_one REASON: count one skipped test and go on.
skip_one() { _result skipped "$title: $*"; }

# ok CMD...: CMD exits 0.
ok() {
	try "$@"
	if [ "$rc" = 0 ]; then pass "$@"; else fail "$@"; _show; fi
}

# exits CODE CMD...: CMD exits CODE, whatever it prints.
exits() {
	local want=$1
	shift
	try "$@"
	if [ "$rc" = "$want" ]; then pass "exits $want:" "$@"; else fail "exits $want:" "$@"; _show; fi
}

# fails_with CODE REGEX CMD...: CMD exits CODE (a regex as well) and one line of its stderr matches REGEX (extended).
# A failure of strake itself (125, 126, 127) is one line that begins 'strake: '.
fails_with() {
	local want=$1 re=$2 good=1
	shift 2
	try "$@"
	[[ $rc =~ ^($want)$ ]] || good=
	grep -qE -e "$re" <<<"$err" || good=
	if [[ $rc =~ ^12[567]$ ]]; then grep -q '^strake: ' <<<"$err" || good=; fi
	if [ -n "$good" ]; then
		pass "fails $want:" "$@"
	else
		fail "fails with $want and /$re/:" "$@"
		_show
	fi
}

# prints TEXT CMD...: CMD exits 0 and prints exactly TEXT on stdout.
prints() {
	local want=$1
	shift
	try "$@"
	if [ "$rc" = 0 ] && [ "$out" = "$want" ]; then
		pass "$@"
	else
		fail "prints '$want':" "$@"
		_show
	fi
}

# prints_like REGEX CMD...: CMD exits 0 and a line of its stdout matches REGEX.
prints_like() {
	local re=$1
	shift
	try "$@"
	if [ "$rc" = 0 ] && grep -qE -e "$re" <<<"$out"; then
		pass "$@"
	else
		fail "prints /$re/:" "$@"
		_show
	fi
}

# eq WHAT GOT WANT; ne WHAT GOT UNWANTED; like WHAT TEXT REGEX; unlike WHAT TEXT REGEX
eq() { if [ "$2" = "$3" ]; then pass "$1"; else fail "$1"; note "got:  $2"; note "want: $3"; fi; }
ne() { if [ "$2" != "$3" ]; then pass "$1"; else fail "$1"; note "got:  $2"; fi; }
like() { if grep -qE -e "$3" <<<"$2"; then pass "$1"; else fail "$1"; note "no match for /$3/ in: $2"; fi; }
unlike() { if grep -qE -e "$3" <<<"$2"; then fail "$1"; note "a match for /$3/ in: $2"; else pass "$1"; fi; }
# check WHAT CMD...: CMD (a condition) is true.
check() { local what=$1; shift; if "$@"; then pass "$what"; else fail "$what"; note "false: $*"; fi; }
# le WHAT NUMBER MAX
le() { if [ "$2" -le "$3" ]; then pass "$1 ($2 <= $3)"; else fail "$1"; note "got: $2, at most: $3"; fi; }

# finally CMD...: run CMD when the script ends, last first.
finally() { cleanups+=("$(printf '%q ' "$@")"); }
_end() {
	local code=$? i
	set +e
	for ((i = ${#cleanups[@]} - 1; i >= 0; i--)); do eval "${cleanups[i]}"; done
	exit "$code"
}
trap _end EXIT

# until_true SECONDS CMD...: wait till CMD is true.
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

# fresh_store: begin anew with an empty store.
fresh_store() {
	strake reset -f >/dev/null 2>&1 || true
	rm -rf "$STRAKE_STORE"
}

# store_rest: what is in the store beside an empty layout: blobs, layers, partial downloads, containers. The
# layer of mount points is part of the layout of every store that ran something: three empty files.
store_rest() {
	[ -d "$STRAKE_STORE" ] || return 0
	find "$STRAKE_STORE" ! -type d ! -name oci-layout ! -name index.json \
		! \( -type f -empty \( -name '*lock*' -o -path '*/uploads/*' -o -path '*/cache/mountpoints-*' \) \) -printf '%P\n'
	find "$STRAKE_STORE" -mindepth 3 -path '*/cache/layers/*' -type d -printf '%P\n'
}

# containers_rest: what is left of containers, beside the list of names and its lock
containers_rest() {
	find "$STRAKE_STORE/containers" -mindepth 1 ! -path '*/containers/names' ! -name .lock 2>/dev/null || true
}

# store_is_empty WHAT: after gc nothing is left of what was tried, and no image is listed.
store_is_empty() {
	ok strake gc
	eq "$1: nothing is left in the store" "$(store_rest)" ""
	eq "$1: no image is listed" "$(strake images -q 2>&1)" ""
}

# digest_of FILE, and short names for what the registry fixture holds
digest_of() { printf 'sha256:%s' "$(sha256sum <"$1" | cut -d' ' -f1)"; }
# blob FILE-IN-STORE by digest
blob() { printf '%s/blobs/sha256/%s' "$STRAKE_STORE" "${1#sha256:}"; }

# faultd_start ROOT: the fault server over the layouts below ROOT. Sets FAULT (host:port), FAULT_TLS,
# FAULT_LOG and FAULT_CA; see tests/lib/faultd for the names it answers to.
faultd_start() {
	FAULT_LOG=$T/faultd.log
	FAULT_CA=$T/ca/ca.crt
	[ -e "$FAULT_CA" ] || "$LIB/make-ca" "$T/ca" >/dev/null 2>&1
	: >"$FAULT_LOG"
	"$LIB/faultd" "$1" "$FAULT_LOG" "$T/ca/server.pem" >"$T/faultd.ports" 2>"$T/faultd.err" &
	finally kill $!
	until_true 60 test -s "$T/faultd.ports" || { cat "$T/faultd.err" >&2; return 1; }
	read -r FAULT FAULT_TLS <"$T/faultd.ports"
	export FAULT FAULT_TLS FAULT_LOG FAULT_CA
}

# own_registry: a registry over the fixtures' images for this script alone, so that its log can be counted.
own_registry() {
	local REG_ADDR REG_PID RUN_AS=()
	mkdir -p "$T/registry"
	. "$LIB/registry.sh"
	registry_start "$SUITE_TMP/registry/data" "$T/registry"
	finally kill "$REG_PID"
	export REGISTRY=$REG_ADDR
	export REGISTRY_LOG=$T/registry/access.log
}

# import_busybox: the small image most scripts run; no network.
import_busybox() {
	strake import -q --change 'CMD ["/bin/sh"]' "$FIXTURES/busybox.tar" busybox >/dev/null ||
		{ fail "import of the busybox image, which the other tests of this script need"; exit 1; }
}

# pty [OPTIONS] CMD...: run CMD on a terminal of its own (see tests/lib/pty)
pty() { "$LIB/pty" "$@"; }
