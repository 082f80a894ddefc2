/* challenge: WWW-Authenticate header values (RFC 9110, sections 11.2 to 11.6.1). */
#ifndef STRAKE_REGISTRY_CHALLENGE_H
#define STRAKE_REGISTRY_CHALLENGE_H

#include <stddef.h>

#define CHALLENGES_MAX 16 /* in all header lines of one answer; later ones are ignored */

struct challenge {
	char scheme[32]; /* lower case: "bearer", "basic" */
	char *realm;	 /* the parameters we know; NULL when absent */
	char *service;
	char *scope;
	char *error;
};

struct challenges {
	struct challenge v[CHALLENGES_MAX];
	size_t n;
};

/* Adds the challenges of one header value to *c, which starts out zeroed. Scheme and parameter
 * names compare without case; values may be quoted with escapes. Of a parameter given twice the
 * first counts. What does not fit the grammar ends the line with -EINVAL; the challenges before it
 * stay. */
int challenges_parse(struct challenges *c, const char *header);
void challenges_release(struct challenges *c);
/* The first of that scheme, or NULL. */
const struct challenge *challenges_find(const struct challenges *c, const char *scheme);

#endif
