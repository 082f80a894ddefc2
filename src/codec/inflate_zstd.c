/* Theory of operation
 *
 * zstd (RFC 8878) is read frame by frame up to the end of the input. At each frame's start the
 * magic number is looked at here: libzstd may be built with decoders for formats older than 1.0,
 * which nobody may write into a layer and which are not worth their attack surface. Skippable
 * frames (zstd:chunked puts its table of contents into them) are passed over by the library.
 *
 * A frame may declare its content's size. libzstd overlooks a wrong one when the frame comes in
 * pieces and ends with an empty block, and notices it when the frame comes whole: it is checked
 * here, so that the pieces a network delivers decide nothing.
 *
 * The window a frame asks for is the memory it costs us: beyond 2^LIMIT_ZSTD_WINDOW_LOG it is
 * refused, and the decoder holds nothing else of size (its input goes through our own buffer).
 * libzstd keeps its own limit only where it makes a window: a frame that is there whole, with room
 * for all it declares, is decoded at once past that check. So the frame's header is read here too,
 * and again no piece's size decides.
 */
#include "codec/inflate_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/limits.h"

#define FRAME_HEADER_MAX 18
#define SINGLE_SEGMENT 0x20 /* in the frame header descriptor: RFC 8878, section 3.1.1.1.1 */

struct zstd {
	ZSTD_DCtx *ctx;
	bool in_frame;
	unsigned long long declared; /* this frame's content size, or ZSTD_CONTENTSIZE_UNKNOWN */
	unsigned long long made;     /* of this frame */
};

bool zstd_magic(const unsigned char p[4])
{
	if (p[0] == 0x28 && p[1] == 0xb5 && p[2] == 0x2f && p[3] == 0xfd)
		return true;
	return (p[0] & 0xf0) == 0x50 && p[1] == 0x2a && p[2] == 0x4d && p[3] == 0x18;
}

int zstd_new(struct zstd **ret)
{
	struct zstd *s = calloc(1, sizeof(*s));
	size_t r;

	*ret = s;
	if (!s)
		return -ENOMEM;
	s->ctx = ZSTD_createDCtx();
	if (!s->ctx)
		return -ENOMEM;
	r = ZSTD_DCtx_setParameter(s->ctx, ZSTD_d_windowLogMax, LIMIT_ZSTD_WINDOW_LOG);
	return ZSTD_isError(r) ? -EINVAL : 0;
}

void zstd_free(struct zstd *s)
{
	if (!s)
		return;
	ZSTD_freeDCtx(s->ctx);
	free(s);
}

static int refuse_window(struct inflate *z)
{
	return inflate_refuse(z, EOVERFLOW, "zstd", "the frame's window is too large");
}

static int zstd_failure(struct inflate *z, size_t result)
{
	ZSTD_ErrorCode code = ZSTD_getErrorCode(result);

	switch (code) {
	case ZSTD_error_memory_allocation:
		return -ENOMEM;
	case ZSTD_error_frameParameter_windowTooLarge:
		return refuse_window(z);
	case ZSTD_error_checksum_wrong:
		return inflate_refuse(z, EBADMSG, "zstd", "wrong checksum");
	case ZSTD_error_dictionary_wrong:
		return inflate_refuse(z, EBADMSG, "zstd", "needs a dictionary");
	default:
		return inflate_refuse(z, EBADMSG, "zstd", ZSTD_getErrorString(code));
	}
}

/* The window of the frame at hand: its descriptor's (RFC 8878, section 3.1.1.1.2), or all of the
 * content where that is a single segment. 0 for a skippable frame, and for a header that cannot be
 * read. */
static unsigned long long frame_window(const struct inflate *z)
{
	const unsigned char *p = z->in.next;
	unsigned long long base;

	if (p[0] != 0x28 || z->in.avail < 6)
		return 0;
	if (p[4] & SINGLE_SEGMENT)
		return z->zstd->declared == ZSTD_CONTENTSIZE_UNKNOWN ? 0 : z->zstd->declared;
	base = 1ULL << (10 + (p[5] >> 3));
	return base + base / 8 * (p[5] & 7);
}

/* Between frames. Returns 1 when one follows, 0 at the end of the input. */
static int next_frame(struct inflate *z)
{
	struct zstd *s = z->zstd;
	int r = input_need(&z->in, FRAME_HEADER_MAX);

	if (r < 0)
		return r;
	if (z->in.avail == 0)
		return 0;
	if (z->in.avail < 4)
		return inflate_refuse(z, EBADMSG, "zstd",
				      "truncated, or garbage behind the last frame");
	if (!zstd_magic(z->in.next))
		return inflate_refuse(z, EBADMSG, "zstd", "garbage behind the last frame");
	/* a header that cannot be read is for the decoder to refuse */
	s->declared = ZSTD_getFrameContentSize(z->in.next, z->in.avail);
	if (s->declared == ZSTD_CONTENTSIZE_ERROR)
		s->declared = ZSTD_CONTENTSIZE_UNKNOWN;
	if (frame_window(z) > 1ULL << LIMIT_ZSTD_WINDOW_LOG)
		return refuse_window(z);
	s->made = 0;
	s->in_frame = true;
	return 1;
}

ssize_t zstd_step(struct inflate *z, unsigned char *out, size_t len)
{
	struct zstd *s = z->zstd;

	for (;;) {
		ZSTD_outBuffer o = {out, len, 0};
		ZSTD_inBuffer i;
		size_t r;
		int n;

		if (!s->in_frame) {
			n = next_frame(z);
			if (n <= 0)
				return n;
		}
		i.src = z->in.next;
		i.size = z->in.avail;
		i.pos = 0;
		r = ZSTD_decompressStream(s->ctx, &o, &i);
		input_skip(&z->in, i.pos);
		if (ZSTD_isError(r))
			return zstd_failure(z, r);
		s->made += o.pos;
		if (r == 0) {
			s->in_frame = false;
			if (s->declared != ZSTD_CONTENTSIZE_UNKNOWN && s->made != s->declared)
				return inflate_refuse(z, EBADMSG, "zstd", "wrong length");
		}
		if (o.pos > 0)
			return (ssize_t)o.pos;
		if (s->in_frame && z->in.avail == 0) {
			n = input_need(&z->in, 1);
			if (n < 0)
				return n;
			if (z->in.avail == 0)
				return inflate_refuse(z, EBADMSG, "zstd", "truncated");
		}
	}
}
