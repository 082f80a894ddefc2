#include "base/err.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

_Static_assert(sizeof(struct err) <= PIPE_BUF, "err_send() must be one atomic write");

/* The end of a message that did not fit. */
static void err_mark_cut(struct err *err)
{
	memcpy(err->msg + sizeof(err->msg) - 4, "...", 4);
}

/* Replaces the message by text, of which `need` bytes were wanted. */
static void err_store(struct err *err, const char *text, int need)
{
	size_t len = strnlen(text, sizeof(err->msg) - 1);

	memcpy(err->msg, text, len);
	err->msg[len] = '\0';
	if (need < 0 || (size_t)need >= sizeof(err->msg))
		err_mark_cut(err);
}

static int err_code(int code)
{
	if (code < 0)
		code = -code;
	return code ? code : EINVAL;
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
	char text[sizeof(err->msg)] = "";
	int saved = errno, need;
	va_list ap;

	code = err_code(code);
	if (!err)
		return -code;
	va_start(ap, fmt);
	need = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err->code = code;
	err->exit_status = 0;
	err_store(err, text, need);
	errno = saved;
	return -code;
}

int err_sys(struct err *err, int code, const char *fmt, ...)
{
	char text[sizeof(err->msg)] = "", whole[sizeof(err->msg)], why[128];
	int saved = errno, need;
	va_list ap;

	code = err_code(code);
	if (!err)
		return -code;
	va_start(ap, fmt);
	need = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (need >= 0 && (size_t)need < sizeof(text))
		need = snprintf(whole, sizeof(whole), "%s: %s", text,
				strerror_r(code, why, sizeof(why)));
	else
		memcpy(whole, text, sizeof(whole));
	err->code = code;
	err->exit_status = 0;
	err_store(err, whole, need);
	errno = saved;
	return -code;
}

int err_prefix(struct err *err, const char *fmt, ...)
{
	char text[sizeof(err->msg)] = "", whole[sizeof(err->msg)];
	int saved = errno, need;
	va_list ap;

	if (!err)
		return -EINVAL;
	va_start(ap, fmt);
	need = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (need >= 0 && (size_t)need < sizeof(text))
		need = snprintf(whole, sizeof(whole), "%s: %s", text, err->msg);
	else
		memcpy(whole, text, sizeof(whole));
	err_store(err, whole, need);
	errno = saved;
	return -err_code(err->code);
}

int err_hint(struct err *err, const char *fmt, ...)
{
	char text[sizeof(err->msg)] = "", whole[sizeof(err->msg)];
	int saved = errno, need;
	va_list ap;

	if (!err)
		return -EINVAL;
	va_start(ap, fmt);
	need = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (need >= 0)
		need = snprintf(whole, sizeof(whole), "%s; %s", err->msg, text);
	else
		memcpy(whole, err->msg, sizeof(whole));
	err_store(err, whole, need);
	errno = saved;
	return -err_code(err->code);
}

int err_exit(struct err *err, int exit_status)
{
	if (!err)
		return -EINVAL;
	err->exit_status = exit_status;
	return -err_code(err->code);
}

int err_send(int fd, const struct err *err)
{
	ssize_t n;

	do
		n = write(fd, err, sizeof(*err));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == (ssize_t)sizeof(*err) ? 0 : -EIO;
}

int err_receive(int fd, struct err *err)
{
	struct err in;
	size_t have = 0;
	ssize_t n;

	while (have < sizeof(in)) {
		n = read(fd, (char *)&in + have, sizeof(in) - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -EIO;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	if (have == 0)
		return 0;
	if (have < sizeof(in))
		return -EIO;
	in.msg[sizeof(in.msg) - 1] = '\0';
	if (in.code <= 0)
		in.code = EINVAL;
	if (err)
		*err = in;
	return 1;
}
