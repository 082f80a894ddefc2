/* Work inside a user namespace, its failures, and capabilities. */
#include "ns.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "ns/caps.h"
#include "ns/enter.h"
#include "ns/idmap.h"

static int look_single(void *ctx, struct err *err)
{
	const struct identity *id = ctx;
	char line[64];

	ns_want(getuid() == 0 && geteuid() == 0 && getgid() == 0);
	snprintf(line, sizeof(line), "%10u %10u %10u\n", 0U, (unsigned int)id->uid, 1U);
	ns_want(strcmp(ns_read(AT_FDCWD, "/proc/self/uid_map"), line) == 0);
	snprintf(line, sizeof(line), "%10u %10u %10u\n", 0U, (unsigned int)id->gid, 1U);
	ns_want(strcmp(ns_read(AT_FDCWD, "/proc/self/gid_map"), line) == 0);
	ns_want(getpid() == 1);
	ns_want(caps_have(CAP_SYS_ADMIN));
	return 0;
}

START_TEST(run_single)
{
	struct err err = ERR_INIT;
	struct identity id;

	ns_ok(identity_choose(USERNS_SINGLE, &id, &err), &err);
	ns_ok(ns_run(&id, CLONE_NEWPID, look_single, &id, &err), &err);
	ck_assert_int_eq(err.code, 0);
}
END_TEST

static int look_keep_id(void *ctx, struct err *err)
{
	const struct identity *id = ctx;

	ns_want(getuid() == id->uid && getgid() == id->gid);
	ns_want(caps_have(CAP_SYS_ADMIN));
	return 0;
}

START_TEST(run_keep_id)
{
	struct err err = ERR_INIT;
	struct identity id;

	ns_ok(identity_choose(USERNS_KEEP_ID, &id, &err), &err);
	ns_ok(ns_run(&id, 0, look_keep_id, &id, &err), &err);
	/* the same in single identity, whatever the machine gives */
	idmap_one(&id.uids, id.uid, id.uid);
	idmap_one(&id.gids, id.gid, id.gid);
	id.range = false;
	ns_ok(ns_run(&id, 0, look_keep_id, &id, &err), &err);
}
END_TEST

/* Every map the kernel shows is the one asked for, and the ids can be used. */
static int look_range(void *ctx, struct err *err)
{
	const struct identity *id = ctx;
	const char *text = ns_read(AT_FDCWD, "/proc/self/uid_map");
	const gid_t groups[] = {1, 2};
	struct stat st;

	for (size_t i = 0; i < id->uids.n; i++) {
		const struct idmap_range *r = &id->uids.ranges[i];
		char line[64];

		snprintf(line, sizeof(line), "%10u %10u %10u\n", r->inside, r->outside, r->count);
		ns_want(strstr(text, line));
	}
	ns_want(strcmp(ns_read(AT_FDCWD, "/proc/self/setgroups"), "allow\n") == 0);
	ns_want(setgroups(2, groups) == 0);
	ns_want(ns_write(ns_scratch_fd, "mine", "x") == 0);
	ns_want(fchownat(ns_scratch_fd, "mine", 1, 1, 0) == 0);
	ns_want(fstatat(ns_scratch_fd, "mine", &st, 0) == 0 && st.st_uid == 1 && st.st_gid == 1);
	return 0;
}

START_TEST(run_range)
{
	struct err err = ERR_INIT;
	struct identity id;
	struct stat st;

	if (identity_choose(USERNS_RANGE, &id, &err) < 0)
		ns_skip("%s", err.msg);
	ns_ok(ns_run(&id, 0, look_range, &id, &err), &err);
	ck_assert_int_eq(fstatat(ns_scratch_fd, "mine", &st, 0), 0);
	ck_assert_uint_eq(st.st_uid, id.uids.ranges[1].outside);
	ck_assert_uint_eq(st.st_gid, id.gids.ranges[1].outside);
	ns_ok(ns_remove_tree(&id, ns_scratch_fd, "mine", &err), &err);
}
END_TEST

