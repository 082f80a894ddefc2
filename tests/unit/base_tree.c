/* fd_remove_tree: trees that were made to resist. */
#include "base.h"

#include "base/fd.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void removed(const char *name)
{
	struct err err = ERR_INIT;

	ck_assert_msg(fd_remove_tree(tmp, name, &err) == 0, "%s", err.msg);
	ck_assert(!is_there(tmp, name));
}

static int open_fds(void)
{
	return count_entries(AT_FDCWD, "/proc/self/fd");
}

START_TEST(plain_things)
{
	int before = open_fds();

	make_file(tmp, "outside", "");
	make_file(tmp, "f", "");
	make_link(tmp, "link", "outside");
	make_dir(tmp, "empty");
	ck_assert_int_eq(mkfifoat(tmp, "fifo", 0600), 0);
	removed("f");
	removed("link");
	removed("empty");
	removed("fifo");
	removed("never-was");
	ck_assert(is_there(tmp, "outside"));
	ck_assert_int_eq(open_fds(), before);
}
END_TEST

START_TEST(a_wide_tree)
{
	char name[64];
	int before = open_fds();

	make_dir(tmp, "t");
	make_dir(tmp, "keep");
	make_file(tmp, "keep/file", "");
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "t/d%d", i);
		make_dir(tmp, name);
		for (int j = 0; j < 100; j++) {
			snprintf(name, sizeof(name), "t/d%d/a-rather-long-name-%d", i, j);
			if (j % 10 == 0)
				make_dir(tmp, name);
			else if (j % 10 == 1)
				make_link(tmp, name, "../../keep");
			else
				make_file(tmp, name, "");
		}
	}
	removed("t");
	ck_assert(is_there(tmp, "keep/file"));
	ck_assert_int_eq(open_fds(), before);
}
END_TEST

/* A tree of `depth` levels; each also holds a file when files is set. */
static void make_deep(const char *name, int depth, bool files)
{
	int at = fcntl(tmp, F_DUPFD_CLOEXEC, 3);

	for (int i = 0; i < depth; i++) {
		const char *step = i == 0 ? name : "d";
		int next;

		ck_assert_int_eq(mkdirat(at, step, 0755), 0);
		if (files)
			close(openat(at, i == 0 ? "beside" : "f", O_WRONLY | O_CREAT, 0600));
		next = openat(at, step, O_PATH | O_DIRECTORY | O_CLOEXEC);
		ck_assert_int_ge(next, 0);
		close(at);
		at = next;
	}
	close(at);
}

