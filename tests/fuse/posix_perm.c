/* perm: what the mode forbids its owner, once capabilities are gone; owner: what it forbids others.
 */
#include "posix.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "posix_acl.h"

static int opens(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0644);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int lists(const char *path)
{
	DIR *dir = opendir(path);

	if (!dir)
		return errno;
	closedir(dir);
	return 0;
}

static int stats(const char *path)
{
	struct stat st;

	return TRY(stat(path, &st));
}

struct perm_case {
	const char *path, *name;
	const char *spare; /* another file */
	int back;	   /* DIR */
};

/* ---- the owner of a file, without capabilities ---- */

static void file_modes(const void *arg)
{
	const struct perm_case *c = arg;

	drop_caps();
	for (int mode = 0; mode < 8; mode++) {
		int may_read = mode & 4 ? 0 : EACCES, may_write = mode & 2 ? 0 : EACCES;
		const char *what = sf("%s of mode %d00", c->name, mode);

		ck_err(TRY(chmod(c->path, mode << 6)), 0, "chmod of %s", what);
		ck_err(opens(c->path, O_RDONLY), may_read, "open to read, %s", what);
		ck_err(opens(c->path, O_WRONLY), may_write, "open to write, %s", what);
		ck_err(opens(c->path, O_RDWR), may_read | may_write, "open for both, %s", what);
		ck_err(opens(c->path, O_WRONLY | O_APPEND), may_write, "open to append, %s", what);
		ck_err(opens(c->path, O_WRONLY | O_CREAT), may_write, "open to create, %s", what);
		ck_err(opens(c->path, O_PATH), 0, "open O_PATH, %s", what);
		ck_err(TRY(truncate(c->path, SIZE)), may_write, "truncate, %s", what);
		ck_err(TRY(access(c->path, R_OK)), may_read, "access R_OK, %s", what);
		ck_err(TRY(access(c->path, W_OK)), may_write, "access W_OK, %s", what);
		ck_err(TRY(access(c->path, X_OK)), mode & 1 ? 0 : EACCES, "access X_OK, %s", what);
		ck_err(TRY(utimensat(AT_FDCWD, c->path, NULL, 0)), 0, "utimensat, %s", what);
		ck_err(stats(c->path), 0, "stat, %s", what);
		ck_err(TRY(chown(c->path, -1, -1)), 0, "chown to nobody, %s", what);
		if (!(caps & CAP_XATTR))
			continue;
		ck_err(TRY(setxattr(c->path, "user.perm", "x", 1, 0)), may_write, "setxattr, %s",
		       what);
		ck_err2(TRY(getxattr(c->path, "user.kept", NULL, 0)), may_read,
			may_read ? EACCES : ENODATA, "getxattr, %s", what);
		ck_err(TRY(setxattr(c->path, "trusted.perm", "x", 1, 0)), EPERM,
		       "trusted xattr, %s", what);
	}
	ck_err(TRY(chmod(c->path, 0644)), 0, "chmod of %s back", c->name);
	ck(holds(c->path, content, SIZE), "content of %s at the end", c->name);
}

/* Root has nothing forbidden but to execute what nobody may. */
static void file_root(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind);

	ck_err(TRY(chmod(path, 0)), 0, "chmod of %s", name);
	ck_err(opens(path, O_RDWR), 0, "open of %s by root", name);
	ck_err(TRY(access(path, R_OK | W_OK)), 0, "access of %s by root", name);
	ck_err(TRY(access(path, X_OK)), EACCES, "access X_OK of %s by root", name);
	ck_err(TRY(truncate(path, 10)), 0, "truncate of %s by root", name);
	ck(holds(path, content, 10), "content of %s by root", name);
}

/* ---- the owner of a directory ---- */

