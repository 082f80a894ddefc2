/* root_open: each test runs with openat2 and with the walk that stands in for it. */
#include "base.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/root_open.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* the walk is loop test 1 */
enum { BOTH_WAYS = 2 };

static int root = -1;

static void choose(int way)
{
	if (way)
		setenv("STRAKE_NO_OPENAT2", "1", 1);
	else
		unsetenv("STRAKE_NO_OPENAT2");
	if (way)
		ck_assert(!root_open_has_openat2());
}

/* tmp/root is the root; what a path must not reach lies beside it. */
static void make_tree(void)
{
	static const char *const dirs[] = {"root",	 "outside",  "root/a",	 "root/a/b",
					   "root/a/b/c", "root/etc", "root/tmp", "root/outside"};
	static const char *const links[][2] = {
		{"abs", "/a/b"},
		{"rel", "a/b"},
		{"up", "../../../../../outside/secret"},
		{"abs-up", "/../../outside/secret"},
		{"a/b/up", "../../../../outside/secret"},
		{"a/out", "../.."},
		{"dangling", "/missing/x"},
		{"dangling-new", "a/new"},
		{"dangling-abs", "/a/newabs"},
		{"dangling-up", "../../outside/made"},
		{"loop1", "loop2"},
		{"loop2", "/loop1"},
		{"self", "self"},
		{"to-file", "a/file"},
		{"to-file-slash", "a/file/"},
		{"to-dir-slash", "a/"},
		{"to-root", "/"},
		{"to-dot", "."},
		{"var-run", "/run"},
		{"deep-dangling", "new1/new2/new3"},
	};

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		make_dir(tmp, dirs[i]);
	make_file(tmp, "outside/secret", "secret");
	root = openat(tmp, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(root, 0);
	make_file(root, "a/file", "file");
	make_file(root, "a/b/c/deep", "deep");
	make_file(root, "outside/secret", "inside");
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		make_link(root, links[i][0], links[i][1]);
	/* chains of 40 links, which the kernel allows, and 41 */
	for (int i = 1; i <= 41; i++) {
		char name[16], target[16];

		snprintf(name, sizeof(name), "chain%d", i);
		snprintf(target, sizeof(target), i == 1 ? "a" : "chain%d", i - 1);
		make_link(root, name, target);
	}
}

static void root_setup(void)
{
	tmp_setup();
	make_tree();
}

static void root_teardown(void)
{
	fd_closep(&root);
	tmp_teardown();
}

/* Whether fd is the file that `real`, a path without links below root, names. */
static bool same_file(int fd, const char *real)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstatat(root, real, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

START_TEST(resolving)
{
	static const struct {
		const char *path;
		int flags;
		int r;
		const char *real;
	} cases[] = {
		{"", O_RDONLY, 0, "."},
		{"/", O_RDONLY, 0, "."},
		{".", O_PATH, 0, "."},
		{"..", O_PATH, 0, "."},
		{"/../..", O_PATH, 0, "."},
		{"a/b/c/deep", O_RDONLY, 0, "a/b/c/deep"},
		{"/a//b/./c/../c/deep", O_RDONLY, 0, "a/b/c/deep"},
		{"a/../../../a/file", O_RDONLY, 0, "a/file"},
		{"abs", O_RDONLY, 0, "a/b"},
		{"abs/c/deep", O_RDONLY, 0, "a/b/c/deep"},
		{"abs/../file", O_RDONLY, 0, "a/file"},
		{"rel/..", O_PATH, 0, "a"},
		{"up", O_RDONLY, 0, "outside/secret"},
		{"abs-up", O_RDONLY, 0, "outside/secret"},
		{"a/b/up", O_RDONLY, 0, "outside/secret"},
		{"a/out/outside/secret", O_RDONLY, 0, "outside/secret"},
		{"to-root/a/file", O_RDONLY, 0, "a/file"},
		{"to-root", O_RDONLY, 0, "."},
		{"to-root/..", O_RDONLY, 0, "."},
		{"to-dot/to-dot/to-dot/a", O_RDONLY, 0, "a"},
		{"to-file", O_RDONLY, 0, "a/file"},
		{"to-file", O_PATH, 0, "a/file"},
		{"to-file", O_PATH | O_NOFOLLOW, 0, "to-file"},
		{"to-file", O_RDONLY | O_NOFOLLOW, -ELOOP, NULL},
		{"to-file", O_RDONLY | O_DIRECTORY, -ENOTDIR, NULL},
		{"to-file", O_PATH | O_DIRECTORY, -ENOTDIR, NULL},
		{"to-file/", O_RDONLY, -ENOTDIR, NULL},
		{"to-file-slash", O_RDONLY, -ENOTDIR, NULL},
		{"to-dir-slash", O_RDONLY, 0, "a"},
		{"to-dir-slash/file", O_RDONLY, 0, "a/file"},
		{"abs", O_RDONLY | O_DIRECTORY, 0, "a/b"},
		{"abs", O_PATH | O_DIRECTORY, 0, "a/b"},
		{"abs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, -ENOTDIR, NULL},
		{"abs/", O_PATH | O_NOFOLLOW, 0, "a/b"},
		{"abs/", O_PATH | O_NOFOLLOW | O_DIRECTORY, 0, "a/b"},
		{"abs/.", O_PATH | O_NOFOLLOW, 0, "a/b"},
		{"abs/..", O_PATH | O_NOFOLLOW, 0, "a"},
		{"a/file/", O_RDONLY, -ENOTDIR, NULL},
		{"a/file/.", O_RDONLY, -ENOTDIR, NULL},
		{"a/file/..", O_RDONLY, -ENOTDIR, NULL},
		{"a/file/x", O_RDONLY, -ENOTDIR, NULL},
		{"none", O_RDONLY, -ENOENT, NULL},
		{"none/..", O_RDONLY, -ENOENT, NULL},
		{"a/none/x", O_RDONLY, -ENOENT, NULL},
		{"dangling", O_RDONLY, -ENOENT, NULL},
		{"dangling", O_PATH, -ENOENT, NULL},
		{"dangling", O_PATH | O_NOFOLLOW, 0, "dangling"},
		{"dangling/x", O_RDONLY, -ENOENT, NULL},
		{"loop1", O_RDONLY, -ELOOP, NULL},
		{"loop1/x", O_PATH, -ELOOP, NULL},
		{"self", O_PATH, -ELOOP, NULL},
		{"self", O_PATH | O_NOFOLLOW, 0, "self"},
		{"chain40", O_RDONLY, 0, "a"},
		{"chain40/file", O_RDONLY, 0, "a/file"},
		{"chain41", O_RDONLY, -ELOOP, NULL},
		{"chain41/file", O_RDONLY, -ELOOP, NULL},
		{"chain20/../chain20/file", O_RDONLY, 0, "a/file"},
		{"chain20/../chain21/file", O_RDONLY, -ELOOP, NULL},
		{"a", O_WRONLY, -EISDIR, NULL},
		{"a/file", O_RDONLY | O_CREAT | O_EXCL, -EEXIST, NULL},
		{"to-file", O_RDONLY | O_CREAT | O_EXCL, -EEXIST, NULL},
		{"dangling", O_RDONLY | O_CREAT | O_EXCL, -EEXIST, NULL},
		{"a/file", O_RDONLY | O_CREAT, 0, "a/file"},
		{"to-file", O_RDONLY | O_CREAT, 0, "a/file"},
		{"a", O_WRONLY | O_CREAT, -EISDIR, NULL},
		{"a/", O_WRONLY | O_CREAT, -EISDIR, NULL},
		{"new/", O_WRONLY | O_CREAT, -EISDIR, NULL},
		{"a/.", O_WRONLY | O_CREAT, -EISDIR, NULL},
		{"/", O_WRONLY | O_CREAT, -EISDIR, NULL},
		{"dangling", O_WRONLY | O_CREAT, -ENOENT, NULL},
		{"loop1", O_WRONLY | O_CREAT, -ELOOP, NULL},
		{"dangling-new", O_WRONLY | O_CREAT | O_NOFOLLOW, -ELOOP, NULL},
	};

	choose(_i);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_fd_ int fd = root_open(root, cases[i].path, cases[i].flags, 0600);

		ck_assert_msg(cases[i].r < 0 ? fd == cases[i].r : fd >= 0, "'%s' %x: %d",
			      cases[i].path, (unsigned int)cases[i].flags, fd);
		if (fd < 0)
			continue;
		ck_assert_msg(same_file(fd, cases[i].real), "'%s' is not '%s'", cases[i].path,
			      cases[i].real);
		ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
	ck_assert_int_eq(count_entries(tmp, "outside"), 1);
}
END_TEST

START_TEST(making_files)
{
	struct stat st;
	int fd;

	choose(_i);
	umask(0);
	fd = root_open(root, "a/made", O_WRONLY | O_CREAT | O_EXCL, 0640);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0640);
	close(fd);
	fd = root_open(root, "dangling-new", O_WRONLY | O_CREAT, 0600);
	ck_assert(fd >= 0 && same_file(fd, "a/new"));
	close(fd);
	fd = root_open(root, "dangling-abs", O_RDWR | O_CREAT, 0600);
	ck_assert(fd >= 0 && same_file(fd, "a/newabs"));
	close(fd);
	fd = root_open(root, "dangling-up", O_RDWR | O_CREAT, 0600);
	ck_assert(fd >= 0 && same_file(fd, "outside/made"));
	close(fd);
	ck_assert_int_eq(count_entries(tmp, "outside"), 1);
	fd = root_open(root, "a/b", O_TMPFILE | O_RDWR, 0600);
	ck_assert(fd >= 0 || fd == -EOPNOTSUPP);
	fd_closep(&fd);
	fd = root_open(root, "abs", O_TMPFILE | O_RDWR, 0600);
	ck_assert(fd >= 0 || fd == -EOPNOTSUPP);
	fd_closep(&fd);
	ck_assert_int_eq(root_open(root, "a/file", O_TMPFILE | O_RDWR, 0600), -ENOTDIR);
}
END_TEST

START_TEST(long_paths)
{
	_cleanup_free_ char *path = xcalloc(1, 8192);
	int fd;

	choose(_i);
	/* a name of 255 bytes does not exist, one of 256 cannot */
	memset(path, 'n', 255);
	ck_assert_int_eq(root_open(root, path, O_PATH, 0), -ENOENT);
	path[255] = 'n';
	ck_assert_int_eq(root_open(root, path, O_PATH, 0), -ENAMETOOLONG);
	memset(path, '/', 4095);
	path[4095] = '\0';
	fd = root_open(root, path, O_PATH, 0);
	ck_assert_int_ge(fd, 0);
	close(fd);
	path[4095] = '/';
	ck_assert_int_eq(root_open(root, path, O_PATH, 0), -ENAMETOOLONG);
}
END_TEST

/* More directories than descriptors, and ".." back over most of them. */
START_TEST(deep_paths)
{
	const struct rlimit files = {.rlim_cur = 48, .rlim_max = 48};
	_cleanup_free_ char *path = xcalloc(1, 8192);
	int at = fcntl(root, F_DUPFD_CLOEXEC, 3), fd;
	char *p = path;

	choose(_i);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
	for (int i = 0; i < 1000; i++) {
		int next;

		ck_assert_int_eq(mkdirat(at, "d", 0700), 0);
		next = openat(at, "d", O_PATH | O_DIRECTORY | O_CLOEXEC);
		ck_assert_int_ge(next, 0);
		close(at);
		at = next;
		p = mempcpy(p, "d/", 2);
	}
	for (int i = 0; i < 650; i++)
		p = mempcpy(p, "../", 3);
	fd = root_open(root, path, O_PATH, 0);
	ck_assert_msg(fd >= 0, "%d", fd);
	path[350 * 2] = '\0';
	ck_assert(same_file(fd, path));
	close(fd);
	close(at);
}
END_TEST

/* Links that make the rest of the path grow: refused by their number, before memory is. */
START_TEST(growing_links)
{
	_cleanup_free_ char *target = xcalloc(1, 4096);
	char *p = target;

	choose(_i);
	while (p - target < 4080)
		p = mempcpy(p, "grow/", 5);
	make_link(root, "grow", target);
	ck_assert_int_eq(root_open(root, "grow", O_PATH, 0), -ELOOP);
}
END_TEST

START_TEST(magic_links)
{
	static const char *const paths[] = {"proc/self/root",	  "proc/self/cwd",
					    "proc/self/exe",	  "proc/self/fd/0",
					    "proc/self/root/etc", "proc/self/fd/0/../x"};
	_cleanup_fd_ int slash = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	choose(_i);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		ck_assert_msg(root_open(slash, paths[i], O_PATH, 0) == -ELOOP, "%s", paths[i]);
	fd = root_open(slash, "proc/1/root", O_PATH | O_NOFOLLOW, 0);
	ck_assert(fd >= 0 || fd == -EACCES);
	fd_closep(&fd);
	fd = root_open(slash, "proc/uptime", O_RDONLY, 0);
	ck_assert_int_ge(fd, 0);
	close(fd);
}
END_TEST

START_TEST(closed_directories)
{
	_cleanup_fd_ int mine = -1;

	choose(_i);
	become_ordinary();
	make_dir(tmp, "mine");
	mine = openat(tmp, "mine", O_PATH | O_DIRECTORY | O_CLOEXEC);
	make_dir(mine, "a");
	make_dir(mine, "a/b");
	make_file(mine, "a/file", "");
	make_link(mine, "abs", "/a/b");
	ck_assert_int_eq(fchmodat(mine, "a", 0600, 0), 0);
	ck_assert_int_eq(root_open(mine, "a/file", O_RDONLY, 0), -EACCES);
	ck_assert_int_eq(root_open(mine, "abs", O_PATH, 0), -EACCES);
	ck_assert_int_eq(root_open(mine, "a/..", O_PATH, 0), -EACCES);
	ck_assert_int_eq(root_open(mine, "a/../abs", O_PATH, 0), -EACCES);
	ck_assert_int_eq(root_open(mine, "a/x", O_WRONLY | O_CREAT, 0600), -EACCES);
	ck_assert_int_eq(root_mkdir_p(mine, "a/x/y", 0700), -EACCES);
	ck_assert_int_eq(root_touch(mine, "a/x", 0700), -EACCES);
}
END_TEST

START_TEST(bad_roots)
{
	_cleanup_fd_ int file = openat(root, "a/file", O_RDONLY | O_CLOEXEC), here = -1;

	choose(_i);
	/* the working directory may be a root, too */
	ck_assert_int_eq(fchdir(root), 0);
	here = root_open(AT_FDCWD, "../abs", O_RDONLY, 0);
	ck_assert(here >= 0 && same_file(here, "a/b"));
	ck_assert_int_eq(root_open(-1, "a", O_PATH, 0), -EBADF);
	ck_assert_int_eq(root_open(file, "a", O_PATH, 0), -ENOTDIR);
}
END_TEST

START_TEST(parents)
{
	static const struct {
		const char *path;
		int r;
		const char *parent, *name;
	} cases[] = {
		{"x", 0, ".", "x"},
		{"/x", 0, ".", "x"},
		{"a/x", 0, "a", "x"},
		{"abs/x", 0, "a/b", "x"},
		{"../../x", 0, ".", "x"},
		{"abs/../x", 0, "a", "x"},
		{"/", -EINVAL, NULL, NULL},
		{"", -EINVAL, NULL, NULL},
		{".", -EINVAL, NULL, NULL},
		{"a/..", -EINVAL, NULL, NULL},
		{"a/.", -EINVAL, NULL, NULL},
		{"a/x/", -EINVAL, NULL, NULL},
		{"none/x", -ENOENT, NULL, NULL},
		{"a/file/x", -ENOTDIR, NULL, NULL},
		{"to-file/x", -ENOTDIR, NULL, NULL},
	};

	choose(_i);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *name = NULL;
		_cleanup_fd_ int fd = root_open_parent(root, cases[i].path, &name);

		ck_assert_msg(cases[i].r < 0 ? fd == cases[i].r : fd >= 0, "'%s': %d",
			      cases[i].path, fd);
		if (fd < 0)
			continue;
		ck_assert(same_file(fd, cases[i].parent));
		ck_assert_str_eq(name, cases[i].name);
		/* inside the path that was given */
		ck_assert(name >= cases[i].path && name <= cases[i].path + strlen(cases[i].path));
	}
}
END_TEST

static void made_dir(const char *path, const char *real)
{
	_cleanup_fd_ int fd = root_mkdir_p(root, path, 0751);

	ck_assert_msg(fd >= 0, "'%s': %d", path, fd);
	ck_assert_msg(same_file(fd, real), "'%s' is not '%s'", path, real);
}

START_TEST(making_directories)
{
	struct stat st;

	choose(_i);
	umask(077);
	made_dir("", ".");
	made_dir("/", ".");
	made_dir("a/b", "a/b");
	made_dir("n1/n2/n3", "n1/n2/n3");
	made_dir("/n1//n2/./n4/", "n1/n2/n4");
	made_dir("abs/n5", "a/b/n5");
	made_dir("../../n6/../n7", "n7");
	made_dir("a/out/outside/n8", "outside/n8");
	/* through dangling links, as /var/run -> /run wants it */
	made_dir("var-run/lock", "run/lock");
	made_dir("deep-dangling", "new1/new2/new3");
	made_dir("dangling-up", "outside/made");
	ck_assert_int_eq(count_entries(tmp, "outside"), 1);
	ck_assert_int_eq(fstatat(root, "n1/n2", &st, 0), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0751);
	ck_assert_int_eq(fstatat(root, "run", &st, 0), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0751);
	/* those that were there keep theirs */
	ck_assert_int_eq(fstatat(root, "a", &st, 0), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0755);

	ck_assert_int_eq(root_mkdir_p(root, "a/file", 0755), -ENOTDIR);
	ck_assert_int_eq(root_mkdir_p(root, "a/file/x", 0755), -ENOTDIR);
	ck_assert_int_eq(root_mkdir_p(root, "to-file/x", 0755), -ENOTDIR);
	ck_assert_int_eq(root_mkdir_p(root, "loop1/x", 0755), -ELOOP);
}
END_TEST

START_TEST(touching)
{
	struct stat st;
	int fd;

	choose(_i);
	umask(077);
	fd = root_touch(root, "x/y/z", 0644);
	ck_assert(fd >= 0 && same_file(fd, "x/y/z"));
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_mode, S_IFREG | 0644);
	ck_assert_int_eq(write(fd, "x", 1), -1);
	close(fd);
	/* what is there stays as it is */
	fd = root_touch(root, "to-file", 0600);
	ck_assert(fd >= 0 && same_file(fd, "a/file"));
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0644);
	ck_assert_int_eq(st.st_size, 4);
	close(fd);
	fd = root_touch(root, "dangling", 0600);
	ck_assert(fd >= 0 && same_file(fd, "missing/x"));
	close(fd);
	fd = root_touch(root, "dangling-up", 0600);
	ck_assert(fd >= 0 && same_file(fd, "outside/made"));
	close(fd);
	ck_assert_int_eq(count_entries(tmp, "outside"), 1);
	ck_assert_int_eq(mkfifoat(root, "fifo", 0600), 0);
	fd = root_touch(root, "fifo", 0600);
	ck_assert(fd >= 0 && same_file(fd, "fifo"));
	close(fd);
	ck_assert_int_eq(root_touch(root, "a", 0600), -EISDIR);
	ck_assert_int_eq(root_touch(root, "abs", 0600), -EISDIR);
	ck_assert_int_eq(root_touch(root, "/", 0600), -EISDIR);
	ck_assert_int_eq(root_touch(root, "", 0600), -EISDIR);
	ck_assert_int_eq(root_touch(root, "new-one/", 0600), -EISDIR);
	ck_assert_int_eq(root_touch(root, "a/file/x", 0600), -ENOTDIR);
	ck_assert_int_eq(root_touch(root, "loop1", 0600), -ELOOP);
}
END_TEST

