/* unpack: makes missing unpacked layers again out of their blobs. */
#ifndef STRAKE_IMAGE_UNPACK_H
#define STRAKE_IMAGE_UNPACK_H

#include "base/err.h"
#include "image/open.h"

int image_unpack(struct store *s, const struct image *image, uint64_t max_unpacked,
		 struct err *err);

#endif
