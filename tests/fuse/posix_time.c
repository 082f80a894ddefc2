/* time: which calls change which times, of the object and of its directory. */
#include "posix.h"

#include <fcntl.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

/* ---- calls on one object ---- */

static int do_read(const char *p)
{
	char c;
	int fd = open(p, O_RDONLY | O_NOATIME | O_CLOEXEC), rc = TRY(read(fd, &c, 1));

	close(fd);
	return rc;
}

static int open_only(const char *p, int flags)
{
	int fd = open(p, flags | O_CLOEXEC);

	close(fd);
	return fd < 0 ? errno : 0;
}

static int do_open(const char *p)
{
	return open_only(p, O_RDONLY);
}

static int do_open_rdwr(const char *p)
{
	return open_only(p, O_RDWR);
}

static int do_trunc(const char *p)
{
	return open_only(p, O_WRONLY | O_TRUNC);
}

static int do_write(const char *p)
{
	int fd = open(p, O_WRONLY | O_CLOEXEC), rc = TRY(write(fd, "x", 1));

	close(fd);
	return rc;
}

static int do_append(const char *p)
{
	int fd = open(p, O_WRONLY | O_APPEND | O_CLOEXEC), rc = TRY(write(fd, "x", 1));

	close(fd);
	return rc;
}

static int do_write_nothing(const char *p)
{
	int fd = open(p, O_WRONLY | O_CLOEXEC), rc = TRY(write(fd, "x", 0));

	close(fd);
	return rc;
}

static int do_map(const char *p)
{
	int fd = open(p, O_RDWR | O_CLOEXEC), rc;
	char *map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return errno;
	map[0] = 'x';
	rc = TRY(msync(map, SIZE, MS_SYNC));
	munmap(map, SIZE);
	close(fd);
	return rc;
}

static int do_truncate(const char *p)
{
	return TRY(truncate(p, 10));
}

static int do_extend(const char *p)
{
	return TRY(truncate(p, SIZE + 10));
}

static int do_fallocate(const char *p)
{
	int fd = open(p, O_RDWR | O_CLOEXEC), rc = TRY(fallocate(fd, 0, 0, SIZE + 5000));

	close(fd);
	return rc;
}

static int do_chmod(const char *p)
{
	return TRY(chmod(p, 0700));
}

static int do_chown(const char *p)
{
	return TRY(lchown(p, 0, 0));
}

static int do_setxattr(const char *p)
{
	return TRY(setxattr(p, "user.time", "x", 1, 0));
}

static int do_link(const char *p)
{
	return TRY(link(p, sf("%s.link", p)));
}

static int do_rename(const char *p)
{
	return TRY(rename(p, sf("%s.moved", p))) ? errno : TRY(rename(sf("%s.moved", p), p));
}

static int do_mtime(const char *p)
{
	const struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 77}};

	return TRY(utimensat(AT_FDCWD, p, t, AT_SYMLINK_NOFOLLOW));
}

static int do_atime(const char *p)
{
	const struct timespec t[2] = {{.tv_sec = 77}, {.tv_nsec = UTIME_OMIT}};

	return TRY(utimensat(AT_FDCWD, p, t, AT_SYMLINK_NOFOLLOW));
}

static int do_now(const char *p)
{
	return TRY(utimensat(AT_FDCWD, p, NULL, AT_SYMLINK_NOFOLLOW));
}

static int do_create(const char *p)
{
	return put_text(sf("%s/made", p), "x");
}

static int do_mkdir(const char *p)
{
	return make_dir(sf("%s/made", p));
}

static int do_symlink(const char *p)
{
	return TRY(symlink("x", sf("%s/made", p)));
}

static int do_mkfifo(const char *p)
{
	return make_fifo(sf("%s/made", p));
}

static int do_link_in(const char *p)
{
	return TRY(link("new/time-file", sf("%s/made", p)));
}

static int do_unlink(const char *p)
{
	return TRY(unlink(sf("%s/file", p)));
}

static int do_rename_in(const char *p)
{
	return TRY(rename("new/time-moves", sf("%s/made", p)));
}

static int do_rename_out(const char *p)
{
	return TRY(rename(sf("%s/file", p), "new/time-moves"));
}

static int do_rename_within(const char *p)
{
	return TRY(rename(sf("%s/file", p), sf("%s/moved", p)));
}

static int do_rmdir(const char *p)
{
	return TRY(unlink(sf("%s/dir/leaf", p))) ? errno : TRY(rmdir(sf("%s/dir", p)));
}

/* What changes things in it, not the directory. */
static int do_child_write(const char *p)
{
	return do_write(sf("%s/file", p));
}

static int do_child_chmod(const char *p)
{
	return do_chmod(sf("%s/file", p));
}

static int do_leaf_unlink(const char *p)
{
	return TRY(unlink(sf("%s/dir/leaf", p)));
}

static int do_list(const char *p)
{
	names_in(p);
	return 0;
}

static int do_fail(const char *p)
{
	int rc = TRY(mkdir(sf("%s/dir", p), 0755));

	if (rc == EEXIST)
		rc = TRY(rmdir(sf("%s/file", p)));
	if (rc == ENOTDIR)
		rc = TRY(rmdir(sf("%s/dir", p)));
	return rc == ENOTEMPTY ? 0 : EIO;
}

