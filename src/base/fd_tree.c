/* Theory of operation
 *
 * A tree to be removed may come from an image: as deep as somebody likes, with directories nobody
 * may read. One descriptor and one stack frame are spent a level, so the depth is bounded: a
 * directory at level MAX_DEPTH that is not empty is moved up into the top of the tree, under a
 * fresh name, and the top is gone through again until it is empty. No path is ever walked from the
 * root, no link followed, no file system left.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

#define MAX_DEPTH 100
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct removal {
	int top; /* the tree's own directory */
	dev_t dev;
	unsigned long moved;
	int code;	/* the first error */
	char name[256]; /* where it was */
};

static void failed(struct removal *r, int code, const char *name)
{
	if (r->code)
		return;
	r->code = code;
	snprintf(r->name, sizeof(r->name), "%s", name);
}

/* Opens a directory, with u+rwx given where it is missing. */
static int open_dir(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, DIR_FLAGS);
	struct stat st;

	if (fd < 0 && errno == EACCES) {
		/* Not through a link: it is a directory, and fchmodat of one that becomes a link
		 * only touches a file of ours. */
		if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode) ||
		    fchmodat(dirfd, name, 0700, 0) < 0)
			return -EACCES;
		fd = openat(dirfd, name, DIR_FLAGS);
	}
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && (st.st_mode & 0700) != 0700)
		fchmod(fd, 0700);
	return fd;
}

static bool move_up(struct removal *r, int dirfd, const char *name)
{
	char fresh[64];

	snprintf(fresh, sizeof(fresh), ".removing-%ld-%lu", (long)getpid(), r->moved++);
	return renameat(dirfd, name, r->top, fresh) == 0;
}

static void remove_entry(struct removal *r, int dirfd, const char *name, unsigned int depth);

static void remove_content(struct removal *r, int fd, unsigned int depth)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	_cleanup_dir_ DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (!dir) {
		failed(r, errno, "");
		return;
	}
	rewinddir(dir); /* the position is shared with fd, which an earlier pass left at the end */
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			remove_entry(r, fd, entry->d_name, depth + 1);
	}
}

static void remove_dir(struct removal *r, int dirfd, const char *name, unsigned int depth)
{
	_cleanup_fd_ int fd = -1;
	struct stat st;

	if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return;
	if (errno != ENOTEMPTY && errno != EEXIST) {
		failed(r, errno, name);
		return;
	}
	if (depth >= MAX_DEPTH && move_up(r, dirfd, name))
		return;
	fd = open_dir(dirfd, name);
	if (fd == -ENOENT)
		return;
	if (fd < 0 || fstat(fd, &st) < 0) {
		failed(r, fd < 0 ? -fd : errno, name);
		return;
	}
	if (st.st_dev != r->dev) {
		failed(r, EBUSY, name);
		return;
	}
	remove_content(r, fd, depth);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		failed(r, errno, name);
}

static void remove_entry(struct removal *r, int dirfd, const char *name, unsigned int depth)
{
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return;
	if (errno == EISDIR || errno == EPERM)
		remove_dir(r, dirfd, name, depth);
	else
		failed(r, errno, name);
}

/* Until a pass moved nothing up: what is left then could not be removed. */
static void empty_top(struct removal *r)
{
	unsigned long before;

	do {
		before = r->moved;
		remove_content(r, r->top, 0);
	} while (r->moved != before && !r->code);
}

int fd_remove_tree(int dirfd, const char *name, struct err *err)
{
	struct removal r = {.top = -1};
	_cleanup_fd_ int top = -1;
	struct stat st;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_sys(err, errno, "cannot remove '%s'", name);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	top = open_dir(dirfd, name);
	if (top == -ENOENT)
		return 0;
	if (top < 0 || fstat(top, &st) < 0)
		return err_sys(err, top < 0 ? -top : errno, "cannot remove '%s'", name);
	r.top = top;
	r.dev = st.st_dev;
	empty_top(&r);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (!r.code)
		failed(&r, errno, "");
	return err_sys(err, r.code, "cannot remove '%s'%s%s%s", name, *r.name ? " ('" : "", r.name,
		       *r.name ? "' in it)" : "");
}
