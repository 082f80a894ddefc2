#include "base/fd.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Theory of operation of fd_remove_tree.
 *
 * The tree was made by a container or a hostile layer: it may be deeper than the stack or the limit
 * of open files, its directories may be unreadable, a name may turn into a symlink while we look,
 * and a forgotten bind mount in it would lead into the user's own files. So:
 *
 * - The walk is a loop over a heap of levels. A level is read to its end at once: what is no
 * directory is unlinked on the way, the names of the subdirectories are kept. Nothing is read
 * twice, so an entry that cannot be removed is met once.
 * - Only the deepest TREE_OPEN_LEVELS levels keep a descriptor. Going up to one without goes by
 * "..", and the device and inode found there must be the ones it had on the way down: a directory
 * moved meanwhile cannot lead us out of the tree.
 * - Every name is opened relative to its parent's descriptor with O_NOFOLLOW, and no directory is
 * entered that is the root of a mount, or on another device.
 */

#define TREE_OPEN_LEVELS 32
/* directories whose reading skipped entries while others were removed (NFS) are read again */
#define TREE_PASSES 8
#define TREE_DENTS (32 * 1024)

struct tree_level {
	int fd;	    /* -1: given up for depth, to be found by ".." */
	char *name; /* below the parent level */
	dev_t dev;
	ino_t ino;
	char **subdirs; /* names still to remove are next..n-1 */
	size_t n, cap, next;
	int passes;
	bool failed; /* something below stays: its removal would only say "not empty" */
};

struct tree {
	struct tree_level *levels;
	size_t depth, cap;
	int parent;	 /* holds level 0; borrowed */
	const char *top; /* the name the caller gave, for errors */
	char *dents;
	struct err *err;
	int code; /* the first error, negative */
};

/* Records the first error. */
static void tree_fail(struct tree *t, int code, const char *name, const char *what)
{
	if (t->depth > 0)
		t->levels[t->depth - 1].failed = true;
	if (t->code < 0)
		return;
	if (t->depth > 0)
		t->code = err_sys(t->err, code, "cannot %s '%s' in '%s'", what, name, t->top);
	else
		t->code = err_sys(t->err, code, "cannot %s '%s'", what, t->top);
}

/* u+rwx for a directory, by an O_PATH descriptor: chmod by name could be led elsewhere by a
 * symlink. */
static int tree_open_path(int fd, int path_fd, mode_t mode)
{
	char link[40];
	int opened;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", path_fd);
	if (chmod(link, (mode & 07777) | 0700) < 0)
		return -errno;
	opened = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return opened < 0 ? -errno : opened;
}

/* Opens directory `name` below parent for reading, whatever its mode. Returns the descriptor or
 * -errno
 * (-ENOTDIR: it is no directory any more). */
static int tree_open_dir(int parent, const char *name)
{
	_cleanup_fd_ int path_fd = -1;
	struct stat st;
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 || errno != EACCES)
		return fd < 0 ? -errno : fd;
	path_fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (path_fd < 0 || fstat(path_fd, &st) < 0)
		return -errno;
	return tree_open_path(path_fd, path_fd, st.st_mode);
}

/* Whether the open directory is where another mount begins. A bind mount of the same file system
 * has the same device number: only statx (5.8) tells. */
static int tree_check_mount(const struct tree *t, int fd, struct statx *stx)
{
	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, stx) < 0)
		return -errno;
#ifdef STATX_ATTR_MOUNT_ROOT
	if (stx->stx_attributes_mask & stx->stx_attributes & STATX_ATTR_MOUNT_ROOT)
		return -EBUSY;
#endif
	if (t->depth > 0 &&
	    t->levels[t->depth - 1].dev != makedev(stx->stx_dev_major, stx->stx_dev_minor))
		return -EBUSY;
	return 0;
}

