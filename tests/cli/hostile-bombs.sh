#!/bin/bash
# Decompression bombs end at the declared limit; raising it lets the same layer in.
# timeout: 300
. "$(dirname "$0")/../lib/harness.sh"
. "$(dirname "$0")/../lib/hostile.sh"

hostile_setup bombs
while IFS=$'\t' read -r name _ blob; do
	it "$name"
	before=$(outside_state)
	fails_with 125 "${blob:7:12}" strake pull -q --max-unpacked-size 100m "$FAULT/plain/$name"
	like "says what the limit is" "$err" "limit|larger|more than|exceed|too (big|large)|max"
	eq "nothing outside changed" "$(outside_state)" "$before"
	eq "nothing stays" "$(strake gc >/dev/null 2>&1; store_rest)" ""
done <"$T/table"

it "the limit raised"
ok strake pull -q --max-unpacked-size 400m "$FAULT/plain/bomb-gzip"
prints 314572800 strake run --rm --entrypoint= -v /usr/bin:/b:ro "$FAULT/plain/bomb-gzip" /b/busybox stat -c %s /zeros

it "a limit that is no size"
fails_with 125 'max-unpacked-size' strake pull -q --max-unpacked-size lots "$FAULT/plain/bomb-gzip"