static unsigned int dice(unsigned int *state, unsigned int sides)
{
	*state = *state * 1103515245 + 12345;
	return (*state >> 16) % sides;
}

/* The kernel is the judge: thousands of paths through the tree, each answered alike by both. */
START_TEST(as_the_kernel_does)
{
	static const char *const parts[] = {
		"a",	    "b",       "c",	"..",	   "..",     ".",	    "",	     "abs",
		"rel",	    "up",      "a/out", "file",	   "deep",   "to-root",	    "loop1", "self",
		"dangling", "to-file", "none",	"chain15", "to-dot", "to-dir-slash"};
	static const int flags[] = {O_PATH, O_PATH | O_NOFOLLOW, O_PATH | O_DIRECTORY,
				    O_PATH | O_NOFOLLOW | O_DIRECTORY, O_RDONLY,
				    O_RDONLY | O_NOFOLLOW, O_RDONLY | O_DIRECTORY,
				    O_RDONLY | O_NOFOLLOW | O_DIRECTORY, O_WRONLY,
				    /* that make nothing: what they name is there or cannot be */
				    O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW};
	unsigned int state = 1, found = 0;

	choose(0);
	if (!root_open_has_openat2()) {
		fprintf(stderr, "skipped: this kernel has no openat2\n");
		return;
	}
	for (int i = 0; i < 30000; i++) {
		unsigned int n = 1 + dice(&state, 7), f = dice(&state, ARRAY_SIZE(flags) - 1);
		char path[256] = "";
		int kernel, walk;
		struct stat a, b;

		for (unsigned int k = 0; k < n; k++) {
			size_t len = strlen(path);

			snprintf(path + len, sizeof(path) - len, "%s%s",
				 k || dice(&state, 4) == 0 ? "/" : "",
				 parts[dice(&state, ARRAY_SIZE(parts))]);
		}
		if (dice(&state, 8) == 0)
			snprintf(path + strlen(path), sizeof(path) - strlen(path), "/");
		choose(0);
		kernel = root_open(root, path, flags[f], 0);
		choose(1);
		walk = root_open(root, path, flags[f], 0);
		if (kernel >= 0 && walk >= 0) {
			ck_assert_int_eq(fstat(kernel, &a), 0);
			ck_assert_int_eq(fstat(walk, &b), 0);
			ck_assert_msg(a.st_ino == b.st_ino && a.st_dev == b.st_dev, "'%s' %x", path,
				      (unsigned int)flags[f]);
			/* the walk adds O_NOFOLLOW, which means nothing to an open file */
			ck_assert_int_eq(fcntl(kernel, F_GETFL) | O_NOFOLLOW,
					 fcntl(walk, F_GETFL) | O_NOFOLLOW);
			found++;
		} else {
			ck_assert_msg(kernel == walk, "'%s' %x: openat2 %d, walk %d", path,
				      (unsigned int)flags[f], kernel, walk);
		}
		fd_closep(&kernel);
		fd_closep(&walk);
	}
	ck_assert_uint_gt(found, 3000);
}
END_TEST

