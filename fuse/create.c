/* Making files, and giving them further names.
 *
 * What has no whiteout under its name is made in its place: the file system below then applies
 * umask, default ACLs and setgid directories itself. What has one is made in the work directory, in
 * a directory that was given the parent's setgid bit and default ACL where it has them, and moved
 * over the whiteout.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "format/override_stat.h"
#include "fuse/content.h"
#include "fuse/copyup.h"
#include "fuse/lookup.h"
#include "fuse/marks.h"
#include "fuse/upper.h"
#include "fuse/work.h"
#include "fuse/xat.h"

#define ACL_DEFAULT "system.posix_acl_default"

/* What is to be made. */
struct birth {
	mode_t mode; /* with type */
	dev_t rdev;
	const char *target; /* of a symlink */
	const struct caller *who;
};

/* On disk: a placeholder where the true type and mode are kept beside. */
static mode_t disk_mode(const struct overlay *o, const struct birth *b)
{
	mode_t perm = b->mode & 07777;

	if (!owner_is_recorded(&o->config.owner) || S_ISLNK(b->mode))
		return b->mode;
	perm = override_stat_disk_mode(perm & ~b->who->umask, S_ISDIR(b->mode));
	return (S_ISDIR(b->mode) ? S_IFDIR : S_IFREG) | perm;
}

/* *ret_fd: of a regular file, open for writing; else -1. */
static int make_at(const struct overlay *o, int dirfd, const char *name, const struct birth *b,
		   int *ret_fd)
{
	mode_t mode = disk_mode(o, b);
	int r;

	*ret_fd = -1;
	work_umask(owner_is_recorded(&o->config.owner) ? 0 : b->who->umask);
	if (S_ISLNK(mode))
		r = symlinkat(b->target, dirfd, name);
	else if (S_ISDIR(mode))
		r = mkdirat(dirfd, name, mode & 07777);
	else if (S_ISREG(mode))
		r = *ret_fd = openat(dirfd, name,
				     O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_NOATIME | O_CLOEXEC,
				     mode & 07777);
	else
		r = mknodat(dirfd, name, mode, b->rdev);
	return r < 0 ? -errno : 0;
}

/* The maker becomes the owner, who the server is not: but for a group that a setgid directory gave.
 */
static int give_to(struct overlay *o, int parentfd, int dirfd, const char *name,
		   const struct birth *b, struct stat *st)
{
	uid_t uid = b->who->uid;
	gid_t gid = b->who->gid;
	struct stat parent;
	int r;

	if (owner_is_recorded(&o->config.owner) && !S_ISLNK(b->mode)) {
		st->st_mode = (b->mode & S_IFMT) | (b->mode & 07777 & ~b->who->umask);
		st->st_uid = uid;
		st->st_gid = gid;
		st->st_rdev = b->rdev;
		return owner_record(&o->config.owner, dirfd, name, st);
	}
	if (uid == st->st_uid || uid == (uid_t)-1)
		uid = (uid_t)-1;
	if (gid == st->st_gid ||
	    (gid != (gid_t)-1 && fstat(parentfd, &parent) == 0 && (parent.st_mode & S_ISGID)))
		gid = (gid_t)-1;
	if (uid == (uid_t)-1 && gid == (gid_t)-1)
		return 0;
	r = upper_chown(dirfd, name, uid, gid);
	if (r == 0 && (st->st_mode & (S_ISUID | S_ISGID)) && !S_ISLNK(st->st_mode))
		r = upper_chmod(dirfd, name, st->st_mode & 07777);
	return r < 0 ? r : upper_stat(dirfd, name, st);
}

static void unmake(int dirfd, const char *name, const struct birth *b)
{
	(void)unlinkat(dirfd, name, S_ISDIR(b->mode) ? AT_REMOVEDIR : 0);
}

static int make_in_place(struct overlay *o, int dirfd, const char *name, const struct birth *b,
			 struct stat *st, int *ret_fd)
{
	int r = make_at(o, dirfd, name, b, ret_fd);

	if (r < 0)
		return r;
	r = upper_stat(dirfd, name, st);
	if (r == 0)
		r = give_to(o, dirfd, dirfd, name, b, st);
	if (r < 0)
		unmake(dirfd, name, b);
	return r;
}

