/* Who the caller is inside: what identity_choose() decides on, and how the reason reads. The
 * system's files are replaced in a mount namespace. */
#include "ns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "ns/enter.h"
#include "ns/helper.h"
#include "ns/idmap.h"

START_TEST(single)
{
	struct err err = ERR_INIT;
	struct identity id;

	ns_ok(identity_choose(USERNS_SINGLE, &id, &err), &err);
	ck_assert(!id.range);
	ck_assert(!id.keep_id);
	ck_assert_str_eq(id.why, "");
	ck_assert_uint_eq(id.uid, geteuid());
	ck_assert_uint_eq(id.gid, getegid());
	ck_assert_uint_eq(id.uids.n, 1);
	ck_assert_uint_eq(id.uids.ranges[0].inside, 0);
	ck_assert_uint_eq(id.uids.ranges[0].outside, geteuid());
	ck_assert_uint_eq(id.uids.ranges[0].count, 1);
	ck_assert_uint_eq(id.gids.n, 1);
	ck_assert_uint_eq(id.gids.ranges[0].outside, getegid());
}
END_TEST

/* auto is range where range can be had, and else says why not. */
START_TEST(automatic)
{
	struct err err = ERR_INIT;
	struct identity range, id;
	const bool have = identity_choose(USERNS_RANGE, &range, &err) == 0;
	struct err ignored = ERR_INIT;

	ns_ok(identity_choose(USERNS_AUTO, &id, &ignored), &ignored);
	ck_assert_int_eq(id.range, have);
	if (have) {
		ck_assert_str_eq(id.why, "");
		ck_assert_uint_ge(id.uids.n, 2);
		ck_assert_uint_eq(id.uids.ranges[0].outside, geteuid());
		ck_assert_uint_eq(id.uids.ranges[1].inside, 1);
		ck_assert_mem_eq(&id.uids, &range.uids, sizeof(id.uids));
	} else {
		ck_assert_str_ne(id.why, "");
		ck_assert_ptr_nonnull(strstr(err.msg, id.why));
	}
	ns_ok(identity_choose(USERNS_KEEP_ID, &id, &ignored), &ignored);
	ck_assert(id.keep_id);
	ck_assert_int_eq(id.range, have);
	ck_assert_uint_eq(id.uids.ranges[0].inside, geteuid());
	ck_assert_uint_eq(id.gids.ranges[0].inside, getegid());
}
END_TEST

