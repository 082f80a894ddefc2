/* url: the little that we do with URLs ourselves (RFC 3986): joining, comparing origins, queries.
 */
#ifndef STRAKE_REGISTRY_URL_H
#define STRAKE_REGISTRY_URL_H

#include <stdbool.h>

#include "base/err.h"

/* A Location or a realm, absolute or relative to base (NULL: absolute only): http and https only,
 * user names and fragments are taken away. *ret is malloced. */
int url_join(const char *base, const char *location, char **ret, struct err *err);
/* Whether scheme, host and port (defaults included) are the same. */
bool url_same_origin(const char *a, const char *b);
bool url_is_https(const char *url);
/* Whether the host is this machine's own: localhost, 127.0.0.0/8, ::1. */
bool url_is_loopback(const char *url);
/* Host and port as they stand in the URL, for messages; malloced ("" when it is no URL). */
char *url_host(const char *url);
/* Unreserved characters (RFC 3986, 2.3) stay, all others become %XX; malloced. */
char *url_escape(const char *text);
/* url with "key=value" appended behind '?' or '&', value escaped; malloced. */
char *url_with_query(const char *url, const char *key, const char *value);

/* Whether a redirect from one URL to another may be followed: only http and https, never from https
 * to http. Fills err when not. */
int url_may_redirect(const char *from, const char *to, struct err *err);

#endif