static const struct row {
	const char *name;
	int (*fn)(const char *path);
	unsigned must; /* these times change */
	unsigned may;  /* these as well: copying up changes ctime, reading atime */
} on_file[] = {
	{"read O_NOATIME", do_read, 0, 0},
	{"open O_RDONLY", do_open, 0, 0},
	{"open O_RDWR", do_open_rdwr, 0, CTIME},
	{"open O_TRUNC", do_trunc, MTIME | CTIME, 0},
	{"write", do_write, MTIME | CTIME, 0},
	{"append", do_append, MTIME | CTIME, 0},
	{"write of nothing", do_write_nothing, 0, CTIME},
	{"a shared mapping", do_map, MTIME | CTIME, ATIME},
	{"truncate", do_truncate, MTIME | CTIME, 0},
	{"truncate to more", do_extend, MTIME | CTIME, 0},
	{"fallocate", do_fallocate, MTIME | CTIME, 0},
	{"chmod", do_chmod, CTIME, 0},
	{"chown", do_chown, CTIME, 0},
	{"setxattr", do_setxattr, CTIME, 0},
	{"link", do_link, CTIME, 0},
	{"rename", do_rename, CTIME, 0},
	{"utimensat of mtime", do_mtime, MTIME | CTIME, 0},
	{"utimensat of atime", do_atime, ATIME | CTIME, 0},
	{"utimensat of now", do_now, ATIME | MTIME | CTIME, 0},
};

static const struct row on_dir[] = {
	{"create", do_create, MTIME | CTIME, 0},
	{"mkdir", do_mkdir, MTIME | CTIME, 0},
	{"symlink", do_symlink, MTIME | CTIME, 0},
	{"mkfifo", do_mkfifo, MTIME | CTIME, 0},
	{"link", do_link_in, MTIME | CTIME, 0},
	{"unlink", do_unlink, MTIME | CTIME, 0},
	{"rmdir", do_rmdir, MTIME | CTIME, ATIME},
	{"rename out", do_rename_out, MTIME | CTIME, 0},
	{"rename in", do_rename_in, MTIME | CTIME, 0},
	{"rename within", do_rename_within, MTIME | CTIME, 0},
	{"write to its file", do_child_write, 0, CTIME},
	{"chmod of its file", do_child_chmod, 0, CTIME},
	{"unlink two below", do_leaf_unlink, 0, CTIME},
	{"readdir", do_list, 0, ATIME},
	{"what fails", do_fail, 0, CTIME},
	{"chmod", do_chmod, CTIME, 0},
	{"chown", do_chown, CTIME, 0},
	{"setxattr", do_setxattr, CTIME, 0},
	{"utimensat of mtime", do_mtime, MTIME | CTIME, 0},
	{"utimensat of now", do_now, ATIME | MTIME | CTIME, 0},
};

static const struct row on_other[] = {
	{"chown", do_chown, CTIME, 0},
	{"link", do_link, CTIME, 0},
	{"rename", do_rename, CTIME, 0},
	{"utimensat of mtime", do_mtime, MTIME | CTIME, 0},
};

static const char *times_text(unsigned times)
{
	return sf("%s%s%s", times & ATIME ? "atime " : "", times & MTIME ? "mtime " : "",
		  times & CTIME ? "ctime " : "");
}

static void cell(enum kind kind, const struct row *row)
{
	const char *path = take(kind), *what = sf("%s, %s", row->name, kind_name(kind));
	struct stat before, after;
	unsigned got;

	if (!(caps & CAP_XATTR) && row->fn == do_setxattr)
		return;
	let_pass(path);
	ck_err(TRY(lstat(path, &before)), 0, "lstat before %s", what);
	ck_num(before.st_mtim.tv_sec, OLD, "mtime before %s", what);
	ck_num(before.st_mtim.tv_nsec, OLD_NSEC, "nanoseconds before %s", what);
	ck_err(row->fn(path), 0, "%s", what);
	ck_err(TRY(lstat(path, &after)), 0, "lstat after %s", what);
	got = changes(&before, &after);
	ck_str(times_text(got & ~row->may), times_text(row->must), "times changed by %s", what);
	ck_num(after.st_ino, before.st_ino, "inode number after %s", what);
}

/* ---- setting times ---- */

