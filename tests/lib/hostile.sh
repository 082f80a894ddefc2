# The hostile images of mkhostile behind a fault server: sourced by tests/cli/hostile-*.sh.
# shellcheck shell=bash disable=SC2154

# hostile_setup KIND: sets OUTSIDE, writes $T/table, starts the server
hostile_setup() {
	OUTSIDE=$T/outside
	mkdir "$OUTSIDE"
	echo "the canary" >"$OUTSIDE/canary"
	touch -d @1000000000 "$OUTSIDE/canary"
	chmod 750 "$OUTSIDE"
	touch -d @1000000000 "$OUTSIDE"
	"$LIB/mkhostile" "$T/hostile" "$OUTSIDE" "$1" >"$T/table"
	faultd_start "$T/hostile"
}

# outside_state: everything about OUTSIDE that an image could change
outside_state() {
	find "$OUTSIDE" -printf '%p %y %m %n %s %T@ %i %U:%G\n' | sort
	cat "$OUTSIDE"/canary
	getfattr -Rhd -m - "$OUTSIDE" 2>/dev/null
}

# try_hostile NAME VERDICT BLOB
try_hostile() {
	local name=$1 verdict=$2 blob=$3 before hex
	it "$name"
	before=$(outside_state)
	hex=${blob#sha256:}
	try timeout 300 "$STRAKE" pull -q "$FAULT/plain/$name"
	case $verdict in
	refuse)
		if [ "$rc" = 125 ] && grep -q '^strake: ' <<<"$err" && grep -qF "${hex:0:12}" <<<"$err"; then
			pass "refused, names ${hex:0:12}"
		else
			fail "refused with 125, naming $blob"
			_show
		fi
		;;
	refuse-any)
		if [ "$rc" = 125 ] && grep -qE '^strake: .*(sha256:[0-9a-f]{12}|md5|'"$name"')' <<<"$err"; then
			pass "refused"
		else
			fail "refused with 125, naming a blob"
			_show
		fi
		;;
	contain)
		if [ "$rc" = 0 ] || { [ "$rc" = 125 ] && grep -qF "${hex:0:12}" <<<"$err"; }; then
			pass "$([ "$rc" = 0 ] && echo defused || echo "refused, names the layer")"
		else
			fail "defused, or refused with 125 naming $blob"
			_show
		fi
		[ "$rc" != 0 ] || strake rmi -f "$FAULT/plain/$name" >/dev/null 2>&1 || fail "rmi of it"
		;;
	esac
	[ "$(wc -l <<<"$err")" -le 3 ] || { fail "the error is short"; _show; }
	if [ "$(outside_state)" != "$before" ]; then
		fail "nothing outside changed"
		note "$(outside_state)"
	fi
	strake gc >/dev/null 2>&1 || { fail "gc"; _show; }
	[ -z "$(store_rest)" ] || { fail "nothing stays in the store"; note "$(store_rest)"; rm -rf "$STRAKE_STORE"; }
}
