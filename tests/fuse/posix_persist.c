/* persist: what must be the same after the file system was unmounted and mounted again. The group
 * makes objects whose every property is known, and --verify looks at them and goes on working with
 * them. */
#include "posix.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "posix_acl.h"
#include "posix_xattr.h"

/* Objects keep their paths in files of "keep", one for each step. */
static void keep(const char *what, const char *path)
{
	ck_err(put_text(sf("keep/%s", what), path), 0, "create of keep/%s", what);
}

static const char *kept(const char *what)
{
	char path[300] = "";
	int fd = open(sf("keep/%s", what), O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, path, sizeof(path) - 1) < 0)
		ck_err(errno, 0, "keep/%s", what);
	close(fd);
	return sf("%s", path);
}

static void make_files(enum kind k)
{
	const struct timespec times[2] = {{.tv_sec = 111, .tv_nsec = 222},
					  {.tv_sec = 333, .tv_nsec = 444}};
	const char *path = take(k), *to = beside(ABSENT_MIX), *name = kind_name(k);

	ck_err(put_text(path, "kept"), 0, "write of %s", name);
	ck_err(TRY(chmod(path, 04711)), 0, "chmod of %s", name);
	if (caps & CAP_XATTR) {
		ck_err(TRY(setxattr(path, "user.more", "more", 4, 0)), 0, "setxattr of %s", name);
		ck_err(TRY(removexattr(path, "user.kept")), 0, "removexattr of %s", name);
	}
	ck_err(TRY(rename(path, to)), 0, "rename of %s", name);
	ck_err(TRY(link(to, sf("%s-2", to))), 0, "link of %s", name);
	ck_err(TRY(link(to, sf("new/persist-%s", name))), 0, "link of %s elsewhere", name);
	ck_err(TRY(utimensat(AT_FDCWD, to, times, 0)), 0, "utimensat of %s", name);
	keep(sf("%s-was", name), path);
	keep(sf("%s-is", name), to);
}

static void verify_files(enum kind k)
{
	const char *name = kind_name(k), *was = kept(sf("%s-was", name)),
		   *is = kept(sf("%s-is", name));
	nlink_t links = k == FILE_HARD ? 4 : 3;
	struct stat st;

	ck(!exists(was), "the old name of %s is gone", name);
	ck(holds(is, "kept", 4), "content of %s", name);
	if (!ck_err(TRY(lstat(is, &st)), 0, "lstat of %s", name))
		return;
	ck_mode(st.st_mode, S_IFREG | 04711, "mode of %s", name);
	ck_num(st.st_nlink, links, "links of %s", name);
	ck_num(ino_of(sf("%s-2", is)), st.st_ino, "inode number of %s's second name", name);
	ck_num(ino_of(sf("new/persist-%s", name)), st.st_ino, "inode number of %s's third name",
	       name);
	ck_num(st.st_mtim.tv_sec, 333, "mtime of %s", name);
	ck_num(st.st_mtim.tv_nsec, 444, "nanoseconds of %s's mtime", name);
	if (caps & CAP_XATTR)
		ck_str(xattr_names(is), "user.more", "xattrs of %s", name);
	/* and they still are one file */
	ck_err(put_text(sf("%s-2", is), "changed"), 0, "write to %s's second name", name);
	ck(holds(is, "changed", 7), "content of %s's first name", name);
	ck_num(ino_of(is), st.st_ino, "inode number of %s after that", name);
}

static void make_gone(enum kind k)
{
	const char *path = take(k), *again = take(k), *name = kind_name(k);

	ck_err(remove_tree(path), 0, "removing %s", name);
	keep(sf("%s-gone", name), path);
	ck_err(remove_tree(again), 0, "removing another %s", name);
	ck_err(make_dir(again), 0, "a directory instead of %s", name);
	ck_err(put_text(sf("%s/own", again), "own"), 0, "a file in it");
	keep(sf("%s-again", name), again);
}

static void verify_gone(enum kind k)
{
	const char *name = kind_name(k), *again = kept(sf("%s-again", name));
	const char *gone = kept(sf("%s-gone", name));
	unsigned char type;
	ino_t ino;

	ck(!exists(gone), "%s stays removed", name);
	ck(!entry_of(gone, &type, &ino), "readdir does not show %s", name);
	ck_str(names_in(again), "own", "names in what was made instead of %s", name);
	ck_err(make_dir(gone), 0, "mkdir where %s was", name);
	ck_str(names_in(gone), "", "what is in it, where %s was", name);
	ck_err(TRY(rmdir(gone)), 0, "rmdir where %s was", name);
}

