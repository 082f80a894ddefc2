#include "base/root_walk.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

/* Theory of operation.
 *
 * The walk is always in one directory below the root; `levels` is the way to it, one entry for each
 * directory entered. A name is opened O_PATH | O_NOFOLLOW relative to the directory before it, so
 * the kernel never follows a symlink for us. A link's target is put in front of what is left of the
 * path; an absolute one first returns to the root. ".." is never given to the kernel (it would be
 * the parent at that moment, and a rename could have moved us out): it drops the last level, and at
 * the root it drops nothing.
 *
 * A path has up to 2048 components, a process often only 1024 descriptors. So only the deepest
 * WALK_OPEN_LEVELS levels keep theirs; when ".." reaches a level without one, the way is walked
 * again from the root by its names, which are known to be no links: one that has become a link
 * since is refused.
 */

#define WALK_OPEN_LEVELS 16
#define WALK_MAX_LINKS 40 /* the kernel's MAXSYMLINKS */

struct walk_level {
	int fd;	      /* -1: given up for depth */
	size_t start; /* of its name in walk.names */
};

struct walk {
	int rootfd;
	struct walk_level *levels;
	size_t depth, cap;
	char *names; /* each NUL terminated, one behind the other */
	size_t names_len, names_cap;
	char *todo; /* what is left of the path; pos is where */
	char *pos;
	int links;
	int dir_mode;
};

#define _cleanup_walk_ __attribute__((cleanup(walk_release)))

static void walk_drop(struct walk *w)
{
	struct walk_level *l = &w->levels[--w->depth];

	fd_closep(&l->fd);
	w->names_len = l->start;
}

static void walk_release(struct walk *w)
{
	int saved = errno;

	while (w->depth > 0)
		walk_drop(w);
	free(w->levels);
	free(w->names);
	free(w->todo);
	errno = saved;
}

/* Opens every level without a descriptor among the deepest ones. Returns 0 or -errno. */
static int walk_again(struct walk *w)
{
	_cleanup_fd_ int held = -1;
	int at = w->rootfd;

	for (size_t i = 0; i < w->depth; i++) {
		struct walk_level *l = &w->levels[i];
		int fd = openat(at, w->names + l->start,
				O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0)
			return errno == ENOTDIR ? -ELOOP : -errno;
		fd_closep(&held);
		if (w->depth - i > WALK_OPEN_LEVELS) {
			held = fd;
		} else {
			fd_closep(&l->fd);
			l->fd = fd;
		}
		at = fd;
	}
	return 0;
}

/* The descriptor of the directory the walk is in; borrowed. Returns 0 or -errno. */
static int walk_here(struct walk *w, int *ret)
{
	int r;

	if (w->depth > 0 && w->levels[w->depth - 1].fd < 0) {
		r = walk_again(w);
		if (r < 0)
			return r;
	}
	*ret = w->depth > 0 ? w->levels[w->depth - 1].fd : w->rootfd;
	return 0;
}

/* Goes up by one level, staying at the root. As everywhere, leaving a directory by its ".." asks
 * for search permission on it. Returns 0 or -errno. */
static int walk_up(struct walk *w)
{
	_cleanup_fd_ int self = -1;
	int here, r;

	r = walk_here(w, &here);
	if (r < 0)
		return r;
	self = openat(here, ".", O_PATH | O_CLOEXEC);
	if (self < 0)
		return -errno;
	if (w->depth > 0)
		walk_drop(w);
	return 0;
}

/* Enters a directory; fd is taken. */
static void walk_enter(struct walk *w, int fd, const char *name)
{
	size_t len = strlen(name) + 1;
	struct walk_level *l;

	w->names = vec_grow(w->names, &w->names_cap, w->names_len + len, 1);
	memcpy(w->names + w->names_len, name, len);
	w->levels = vec_grow(w->levels, &w->cap, w->depth + 1, sizeof(*w->levels));
	l = &w->levels[w->depth++];
	l->fd = fd;
	l->start = w->names_len;
	w->names_len += len;
	if (w->depth > WALK_OPEN_LEVELS)
		fd_closep(&w->levels[w->depth - 1 - WALK_OPEN_LEVELS].fd);
}

/* When `name` here is a symlink, puts its target in front of the rest of the path. Returns 1 when
 * it did, 0 when name is no link, -errno (-ENOENT: nothing is there). */
