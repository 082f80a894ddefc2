/* scratch: a directory under construction, and unpacked layers, which are scratch directories
 * renamed.
 *
 * While its maker lives, a lock file beside the scratch directory is locked; gc removes those that
 * are not.
 */
#ifndef STRAKE_STORE_SCRATCH_H
#define STRAKE_STORE_SCRATCH_H

#include <stdbool.h>

#include "base/err.h"
#include "oci/digest.h"
#include "store/store.h"

struct scratch {
	int fd; /* the directory, O_RDONLY | O_DIRECTORY; -1: none */
	int lock_fd;
	char *name; /* in cache/tmp; the lock file is name + ".lock" */
};

#define SCRATCH_INIT                                                                               \
	{                                                                                          \
		.fd = -1, .lock_fd = -1                                                            \
	}

int scratch_new(struct store *s, struct scratch *ret, struct err *err);
/* Renames it to cache/layers/HEX. What is in it must be on disk by then (layer_ingest sees to that,
 * on its own thread): a power failure must not leave empty files under a final name. When another
 * process was faster the directory is removed and that is a success too. The scratch is released;
 * after a failure it is still the caller's to discard. */
int scratch_publish_layer(struct store *s, struct scratch *scratch, const struct digest *diff_id,
			  struct err *err);
/* Removes the directory and its lock; safe when there is none. */
void scratch_discard(struct store *s, struct scratch *scratch);

/* Whether cache/layers/HEX is there. */
bool layer_dir_exists(struct store *s, const struct digest *diff_id);
/* Its absolute path, "STORE/cache/layers/HEX"; malloced. The tree is in its "root". */
char *layer_dir_path(struct store *s, const struct digest *diff_id);
/* Opens cache/layers/HEX. */
int layer_dir_open(struct store *s, const struct digest *diff_id, struct err *err);

#endif
