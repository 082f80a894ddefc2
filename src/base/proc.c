#include "base/proc.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROC_CAPTURE_MAX 4096

/* posix_spawn of glibc clones with CLONE_VM | CLONE_VFORK: no page table is copied, and the child's
 * failure to exec comes back as its result. stderr_fd >= 0 becomes the child's stderr. */
static int proc_spawn_raw(char *const argv[], int stderr_fd, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	r = posix_spawn_file_actions_init(&actions);
	if (r != 0)
		return -r;
	r = posix_spawnattr_init(&attr);
	if (r != 0) {
		posix_spawn_file_actions_destroy(&actions);
		return -r;
	}
	r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (r == 0 && stderr_fd >= 0)
		r = posix_spawn_file_actions_adddup2(&actions, stderr_fd, STDERR_FILENO);
	if (r == 0)
		r = posix_spawnattr_setsigmask(&attr, &none);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(&attr, &all);
	if (r == 0)
		r = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (r == 0)
		r = posix_spawnp(ret_pid, argv[0], &actions, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

int proc_spawn_stderr(char *const argv[], int stderr_fd, pid_t *ret_pid, struct err *err)
{
	int r = proc_spawn_raw(argv, stderr_fd, ret_pid);

	return r < 0 ? err_sys(err, -r, "cannot start '%s'", argv[0]) : 0;
}

int proc_spawn(char *const argv[], pid_t *ret_pid, struct err *err)
{
	return proc_spawn_stderr(argv, -1, ret_pid, err);
}

/* Keeps the first PROC_CAPTURE_MAX bytes of what comes and drops the rest, so that the writer never
 * blocks. Malloced, without a final newline. */
static char *proc_capture(int fd)
{
	char *text = xmalloc(PROC_CAPTURE_MAX + 1), drop[1024];
	size_t len = 0;

	for (;;) {
		bool room = len < PROC_CAPTURE_MAX;
		ssize_t n = read(fd, room ? text + len : drop,
				 room ? PROC_CAPTURE_MAX - len : sizeof(drop));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (room)
			len += (size_t)n;
	}
	while (len > 0 && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
	return text;
}

int proc_run(char *const argv[], char **capture, struct err *err)
{
	_cleanup_fd_ int in = -1, out = -1;
	_cleanup_free_ char *text = NULL;
	int fds[2], r;
	pid_t pid;

	if (capture) {
		*capture = NULL;
		if (pipe2(fds, O_CLOEXEC) < 0)
			return err_sys(err, errno, "cannot make a pipe");
		in = fds[0];
		out = fds[1];
		/* dup2 of a descriptor onto itself would leave it close-on-exec */
		out = fd_above_stdio(out);
		if (out < 0)
			return err_sys(err, -out, "cannot make a pipe");
	}
	r = proc_spawn_raw(argv, out, &pid);
	if (r < 0)
		return err_sys(err, -r, "cannot start '%s'", argv[0]);
	if (capture) {
		fd_closep(&out);
		text = proc_capture(in);
	}
	r = proc_wait(pid);
	if (r < 0)
		return err_sys(err, -r, "cannot wait for '%s'", argv[0]);
	if (capture)
		*capture = steal_ptr(&text);
	return r;
}

int proc_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void proc_assert_single_threaded(void)
{
	_cleanup_free_ char *status = NULL;
	const char *line;
	struct stat st;

	/* the task directory has two links and one more for each thread: much cheaper than the text
	 */
	if (stat("/proc/self/task", &st) < 0 || st.st_nlink == 3)
		return;
	if (fd_read_file(AT_FDCWD, "/proc/self/status", 64 * 1024, &status, NULL, NULL) < 0)
		return;
	line = strstr(status, "\nThreads:");
	if (!line || strtoul(line + strlen("\nThreads:"), NULL, 10) <= 1)
		return;
	fprintf(stderr, "strake: internal error: about to clone with more than one thread\n");
	abort();
}

int proc_start_time(pid_t pid, unsigned long long *ret)
{
	_cleanup_free_ char *text = NULL;
	char path[32], *p, *end;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	r = fd_read_file(AT_FDCWD, path, 4096, &text, NULL, NULL);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	/* proc(5): field 2 is the program's name in brackets, which may hold anything; 3 follows it
	 */
	p = strrchr(text, ')');
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	if (!p)
		return -EIO;
	errno = 0;
	*ret = strtoull(p + 1, &end, 10);
	return errno || end == p + 1 ? -EIO : 0;
}

void proc_boot_id(char out[37])
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	out[0] = '\0';
	if (fd_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &text, &len, NULL) == 0 &&
	    len >= 36) {
		memcpy(out, text, 36);
		out[36] = '\0';
	}
}

const char *proc_libexec(void)
{
	static const char *dir;

	if (!dir) {
		const char *env = secure_getenv("STRAKE_LIBEXEC");

		dir = str_is_empty(env) ? STRAKE_LIBEXECDIR : xstrdup(env);
	}
	return dir;
}