/* In memory where there is such a file system: 100,000 directories take a disk a minute. */
START_TEST(a_deep_tree)
{
	const struct rlimit files = {.rlim_cur = 64, .rlim_max = 64};
	char shm[] = "/dev/shm/strake-unit-XXXXXX";
	struct err err = ERR_INIT;
	int disk = tmp;

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
	make_deep("deep", 3000, true);
	removed("deep");
	if (!mkdtemp(shm)) {
		fprintf(stderr, "skipped: no /dev/shm for a tree of 100000 levels: %m\n");
		return;
	}
	tmp = open(shm, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(tmp, 0);
	make_deep("deep", 100000, false);
	ck_assert_msg(fd_remove_tree(AT_FDCWD, shm, &err) == 0, "%s", err.msg);
	ck_assert(!is_there(AT_FDCWD, shm));
	close(tmp);
	tmp = disk;
}
END_TEST

START_TEST(closed_directories)
{
	become_ordinary();
	make_dir(tmp, "t");
	make_dir(tmp, "t/none");
	make_file(tmp, "t/none/f", "");
	make_dir(tmp, "t/read-only");
	make_dir(tmp, "t/read-only/sub");
	make_file(tmp, "t/read-only/sub/f", "");
	make_dir(tmp, "t/empty");
	ck_assert_int_eq(fchmodat(tmp, "t/none", 0, 0), 0);
	ck_assert_int_eq(fchmodat(tmp, "t/empty", 0, 0), 0);
	ck_assert_int_eq(fchmodat(tmp, "t/read-only/sub", 0400, 0), 0);
	ck_assert_int_eq(fchmodat(tmp, "t/read-only", 0500, 0), 0);
	ck_assert_int_eq(fchmodat(tmp, "t", 0, 0), 0);
	removed("t");
}
END_TEST

/* In a child, which cannot become root again. */
static int remove_as_ordinary(void)
{
	struct err err = ERR_INIT;
	int before, r;

	become_ordinary();
	before = open_fds();
	r = fd_remove_tree(tmp, "t", &err);
	if (r != -EACCES || err.code != EACCES)
		return 1;
	if (!strstr(err.msg, "in 't': Permission denied"))
		return 2;
	return open_fds() == before ? 0 : 3;
}

/* Something in the middle that belongs to another user: the rest goes, the error names it. */
START_TEST(what_cannot_be_removed)
{
	static const char *const ours[] = {"t", "t/a", "t/z", "t/z/y"};
	int status;
	pid_t pid;

	if (geteuid() != 0) {
		fprintf(stderr, "skipped: only root can make another user's directory\n");
		return;
	}
	make_dir(tmp, "t");
	make_dir(tmp, "t/theirs");
	make_file(tmp, "t/theirs/f", "");
	make_dir(tmp, "t/theirs/sub");
	make_file(tmp, "t/theirs/sub/g", "");
	for (size_t i = 1; i < sizeof(ours) / sizeof(ours[0]); i++)
		make_dir(tmp, ours[i]);
	make_file(tmp, "t/z/y/f", "");
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		ck_assert_int_eq(fchownat(tmp, ours[i], 65534, 65534, 0), 0);
	pid = fork();
	if (pid == 0)
		_exit(remove_as_ordinary());
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert(is_there(tmp, "t/theirs/f") && is_there(tmp, "t/theirs/sub/g"));
	ck_assert_int_eq(count_entries(tmp, "t"), 1);
}
END_TEST

static int remove_with_mount(bool at_top)
{
	struct err err = ERR_INIT;
	int r = fd_remove_tree(tmp, at_top ? "t/mnt" : "t", &err);

	if (r != -EBUSY || !is_there(tmp, "mine/thesis") || !is_there(tmp, "t/mnt/thesis"))
		return 1;
	return !at_top && is_there(tmp, "t/z/f");
}

/* A forgotten bind mount of the same file system: st_dev does not show it. */
START_TEST(bind_mounts)
{
	int status;
	pid_t pid;

	make_dir(tmp, "mine");
	make_file(tmp, "mine/thesis", "years of work");
	make_dir(tmp, "t");
	make_dir(tmp, "t/mnt");
	make_dir(tmp, "t/z");
	make_file(tmp, "t/z/f", "");
	pid = fork();
	if (pid == 0) {
		_cleanup_free_ char *from = xasprintf("%s/mine", tmp_path);
		_cleanup_free_ char *to = xasprintf("%s/t/mnt", tmp_path);

		if (unshare((geteuid() == 0 ? 0 : CLONE_NEWUSER) | CLONE_NEWNS) < 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount(from, to, NULL, MS_BIND, NULL) < 0)
			_exit(77);
		/* the descriptor of before is of the old mount namespace */
		close(tmp);
		tmp = open(tmp_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		_exit(remove_with_mount(true) ? 1 : remove_with_mount(false) ? 2 : 0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		fprintf(stderr, "skipped: no mount namespaces here\n");
	else
		ck_assert_int_eq(status, 0);
	ck_assert(is_there(tmp, "mine/thesis"));
}
END_TEST

static atomic_bool stop;

/* Turns directories of the tree into symlinks to "keep", and back. */
static void *swap(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		for (int i = 0; i < 20; i++) {
			char name[32];

			snprintf(name, sizeof(name), "t/d%d", i);
			renameat2(tmp, name, tmp, "swapped", RENAME_EXCHANGE);
		}
	}
	return NULL;
}

START_TEST(swapped_for_links)
{
	pthread_t thread;

	make_dir(tmp, "keep");
	make_file(tmp, "keep/f", "");
	make_dir(tmp, "keep/sub");
	make_link(tmp, "swapped", "../keep");
	ck_assert_int_eq(pthread_create(&thread, NULL, swap, NULL), 0);
	for (int round = 0; round < 100; round++) {
		make_dir(tmp, "t");
		for (int i = 0; i < 20; i++) {
			char name[32];

			snprintf(name, sizeof(name), "t/d%d", i);
			mkdirat(tmp, name, 0755);
			snprintf(name, sizeof(name), "t/d%d/f", i);
			close(openat(tmp, name, O_WRONLY | O_CREAT | O_NOFOLLOW, 0600));
		}
		while (fd_remove_tree(tmp, "t", NULL) < 0)
			;
	}
	atomic_store(&stop, true);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert(is_there(tmp, "keep/sub"));
}
END_TEST

static void *remove_too(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)fd_remove_tree(tmp, "t", NULL);
}

/* Two at once: what the other one took is no error. */
START_TEST(together)
{
	for (int round = 0; round < 20; round++) {
		pthread_t thread;
		char name[64];
		void *r;

		make_dir(tmp, "t");
		for (int i = 0; i < 30; i++) {
			snprintf(name, sizeof(name), "t/%d", i);
			make_dir(tmp, name);
			snprintf(name, sizeof(name), "t/%d/x", i);
			make_dir(tmp, name);
			snprintf(name, sizeof(name), "t/%d/x/f", i);
			make_file(tmp, name, "");
		}
		ck_assert_int_eq(pthread_create(&thread, NULL, remove_too, NULL), 0);
		removed("t");
		ck_assert_int_eq(pthread_join(thread, &r), 0);
		ck_assert_int_eq((int)(intptr_t)r, 0);
	}
}
END_TEST

START_TEST(bad_names)
{
	struct err err = ERR_INIT;

	make_file(tmp, "f", "");
	ck_assert_int_eq(fd_remove_tree(tmp, "f/x", &err), -ENOTDIR);
	ck_assert_str_eq(err.msg, "cannot remove 'f/x': Not a directory");
	ck_assert_int_lt(fd_remove_tree(-1, "f", &err), 0);
}
END_TEST

TCase *base_tree(void)
{
	TCase *tc = tmp_case("tree");

	tcase_add_test(tc, plain_things);
	tcase_add_test(tc, a_wide_tree);
	tcase_add_test(tc, a_deep_tree);
	tcase_add_test(tc, closed_directories);
	tcase_add_test(tc, what_cannot_be_removed);
	tcase_add_test(tc, bind_mounts);
	tcase_add_test(tc, swapped_for_links);
	tcase_add_test(tc, together);
	tcase_add_test(tc, bad_names);
	return tc;
}
