/* gc: removes what no tag and no container reaches. */
#ifndef STRAKE_STORE_GC_H
#define STRAKE_STORE_GC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/store.h"

struct gc_result {
	size_t blobs, layers, partials, scratches; /* removed */
	uint64_t bytes;				   /* of blobs and partials */
};

/* Marks from index.json (manifests, their configs and layers, indexes, source indexes, all
 * manifests listed there that are present) and from containers/ID/config.json (members "manifest":
 * a digest, and "layers": an array of diff ids), then sweeps blobs/, cache/layers, cache/tmp,
 * uploads/. A document that cannot be read is an error and nothing is removed. Partials younger
 * than keep_partials seconds stay (0: none stays). wait: for the exclusive lease; false gives
 * -EAGAIN when others use the store. dry_run only counts. */
int store_gc(struct store *s, bool wait, bool dry_run, int64_t keep_partials, struct gc_result *ret,
	     struct err *err);

#endif
