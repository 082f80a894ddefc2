/* token: Bearer tokens (distribution's token authentication specification; its OAuth2 variant). */
#ifndef STRAKE_REGISTRY_TOKEN_H
#define STRAKE_REGISTRY_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "registry/auth.h"
#include "registry/challenge.h"

#define TOKEN_LIFETIME 60 /* seconds, when the server does not say */
#define TOKEN_MARGIN 10	  /* seconds before its end at which a token is no longer used */

/* A token server's answer: `token` or `access_token`, which must be visible ASCII (it becomes a
 * header). *ret_token is malloced, *ret_lifetime in seconds. */
int token_parse(const char *text, size_t len, char **ret_token, int64_t *ret_lifetime,
		struct err *err);

/* The GET form: realm?service=..&scope=..[&account=..]; realm is absolute. scopes: strv. malloced.
 */
char *token_url(const char *realm, const char *service, char *const *scopes, const char *account);
/* The POST form's body: grant_type=refresh_token when there is an identity token, else password.
 * malloced; to be wiped. */
char *token_form(const char *service, char *const *scopes, const struct credentials *credentials);

#endif