/* A directory in the work directory in which things are born as in dirfd. */
static int make_nest(struct overlay *o, int dirfd, char name[32])
{
	char acl[4096];
	struct stat st;
	ssize_t n;
	int fd;

	work_umask(0);
	work_name(o, name);
	if (mkdirat(o->work, name, 0700) < 0)
		return -errno;
	fd = openat(o->work, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = xat_get(dirfd, "", ACL_DEFAULT, acl, sizeof(acl));
	if (n > 0)
		(void)xat_set(fd, "", ACL_DEFAULT, acl, (size_t)n, 0);
	if (fstat(dirfd, &st) == 0 && (st.st_mode & S_ISGID) &&
	    fchown(fd, (uid_t)-1, st.st_gid) == 0)
		(void)fchmod(fd, 02700);
	return fd;
}

/* Moves what was made over the whiteout of its name: a directory changes places with it. */
static int move_over(int fromfd, const char *from, int dirfd, const char *name, bool directory)
{
	if (!directory)
		return renameat(fromfd, from, dirfd, name) < 0 ? -errno : 0;
	if (renameat2(fromfd, from, dirfd, name, RENAME_EXCHANGE) == 0) {
		(void)unlinkat(fromfd, from, 0);
		return 0;
	}
	if (errno == ENOENT) /* the whiteout is a ".wh." file */
		return renameat(fromfd, from, dirfd, name) < 0 ? -errno : 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (unlinkat(dirfd, name, 0) < 0)
		return -errno;
	return renameat(fromfd, from, dirfd, name) < 0 ? -errno : 0;
}

static int make_over_whiteout(struct overlay *o, int dirfd, const char *name, const struct birth *b,
			      struct stat *st, int *ret_fd)
{
	char nest[32];
	_cleanup_fd_ int nestfd = make_nest(o, dirfd, nest);
	int r;

	if (nestfd < 0)
		return nestfd;
	r = make_at(o, nestfd, "new", b, ret_fd);
	if (r == 0)
		r = upper_stat(nestfd, "new", st);
	if (r == 0)
		r = give_to(o, nestfd, nestfd, "new", b, st);
	/* what the whiteout hid must not show in it */
	if (r == 0 && S_ISDIR(b->mode))
		r = mark_opaque(o, nestfd, "new");
	if (r == 0)
		r = move_over(nestfd, "new", dirfd, name, S_ISDIR(b->mode));
	if (r < 0)
		unmake(nestfd, "new", b);
	(void)unlinkat(o->work, nest, AT_REMOVEDIR);
	if (r == 0)
		whiteout_remove_file(o, dirfd, name);
	return r < 0 ? r : upper_stat(dirfd, name, st);
}

/* Under the directory's lock. */
static int make(struct overlay *o, struct node *dir, const char *name, const struct birth *b,
		struct file *ret)
{
	struct place *upper;
	bool wh_file = false, covered = false;
	_cleanup_fd_ int fd = -1;
	struct stat st;
	int dirfd, r;

	dirfd = upper_pin(o, dir, &upper);
	if (dirfd < 0)
		return dirfd;
	if (o->layers[0].wh_files)
		covered = whiteout_is_there(o, dirfd, name, &wh_file);
	r = covered ? -EEXIST : make_in_place(o, dirfd, name, b, &st, &fd);
	if (r == -EEXIST && (covered || whiteout_is_there(o, dirfd, name, &wh_file)))
		r = make_over_whiteout(o, dirfd, name, b, &st, &fd);
	if (r == 0) {
		listing_put(o, dir->dir, name, b->mode, 0);
		r = lookup_made(o, dir, name, &st, ret);
	}
	if (r == 0 && fd >= 0) { /* it is about to be written */
		ret->node->no_caps = true;
		content_replace(o, ret->node, steal_fd(&fd), true);
	}
	place_unpin(upper);
	return r;
}

static int born(struct overlay *o, struct node *dir, const char *name, const struct birth *b,
		struct file *ret)
{
	struct caller who = *b->who;
	struct birth on_disk = *b;
	int r = mark_is_hidden_name(&o->layers[0], name) ? -EPERM : 0;

	if (r == 0)
		r = copy_up(o, dir, COPY_ATTRS);
	if (r == 0 && !owner_is_recorded(&o->config.owner))
		r = owner_to_disk(&o->config.owner, &who.uid, &who.gid);
	if (r < 0)
		return r == -EINVAL ? -EOVERFLOW : r;
	on_disk.who = &who;
	pthread_rwlock_wrlock(&dir->dir->lock);
	r = make(o, dir, name, &on_disk, ret);
	pthread_rwlock_unlock(&dir->dir->lock);
	return r;
}

int overlay_mknod(struct overlay *o, struct node *dir, const char *name, mode_t mode, dev_t rdev,
		  const struct caller *who, struct file *ret)
{
	const struct birth b = {
		.mode = mode & S_IFMT ? mode : S_IFREG | mode, .rdev = rdev, .who = who};

	/* the kernel's overlay does not let its whiteouts be made either */
	if (S_ISCHR(mode) && rdev == makedev(0, 0) && !owner_is_recorded(&o->config.owner))
		return -EPERM;
	return born(o, dir, name, &b, ret);
}

int overlay_mkdir(struct overlay *o, struct node *dir, const char *name, mode_t mode,
		  const struct caller *who, struct file *ret)
{
	const struct birth b = {.mode = S_IFDIR | (mode & 07777), .who = who};

	return born(o, dir, name, &b, ret);
}

int overlay_symlink(struct overlay *o, struct node *dir, const char *name, const char *target,
		    const struct caller *who, struct file *ret)
{
	const struct birth b = {.mode = S_IFLNK | 0777, .target = target, .who = who};

	return born(o, dir, name, &b, ret);
}

/* --- without a name */

static int open_tmpfile(struct overlay *o, struct node *dir, const struct birth *b, struct stat *st)
{
	struct place *upper;
	int dirfd, fd, r;

	dirfd = upper_pin(o, dir, &upper);
	if (dirfd < 0)
		return dirfd;
	work_umask(owner_is_recorded(&o->config.owner) ? 0 : b->who->umask);
	fd = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, disk_mode(o, b) & 07777);
	r = fd < 0 ? -errno : 0;
	if (r == 0)
		r = upper_stat(fd, "", st);
	if (r == 0)
		r = give_to(o, dirfd, fd, "", b, st);
	place_unpin(upper);
	if (r < 0 && fd >= 0)
		close(fd);
	return r < 0 ? r : fd;
}

