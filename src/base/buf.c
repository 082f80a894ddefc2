#include "base/buf.h"

#include "base/mem.h"

#include <errno.h>
#include <stdint.h>

#define BUF_FIRST 64

void buf_init(struct buf *b, size_t max)
{
	if (max > SIZE_MAX / 4)
		max = SIZE_MAX / 4;
	b->cap = max < BUF_FIRST ? max + 1 : BUF_FIRST;
	b->data = xmalloc(b->cap);
	b->data[0] = '\0';
	b->len = 0;
	b->max = max;
}

void buf_release(struct buf *b)
{
	int saved = errno;

	free(b->data);
	b->data = NULL;
	b->len = b->cap = 0;
	errno = saved;
}

/* Room for len more bytes and the NUL. */
static int buf_room(struct buf *b, size_t len)
{
	size_t need, cap = b->cap;

	if (len > b->max - b->len)
		return -EFBIG;
	need = b->len + len + 1;
	if (need <= cap)
		return 0;
	while (cap < need)
		cap *= 2;
	if (cap > b->max + 1)
		cap = b->max + 1;
	b->data = xrealloc(b->data, cap);
	b->cap = cap;
	return 0;
}

int buf_add(struct buf *b, const void *p, size_t len)
{
	int r = buf_room(b, len);

	if (r < 0)
		return r;
	if (len)
		memcpy(b->data + b->len, p, len);
	b->len += len;
	b->data[b->len] = '\0';
	return 0;
}

int buf_addstr(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int buf_addch(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
	size_t room = b->cap - b->len;
	va_list ap;
	int n, r;

	va_start(ap, fmt);
	n = vsnprintf(b->data + b->len, room, fmt, ap);
	va_end(ap);
	if (n < 0) {
		b->data[b->len] = '\0';
		return -EINVAL;
	}
	if ((size_t)n >= room) {
		b->data[b->len] = '\0';
		r = buf_room(b, (size_t)n);
		if (r < 0)
			return r;
		va_start(ap, fmt);
		vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	b->len += (size_t)n;
	return 0;
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->data[0] = '\0';
}

char *buf_steal(struct buf *b)
{
	char *s = b->data;

	buf_init(b, b->max);
	return s;
}
