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
#include "store/../layer/ingest.h"
#include <archive.h>
END
plant src/codec/a.c <<'END'
#include <jansson.h>
END
plant src/format/a.c <<'END'
#include "base/json.h"
  #  include "image/open.h"
END
plant src/container/a.c <<'END'
#include "build/stage.h"
#include <microhttpd.h>
#include "image/pull_impl.h"
END
plant src/image/a.c <<'END'
#include "container/run.h"
END
plant src/base/long.h <<END
$(yes '//' | head -n 150)
int x;
END
plant src/layer/long.c <<END
$(yes '//' | head -n 800)
int x;
END
plant src/shed/a.c <<'END'
int x;
END
plant fuse/a.c <<'END'
#include "fuse/wire.h"
#include "store/blob.h"
	p = xmalloc(n);
#include <jansson.h>
END
plant src/cmd/long.c <<END
$(yes '//' | head -n 250)
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
names "src/store/a.c:4: store/../layer/ingest.h goes around the rooms"
names "src/store/a.c:5: archive.h belongs to layer"
names "src/codec/a.c:1: codec must not include jansson.h"
names "src/format/a.c:1: format must not include base/json.h"
names "src/format/a.c:2: format (level 1) includes image/open.h"
names "src/container/a.c:1: container (level 4) includes build/stage.h"
names "src/container/a.c:2: microhttpd.h belongs to server"
names "src/container/a.c:3: image/pull_impl.h is private to image"
names "src/image/a.c:1: image (level 3) includes container/run.h"
names "src/base/long.h: 151 lines, more than 150"
names "src/layer/long.c: 801 lines, more than 800"
names "src/shed/a.c: room shed has no level"
names "fuse/a.c:1: the overlay must not know fuse/wire.h"
names "fuse/a.c:2: fuse (level 3) includes store/blob.h"
names "fuse/a.c:3: fuse checks every allocation"
names "fuse/a.c:4: fuse must not include jansson.h"
names "src/cmd/long.c: 251 lines, more than 250"
names "src/ns/a.c:2: a function of 121 lines"
if [ "$(printf '%s\n' "$said" | wc -l)" != 22 ]; then
	echo "the law names more than was planted:"
	printf '%s\n' "$said"
	failed=1
fi
rm -rf "$tmp/src" "$tmp/fuse"
# as long as it may be, and seeing what it may see
plant src/base/a.c <<'END'
#include "base/err.h"
END
plant src/cmd/a.c <<END
#include "container/run.h"
#include "base/err.h"
$(yes '//' | head -n 248)
END
plant src/ns/a.c <<END
#include "oci/digest.h"
#include <sys/mount.h>
void f(void)
{
$(yes '	x();' | head -n 120)
}
END
plant fuse/ops_a.c <<'END'
#include "base/err.h"
#include "fuse/wire.h"
END
plant src/layer/a.c <<'END'
#include <archive.h>
#include "layer/unpack_impl.h"
#include "codec/inflate.h"
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
