/* Theory of operation
 *
 * The caller pulls; we pull from his reader in turn, 64 KiB at a time, into one input window that
 * every format shares. The first bytes decide the format; nothing that anybody claims does.
 *
 * A format's step function makes some progress with what the window holds. inflate_read() repeats
 * it until the caller's buffer is full, so that both sides work on large pieces whatever sizes the
 * network delivers. When a step fails behind bytes that were already made, those bytes are returned
 * first and the failure by the next call: it is kept, and no call after it touches the state again.
 *
 * Plain data leaves the window once and then goes from the reader to the caller's buffer directly.
 */
#include "codec/inflate_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void input_init(struct input *in, inflate_read_fn read, void *ctx)
{
	in->read = read;
	in->ctx = ctx;
	in->next = in->space + INPUT_KEEP;
	in->avail = 0;
	in->eof = false;
	memset(in->space, 0, INPUT_KEEP);
	memset(in->space + INPUT_KEEP + INPUT_SIZE, 0, INPUT_SLACK);
}

int input_need(struct input *in, size_t need)
{
	if (in->avail >= need || in->eof)
		return 0;
	memmove(in->space, in->next - INPUT_KEEP, INPUT_KEEP + in->avail);
	in->next = in->space + INPUT_KEEP;
	while (in->avail < need) {
		size_t room = INPUT_SIZE - in->avail;
		ssize_t n = in->read(in->ctx, in->next + in->avail, room);

		if (n < 0)
			return (int)n;
		if ((size_t)n > room)
			return -EIO;
		if (n == 0) {
			in->eof = true;
			return 0;
		}
		in->avail += (size_t)n;
	}
	return 0;
}

void input_skip(struct input *in, size_t n)
{
	in->next += n;
	in->avail -= n;
}

void input_unread(struct input *in, size_t n)
{
	in->next -= n;
	in->avail += n;
}

int inflate_refuse(struct inflate *z, int code, const char *format, const char *what)
{
	snprintf(z->reason, sizeof(z->reason), "%s: %s", format, what);
	return -code;
}

int inflate_new(inflate_read_fn read, void *ctx, struct inflate **ret)
{
	struct inflate *z = malloc(sizeof(*z));

	*ret = NULL;
	if (!z)
		return -ENOMEM;
	z->compression = COMPRESSION_NONE;
	z->started = false;
	z->error = 0;
	z->reason[0] = '\0';
	z->gzip = NULL;
	z->zstd = NULL;
	input_init(&z->in, read, ctx);
	*ret = z;
	return 0;
}

void inflate_free(struct inflate *z)
{
	if (!z)
		return;
	gzip_free(z->gzip);
	zstd_free(z->zstd);
	free(z);
}

void inflate_freep(struct inflate **z)
{
	int saved = errno;

	inflate_free(*z);
	*z = NULL;
	errno = saved;
}

/* Decides the format by the first bytes. */
static int start(struct inflate *z)
{
	const unsigned char *p;
	int r = input_need(&z->in, 4);

	if (r < 0)
		return r;
	p = z->in.next;
	z->started = true;
	if (z->in.avail >= 2 && p[0] == 0x1f && p[1] == 0x8b) {
		z->compression = COMPRESSION_GZIP;
		return gzip_new(&z->gzip);
	}
	if (z->in.avail >= 4 && zstd_magic(p)) {
		z->compression = COMPRESSION_ZSTD;
		return zstd_new(&z->zstd);
	}
	return 0;
}

static ssize_t plain_step(struct inflate *z, unsigned char *out, size_t len)
{
	struct input *in = &z->in;
	ssize_t n;

	if (in->avail > 0) {
		size_t held = in->avail < len ? in->avail : len;

		memcpy(out, in->next, held);
		input_skip(in, held);
		return (ssize_t)held;
	}
	if (in->eof)
		return 0;
	n = in->read(in->ctx, out, len);
	if (n > 0 && (size_t)n > len)
		return -EIO;
	in->eof = n == 0;
	return n;
}

ssize_t inflate_read(struct inflate *z, void *buf, size_t len)
{
	unsigned char *out = buf;
	size_t done = 0;

	if (!z->error && !z->started)
		z->error = start(z);
	while (!z->error && done < len) {
		ssize_t n;

		if (z->compression == COMPRESSION_GZIP)
			n = gzip_step(z, out + done, len - done);
		else if (z->compression == COMPRESSION_ZSTD)
			n = zstd_step(z, out + done, len - done);
		else
			n = plain_step(z, out + done, len - done);
		if (n < 0)
			z->error = (int)n;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (done > 0)
		return (ssize_t)done;
	return z->error;
}

const char *inflate_reason(const struct inflate *z)
{
	return z->reason;
}

enum compression inflate_compression(const struct inflate *z)
{
	return z->compression;
}
