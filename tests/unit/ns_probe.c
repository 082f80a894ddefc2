/* The probes: what they say where something works, and where it is taken away. */
#include "ns.h"

#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/fusermount.h"
#include "ns/mount.h"
#include "ns/probe.h"

static void check_form(const struct probe_result *p)
{
	ck_assert_str_ne(p->detail, "");
	ck_assert_int_eq(p->status == PROBE_OK, p->remedy[0] == '\0');
}

static bool is_empty(int dirfd)
{
	DIR *dir = fdopendir(openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	const struct dirent *entry;
	bool empty = true;

	while (dir && (entry = readdir(dir)) != NULL)
		empty &= strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	ck_assert_ptr_nonnull(dir);
	closedir(dir);
	return empty;
}

START_TEST(here)
{
	struct probe_result p;
	struct err err = ERR_INIT;
	struct identity id;

	probe_user_namespace(&p);
	check_form(&p);
	ck_assert_int_eq(p.status, PROBE_OK); /* or this whole program fails */
	probe_id_range(&p);
	check_form(&p);
	ck_assert_int_eq(p.status == PROBE_OK, identity_choose(USERNS_RANGE, &id, &err) == 0);
	probe_kernel_overlay(ns_scratch_fd, ns_scratch, &p);
	check_form(&p);
	ck_assert(is_empty(ns_scratch_fd));
	probe_dev_fuse(&p);
	check_form(&p);
	/* that it opens is not all that it takes, but without it nothing works */
	ck_assert(p.status != PROBE_OK || access("/dev/fuse", R_OK | W_OK) == 0);
	probe_fusermount(ns_scratch_fd, ns_scratch, &p);
	check_form(&p);
	ck_assert(is_empty(ns_scratch_fd));
	probe_proc(&p);
	check_form(&p);
	probe_openat2(&p);
	check_form(&p);
}
END_TEST

START_TEST(file_system)
{
	struct probe_result p;
	const bool xattrs = setxattr(ns_scratch, "user.x", "x", 1, 0) == 0;
	const bool nodes = mknodat(ns_scratch_fd, "node", S_IFCHR, makedev(0, 0)) == 0;

	unlinkat(ns_scratch_fd, "node", 0);
	probe_user_xattr(ns_scratch_fd, ns_scratch, &p);
	check_form(&p);
	ck_assert_int_eq(p.status == PROBE_OK, xattrs);
	probe_whiteout(ns_scratch_fd, ns_scratch, &p);
	check_form(&p);
	ck_assert_int_eq(p.status == PROBE_OK, nodes);
	ck_assert(is_empty(ns_scratch_fd));
}
END_TEST

/* /proc takes no files. */
START_TEST(file_system_that_takes_nothing)
{
	struct probe_result p;
	const int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	probe_user_xattr(proc, "/proc", &p);
	check_form(&p);
	ck_assert_int_ne(p.status, PROBE_OK);
	probe_whiteout(proc, "/proc", &p);
	check_form(&p);
	ck_assert_int_ne(p.status, PROBE_OK);
	ck_assert_ptr_nonnull(strstr(p.detail, "/proc"));
	probe_kernel_overlay(proc, "/proc", &p);
	check_form(&p);
	ck_assert_int_ne(p.status, PROBE_OK);
	close(proc);
}
END_TEST

static int without_namespaces(void *ctx, struct err *err)
{
	struct probe_result p;

	(void)ctx;
	ns_want(ns_write(AT_FDCWD, "/proc/sys/user/max_user_namespaces", "0") == 0);
	probe_user_namespace(&p);
	ns_want(p.status == PROBE_FAIL);
	ns_want(strstr(p.detail, "cannot make a new user namespace"));
	ns_want(strstr(p.remedy, "as root: sysctl -w user.max_user_namespaces="));
	probe_kernel_overlay(ns_scratch_fd, ns_scratch, &p);
	ns_want(p.status == PROBE_WARN && p.remedy[0] != '\0');
	probe_proc(&p);
	ns_want(p.status == PROBE_WARN && p.remedy[0] != '\0');
	return 0;
}

START_TEST(no_user_namespace)
{
	ns_inside(0, without_namespaces, NULL);
	ck_assert(is_empty(ns_scratch_fd));
}
END_TEST

/* Nobody's PATH leads to it: nothing is tried, and nothing left behind. */
START_TEST(no_fusermount)
{
	struct probe_result p;

	ck_assert_int_eq(setenv("PATH", ns_scratch, 1), 0);
	probe_fusermount(ns_scratch_fd, ns_scratch, &p);
	check_form(&p);
	ck_assert_int_eq(p.status, PROBE_WARN);
	ck_assert_ptr_nonnull(strstr(p.detail, "fusermount3"));
	ck_assert_ptr_nonnull(strstr(p.remedy, "apt-get install fuse3"));
	ck_assert(is_empty(ns_scratch_fd));
}
END_TEST

static int fuse_mount(void *ctx, struct err *err)
{
	_cleanup_fd_ int target = open(ns_scratch, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int fuse = -1;
	struct stat st;
	int r;

	(void)ctx;
	if (access("/dev/fuse", R_OK | W_OK) < 0)
		return 0;
	fuse = mount_fuse(target, ns_scratch, err);
	if (fuse < 0)
		return fuse;
	ns_want(fcntl(fuse, F_GETFD) & FD_CLOEXEC);
	ns_want(fusermount_is_mounted(ns_scratch, "strake"));
	ns_want(!fusermount_is_mounted(ns_scratch, "other"));
	ns_want(!fusermount_is_mounted("/proc", "strake"));
	/* nobody answers, and with nobody left who could, nobody waits */
	fd_closep(&fuse);
	ns_want(stat(ns_scratch, &st) < 0 && errno == ENOTCONN);
	r = fusermount_unmount(ns_scratch, false, err);
	if (r < 0)
		return r;
	ns_want(!fusermount_is_mounted(ns_scratch, "strake"));
	ns_want(fusermount_unmount(ns_scratch, false, err) == -EINVAL);
	return 0;
}

START_TEST(fuse_in_a_namespace)
{
	ns_inside(CLONE_NEWNS, fuse_mount, NULL);
}
END_TEST

static int masked_proc(void *ctx, struct err *err)
{
	struct probe_result p;

	(void)ctx;
	ns_want(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	ns_want(mount("tmpfs", "/proc/sys", "tmpfs", MS_RDONLY, NULL) == 0);
	probe_proc(&p);
	ns_want(p.status == PROBE_WARN);
	ns_want(strstr(p.detail, "/proc is refused"));
	ns_want(strstr(p.remedy, "unmask=ALL"));
	return 0;
}

START_TEST(proc_with_masked_paths)
{
	ns_inside(CLONE_NEWNS, masked_proc, NULL);
}
END_TEST

TCase *ns_case_probe(void)
{
	TCase *c = tcase_create("probe");

	tcase_add_checked_fixture(c, ns_scratch_make, ns_scratch_remove);
	tcase_add_test(c, here);
	tcase_add_test(c, file_system);
	tcase_add_test(c, file_system_that_takes_nothing);
	tcase_add_test(c, no_user_namespace);
	tcase_add_test(c, proc_with_masked_paths);
	tcase_add_test(c, no_fusermount);
	tcase_add_test(c, fuse_in_a_namespace);
	return c;
}
