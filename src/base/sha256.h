/* sha256: streaming SHA-256 (libcrypto's, which uses the processor's instructions).
 * Linked into the libexec programs only: `strake` itself never hashes. */
#ifndef STRAKE_BASE_SHA256_H
#define STRAKE_BASE_SHA256_H

#include <stddef.h>

struct sha256;

struct sha256 *sha256_new(void);
void sha256_free(struct sha256 *h);
void sha256_freep(struct sha256 **h);
void sha256_update(struct sha256 *h, const void *buf, size_t len);
void sha256_reset(struct sha256 *h);
/* Writes 64 lower-case hex digits and NUL. The state is then to be reset or freed. */
void sha256_final_hex(struct sha256 *h, char out[65]);
/* Of one buffer. */
void sha256_hex(const void *buf, size_t len, char out[65]);

#endif