/* newuidmap refuses what is not ours, and says so. */
START_TEST(range_refused)
{
	struct err err = ERR_INIT;
	struct identity id;

	if (geteuid() == 0)
		ns_skip("root writes its maps itself");
	if (identity_choose(USERNS_RANGE, &id, &err) < 0)
		ns_skip("%s", err.msg);
	id.uids.ranges[1].outside = 1;
	ck_assert_int_eq(ns_run(&id, 0, look_range, &id, &err), -EPERM);
	ck_assert_ptr_nonnull(strstr(err.msg, "newuidmap failed: newuidmap: "));
	ns_ok(identity_choose(USERNS_RANGE, &id, &err), &err);
	id.gids.ranges[1].outside = 1;
	ck_assert_int_eq(ns_run(&id, 0, look_range, &id, &err), -EPERM);
	ck_assert_ptr_nonnull(strstr(err.msg, "newgidmap failed: newgidmap: "));
	/* the helper is gone between choice and use */
	ns_ok(identity_choose(USERNS_RANGE, &id, &err), &err);
	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(ns_run(&id, 0, look_range, &id, &err), -EPERM);
	ck_assert_ptr_nonnull(strstr(err.msg, "no_new_privs"));
}
END_TEST

/* A map that the kernel refuses: an id that is not ours. */
START_TEST(map_refused)
{
	struct err err = ERR_INIT;
	struct identity id;

	if (geteuid() == 0)
		ns_skip("root may map any id");
	ns_ok(identity_choose(USERNS_SINGLE, &id, &err), &err);
	id.uids.ranges[0].outside = 1;
	ck_assert_int_eq(ns_run(&id, 0, look_single, &id, &err), -EPERM);
	ck_assert_ptr_nonnull(strstr(err.msg, "uid_map"));
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
}
END_TEST

static int fail_with_message(void *ctx, struct err *err)
{
	err_set(err, EXDEV, "message number %d", *(int *)ctx);
	return err_exit(err, 42);
}

static int fail_silently(void *ctx, struct err *err)
{
	(void)ctx;
	(void)err;
	return -ENOTTY;
}

static int die(void *ctx, struct err *err)
{
	(void)ctx;
	(void)err;
	raise(SIGKILL);
	return 0;
}

static int answer_seven(void *ctx, struct err *err)
{
	(void)ctx;
	(void)err;
	return 7;
}

START_TEST(failures_come_back)
{
	struct err err = ERR_INIT;
	struct identity id;
	int number = 5;

	ns_ok(identity_choose(USERNS_SINGLE, &id, &err), &err);
	ck_assert_int_eq(ns_run(&id, 0, fail_with_message, &number, &err), -EXDEV);
	ck_assert_int_eq(err.code, EXDEV);
	ck_assert_int_eq(err.exit_status, 42);
	ck_assert_str_eq(err.msg, "message number 5");
	ck_assert_int_eq(ns_run(&id, 0, fail_silently, NULL, &err), -ENOTTY);
	ck_assert_ptr_nonnull(strstr(err.msg, strerror(ENOTTY)));
	ck_assert_int_eq(ns_run(&id, 0, die, NULL, &err), -ECHILD);
	ck_assert_ptr_nonnull(strstr(err.msg, "137"));
	ck_assert_int_eq(ns_run(&id, 0, answer_seven, NULL, &err), 0);
	/* no zombie stays */
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
}
END_TEST

START_TEST(clone_as_fork)
{
	struct err err = ERR_INIT;
	const pid_t pid = ns_clone(0, &err);

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(getppid() > 0 ? 17 : 1);
	ck_assert_int_eq(proc_wait(pid), 17);
}
END_TEST