static int walk_link(struct walk *w, int here, const char *name)
{
	_cleanup_fd_ int fd = openat(here, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char target[PATH_MAX], *todo;
	struct statfs fs;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISLNK(st.st_mode))
		return 0;
	/* /proc/PID/fd/N and the like lead anywhere, whatever their text says */
	if (fstatfs(fd, &fs) < 0)
		return -errno;
	if (fs.f_type == PROC_SUPER_MAGIC || ++w->links > WALK_MAX_LINKS)
		return -ELOOP;
	n = readlinkat(fd, "", target, sizeof(target));
	if (n < 0)
		return -errno;
	if (n == 0)
		return -ENOENT;
	if ((size_t)n == sizeof(target))
		return -ENAMETOOLONG;
	if (target[0] == '/')
		while (w->depth > 0)
			walk_drop(w);
	todo = xasprintf("%.*s%s", (int)n, target, w->pos);
	free(w->todo);
	w->todo = w->pos = todo;
	return 1;
}

/* Makes directory `name` here with exactly w->dir_mode. Returns 0 or -errno; one that is there is
 * fine. */
static int walk_mkdir(struct walk *w, int here, const char *name)
{
	_cleanup_fd_ int fd = -1;

	if (mkdirat(here, name, (mode_t)w->dir_mode) < 0)
		return errno == EEXIST ? 0 : -errno;
	/* the umask took its part; a directory that we may not even read stays as it is */
	fd = openat(here, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && fchmod(fd, (mode_t)w->dir_mode) < 0)
		return -errno;
	return 0;
}

/* Goes into `name`: a directory, or a link that the next steps follow. Returns 0 or -errno. */
static int walk_step(struct walk *w, const char *name)
{
	int here, fd, r;

	if (strcmp(name, ".") == 0)
		return 0;
	if (strcmp(name, "..") == 0)
		return walk_up(w);
	r = walk_here(w, &here);
	if (r < 0)
		return r;
	fd = openat(here, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && w->dir_mode >= 0) {
		r = walk_mkdir(w, here, name);
		if (r < 0)
			return r;
		fd = openat(here, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd >= 0) {
		walk_enter(w, fd, name);
		return 0;
	}
	if (errno != ENOTDIR)
		return -errno;
	r = walk_link(w, here, name);
	return r == 0 ? -ENOTDIR : r < 0 ? r : 0;
}

/* Takes the next component off the path, into name. Returns 1 when it is the last one with nothing
 * behind it, 0 when more follows (a slash counts: "a/" means a directory), -errno; *name is "" at
 * the end. */
static int walk_next(struct walk *w, char name[NAME_MAX + 1])
{
	size_t len;

	while (*w->pos == '/')
		w->pos++;
	len = strcspn(w->pos, "/");
	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(name, w->pos, len);
	name[len] = '\0';
	w->pos += len;
	return *w->pos == '\0';
}

/* Opens the last component. Returns the descriptor, -errno, or -EXDEV when it was a link, whose
 * target is now the rest of the path. */
static int walk_open_last(struct walk *w, const char *name, int flags, mode_t mode)
{
	bool follow = !(flags & O_NOFOLLOW);
	int here, fd, r;

	if (strcmp(name, "..") == 0) {
		r = walk_up(w);
		if (r < 0)
			return r;
		name = ".";
	}
	r = walk_here(w, &here);
	if (r < 0)
		return r;
	if (!*name || strcmp(name, ".") == 0) {
		fd = openat(here, ".", flags | O_CLOEXEC, mode);
		return fd < 0 ? -errno : fd;
	}
	/* O_PATH | O_NOFOLLOW succeeds on the link itself: look first */
	if (follow && (flags & O_PATH)) {
		r = walk_link(w, here, name);
		if (r != 0)
			return r < 0 ? r : -EXDEV;
	}
	fd = openat(here, name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd >= 0)
		return fd;
	r = -errno;
	/* how the kernel refuses a link: ENOTDIR with O_DIRECTORY, else ELOOP */
	if (follow && (r == -ELOOP || r == -ENOTDIR)) {
		int link = walk_link(w, here, name);

		if (link != 0)
			return link < 0 ? link : -EXDEV;
	}
	return r;
}

int root_walk(int rootfd, const char *path, int flags, mode_t mode, int dir_mode)
{
	_cleanup_walk_ struct walk w = {.rootfd = rootfd, .dir_mode = dir_mode};
	char name[NAME_MAX + 1];
	int last, r;

	if (strlen(path) >= PATH_MAX)
		return -ENAMETOOLONG;
	w.todo = w.pos = xstrdup(path);
	for (;;) {
		last = walk_next(&w, name);
		if (last < 0)
			return last;
		if (last) {
			r = walk_open_last(&w, name, flags, mode);
			if (r != -EXDEV)
				return r;
			continue;
		}
		/* "a/" cannot be made as a file */
		if ((flags & O_CREAT) && dir_mode < 0 && w.pos[strspn(w.pos, "/")] == '\0')
			return -EISDIR;
		r = walk_step(&w, name);
		if (r < 0)
			return r;
	}
}
