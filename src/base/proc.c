#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

extern char **environ;

#define CAPTURE_MAX 4096

/* posix_spawn is vfork underneath: its cost does not grow with our memory, and it reports a program
 * that cannot be executed. */
static int spawn(char *const argv[], int stderr_fd, pid_t *ret_pid, struct err *err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int code;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (stderr_fd >= 0)
		posix_spawn_file_actions_adddup2(&actions, stderr_fd, STDERR_FILENO);
	code = posix_spawnp(ret_pid, argv[0], &actions, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return code ? err_sys(err, code, "cannot start '%s'", argv[0]) : 0;
}

int proc_spawn(char *const argv[], pid_t *ret_pid, struct err *err)
{
	return spawn(argv, -1, ret_pid, err);
}

int proc_spawn_stderr(char *const argv[], int stderr_fd, pid_t *ret_pid, struct err *err)
{
	return spawn(argv, stderr_fd, ret_pid, err);
}

/* Reads to the end, so that the writer never blocks, and keeps the beginning. */
static char *drain(int fd)
{
	char *text = xmalloc(CAPTURE_MAX + 1), rest[512];
	ssize_t n = fd_read_full(fd, text, CAPTURE_MAX);

	text[n < 0 ? 0 : n] = '\0';
	while (n > 0)
		n = fd_read_full(fd, rest, sizeof(rest));
	return text;
}

int proc_run(char *const argv[], char **capture, struct err *err)
{
	_cleanup_fd_ int out = -1, in = -1;
	int pipes[2], ret;
	pid_t pid;

	if (capture) {
		if (pipe2(pipes, O_CLOEXEC) < 0)
			return err_sys(err, errno, "pipe");
		out = pipes[0];
		in = pipes[1];
	}
	ret = spawn(argv, in, &pid, err);
	if (ret < 0)
		return ret;
	fd_closep(&in);
	if (capture)
		*capture = drain(out);
	ret = proc_wait(pid);
	return ret < 0 ? err_sys(err, -ret, "cannot wait for '%s'", argv[0]) : ret;
}

int proc_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void proc_assert_single_threaded(void)
{
	struct err ignored = ERR_INIT;
	_cleanup_free_ char *text = NULL;
	const char *line;

	/* LeakSanitizer and ThreadSanitizer have threads of their own. */
#ifndef STRAKE_SANITIZED
	if (fd_read_file(AT_FDCWD, "/proc/self/status", 65536, &text, NULL, &ignored) < 0)
		return;
	line = strstr(text, "\nThreads:");
	if (line && strtoul(line + 9, NULL, 10) != 1) {
		fputs("strake: internal error: clone with more than one thread\n", stderr);
		abort();
	}
#else
	(void)ignored;
	(void)line;
	(void)text;
#endif
}

int proc_start_time(pid_t pid, unsigned long long *ret)
{
	char path[64];
	struct err ignored = ERR_INIT;
	_cleanup_free_ char *text = NULL;
	char *p;
	int r;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	r = fd_read_file(AT_FDCWD, path, 4096, &text, NULL, &ignored);
	if (r < 0)
		return r;
	/* Field 2 is the name in parentheses, which may hold anything: count from the last one. */
	p = strrchr(text, ')');
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	if (!p || sscanf(p, " %llu", ret) != 1)
		return -EINVAL;
	return 0;
}

void proc_boot_id(char out[37])
{
	_cleanup_fd_ int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : fd_read_full(fd, out, 36);

	out[n == 36 ? 36 : 0] = '\0';
}

const char *proc_libexec(void)
{
	static char *dir;
	const char *forced;

	if (!dir) {
		forced = getenv("STRAKE_LIBEXEC");
		dir = xstrdup(forced && *forced ? forced : STRAKE_LIBEXECDIR);
	}
	return dir;
}
