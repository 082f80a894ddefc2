/* convert: archives in a compression that images do not know, turned into gzip as they are read. */
#ifndef STRAKE_LAYER_CONVERT_H
#define STRAKE_LAYER_CONVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

#define CONVERT_HEAD 8 /* bytes that convert_needed() looks at */

/* Whether data that begins like this is xz, bzip2, lzip, lz4 or compress. Plain, gzip and zstd
 * archives, and what is no archive at all, are not. */
bool convert_needed(const void *head, size_t len);

/* Up to len bytes: the count, 0 at the end, or -errno. */
typedef ssize_t (*convert_read_fn)(void *ctx, void *buf, size_t len);
/* All of it: 0 or -errno. */
typedef int (*convert_write_fn)(void *ctx, const void *buf, size_t len);

/* Reads to the end and writes one gzip member whose bytes depend on the content only. The size of
 * what comes out is bounded by whoever takes it: an error of write ends the conversion and is
 * handed through without a message. */
int convert_to_gzip(convert_read_fn read, convert_write_fn write, void *ctx, struct err *err);

#endif
