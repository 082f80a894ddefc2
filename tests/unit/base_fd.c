/* fd: reading, writing, publishing, directories; xattr. */
#include "base.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/xattr.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(close_keeps_errno)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), given;
	DIR *dir = fdopendir(fcntl(tmp, F_DUPFD_CLOEXEC, 3));

	errno = ENOTTY;
	given = steal_fd(&fd);
	ck_assert_int_eq(fd, -1);
	fd = given;
	fd_closep(&fd);
	ck_assert_int_eq(fd, -1);
	fd_closep(&fd);
	ck_assert_int_eq(fcntl(given, F_GETFD), -1);
	errno = ENOTTY;
	fd_closedirp(&dir);
	ck_assert_ptr_null(dir);
	fd_closedirp(&dir);
	ck_assert_int_eq(errno, ENOTTY);
}
END_TEST

static void on_signal(int sig)
{
	(void)sig;
}

static void *write_much(void *arg)
{
	_cleanup_free_ char *bytes = xcalloc(1, 1 << 20);

	return (void *)(intptr_t)fd_write_all(*(int *)arg, bytes, 1 << 20);
}

/* A pipe takes 64 KiB at once, and signals without SA_RESTART interrupt both sides. */
START_TEST(short_and_interrupted)
{
	const struct sigaction action = {.sa_handler = on_signal};
	_cleanup_free_ char *bytes = xmalloc(1 << 20);
	int fds[2];
	pthread_t writer;
	void *r;

	ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(pthread_create(&writer, NULL, write_much, &fds[1]), 0);
	for (int i = 0; i < 20; i++) {
		usleep(1000);
		pthread_kill(writer, SIGUSR1);
		ck_assert_int_eq(fd_read_full(fds[0], bytes, 4000), 4000);
	}
	ck_assert_int_eq(fd_read_full(fds[0], bytes, (1 << 20) - 80000), (1 << 20) - 80000);
	ck_assert_int_eq(pthread_join(writer, &r), 0);
	ck_assert_int_eq((int)(intptr_t)r, 0);
	ck_assert_int_eq(fd_write_all(fds[1], "abc", 3), 0);
	close(fds[1]);
	ck_assert_int_eq(fd_read_full(fds[0], bytes, 100), 3);
	ck_assert_int_eq(fd_read_full(fds[0], bytes, 100), 0);
	close(fds[0]);
	ck_assert_int_eq(fd_read_full(fds[0], bytes, 100), -EBADF);
	ck_assert_int_eq(fd_write_all(fds[1], "abc", 3), -EBADF);
	ck_assert_int_eq(fd_pwrite_all(fds[1], "abc", 3, 0), -EBADF);
}
END_TEST

START_TEST(disk_full)
{
	_cleanup_fd_ int fd = open("/dev/full", O_RDWR | O_CLOEXEC);

	ck_assert_int_eq(fd_write_all(fd, "x", 1), -ENOSPC);
	ck_assert_int_eq(fd_pwrite_all(fd, "x", 1, 0), -ENOSPC);
}
END_TEST

