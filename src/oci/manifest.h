/* manifest: image manifests and indexes of both families (image-spec manifest.md, image-index.md;
 * Docker v2 schema 2). The bytes are kept by the caller: nothing here is ever written back. */
#ifndef STRAKE_OCI_MANIFEST_H
#define STRAKE_OCI_MANIFEST_H

#include <stddef.h>

#include "oci/descriptor.h"
#include "oci/media_type.h"

struct manifest {
	char *media_type;
	struct descriptor config;
	struct descriptor *layers; /* base first */
	size_t n_layers;
};

struct image_index {
	char *media_type;
	struct descriptor *manifests;
	size_t n_manifests;
};

/* What a document is: from `served_type` (the Content-Type or the descriptor's mediaType; NULL or a
 * generic type when unknown), its own mediaType, and its members. They must agree: a body whose
 * mediaType differs from the served one, or that has both `layers` and `manifests`, is -EINVAL
 * ("media type confusion"); schema 1 and types that are neither manifest nor index are -ENOTSUP. */
int document_kind(const char *text, size_t len, const char *served_type, enum media_kind *ret,
		  struct err *err);

/* `layers` may be null or missing: an image of metadata only. */
int manifest_parse(const char *text, size_t len, const char *served_type, struct manifest *ret,
		   struct err *err);
void manifest_release(struct manifest *m);

/* Entries of unknown media types are left out when they cannot be parsed. */
int image_index_parse(const char *text, size_t len, const char *served_type,
		      struct image_index *ret, struct err *err);
void image_index_release(struct image_index *index);
/* The first of the best matches; attestations (unknown/unknown) and unknown media types never. An
 * entry without a platform serves when no other does. A nested index may be chosen: the caller
 * descends. -ENOENT lists the platforms there are. *ret points into index. */
int image_index_select(const struct image_index *index, const struct platform *wanted,
		       const struct descriptor **ret, struct err *err);

#endif
