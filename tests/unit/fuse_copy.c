/* Copying up: data with their holes, and xattrs without the overlay's own. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "fuse.h"
#include "fuse/content.h"
#include "fuse/copyup.h"

/* Stretches of data in a file of that size; all else are holes. */
struct layout {
	off_t size;
	struct {
		off_t at, len;
	} data[4];
};

enum { KIB = 1024, MIB = 1024 * 1024 };

static const struct layout layouts[] = {
	{0, {{0}}},
	{1, {{0, 1}}},
	{4095, {{0, 4095}}},
	{65535, {{0, 65535}}},
	{65536, {{0, 65536}}},
	{65537, {{0, 65537}}},
	{3 * MIB + 7, {{0, 3 * MIB + 7}}},
	{40000, {{0}}},
	{10 * MIB, {{0}}},				     /* nothing but a hole */
	{8 * MIB, {{0, 4096}}},				     /* one at the end */
	{8 * MIB, {{8 * MIB - 1, 1}}},			     /* one at the beginning */
	{8 * MIB, {{0, 1}, {4 * MIB, 70000}, {6 * MIB, 1}}}, /* some between */
	{8 * MIB + 5, {{1 * MIB, 128 * KIB}, {8 * MIB, 5}}},
};

static char byte_at(off_t at)
{
	return (char)(at * 31 + (at >> 12) * 7 + 1);
}

static void write_layout(int fd, const struct layout *l)
{
	ck_assert_int_eq(ftruncate(fd, l->size), 0);
	for (size_t i = 0; i < ARRAY_SIZE(l->data) && l->data[i].len; i++) {
		char *text = xmalloc((size_t)l->data[i].len);

		for (off_t j = 0; j < l->data[i].len; j++)
			text[j] = byte_at(l->data[i].at + j);
		ck_assert_int_eq(fd_pwrite_all(fd, text, (size_t)l->data[i].len, l->data[i].at), 0);
		free(text);
	}
}

static bool is_data(const struct layout *l, off_t at)
{
	for (size_t i = 0; i < ARRAY_SIZE(l->data); i++)
		if (at >= l->data[i].at && at < l->data[i].at + l->data[i].len)
			return true;
	return false;
}

/* The content, and that not much more is allocated than in the original. */
static void check_layout(int fd, const struct layout *l, const struct stat *original)
{
	struct stat st;
	char *text;

	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_size, l->size);
	ck_assert_msg(l->size <= 65536 || st.st_blocks <= original->st_blocks + 256,
		      "%ld bytes: %ld blocks instead of %ld", (long)l->size, (long)st.st_blocks,
		      (long)original->st_blocks);
	if (!l->size)
		return;
	text = mmap(NULL, (size_t)l->size, PROT_READ, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(text, MAP_FAILED);
	for (off_t i = 0; i < l->size; i++)
		if (text[i] != (is_data(l, i) ? byte_at(i) : 0))
			ck_abort_msg("%ld bytes: another byte at %ld", (long)l->size, (long)i);
	munmap(text, (size_t)l->size);
}

static int new_file(const char *name)
{
	int fd = openat(env_dir, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	return fd;
}

START_TEST(data)
{
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		_cleanup_fd_ int src = new_file("src"), dst = new_file("dst");
		struct stat st;

		write_layout(src, &layouts[i]);
		ck_assert_int_eq(fstat(src, &st), 0);
		/* where the descriptor is does not matter, and is not moved */
		ck_assert_int_eq(lseek(dst, 0, SEEK_SET), 0);
		ck_assert_int_eq(copy_data(dst, src, st.st_size), 0);
		check_layout(dst, &layouts[i], &st);
	}
}
END_TEST

/* To a file system that cannot share blocks with it: by hand. */
START_TEST(data_elsewhere)
{
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		_cleanup_fd_ int src = new_file("src"), dst = memfd_create("dst", MFD_CLOEXEC);
		struct stat st;

		ck_assert_int_ge(dst, 0);
		write_layout(src, &layouts[i]);
		ck_assert_int_eq(fstat(src, &st), 0);
		ck_assert_int_eq(copy_data(dst, src, st.st_size), 0);
		check_layout(dst, &layouts[i], &st);
	}
}
END_TEST

