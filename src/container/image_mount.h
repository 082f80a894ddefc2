/* image_mount: an image's tree on a directory of its user's, outside of any container. */
#ifndef STRAKE_CONTAINER_IMAGE_MOUNT_H
#define STRAKE_CONTAINER_IMAGE_MOUNT_H

#include <stdbool.h>

#include "base/err.h"
#include "image/open.h"
#include "store/store.h"

struct image_mount_request {
	const char *image_name; /* as typed */
	const char *dir;	/* where; an existing directory */
	bool writable;
	const char
		*upper; /* a directory that keeps what is written; NULL: it goes with the mount */
};

/* layers: what image_layer_dirs() found. lease: a shared store lease, closed once the record that
 * protects the image is on disk. The server goes on when this process ends. *ret_dir: the
 * directory, absolute, malloced. */
int image_mount(struct store *s, const struct image *image, char *const *layers,
		const struct image_mount_request *request, int lease, char **ret_dir,
		struct err *err);

/* Takes away what is mounted on dir, and the record of it, also when the server died. -ENOENT:
 * nothing of strake's is mounted there; -EBUSY: it is in use. */
int image_unmount(struct store *s, const char *dir, struct err *err);

#endif