TCase *base_root(void)
{
	TCase *tc = tcase_create("root");

	tcase_add_checked_fixture(tc, root_setup, root_teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, resolving, 0, BOTH_WAYS);
	tcase_add_loop_test(tc, making_files, 0, BOTH_WAYS);
	tcase_add_loop_test(tc, long_paths, 0, BOTH_WAYS);
	tcase_add_loop_test(tc, deep_paths, 0, BOTH_WAYS);
	tcase_add_loop_test(tc, growing_links, 0, BOTH_WAYS);
	tcase_add_loop_test(tc, magic_links, 0, BOTH_WAYS);
	tcase_add_loop_test(tc, bad_roots, 0, BOTH_WAYS);
	tcase_add_loop_test(tc, parents, 0, BOTH_WAYS);
	tcase_add_loop_test(tc, making_directories, 0, BOTH_WAYS);
	tcase_add_loop_test(tc, touching, 0, BOTH_WAYS);
	tcase_add_test(tc, as_the_kernel_does);
	return tc;
}

/* Without the fixture's tree, which an ordinary user could not remove. */
TCase *base_root_closed(void)
{
	TCase *tc = tmp_case("root closed");

	tcase_add_loop_test(tc, closed_directories, 0, BOTH_WAYS);
	return tc;
}
