/* Binds, attributes and the pivot, each with the new mount calls and without. */
#include "ns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "ns/enter.h"
#include "ns/mount.h"

/* Loop tests: 0 with the new mount calls, 1 as on a kernel without them. */
static void choose_api(int without)
{
	if (without)
		ck_assert_int_eq(setenv("STRAKE_NO_MOUNT_API", "1", 1), 0);
}

static int open_path(const char *path)
{
	return openat(ns_scratch_fd, path, O_PATH | O_CLOEXEC);
}

/* In the scratch directory, reached in this mount namespace: src with a file, src/sub a tmpfs with
 * a file, dst. */
static int make_source(struct err *err)
{
	ns_want(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	ns_want(chdir(ns_scratch) == 0);
	ns_want((ns_scratch_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0);
	ns_want(mkdir("src", 0755) == 0 && mkdir("src/sub", 0755) == 0);
	ns_want(mkdir("dst", 0755) == 0 && mkdir("a b\\c", 0755) == 0);
	ns_want(mount("tmpfs", "src/sub", "tmpfs", MS_NOATIME, NULL) == 0);
	ns_want(ns_write(AT_FDCWD, "src/file", "x") == 0 &&
		ns_write(AT_FDCWD, "src/sub/file", "y") == 0);
	return 0;
}

static unsigned long mount_flags(const char *path)
{
	struct statvfs fs;

	return statvfs(path, &fs) == 0 ? fs.f_flag : 0;
}

static int bind_recursive(void *ctx, struct err *err)
{
	const char *const dst = ctx;
	_cleanup_fd_ int source = -1;
	_cleanup_fd_ int target = -1;
	_cleanup_free_ char *sub = xasprintf("%s/sub", dst);
	_cleanup_free_ char *sub_file = xasprintf("%s/sub/new", dst);
	_cleanup_free_ char *file = xasprintf("%s/new", dst);
	const unsigned long all = ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC;
	int r = make_source(err);

	if (r < 0)
		return r;
	source = open_path("src");
	target = open_path(dst);
	r = mount_bind(source, target, dst,
		       MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
		       true, MS_PRIVATE, err);
	if (r < 0)
		return r;
	ns_want((mount_flags(dst) & all) == all);
	ns_want((mount_flags(sub) & all) == all);
	ns_want(mount_flags(sub) & ST_NOATIME);
	ns_want(ns_write(AT_FDCWD, file, "x") == -EROFS);
	ns_want(ns_write(AT_FDCWD, sub_file, "x") == -EROFS);
	/* the source is as it was */
	ns_want((mount_flags("src/sub") & ST_RDONLY) == 0);
	ns_want(ns_write(AT_FDCWD, "src/sub/new", "x") == 0);
	return 0;
}

START_TEST(recursive)
{
	static char dst[] = "dst";

	choose_api(_i);
	ns_inside(CLONE_NEWNS, bind_recursive, dst);
}
END_TEST

/* mountinfo escapes blanks and backslashes. */
START_TEST(recursive_strange_name)
{
	static char dst[] = "a b\\c";

	choose_api(_i);
	ns_inside(CLONE_NEWNS, bind_recursive, dst);
}
END_TEST

static int bind_plain(void *ctx, struct err *err)
{
	_cleanup_fd_ int source = -1;
	_cleanup_fd_ int target = -1;
	int r = make_source(err);

	(void)ctx;
	if (r < 0)
		return r;
	source = open_path("src");
	target = open_path("dst");
	r = mount_bind(source, target, "dst", 0, false, MS_PRIVATE, err);
	if (r < 0)
		return r;
	ns_want(strcmp(ns_read(AT_FDCWD, "dst/file"), "x") == 0);
	ns_want(access("dst/sub", F_OK) == 0 && access("dst/sub/file", F_OK) < 0);
	ns_want(ns_write(AT_FDCWD, "dst/new", "x") == 0 && access("src/new", F_OK) == 0);
	return 0;
}

START_TEST(not_recursive)
{
	choose_api(_i);
	ns_inside(CLONE_NEWNS, bind_plain, NULL);
}
END_TEST

static int bind_file(void *ctx, struct err *err)
{
	_cleanup_fd_ int source = -1;
	_cleanup_fd_ int target = -1;
	_cleanup_fd_ int dir = -1;
	struct err why = ERR_INIT;
	int r = make_source(err);

	(void)ctx;
	if (r < 0)
		return r;
	ns_want(ns_write(AT_FDCWD, "target", "") == 0);
	source = open_path("src/file");
	target = open_path("target");
	dir = open_path("dst");
	r = mount_bind(source, target, "target", MOUNT_ATTR_RDONLY, false, MS_PRIVATE, err);
	if (r < 0)
		return r;
	ns_want(strcmp(ns_read(AT_FDCWD, "target"), "x") == 0);
	ns_want(ns_write(AT_FDCWD, "target", "y") == -EROFS);
	ns_want(mount_bind(source, dir, "the directory", 0, false, MS_PRIVATE, &why) == -ENOTDIR);
	ns_want(strstr(why.msg, "'the directory'") && strstr(why.msg, "not both directories"));
	return 0;
}

START_TEST(of_a_file)
{
	choose_api(_i);
	ns_inside(CLONE_NEWNS, bind_file, NULL);
}
END_TEST

/* In a further user namespace src and src/sub are locked to one another. */
static int bind_locked(void *ctx, struct err *err)
{
	_cleanup_fd_ int source = -1;
	_cleanup_fd_ int target = -1;
	int r;

	(void)ctx;
	ns_want(chdir(ns_scratch) == 0);
	source = open("src", O_PATH | O_CLOEXEC);
	target = open("dst", O_PATH | O_CLOEXEC);
	r = mount_bind(source, target, "dst", MOUNT_ATTR_RDONLY, false, MS_PRIVATE, err);
	if (r < 0)
		return r;
	ns_want(strcmp(ns_read(AT_FDCWD, "dst/sub/file"), "y") == 0);
	ns_want(ns_write(AT_FDCWD, "dst/new", "x") == -EROFS);
	ns_want(ns_write(AT_FDCWD, "dst/sub/new", "x") == -EROFS);
	/* locked flags stay: noatime came from outside */
	ns_want(mount_flags("dst/sub") & ST_NOATIME);
	return 0;
}

static int around_locked(void *ctx, struct err *err)
{
	struct identity id;
	int r = make_source(err);

	(void)ctx;
	if (r == 0)
		r = identity_choose(USERNS_SINGLE, &id, err);
	return r < 0 ? r : ns_run(&id, CLONE_NEWNS, bind_locked, NULL, err);
}

START_TEST(with_locked_children)
{
	choose_api(_i);
	ns_inside(CLONE_NEWNS, around_locked, NULL);
}
END_TEST

/* A mount made later in a shared source appears below a slave, not below a private bind. */
static int propagate(void *ctx, struct err *err)
{
	const unsigned long kind = *(unsigned long *)ctx;
	_cleanup_fd_ int source = -1;
	_cleanup_fd_ int target = -1;
	int r = make_source(err);

	if (r < 0)
		return r;
	ns_want(mount("tmpfs", "src", "tmpfs", 0, NULL) == 0 && mkdir("src/late", 0755) == 0);
	ns_want(mount(NULL, "src", NULL, MS_SHARED, NULL) == 0);
	source = open_path("src");
	target = open_path("dst");
	r = mount_bind(source, target, "dst", 0, true, kind, err);
	if (r < 0)
		return r;
	ns_want(mount("tmpfs", "src/late", "tmpfs", 0, NULL) == 0);
	ns_want(ns_write(AT_FDCWD, "src/late/seen", "x") == 0);
	ns_want((access("dst/late/seen", F_OK) == 0) == (kind != MS_PRIVATE));
	return 0;
}

START_TEST(propagation)
{
	unsigned long kinds[] = {MS_PRIVATE, MS_SLAVE, MS_SHARED};

	choose_api(_i);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		ns_inside(CLONE_NEWNS, propagate, &kinds[i]);
		/* make_source() again */
		ns_scratch_remove();
		ns_scratch_make();
	}
}
END_TEST

static int make_readonly(void *ctx, struct err *err)
{
	_cleanup_fd_ int source = -1;
	int r = make_source(err);

	(void)ctx;
	if (r < 0)
		return r;
	ns_want(mount("tmpfs", "src", "tmpfs", MS_NOSUID | MS_NODEV, NULL) == 0);
	ns_want(mkdir("src/below", 0755) == 0 &&
		mount("tmpfs", "src/below", "tmpfs", 0, NULL) == 0);
	source = open_path("src");
	r = mount_make_readonly(source, "src", err);
	if (r < 0)
		return r;
	ns_want(ns_write(AT_FDCWD, "src/new", "x") == -EROFS);
	ns_want((mount_flags("src") & (ST_NOSUID | ST_NODEV)) == (ST_NOSUID | ST_NODEV));
	ns_want(ns_write(AT_FDCWD, "src/below/new", "x") == 0);
	return 0;
}

START_TEST(readonly)
{
	choose_api(_i);
	ns_inside(CLONE_NEWNS, make_readonly, NULL);
}
END_TEST

static int mount_file_systems(void *ctx, struct err *err)
{
	_cleanup_fd_ int target = -1;
	_cleanup_fd_ int file = -1;
	struct err why = ERR_INIT;
	int r = make_source(err);

	(void)ctx;
	if (r < 0)
		return r;
	target = open_path("dst");
	file = open_path("src/file");
	r = mount_on(target, "dst", "tmpfs", "tmpfs", MS_NOEXEC, "mode=0750,size=64k", err);
	if (r < 0)
		return r;
	ns_want(mount_flags("dst") & ST_NOEXEC);
	ns_want(mount_on(target, "there", "none", "no-such-fs", 0, NULL, &why) == -ENODEV);
	ns_want(strstr(why.msg, "'no-such-fs'") && strstr(why.msg, "'there'"));
	ns_want(mount_on(file, "a file", "tmpfs", "tmpfs", 0, NULL, &why) == -ENOTDIR);
	ns_want(strstr(why.msg, "cannot mount tmpfs on 'a file'"));
	ns_want(mount_on(target, "there", "tmpfs", "tmpfs", 0, "nonsense=1", &why) == -EINVAL);
	return 0;
}

START_TEST(file_systems)
{
	ns_inside(CLONE_NEWNS, mount_file_systems, NULL);
}
END_TEST

static int clone_file(void *ctx, struct err *err)
{
	_cleanup_fd_ int source = -1;
	_cleanup_fd_ int clone = -1;
	char path[64];
	int r = make_source(err);

	(void)ctx;
	if (r < 0)
		return r;
	source = open("src/file", O_RDONLY | O_CLOEXEC);
	clone = mount_clone_readonly(source, "src/file", err);
	if (clone < 0)
		return clone;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", clone);
	ns_want(strcmp(ns_read(AT_FDCWD, path), "x") == 0);
	ns_want(ns_write(AT_FDCWD, path, "y") == -EROFS);
	ns_want(ns_write(AT_FDCWD, "src/file", "z") == 0);
	return 0;
}

START_TEST(readonly_clone)
{
	ns_inside(CLONE_NEWNS, clone_file, NULL);
}
END_TEST

START_TEST(readonly_clone_refused)
{
	struct err err = ERR_INIT;

	choose_api(1);
	ck_assert_int_eq(mount_clone_readonly(ns_scratch_fd, "the thing", &err), -ENOSYS);
	ck_assert_ptr_nonnull(strstr(err.msg, "'the thing'"));
}
END_TEST

static int pivot(void *ctx, struct err *err)
{
	_cleanup_fd_ int root = -1;
	char cwd[64];
	int r = make_source(err);

	(void)ctx;
	if (r < 0)
		return r;
	ns_want(mount("tmpfs", "dst", "tmpfs", 0, NULL) == 0 && mkdir("dst/here", 0755) == 0);
	ns_want(mkdir("dst/proc", 0755) == 0 &&
		mount("/proc", "dst/proc", NULL, MS_BIND | MS_REC, NULL) == 0);
	root = open_path("dst");
	r = mount_pivot(root, err);
	if (r < 0)
		return r;
	ns_want(getcwd(cwd, sizeof(cwd)) && strcmp(cwd, "/") == 0);
	ns_want(access("/here", F_OK) == 0 && access("here", F_OK) == 0);
	ns_want(access(ns_scratch, F_OK) < 0);
	ns_want(access("/../../here", F_OK) == 0);
	/* nothing of the old root is left in the mount table but what was bound */
	ns_want(!strstr(ns_read(AT_FDCWD, "/proc/self/mountinfo"), ns_scratch));
	return 0;
}

START_TEST(pivot_to_it)
{
	ns_inside(CLONE_NEWNS, pivot, NULL);
}
END_TEST

static int pivot_wrongly(void *ctx, struct err *err)
{
	_cleanup_fd_ int root = -1;
	struct err why = ERR_INIT;
	int r = make_source(err);

	(void)ctx;
	if (r < 0)
		return r;
	root = open_path("dst");
	ns_want(mount_pivot(root, &why) == -EINVAL);
	ns_want(strstr(why.msg, "not a mount"));
	root = open_path("src/file");
	ns_want(mount_pivot(root, &why) == -ENOTDIR);
	return 0;
}

START_TEST(pivot_to_no_mount)
{
	ns_inside(CLONE_NEWNS, pivot_wrongly, NULL);
}
END_TEST

TCase *ns_case_mount(void)
{
	TCase *c = tcase_create("mount");

	tcase_add_checked_fixture(c, ns_scratch_make, ns_scratch_remove);
	tcase_add_loop_test(c, recursive, 0, 2);
	tcase_add_loop_test(c, recursive_strange_name, 0, 2);
	tcase_add_loop_test(c, not_recursive, 0, 2);
	tcase_add_loop_test(c, of_a_file, 0, 2);
	tcase_add_loop_test(c, with_locked_children, 0, 2);
	tcase_add_loop_test(c, propagation, 0, 2);
	tcase_add_loop_test(c, readonly, 0, 2);
	tcase_add_test(c, file_systems);
	tcase_add_test(c, readonly_clone);
	tcase_add_test(c, readonly_clone_refused);
	tcase_add_test(c, pivot_to_it);
	tcase_add_test(c, pivot_to_no_mount);
	return c;
}
