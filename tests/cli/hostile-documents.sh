#!/bin/bash
# Manifests, indexes and configs that mean harm: exit 125, the error names the document, nothing stays.
# timeout: 600
. "$(dirname "$0")/../lib/harness.sh"
. "$(dirname "$0")/../lib/hostile.sh"

hostile_setup documents
while IFS=$'\t' read -r name verdict blob; do
	try_hostile "$name" "$verdict" "$blob"
done <"$T/table"
store_is_empty "after all of them"
