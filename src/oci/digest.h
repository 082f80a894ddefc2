/* digest: "algorithm:encoded" strings (image-spec, descriptor.md, "Digests"). */
#ifndef STRAKE_OCI_DIGEST_H
#define STRAKE_OCI_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/limits.h"

/* Valid by construction: only digest_parse() and digest_from_hex() fill one. Empty text: no digest.
 */
struct digest {
	char text[LIMIT_DIGEST + 1];
};

/* Accepts sha256 (64 lower-case hex) and sha512 (128); any other algorithm or form is -EINVAL with
 * a message that quotes it. */
int digest_parse(const char *text, struct digest *ret, struct err *err);
/* From the 64 lower-case hex digits of a SHA-256. */
void digest_from_hex(const char hex[65], struct digest *ret);
bool digest_is_set(const struct digest *d);
bool digest_eq(const struct digest *a, const struct digest *b);
/* The part behind the colon; points into d. */
const char *digest_encoded(const struct digest *d);
/* "sha256" or "sha512". */
const char *digest_algorithm(const struct digest *d);
/* The first 12 encoded digits, for people, into out[13]; returns out. */
char *digest_short(const struct digest *d, char out[13]);

#endif
