/* inflate: streaming decompression of layers: gzip (every member), zstd (every frame, skippable
 * ones passed over), or plain bytes, decided by the first bytes, not by what somebody claims.
 *
 * Pull style: the caller reads uncompressed bytes, the inflater reads compressed ones through
 * `read`. Never aborts: memory exhaustion is -ENOMEM. One thread at a time. Windows beyond
 * 2^LIMIT_ZSTD_WINDOW_LOG are refused (-EOVERFLOW).
 */
#ifndef STRAKE_CODEC_INFLATE_H
#define STRAKE_CODEC_INFLATE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD };

/* Up to len compressed bytes into buf: the count, 0 at the end, or -errno (handed through). */
typedef ssize_t (*inflate_read_fn)(void *ctx, void *buf, size_t len);

struct inflate;

/* *ret is to be freed also when a later read fails. Returns 0 or -ENOMEM. */
int inflate_new(inflate_read_fn read, void *ctx, struct inflate **ret);
void inflate_free(struct inflate *z);
void inflate_freep(struct inflate **z);

/* Up to len uncompressed bytes: the count (short counts are ordinary), 0 at the end. Buffers of 128
 * KiB and more are the fastest. -EBADMSG: corrupt or truncated; inflate_reason() then says what
 * ("gzip: wrong checksum"; "" when it was not the data that failed). Zero bytes behind the last
 * gzip member are tolerated, anything else behind the end is corrupt. Once failed, always failed.
 */
ssize_t inflate_read(struct inflate *z, void *buf, size_t len);
const char *inflate_reason(const struct inflate *z);
/* Known after the first inflate_read(). */
enum compression inflate_compression(const struct inflate *z);

#endif