static int no_more_namespaces(void *ctx, struct err *err)
{
	struct err why = ERR_INIT;

	(void)ctx;
	ns_want(ns_write(AT_FDCWD, "/proc/sys/user/max_user_namespaces", "0") == 0);
	ns_want(ns_clone(CLONE_NEWUSER, &why) == -ENOSPC);
	ns_want(strstr(why.msg, "cannot make a new user namespace"));
	ns_want(strstr(why.msg, "as root: sysctl -w user.max_user_namespaces=15000"));
	ns_want(ns_write(AT_FDCWD, "/proc/sys/user/max_user_namespaces", "1000") == 0);
	ns_want(ns_write(AT_FDCWD, "/proc/sys/user/max_pid_namespaces", "0") == 0);
	ns_want(ns_clone(CLONE_NEWUSER | CLONE_NEWPID, &why) == -ENOSPC);
	ns_want(strstr(why.msg, "as root: sysctl -w user.max_pid_namespaces=15000"));
	ns_want(ns_clone(CLONE_NEWPID, NULL) == -ENOSPC);
	return 0;
}

START_TEST(refused_by_a_limit)
{
	ns_inside(0, no_more_namespaces, NULL);
}
END_TEST

static int in_a_chroot(void *ctx, struct err *err)
{
	struct err why = ERR_INIT;

	(void)ctx;
	ns_want(mkdirat(ns_scratch_fd, "root", 0755) == 0);
	ns_want(mkdirat(ns_scratch_fd, "root/proc", 0755) == 0);
	ns_want(chdir(ns_scratch) == 0);
	ns_want(mount("/proc", "root/proc", NULL, MS_BIND | MS_REC, NULL) == 0);
	ns_want(chroot("root") == 0);
	ns_want(ns_clone(CLONE_NEWUSER, &why) == -EPERM);
	ns_want(strstr(why.msg, "chroot") || strstr(why.msg, "sysctl"));
	return 0;
}

START_TEST(refused_in_a_chroot)
{
	ns_inside(CLONE_NEWNS, in_a_chroot, NULL);
}
END_TEST

static void make_tree(void)
{
	ck_assert_int_eq(mkdirat(ns_scratch_fd, "tree", 0755), 0);
	ck_assert_int_eq(mkdirat(ns_scratch_fd, "tree/closed", 0755), 0);
	ck_assert_int_eq(ns_write(ns_scratch_fd, "tree/closed/file", "x"), 0);
	ck_assert_int_eq(symlinkat("/", ns_scratch_fd, "tree/link"), 0);
	ck_assert_int_eq(fchmodat(ns_scratch_fd, "tree/closed", 0, 0), 0);
}

START_TEST(remove_own_tree)
{
	struct err err = ERR_INIT;
	struct identity id;

	ns_ok(identity_choose(USERNS_SINGLE, &id, &err), &err);
	make_tree();
	ns_ok(ns_remove_tree(&id, ns_scratch_fd, "tree", &err), &err);
	ck_assert_int_lt(faccessat(ns_scratch_fd, "tree", F_OK, AT_SYMLINK_NOFOLLOW), 0);
	ns_ok(ns_remove_tree(&id, ns_scratch_fd, "tree", &err), &err);
}
END_TEST

/* A directory of a subordinate owner with a file in it: nobody outside can empty it. */
static int own_by_others(void *ctx, struct err *err)
{
	(void)ctx;
	ns_want(mkdirat(ns_scratch_fd, "theirs", 0755) == 0);
	ns_want(mkdirat(ns_scratch_fd, "theirs/dir", 0700) == 0);
	ns_want(ns_write(ns_scratch_fd, "theirs/dir/file", "x") == 0);
	ns_want(fchownat(ns_scratch_fd, "theirs/dir/file", 1, 1, 0) == 0);
	ns_want(fchownat(ns_scratch_fd, "theirs/dir", 1, 1, 0) == 0);
	ns_want(fchmodat(ns_scratch_fd, "theirs/dir", 0, 0) == 0);
	return 0;
}

