#!/bin/bash
# 16 pulls of one image at once by one user download each blob once; gc beside them breaks nothing.
# timeout: 300
. "$(dirname "$0")/../lib/harness.sh"

# at_once IMAGE: 16 pulls; how many of them failed
at_once() {
	local pids=() p failed=0 i
	for i in $(seq 16); do
		"$STRAKE" pull -q "$1" >"$T/pull.$i" 2>&1 &
		pids+=($!)
	done
	for p in "${pids[@]}"; do wait "$p" || failed=$((failed + 1)); done
	[ "$failed" = 0 ] || note "$(cat "$T"/pull.*)"
	echo "$failed"
}

own_registry
for image in layers:100 debian:bookworm; do
	if [ "$image" = debian:bookworm ] && [ -e "$FIXTURES/why-no-debian" ]; then
		skip_one "$(cat "$FIXTURES/why-no-debian")"
		continue
	fi
	it "16 pulls of $image"
	fresh_store
	n=$(wc -l <"$REGISTRY_LOG")
	eq "all end well" "$(at_once "$REGISTRY/$image")" 0
	repo=${image%:*}
	tail -n +$((n + 1)) "$REGISTRY_LOG" |
		grep -oE "\"GET /v2/$repo/blobs/sha256:[0-9a-f]+[^\"]*\" 20[06]" | sort | uniq -c | sort -rn >"$T/gets" || true
	eq "each blob is downloaded once" "$(awk '$1 > 1' "$T/gets")" ""
	check "and was downloaded" test -s "$T/gets"
	eq "one tag" "$(strake images -q | wc -l)" 1
	prints ok strake run --rm "$REGISTRY/$image" echo ok
	ok strake gc
	eq "no partials" "$(find "$STRAKE_STORE/uploads" -mindepth 1)" ""
done

it "gc, pulls and rmi at once"
fresh_store
strake pull -q "$REGISTRY/busybox" >/dev/null
(for _ in $(seq 20); do "$STRAKE" gc >/dev/null 2>>"$T/gc.out" || echo "gc failed" >>"$T/gc.err"; done) &
collector=$!
bad=0
for _ in $(seq 10); do
	pids=()
	for image in busybox zstd:latest uncompressed:latest multi:known; do
		"$STRAKE" pull -q "$REGISTRY/$image" >>"$T/mixed" 2>&1 &
		pids+=($!)
	done
	for p in "${pids[@]}"; do wait "$p" || bad=$((bad + 1)); done
	for image in busybox zstd:latest; do
		"$STRAKE" run --rm "$REGISTRY/$image" true >>"$T/mixed" 2>&1 || bad=$((bad + 1))
	done
	"$STRAKE" rmi "$REGISTRY/zstd:latest" >>"$T/mixed" 2>&1 || bad=$((bad + 1))
done
wait "$collector"
eq "nothing fails" "$bad" 0
[ "$bad" = 0 ] || note "$(sort "$T/mixed" | uniq -c)"
eq "gc neither" "$(cat "$T/gc.err" 2>/dev/null || true)" ""

it "a killed downloader's lock does not stay"
fresh_store
faultd_start "$FIXTURES/layouts"
"$STRAKE" pull -q "$FAULT/slow/zstd" >/dev/null 2>&1 &
first=$!
until_true 60 grep -q '/v2/slow/zstd/blobs' "$FAULT_LOG" || true
sleep 0.5
"$STRAKE" pull -q "$FAULT/slow/zstd" >"$T/second" 2>&1 &
second=$!
sleep 0.5
kill -9 "$first"
wait "$first" 2>/dev/null || true
r=0
wait "$second" || r=$?
eq "the one who waited goes on" "$r" 0
