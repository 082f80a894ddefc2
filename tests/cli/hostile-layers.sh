#!/bin/bash
# Layers that mean harm: pull ends with 125 and names the layer's digest, or defuses what is legal inside
# the root; nothing outside changes, and of what was refused nothing stays in the store.
# timeout: 600
. "$(dirname "$0")/../lib/harness.sh"
. "$(dirname "$0")/../lib/hostile.sh"

hostile_setup layers
while IFS=$'\t' read -r name verdict blob; do
	try_hostile "$name" "$verdict" "$blob"
done <"$T/table"
store_is_empty "after all of them"
