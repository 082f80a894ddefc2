/* The store's directories, where they are, and its leases. */
#include "store_test.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/blob.h"
#include "store/tag.h"

static void expect_located(const char *path, const char *expected)
{
	_cleanup_free_ char *found = NULL;

	ok(store_locate(path, &found, err));
	ck_assert_str_eq(found, expected);
}

START_TEST(locate)
{
	_cleanup_free_ char *cwd = NULL, *relative = NULL, *found = NULL;

	ck_assert_int_eq(chdir(store.path), 0);
	cwd = getcwd(NULL, 0);
	relative = xasprintf("%s/b", cwd);
	setenv("HOME", "/home/u", 1);
	unsetenv("XDG_DATA_HOME");
	unsetenv("STRAKE_STORE");
	expect_located(NULL, "/home/u/.local/share/strake");
	setenv("XDG_DATA_HOME", "relative/is/ignored", 1);
	expect_located(NULL, "/home/u/.local/share/strake");
	setenv("XDG_DATA_HOME", "/data//x/", 1);
	expect_located(NULL, "/data/x/strake");
	setenv("STRAKE_STORE", "", 1);
	expect_located(NULL, "/data/x/strake");
	setenv("STRAKE_STORE", "/s/./t/../u", 1);
	expect_located(NULL, "/s/u");
	expect_located("/given", "/given");
	expect_located("a/../b", relative);
	setenv("STRAKE_STORE", "b", 1);
	expect_located(NULL, relative);
	fails(store_locate("", &found, err), EINVAL, "empty");
	ck_assert_ptr_null(found);
}
END_TEST

START_TEST(locate_without_home)
{
	_cleanup_free_ char *found = NULL;
	struct err err = ERR_INIT;

	unsetenv("HOME");
	unsetenv("XDG_DATA_HOME");
	unsetenv("STRAKE_STORE");
	/* The passwd entry, or an error that says what to do where there is none. */
	if (store_locate(NULL, &found, &err) == 0) {
		ck_assert(found[0] == '/');
		ck_assert(str_ends(found, "/.local/share/strake"));
	} else {
		ck_assert_ptr_nonnull(strstr(err.msg, "STRAKE_STORE"));
	}
}
END_TEST

