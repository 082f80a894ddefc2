/* The unit tests of base: the fixture they share, and main(). */
#include "base.h"
#include "unit.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOBODY 65534

int tmp = -1;
char tmp_path[64];

static int captured = -1, saved_stderr = -1;

void tmp_setup(void)
{
	snprintf(tmp_path, sizeof(tmp_path), "/tmp/strake-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(tmp_path));
	tmp = open(tmp_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(tmp, 0);
}

void tmp_teardown(void)
{
	struct err err = ERR_INIT;

	fd_closep(&tmp);
	ck_assert_msg(fd_remove_tree(AT_FDCWD, tmp_path, &err) == 0, "%s", err.msg);
}

TCase *tmp_case(const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, tmp_setup, tmp_teardown);
	tcase_set_timeout(tc, 120);
	return tc;
}

void make_dir(int dirfd, const char *path)
{
	ck_assert_msg(mkdirat(dirfd, path, 0755) == 0, "%s: %m", path);
}

void make_file(int dirfd, const char *path, const char *text)
{
	_cleanup_fd_ int fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	ck_assert_msg(fd >= 0, "%s: %m", path);
	ck_assert_int_eq(fd_write_all(fd, text, strlen(text)), 0);
}

void make_link(int dirfd, const char *path, const char *target)
{
	ck_assert_msg(symlinkat(target, dirfd, path) == 0, "%s: %m", path);
}

bool is_there(int dirfd, const char *path)
{
	struct stat st;

	return fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int count_entries(int dirfd, const char *path)
{
	_cleanup_dir_ DIR *dir = fdopendir(openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	return n - 2;
}

void become_ordinary(void)
{
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(fchown(tmp, NOBODY, NOBODY), 0);
	ck_assert_int_eq(setresgid(NOBODY, NOBODY, NOBODY), 0);
	ck_assert_int_eq(setresuid(NOBODY, NOBODY, NOBODY), 0);
	/* /proc/self belongs to root in a process that is not dumpable */
	ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1), 0);
}

void capture_begin(void)
{
	fflush(stderr);
	saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	captured = openat(tmp, "stderr", O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	ck_assert_int_ge(dup2(captured, STDERR_FILENO), 0);
}

char *capture_end(void)
{
	char *text;

	fflush(stderr);
	ck_assert_int_ge(dup2(saved_stderr, STDERR_FILENO), 0);
	ck_assert_int_eq(lseek(captured, 0, SEEK_SET), 0);
	ck_assert_int_eq(fd_slurp(captured, 1 << 24, &text, NULL, NULL), 0);
	fd_closep(&captured);
	fd_closep(&saved_stderr);
	return text;
}

int main(void)
{
	TCase *(*const cases[])(void) = {
		base_err,  base_buf,	  base_str,    base_strv,      base_path,	 base_log,
		base_json, base_sha256,	  base_fd,     base_xattr,     base_tree,	 base_root,
		base_proc, base_progress, base_stream, base_root_race, base_root_closed,
	};
	Suite *suite = suite_create("base");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		suite_add_tcase(suite, cases[i]());
	return unit_run(suite);
}
