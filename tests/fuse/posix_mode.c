/* chmod, chown, and what takes setuid and setgid away. */
#include "posix.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- mode ---- */

static int by_path(const char *path, mode_t mode)
{
	return TRY(chmod(path, mode));
}

static int by_fd(const char *path, mode_t mode)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), rc = TRY(fchmod(fd, mode));

	close(fd);
	return rc;
}

/* a descriptor of the path alone does not do, its name in /proc does */
static int by_proc(const char *path, mode_t mode)
{
	int fd = open(path, O_PATH | O_CLOEXEC), rc = TRY(fchmod(fd, mode));

	ck_err(rc, EBADF, "fchmod of an O_PATH descriptor");
	rc = TRY(chmod(sf("/proc/self/fd/%d", fd), mode));
	close(fd);
	return rc;
}

static void modes(enum kind kind)
{
	static int (*const ways[])(const char *path, mode_t mode) = {by_path, by_fd, by_proc};
	static const mode_t values[] = {0, 0400, 0644, 0755, 0777, 01777, 02755, 04711, 07777};
	const char *path = take(kind), *name = kind_name(kind);
	ino_t ino = ino_of(path);
	struct stat st;

	for (size_t i = 0; i < COUNT(values); i++) {
		if (S_ISSOCK(kind_type(kind)) && i % COUNT(ways) == 1)
			continue;
		ck_err(ways[i % COUNT(ways)](path, values[i]), 0, "chmod %s %04o", name, values[i]);
		ck_mode(mode_of(path), kind_type(kind) | values[i], "mode of %s", name);
	}
	ck_num(ino_of(path), ino, "inode number of %s after chmod", name);
	ck_err(TRY(chmod(path, 010000 | 0600)), 0, "chmod %s with a bit too many", name);
	ck_mode(mode_of(path), kind_type(kind) | 0600, "mode of %s after that", name);
	ck_err(TRY(lstat(path, &st)), 0, "lstat of %s", name);
	ck_num(st.st_uid, 0, "owner of %s", name);
	ck_num(st.st_gid, 0, "group of %s", name);
	if (S_ISREG(kind_type(kind)))
		ck(holds(path, content, SIZE), "content of %s after chmod", name);
}

static void owners(enum kind kind)
{
	static const struct {
		uid_t uid;
		gid_t gid;
		uid_t want_uid;
		gid_t want_gid;
	} rows[] = {{1001, 1002, 1001, 1002}, {-1, 77, 1001, 77},	    {88, -1, 88, 77},
		    {-1, -1, 88, 77},	      {65534, 65534, 65534, 65534}, {0, 0, 0, 0}};
	const char *path = take(kind), *name = kind_name(kind);
	ino_t ino = ino_of(path);
	struct stat st;

	ck_err(TRY(lchown(path, 0, 0)), 0, "chown of %s to its owner", name);
	ck_err(TRY(lchown(path, -1, -1)), 0, "chown of %s to nobody", name);
	ck_num(ino_of(path), ino, "inode number of %s after chown", name);
	if (!(caps & CAP_IDS))
		return;
	for (size_t i = 0; i < COUNT(rows); i++) {
		ck_err(TRY(lchown(path, rows[i].uid, rows[i].gid)), 0, "chown %d:%d of %s",
		       (int)rows[i].uid, (int)rows[i].gid, name);
		ck_err(TRY(lstat(path, &st)), 0, "lstat of %s after chown", name);
		ck_num(st.st_uid, rows[i].want_uid, "owner of %s after chown %d:%d", name,
		       (int)rows[i].uid, (int)rows[i].gid);
		ck_num(st.st_gid, rows[i].want_gid, "group of %s after chown %d:%d", name,
		       (int)rows[i].uid, (int)rows[i].gid);
	}
}

