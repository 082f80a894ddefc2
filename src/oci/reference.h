/* reference: image names, "[domain/]path[:tag][@digest]" (distribution/reference grammar),
 * normalised the way docker does: no domain means docker.io, a docker.io path without a slash gets
 * "library/", and without tag and digest the tag is "latest". */
#ifndef STRAKE_OCI_REFERENCE_H
#define STRAKE_OCI_REFERENCE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/limits.h"
#include "oci/digest.h"

struct reference {
	char domain[LIMIT_REFERENCE_NAME + 1]; /* "docker.io", "127.0.0.1:5000", "[::1]:5000" */
	char path[LIMIT_REFERENCE_NAME + 1];   /* "library/alpine" */
	char tag[LIMIT_TAG + 1];	       /* "" when there is only a digest */
	struct digest digest;		       /* decides when set */
	bool has_domain;		       /* the user typed a domain */
	bool has_tag;			       /* the user typed a tag */
	bool added_library;		       /* "library/" was put in front of the path */
};

/* Parses and normalises. Errors (-EINVAL) quote the name and say what is wrong: upper case in the
 * path, a bare 64-hex id, an empty component, an over-long name ... */
int reference_parse(const char *text, struct reference *ret, struct err *err);
/* "domain/path:tag", "domain/path@digest" or "domain/path:tag@digest"; malloced. */
char *reference_text(const struct reference *ref);
/* The name images carry in the store: "domain/path:tag", or "domain/path@digest" without a tag.
 * malloced. */
char *reference_store_name(const struct reference *ref);
/* The same name in the domain "localhost", where `import` and `build` put names without a domain.
 * A docker.io "library/" that normalisation added is taken away again. Only for such names: one of
 * 255 bytes in a domain shorter than "localhost" would grow too long to be parsed again. */
void reference_to_localhost(const struct reference *ref, struct reference *ret);
/* What to ask the registry for: the digest when set, else the tag. */
const char *reference_selector(const struct reference *ref);
/* The HTTP host: "registry-1.docker.io" for docker.io, else the domain. */
const char *reference_api_host(const struct reference *ref);
/* Whether the domain is localhost, *.localhost, 127.0.0.0/8 or ::1: plain http is then tried. */
bool reference_is_loopback(const char *domain);

#endif
