/* mark: what of the store is in use: every blob and layer that a tag or a container leads to. */
#ifndef STRAKE_STORE_MARK_H
#define STRAKE_STORE_MARK_H

#include <stdbool.h>

#include "base/err.h"
#include "base/json.h"
#include "store/store.h"

/* Sets of names: JSON objects, used for their hash. */
struct marks {
	json_t *blobs;	/* digests, "sha256:..." */
	json_t *layers; /* names in cache/layers */
};

#define _cleanup_marks_ __attribute__((cleanup(marks_release)))

/* Follows index.json and containers/ID/config.json. A blob that is not there ends its path (layouts
 * may be sparse); one that is there and cannot be read or understood is an error: what it names is
 * unknown. */
int marks_collect(struct store *s, struct marks *ret, struct err *err);
void marks_release(struct marks *m);
bool marks_has(const json_t *set, const char *name);

#endif
