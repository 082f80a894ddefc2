/* Theory of operation
 *
 * gzip (RFC 1952) is read as a sequence of members up to the end of the input. The framing is
 * parsed here and only raw deflate is left to the library: ISA-L's own gzip mode forgets its place
 * in a header that is split between two reads (the optional fields behind the split are then taken
 * for deflate data), and one parser behaves the same over either library.
 *
 * The deflate decoder gives back the bytes it took too many, so that the window stands exactly at
 * the trailer. CRC and length are checked for each member before the next one is looked at. Behind
 * the last member zero bytes are tolerated (tape blocks, and tools that pad); anything else is
 * refused, since what follows there would be hidden from other readers or from us.
 */
#include "codec/inflate_impl.h"

#include <errno.h>
#include <stdlib.h>

#define FLAG_HCRC 0x02
#define FLAG_EXTRA 0x04
#define FLAG_NAME 0x08
#define FLAG_COMMENT 0x10
#define FLAG_RESERVED 0xe0
#define METHOD_DEFLATE 8
#define HEADER_SIZE 10
#define TRAILER_SIZE 8

enum gzip_state { AT_MEMBER, IN_BODY, AT_TRAILER, IN_PADDING };

struct gzip {
	enum gzip_state state;
	bool first;
	uint32_t size; /* of this member's content, modulo 2^32 */
	struct deflate *deflate;
};

int gzip_new(struct gzip **ret)
{
	struct gzip *g = calloc(1, sizeof(*g));

	*ret = g;
	if (!g)
		return -ENOMEM;
	g->state = AT_MEMBER;
	g->first = true;
	g->deflate = deflate_new();
	return g->deflate ? 0 : -ENOMEM;
}

void gzip_free(struct gzip *g)
{
	if (!g)
		return;
	deflate_free(g->deflate);
	free(g);
}

static int truncated(struct inflate *z)
{
	return inflate_refuse(z, EBADMSG, "gzip", "truncated");
}

