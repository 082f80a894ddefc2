#include "entry/entry.h"

#include <fcntl.h>

#include "base/err.h"
#include "entry/sys.h"

static struct err report;

void entry_add(struct entry_text *t, const char *s)
{
	while (*s != '\0' && t->at < t->end)
		*t->at++ = *s++;
	*t->at = '\0';
}

void entry_add_number(struct entry_text *t, long v)
{
	static char digits[24];
	char *p = digits + sizeof(digits) - 1;
	unsigned long u = v < 0 ? 0UL - (unsigned long)v : (unsigned long)v;

	*p = '\0';
	do {
		*--p = (char)('0' + u % 10);
		u /= 10;
	} while (u > 0);
	if (v < 0)
		*--p = '-';
	entry_add(t, p);
}

/* A descriptor's number, or -1. */
static int parse_fd(const char *s)
{
	int v = 0;

	if (*s == '\0')
		return -1;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9' || v > 99999999)
			return -1;
		v = v * 10 + (*s - '0');
	}
	return v;
}

static _Noreturn void leave(int status)
{
	for (;;)
		sys_call(__NR_exit_group, status, 0, 0, 0, 0);
}

static void write_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		const long n = sys_call(__NR_write, fd, (long)p, (long)len, 0, 0);

		if (n == -4 /* EINTR */)
			continue;
		if (n <= 0)
			return;
		p += n;
		len -= (size_t)n;
	}
}

static _Noreturn void refuse(void)
{
	static const char text[] = "strake-entry: strake runs this program inside containers; "
				   "it is not a command\n";

	write_all(2, text, sizeof(text) - 1);
	leave(125);
}

_Noreturn void entry_main(int argc, char **argv, char **envp)
{
	static struct entry_text text;
	int fd, code;

	/* Also reached by an image whose command is /proc/self/exe. */
	fd = argc >= 4 ? parse_fd(argv[1]) : -1;
	if (fd < 0 || sys_call(__NR_fcntl, fd, F_SETFD, FD_CLOEXEC, 0, 0) < 0)
		refuse();
	code = (int)-sys_call(__NR_execve, (long)argv[2], (long)(argv + 3), (long)envp, 0, 0);

	text.at = report.msg;
	text.end = report.msg + sizeof(report.msg) - 1;
	entry_add(&text, "cannot execute '");
	entry_add(&text, argv[2]);
	entry_add(&text, "': ");
	report.code = code;
	report.exit_status = entry_explain(&text, argv[2], code);
	write_all(fd, (const char *)&report, sizeof(report));
	leave(report.exit_status);
}