static void set_times(enum kind kind)
{
	static const struct timespec values[] = {
		{.tv_sec = 0},
		{.tv_sec = 1, .tv_nsec = 1},
		{.tv_sec = 1234567890, .tv_nsec = 999999999},
		{.tv_sec = -1, .tv_nsec = 500000000},
		{.tv_sec = -100000},
		{.tv_sec = 0x7fffffff, .tv_nsec = 1},
		{.tv_sec = 0x80000001, .tv_nsec = 2},
		{.tv_sec = 5000000000, .tv_nsec = 123},
	};
	const char *path = take(kind), *name = kind_name(kind);
	const struct timespec bad[2] = {{.tv_nsec = 1000000000}, {.tv_nsec = -1}};
	struct stat st;

	for (size_t i = 0; i < COUNT(values); i++) {
		struct timespec t[2] = {values[i], values[COUNT(values) - 1 - i]};

		ck_err(TRY(utimensat(AT_FDCWD, path, t, AT_SYMLINK_NOFOLLOW)), 0, "utimensat of %s",
		       name);
		ck_err(TRY(lstat(path, &st)), 0, "lstat of %s", name);
		ck_num(st.st_atim.tv_sec, t[0].tv_sec, "atime of %s", name);
		ck_num(st.st_atim.tv_nsec, t[0].tv_nsec, "nanoseconds of %s's atime", name);
		ck_num(st.st_mtim.tv_sec, t[1].tv_sec, "mtime of %s", name);
		ck_num(st.st_mtim.tv_nsec, t[1].tv_nsec, "nanoseconds of %s's mtime", name);
	}
	ck_err(TRY(utimensat(AT_FDCWD, path, bad, AT_SYMLINK_NOFOLLOW)), EINVAL,
	       "utimensat of %s, nonsense", name);
}

/* ---- new objects ---- */

static void fresh(enum kind where)
{
	const char *names[] = {take(where), take(where), take(where), take(where)};
	struct timespec before, after;
	struct stat st;

	clock_gettime(CLOCK_REALTIME_COARSE, &before);
	ck_err(put_text(names[0], ""), 0, "create");
	ck_err(make_dir(names[1]), 0, "mkdir");
	ck_err(TRY(symlink("x", names[2])), 0, "symlink");
	ck_err(make_fifo(names[3]), 0, "mkfifo");
	clock_gettime(CLOCK_REALTIME, &after);
	for (size_t i = 0; i < COUNT(names); i++) {
		const struct timespec *t[] = {&st.st_atim, &st.st_mtim, &st.st_ctim};

		ck_err(TRY(lstat(names[i], &st)), 0, "lstat of a new object");
		for (int j = 0; j < 3; j++)
			ck(t[j]->tv_sec >= before.tv_sec && t[j]->tv_sec <= after.tv_sec,
			   "times of object %zu made in %s are now", i, kind_name(where));
	}
}

/* Reading sets atime where the mount says so; of what was copied up, for a lower file has none. */
static void access_time(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind);
	const struct timespec old[2] = {{.tv_sec = OLD - 10}, {.tv_sec = OLD}};
	struct stat st;
	char c;
	int fd;

	ck_err(TRY(utimensat(AT_FDCWD, path, old, 0)), 0, "utimensat of %s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_num(read(fd, &c, 1), 1, "read of %s", name);
	close(fd);
	ck_err(TRY(lstat(path, &st)), 0, "lstat of %s", name);
	ck(st.st_atim.tv_sec != OLD - 10, "atime of %s after a read", name);
	ck_num(st.st_mtim.tv_sec, OLD, "mtime of %s after a read", name);
}

/* What copies a file up leaves the times of its directory alone, and the file's own mtime. */
static void copy_up(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind);
	const char *parent = sf("%.*s", (int)(strchr(path, '/') - path), path);
	struct stat dir_before, dir_after, st;

	let_pass(parent);
	ck_err(TRY(lstat(parent, &dir_before)), 0, "lstat of the directory of %s", name);
	ck_err(TRY(chmod(path, 0600)), 0, "chmod of %s", name);
	ck_err(TRY(lstat(parent, &dir_after)), 0, "lstat of the directory of %s", name);
	ck_str(times_text(changes(&dir_before, &dir_after) & MTIME), "",
	       "times of the directory changed by copying up %s", name);
	ck_err(TRY(lstat(path, &st)), 0, "lstat of %s", name);
	ck_num(st.st_mtim.tv_sec, OLD, "mtime of %s, copied up", name);
	ck_num(st.st_mtim.tv_nsec, OLD_NSEC, "nanoseconds of %s's mtime, copied up", name);
	ck_num(st.st_atim.tv_sec, OLD, "atime of %s, copied up", name);
}

static void run(void)
{
	ck_err(put_text("new/time-file", "x"), 0, "create");
	for (enum kind k = 0; k <= FILE_LAST; k++) {
		for (size_t i = 0; i < COUNT(on_file); i++)
			cell(k, &on_file[i]);
		set_times(k);
		copy_up(k);
		if ((caps & CAP_ATIME) && k == FILE_COPIED)
			access_time(k);
	}
	for (enum kind k = FULL_NEW; k <= FULL_LAST; k++) {
		for (size_t i = 0; i < COUNT(on_dir); i++)
			cell(k, &on_dir[i]);
		set_times(k);
	}
	for (enum kind k = LINK_NEW; k <= SOCK_LAST; k++) {
		for (size_t i = 0; i < COUNT(on_other); i++)
			cell(k, &on_other[i]);
		set_times(k);
	}
	for (enum kind k = ABSENT_NEW; k <= ABSENT_LAST; k++)
		fresh(k);
}

const struct posix_group time_group = {
	.name = "time",
	.about = "which calls change atime, mtime and ctime",
	.run = run,
};
