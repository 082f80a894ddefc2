#!/bin/bash
# kill -9 at any moment of a pull, then pull again: the image is whole, nothing complete was fetched twice,
# gc leaves no stray file.
# timeout: 900
. "$(dirname "$0")/../lib/harness.sh"

own_registry
image=$REGISTRY/medium
begin=$(date +%s%N)
ok strake pull -q "$image"
whole=$((($(date +%s%N) - begin) / 1000000))
want=$(cd "$STRAKE_STORE" && find . -type f ! -path './cache/*' -printf '%P %s\n' | sort)
layers=$(cd "$STRAKE_STORE" && find cache/layers -printf '%P %y %m %s %l\n' | sed 's/ d \([0-7]*\) [0-9]*/ d \1/' | sort)
times=${STRAKE_KILLS:-50}

it "$times times"
bad=0 refetched=0
for ((i = 0; i < times; i++)); do
	fresh_store
	n=$(wc -l <"$REGISTRY_LOG")
	setsid "$STRAKE" pull -q "$image" >/dev/null 2>&1 &
	pid=$!
	sleep "$(awk -v i="$i" -v n="$times" -v w="$whole" -v r="$RANDOM" \
		'BEGIN { printf "%.3f", (i + r / 32768) / n * w * 1.05 / 1000 }')"
	kill -9 -- "-$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
	# whatever has its final name is whole
	wrong=$(cd "$STRAKE_STORE/blobs/sha256" 2>/dev/null && sha256sum -- * 2>/dev/null | awk '$1 != $2') || true
	[ -z "$wrong" ] || { note "after kill $i: $wrong"; bad=$((bad + 1)); }
	find "$STRAKE_STORE/blobs/sha256" -type f -printf '%f\n' 2>/dev/null | sort >"$T/complete" || true
	try timeout 300 "$STRAKE" pull -q "$image"
	[ "$rc" = 0 ] || { note "pull after kill $i"; _show; bad=$((bad + 1)); continue; }
	# of both pulls: the log may lag behind what the registry sends, and tell of the first after the kill
	tail -n +$((n + 1)) "$REGISTRY_LOG" | grep -oE '"GET [^ ]*/blobs/sha256:[0-9a-f]+[^"]*" 20[06]' >"$T/fetched" || true
	while read -r hex; do
		if [ "$(grep -c "$hex" "$T/fetched" || true)" -gt 1 ]; then refetched=$((refetched + 1)); note "kill $i: $hex fetched twice"; fi
	done <"$T/complete"
	try strake gc
	[ "$rc" = 0 ] || { note "gc after kill $i"; _show; bad=$((bad + 1)); }
	got=$(cd "$STRAKE_STORE" && find . -type f ! -path './cache/*' -printf '%P %s\n' | sort)
	[ "$got" = "$want" ] || { note "kill $i, files after gc: $(diff <(echo "$want") <(echo "$got"))"; bad=$((bad + 1)); }
	got=$(cd "$STRAKE_STORE" && find cache/layers -printf '%P %y %m %s %l\n' | sed 's/ d \([0-7]*\) [0-9]*/ d \1/' | sort)
	[ "$got" = "$layers" ] || { note "kill $i, layers: $(diff <(echo "$layers") <(echo "$got") | head)"; bad=$((bad + 1)); }
	stray=$(find "$STRAKE_STORE/cache/tmp" "$STRAKE_STORE/uploads" -mindepth 1 2>/dev/null || true)
	[ -z "$stray" ] || { note "kill $i, strays: $stray"; bad=$((bad + 1)); }
done
eq "the image is whole, and gc leaves no stray file" "$bad" 0
eq "nothing complete is fetched twice" "$refetched" 0
prints whole strake run --rm "$image" echo whole

it "a download killed half-way"
fresh_store
faultd_start "$FIXTURES/layouts"
setsid "$STRAKE" pull -q "$FAULT/slow/medium" >/dev/null 2>&1 &
pid=$!
partial() { [ -n "$(find "$STRAKE_STORE/uploads" -type f -size +64k 2>/dev/null)" ]; }
check "has left a part" until_true 60 partial
kill -9 -- "-$pid" 2>/dev/null || true
wait "$pid" 2>/dev/null || true
ok strake pull -q "$FAULT/plain/medium"
like "the rest is asked for" "$(grep '/v2/plain/medium/blobs/' "$FAULT_LOG")" ' 206 .* range=bytes=[1-9][0-9]*- '
prints whole strake run --rm "$FAULT/plain/medium" echo whole

it "unpacking killed, too"
fresh_store
ok strake pull -q "$image"
rm -rf "$STRAKE_STORE/cache"
setsid "$STRAKE" unpack "$image" >/dev/null 2>&1 &
pid=$!
sleep 0.2
kill -9 -- "-$pid" 2>/dev/null || true
wait "$pid" 2>/dev/null || true
ok strake unpack "$image"
ok strake gc
got=$(cd "$STRAKE_STORE" && find cache/layers -printf '%P %y %m %s %l\n' | sed 's/ d \([0-7]*\) [0-9]*/ d \1/' | sort)
check "layers as after a pull" test "$got" = "$layers"
eq "no scratch is left" "$(find "$STRAKE_STORE/cache/tmp" -mindepth 1)" ""
