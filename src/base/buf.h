/* buf: a growing byte buffer with a maximum given at its birth.
 *
 * The content is always followed by a NUL that does not count. Growth beyond the maximum fails with
 * -EFBIG and leaves the buffer as it was; memory exhaustion aborts (mem.h).
 */
#ifndef STRAKE_BASE_BUF_H
#define STRAKE_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

struct buf {
	char *data; /* never NULL after buf_init */
	size_t len;
	size_t cap;
	size_t max;
};

#define _cleanup_buf_ __attribute__((cleanup(buf_release)))

void buf_init(struct buf *b, size_t max);
void buf_release(struct buf *b);
int buf_add(struct buf *b, const void *p, size_t len);
int buf_addstr(struct buf *b, const char *s);
int buf_addch(struct buf *b, char c);
int buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_reset(struct buf *b);
/* Hands the NUL terminated content to the caller (to free) and leaves the buffer empty. */
char *buf_steal(struct buf *b);

#endif
