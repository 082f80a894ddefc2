/* push: an image of the store to a registry, byte for byte. */
#ifndef STRAKE_IMAGE_PUSH_H
#define STRAKE_IMAGE_PUSH_H

#include "base/err.h"
#include "image/open.h"
#include "oci/reference.h"
#include "registry/client.h"

/* Uploads the blobs the registry lacks, then the manifest under `to`'s tag. When the image came
 * from an index whose manifests are all here, the index is pushed unchanged; else only this
 * manifest. *ret_digest is what the tag then names. Prints progress unless quiet. */
int image_push(struct store *s, const struct image *image, const struct reference *to,
	       const struct registry_options *options, bool quiet, struct digest *ret_digest,
	       struct err *err);

#endif