START_TEST(remove_subordinate_tree)
{
	struct err err = ERR_INIT;
	struct identity range, single;

	if (identity_choose(USERNS_RANGE, &range, &err) < 0)
		ns_skip("%s", err.msg);
	ns_ok(identity_choose(USERNS_SINGLE, &single, &err), &err);
	ns_ok(ns_run(&range, 0, own_by_others, NULL, &err), &err);
	if (geteuid() != 0) {
		const int r = ns_remove_tree(&single, ns_scratch_fd, "theirs", &err);

		ck_assert(r == -EACCES || r == -EPERM);
		ck_assert_str_ne(err.msg, "");
	}
	ns_ok(ns_remove_tree(&range, ns_scratch_fd, "theirs", &err), &err);
	ck_assert_int_lt(faccessat(ns_scratch_fd, "theirs", F_OK, AT_SYMLINK_NOFOLLOW), 0);
}
END_TEST

TCase *ns_case_enter(void)
{
	TCase *c = tcase_create("enter");

	tcase_add_checked_fixture(c, ns_scratch_make, ns_scratch_remove);
	tcase_add_test(c, run_single);
	tcase_add_test(c, run_keep_id);
	tcase_add_test(c, run_range);
	tcase_add_test(c, range_refused);
	tcase_add_test(c, map_refused);
	tcase_add_test(c, failures_come_back);
	tcase_add_test(c, clone_as_fork);
	tcase_add_test(c, refused_by_a_limit);
	tcase_add_test(c, refused_in_a_chroot);
	tcase_add_test(c, remove_own_tree);
	tcase_add_test(c, remove_subordinate_tree);
	return c;
}

static unsigned long long status_mask(const char *name)
{
	const char *line = strstr(ns_read(AT_FDCWD, "/proc/self/status"), name);

	return line ? strtoull(line + strlen(name), NULL, 16) : ~0ULL;
}

static int drop_to_default(void *ctx, struct err *err)
{
	struct err why = ERR_INIT;
	int r;

	(void)ctx;
	ns_want(caps_have(CAP_SYS_ADMIN) && caps_have(CAP_CHOWN));
	r = caps_drop_bounding(CAPS_DEFAULT, err);
	if (r < 0)
		return r;
	ns_want(status_mask("CapBnd:") == CAPS_DEFAULT);
	ns_want(status_mask("CapEff:") != CAPS_DEFAULT);
	ns_want(status_mask("CapAmb:") == 0);
	r = caps_set(CAPS_DEFAULT, err);
	if (r < 0)
		return r;
	ns_want(status_mask("CapEff:") == CAPS_DEFAULT);
	ns_want(status_mask("CapPrm:") == CAPS_DEFAULT);
	ns_want(status_mask("CapInh:") == 0);
	ns_want(!caps_have(CAP_SYS_ADMIN) && caps_have(CAP_CHOWN));
	/* there is no way back */
	ns_want(caps_set(1ULL << CAP_SYS_ADMIN, &why) == -EPERM);
	r = caps_set(0, err);
	if (r < 0)
		return r;
	ns_want(status_mask("CapEff:") == 0 && status_mask("CapPrm:") == 0);
	ns_want(caps_drop_bounding(0, &why) == -EPERM);
	ns_want(strstr(why.msg, "bounding set"));
	return caps_set(0, err);
}

START_TEST(drop)
{
	ns_inside(0, drop_to_default, NULL);
}
END_TEST

static int drop_all_but_high(void *ctx, struct err *err)
{
	const uint64_t keep = 1ULL << 38; /* CAP_PERFMON: the upper word of the interface */
	int r;

	(void)ctx;
	r = caps_drop_bounding(keep, err);
	if (r == 0)
		r = caps_set(keep, err);
	if (r < 0)
		return r;
	ns_want(status_mask("CapBnd:") == keep && status_mask("CapEff:") == keep);
	return 0;
}

START_TEST(upper_word)
{
	if (prctl(PR_CAPBSET_READ, 38, 0, 0, 0) < 0)
		ns_skip("this kernel has no capability 38");
	ns_inside(0, drop_all_but_high, NULL);
}
END_TEST

TCase *ns_case_caps(void)
{
	TCase *c = tcase_create("caps");

	tcase_add_test(c, drop);
	tcase_add_test(c, upper_word);
	return c;
}
