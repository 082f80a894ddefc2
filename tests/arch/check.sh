#!/bin/sh
# The law holds for this tree and for the strake just built; and the law notices: planted breaches are each
# named.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
failed=0

# plant FILE: standard input becomes a file of the tree in $tmp
plant() {
	mkdir -p "$tmp/$(dirname "$1")"
	cat >"$tmp/$1"
}

# names TEXT: the law's output has a line with it
names() {
	if ! printf '%s\n' "$said" | grep -qF -- "$1"; then
		echo "the law does not notice: $1"
		failed=1
	fi
}

plant src/base/a.c <<'END'
#include "oci/digest.h"
END
plant src/oci/a.c <<'END'
#include "base/err.h"
#include <curl/curl.h>
END
plant src/store/a.c <<'END'
#include "oci/digest.h"
#include "layer/ingest.h"
#include "neighbour.h"
END
plant src/codec/a.c <<'END'
#include <jansson.h>
END
plant src/shed/a.c <<'END'
int x;
END
plant src/cmd/long.c <<END
$(yes 'int x;' | head -n 250)
int x;
END
plant src/ns/a.c <<END
void f(void)
{
$(yes '	x();' | head -n 121)
}
END
said=$("$here/law.sh" "$tmp") && { echo "the law passes planted breaches"; failed=1; }
names "src/base/a.c:1: base (level 0) includes oci/digest.h"
names "src/oci/a.c:2: curl/curl.h belongs to registry"
names "src/store/a.c:2: store (level 2) includes layer/ingest.h"
names "src/store/a.c:3: \"neighbour.h\" does not name its room"
names "src/codec/a.c:1: codec must not include jansson.h"
names "src/shed/a.c: room shed has no level"
names "src/cmd/long.c: "
names "src/ns/a.c:2: a function of 121 lines"
if [ "$(printf '%s\n' "$said" | wc -l)" != 8 ]; then
	echo "the law names more than was planted:"
	printf '%s\n' "$said"
	failed=1
fi
rm -rf "$tmp/src"
plant src/base/a.c <<'END'
#include "base/err.h"
END
"$here/law.sh" "$tmp" || { echo "the law refuses what is right"; failed=1; }
said=$("$here/law.sh" "$tmp" "${STRAKE_IMAGE_PROGRAM:?}") && { echo "the law lets strake have any library"; failed=1; }
names "linked to libcurl"

if [ "${STRAKE_SANITIZED:-}" = yes ]; then
	echo "the sanitizers bring libraries of their own: strake's are checked in the other builds"
	"$here/law.sh" "$root" || failed=1
else
	"$here/law.sh" "$root" "${STRAKE_PROGRAM:?}" || failed=1
fi
exit $failed