/* One that is shorter than it was when it was asked: what there is, and zeros behind, or an end. */
START_TEST(data_that_shrank)
{
	static const off_t sizes[] = {100, 70000};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		_cleanup_fd_ int src = new_file("src"), dst = new_file("dst");
		const struct layout l = {sizes[i], {{0, sizes[i]}}};
		char *text = xcalloc(1, (size_t)sizes[i] * 2);
		ssize_t n;

		write_layout(src, &l);
		ck_assert_int_eq(copy_data(dst, src, sizes[i] * 2), 0);
		n = pread(dst, text, (size_t)sizes[i] * 2, 0);
		ck_assert_int_ge(n, sizes[i]);
		for (off_t j = 0; j < n; j++)
			if (text[j] != (j < sizes[i] ? byte_at(j) : 0))
				ck_abort_msg("another byte at %ld", (long)j);
		free(text);
	}
}
END_TEST

START_TEST(errors)
{
	_cleanup_fd_ int src = new_file("src"),
			 readonly = openat(env_dir, "src", O_RDONLY | O_CLOEXEC);
	const struct layout l = {200000, {{0, 200000}}};

	write_layout(src, &l);
	ck_assert_int_lt(copy_data(readonly, src, 200000), 0);
	ck_assert_int_lt(copy_data(-1, src, 200000), 0);
	ck_assert_int_lt(copy_data(-1, src, 10), 0);
	ck_assert_int_lt(copy_data(src, -1, 10), 0);
}
END_TEST

/* --- the whole of a copy */

static struct stat stat_of(const char *path)
{
	struct stat st;

