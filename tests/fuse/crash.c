/* crash: kill a file system's server again and again, and see that nothing but the operation it
 * died in can have been lost.
 *
 *   crash [--seed N] [--kills K] [--between PROGRAM] --lower DIR MOUNTPOINT SERVER [ARG...]
 *   crash --make-lower SEED DIR
 *
 * SERVER ARG... MOUNTPOINT serves in the foreground a file system at MOUNTPOINT which at first
 * shows what is in DIR, the only lower layer. In each round it is started, its tree compared with
 * what it should be, and worked on - files of the lower layer written, truncated, given modes and
 * attributes, renamed, linked, removed, made anew; directories renamed with all that is in them -
 * until it dies of signal 9 at a moment that chance has chosen. What is left of the mount is
 * detached, and PROGRAM is run, which has to exit with 0 (it may look for what the server left
 * behind). The last round ends with an unmount, and the server must end with 0.
 *
 * Each operation changes at most one page of one file, or names, so that it must have happened as a
 * whole or not at all; only a new file may be there and still empty. Whatever was done before it
 * must have lasted.
 */
#include "crash.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

/* A server is killed after so many operations and then so much time, at most. */
#define KILL_AFTER_OPS 50
#define KILL_AFTER_US 3000

static _Noreturn void failed(struct run *run, const char *what, const char *why)
{
	uint64_t i = run->ops > LAST_OPS ? run->ops - LAST_OPS : 0;

	printf("%s: %s\nthe last operations, of which the last one may have happened:\n", what,
	       why);
	for (; i < run->ops; i++)
		printf("%8" PRIu64 " %s\n", i, run->text[i % LAST_OPS]);
	kill(run->pid, SIGKILL);
	umount2(run->mnt, MNT_DETACH);
	exit(1);
}

/* ---- rounds */

/* A process that kills the server in a moment. */
static void start_killer(struct run *run)
{
	useconds_t after = (useconds_t)rng_below(&run->rng, KILL_AFTER_US);

	run->killer = fork();
	if (run->killer < 0)
		die("fork: %s", strerror(errno));
	if (run->killer > 0)
		return;
	usleep(after);
	kill(run->pid, SIGKILL);
	_exit(0);
}

/* Work until the server is dead. */
static void work(struct run *run)
{
	for (;;) {
		uint64_t before = run->ops;
		struct model *model;
		int result;

		if (run->ops >= run->kill_at && run->killer == 0)
			start_killer(run);
		result = run_operation(run);
		if (result == -ENOTCONN || result == -ECONNABORTED || result == -EIO)
			return;
		if (result < 0)
			failed(run, "an operation that must succeed", strerror(-result));
		if (run->ops == before)
			continue;
		model = run->now;
		run->now = run->next;
		run->next = model;
	}
}

static bool is_mounted(const struct run *run)
{
	struct statfs fs;

	return statfs(run->mnt, &fs) == 0 && fs.f_type == FUSE_SUPER_MAGIC;
}

static void start(struct run *run)
{
	int status;

	fflush(stdout);
	run->pid = fork();
	if (run->pid < 0)
		die("fork: %s", strerror(errno));
	if (run->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execvp(run->server[0], run->server);
		die("cannot run '%s': %s", run->server[0], strerror(errno));
	}
	for (int i = 0; i < 60 * 200; i++) {
		if (is_mounted(run))
			return;
		if (waitpid(run->pid, &status, WNOHANG) == run->pid)
			die("the server ended before it mounted anything (wait status %#x)",
			    (unsigned)status);
		usleep(5000);
	}
	kill(run->pid, SIGKILL);
	die("the server mounted nothing in 60 s");
}

static void bury(struct run *run)
{
	int status;

	if (run->killer == 0)
		failed(run, "the server", "it ended, or gave up, before it was killed");
	if (waitpid(run->killer, &status, 0) < 0 || waitpid(run->pid, &status, 0) < 0)
		die("wait: %s", strerror(errno));
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		failed(run, "the server", "it ended by itself, before it was killed");
	if (umount2(run->mnt, MNT_DETACH) < 0)
		die("umount '%s': %s", run->mnt, strerror(errno));
}

