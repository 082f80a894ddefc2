/* link: hard links of layers to files of the layers below them (layer/lower.h). */
#ifndef STRAKE_IMAGE_LINK_H
#define STRAKE_IMAGE_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "oci/image_config.h"
#include "oci/manifest.h"
#include "store/store.h"

/* Whether layer i of n is listed again above: then only that place counts. */
bool layer_is_repeated(const struct digest *diff_ids, size_t n, size_t i);

/* Makes them in all layers of an image, which are unpacked. Errors name the layer's blob. */
int image_link_layers(struct store *s, const struct manifest *manifest,
		      const struct image_config *config, struct err *err);

#endif
