#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "cmd/common.h"
#include "container/state.h"

#define WAIT_MS 10000
#define POLL_MS 10

struct rm_flags {
	bool force;
};

static const struct option_spec options[] = {
	{"force", 'f', OPTION_BOOL, offsetof(struct rm_flags, force),
	 .help = "Kill it first when it runs; a missing one is fine"},
	{0},
};

/* Looks again by the whole id. Returns 0, or -ENOENT when it is gone. */
static int find_again(struct store *s, struct container_state *c, struct err *err)
{
	struct container_state fresh = {0};
	int r = container_find(s, c->id, &fresh, err);

	if (r < 0)
		return r;
	container_state_release(c);
	*c = fresh;
	return 0;
}

/* Sends SIGKILL to its init through a pidfd: opened first and compared after, so that a pid that
 * was given to another process meanwhile is never hit. */
static int kill_init(struct store *s, struct container_state *c, struct err *err)
{
	_cleanup_fd_ int pidfd = -1;
	int pid = c->pid, r;

	if (pid <= 0)
		return err_set(err, EBUSY, "container '%s' runs, but not on this machine", c->name);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0 && errno != ESRCH)
		return err_sys(err, errno, "cannot open the process of container '%s'", c->name);
	r = find_again(s, c, err);
	if (r < 0 || pidfd < 0 || c->status != CONTAINER_RUNNING || c->pid != pid)
		return r;
	if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		return err_sys(err, errno, "cannot kill container '%s'", c->name);
	return 0;
}

static void pause_ms(long ms)
{
	const struct timespec pause = {.tv_nsec = ms * 1000000L};

	nanosleep(&pause, NULL);
}

/* Kills and waits until the process that ran the container has recorded its end (or removed it:
 * --rm). */
static int kill_and_wait(struct store *s, struct container_state *c, struct err *err)
{
	int r = kill_init(s, c, err);

	for (int ms = 0; r == 0 && c->status == CONTAINER_RUNNING; ms += POLL_MS) {
		if (ms >= WAIT_MS)
			return err_set(err, EBUSY, "container '%s' still runs after SIGKILL",
				       c->name);
		pause_ms(POLL_MS);
		r = find_again(s, c, err);
	}
	return r;
}

/* The process that ran it records the end a moment before it lets go of the container. */
static int remove_ended(struct store *s, const struct container_state *c, struct err *err)
{
	int r = container_remove(s, c, err);

	for (int ms = 0; r == -EBUSY && ms < WAIT_MS; ms += POLL_MS) {
		pause_ms(POLL_MS);
		*err = (struct err)ERR_INIT;
		r = container_remove(s, c, err);
	}
	return r;
}

static int remove_one(struct store *s, const char *name, bool force, struct err *err)
{
	struct container_state c = {0};
	int r = container_find(s, name, &c, err);

	if (r == 0 && force && c.status == CONTAINER_RUNNING)
		r = kill_and_wait(s, &c, err);
	else if (r == 0 && c.status == CONTAINER_RUNNING)
		r = err_set(err, EBUSY, "container '%s' is running; stop it, or use -f", c.name);
	if (r == 0)
		r = remove_ended(s, &c, err);
	container_state_release(&c);
	if (r == -ENOENT && force) {
		*err = (struct err)ERR_INIT;
		return 0;
	}
	return r;
}

static int run(const struct context *c, void *flags_, char **args, struct err *err)
{
	const struct rm_flags *flags = flags_;
	_cleanup_store_ struct store store = STORE_INIT;
	int r, status = 0;

	r = command_open_store(c, &store, err);
	if (r < 0)
		return r;
	for (; *args; args++) {
		r = remove_one(&store, *args, flags->force, err);
		if (r < 0)
			status = command_report(err);
		else
			puts(*args);
	}
	return status;
}

const struct command command_rm = {
	.name = "rm",
	.summary = "Remove containers",
	.usage = "CONTAINER...",
	.options = options,
	.flags_size = sizeof(struct rm_flags),
	.min_args = 1,
	.max_args = ARGS_ANY,
	.complete = COMPLETE_CONTAINER,
	.run = run,
};
