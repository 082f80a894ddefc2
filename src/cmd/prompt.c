#include "cmd/prompt.h"

#include <errno.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"

#define MAX_ANSWER 4096

static const int caught[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};

static volatile sig_atomic_t seen;

static void remember(int signal)
{
	seen = signal;
}

/* Without SA_RESTART, so that the read ends. */
static void catch_signals(struct sigaction *old)
{
	struct sigaction action = {.sa_handler = remember};

	seen = 0;
	for (size_t i = 0; i < ARRAY_SIZE(caught); i++)
		sigaction(caught[i], &action, &old[i]);
}

static void restore_signals(const struct sigaction *old)
{
	for (size_t i = 0; i < ARRAY_SIZE(caught); i++)
		sigaction(caught[i], &old[i], NULL);
}

/* A terminal gives a line at a time. Returns its length without the line's end, or -errno. */
static ssize_t read_line(char *line, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(STDIN_FILENO, line + len, size - len);

		if (n < 0 && errno == EINTR && !seen)
			continue;
		if (n < 0)
			return -errno;
		len += (size_t)n;
		if (n == 0 || line[len - 1] == '\n')
			break;
	}
	if (len == size)
		return -EMSGSIZE;
	if (len > 0 && line[len - 1] == '\n')
		len--;
	return (ssize_t)len;
}

int prompt(const char *question, bool secret, char **ret, struct err *err)
{
	struct sigaction old[ARRAY_SIZE(caught)];
	struct termios before, quiet;
	char line[MAX_ANSWER];
	ssize_t n;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return err_set(err, ENOTTY,
			       "the standard input is no terminal to ask on; see --password-stdin "
			       "and --creds");
	catch_signals(old);
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	if (secret)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	fputs(question, stderr);
	n = read_line(line, sizeof(line));
	if (secret) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputc('\n', stderr);
	}
	restore_signals(old);
	if (seen)
		raise(seen);
	if (n > 0)
		*ret = xstrndup(line, (size_t)n);
	explicit_bzero(line, sizeof(line));
	if (n < 0)
		return err_sys(err, (int)-n, "cannot read the answer");
	return n > 0 ? 0 : err_set(err, EINVAL, "the answer is empty");
}
