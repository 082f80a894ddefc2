#include "oci/image_config.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"

/* The kernel's range as docker counts it: glibc keeps 32 and 33 to itself. */
#define RTMIN 34
#define RTMAX 64

static const struct {
	const char *name;
	int number;
} names[] = {
	{"ABRT", SIGABRT},     {"ALRM", SIGALRM}, {"BUS", SIGBUS},	 {"CHLD", SIGCHLD},
	{"CLD", SIGCHLD},      {"CONT", SIGCONT}, {"FPE", SIGFPE},	 {"HUP", SIGHUP},
	{"ILL", SIGILL},       {"INT", SIGINT},	  {"IO", SIGIO},	 {"IOT", SIGABRT},
	{"KILL", SIGKILL},     {"PIPE", SIGPIPE}, {"POLL", SIGIO},	 {"PROF", SIGPROF},
	{"PWR", SIGPWR},       {"QUIT", SIGQUIT}, {"SEGV", SIGSEGV},
#ifdef SIGSTKFLT
	{"STKFLT", SIGSTKFLT},
#endif
	{"STOP", SIGSTOP},     {"SYS", SIGSYS},	  {"TERM", SIGTERM},	 {"TRAP", SIGTRAP},
	{"TSTP", SIGTSTP},     {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU},	 {"URG", SIGURG},
	{"USR1", SIGUSR1},     {"USR2", SIGUSR2}, {"VTALRM", SIGVTALRM}, {"WINCH", SIGWINCH},
	{"XCPU", SIGXCPU},     {"XFSZ", SIGXFSZ},
};

/* "RTMIN", "RTMIN+n", "RTMAX", "RTMAX-n"; -1 for anything else or out of range. */
static int realtime(const char *s)
{
	bool from_min = strncasecmp(s, "RTMIN", 5) == 0;
	uint64_t n = 0;

	if (!from_min && strncasecmp(s, "RTMAX", 5) != 0)
		return -1;
	s += 5;
	if (*s != '\0') {
		if (*s != (from_min ? '+' : '-') || str_to_u64(s + 1, RTMAX - RTMIN, &n) < 0)
			return -1;
	}
	return from_min ? RTMIN + (int)n : RTMAX - (int)n;
}

int image_signal_parse(const char *text, struct err *err)
{
	const char *s = text;
	uint64_t n;
	int number;

	if (*text == '\0')
		return SIGTERM;
	if (str_to_u64(text, RTMAX, &n) == 0 && n > 0)
		return (int)n;
	if (strncasecmp(s, "SIG", 3) == 0)
		s += 3;
	number = realtime(s);
	if (number > 0)
		return number;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcasecmp(s, names[i].name) == 0)
			return names[i].number;
	return err_set(err, EINVAL, "unknown signal '%.100s'", text);
}
