/* Theory of operation
 *
 * Raw deflate over one of two libraries, chosen by configure.
 *
 * ISA-L reads up to eight bytes ahead into a register. At the end of the stream the whole bytes
 * left there belong to whoever reads next: they are given back to the window, which keeps as many
 * consumed bytes in front of it for this. ISA-L also keeps up to 64 KiB of output for itself; the
 * stream is at its end (ISAL_BLOCK_FINISH) only when that is drained, and it must be called again
 * for it even when the input is used up. Its checksum mode ISAL_GZIP_NO_HDR counts the CRC of what
 * reached the caller and leaves header and trailer alone.
 */
#include "codec/inflate_impl.h"

#include <errno.h>
#include <stdlib.h>

#define STEP_MAX (1U << 30) /* both libraries count in 32 bits */

#ifdef HAVE_ISAL

#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>

struct deflate {
	struct inflate_state state;
};

struct deflate *deflate_new(void)
{
	struct deflate *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	isal_inflate_init(&d->state);
	d->state.crc_flag = ISAL_GZIP_NO_HDR;
	return d;
}

void deflate_free(struct deflate *d)
{
	free(d);
}

void deflate_reset(struct deflate *d)
{
	isal_inflate_reset(&d->state);
}

static const char *isal_reason(int code)
{
	switch (code) {
	case ISAL_INVALID_BLOCK:
		return "corrupt block";
	case ISAL_INVALID_SYMBOL:
		return "corrupt symbol";
	case ISAL_INVALID_LOOKBACK:
		return "distance too far back";
	default:
		return "corrupt data";
	}
}

int deflate_run(struct deflate *d, struct input *in, unsigned char *out, size_t len,
		size_t *ret_len, const char **ret_reason)
{
	struct inflate_state *s = &d->state;
	uint32_t room = len < STEP_MAX ? (uint32_t)len : STEP_MAX;
	int r;

	s->next_in = in->next;
	s->avail_in = (uint32_t)in->avail;
	s->next_out = out;
	s->avail_out = room;
	r = isal_inflate(s);
	if (r == ISAL_DECOMP_OK && s->avail_in > in->avail)
		r = ISAL_INVALID_BLOCK;
	if (r != ISAL_DECOMP_OK) {
		*ret_reason = isal_reason(r);
		return -EBADMSG;
	}
	input_skip(in, in->avail - s->avail_in);
	*ret_len = room - s->avail_out;
	if (s->block_state != ISAL_BLOCK_FINISH)
		return DEFLATE_MORE;
	input_unread(in, (size_t)s->read_in_length / 8);
	s->read_in_length = 0;
	return DEFLATE_END;
}

uint32_t deflate_crc(const struct deflate *d)
{
	return d->state.crc;
}

uint32_t codec_crc32(uint32_t crc, const void *data, size_t len)
{
	return crc32_gzip_refl(crc, data, len);
}

#else

#include <zlib.h>

struct deflate {
	z_stream stream;
	uint32_t crc;
};

struct deflate *deflate_new(void)
{
	struct deflate *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	if (inflateInit2(&d->stream, -MAX_WBITS) != Z_OK) {
		free(d);
		return NULL;
	}
	return d;
}

void deflate_free(struct deflate *d)
{
	if (!d)
		return;
	inflateEnd(&d->stream);
	free(d);
}

void deflate_reset(struct deflate *d)
{
	inflateReset(&d->stream);
	d->crc = 0;
}

int deflate_run(struct deflate *d, struct input *in, unsigned char *out, size_t len,
		size_t *ret_len, const char **ret_reason)
{
	z_stream *s = &d->stream;
	uint32_t room = len < STEP_MAX ? (uint32_t)len : STEP_MAX;
	int r;

	s->next_in = in->next;
	s->avail_in = (uInt)in->avail;
	s->next_out = out;
	s->avail_out = room;
	r = inflate(s, Z_NO_FLUSH);
	input_skip(in, in->avail - s->avail_in);
	*ret_len = room - s->avail_out;
	d->crc = codec_crc32(d->crc, out, *ret_len);
	switch (r) {
	case Z_OK:
	case Z_BUF_ERROR:
		return DEFLATE_MORE;
	case Z_STREAM_END:
		return DEFLATE_END;
	case Z_MEM_ERROR:
		return -ENOMEM;
	default:
		*ret_reason = s->msg ? s->msg : "corrupt data";
		return -EBADMSG;
	}
}

uint32_t deflate_crc(const struct deflate *d)
{
	return d->crc;
}

uint32_t codec_crc32(uint32_t crc, const void *data, size_t len)
{
	return (uint32_t)crc32_z(crc, data, len);
}

#endif
