/* Theory of operation
 *
 * The kernel is asked for one component at a time, always with O_NOFOLLOW, below a directory we
 * hold. Links are read and their text takes the place of what is left of the path. ".." never goes
 * to the kernel: it pops our own stack of directories, whose bottom is the root, so there is no way
 * out of it, whatever somebody renames meanwhile.
 *
 * Links on procfs are magic: they lead where no path does. They are refused (-ELOOP), as
 * RESOLVE_NO_MAGICLINKS does.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/root_impl.h"
#include "base/vec.h"

#define MAX_LINKS 40 /* the kernel's own */

struct walk {
	int *dirs; /* the stack; dirs[0] is the root */
	size_t n, cap;
	char *rest; /* what is left of the path */
	unsigned int links;
};

static void push(struct walk *w, int fd)
{
	w->dirs = vec_grow(w->dirs, &w->cap, w->n + 1, sizeof(*w->dirs));
	w->dirs[w->n++] = fd;
}

static void pop_to(struct walk *w, size_t n)
{
	while (w->n > n)
		close(w->dirs[--w->n]);
}

/* Puts a link's text before what is left. */
static int splice_link(struct walk *w, int link)
{
	char text[PATH_MAX];
	struct statfs fs;
	ssize_t n;
	char *rest;

	if (++w->links > MAX_LINKS)
		return -ELOOP;
	if (fstatfs(link, &fs) < 0)
		return -errno;
	if (fs.f_type == PROC_SUPER_MAGIC) {
		/* /proc/self and its like are ordinary links; the magic ones say they have no
		 * length. */
		struct stat st;

		if (fstat(link, &st) < 0 || (st.st_mode & 0777) != 0777)
			return -ELOOP;
	}
	n = readlinkat(link, "", text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	if (!n)
		return -ENOENT;
	if (strlen(w->rest) + (size_t)n > 16 * PATH_MAX)
		return -ENAMETOOLONG;
	if (*text == '/')
		pop_to(w, 1);
	rest = xasprintf("%s/%s", text, w->rest);
	free(w->rest);
	w->rest = rest;
	return 0;
}

/* Takes the next component off the rest; NULL at the end. *ret_last: nothing but slashes follow;
 * *ret_slash: at least one does. */
static char *next(struct walk *w, bool *ret_last, bool *ret_slash)
{
	const char *p = w->rest + strspn(w->rest, "/");
	size_t len = strcspn(p, "/");
	char *name, *rest;

	if (!len)
		return NULL;
	name = xstrndup(p, len);
	rest = xstrdup(p + len);
	*ret_slash = *rest == '/';
	*ret_last = rest[strspn(rest, "/")] == '\0';
	free(w->rest);
	w->rest = rest;
	return name;
}

/* The directory on top of the stack, opened as the caller wants it. */
static int open_top(struct walk *w, int flags)
{
	if (flags & O_CREAT)
		return -EISDIR;
	return openat(w->dirs[w->n - 1], ".", (flags & ~O_NOFOLLOW) | O_CLOEXEC);
}

/* The last component. -EAGAIN: it was a link, go on with its text. */
static int open_last(struct walk *w, const char *name, int flags, mode_t mode, bool slash)
{
	const int dir = w->dirs[w->n - 1];
	_cleanup_fd_ int link = -1;
	struct stat st;
	int fd, r;

	if (slash)
		flags |= O_DIRECTORY;
	link = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (link < 0 && !(errno == ENOENT && flags & O_CREAT))
		return -errno;
	if (link >= 0 && fstat(link, &st) < 0)
		return -errno;
	if (link < 0 || !S_ISLNK(st.st_mode)) {
		fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
		return fd < 0 ? -errno : fd;
	}
	if (flags & O_NOFOLLOW && !slash) {
		if (!(flags & O_PATH))
			return -ELOOP;
		return flags & O_DIRECTORY ? -ENOTDIR : steal_fd(&link);
	}
	if (flags & O_CREAT && flags & O_EXCL)
		return -EEXIST;
	r = splice_link(w, link);
	return r < 0 ? r : -EAGAIN;
}

static int step_into(struct walk *w, const char *name)
{
	_cleanup_fd_ int fd = openat(w->dirs[w->n - 1], name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return splice_link(w, fd);
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (w->n >= LIMIT_PATH_DEPTH)
		return -ENAMETOOLONG;
	push(w, steal_fd(&fd));
	return 0;
}

static int walk(struct walk *w, int flags, mode_t mode)
{
	for (;;) {
		bool last, slash;
		_cleanup_free_ char *name = next(w, &last, &slash);
		int r;

		if (!name) {
			r = open_top(w, flags);
			return r < 0 && r == -1 ? -errno : r;
		}
		if (strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			if (w->n > 1)
				pop_to(w, w->n - 1);
			continue;
		}
		if (last) {
			r = open_last(w, name, flags, mode, slash);
			if (r != -EAGAIN)
				return r;
		} else {
			r = step_into(w, name);
			if (r < 0)
				return r;
		}
	}
}

int root_walk(int rootfd, const char *path, int flags, mode_t mode)
{
	struct walk w = {0};
	int root = openat(rootfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC), r;

	if (root < 0)
		return -errno;
	push(&w, root);
	w.rest = xstrdup(path);
	r = walk(&w, flags, mode);
	pop_to(&w, 0);
	free(w.dirs);
	free(w.rest);
	return r;
}