static void make_moved(enum kind k)
{
	const char *path = take(k), *to = beside(ABSENT_NEW), *name = kind_name(k);

	keep(sf("%s-moved", name), path);
	keep(sf("%s-to", name), path);
	if (!ck_err(TRY(rename(path, to)), 0, "rename of %s", name))
		return;
	keep(sf("%s-to", name), to);
	ck_err(TRY(chmod(to, 0711)), 0, "chmod of the renamed %s", name);
	ck_err(TRY(unlink(sf("%s/file", to))), 0, "unlink in the renamed %s", name);
	ck_err(put_text(sf("%s/own", to), "own"), 0, "create in the renamed %s", name);
	ck_err(make_dir(path), 0, "mkdir where %s was", name);
	ck_err(TRY(rename(sf("%s/dir", to), sf("%s/sub", path))), 0, "rename across, %s", name);
}

static void verify_moved(enum kind k)
{
	const char *name = kind_name(k), *was = kept(sf("%s-moved", name)),
		   *is = kept(sf("%s-to", name));

	if (strcmp(was, is) == 0)
		return; /* it was refused, and that was counted then */
	ck_str(names_in(is), "own", "names in the renamed %s", name);
	ck_mode(perm_of(is), 0711, "mode of the renamed %s", name);
	ck_str(names_in(was), "sub", "names where %s was", name);
	ck_str(names_in(sf("%s/sub", was)), "leaf", "names in what was moved across, %s", name);
	ck(holds(sf("%s/sub/leaf", was), content, SIZE), "leaf of %s", name);
	ck_err(TRY(rename(sf("%s/sub", was), sf("%s/dir", is))), 0, "rename back, %s", name);
	ck_err(TRY(rmdir(was)), 0, "rmdir where %s was", name);
	ck_err(TRY(rename(is, was)), 0, "rename of %s back", name);
	ck_str(names_in(was), "dir own", "names of %s that is back", name);
	ck(holds(sf("%s/dir/leaf", was), content, SIZE), "leaf of %s that is back", name);
}

/* A mark of every sort on every sort of object. */
static void make_marked(enum kind k)
{
	const char *path = take(k), *name = kind_name(k);
	struct acl acl = {0};

	keep(sf("%s-marked", name), path);
	if (caps & CAP_IDS)
		ck_err(TRY(lchown(path, 1001, 1002)), 0, "chown of %s", name);
	if ((caps & CAP_ACL) && k <= FULL_LAST) {
		acl_add(&acl, ACL_USER_OBJ, 7, 0);
		acl_add(&acl, ACL_USER, 5, 0);
		acl_add(&acl, ACL_GROUP_OBJ, 4, 0);
		acl_add(&acl, ACL_MASK, 5, 0);
		acl_add(&acl, ACL_OTHER, 0, 0);
		ck_err(TRY(acl_set(path, ACL_ACCESS, &acl)), 0, "ACL of %s", name);
		if (S_ISDIR(kind_type(k)))
			ck_err(TRY(acl_set(path, ACL_DEFAULT, &acl)), 0, "default ACL of %s", name);
	} else if (!S_ISLNK(kind_type(k))) {
		ck_err(TRY(chmod(path, 0705)), 0, "chmod of %s", name);
	}
}

static void verify_marked(enum kind k)
{
	const char *name = kind_name(k), *path = kept(sf("%s-marked", name));
	struct stat st;

	ck_err(TRY(lstat(path, &st)), 0, "lstat of %s", name);
	ck_num(st.st_uid, caps & CAP_IDS ? 1001 : 0, "owner of %s", name);
	ck_num(st.st_gid, caps & CAP_IDS ? 1002 : 0, "group of %s", name);
	if ((caps & CAP_ACL) && k <= FULL_LAST) {
		ck_mode(st.st_mode & 07777, 0750, "mode of %s", name);
		ck_str(acl_text(path, ACL_ACCESS), "u::7 u:0:5 g::4 m::5 o::0", "ACL of %s", name);
		if (S_ISDIR(st.st_mode))
			ck_str(acl_text(path, ACL_DEFAULT), "u::7 u:0:5 g::4 m::5 o::0",
			       "default ACL of %s", name);
	} else if (!S_ISLNK(kind_type(k))) {
		ck_mode(st.st_mode & 07777, 0705, "mode of %s", name);
	}
}

static void run(void)
{
	ck_err(make_dir("keep"), 0, "mkdir");
	for (enum kind k = 0; k <= FILE_LAST; k++)
		make_files(k);
	for (enum kind k = 0; k < ABSENT_NEW; k++) {
		make_gone(k);
		make_marked(k);
	}
	for (enum kind k = FULL_NEW; k <= FULL_LAST; k++)
		make_moved(k);
}

const struct posix_group persist_group = {
	.name = "persist",
	.about = "what --verify looks at after another mount",
	.run = run,
};

void persist_verify(void)
{
	for (enum kind k = 0; k <= FILE_LAST; k++)
		verify_files(k);
	for (enum kind k = 0; k < ABSENT_NEW; k++) {
		verify_gone(k);
		verify_marked(k);
	}
	for (enum kind k = FULL_NEW; k <= FULL_LAST; k++)
		verify_moved(k);
}
