#include "base/log.h"

#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

static enum log_level level_now = LOG_NORMAL;
static const char *program = "strake";

/* guards the display and keeps lines of different threads whole */
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static void (*display_hide)(void *);
static void (*display_show)(void *);
static void *display_arg;

void log_set_level(enum log_level level)
{
	level_now = level;
}

enum log_level log_level(void)
{
	return level_now;
}

void log_set_name(const char *name)
{
	program = name;
}

void log_set_display(void (*hide)(void *), void (*show)(void *), void *arg)
{
	pthread_mutex_lock(&log_lock);
	display_hide = hide;
	display_show = show;
	display_arg = arg;
	pthread_mutex_unlock(&log_lock);
}

/* The bytes of the UTF-8 sequence at p (RFC 3629: shortest form, no surrogates), its code point in
 * *ret; 0 when there is none. p is NUL terminated, so a cut sequence ends the test. */
static size_t log_utf8(const unsigned char *p, unsigned int *ret)
{
	static const unsigned int least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	unsigned int c = n == 1 ? p[0] : n == 2 ? p[0] & 0x1f : n == 3 ? p[0] & 0x0f : p[0] & 0x07;

	if (n == 0 || p[0] >= 0xf8)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return n;
}

/* Whether a terminal shows the character and does nothing else. */
static bool log_is_plain(unsigned int c)
{
	return c >= 0x20 && !(c >= 0x7f && c < 0xa0) && /* C0, DEL, C1 */
	       !(c >= 0x2028 && c <= 0x202e) &&		/* separators, embeddings, overrides */
	       !(c >= 0x2066 && c <= 0x2069);		/* isolates */
}

char *log_printable(const char *text)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = (const unsigned char *)text;
	char *out = xmalloc(strlen(text) * 4 + 1), *o = out;

	while (*p) {
		unsigned int c = 0;
		size_t n = log_utf8(p, &c);

		if (n > 0 && log_is_plain(c)) {
			while (n-- > 0)
				*o++ = (char)*p++;
			continue;
		}
		for (n = n ? n : 1; n > 0; n--, p++) {
			*o++ = '\\';
			*o++ = 'x';
			*o++ = digits[*p >> 4];
			*o++ = digits[*p & 15];
		}
	}
	*o = '\0';
	return out;
}

static void log_write(const char *line, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDERR_FILENO, line, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		line += n;
		len -= (size_t)n;
	}
}

/* One line in one write, so that lines of several processes do not mix. */
static void log_line(bool named, const char *kind, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

static void log_line(bool named, const char *kind, const char *fmt, va_list ap)
{
	int saved = errno;
	_cleanup_free_ char *raw = xvasprintf(fmt, ap);
	_cleanup_free_ char *text = log_printable(raw);
	_cleanup_free_ char *line =
		xasprintf("%s%s%s%s\n", named ? program : "", named ? ": " : "", kind, text);

	pthread_mutex_lock(&log_lock);
	if (display_hide)
		display_hide(display_arg);
	log_write(line, strlen(line));
	if (display_show)
		display_show(display_arg);
	pthread_mutex_unlock(&log_lock);
	errno = saved;
}

#define LOG_AT(level, named, kind)                                                                 \
	do {                                                                                       \
		va_list ap;                                                                        \
		if (level_now < (level))                                                           \
			return;                                                                    \
		va_start(ap, fmt);                                                                 \
		log_line(named, kind, fmt, ap);                                                    \
		va_end(ap);                                                                        \
	} while (0)

void log_error(const char *fmt, ...)
{
	LOG_AT(LOG_QUIET, true, "");
}

void log_warning(const char *fmt, ...)
{
	LOG_AT(LOG_NORMAL, true, "warning: ");
}

void log_notice(const char *fmt, ...)
{
	LOG_AT(LOG_NORMAL, false, "");
}

void log_verbose(const char *fmt, ...)
{
	LOG_AT(LOG_VERBOSE, true, "");
}

void log_debug(const char *fmt, ...)
{
	LOG_AT(LOG_DEBUG, true, "debug: ");
}
