/* platform: os/architecture/variant, with Go's names; normalisation and best match. */
#ifndef STRAKE_OCI_PLATFORM_H
#define STRAKE_OCI_PLATFORM_H

#include <stdbool.h>

#include "base/err.h"
#include "base/json.h"

struct platform {
	char os[32];
	char arch[32];
	char variant[32]; /* "" where there is none, for amd64's v1 and arm64's v8; arm always has
			     one */
	char os_version[64];
};

/* This machine's ("linux", uname's machine, normalised). */
void platform_host(struct platform *ret);
/* "os/arch[/variant]" or "arch"; normalised. */
int platform_parse(const char *text, struct platform *ret, struct err *err);
/* A descriptor's `platform` object, or the top level of an image config; normalised. Over-long
 * fields are -EINVAL, missing ones "". */
int platform_from_json(const json_t *obj, struct platform *ret, struct err *err);
/* How well `offered` serves `wanted`: 0 not at all, else the larger the better (the exact variant
 * best, then the fallbacks: arm v7 > v6 > v5, amd64 v3 > v2 > v1, arm64 > arm v8...). */
int platform_match(const struct platform *wanted, const struct platform *offered);
/* "os/arch" or "os/arch/variant" into out[112]; returns out. */
char *platform_text(const struct platform *p, char out[112]);

#endif