static void dir_modes(const void *arg)
{
	const struct perm_case *c = arg;
	const char *file = sf("%s/file", c->path), *sub = sf("%s/dir", c->path);

	drop_caps();
	for (int mode = 0; mode < 8; mode++) {
		const char *what = sf("%s of mode %d00", c->name, mode);
		int pass = mode & 1 ? 0 : EACCES, change = (mode & 3) == 3 ? 0 : EACCES;
		/* of what could not be made; that it is absent is seen first */
		int undo = change == 0 ? 0 : pass ? EACCES : ENOENT;

		ck_err(TRY(chmod(c->path, mode << 6)), 0, "chmod of %s", what);
		ck_err(lists(c->path), mode & 4 ? 0 : EACCES, "readdir, %s", what);
		ck_err(stats(file), pass, "stat below, %s", what);
		ck_err(opens(file, O_RDONLY), pass, "open below, %s", what);
		ck_err(TRY(chmod(file, 0640)), pass, "chmod below, %s", what);
		ck_err(stats(sf("%s/leaf", sub)), pass, "stat two below, %s", what);
		ck_err(stats(sf("%s/absent", c->path)), pass ? pass : ENOENT, "stat of nothing, %s",
		       what);
		ck_err(stats(c->path), 0, "stat, %s", what);
		ck_err(TRY(chdir(c->path)), pass, "chdir, %s", what);
		ck_err(TRY(fchdir(c->back)), 0, "chdir back, %s", what);
		ck_err(opens(sf("%s/made", c->path), O_CREAT | O_WRONLY), change, "create, %s",
		       what);
		ck_err(TRY(mkdir(sf("%s/m", c->path), 0755)), change, "mkdir, %s", what);
		ck_err(TRY(rename(file, sf("%s/made", c->path))), change, "rename, %s", what);
		ck_err(TRY(rename(sf("%s/made", c->path), file)), undo, "rename back, %s", what);
		ck_err(TRY(link(file, sf("%s/made", c->path))), change, "link, %s", what);
		ck_err(TRY(unlink(sf("%s/made", c->path))), undo, "unlink, %s", what);
		ck_err(TRY(rmdir(sf("%s/m", c->path))), undo, "rmdir, %s", what);
		ck_err(TRY(symlink("x", sf("%s/made", c->path))), change, "symlink, %s", what);
		ck_err(TRY(rename(c->spare, sf("%s/made", c->path))), change, "rename in, %s",
		       what);
		ck_err(TRY(rename(sf("%s/made", c->path), c->spare)), undo, "rename out, %s", what);
		ck_err(TRY(mkfifo(sf("%s/made", c->path), 0600)), change, "mkfifo, %s", what);
		ck_err(TRY(unlink(sf("%s/made", c->path))), undo, "unlink of the fifo, %s", what);
		if ((caps & CAP_TMPFILE) && !fuse_before(6, 2))
			ck_err(opens(c->path, O_TMPFILE | O_RDWR), change, "O_TMPFILE, %s", what);
	}
	ck_err(TRY(chmod(c->path, 0755)), 0, "chmod of %s back", c->name);
	ck_str(names_in(c->path), "dir file", "names in %s at the end", c->name);
}

static void without_devices(const void *arg)
{
	(void)arg;
	drop_caps();
	ck_err(TRY(mknod("new/perm-device", S_IFCHR | 0600, makedev(1, 3))), EPERM,
	       "mknod c 1 3 without CAP_MKNOD");
	ck_err(TRY(mknod("new/perm-block", S_IFBLK | 0600, makedev(7, 3))), EPERM,
	       "mknod b 7 3 without CAP_MKNOD");
	ck(chown("new/perm-spare", 12345, -1) != 0, "chown without CAP_CHOWN is refused");
}

static void run_perm(void)
{
	struct perm_case c = {.spare = "new/perm-spare"};

	c.back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_err(put_text(c.spare, "spare"), 0, "create");
	for (enum kind k = 0; k <= FILE_LAST; k++) {
		c.path = take(k);
		c.name = kind_name(k);
		in_child(file_modes, &c);
		file_root(k);
	}
	for (enum kind k = FULL_NEW; k <= FULL_LAST; k++) {
		c.path = take(k);
		c.name = kind_name(k);
		in_child(dir_modes, &c);
	}
	in_child(without_devices, NULL);
	close(c.back);
}

