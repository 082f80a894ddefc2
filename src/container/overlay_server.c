/* Theory of operation
 *
 * The server lives outside of what it serves. A process in the mount namespace that it serves would
 * keep the mount alive, and the mount the process: neither would ever end. So the container's first
 * process mounts, since the opener's user namespace has to own the mount, and the descriptor comes
 * out to us; the server gets it at its start, runs in our namespaces, our cgroup, and in a session
 * of its own, where the signals of the terminal and of the shell's job control do not reach it.
 * Those a job manager sends to every process are ignored from before its exec on: it has to outlive
 * the container, to write out what the kernel still holds for it. It ends when its mount does.
 *
 * With a range of ids the upper has files of owners that only the container's user namespace can
 * make. The server joins that namespace then, and nothing else of the container, and keeps of its
 * powers those over files. It stays the user that it is, so that directories on the way to the
 * store which only that user may search still can be.
 *
 * The options go through a memory file: one argument takes 128 KiB, and 500 layers may be more.
 *
 * Nobody but the server may hold the /dev/fuse descriptor: then a server that dies takes the
 * connection along, and whoever uses the mount gets an error in place of waiting for ever.
 */
#include "container/overlay_server.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "ns/caps.h"
#include "ns/enter.h"

#define PROGRAM "strake-overlayfs"
#define OPTIONS_MAX (16 * LIMIT_MIB) /* 500 layers of PATH_MAX, each byte escaped: 4 MiB */
#define BIT(cap) (1ULL << (cap))
/* What it does to files on behalf of the container's users. */
#define SERVER_CAPS                                                                                \
	(BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_FOWNER) |     \
	 BIT(CAP_FSETID) | BIT(CAP_SETGID) | BIT(CAP_SETUID) | BIT(CAP_MKNOD) | BIT(CAP_SETFCAP))

static char *program_path(void)
{
	return xasprintf("%s/" PROGRAM, proc_libexec());
}

int overlay_server_find(struct err *err)
{
	_cleanup_free_ char *path = program_path();

	if (access(path, X_OK) == 0)
		return 0;
	err_sys(err, errno, "cannot run '%s'", path);
	return err_hint(err, "install strake whole (make install), or name the directory in "
			     "STRAKE_LIBEXEC");
}

/* The kernel's overlay and this server split at ',' and ':', and take what follows '\' as it is. */
static void add_path(struct buf *b, const char *path)
{
	for (; *path; path++) {
		if (*path == '\\' || *path == ':' || *path == ',')
			(void)buf_addch(b, '\\');
		(void)buf_addch(b, *path);
	}
}

char *overlay_server_options(char *const *lowers, const char *upper, const char *work,
			     const char *more)
{
	_cleanup_buf_ struct buf b;

	buf_init(&b, OPTIONS_MAX);
	(void)buf_addstr(&b, "userxattr,fsname=strake,");
	if (more)
		(void)buf_addf(&b, "%s,", more);
	if (upper) {
		(void)buf_addstr(&b, "upperdir=");
		add_path(&b, upper);
		(void)buf_addstr(&b, ",workdir=");
		add_path(&b, work);
		(void)buf_addstr(&b, ",");
	}
	(void)buf_addstr(&b, "lowerdir=");
	for (size_t i = 0; lowers[i]; i++) {
		if (i > 0)
			(void)buf_addch(&b, ':');
		add_path(&b, lowers[i]);
	}
	return buf_steal(&b);
}