/* Enters directory `name` (owned by the caller) of the deepest level. Returns 0 or -errno. */
static int tree_push(struct tree *t, int parent, const char *name)
{
	_cleanup_fd_ int fd = tree_open_dir(parent, name);
	struct tree_level *l;
	struct statx stx;
	int r;

	if (fd < 0)
		return fd;
	r = tree_check_mount(t, fd, &stx);
	if (r < 0)
		return r;
	/* failing here shows at the first entry; an empty directory does not need it */
	if ((stx.stx_mode & 0700) != 0700)
		fchmod(fd, (stx.stx_mode & 07777) | 0700);
	t->levels = vec_grow(t->levels, &t->cap, t->depth + 1, sizeof(*t->levels));
	l = &t->levels[t->depth++];
	memset(l, 0, sizeof(*l));
	l->name = xstrdup(name);
	l->dev = makedev(stx.stx_dev_major, stx.stx_dev_minor);
	l->ino = stx.stx_ino;
	l->fd = steal_fd(&fd);
	if (t->depth > TREE_OPEN_LEVELS)
		fd_closep(&t->levels[t->depth - 1 - TREE_OPEN_LEVELS].fd);
	return 0;
}

static void tree_level_release(struct tree_level *l)
{
	fd_closep(&l->fd);
	for (size_t i = l->next; i < l->n; i++)
		free(l->subdirs[i]);
	free(l->subdirs);
	free(l->name);
}

/* Unlinks what is no directory in the deepest level and lists the directories. */
static void tree_read_level(struct tree *t)
{
	struct tree_level *l = &t->levels[t->depth - 1];
	ssize_t n;

	l->n = l->next = 0;
	l->passes++;
	while ((n = getdents64(l->fd, t->dents, TREE_DENTS)) > 0) {
		for (char *p = t->dents; p < t->dents + n;) {
			struct dirent64 *d = (struct dirent64 *)p;

			p += d->d_reclen;
			if (str_eq(d->d_name, ".") || str_eq(d->d_name, ".."))
				continue;
			if (d->d_type != DT_DIR) {
				if (unlinkat(l->fd, d->d_name, 0) == 0 || errno == ENOENT)
					continue;
				/* what Linux answers for a directory */
				if (errno != EISDIR) {
					tree_fail(t, errno, d->d_name, "remove");
					continue;
				}
			}
			l->subdirs = vec_grow(l->subdirs, &l->cap, l->n + 1, sizeof(*l->subdirs));
			l->subdirs[l->n++] = xstrdup(d->d_name);
		}
	}
	/* ENOENT: another process removed it while we read */
	if (n < 0 && errno != ENOENT)
		tree_fail(t, errno, l->name, "read");
}

