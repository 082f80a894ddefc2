/* Theory of operation
 *
 * The parent keeps everything that belongs to the host: it chooses the identity, makes the
 * container's directory, and plans. The child is cloned straight into all new namespaces, waits
 * until the parent has written its id maps, and carries the plan out; what goes wrong comes back as
 * one struct err through a pipe that closes when the command is executed. Between the two there is
 * one socket: "go" to the child, the terminal's master to the parent.
 *
 * A container that could not be started leaves nothing behind. One that ended stays, with its upper
 * and its exit status, until `rm`, or goes at once with --rm.
 */
#include "container/run.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "container/child.h"
#include "container/entry.h"
#include "container/mountpoints.h"
#include "container/plan.h"
#include "container/state.h"
#include "container/tty.h"
#include "container/wait.h"
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

static void fill_state(struct container_state *c, const struct image *image,
		       const struct run_request *request, const struct identity *id)
{
	*c = (struct container_state){
		.name = request->name ? xstrdup(request->name) : NULL,
		.image_name = xstrdup(request->image_name),
		.image_id = xstrdup(image->manifest.config.digest.text),
		.manifest = image->descriptor.digest,
		.layers = xmemdup(image->config.diff_ids,
				  image->config.n_diff_ids * sizeof(struct digest)),
		.n_layers = image->config.n_diff_ids,
		.created = time(NULL),
		.range = id->range,
		.remove = request->remove,
	};
}

static int make_plan(struct store *s, const struct image *image, char *const *layers,
		     const struct run_request *request, const struct identity *id,
		     const char *container_id, struct plan *plan, struct err *err)
{
	_cleanup_free_ char *mountpoints = NULL;
	_cleanup_free_ char *dir = xasprintf("%s/containers/%s", s->path, container_id);
	struct plan_input in = {
		.request = request,
		.config = &image->config,
		.identity = id,
		.dir = dir,
		.layers = layers,
		.id = container_id,
	};

	if (mountpoints_layer(s, &mountpoints, err) < 0)
		return -err->code;
	in.mountpoints = mountpoints;
	return plan_make(&in, plan, err);
}

/* The terminal when there is one, then the child's error or its silence. */
static int follow_start(const struct plan *plan, struct channel *ch, int *ret_master,
			struct err *err)
{
	int ret;

	if (plan->tty) {
		struct err no_terminal = ERR_INIT;

		*ret_master = tty_receive(ch->parent_socket, &no_terminal);
		if (*ret_master < 0) {
			ret = err_receive(ch->error_read, err);
			return ret == 1 ? -err->code
					: err_set(err, no_terminal.code, "%s", no_terminal.msg);
		}
	}
	ret = err_receive(ch->error_read, err);
	if (ret < 0)
		return err_set(err, EIO, "the container's first process ended without a word");
	return ret == 1 ? -err->code : 0;
}

static int start(const struct plan *plan, struct channel *ch, pid_t *ret_pid, int *ret_master,
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
	fd_closep(&ch->child_socket);
	fd_closep(&ch->error_write);
	fd_closep(&ch->entry);

	ret = identity_apply(&plan->identity, pid, err);
	if (ret == 0 && send(ch->parent_socket, "g", 1, MSG_NOSIGNAL) != 1)
		ret = err_sys(err, errno, "the container's first process is gone");
	if (ret == 0)
		ret = follow_start(plan, ch, ret_master, err);
	if (ret < 0) {
		kill(pid, SIGKILL);
		proc_wait(pid);
		return ret;
	}
	*ret_pid = pid;
	return 0;
}

/* Clone to exit. Returns the exit code. */
static int launch(const struct plan *plan, int dir, struct err *err)
{
	struct channel ch;
	sigset_t old;
	pid_t pid = -1;
	int master = -1, ret;

	ret = channel_open(&ch, err);
	if (ret == 0) {
		wait_block_signals(&old);
		ret = start(plan, &ch, &pid, &master, err);
		if (ret == 0) {
			struct err ignored = ERR_INIT;

			if (container_state_started(dir, pid, &ignored) < 0)
				log_warning("%s", ignored.msg);
			ret = wait_container(pid, master, plan->interactive, err);
		}
		wait_restore_signals(&old);
	}
	channel_close(&ch);
	return ret;
}

static int dry_run(struct store *s, const struct image *image, char *const *layers,
		   const struct run_request *request, const struct identity *id, struct err *err)
{
	static const char no_id[] =
		"0000000000000000000000000000000000000000000000000000000000000000";
	struct plan plan = {0};
	int ret = make_plan(s, image, layers, request, id, no_id, &plan, err);

	if (ret == 0)
		plan_print(&plan, stdout);
	plan_release(&plan);
	return ret;
}

static int prepare(struct store *s, const struct image *image, char *const *layers,
		   const struct run_request *request, const struct identity *id,
		   struct container_state *c, int *ret_dir, struct plan *plan, struct err *err)
{
	int ret;

	fill_state(c, image, request, id);
	ret = container_state_create(s, c, ret_dir, err);
	if (ret < 0)
		return ret;
	ret = make_plan(s, image, layers, request, id, c->id, plan, err);
	if (ret == 0)
		c->argv = strv_copy(plan->argv);
	return ret;
}

int container_run(struct store *s, const struct image *image, char *const *layers,
		  const struct run_request *request, int lease, struct err *err)
{
	struct container_state c = {0};
	struct plan plan = {0};
	struct identity id;
	_cleanup_fd_ int lock = -1, dir = -1, held = lease;
	struct err later = ERR_INIT;
	int ret;

	ret = identity_choose(request->userns, &id, err);
	if (ret < 0)
		return ret;
	if (id.why[0])
		log_verbose("single identity: %s", id.why);
	if (request->dry_run)
		return dry_run(s, image, layers, request, &id, err);

	ret = prepare(s, image, layers, request, &id, &c, &dir, &plan, err);
	if (ret == 0)
		ret = container_state_save(&c, dir, &lock, err);
	fd_closep(&held);
	if (ret == 0)
		ret = launch(&plan, dir, err);

	if (ret >= 0 && !request->remove) {
		if (container_state_ended(dir, ret, &later) < 0)
			log_warning("%s", later.msg);
	} else if (c.id[0] && dir >= 0) {
		fd_closep(&lock);
		if (container_remove(s, &c, &later) < 0)
			log_warning("%s", later.msg);
	}
	plan_release(&plan);
	container_state_release(&c);
	return ret;
}