	ck_assert_msg(fstatat(env_dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0, "%s: %s", path,
		      strerror(errno));
	return st;
}

static void copy_up_all(const char *path, enum copy_kind kind)
{
	int error = 0, r;
	struct node *n = env_node(path, &error);

	ck_assert_msg(n != NULL, "%s: %s", path, strerror(error));
	r = copy_up(&env_fs, n, kind);
	ck_assert_msg(r == 0, "%s: %s", path, strerror(-r));
	/* again: it is there already */
	ck_assert_int_eq(copy_up(&env_fs, n, kind), 0);
	env_forget(n);
}

START_TEST(whole_files)
{
	const struct timespec times[2] = {{1000, 5}, {2000, 7}};
	const struct layout *l = &layouts[ARRAY_SIZE(layouts) - 1];
	struct stat before, after;

	env_mkdir("l0/d");
	_cleanup_fd_ int src = new_file("l0/d/f");
	write_layout(src, l);
	ck_assert_int_eq(fchmod(src, 04751), 0);
	ck_assert_int_eq(futimens(src, times), 0);
	env_file("l0/d/empty", "");
	env_mkdir("l0/d");
	ck_assert_int_eq(symlinkat("where", env_dir, "l0/d/link"), 0);
	ck_assert_int_eq(mkfifoat(env_dir, "l0/d/pipe", 0640), 0);
	ck_assert_int_eq(fchmodat(env_dir, "l0/d/pipe", 0642, 0), 0);
	ck_assert_int_eq(fchmodat(env_dir, "l0/d", 0751, 0), 0);
	env_open(1, true);
	before = stat_of("l0/d/f");
	copy_up_all("d/f", COPY_ALL);
	copy_up_all("d/empty", COPY_ALL);
	copy_up_all("d/link", COPY_ALL);
	copy_up_all("d/pipe", COPY_ALL);
	after = stat_of("u/d/f");
	ck_assert_uint_eq(after.st_mode, before.st_mode);
	ck_assert_uint_eq(after.st_uid, before.st_uid);
	ck_assert_int_eq(after.st_mtim.tv_sec, 2000);
	ck_assert_int_eq(after.st_mtim.tv_nsec, 7);
	_cleanup_fd_ int copy = openat(env_dir, "u/d/f", O_RDONLY | O_CLOEXEC);
	check_layout(copy, l, &before);
	ck_assert_int_eq(stat_of("u/d/empty").st_size, 0);
	ck_assert(S_ISLNK(stat_of("u/d/link").st_mode));
	ck_assert_uint_eq(stat_of("u/d/pipe").st_mode, S_IFIFO | 0642);
	ck_assert_uint_eq(stat_of("u/d").st_mode, S_IFDIR | 0751);
	/* the lower layer is as it was */
	ck_assert_int_eq(stat_of("l0/d/f").st_ctim.tv_nsec, before.st_ctim.tv_nsec);
	/* and nothing is left under construction, but the one whiteout */
	ck_assert_int_eq(unlinkat(env_dir, "w/work/whiteout", 0), env_fs.mknod_whiteout ? 0 : -1);
	ck_assert_int_eq(unlinkat(env_dir, "w/work", AT_REMOVEDIR), 0);
}
END_TEST

START_TEST(without_data)
{
	struct stat st;

	if (env_lacks_xattrs())
		return;
	env_file("l0/f", "some data");
	env_file("l0/cut", "some data");
	env_open(1, true);
	copy_up_all("f", COPY_ATTRS);
	st = stat_of("u/f");
	ck_assert_int_eq(st.st_size, 9);
	ck_assert_str_eq(env_read("f"), "some data");
	_cleanup_fd_ int fd = openat(env_dir, "u/f", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fgetxattr(fd, "user.overlay.metacopy", NULL, 0), 0);
	/* then the data come */
	copy_up_all("f", COPY_ALL);
	ck_assert_int_lt(fgetxattr(fd, "user.overlay.metacopy", NULL, 0), 0);
	ck_assert_uint_eq(stat_of("u/f").st_ino, st.st_ino);
	ck_assert_str_eq(env_read("f"), "some data");
	copy_up_all("cut", COPY_EMPTY);
	ck_assert_int_eq(stat_of("u/cut").st_size, 0);
}
END_TEST

START_TEST(read_only)
{
	struct node *n;
	int error = 0;

	env_file("l0/f", "");
	env_open(1, false);
	n = env_node("f", &error);
	ck_assert_int_eq(copy_up(&env_fs, n, COPY_ALL), -EROFS);
	env_forget(n);
}
END_TEST

/* --- xattrs */

static bool has_xattr(int fd, const char *key)
{
	return fgetxattr(fd, key, NULL, 0) >= 0;
}

START_TEST(xattrs)
{
	static const char *const kept[] = {"user.a", "user.overlay.overlay.opaque",
					   "user.containers.override_stat", "user.overlayish"},
				 *const lost[] = {"user.overlay.opaque", "user.overlay.strake.ino",
						  "user.fuseoverlayfs.opaque"};
	char key[64], value[64];

	if (env_lacks_xattrs())
		return;
	env_file("l0/f", "");
	env_file("l0/none", "");
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		env_mark("l0/f", kept[i], kept[i]);
	for (size_t i = 0; i < ARRAY_SIZE(lost); i++)
		env_mark("l0/f", lost[i], "y");
	/* so many that their list does not fit a small buffer */
	for (int i = 0; i < 40; i++) {
		snprintf(key, sizeof(key), "user.with-a-long-name-%d", i);
		env_mark("l0/f", key, "");
	}
	env_open(1, true);
	_cleanup_fd_ int fd = new_file("dst");
	ck_assert_int_eq(copy_xattrs(&env_fs, env_fs.layers[1].root, "none", fd), 0);
	ck_assert_int_eq(flistxattr(fd, NULL, 0), 0);
	ck_assert_int_eq(copy_xattrs(&env_fs, env_fs.layers[1].root, "f", fd), 0);
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		ssize_t n = fgetxattr(fd, kept[i], value, sizeof(value));

		ck_assert_msg(n == (ssize_t)strlen(kept[i]), "%s", kept[i]);
		ck_assert_mem_eq(value, kept[i], (size_t)n);
	}
	for (size_t i = 0; i < ARRAY_SIZE(lost); i++)
		ck_assert_msg(!has_xattr(fd, lost[i]), "%s", lost[i]);
	for (int i = 0; i < 40; i++) {
		snprintf(key, sizeof(key), "user.with-a-long-name-%d", i);
		ck_assert(has_xattr(fd, key));
	}
}
END_TEST

TCase *fuse_copy_case(void)
{
	TCase *tc = env_case("copy");

	tcase_add_test(tc, data);
	tcase_add_test(tc, data_elsewhere);
	tcase_add_test(tc, data_that_shrank);
	tcase_add_test(tc, errors);
	tcase_add_test(tc, whole_files);
	tcase_add_test(tc, without_data);
	tcase_add_test(tc, read_only);
	tcase_add_test(tc, xattrs);
	return tc;
}
