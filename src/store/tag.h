/* tag: the entries of index.json. A name is the annotation org.opencontainers.image.ref.name; an
 * entry is the descriptor of one platform's manifest. The index a manifest came from is a blob too,
 * its digest in the annotation TAG_ANNOTATION_INDEX. */
#ifndef STRAKE_STORE_TAG_H
#define STRAKE_STORE_TAG_H

#include <stddef.h>

#include "base/err.h"
#include "oci/descriptor.h"
#include "store/store.h"

#define TAG_ANNOTATION_NAME "org.opencontainers.image.ref.name"
#define TAG_ANNOTATION_INDEX "io.strake.source-index"
#define TAG_ANNOTATION_INDEX_SIZE "io.strake.source-index-size"

struct tag {
	char *name; /* "" for an entry without a name */
	struct descriptor manifest;
};

struct tags {
	struct tag *tags; /* in the file's order */
	size_t n;
};

#define _cleanup_tags_ __attribute__((cleanup(tags_release)))

/* Reads index.json without a lock. Entries of other tools (no name, an index instead of a manifest)
 * are kept and shown. */
int tags_read(struct store *s, struct tags *ret, struct err *err);
void tags_release(struct tags *tags);
/* The entry of that exact name, or NULL; points into tags. */
const struct tag *tags_find(const struct tags *tags, const char *name);

/* Both take the lock, read, change, write atomically; unknown members of the file survive. */
int tag_set(struct store *s, const char *name, const struct descriptor *manifest, struct err *err);
/* -ENOENT when there is no such name. */
int tag_remove(struct store *s, const char *name, struct err *err);
/* Removes every entry of that manifest digest; returns how many or -errno. */
int tag_remove_manifest(struct store *s, const struct digest *digest, struct err *err);

#endif
