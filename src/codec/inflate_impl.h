/* inflate_impl: what the files of the codec share; nobody else includes it. */
#ifndef STRAKE_CODEC_INFLATE_IMPL_H
#define STRAKE_CODEC_INFLATE_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/inflate.h"

#define INPUT_SIZE (64 * 1024)
#define INPUT_KEEP 8   /* consumed bytes that input_unread() can give back */
#define INPUT_SLACK 64 /* behind the window, for decoders that load whole words */

/* The compressed side: a window over the stream that keeps the last INPUT_KEEP consumed bytes in
 * front of `next`, across refills too. */
struct input {
	inflate_read_fn read;
	void *ctx;
	unsigned char *next; /* into space, at least INPUT_KEEP behind its start */
	size_t avail;
	bool eof;
	unsigned char space[INPUT_KEEP + INPUT_SIZE + INPUT_SLACK];
};

void input_init(struct input *in, inflate_read_fn read, void *ctx);
/* Reads until `need` (<= 64) bytes are available or the input ends. Returns 0 (look at avail) or
 * what the reader failed with. */
int input_need(struct input *in, size_t need);
void input_skip(struct input *in, size_t n);
/* Takes back the last n (<= INPUT_KEEP) skipped bytes. */
void input_unread(struct input *in, size_t n);

/* Raw deflate (RFC 1951), by ISA-L or zlib. */
struct deflate;

enum deflate_status { DEFLATE_MORE, DEFLATE_END };

/* NULL when memory is out. */
struct deflate *deflate_new(void);
void deflate_free(struct deflate *d);
/* Begins another stream. */
void deflate_reset(struct deflate *d);
/* Decodes from what `in` has, never reading more, into at most len bytes at out. At DEFLATE_END
 * `in` is exactly behind the stream. Errors: -EBADMSG with *ret_reason, -ENOMEM. */
int deflate_run(struct deflate *d, struct input *in, unsigned char *out, size_t len,
		size_t *ret_len, const char **ret_reason);
/* The CRC-32 of all that came out since the reset. */
uint32_t deflate_crc(const struct deflate *d);
/* gzip's CRC-32, continued; 0 begins. */
uint32_t codec_crc32(uint32_t crc, const void *data, size_t len);

struct gzip;
struct zstd;

struct inflate {
	enum compression compression;
	bool started;
	int error;	  /* negative errno, for good */
	char reason[128]; /* what was wrong with the data; "" where it was not the data */
	struct gzip *gzip;
	struct zstd *zstd;
	struct input in;
};

/* Records why the data is refused. Returns -code. */
int inflate_refuse(struct inflate *z, int code, const char *format, const char *what);

int gzip_new(struct gzip **ret);
void gzip_free(struct gzip *g);
/* One step: some bytes, 0 at the end, or -errno. */
ssize_t gzip_step(struct inflate *z, unsigned char *out, size_t len);

int zstd_new(struct zstd **ret);
void zstd_free(struct zstd *s);
ssize_t zstd_step(struct inflate *z, unsigned char *out, size_t len);
/* Whether four bytes open a zstd frame or a skippable one (RFC 8878, sections 3.1.1 and 3.1.2). */
bool zstd_magic(const unsigned char p[4]);

#endif
