/* base64: RFC 4648 section 4, for Basic credentials and the `auth` members of credential files. */
#ifndef STRAKE_REGISTRY_BASE64_H
#define STRAKE_REGISTRY_BASE64_H

#include <stddef.h>

/* With padding; malloced. */
char *base64_encode(const void *data, size_t len);
/* Padding may be missing; any other character is -EINVAL. *ret is malloced and NUL terminated
 * behind *ret_len bytes. */
int base64_decode(const char *text, char **ret, size_t *ret_len);

#endif