/* Takes /etc away and gives a new one; the caller is id 0 there, with no name. */
static int empty_etc(struct err *err)
{
	ns_want(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	ns_want(mount("tmpfs", "/etc", "tmpfs", 0, NULL) == 0);
	return 0;
}

static int missing_files(void *ctx, struct err *err)
{
	struct identity id;
	struct err why = ERR_INIT;
	int r = empty_etc(err);

	(void)ctx;
	if (r < 0)
		return r;
	ns_want(identity_choose(USERNS_RANGE, &id, &why) == -ENOENT);
	ns_want(strstr(why.msg, "/etc/subuid gives '0' no subordinate ids"));
	ns_want(strstr(
		why.msg,
		"as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 0"));
	ns_want(identity_choose(USERNS_AUTO, &id, &why) == 0 && !id.range && id.why[0] != '\0');

	/* the line for the administrator gets out of the way of the others' ranges */
	ns_want(ns_write(AT_FDCWD, "/etc/subuid", "other:100000:65536\n0:165536:65536\n") == 0);
	ns_want(ns_write(AT_FDCWD, "/etc/subgid", "other:300000:65536\n") == 0);
	ns_want(identity_choose(USERNS_RANGE, &id, &why) == -ENOENT);
	ns_want(strstr(why.msg, "/etc/subgid gives '0' no subordinate ids"));
	ns_want(strstr(why.msg, "--add-subuids 365536-431071 "));
	return 0;
}

START_TEST(without_files)
{
	ns_inside(CLONE_NEWNS, missing_files, NULL);
}
END_TEST

/* As in a container whose image brings an /etc/subuid of its own. */
static int unmapped_ranges(void *ctx, struct err *err)
{
	struct identity id;
	struct err why = ERR_INIT;
	int r = empty_etc(err);

	(void)ctx;
	if (r < 0)
		return r;
	ns_want(ns_write(AT_FDCWD, "/etc/real", "0:100000:65536\n") == 0);
	ns_want(symlink("real", "/etc/subuid") == 0);
	ns_want(symlink("real", "/etc/subgid") == 0);
	ns_want(identity_choose(USERNS_RANGE, &id, &why) == -EPERM);
	ns_want(strstr(why.msg, "/etc/subuid are not mapped in this user namespace"));
	ns_want(identity_choose(USERNS_KEEP_ID, &id, &why) == 0);
	ns_want(!id.range && id.uids.n == 1 && id.uids.ranges[0].inside == 0 &&
		id.uids.ranges[0].count == 1);
	ns_want(strstr(id.why, "not mapped"));
	return 0;
}

START_TEST(ranges_that_are_not_mapped)
{
	ns_inside(CLONE_NEWNS, unmapped_ranges, NULL);
}
END_TEST

static int hostile_files(void *ctx, struct err *err)
{
	struct identity id;
	struct err why = ERR_INIT;
	int fd, r = empty_etc(err);

	(void)ctx;
	if (r < 0)
		return r;
	ns_want(mkdir("/etc/subuid", 0755) == 0);
	ns_want(identity_choose(USERNS_RANGE, &id, &why) < 0);
	ns_want(strstr(why.msg, "/etc/subuid"));
	ns_want(rmdir("/etc/subuid") == 0);
	fd = open("/etc/subuid", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	ns_want(ftruncate(fd, 100 << 20) == 0);
	close(fd);
	ns_want(identity_choose(USERNS_RANGE, &id, &why) == -EFBIG);
	ns_want(identity_choose(USERNS_AUTO, &id, &why) == 0 && !id.range);
	return 0;
}

START_TEST(files_that_are_none)
{
	ns_inside(CLONE_NEWNS, hostile_files, NULL);
}
END_TEST

START_TEST(helpers)
{
	struct err err = ERR_INIT;
	char path[HELPER_PATH_MAX];
	_cleanup_free_ char *dirs = xasprintf("relative::/no/such/dir:%s", ns_scratch);

	ck_assert_int_eq(setenv("PATH", dirs, 1), 0);
	ck_assert_int_eq(helper_find("strake-no-such-helper", path, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.msg, "strake-no-such-helper is not installed; as root:"));

	/* there, without privilege */
	ck_assert_int_eq(ns_write(ns_scratch_fd, "strake-helper", "x"), 0);
	ck_assert_int_eq(helper_find("strake-helper", path, &err), -ENOENT);
	ck_assert_int_eq(fchmodat(ns_scratch_fd, "strake-helper", 0755, 0), 0);
	ck_assert_int_eq(helper_find("strake-helper", path, &err), -EPERM);
	ck_assert_ptr_nonnull(strstr(err.msg, "neither setuid root nor"));
	ck_assert_ptr_nonnull(strstr(err.msg, ns_scratch));

	ck_assert_int_eq(unsetenv("PATH"), 0);
	ck_assert_int_eq(helper_find("strake-no-such-helper", path, &err), -ENOENT);

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(helper_find("newuidmap", path, &err), -EPERM);
	ck_assert_ptr_nonnull(strstr(err.msg, "no_new_privs"));
}
END_TEST

/* A decoy in PATH does not hide the system's own. */
START_TEST(helper_behind_a_decoy)
{
	struct err err = ERR_INIT;
	char path[HELPER_PATH_MAX];
	struct stat st;

	if (stat("/usr/bin/newuidmap", &st) < 0 || !(st.st_mode & S_ISUID))
		ns_skip("no setuid /usr/bin/newuidmap on this machine");
	ck_assert_int_eq(ns_write(ns_scratch_fd, "newuidmap", "x"), 0);
	ck_assert_int_eq(fchmodat(ns_scratch_fd, "newuidmap", 0755, 0), 0);
	ck_assert_int_eq(setenv("PATH", ns_scratch, 1), 0);
	ns_ok(helper_find("newuidmap", path, &err), &err);
	ck_assert_str_eq(path, "/usr/bin/newuidmap");
}
END_TEST

TCase *ns_case_identity(void)
{
	TCase *c = tcase_create("identity");

	tcase_add_checked_fixture(c, ns_scratch_make, ns_scratch_remove);
	tcase_add_test(c, single);
	tcase_add_test(c, automatic);
	tcase_add_test(c, without_files);
	tcase_add_test(c, ranges_that_are_not_mapped);
	tcase_add_test(c, files_that_are_none);
	tcase_add_test(c, helpers);
	tcase_add_test(c, helper_behind_a_decoy);
	return c;
}