static int memory_file(const char *text, struct err *err)
{
	_cleanup_fd_ int fd = memfd_create("overlay-options", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return err_sys(err, errno, "cannot make a memory file");
	r = fd_write_all(fd, text, strlen(text));
	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	return r < 0 ? err_sys(err, -r, "cannot write a memory file") : steal_fd(&fd);
}

/* ---- in the new process, before it becomes the server */

static int take_stdio(const struct overlay_spawn *spawn, struct err *err)
{
	_cleanup_fd_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return err_sys(err, errno, "cannot open '/dev/null'");
	if (dup2(spawn->input >= 0 ? spawn->input : null, STDIN_FILENO) < 0 ||
	    (spawn->silent && dup2(null, STDERR_FILENO) < 0) ||
	    dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return err_sys(err, errno, "dup2");
	return 0;
}

/* A container's server cannot be asked to end before the container; one of an image mount can. */
static void take_signals(bool term)
{
	static const int ignored[] = {SIGHUP,  SIGINT,	SIGQUIT, SIGPIPE, SIGUSR1,
				      SIGUSR2, SIGTSTP, SIGTTIN, SIGTTOU};
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++) {
		if (sig != SIGKILL && sig != SIGSTOP)
			signal(sig, SIG_DFL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	if (!term)
		signal(SIGTERM, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int join(int userns, struct err *err)
{
	if (setns(userns, CLONE_NEWUSER) < 0)
		return err_sys(err, errno, "the overlay server cannot join the user namespace");
	return caps_keep_over_exec(SERVER_CAPS, err);
}

static int become(const struct overlay_spawn *spawn, int notify, int options, struct err *err)
{
	_cleanup_free_ char *path = program_path();
	_cleanup_strv_ char **argv = NULL;
	int r;

	/* First: until then the terminal's signals find us. */
	if (setsid() < 0)
		return err_sys(err, errno, "setsid");
	take_signals(spawn->mountpoint != NULL);
	r = take_stdio(spawn, err);
	if (r < 0)
		return r;
	r = fd_cloexec_from(3);
	if (r < 0)
		return err_sys(err, -r, "cannot keep descriptors out of the overlay server");
	if (chdir("/") < 0)
		return err_sys(err, errno, "chdir");
	if (spawn->userns >= 0 && join(spawn->userns, err) < 0)
		return -err->code;

	strv_add(&argv, PROGRAM);
	strv_add(&argv, "-f");
	strv_add(&argv, "--confine");
	strv_take(&argv, xasprintf("--notify=%d", notify));
	strv_take(&argv, xasprintf("--options-fd=%d", options));
	if (spawn->mountpoint)
		strv_add(&argv, spawn->mountpoint);
	else
		strv_take(&argv, xasprintf("--fd=%d", spawn->fuse));
	if (fd_set_cloexec(notify, false) < 0 || fd_set_cloexec(options, false) < 0 ||
	    (spawn->fuse >= 0 && fd_set_cloexec(spawn->fuse, false) < 0))
		return err_sys(err, errno, "fcntl");
	execv(path, argv);
	r = -errno;
	fd_set_cloexec(notify, true);
	return err_sys(err, -r, "cannot run '%s'", path);
}

/* ---- in the process that started it */

/* Not ready: it is on its way out, or stuck. */
static void put_down(pid_t pid)
{
	kill(pid, SIGKILL);
	proc_wait(pid);
}

int overlay_server_start(const struct overlay_spawn *spawn, struct overlay_server *ret,
			 struct err *err)
{
	_cleanup_fd_ int options = memory_file(spawn->options, err), notify = -1, report = -1;
	int pipes[2], r;
	pid_t pid;

	if (options < 0)
		return options;
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_sys(err, errno, "pipe");
	notify = pipes[0];
	report = pipes[1];
	pid = ns_clone(0, err);
	if (pid < 0)
		return (int)pid;
	if (pid == 0) {
		struct err why = ERR_INIT;

		become(spawn, report, options, &why);
		err_send(report, &why);
		_exit(125);
	}
	fd_closep(&report);
	r = err_receive(notify, err);
	if (r != 0) {
		put_down(pid);
		return r > 0 ? -err->code
			     : err_set(err, EIO,
				       "the overlay server ended in the middle of a word");
	}
	*ret = (struct overlay_server){.pid = pid};
	return 0;
}

static bool reap(struct overlay_server *s, int flags)
{
	pid_t got;

	if (s->pid == 0 || s->ended)
		return false;
	do {
		got = waitpid(s->pid, &s->status, flags);
	} while (got < 0 && errno == EINTR);
	s->ended = got != 0;
	return s->ended;
}

bool overlay_server_died(struct overlay_server *s)
{
	return reap(s, WNOHANG) && s->status != 0;
}

static void put_an_end_to(struct overlay_server *s)
{
	s->killed = true;
	kill(s->pid, SIGKILL);
	reap(s, 0);
}

void overlay_server_end(struct overlay_server *s, bool discard)
{
	sigset_t set;

	if (s->pid == 0 || s->ended || reap(s, WNOHANG))
		return;
	if (discard) {
		put_an_end_to(s);
		return;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	while (!s->ended && !reap(s, WNOHANG)) {
		/* a SIGCHLD that came before is not waited for: its blocking is the caller's */
		const struct timespec tick = {.tv_nsec = 100000000};
		const int sig = sigtimedwait(&set, NULL, &tick);

		if (sig == SIGINT || sig == SIGTERM) {
			log_warning("the overlay server is killed before it has written out all: "
				    "what the container wrote last may be lost");
			put_an_end_to(s);
		}
	}
}

int overlay_server_verdict(const struct overlay_server *s, const char *of, struct err *err)
{
	if (!s->ended || s->status == 0)
		return 0;
	if (!WIFSIGNALED(s->status))
		return err_set(err, EIO, "the overlay server of %s died (status %d)", of,
			       WEXITSTATUS(s->status));
	if (s->killed && WTERMSIG(s->status) == SIGKILL)
		return 0;
	return err_set(err, EIO, "the overlay server of %s died (signal %d)", of,
		       WTERMSIG(s->status));
}
