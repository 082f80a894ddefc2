/* descriptor: a typed, sized reference to a blob (image-spec descriptor.md). */
#ifndef STRAKE_OCI_DESCRIPTOR_H
#define STRAKE_OCI_DESCRIPTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "oci/digest.h"
#include "oci/platform.h"

struct descriptor {
	char *media_type;
	struct digest digest;
	int64_t size;	     /* bytes, >= 0 */
	char **urls;	     /* strv or NULL */
	json_t *annotations; /* object of strings, or NULL */
	char *artifact_type; /* or NULL */
	bool has_platform;
	struct platform platform;
};

/* `what` names it in errors ("layer 3"). Sizes outside [0, max_size], a missing field or a wrong
 * type: an error. An embedded `data` is not used. */
int descriptor_parse(const json_t *obj, int64_t max_size, const char *what, struct descriptor *ret,
		     struct err *err);
void descriptor_release(struct descriptor *d);
void descriptor_copy(const struct descriptor *from, struct descriptor *to);
/* A new object: mediaType, digest, size, platform, urls, artifactType, annotations as present. */
json_t *descriptor_json(const struct descriptor *d);
/* An annotation's value, or NULL. */
const char *descriptor_annotation(const struct descriptor *d, const char *key);
/* Sets (value NULL: removes) one. */
void descriptor_annotate(struct descriptor *d, const char *key, const char *value);

#endif