static void look_between(struct run *run)
{
	int status;
	pid_t pid;

	if (!run->between)
		return;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execl(run->between, run->between, (char *)NULL);
		die("cannot run '%s': %s", run->between, strerror(errno));
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		die("fork or wait: %s", strerror(errno));
	if (status != 0)
		failed(run, run->between, "it did not exit with 0");
}

/* Which of the states in which the last operation may have left the tree it is. */
static void verify(struct run *run, bool crashed)
{
	char why[512], why_next[512];
	struct model *model;

	if (model_same(run->now, run->mnt, why, sizeof(why)))
		return;
	if (!crashed)
		failed(run, "the tree is wrong", why);
	if (model_same(run->next, run->mnt, why_next, sizeof(why_next))) {
		model = run->now;
		run->now = run->next;
		run->next = model;
		return;
	}
	if (run->has_half && model_same(run->half, run->mnt, why_next, sizeof(why_next))) {
		model = run->now;
		run->now = run->half;
		run->half = model;
		return;
	}
	printf("as after the last operation the tree is not: %s\n", why_next);
	failed(run, "as before the last operation it is not either", why);
}

static int rounds(struct run *run, uint64_t kills)
{
	int status;

	start(run);
	verify(run, false);
	for (uint64_t i = 0; i < kills; i++) {
		run->kill_at = run->ops + rng_below(&run->rng, KILL_AFTER_OPS);
		run->killer = 0;
		work(run);
		bury(run);
		look_between(run);
		start(run);
		verify(run, true);
	}
	if (umount2(run->mnt, 0) < 0)
		die("umount '%s': %s", run->mnt, strerror(errno));
	if (waitpid(run->pid, &status, 0) < 0)
		die("wait: %s", strerror(errno));
	if (status != 0)
		failed(run, "the server", "it did not end with 0 after the unmount");
	printf("%" PRIu64 " kills in %" PRIu64 " operations, nothing lost; %zu names are left\n",
	       kills, run->ops, run->now->n);
	return 0;
}

static _Noreturn void usage(void)
{
	die("usage: crash [--seed N] [--kills K] [--between PROGRAM] --lower DIR MOUNTPOINT SERVER "
	    "[ARG...]\n"
	    "       crash --make-lower SEED DIR");
}

int main(int argc, char **argv)
{
	static struct model models[3];
	static struct run run;
	const char *lower = NULL;
	uint64_t seed = 1, kills = 20;
	int i;

	for (i = 1; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
		if (strcmp(argv[i], "--seed") == 0) {
			seed = number(argv[i + 1]);
		} else if (strcmp(argv[i], "--kills") == 0) {
			kills = number(argv[i + 1]);
		} else if (strcmp(argv[i], "--between") == 0) {
			run.between = argv[i + 1];
		} else if (strcmp(argv[i], "--lower") == 0) {
			lower = argv[i + 1];
		} else if (strcmp(argv[i], "--make-lower") == 0 && argc == i + 3) {
			model_make_lower(number(argv[i + 1]), argv[i + 2]);
			return 0;
		} else {
			usage();
		}
	}
	if (!lower || argc - i < 2)
		usage();
	umask(022);
	setvbuf(stdout, NULL, _IOLBF, 0);
	run.mnt = argv[i];
	/* SERVER ARG... MOUNTPOINT: the mount point moves to the end */
	memmove(argv + i, argv + i + 1, (size_t)(argc - i - 1) * sizeof(*argv));
	argv[argc - 1] = (char *)(uintptr_t)run.mnt;
	run.server = argv + i;
	run.now = &models[0], run.next = &models[1], run.half = &models[2];
	rng_init(&run.rng, seed);
	model_read(run.now, lower);
	return rounds(&run, kills);
}
