#include "ns/enter.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/proc.h"
#include "ns/diagnose.h"

pid_t ns_clone(int flags, struct err *err)
{
	const unsigned long all = (unsigned long)(unsigned int)flags | SIGCHLD;
	long pid;

	proc_assert_single_threaded();
	/* Not fork(): it takes no flags. The raw call runs no atfork handlers, and needs none: one
	 * thread. */
#if defined(__s390x__) || defined(__s390__)
	pid = syscall(SYS_clone, 0UL, all, 0UL, 0UL, 0UL);
#else
	pid = syscall(SYS_clone, all, 0UL, 0UL, 0UL, 0UL);
#endif
	if (pid < 0) {
		const int code = errno;

		err_sys(err, code, "cannot make a new %s",
			flags & CLONE_NEWUSER ? "user namespace"
			: flags		      ? "namespace"
					      : "process");
		return diagnose_userns(code, err);
	}
	return (pid_t)pid;
}

/* The child of ns_run(): waits for the maps, works, reports. */
static _Noreturn void run_child(int socket_fd, int (*fn)(void *ctx, struct err *err), void *ctx)
{
	struct err err = ERR_INIT;
	char go;
	int r;

	/* An orphan would go on without whoever holds the lock on what it changes. */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (fd_read_full(socket_fd, &go, 1) != 1)
		_exit(125);
	r = fn(ctx, &err);
	if (r >= 0)
		_exit(0);
	if (err.code == 0)
		err_sys(&err, -r, "the work in the user namespace failed");
	err_send(socket_fd, &err);
	_exit(err.exit_status ? err.exit_status : 125);
}

static int run_collect(pid_t pid, int socket_fd, struct err *err)
{
	struct err report = ERR_INIT;
	const int got = err_receive(socket_fd, &report);
	const int status = proc_wait(pid);

	if (got > 0) {
		if (err)
			*err = report;
		return -report.code;
	}
	if (got < 0)
		return err_sys(err, -got,
			       "cannot read the report of the process in the user namespace");
	if (status < 0)
		return err_sys(err, -status, "cannot wait for the process in the user namespace");
	if (status != 0)
		return err_set(err, ECHILD,
			       "the process in the user namespace ended with status %d", status);
	return 0;
}

int ns_run(const struct identity *id, int flags, int (*fn)(void *ctx, struct err *err), void *ctx,
	   struct err *err)
{
	_cleanup_fd_ int ours = -1;
	_cleanup_fd_ int theirs = -1;
	int pair[2], r;
	pid_t pid;

	/* A socket rather than two pipes: send() can be told to raise no SIGPIPE. */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "cannot make a socket pair");
	ours = pair[0];
	theirs = pair[1];

	pid = ns_clone(CLONE_NEWUSER | flags, err);
	if (pid < 0)
		return pid;
	if (pid == 0) {
		close(steal_fd(&ours));
		run_child(theirs, fn, ctx);
	}
	fd_closep(&theirs);
	r = identity_apply(id, pid, err);
	if (r < 0) {
		fd_closep(&ours);
		proc_wait(pid);
		return r;
	}
	/* A failure means that it is gone: run_collect() tells how it ended. */
	(void)!send(ours, "", 1, MSG_NOSIGNAL);
	return run_collect(pid, ours, err);
}

struct remove_args {
	int dirfd;
	const char *name;
};

static int remove_inside(void *ctx, struct err *err)
{
	const struct remove_args *args = ctx;

	return fd_remove_tree(args->dirfd, args->name, err);
}

int ns_remove_tree(const struct identity *id, int dirfd, const char *name, struct err *err)
{
	struct remove_args args = {dirfd, name};
	struct err outside = ERR_INIT;
	int r;

	r = fd_remove_tree(dirfd, name, &outside);
	if (r == 0)
		return 0;
	if ((r == -EACCES || r == -EPERM) && id->range) {
		log_debug("%s; once more inside a user namespace", outside.msg);
		return ns_run(id, 0, remove_inside, &args, err);
	}
	if (err)
		*err = outside;
	return r;
}
