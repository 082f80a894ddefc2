/* The kernel's overlay: 500 layers, paths of any length, and what its refusals say. */
#include "ns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "ns/enter.h"
#include "ns/mount.h"
#include "ns/probe.h"

#define LONG_NAME                                                                                  \
	"a-directory-with-a-name-of-two-hundred-characters-so-that-the-paths-of-the-layers-"       \
	"become-long-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789-"           \
	"0123456789-0123456789-0123456789-0123456789"

struct stack {
	unsigned int n;
	unsigned int depth; /* directories of LONG_NAME above the layers */
	bool upper;
	const char *data;
};

static bool can_overlay(void)
{
	struct probe_result probe;

	probe_kernel_overlay(ns_scratch_fd, ns_scratch, &probe);
	if (probe.status != PROBE_OK)
		printf("skipped: %s; %s\n", probe.detail, probe.remedy);
	return probe.status == PROBE_OK;
}

/* Goes down into a deep directory of this mount namespace and makes the layers there; layer i has a
 * file "i", and all have "top" with their number. Descriptors, topmost (0) first. */
static int make_layers(const struct stack *s, int *lower, struct err *err)
{
	char name[16], text[16];

	ns_want(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	ns_want(chdir(ns_scratch) == 0);
	for (unsigned int i = 0; i < s->depth; i++)
		ns_want(mkdir(LONG_NAME, 0755) == 0 && chdir(LONG_NAME) == 0);
	ns_want(mkdir("merged", 0755) == 0 && mkdir("upper", 0755) == 0 &&
		mkdir("work", 0755) == 0);
	for (unsigned int i = 0; i < s->n; i++) {
		snprintf(name, sizeof(name), "l:%u,", i);
		ns_want(mkdir(name, 0755) == 0);
		lower[i] = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		ns_want(lower[i] >= 0);
		snprintf(text, sizeof(text), "%u", i);
		ns_want(ns_write(lower[i], text, "x") == 0 && ns_write(lower[i], "top", text) == 0);
	}
	return 0;
}

/* Everything shows, the topmost wins, and writing reaches no layer. */
static int look_at_merged(const struct stack *s, const int *lower, struct err *err)
{
	char path[64];

	ns_want(strcmp(ns_read(AT_FDCWD, "merged/top"), "0") == 0);
	for (unsigned int i = 0; i < s->n; i++) {
		snprintf(path, sizeof(path), "merged/%u", i);
		ns_want(access(path, F_OK) == 0);
	}
	if (!s->upper) {
		ns_want(ns_write(AT_FDCWD, "merged/new", "x") == -EROFS);
		return 0;
	}
	ns_want(ns_write(AT_FDCWD, "merged/new", "x") == 0 && access("upper/new", F_OK) == 0);
	ns_want(ns_write(AT_FDCWD, "merged/top", "9") == 0);
	ns_want(strcmp(ns_read(AT_FDCWD, "merged/top"), "9") == 0);
	ns_want(unlink("merged/0") == 0 && access("merged/0", F_OK) < 0);
	ns_want(faccessat(lower[0], "0", F_OK, 0) == 0);
	return 0;
}

static int stack_up(void *ctx, struct err *err)
{
	const struct stack *s = ctx;
	_cleanup_free_ int *lower = xcalloc(s->n, sizeof(*lower));
	_cleanup_fd_ int upper = -1;
	_cleanup_fd_ int work = -1;
	_cleanup_fd_ int target = -1;
	struct stat before, after;
	int r = make_layers(s, lower, err);

	if (r < 0)
		return r;
	upper = s->upper ? open("upper", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	work = s->upper ? open("work", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	target = open("merged", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ns_want(stat(".", &before) == 0);
	r = mount_overlay(target, "merged", lower, s->n, upper, work, s->data, err);
	if (r < 0)
		return r;
	ns_want(stat(".", &after) == 0 && before.st_ino == after.st_ino);
	return look_at_merged(s, lower, err);
}

static void allow_descriptors(void)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

START_TEST(layers)
{
	static struct stack stacks[] = {
		{1, 0, true, NULL},	    {2, 0, false, NULL},   {100, 3, true, NULL},
		{100, 0, true, "volatile"}, {500, 12, true, NULL}, {500, 0, false, NULL},
	};

	if (!can_overlay())
		return;
	allow_descriptors();
	ns_inside(CLONE_NEWNS, stack_up, &stacks[_i]);
}
END_TEST

/* As with descriptors too large for one page of options. */
START_TEST(layers_one_by_one)
{
	static struct stack stacks[] = {{2, 0, false, NULL}, {60, 2, true, NULL}};

	if (!can_overlay())
		return;
	ck_assert_int_eq(setenv("STRAKE_OVERLAY_FSCONFIG", "1", 1), 0);
	for (size_t i = 0; i < ARRAY_SIZE(stacks); i++) {
		struct err err = ERR_INIT;
		struct identity id;
		int r;

		ns_ok(identity_choose(USERNS_SINGLE, &id, &err), &err);
		r = ns_run(&id, CLONE_NEWNS, stack_up, &stacks[i], &err);
		if (r == -EFBIG)
			ns_skip("%s", err.msg);
		ns_ok(r, &err);
		ns_scratch_remove();
		ns_scratch_make();
	}
}
END_TEST

START_TEST(numbers_that_do_not_fit)
{
	static struct stack one = {1, 0, true, NULL};
	struct err err = ERR_INIT;
	struct identity id;

	ck_assert_int_eq(setenv("STRAKE_OVERLAY_FSCONFIG", "1", 1), 0);
	ck_assert_int_eq(setenv("STRAKE_NO_MOUNT_API", "1", 1), 0);
	ns_ok(identity_choose(USERNS_SINGLE, &id, &err), &err);
	ck_assert_int_eq(ns_run(&id, CLONE_NEWNS, stack_up, &one, &err), -EFBIG);
	ck_assert_ptr_nonnull(strstr(err.msg, "do not fit"));
}
END_TEST

static int refuse(void *ctx, struct err *err)
{
	static const struct stack one = {1, 0, true, NULL};
	_cleanup_fd_ int upper = -1;
	_cleanup_fd_ int work = -1;
	_cleanup_fd_ int target = -1;
	struct err why = ERR_INIT;
	int lower, r = make_layers(&one, &lower, err);

	(void)ctx;
	if (r < 0)
		return r;
	target = open("merged", O_PATH | O_DIRECTORY | O_CLOEXEC);
	upper = open("upper", O_PATH | O_DIRECTORY | O_CLOEXEC);
	work = open("work", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ns_want(mount_overlay(target, "t", &lower, 0, upper, work, NULL, &why) == -EINVAL);
	ns_want(strstr(why.msg, "1 to 500 layers, not 0"));
	ns_want(mount_overlay(target, "t", &lower, 1, -1, -1, NULL, &why) == -EINVAL);
	ns_want(strstr(why.msg, "two layers at least"));
	ns_want(mount_overlay(target, "t", &lower, 501, upper, work, NULL, &why) == -EINVAL);
	ns_want(mount_overlay(target, "t", &lower, 1, upper, work, "nonsense=1", &why) == -EINVAL);
	ns_want(strstr(why.msg, "cannot mount an overlay of 1 layers on 't'"));
	ns_want(mount_overlay(target, "t", &lower, 1, upper, upper, NULL, &why) < 0);
	/* an upper on a file system that takes none */
	close(upper);
	close(work);
	upper = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	work = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ns_want(mount_overlay(target, "t", &lower, 1, upper, work, NULL, &why) < 0);
	ns_want(strstr(why.msg, "; "));
	return 0;
}

START_TEST(refusals)
{
	if (!can_overlay())
		return;
	ns_inside(CLONE_NEWNS, refuse, NULL);
}
END_TEST

/* An overlay as upper of an overlay: what nesting runs into. */
static int overlay_on_overlay(void *ctx, struct err *err)
{
	static struct stack one = {1, 0, true, NULL};
	_cleanup_fd_ int upper = -1;
	_cleanup_fd_ int work = -1;
	_cleanup_fd_ int target = -1;
	struct err why = ERR_INIT;
	int lower, r = stack_up(&one, err);

	(void)ctx;
	if (r < 0)
		return r;
	ns_want(mkdir("merged/u", 0755) == 0 && mkdir("merged/w", 0755) == 0 &&
		mkdir("second", 0755) == 0);
	target = open("second", O_PATH | O_DIRECTORY | O_CLOEXEC);
	upper = open("merged/u", O_PATH | O_DIRECTORY | O_CLOEXEC);
	work = open("merged/w", O_PATH | O_DIRECTORY | O_CLOEXEC);
	lower = open("l:0,", O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = mount_overlay(target, "second", &lower, 1, upper, work, NULL, &why);
	close(lower);
	ns_want(r < 0 && strstr(why.msg, "upper directory is on overlay"));
	return 0;
}

START_TEST(upper_on_overlay)
{
	if (!can_overlay())
		return;
	ns_inside(CLONE_NEWNS, overlay_on_overlay, NULL);
}
END_TEST

TCase *ns_case_overlay(void)
{
	TCase *c = tcase_create("overlay");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, ns_scratch_make, ns_scratch_remove);
	tcase_add_loop_test(c, layers, 0, 6);
	tcase_add_test(c, layers_one_by_one);
	tcase_add_test(c, numbers_that_do_not_fit);
	tcase_add_test(c, refusals);
	tcase_add_test(c, upper_on_overlay);
	return c;
}