/* Setgid directories hand it down. */
static void setgid_dir(enum kind kind)
{
	const char *dir = take(kind), *name = kind_name(kind);
	struct stat st;

	if (caps & CAP_IDS)
		ck_err(TRY(chown(dir, -1, 1002)), 0, "chgrp of %s", name);
	ck_err(TRY(chmod(dir, 02775)), 0, "chmod g+s of %s", name);
	ck_mode(perm_of(dir), 02775, "mode of %s with setgid", name);
	ck_err(make_dir(sf("%s/d", dir)), 0, "mkdir in setgid %s", name);
	ck_mode(perm_of(sf("%s/d", dir)), 02755, "mode of a directory in setgid %s", name);
	ck_err(put_text(sf("%s/f", dir), "x"), 0, "create in setgid %s", name);
	ck_mode(perm_of(sf("%s/f", dir)), 0644, "mode of a file in setgid %s", name);
	ck_err(make_fifo(sf("%s/p", dir)), 0, "mkfifo in setgid %s", name);
	ck_err(TRY(symlink("x", sf("%s/l", dir))), 0, "symlink in setgid %s", name);
	ck_err(TRY(link(sf("%s/f", dir), sf("%s/h", dir))), 0, "link in setgid %s", name);
	for (const char *c = "dfplh"; (caps & CAP_IDS) && *c; c++) {
		ck_err(TRY(lstat(sf("%s/%c", dir, *c), &st)), 0, "lstat of %c in %s", *c, name);
		ck_num(st.st_gid, 1002, "group of %c in setgid %s", *c, name);
		ck_num(st.st_uid, 0, "owner of %c in setgid %s", *c, name);
	}
	ck_err(put_text(sf("%s/d/f", dir), "x"), 0, "create two below setgid %s", name);
	ck_err(make_dir(sf("%s/d/d", dir)), 0, "mkdir two below setgid %s", name);
	ck_mode(perm_of(sf("%s/d/d", dir)), 02755, "its mode below setgid %s", name);
}

static void run_mode(void)
{
	for (enum kind k = 0; k < ABSENT_NEW; k++) {
		if (!S_ISLNK(kind_type(k)))
			modes(k);
		owners(k);
	}
	for (enum kind k = DIR_NEW; k <= DIR_LAST; k++)
		setgid_dir(k);
}

const struct posix_group mode_group = {
	.name = "mode",
	.about = "chmod, chown, setgid directories",
	.run = run_mode,
};

/* ---- kill: setuid and setgid go ---- */

static int kill_write(int fd, const char *path)
{
	(void)path;
	return write(fd, "x", 1) == 1 ? 0 : errno;
}

static int kill_pwritev(int fd, const char *path)
{
	char byte[] = "x";
	struct iovec v = {.iov_base = byte, .iov_len = 1};

	(void)path;
	return pwritev(fd, &v, 1, 100) == 1 ? 0 : errno;
}

static int kill_ftruncate(int fd, const char *path)
{
	(void)path;
	return TRY(ftruncate(fd, 100));
}

static int kill_truncate(int fd, const char *path)
{
	(void)fd;
	return TRY(truncate(path, 100));
}

static int kill_open(int fd, const char *path)
{
	int again = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	(void)fd;
	close(again);
	return again < 0 ? errno : 0;
}

static int kill_fallocate(int fd, const char *path)
{
	(void)path;
	return TRY(fallocate(fd, 0, 0, 10000));
}

static int kill_copy(int fd, const char *path)
{
	loff_t from = 0, to = 200;

	(void)path;
	return copy_file_range(fd, &from, fd, &to, 100, 0) == 100 ? 0 : errno;
}

static int kill_chown(int fd, const char *path)
{
	(void)fd;
	return TRY(chown(path, 0, 0));
}

static int kill_fchown(int fd, const char *path)
{
	(void)path;
	return TRY(fchown(fd, -1, 0));
}

static int keep_read(int fd, const char *path)
{
	char c;

	(void)path;
	return TRY(pread(fd, &c, 1, 0));
}

static int keep_utimens(int fd, const char *path)
{
	(void)fd;
	return TRY(utimensat(AT_FDCWD, path, NULL, 0));
}

static int keep_rename(int fd, const char *path)
{
	(void)fd;
	return TRY(rename(path, sf("%s.moved", path))) ? errno
						       : TRY(rename(sf("%s.moved", path), path));
}

/* What takes the bits away: from everybody, from those without CAP_FSETID, from nobody. */
enum takes { EVERYBODY, ORDINARY, NOBODY };

static const struct way {
	const char *name;
	int (*fn)(int fd, const char *path);
	enum takes takes;
} ways[] = {
	{"write", kill_write, ORDINARY},	  {"pwritev", kill_pwritev, ORDINARY},
	{"ftruncate", kill_ftruncate, ORDINARY},  {"truncate", kill_truncate, ORDINARY},
	{"open O_TRUNC", kill_open, ORDINARY},	  {"fallocate", kill_fallocate, ORDINARY},
	{"copy_file_range", kill_copy, ORDINARY}, {"chown", kill_chown, EVERYBODY},
	{"fchown", kill_fchown, EVERYBODY},	  {"pread", keep_read, NOBODY},
	{"utimensat", keep_utimens, NOBODY},	  {"rename", keep_rename, NOBODY},
};

