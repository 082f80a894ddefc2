/* Theory of operation
 *
 * The child is cloned straight into all new namespaces, waits until the parent has written its id
 * maps, and carries the plan out; what goes wrong comes back as one struct err through a pipe that
 * closes when the command is executed. Beside it there is one socket for what the two need of each
 * other on the way (pass.h): "go" to the child, the terminal's master to the parent, and a root
 * file system to be served.
 *
 * Whatever the child sends was sent before the pipe ends, so the socket is looked at first. It is
 * only looked at when something may come: its closing would wake us once for nothing.
 */
#include "container/start.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "container/child.h"
#include "container/entry.h"
#include "container/pass.h"
#include "ns/enter.h"

#define RUN_NAMESPACES                                                                             \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

/* Descriptors between parent and child. */
struct channel {
	int parent_socket, child_socket;
	int error_read, error_write;
	int entry;
};

static void channel_close(struct channel *ch)
{
	fd_closep(&ch->parent_socket);
	fd_closep(&ch->child_socket);
	fd_closep(&ch->error_read);
	fd_closep(&ch->error_write);
	fd_closep(&ch->entry);
}

static int channel_open(struct channel *ch, struct err *err)
{
	int sockets[2], pipes[2];

	*ch = (struct channel){-1, -1, -1, -1, -1};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
		return err_sys(err, errno, "socketpair");
	ch->parent_socket = sockets[0];
	ch->child_socket = sockets[1];
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_sys(err, errno, "pipe");
	ch->error_read = pipes[0];
	ch->error_write = pipes[1];
	ch->entry = entry_open(err);
	if (ch->entry == -ENOTSUP) { /* the child has another way */
		ch->entry = -1;
		*err = (struct err)ERR_INIT;
		return 0;
	}
	return ch->entry < 0 ? ch->entry : 0;
}

/* The child's root is mounted on fuse. It is told how it went, and goes on or gives up. */
static int serve_root(const struct plan *plan, int socket, int fuse, int userns,
		      struct started *started, struct err *err)
{
	struct err why = ERR_INIT;
	int ret =
		rootfs_serve(&plan->rootfs, &plan->identity, fuse, userns, &started->server, &why);

	if (ret == 0)
		return pass_send(socket, PASS_GO, NULL, 0, err);
	ret = pass_send(socket, PASS_ERROR, NULL, 0, err);
	if (ret == 0 && send(socket, &why, sizeof(why), MSG_NOSIGNAL) != sizeof(why))
		ret = err_sys(err, errno, "cannot send to the other process");
	return ret;
}

/* Returns 1 when more may come, 0 when nothing will. */
static int take_message(const struct plan *plan, int socket, struct started *started,
			struct err *err)
{
	_cleanup_fd_ int first = -1, second = -1;
	int fds[PASS_FDS_MAX], ret;
	enum pass_what what;

	ret = pass_receive(socket, &what, fds, err);
	if (ret < 0)
		return ret;
	first = fds[0];
	second = fds[1];
	if (what == PASS_END)
		return 0;
	if (what == PASS_TERMINAL && first >= 0 && started->master < 0) {
		started->master = steal_fd(&first);
		return 1;
	}
	if (what != PASS_FUSE || second < 0 || started->server.pid > 0)
		return err_set(err, EPROTO, "the container's first process makes no sense");
	ret = serve_root(plan, socket, first, second, started, err);
	return ret < 0 ? ret : 1;
}

/* Does what the child asks for until the command is executed, or the child says why it is not. */
static int follow(const struct plan *plan, struct channel *ch, struct started *started,
		  struct err *err)
{
	const enum overlay_mode mode = plan->rootfs.mode;
	bool more = plan->tty || mode == OVERLAY_AUTO || mode == OVERLAY_FUSE;
	int ret;

	while (more) {
		struct pollfd p[] = {{.fd = ch->parent_socket, .events = POLLIN},
				     {.fd = ch->error_read, .events = POLLIN}};

		if (poll(p, ARRAY_SIZE(p), -1) < 0) {
			if (errno == EINTR)
				continue;
			return err_sys(err, errno, "poll");
		}
		if (!p[0].revents)
			break;
		ret = take_message(plan, ch->parent_socket, started, err);
		if (ret < 0)
			return ret;
		more = ret > 0;
	}
	ret = err_receive(ch->error_read, err);
	if (ret < 0)
		return err_set(err, EIO, "the container's first process ended without a word");
	if (ret == 0 && plan->tty && started->master < 0)
		return err_set(err, EPIPE, "the container ended before it had a terminal");
	return ret == 1 ? -err->code : 0;
}

/* What was started goes. A server that died by itself is the better explanation. */
static void give_up(const char *name, struct started *started, struct err *err)
{
	_cleanup_free_ char *of = xasprintf("container '%s'", name);

	if (started->pid > 0) {
		kill(started->pid, SIGKILL);
		proc_wait(started->pid);
	}
	overlay_server_end(&started->server, true);
	overlay_server_verdict(&started->server, of, err);
	fd_closep(&started->master);
}

static int start(const struct plan *plan, struct channel *ch, struct started *started,
		 struct err *err)
{
	pid_t pid = ns_clone(RUN_NAMESPACES, err);
	int ret;

	if (pid < 0)
		return (int)pid;
	if (pid == 0) {
		close(ch->parent_socket);
		child_main(plan, ch->child_socket, ch->error_write, ch->entry);
	}
	started->pid = pid;
	fd_closep(&ch->child_socket);
	fd_closep(&ch->error_write);
	fd_closep(&ch->entry);

	ret = identity_apply(&plan->identity, pid, err);
	if (ret < 0)
		return ret;
	if (pass_send(ch->parent_socket, PASS_GO, NULL, 0, err) < 0)
		return err_prefix(err, "the container's first process is gone");
	return follow(plan, ch, started, err);
}

int container_start(const struct plan *plan, const char *name, struct started *ret, struct err *err)
{
	struct started started = {.master = -1};
	struct channel ch;
	int r = channel_open(&ch, err);

	if (r == 0) {
		r = start(plan, &ch, &started, err);
		if (r < 0)
			give_up(name, &started, err);
	}
	channel_close(&ch);
	if (r == 0)
		*ret = started;
	return r;
}