START_TEST(at_offsets)
{
	_cleanup_fd_ int fd = openat(tmp, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	_cleanup_free_ char *text = NULL;
	size_t len;

	ck_assert_int_eq(fd_pwrite_all(fd, "cd", 2, 2), 0);
	ck_assert_int_eq(fd_pwrite_all(fd, "ab", 2, 0), 0);
	ck_assert_int_eq(fd_slurp(fd, 4, &text, &len, NULL), 0);
	ck_assert_str_eq(text, "abcd");
	ck_assert_uint_eq(len, 4);
}
END_TEST

START_TEST(whole_files)
{
	struct err err = ERR_INIT;
	char *text = NULL;
	size_t len = 0;

	make_file(tmp, "f", "12345");
	make_file(tmp, "empty", "");
	make_link(tmp, "link", "f");
	ck_assert_int_eq(fd_read_file(tmp, "f", 5, &text, &len, &err), 0);
	ck_assert_str_eq(text, "12345");
	ck_assert_uint_eq(len, 5);
	freep(&text);
	ck_assert_int_eq(fd_read_file(tmp, "empty", 0, &text, NULL, &err), 0);
	ck_assert_str_eq(text, "");
	freep(&text);
	ck_assert_int_eq(fd_read_file(tmp, "f", 4, &text, &len, &err), -EFBIG);
	ck_assert_str_eq(err.msg, "'f' is larger than 4 bytes");
	ck_assert_int_eq(fd_read_file(tmp, "f", 0, &text, &len, &err), -EFBIG);
	ck_assert_int_eq(fd_read_file(tmp, "link", 9, &text, &len, &err), -ELOOP);
	ck_assert_int_eq(fd_read_file(tmp, "none", 9, &text, &len, &err), -ENOENT);
	ck_assert_str_eq(err.msg, "cannot open 'none': No such file or directory");
	ck_assert_int_eq(fd_read_file(tmp, ".", 9, &text, &len, &err), -EISDIR);
	/* would wait for a writer for ever */
	ck_assert_int_eq(mkfifoat(tmp, "fifo", 0600), 0);
	ck_assert_int_eq(fd_read_file(tmp, "fifo", 9, &text, &len, &err), -EINVAL);
	ck_assert_str_eq(err.msg, "cannot read 'fifo': not a regular file");
	ck_assert_ptr_null(text);
	/* a file that says it is empty */
	ck_assert_int_eq(fd_read_file(AT_FDCWD, "/proc/self/status", 1 << 16, &text, &len, &err),
			 0);
	ck_assert_uint_gt(len, 100);
	freep(&text);
	ck_assert_int_eq(fd_read_file(AT_FDCWD, "/proc/self/status", 10, &text, &len, &err),
			 -EFBIG);
}
END_TEST

START_TEST(from_a_pipe)
{
	_cleanup_free_ char *bytes = xcalloc(1, 20000);
	struct err err = ERR_INIT;
	char *text = NULL;
	size_t len = 0;
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(fd_write_all(fds[1], bytes, 20000), 0);
	close(fds[1]);
	ck_assert_int_eq(fd_slurp(fds[0], 20000, &text, &len, &err), 0);
	ck_assert_uint_eq(len, 20000);
	close(fds[0]);
	freep(&text);
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(fd_write_all(fds[1], bytes, 20000), 0);
	ck_assert_int_eq(fd_slurp(fds[0], 19999, &text, &len, &err), -EFBIG);
	close(fds[0]);
	close(fds[1]);
	ck_assert_int_eq(fd_slurp(fds[0], 9, &text, &len, &err), -EBADF);
	ck_assert_ptr_null(text);
}
END_TEST

START_TEST(published)
{
	_cleanup_free_ char *text = NULL;
	struct err err = ERR_INIT;
	struct stat st;

	umask(077);
	make_dir(tmp, "d");
	ck_assert_int_eq(fd_write_file_atomic(tmp, "f", "one", 3, 0644, &err), 0);
	ck_assert_int_eq(fd_write_file_atomic(tmp, "f", "second", 6, 0666, &err), 0);
	ck_assert_int_eq(fstatat(tmp, "f", &st, 0), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0666);
	ck_assert_int_eq(fd_read_file(tmp, "f", 9, &text, NULL, &err), 0);
	ck_assert_str_eq(text, "second");
	/* beside its name, so that the rename stays on one file system */
	ck_assert_int_eq(fd_write_file_atomic(tmp, "d/g", "", 0, 0600, &err), 0);
	ck_assert(is_there(tmp, "d/g"));
	ck_assert_int_eq(count_entries(tmp, "."), 2);
	ck_assert_int_eq(count_entries(tmp, "d"), 1);
	/* a link is replaced, not followed */
	make_link(tmp, "link", "f");
	ck_assert_int_eq(fd_write_file_atomic(tmp, "link", "x", 1, 0600, &err), 0);
	ck_assert_int_eq(fstatat(tmp, "link", &st, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert(S_ISREG(st.st_mode));
	ck_assert_int_eq(fstatat(tmp, "f", &st, 0), 0);
	ck_assert_int_eq(st.st_size, 6);
}
END_TEST

START_TEST(published_by_path)
{
	_cleanup_free_ char *path = xasprintf("%s/abs", tmp_path);

	ck_assert_int_eq(fd_write_file_atomic(AT_FDCWD, path, "x", 1, 0600, NULL), 0);
	ck_assert(is_there(tmp, "abs"));
	ck_assert_int_eq(chdir(tmp_path), 0);
	ck_assert_int_eq(fd_write_file_atomic(AT_FDCWD, "rel", "x", 1, 0600, NULL), 0);
	ck_assert(is_there(tmp, "rel"));
}
END_TEST

START_TEST(not_published)
{
	const struct rlimit limit = {.rlim_cur = 4096, .rlim_max = RLIM_INFINITY};
	_cleanup_free_ char *text = NULL, *big = xcalloc(1, 8192);
	struct err err = ERR_INIT;

	make_dir(tmp, "dir");
	make_file(tmp, "old", "old");
	ck_assert_int_eq(fd_write_file_atomic(tmp, "dir", "x", 1, 0600, &err), -EISDIR);
	ck_assert_str_eq(err.msg, "cannot write 'dir': Is a directory");
	ck_assert_int_eq(fd_write_file_atomic(tmp, "none/x", "x", 1, 0600, &err), -ENOENT);
	/* stands for a full disk */
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_eq(fd_write_file_atomic(tmp, "old", big, 8192, 0600, &err), -EFBIG);
	ck_assert_int_eq(fd_read_file(tmp, "old", 9, &text, NULL, &err), 0);
	ck_assert_str_eq(text, "old");
	ck_assert_int_eq(count_entries(tmp, "."), 2);
}
END_TEST

START_TEST(parents)
{
	_cleanup_free_ char *path = xasprintf("%s//x/y/", tmp_path);
	struct err err = ERR_INIT;
	struct stat st;

	ck_assert_int_eq(fd_mkdir_p(tmp, "a", 0700, &err), 0);
	ck_assert_int_eq(fd_mkdir_p(tmp, "a/b//c/", 0700, &err), 0);
	ck_assert_int_eq(fd_mkdir_p(tmp, "a/b/c", 0700, &err), 0);
	ck_assert_int_eq(fd_mkdir_p(AT_FDCWD, path, 0700, &err), 0);
	ck_assert_int_eq(fstatat(tmp, "x/y", &st, 0), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0700);
	make_link(tmp, "link", "a");
	ck_assert_int_eq(fd_mkdir_p(tmp, "link/d/e", 0700, &err), 0);
	ck_assert(is_there(tmp, "a/d/e"));
	ck_assert_int_eq(fd_mkdir_p(tmp, "link", 0700, &err), 0);
	ck_assert_int_eq(fd_mkdir_p(AT_FDCWD, "/", 0700, &err), 0);
	ck_assert_int_eq(fd_mkdir_p(tmp, ".", 0700, &err), 0);

	make_file(tmp, "f", "");
	ck_assert_int_eq(fd_mkdir_p(tmp, "f", 0700, &err), -ENOTDIR);
	ck_assert_int_eq(fd_mkdir_p(tmp, "f/g", 0700, &err), -ENOTDIR);
	ck_assert_int_eq(fd_mkdir_p(tmp, "n/f/../../f/h", 0700, &err), -ENOTDIR);
	make_link(tmp, "dangling", "none");
	ck_assert_int_lt(fd_mkdir_p(tmp, "dangling", 0700, &err), 0);
	ck_assert_int_lt(fd_mkdir_p(tmp, "dangling/x", 0700, &err), 0);
	ck_assert_int_eq(fd_mkdir_p(tmp, "", 0700, &err), -ENOENT);
	ck_assert(!is_there(tmp, "none"));
}
END_TEST

START_TEST(private_dirs)
{
	struct err err = ERR_INIT;
	struct stat st;
	int fd;

	become_ordinary();
	umask(0);
	fd = fd_open_private_dir(tmp, "new", &err);
	ck_assert_msg(fd >= 0, "%s", err.msg);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0700);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	for (mode_t mode = 0; mode <= 0777; mode += 0333) {
		ck_assert_int_eq(fchmodat(tmp, "new", mode, 0), 0);
		fd = fd_open_private_dir(tmp, "new", &err);
		ck_assert_msg(fd >= 0, "%s", err.msg);
		ck_assert_int_eq(fstat(fd, &st), 0);
		ck_assert_int_eq(st.st_mode & 07777, 0700);
		close(fd);
	}
	make_dir(tmp, "other");
	make_link(tmp, "link", "other");
	make_file(tmp, "f", "");
	ck_assert_int_lt(fd_open_private_dir(tmp, "link", &err), 0);
	ck_assert_int_eq(fstatat(tmp, "other", &st, 0), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0755);
	ck_assert_int_eq(fd_open_private_dir(tmp, "f", &err), -ENOTDIR);
	ck_assert_int_eq(fd_open_private_dir(tmp, "none/x", &err), -ENOENT);
	/* somebody else's */
	ck_assert_int_eq(fd_open_private_dir(AT_FDCWD, "/usr", &err), -EPERM);
	ck_assert_str_eq(err.msg, "directory '/usr' belongs to user 0, not to you");
}
END_TEST

START_TEST(copying)
{
	_cleanup_free_ char *bytes = xmalloc(300000), *back = NULL;
	_cleanup_fd_ int src = openat(tmp, "src", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	_cleanup_fd_ int dst = openat(tmp, "dst", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	_cleanup_fd_ int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	_cleanup_fd_ int status = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	size_t len;

	for (int i = 0; i < 300000; i++)
		bytes[i] = (char)(i * 7 + i / 251);
	ck_assert_int_eq(fd_write_all(src, bytes, 300000), 0);
	ck_assert_int_eq(lseek(src, 100, SEEK_SET), 100);
	ck_assert_int_eq(fd_copy(dst, src), 299900);
	ck_assert_int_eq(lseek(dst, 0, SEEK_SET), 0);
	ck_assert_int_eq(fd_slurp(dst, 1 << 20, &back, &len, NULL), 0);
	ck_assert_uint_eq(len, 299900);
	ck_assert_int_eq(memcmp(back, bytes + 100, len), 0);
	ck_assert_int_eq(fd_copy(dst, src), 0);
	/* a size of 0 that is not true, and another file system */
	ck_assert_int_gt(fd_copy(dst, status), 100);
	ck_assert_int_eq(lseek(src, 0, SEEK_SET), 0);
	ck_assert_int_eq(fd_copy(full, src), -ENOSPC);
	ck_assert_int_eq(lseek(src, 0, SEEK_SET), 0);
	fd_closep(&dst);
	ck_assert_int_eq(fd_copy(dst, src), -EBADF);
}
END_TEST

/* Where copy_file_range refuses: append mode, pipes. */
START_TEST(copying_by_hand)
{
	_cleanup_fd_ int dst = openat(tmp, "dst", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	_cleanup_free_ char *text = NULL;
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(fd_write_all(fds[1], "piped", 5), 0);
	close(fds[1]);
	ck_assert_int_eq(fd_copy(dst, fds[0]), 5);
	close(fds[0]);
	ck_assert_int_eq(fd_read_file(tmp, "dst", 9, &text, NULL, NULL), 0);
	ck_assert_str_eq(text, "piped");
}
END_TEST

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* Closed by an exec. */
static bool is_marked(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	ck_assert_int_ge(flags, 0);
	return flags & FD_CLOEXEC;
}

START_TEST(marking_many)
{
	if (_i)
		setenv("STRAKE_NO_CLOSE_RANGE", "1", 1);
	/* dup2: others may be open there, inherited */
	for (int i = 50; i < 400; i++)
		ck_assert_int_eq(dup2(tmp, i), i);
	ck_assert_int_eq(fd_cloexec_from(100), 0);
	ck_assert(!is_marked(50) && !is_marked(99) && is_marked(100) && is_marked(250) &&
		  is_marked(399));
	ck_assert_int_eq(fd_cloexec_from(50), 0);
	ck_assert(is_marked(50) && is_marked(99) && !is_marked(0));
}
END_TEST

START_TEST(close_on_exec)
{
	int fd = fcntl(tmp, F_DUPFD, 10);

	ck_assert_int_eq(fd_set_cloexec(fd, true), 0);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(fd_set_cloexec(fd, false), 0);
	ck_assert(!(fcntl(fd, F_GETFD) & FD_CLOEXEC));
	close(fd);
	ck_assert_int_eq(fd_set_cloexec(fd, true), -EBADF);
}
END_TEST

/* In a child: the test's own 0..2 stay. */
START_TEST(standard_descriptors)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct stat a, b;
		int fd;

		close(0);
		fd = fd_above_stdio(open("/dev/zero", O_RDONLY));
		if (fd < 3 || is_open(0) || !(fcntl(fd, F_GETFD) & FD_CLOEXEC))
			_exit(1);
		if (fd_above_stdio(fd) != fd || fd_above_stdio(-1) != -1)
			_exit(2);
		close(2);
		fd_guard_stdio();
		if (fstat(0, &a) < 0 || fstat(2, &b) < 0 || a.st_rdev != b.st_rdev)
			_exit(3);
		if (write(2, "x", 1) != 1 || read(0, &a, 1) != 0 || !is_open(1))
			_exit(4);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

TCase *base_fd(void)
{
	TCase *tc = tmp_case("fd");

	tcase_add_test(tc, close_keeps_errno);
	tcase_add_test(tc, short_and_interrupted);
	tcase_add_test(tc, disk_full);
	tcase_add_test(tc, at_offsets);
	tcase_add_test(tc, whole_files);
	tcase_add_test(tc, from_a_pipe);
	tcase_add_test(tc, published);
	tcase_add_test(tc, published_by_path);
	tcase_add_test(tc, not_published);
	tcase_add_test(tc, parents);
	tcase_add_test(tc, private_dirs);
	tcase_add_test(tc, copying);
	tcase_add_test(tc, copying_by_hand);
	tcase_add_loop_test(tc, marking_many, 0, 2);
	tcase_add_test(tc, close_on_exec);
	tcase_add_test(tc, standard_descriptors);
	return tc;
}

/* user.* xattrs on a file system that has them, by both kinds of descriptor. */
START_TEST(both_kinds)
{
	_cleanup_fd_ int fd = -1, path_fd = -1;
	char value[8];
	int r;

	make_file(tmp, "f", "");
	fd = openat(tmp, "f", O_RDONLY | O_CLOEXEC);
	path_fd = openat(tmp, "f", O_PATH | O_CLOEXEC);
	r = xattr_set(fd, "user.strake.test", "abc", 3);
	if (r == -ENOTSUP) {
		fprintf(stderr, "skipped: /tmp has no user xattrs\n");
		ck_assert_int_eq(xattr_set(path_fd, "user.strake.test", "abc", 3), -ENOTSUP);
		return;
	}
	ck_assert_int_eq(r, 0);
	ck_assert_int_eq(xattr_get(path_fd, "user.strake.test", value, sizeof(value)), 3);
	ck_assert_int_eq(memcmp(value, "abc", 3), 0);
	ck_assert_int_eq(xattr_get(fd, "user.strake.test", NULL, 0), 3);
	ck_assert_int_eq(xattr_get(fd, "user.strake.test", value, 2), -ERANGE);
	ck_assert_int_eq(xattr_get(path_fd, "user.strake.test", value, 2), -ERANGE);
	ck_assert_int_eq(xattr_set(path_fd, "user.strake.test", "defg", 4), 0);
	ck_assert_int_eq(xattr_get(fd, "user.strake.test", value, sizeof(value)), 4);
	ck_assert_int_eq(xattr_remove(path_fd, "user.strake.test"), 0);
	ck_assert_int_eq(xattr_get(fd, "user.strake.test", value, sizeof(value)), -ENODATA);
	ck_assert_int_eq(xattr_get(path_fd, "user.strake.test", value, sizeof(value)), -ENODATA);
	ck_assert_int_eq(xattr_remove(fd, "user.strake.test"), -ENODATA);
	ck_assert_int_eq(xattr_remove(path_fd, "user.strake.test"), -ENODATA);
	ck_assert_int_eq(xattr_set(fd, "nonsense", "", 0), -ENOTSUP);
}
END_TEST

/* user.* is not allowed on a symlink; the file behind it must not get it instead. */
START_TEST(of_a_symlink)
{
	_cleanup_fd_ int link_fd = -1, fd = -1;

	make_file(tmp, "f", "");
	make_link(tmp, "link", "f");
	fd = openat(tmp, "f", O_RDONLY | O_CLOEXEC);
	link_fd = openat(tmp, "link", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	ck_assert_int_lt(xattr_set(link_fd, "user.strake.test", "x", 1), 0);
	ck_assert_int_lt(xattr_get(fd, "user.strake.test", NULL, 0), 0);
	fd_closep(&fd);
	ck_assert_int_lt(xattr_set(fd, "user.strake.test", "x", 1), 0);
}
END_TEST

TCase *base_xattr(void)
{
	TCase *tc = tmp_case("xattr");

	tcase_add_test(tc, both_kinds);
	tcase_add_test(tc, of_a_symlink);
	return tc;
}