static mode_t mode_of(const char *name)
{
	struct stat st;

	ck_assert_int_eq(fstatat(store.root, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode & 07777;
}

START_TEST(first_layout)
{
	_cleanup_free_ char *layout = read_text(store.root, "oci-layout");
	_cleanup_free_ char *index = read_text(store.root, "index.json");

	ck_assert_str_eq(layout, "{\"imageLayoutVersion\":\"1.0.0\"}");
	ck_assert_ptr_nonnull(strstr(index, "\"manifests\":[]"));
	ck_assert_int_eq(mode_of("cache"), 0700);
	ck_assert_int_eq(mode_of("containers"), 0700);
	ck_assert_int_eq(mode_of("uploads"), 0700);
	ck_assert(exists(store.blobs, "../../blobs/sha256"));
	ck_assert(exists(store.cache, "layers") && exists(store.cache, "tmp"));
}
END_TEST

START_TEST(new_root_is_private)
{
	_cleanup_free_ char *path = xasprintf("%s/cache/a/b", store.path);
	_cleanup_store_ struct store other = STORE_INIT;

	umask(0);
	ok(store_open(path, &other, err));
	ck_assert_int_eq(mode_of("cache/a/b"), 0700);
	ck_assert_str_eq(other.path, path);
}
END_TEST

START_TEST(modes_are_repaired)
{
	_cleanup_store_ struct store again = STORE_INIT;

	ck_assert_int_eq(fchmod(store.root, 0755), 0);
	ck_assert_int_eq(fchmod(store.cache, 0755), 0);
	ck_assert_int_eq(fchmod(store.uploads, 0777), 0);
	ck_assert_int_eq(fchmod(store.containers, 0711), 0);
	ok(store_open(store.path, &again, err));
	ck_assert_int_eq(mode_of("."), 0755);
	ck_assert_int_eq(mode_of("cache"), 0700);
	ck_assert_int_eq(mode_of("uploads"), 0700);
	ck_assert_int_eq(mode_of("containers"), 0700);
}
END_TEST

START_TEST(not_mine)
{
	_cleanup_store_ struct store again = STORE_INIT;

	if (geteuid() != 0) {
		fails(store_open("/", &again, err), EPERM, "belongs to user 0");
		return;
	}
	ck_assert_int_eq(fchown(store.uploads, 12345, 12345), 0);
	fails(store_open(store.path, &again, err), EPERM, "uploads");
	ck_assert_int_eq(fchown(store.root, 12345, 12345), 0);
	fails(store_open(store.path, &again, err), EPERM, "belongs to user 12345, not to 0");
	ck_assert_int_eq(again.root, -1);
}
END_TEST

START_TEST(not_a_store)
{
	_cleanup_free_ char *path = xasprintf("%s/cache/home", store.path);
	_cleanup_free_ char *file = xasprintf("%s/index.json", store.path);
	_cleanup_store_ struct store other = STORE_INIT;

	write_text(store.cache, "home/lost+found", "");
	write_text(store.cache, "home/.hidden", "");
	write_text(store.cache, "home/thesis.tex", "");
	fails(store_open(path, &other, err), ENOTEMPTY, "it has 'thesis.tex'");
	ck_assert(!exists(store.cache, "home/blobs"));
	ck_assert_int_eq(unlinkat(store.cache, "home/thesis.tex", 0), 0);
	ok(store_open(path, &other, err));
	store_close(&other);
	fails(store_open(file, &other, err), ENOTDIR, "index.json");
}
END_TEST

START_TEST(symlink_to_store)
{
	_cleanup_free_ char *path = xasprintf("%s/cache/link", store.path);
	_cleanup_store_ struct store other = STORE_INIT;

	ck_assert_int_eq(symlinkat(store.path, store.cache, "link"), 0);
	ok(store_open(path, &other, err));
	/* The store itself may be elsewhere; its parts may not. */
	store_close(&other);
	ck_assert_int_eq(unlinkat(store.root, "uploads", AT_REMOVEDIR), 0);
	ck_assert_int_eq(symlinkat("/tmp", store.root, "uploads"), 0);
	ck_assert_int_lt(store_open(path, &other, NULL), 0);
}
END_TEST

START_TEST(lost_index_is_not_made_again)
{
	_cleanup_store_ struct store again = STORE_INIT;
	struct tags tags;

	ck_assert_int_eq(unlinkat(store.root, "index.json", 0), 0);
	ok(store_open(store.path, &again, err));
	fails(tags_read(&again, &tags, err), ENOENT, "index.json");
	ck_assert(!exists(store.root, "index.json"));
}
END_TEST

START_TEST(opened_by_many_at_once)
{
	_cleanup_free_ char *path = xasprintf("%s/cache/new/store", store.path);
	_cleanup_store_ struct store other = STORE_INIT;
	pid_t pids[16];

	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			struct err err = ERR_INIT;

			if (store_open(path, &other, &err) < 0)
				fprintf(stderr, "%s\n", err.msg);
			_exit(err.code != 0);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		ck_assert_int_eq(finish(pids[i]), 0);
	ok(store_open(path, &other, err));
	ck_assert_uint_eq(count_names(other.root), 7); /* no temporary file stays */
}
END_TEST

/* ---- leases */

static int lease(enum store_lease kind)
{
	int fd = -1;

	ok(fd = store_lease(&store, kind, false, err));
	return fd;
}

START_TEST(leases)
{
	_cleanup_fd_ int a = lease(STORE_SHARED), b = lease(STORE_SHARED), c = -1;

	fails(store_lease(&store, STORE_EXCLUSIVE, false, err), EAGAIN, "in use");
	fd_closep(&a);
	fails(store_lease(&store, STORE_EXCLUSIVE, false, err), EAGAIN, store.path);
	fd_closep(&b);
	c = lease(STORE_EXCLUSIVE);
	fails(store_lease(&store, STORE_SHARED, false, err), EAGAIN, "in use");
	fails(store_lease(&store, STORE_EXCLUSIVE, false, err), EAGAIN, "in use");
	/* Tags are another lock of the same file. */
	fails(tag_remove(&store, "x", err), ENOENT, "no such image");
}
END_TEST

static void hold_lease(int ready)
{
	if (store_lease(&store, STORE_EXCLUSIVE, true, NULL) < 0)
		_exit(1);
	ready_and_wait_for_kill(ready);
}

START_TEST(lease_dies_with_its_process)
{
	_cleanup_fd_ int fd = -1;
	pid_t pid = start(hold_lease);

	fails(store_lease(&store, STORE_SHARED, false, err), EAGAIN, "in use");
	kill(pid, SIGKILL);
	ck_assert_int_eq(finish(pid), 128 + SIGKILL);
	fd = lease(STORE_EXCLUSIVE);
}
END_TEST

static void hold_lease_a_while(int ready)
{
	int fd = store_lease(&store, STORE_SHARED, true, NULL);

	if (fd < 0 || write(ready, "", 1) != 1)
		_exit(1);
	usleep(100000);
	write_text(store.root, "cache/released", "");
	close(fd);
}

START_TEST(lease_is_waited_for)
{
	_cleanup_fd_ int fd = -1;
	pid_t pid = start(hold_lease_a_while);

	ok(fd = store_lease(&store, STORE_EXCLUSIVE, true, err));
	ck_assert(exists(store.cache, "released"));
	ck_assert_int_eq(finish(pid), 0);
}
END_TEST

static void reset_meanwhile(int ready)
{
	int fd = store_lease(&store, STORE_EXCLUSIVE, true, NULL);

	if (fd < 0 || write(ready, "", 1) != 1)
		_exit(1);
	usleep(100000);
	unlinkat(store.root, "lock", 0);
	close(fd);
}

START_TEST(lease_of_a_removed_store)
{
	pid_t pid = start(reset_meanwhile);

	fails(store_lease(&store, STORE_SHARED, true, err), ESTALE, "was removed meanwhile");
	ck_assert_int_eq(finish(pid), 0);
}
END_TEST

/* fcntl(F_OFD_SETLK...) fails as on a file system mounted without locks. */
static void no_locks(int ready)
{
	const struct scmp_arg_cmp try_lock = {1, SCMP_CMP_EQ, F_OFD_SETLK, 0};
	const struct scmp_arg_cmp wait_lock = {1, SCMP_CMP_EQ, F_OFD_SETLKW, 0};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	const struct digest digest = digest_of("x");
	struct blob_claim claim;

	(void)ready;
	ck_assert_ptr_nonnull(filter);
	ck_assert_int_eq(seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(ENOLCK), SCMP_SYS(fcntl), 1,
						&try_lock),
			 0);
	ck_assert_int_eq(seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(fcntl), 1,
						&wait_lock),
			 0);
	ck_assert_int_eq(seccomp_load(filter), 0);
	seccomp_release(filter);
	fails(store_lease(&store, STORE_SHARED, false, err), ENOLCK, "takes no lock");
	fails(store_lease(&store, STORE_SHARED, true, err), ENOSYS, "--store or STRAKE_STORE");
	fails(blob_claim(&store, &digest, &claim, err), ENOLCK, "Lustre: -o flock");
	fails(tag_remove(&store, "x", err), ENOSYS, "takes no lock");
}