static int adopt_tmpfile(struct overlay *o, int fd, const struct stat *st, struct file *ret)
{
	struct node *n = node_new(&o->nodes, S_IFREG);
	int other = fcntl(fd, F_DUPFD_CLOEXEC, 0), r;

	if (!n || other < 0) {
		if (n)
			node_unref(&o->nodes, n);
		close(fd);
		return n ? -EMFILE : -ENOMEM;
	}
	n->ino = shown_ino(&o->layers[0], st);
	r = content_hold(o, n, fd);
	content_replace(o, n, other, true);
	if (r < 0) {
		node_unref(&o->nodes, n);
		return r;
	}
	ret->node = n;
	return overlay_getattr(o, n, &ret->st);
}

int overlay_tmpfile(struct overlay *o, struct node *dir, mode_t mode, const struct caller *caller,
		    struct file *ret)
{
	struct caller who = *caller;
	const struct birth b = {.mode = S_IFREG | (mode & 07777), .who = &who};
	struct stat st;
	int r = copy_up(o, dir, COPY_ATTRS), fd;

	if (r == 0 && !owner_is_recorded(&o->config.owner))
		r = owner_to_disk(&o->config.owner, &who.uid, &who.gid);
	if (r < 0)
		return r == -EINVAL ? -EOVERFLOW : r;
	pthread_rwlock_rdlock(&dir->dir->lock);
	fd = open_tmpfile(o, dir, &b, &st);
	pthread_rwlock_unlock(&dir->dir->lock);
	return fd < 0 ? fd : adopt_tmpfile(o, fd, &st, ret);
}

/* --- further names */

static int link_over_whiteout(struct overlay *o, const char *path, int dirfd, const char *name)
{
	char fresh[32];
	int r;

	work_name(o, fresh);
	if (linkat(AT_FDCWD, path, o->work, fresh, AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	r = renameat(o->work, fresh, dirfd, name) < 0 ? -errno : 0;
	if (r < 0)
		(void)unlinkat(o->work, fresh, 0);
	return r;
}

/* Under the directory's lock: fd is the file's. */
static int link_at(struct overlay *o, struct node *dir, int fd, const char *name)
{
	struct place *upper;
	bool wh_file = false;
	char path[32];
	int dirfd, r;

	dirfd = upper_pin(o, dir, &upper);
	if (dirfd < 0)
		return dirfd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = linkat(AT_FDCWD, path, dirfd, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
	if (r == -EEXIST && whiteout_is_there(o, dirfd, name, &wh_file))
		r = link_over_whiteout(o, path, dirfd, name);
	if (r == 0)
		whiteout_remove_file(o, dirfd, name);
	place_unpin(upper);
	return r;
}

/* A descriptor of the file, and what has to be known of it wherever it gets its next name. */
static int prepare_link(struct overlay *o, struct node *n)
{
	struct target t;
	int r = upper_enter(o, n, true, &t), fd;

	if (r < 0)
		return r;
	r = upper_carry_data(o, n, &t);
	if (r == 0 && *t.name)
		fd = upper_open_path(t.dirfd, t.name);
	else
		fd = r < 0 ? r : fcntl(t.dirfd, F_DUPFD_CLOEXEC, 0);
	upper_leave(o, &t);
	return fd;
}

int overlay_link(struct overlay *o, struct node *n, struct node *dir, const char *name,
		 struct file *ret)
{
	_cleanup_fd_ int fd = -1;
	struct node *same;
	int r = copy_up(o, n, COPY_ATTRS);

	if (r == 0)
		r = copy_up(o, dir, COPY_ATTRS);
	if (r == 0)
		r = fd = prepare_link(o, n);
	if (r < 0)
		return r;
	pthread_rwlock_wrlock(&dir->dir->lock);
	r = upper_make_impure(o, dir, n);
	if (r == 0)
		r = link_at(o, dir, fd, name);
	if (r == 0) {
		listing_put(o, dir->dir, name, n->type, 0);
		r = node_add_name(&o->nodes, n, dir, name) == n ? 0 : -ENOMEM;
	}
	pthread_rwlock_unlock(&dir->dir->lock);
	if (r == 0)
		r = upper_stat(fd, "", &ret->st);
	if (r < 0)
		return r;
	same = node_intern(&o->nodes, n, 0, ret->st.st_ino);
	if (same)
		node_unref(&o->nodes, same);
	owner_show_fd(&o->config.owner, fd, &ret->st);
	show(o, n, &ret->st);
	ret->node = node_ref(n);
	return 0;
}