const struct posix_group perm_group = {
	.name = "perm",
	.about = "what the mode forbids an owner without capabilities",
	.run = run_perm,
};

/* ---- owner: several ids ---- */

#define ME 1001
#define OTHER 1002
#define MY_GROUP 2001

/* The file is root's: mode 0640 and 0604, and with an ACL for ME. */
static void stranger(const void *arg)
{
	const struct perm_case *c = arg;
	const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

	if (!become(ME, MY_GROUP))
		die("cannot become another user: %s", strerror(errno));
	ck_err(TRY(chmod(c->path, 0777)), EPERM, "chmod of another's %s", c->name);
	ck_err(TRY(chown(c->path, ME, -1)), EPERM, "chown of another's %s", c->name);
	ck_err(TRY(chown(c->path, -1, MY_GROUP)), EPERM, "chgrp of another's %s", c->name);
	ck_err(TRY(utimensat(AT_FDCWD, c->path, times, 0)), EPERM, "utimensat of another's %s",
	       c->name);
	ck_err(TRY(utimensat(AT_FDCWD, c->path, NULL, 0)), EACCES,
	       "utimensat to now of another's %s", c->name);
	ck_err(opens(c->path, O_RDONLY), 0, "open of another's %s to read", c->name);
	ck_err(opens(c->path, O_WRONLY), EACCES, "open of another's %s to write", c->name);
	ck_err(opens(c->path, O_RDONLY | O_NOATIME), EPERM, "O_NOATIME of another's %s", c->name);
	ck_err(opens(c->path, O_RDONLY | O_TRUNC), EACCES, "O_TRUNC of another's %s", c->name);
	ck_err(TRY(truncate(c->path, 1)), EACCES, "truncate of another's %s", c->name);
	ck_err(TRY(unlink(c->path)), EACCES, "unlink of another's %s", c->name);
	if (caps & CAP_XATTR)
		ck_err(TRY(setxattr(c->path, "user.a", "x", 1, 0)), EACCES,
		       "setxattr of another's %s", c->name);
	ck(holds(c->path, content, SIZE), "content of another's %s", c->name);
}

static void by_group_and_acl(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind);
	struct perm_case c = {.path = path, .name = name};
	struct acl acl = {0};

	in_child(stranger, &c);
	ck_err(TRY(chown(path, OTHER, MY_GROUP)), 0, "chown of %s", name);
	ck_err(TRY(chmod(path, 0640)), 0, "chmod of %s", name);
	in_child(stranger, &c);
	if (!(caps & CAP_ACL))
		return;
	ck_err(TRY(chown(path, OTHER, OTHER)), 0, "chown of %s again", name);
	acl_add(&acl, ACL_USER_OBJ, 6, 0);
	acl_add(&acl, ACL_USER, 4, ME);
	acl_add(&acl, ACL_GROUP_OBJ, 0, 0);
	acl_add(&acl, ACL_MASK, 6, 0);
	acl_add(&acl, ACL_OTHER, 0, 0);
	ck_err(TRY(acl_set(path, ACL_ACCESS, &acl)), 0, "ACL of %s", name);
	ck_str(acl_text(path, ACL_ACCESS), sf("u::6 u:%d:4 g::0 m::6 o::0", ME), "ACL of %s", name);
	in_child(stranger, &c);
}