struct kill_case {
	const struct way *way;
	enum kind kind;
	const char *path;
	mode_t mode;
	bool ordinary; /* without capabilities */
};

/* Setgid without x for the group stays where only a write happens. */
static mode_t expected(const struct kill_case *c)
{
	/* CAP_FSETID counts in the initial user namespace alone, as trusted xattrs do */
	bool ordinary = c->ordinary || !(caps & CAP_TRUSTED);
	bool killed = c->way->takes == EVERYBODY || (c->way->takes == ORDINARY && ordinary);
	mode_t mode = c->mode;

	if (killed) {
		mode &= ~S_ISUID;
		if (mode & S_IXGRP)
			mode &= ~S_ISGID;
	}
	return mode;
}

static void kill_one(const struct kill_case *c)
{
	const char *what = sf("%s of %s with %04o, %s", c->way->name, kind_name(c->kind), c->mode,
			      c->ordinary ? "no capabilities" : "all capabilities");
	int fd = open(c->path, O_RDWR | O_CLOEXEC);

	ck_err(c->way->fn(fd, c->path), 0, "%s", what);
	ck_mode(perm_of(c->path), expected(c), "mode after %s", what);
	close(fd);
}

/* Every way on a kind of file, with every sort of bits. ARG: a kill_case with kind and ordinary. */
static void kill_kind(const void *arg)
{
	static const mode_t with[] = {04755, 02755, 06755, 06777, 02644, 04644};
	struct kill_case c = *(const struct kill_case *)arg;

	if (c.ordinary)
		drop_caps();
	for (size_t w = 0; w < COUNT(ways); w++) {
		for (size_t i = 0; i < COUNT(with); i++) {
			c.path = take(c.kind);
			c.way = &ways[w];
			c.mode = with[i];
			ck_err(TRY(chmod(c.path, c.mode)), 0, "chmod %04o", c.mode);
			kill_one(&c);
		}
	}
}

/* Files of the layers that have the bits: what copies them up keeps or clears them. */
static void prepare(enum layer layer)
{
	for (int i = 0; i < (int)COUNT(ways) * 2; i++) {
		const char *path = sf("%s/setuid-%d", layer == LAYER_B ? "low" : "top", i);

		if (put(path, content, SIZE) != 0 || chmod(path, 06755) != 0)
			die("cannot make a setuid file: %s", strerror(errno));
	}
}

static void kill_lower(const void *arg)
{
	struct kill_case c = *(const struct kill_case *)arg;

	if (c.ordinary)
		drop_caps();
	c.mode = 06755;
	for (size_t w = 0; w < COUNT(ways); w++) {
		c.way = &ways[w];
		c.kind = FILE_LOW;
		c.path = sf("low/setuid-%zu", w * 2 + c.ordinary);
		kill_one(&c);
		c.kind = FILE_TOP;
		c.path = sf("top/setuid-%zu", w * 2 + c.ordinary);
		kill_one(&c);
	}
}

static void run_kill(void)
{
	static const enum kind kinds[] = {FILE_NEW, FILE_LOW, FILE_OVER};
	struct kill_case c = {.ordinary = false};

	for (size_t i = 0; i < COUNT(kinds); i++) {
		c.kind = kinds[i];
		c.ordinary = false;
		kill_kind(&c);
		c.ordinary = true;
		in_child(kill_kind, &c);
	}
	in_child(kill_lower, &c);
	c.ordinary = false;
	kill_lower(&c);
	for (enum kind k = DIR_NEW; k <= DIR_LAST; k++) {
		const char *path = take(k);

		ck_err(TRY(chmod(path, 06775)), 0, "chmod of %s", kind_name(k));
		ck_err(TRY(chown(path, 0, 0)), 0, "chown of %s", kind_name(k));
		ck_mode(perm_of(path), 06775, "mode of %s after chown", kind_name(k));
		ck_err(put_text(sf("%s/x", path), "x"), 0, "create in %s", kind_name(k));
		ck_mode(perm_of(path), 06775, "mode of %s after that", kind_name(k));
	}
}

const struct posix_group kill_group = {
	.name = "kill",
	.about = "what clears setuid and setgid",
	.run = run_kill,
	.prepare = prepare,
};