START_TEST(file_system_without_locks)
{
	ck_assert_int_eq(finish(start(no_locks)), 0);
}
END_TEST

static TCase *case_open(void)
{
	TCase *tc = tcase_create("open");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, locate);
	tcase_add_test(tc, locate_without_home);
	tcase_add_test(tc, first_layout);
	tcase_add_test(tc, new_root_is_private);
	tcase_add_test(tc, modes_are_repaired);
	tcase_add_test(tc, not_mine);
	tcase_add_test(tc, not_a_store);
	tcase_add_test(tc, symlink_to_store);
	tcase_add_test(tc, lost_index_is_not_made_again);
	tcase_add_test(tc, opened_by_many_at_once);
	return tc;
}

static TCase *case_lease(void)
{
	TCase *tc = tcase_create("lease");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, leases);
	tcase_add_test(tc, lease_dies_with_its_process);
	tcase_add_test(tc, lease_is_waited_for);
	tcase_add_test(tc, lease_of_a_removed_store);
	tcase_add_test(tc, file_system_without_locks);
	return tc;
}

int main(void)
{
	Suite *suite = suite_create("store");

	suite_add_tcase(suite, case_open());
	suite_add_tcase(suite, case_lease());
	suite_add_tcase(suite, case_blob());
	suite_add_tcase(suite, case_scratch());
	suite_add_tcase(suite, case_tag());
	suite_add_tcase(suite, case_gc());
	suite_add_tcase(suite, case_image());
	return unit_run(suite);
}