static void in_sticky(const void *arg)
{
	const struct perm_case *c = arg;

	if (!become(ME, MY_GROUP))
		die("cannot become another user: %s", strerror(errno));
	ck_err(TRY(unlink(sf("%s/file", c->path))), EPERM, "unlink of another's file in sticky %s",
	       c->name);
	ck_err(TRY(rename(sf("%s/file", c->path), sf("%s/x", c->path))), EPERM,
	       "rename of another's file in sticky %s", c->name);
	ck_err2(TRY(rmdir(sf("%s/dir", c->path))), EPERM, ENOTEMPTY,
		"rmdir of another's in sticky %s", c->name);
	ck_err(put_text(sf("%s/mine", c->path), "mine"), 0, "create in sticky %s", c->name);
	ck_err(TRY(rename(sf("%s/mine", c->path), sf("%s/file", c->path))), EPERM,
	       "rename over another's file in sticky %s", c->name);
	ck_err(TRY(rename(sf("%s/mine", c->path), sf("%s/mine2", c->path))), 0,
	       "rename of my own in sticky %s", c->name);
	ck_err(TRY(unlink(sf("%s/mine2", c->path))), 0, "unlink of my own in sticky %s", c->name);
	ck_err(make_dir(sf("%s/my-dir", c->path)), 0, "mkdir in sticky %s", c->name);
	ck_err(TRY(rmdir(sf("%s/my-dir", c->path))), 0, "rmdir of my own in sticky %s", c->name);
}

static void mine(const void *arg)
{
	const struct perm_case *c = arg;
	const char *file = sf("%s/setgid", c->path);
	struct stat st;

	if (!become(ME, MY_GROUP))
		die("cannot become another user: %s", strerror(errno));
	ck_err(put_text(file, "x"), 0, "create in %s", c->name);
	ck_err(TRY(stat(file, &st)), 0, "stat of my file in %s", c->name);
	ck_num(st.st_uid, ME, "owner of my file in %s", c->name);
	ck_num(st.st_gid, OTHER, "group of my file in %s", c->name);
	/* a group that is not mine: no setgid for me */
	ck_err(TRY(chmod(file, 02755)), 0, "chmod g+s in %s", c->name);
	ck_mode(perm_of(file), 0755, "mode of my file in another's group, %s", c->name);
	ck_err(TRY(chown(file, -1, MY_GROUP)), 0, "chgrp to my group in %s", c->name);
	ck_err(TRY(chown(file, -1, 4242)), EPERM, "chgrp to a group that is not mine in %s",
	       c->name);
	ck_err(TRY(chown(file, OTHER, -1)), EPERM, "chown away in %s", c->name);
	ck_err(TRY(chmod(file, 02755)), 0, "chmod g+s in my group, %s", c->name);
	ck_mode(perm_of(file), 02755, "mode of my file in my group, %s", c->name);
	ck_err(TRY(mkdir(sf("%s/mine", c->path), 0755)), 0, "mkdir in %s", c->name);
	ck_mode(perm_of(sf("%s/mine", c->path)), 02755, "mode of my directory in %s", c->name);
	ck_err(TRY(mknod(sf("%s/node", c->path), S_IFREG | 02755, 0)), 0, "mknod in %s", c->name);
	ck_mode(perm_of(sf("%s/node", c->path)), 0755, "mode of my setgid node in %s", c->name);
}

static void run_owner(void)
{
	struct perm_case c = {0};

	if (!(caps & CAP_IDS))
		return;
	for (enum kind k = 0; k <= FILE_LAST; k++)
		by_group_and_acl(k);
	for (enum kind k = FULL_NEW; k <= FULL_LAST; k++) {
		c.path = take(k);
		c.name = kind_name(k);
		ck_err(TRY(chmod(c.path, 01777)), 0, "chmod of %s", c.name);
		in_child(in_sticky, &c);
		ck_str(names_in(c.path), "dir file", "names in sticky %s", c.name);
	}
	for (enum kind k = DIR_NEW; k <= DIR_LAST; k++) {
		c.path = take(k);
		c.name = kind_name(k);
		ck_err(TRY(chown(c.path, 0, OTHER)), 0, "chown of %s", c.name);
		ck_err(TRY(chmod(c.path, 02777)), 0, "chmod of %s", c.name);
		in_child(mine, &c);
	}
}

const struct posix_group owner_group = {
	.name = "owner",
	.about = "what other users may do; sticky and setgid directories (needs several ids)",
	.run = run_owner,
};