static uint32_t le32(const unsigned char *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Passes over n bytes of a header, or with `until_zero` to the next zero byte and over it. */
static int skip_field(struct inflate *z, size_t n, bool until_zero, uint32_t *crc)
{
	while (until_zero || n > 0) {
		unsigned char c;
		int r = input_need(&z->in, 1);

		if (r < 0)
			return r;
		if (z->in.avail == 0)
			return truncated(z);
		c = *z->in.next;
		*crc = codec_crc32(*crc, &c, 1);
		input_skip(&z->in, 1);
		if (until_zero && c == 0)
			return 0;
		if (!until_zero)
			n--;
	}
	return 0;
}

static int optional_fields(struct inflate *z, unsigned int flags, uint32_t *crc)
{
	int r;

	if (flags & FLAG_EXTRA) {
		size_t n;

		r = input_need(&z->in, 2);
		if (r < 0)
			return r;
		if (z->in.avail < 2)
			return truncated(z);
		n = z->in.next[0] | (size_t)z->in.next[1] << 8;
		r = skip_field(z, 2 + n, false, crc);
		if (r < 0)
			return r;
	}
	if (flags & FLAG_NAME) {
		r = skip_field(z, 0, true, crc);
		if (r < 0)
			return r;
	}
	if (flags & FLAG_COMMENT) {
		r = skip_field(z, 0, true, crc);
		if (r < 0)
			return r;
	}
	if (flags & FLAG_HCRC) {
		r = input_need(&z->in, 2);
		if (r < 0)
			return r;
		if (z->in.avail < 2)
			return truncated(z);
		if ((*crc & 0xffff) != (z->in.next[0] | (uint32_t)z->in.next[1] << 8))
			return inflate_refuse(z, EBADMSG, "gzip", "wrong header checksum");
		input_skip(&z->in, 2);
	}
	return 0;
}

static int read_header(struct inflate *z)
{
	const unsigned char *p;
	unsigned int flags;
	uint32_t crc;
	int r = input_need(&z->in, HEADER_SIZE);

	if (r < 0)
		return r;
	p = z->in.next;
	if (p[0] != 0x1f || (z->in.avail > 1 && p[1] != 0x8b))
		return inflate_refuse(z, EBADMSG, "gzip", "garbage behind the last member");
	if (z->in.avail < HEADER_SIZE)
		return truncated(z);
	if (p[2] != METHOD_DEFLATE)
		return inflate_refuse(z, EBADMSG, "gzip", "unknown compression method");
	flags = p[3];
	if (flags & FLAG_RESERVED)
		return inflate_refuse(z, EBADMSG, "gzip", "reserved flags are set");
	crc = codec_crc32(0, p, HEADER_SIZE);
	input_skip(&z->in, HEADER_SIZE);
	return optional_fields(z, flags, &crc);
}

/* Between members. Returns 1 when a body follows, 0 at the end of the input or in padding. */
static int next_member(struct inflate *z)
{
	struct gzip *g = z->gzip;
	int r = input_need(&z->in, 1);

	if (r < 0)
		return r;
	if (z->in.avail == 0)
		return 0;
	if (!g->first && *z->in.next == 0) {
		g->state = IN_PADDING;
		return 0;
	}
	r = read_header(z);
	if (r < 0)
		return r;
	if (!g->first)
		deflate_reset(g->deflate);
	g->first = false;
	g->size = 0;
	g->state = IN_BODY;
	return 1;
}

static int check_trailer(struct inflate *z)
{
	struct gzip *g = z->gzip;
	int r = input_need(&z->in, TRAILER_SIZE);

	if (r < 0)
		return r;
	if (z->in.avail < TRAILER_SIZE)
		return truncated(z);
	if (le32(z->in.next) != deflate_crc(g->deflate))
		return inflate_refuse(z, EBADMSG, "gzip", "wrong checksum");
	if (le32(z->in.next + 4) != g->size)
		return inflate_refuse(z, EBADMSG, "gzip", "wrong length");
	input_skip(&z->in, TRAILER_SIZE);
	g->state = AT_MEMBER;
	return 0;
}

static int skip_padding(struct inflate *z)
{
	struct input *in = &z->in;

	for (;;) {
		int r = input_need(in, 1);

		if (r < 0)
			return r;
		if (in->avail == 0)
			return 0;
		while (in->avail > 0) {
			if (*in->next != 0)
				return inflate_refuse(z, EBADMSG, "gzip",
						      "garbage behind the last member");
			input_skip(in, 1);
		}
	}
}

/* Decodes some of the body. Returns the bytes made, which may be 0 without an end. */
static ssize_t read_body(struct inflate *z, unsigned char *out, size_t len)
{
	struct gzip *g = z->gzip;
	const char *reason = NULL;
	size_t made = 0;
	int r = deflate_run(g->deflate, &z->in, out, len, &made, &reason);

	if (r < 0)
		return reason ? inflate_refuse(z, -r, "gzip", reason) : r;
	g->size += (uint32_t)made;
	if (r == DEFLATE_END) {
		g->state = AT_TRAILER;
	} else if (made == 0 && z->in.avail == 0) {
		r = input_need(&z->in, 1);
		if (r < 0)
			return r;
		if (z->in.avail == 0)
			return truncated(z);
	}
	return (ssize_t)made;
}

ssize_t gzip_step(struct inflate *z, unsigned char *out, size_t len)
{
	struct gzip *g = z->gzip;

	for (;;) {
		ssize_t n;

		switch (g->state) {
		case AT_MEMBER:
			n = next_member(z);
			if (n < 0 || (n == 0 && g->state != IN_PADDING))
				return n;
			break;
		case IN_BODY:
			n = read_body(z, out, len);
			if (n != 0)
				return n;
			break;
		case AT_TRAILER:
			n = check_trailer(z);
			if (n < 0)
				return n;
			break;
		case IN_PADDING:
			return skip_padding(z);
		}
	}
}
