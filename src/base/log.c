#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static enum log_level level = LOG_NORMAL;
static const char *name = "strake";

void log_set_level(enum log_level new_level)
{
	level = new_level;
}

enum log_level log_level(void)
{
	return level;
}

void log_set_name(const char *new_name)
{
	name = new_name;
}

/* Bytes from 0x80 on are left alone: UTF-8 is text, and its C1 controls are two bytes that start
 * with 0xc2. */
static bool is_control(const unsigned char *p)
{
	return *p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0);
}

char *log_printable(const char *text)
{
	static const char digits[] = "0123456789abcdef";
	char *out = xmalloc(strlen(text) * 4 + 1), *o = out;

	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		bool two = *p == 0xc2 && is_control(p);

		if (!is_control(p)) {
			*o++ = (char)*p;
			continue;
		}
		for (int i = 0; i <= two; i++) {
			*o++ = '\\';
			*o++ = 'x';
			*o++ = digits[p[i] >> 4];
			*o++ = digits[p[i] & 15];
		}
		p += two;
	}
	*o = '\0';
	return out;
}

/* One write for the whole line, so that lines of several processes do not mix. */
__attribute__((format(printf, 2, 0))) static void line(const char *word, const char *fmt,
						       va_list ap)
{
	_cleanup_free_ char *text = xvasprintf(fmt, ap);
	_cleanup_free_ char *shown = log_printable(text);
	_cleanup_free_ char *whole =
		word ? xasprintf("%s: %s%s\n", name, word, shown) : xasprintf("%s\n", shown);
	int saved = errno;

	fflush(stdout);
	fputs(whole, stderr);
	fflush(stderr);
	errno = saved;
}

void log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line("", fmt, ap);
	va_end(ap);
}

void log_warning(const char *fmt, ...)
{
	va_list ap;

	if (level < LOG_NORMAL)
		return;
	va_start(ap, fmt);
	line("warning: ", fmt, ap);
	va_end(ap);
}

void log_notice(const char *fmt, ...)
{
	va_list ap;

	if (level < LOG_NORMAL)
		return;
	va_start(ap, fmt);
	line(NULL, fmt, ap);
	va_end(ap);
}

void log_verbose(const char *fmt, ...)
{
	va_list ap;

	if (level < LOG_VERBOSE)
		return;
	va_start(ap, fmt);
	line("", fmt, ap);
	va_end(ap);
}

void log_debug(const char *fmt, ...)
{
	va_list ap;

	if (level < LOG_DEBUG)
		return;
	va_start(ap, fmt);
	line("debug: ", fmt, ap);
	va_end(ap);
}
