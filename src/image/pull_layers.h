/* pull_layers: the layers of one image into the store, in parallel. */
#ifndef STRAKE_IMAGE_PULL_LAYERS_H
#define STRAKE_IMAGE_PULL_LAYERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "oci/image_config.h"
#include "oci/manifest.h"
#include "registry/client.h"
#include "store/store.h"

struct layers_request {
	struct store *store;
	struct registry_client *client;
	const struct manifest *manifest;
	const struct image_config *config; /* as many diff ids as the manifest has layers */
	uint64_t max_unpacked;		   /* as in pull_options */
	bool quiet;
};

/* Afterwards every layer's blob and its unpacked directory are there. *ret_fetched: how many this
 * call downloaded or unpacked. After a failure nothing of ours is left but complete layers, and
 * partial downloads where resuming them makes sense. Theory of operation in pull_layers.c. */
int pull_layers(const struct layers_request *request, size_t *ret_fetched, struct err *err);

#endif
