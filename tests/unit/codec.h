/* codec: what the unit tests of the codec share: bytes, and a reader that deals them out as told.
 */
#ifndef STRAKE_TESTS_CODEC_H
#define STRAKE_TESTS_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/inflate.h"
#include "unit.h"

struct bytes {
	unsigned char *data;
	size_t len;
	size_t cap;
};

void bytes_add(struct bytes *b, const void *p, size_t len);
void bytes_free(struct bytes *b);
/* len bytes that compress to about a third, with long and short matches, literals and runs. */
struct bytes bytes_sample(size_t len, uint32_t seed);

struct source {
	const unsigned char *data;
	size_t len;
	size_t pos;
	size_t piece; /* at most so many bytes a call; 0: as many as asked for */
	int error;    /* what to say at the end instead of 0 */
	bool overrun; /* claim one byte more than was asked for */
	unsigned int calls;
};

/* Reads from a struct source, for inflate_new(). */
ssize_t source_read(void *ctx, void *buf, size_t len);

/* Inflates everything, `out_piece` bytes a call. Returns 0 or what inflate_read() failed with; the
 * bytes made before are in *ret. reason (may be NULL) gets a copy of the reason. */
int inflate_all(struct source *source, size_t out_piece, struct bytes *ret,
		enum compression *ret_kind, char reason[128]);

/* Asserts that `packed` gives `plain` and is of this kind, for many sizes of pieces on both sides.
 */
void check_inflates(const struct bytes *packed, const struct bytes *plain, enum compression kind);
/* Asserts a failure with this code and a reason that contains the text, for several sizes of
 * pieces. */
void check_refused(const void *packed, size_t len, int code, const char *reason);
/* Asserts that changed bytes are refused, or change nothing (bits that no decoder looks at). */
void check_no_other_content(const struct bytes *packed, const struct bytes *plain);

TCase *codec_gzip_tests(void);
TCase *codec_zstd_tests(void);

#endif