/* Finds the descriptor of the level above again. Returns 0 or -errno. */
static int tree_reopen_parent(struct tree *t)
{
	struct tree_level *child = &t->levels[t->depth - 1], *l = child - 1;
	struct stat st;

	if (l->fd >= 0)
		return 0;
	l->fd = openat(child->fd, "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (l->fd < 0)
		return -errno;
	if (fstat(l->fd, &st) < 0)
		return -errno;
	return st.st_dev == l->dev && st.st_ino == l->ino ? 0 : -ESTALE;
}

/* Removes the deepest level, which was worked through. Returns 0 to go on, or -errno when the way
 * up is lost. */
static int tree_pop(struct tree *t)
{
	struct tree_level *l = &t->levels[t->depth - 1];
	int parent = t->parent, r;

	if (t->depth > 1) {
		r = tree_reopen_parent(t);
		if (r < 0) {
			tree_fail(t, -r, l->name, "return from");
			return r;
		}
		parent = l[-1].fd;
	}
	r = l->failed ? -ENOTEMPTY : unlinkat(parent, l->name, AT_REMOVEDIR) < 0 ? -errno : 0;
	if ((r == -ENOTEMPTY || r == -EEXIST) && !l->failed && l->passes < TREE_PASSES) {
		lseek(l->fd, 0, SEEK_SET);
		free(l->subdirs);
		l->subdirs = NULL;
		l->cap = 0;
		tree_read_level(t);
		return 0;
	}
	t->depth--;
	if (r < 0 && r != -ENOENT) {
		if (l->failed && t->depth > 0)
			l[-1].failed = true;
		else if (!l->failed)
			tree_fail(t, -r, l->name, "remove");
	}
	tree_level_release(l);
	return 0;
}

/* Takes the next subdirectory of the deepest level. */
static void tree_descend(struct tree *t)
{
	struct tree_level *l = &t->levels[t->depth - 1];
	_cleanup_free_ char *name = l->subdirs[l->next++];
	int r;

	if (unlinkat(l->fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return;
	r = tree_push(t, l->fd, name);
	if (r == 0)
		tree_read_level(t);
	else if (r == -ENOTDIR || r == -ELOOP) /* replaced meanwhile by something else */
		r = unlinkat(l->fd, name, 0) < 0 ? -errno : 0;
	if (r < 0 && r != -ENOENT)
		tree_fail(t, -r, name, "remove");
}

int fd_remove_tree(int dirfd, const char *name, struct err *err)
{
	struct tree t = {.parent = dirfd, .top = name, .err = err};
	int r;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return err_sys(err, errno, "cannot remove '%s'", name);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	r = tree_push(&t, dirfd, name);
	if (r < 0)
		return r == -ENOENT ? 0 : err_sys(err, -r, "cannot remove '%s'", name);
	t.dents = xmalloc(TREE_DENTS);
	tree_read_level(&t);
	while (t.depth > 0) {
		struct tree_level *l = &t.levels[t.depth - 1];

		if (l->next < l->n)
			tree_descend(&t);
		else if (tree_pop(&t) < 0)
			break;
	}
	while (t.depth > 0)
		tree_level_release(&t.levels[--t.depth]);
	free(t.levels);
	free(t.dents);
	return t.code;
}

/* Makes each directory of the path, the last one included. Returns 0 or -errno, at the first that
 * cannot be made. */
static int mkdir_each(int dirfd, char *path, mode_t mode)
{
	for (char *p = path; *p;) {
		char c;

		p += strspn(p, "/");
		p += strcspn(p, "/");
		c = *p;
		*p = '\0';
		if (mkdirat(dirfd, path, mode) < 0 && errno != EEXIST)
			return -errno;
		*p = c;
	}
	return 0;
}

int fd_mkdir_p(int dirfd, const char *path, mode_t mode, struct err *err)
{
	_cleanup_free_ char *part = NULL;
	struct stat st;
	int r;

	if (mkdirat(dirfd, path, mode) == 0)
		return 0;
	r = -errno;
	if (r == -ENOENT && *path) {
		part = xstrdup(path);
		r = mkdir_each(dirfd, part, mode);
		if (r < 0)
			return err_sys(err, -r, "cannot make the directory '%s'", part);
		r = -EEXIST;
	}
	if (r != -EEXIST)
		return err_sys(err, -r, "cannot make the directory '%s'", path);
	if (fstatat(dirfd, path, &st, 0) < 0)
		return err_sys(err, errno, "cannot make the directory '%s'", path);
	if (!S_ISDIR(st.st_mode))
		return err_sys(err, ENOTDIR, "cannot make the directory '%s'", path);
	return 0;
}

int fd_open_private_dir(int dirfd, const char *name, struct err *err)
{
	_cleanup_fd_ int path_fd = -1;
	char link[40];
	struct stat st;
	int fd;

	if (mkdirat(dirfd, name, 0700) < 0 && errno != EEXIST)
		return err_sys(err, errno, "cannot make the directory '%s'", name);
	/* O_PATH: one with mode 0 is repaired, too */
	path_fd = openat(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (path_fd < 0 || fstat(path_fd, &st) < 0)
		return err_sys(err, errno, "cannot open the directory '%s'", name);
	if (st.st_uid != geteuid())
		return err_set(err, EPERM, "directory '%s' belongs to user %u, not to you", name,
			       (unsigned int)st.st_uid);
	if ((st.st_mode & 0777) != 0700) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", path_fd);
		if (chmod(link, 0700) < 0 || fstat(path_fd, &st) < 0)
			return err_sys(err, errno, "cannot set mode 0700 on the directory '%s'",
				       name);
		if ((st.st_mode & 0777) != 0700)
			return err_set(err, EPERM,
				       "directory '%s' stays open to others (mode %04o): "
				       "its file system does not keep modes",
				       name, (unsigned int)st.st_mode & 07777);
	}
	fd = openat(path_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, errno, "cannot open the directory '%s'", name) : fd;
}
