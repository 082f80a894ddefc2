#!/bin/bash
# What the image says is honoured, and what the user says wins: ENTRYPOINT, CMD, ENV, USER, WORKDIR, VOLUME,
# STOPSIGNAL, and configs full of nulls.
. "$(dirname "$0")/../lib/harness.sh"
strake pull -q "$REGISTRY/config:latest" >/dev/null
strake pull -q "$REGISTRY/config:nulls" >/dev/null
strake pull -q "$REGISTRY/config:nocmd" >/dev/null
image=$REGISTRY/config:latest
single=
[ "$IDENTITY" = range ] || single=1

user=()
[ -z "$single" ] || user=(-u 0)

it "ENTRYPOINT, CMD, ENV, WORKDIR"
ok strake run --rm "${user[@]}" "$image"
like "entrypoint and cmd" "$out" "^args: entry cmd two words$"
like "the working directory is made where missing" "$out" "^cwd: /work/made$"
like "environment" "$out" "^A: image-a B: image b$"
ok strake run --rm "${user[@]}" "$image" other
like "arguments replace cmd" "$out" "^args: entry other$"
ok strake run --rm "${user[@]}" --entrypoint /show "$image"
like "--entrypoint clears cmd" "$out" "^args: $"
ok strake run --rm "${user[@]}" -e A=mine "$image"
like "-e wins" "$out" "^A: mine B: image b$"
ok strake run --rm "${user[@]}" -w /tmp "$image"
like "-w wins" "$out" "^cwd: /tmp$"

it "USER"
if [ -n "$single" ]; then
	# nobody asked for it here: the image's wish cannot be had, which is said
	ok strake run --rm "$image"
	like "root of the container instead" "$out" "^ids: 0 0"
	like "with a warning" "$err" "warning: user 'app' is 1000, which is not mapped"
	fails_with 125 'not mapped.*subuid' strake run --rm -u app "$image"
else
	ok strake run --rm "$image"
	like "ids and supplementary groups" "$out" "^ids: 1000 1000 1000 1500 1501$"
	like "HOME from its passwd" "$out" "^home: /home/app$"
fi
ok strake run --rm -u 0 "$image"
like "-u wins" "$out" "^ids: 0 0"

it "VOLUME"
prints seed strake run --rm "${user[@]}" --entrypoint cat "$image" /data/seed
ok strake run --rm "${user[@]}" --entrypoint sh "$image" -c 'grep " /data " /proc/self/mountinfo'
ok strake run --rm -u 0 --entrypoint sh "$image" -c 'echo x >/data/new'
eq "an anonymous volume goes with --rm" "$(find "$STRAKE_STORE/volumes" -mindepth 1 2>/dev/null)" ""

it "STOPSIGNAL is in inspect"
prints SIGUSR1 bash -c "'$STRAKE' inspect '$image' | jq -r '.[0].Config.StopSignal'"

it "nulls everywhere"
prints nulls strake run --rm "$REGISTRY/config:nulls" echo nulls
it "no command at all"
fails_with 125 'command' strake run --rm "$REGISTRY/config:nocmd"
prints given strake run --rm "$REGISTRY/config:nocmd" echo given
