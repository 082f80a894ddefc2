/* root_open while another thread turns the tree about: whatever it opens lies inside the root. */
#include "base.h"

#include "base/fd.h"
#include "base/root_open.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RACE_MS 250

static int root = -1;
static atomic_bool stop;
static ino_t secret;

static void make_tree(void)
{
	struct stat st;

	make_dir(tmp, "outside");
	make_dir(tmp, "outside/sub");
	make_file(tmp, "outside/secret", "secret");
	make_file(tmp, "outside/sub/secret", "secret");
	make_dir(tmp, "root");
	make_dir(tmp, "root/a");
	make_dir(tmp, "root/a/b");
	make_dir(tmp, "root/a/b/c");
	make_file(tmp, "root/secret", "inside");
	make_file(tmp, "root/a/b/c/secret", "inside");
	make_link(tmp, "root/link", "../outside");
	make_link(tmp, "root/a/away", "/../../outside");
	ck_assert_int_eq(fstatat(tmp, "outside/secret", &st, 0), 0);
	secret = st.st_ino;
	root = openat(tmp, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* A directory and a link to the outside change places. */
static void *exchange(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop))
		renameat2(tmp, "root/a/b", tmp, "root/link", RENAME_EXCHANGE);
	return NULL;
}

/* A directory is moved out of the root, to where ".." would be the outside, and back. */
static void *move_out(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		renameat(tmp, "root/a/b", tmp, "outside/b");
		renameat(tmp, "outside/b", tmp, "root/a/b");
	}
	return NULL;
}

static bool time_is_up(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - start->tv_sec) * 1000 + (now.tv_nsec - start->tv_nsec) / 1000000 >
	       RACE_MS;
}

/* Opens path again and again. The thread may make it fail; it may not make it the secret. */
static void race(void *(*mover)(void *), const char *path, int way)
{
	struct timespec start;
	pthread_t thread;
	int opened = 0;

	make_tree();
	if (way)
		setenv("STRAKE_NO_OPENAT2", "1", 1);
	ck_assert_int_eq(pthread_create(&thread, NULL, mover, NULL), 0);
	clock_gettime(CLOCK_MONOTONIC, &start);
	/* a busy machine may not run the other thread for a while */
	while (!time_is_up(&start) || opened == 0) {
		_cleanup_fd_ int fd = root_open(root, path, O_RDONLY, 0);
		struct stat st;

		if (fd < 0) {
			ck_assert_msg(fd == -ENOENT || fd == -ELOOP || fd == -ENOTDIR, "%d", fd);
			continue;
		}
		ck_assert_int_eq(fstat(fd, &st), 0);
		ck_assert_uint_ne(st.st_ino, secret);
		opened++;
	}
	atomic_store(&stop, true);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	fd_closep(&root);
}

START_TEST(exchanged_for_a_link)
{
	race(exchange, "a/b/c/secret", _i);
}
END_TEST

START_TEST(up_from_a_moved_directory)
{
	race(move_out, "a/b/c/../../../secret", _i);
}
END_TEST

START_TEST(made_outside)
{
	struct timespec start;
	pthread_t thread;

	make_tree();
	if (_i)
		setenv("STRAKE_NO_OPENAT2", "1", 1);
	ck_assert_int_eq(pthread_create(&thread, NULL, exchange, NULL), 0);
	clock_gettime(CLOCK_MONOTONIC, &start);
	while (!time_is_up(&start)) {
		int fd = root_open(root, "a/b/made", O_WRONLY | O_CREAT, 0600);

		fd_closep(&fd);
		fd = root_mkdir_p(root, "a/b/made-dir/x", 0700);
		fd_closep(&fd);
		fd = root_touch(root, "a/away/touched", 0600);
		fd_closep(&fd);
	}
	atomic_store(&stop, true);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_eq(count_entries(tmp, "outside"), 2);
	fd_closep(&root);
}
END_TEST

TCase *base_root_race(void)
{
	TCase *tc = tmp_case("root race");

	tcase_add_loop_test(tc, exchanged_for_a_link, 0, 2);
	tcase_add_loop_test(tc, up_from_a_moved_directory, 0, 2);
	tcase_add_loop_test(tc, made_outside, 0, 2);
	return tc;
}
