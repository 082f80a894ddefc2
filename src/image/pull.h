/* pull: a registry's image into the store. */
#ifndef STRAKE_IMAGE_PULL_H
#define STRAKE_IMAGE_PULL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "oci/platform.h"
#include "oci/reference.h"
#include "registry/client.h"
#include "store/store.h"

struct pull_options {
	struct registry_options registry;
	struct platform platform;
	bool platform_explicit; /* --platform: a single manifest of another platform is an error,
				 * not a warning */
	bool quiet;		/* no progress */
	uint64_t max_unpacked;	/* bytes of one layer; 0: LIMIT_LAYER_UNPACKED */
};

/* Theory of operation in pull.c. On success the tag is set and *ret_id is the image id (config
 * digest). Every layer is verified (digest and diff id) and unpacked. */
int image_pull(struct store *s, const struct reference *ref, const struct pull_options *options,
	       struct digest *ret_id, struct err *err);

#endif
