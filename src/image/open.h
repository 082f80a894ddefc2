/* open: from what a user typed to an image that can be run, inspected or pushed. */
#ifndef STRAKE_IMAGE_OPEN_H
#define STRAKE_IMAGE_OPEN_H

#include "base/err.h"
#include "oci/image_config.h"
#include "oci/manifest.h"
#include "oci/reference.h"
#include "store/store.h"
#include "store/tag.h"

struct image {
	char *name;		      /* the tag's full name; "" when found by id */
	struct descriptor descriptor; /* of the manifest, with its annotations in index.json */
	struct manifest manifest;
	struct image_config config;
};

#define _cleanup_image_ __attribute__((cleanup(image_release)))

/* Finds what `text` names among the store's tags, in this order: the exact full name; without a
 * domain, "localhost/NAME" and then docker.io's; a manifest or image (config) digest, "sha256:..."
 * or a prefix of at least 4 hex digits of either (-ENOTUNIQ when several images match). *ret is the
 * tag to use, an index into tags. -ENOENT: "no such image 'X'". */
int image_find(struct store *s, const struct tags *tags, const char *text, size_t *ret,
	       struct err *err);

/* Reads manifest and config of an entry. */
int image_load(struct store *s, const struct tag *tag, struct image *ret, struct err *err);
/* image_find() and image_load(). */
int image_open(struct store *s, const char *text, struct image *ret, struct err *err);
void image_release(struct image *image);

/* Absolute paths of the unpacked layers, base first, as a malloced strv; -ENOENT when one is not
 * unpacked (its diff id in the message; `strake unpack` makes it again). Duplicate diff ids are
 * listed once, at their topmost place: overlayfs refuses a directory that is there twice. */
int image_layer_dirs(struct store *s, const struct image *image, char ***ret, struct err *err);

#endif
