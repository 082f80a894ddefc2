/* Copying data and xattrs from a lower file to its copy. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "fuse/copyup.h"
#include "fuse/marks.h"
#include "fuse/work.h"
#include "fuse/xat.h"

enum { SMALL = 65536, KEYS_MAX = 65536, VALUE_MAX = 65536 };

static int copy_by_hand(int dst, int src, off_t at, off_t end)
{
	_cleanup_free_ char *block = malloc(SMALL);

	if (!block)
		return -ENOMEM;
	while (at < end) {
		size_t want = end - at < SMALL ? (size_t)(end - at) : SMALL;
		ssize_t n = pread(src, block, want, at);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return 0; /* shorter than it was */
		if (n > 0) {
			int r = fd_pwrite_all(dst, block, (size_t)n, at);

			if (r < 0)
				return r;
			at += n;
		}
	}
	return 0;
}

static int copy_range(int dst, int src, off_t at, off_t end)
{
	off_t from = at, to = at;

	while (from < end) {
		ssize_t n = copy_file_range(src, &from, dst, &to, (size_t)(end - from), 0);

		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO))
			return -errno;
		if (n < 0) /* across file systems, or not offered: by hand */
			return copy_by_hand(dst, src, from, end);
	}
	return 0;
}

int copy_data(int dst, int src, off_t len)
{
	off_t at = 0;
	int r = 0;

	if (ioctl(dst, FICLONE, src) == 0)
		return 0;
	if (len <= SMALL)
		return copy_range(dst, src, 0, len);
	if (ftruncate(dst, len) < 0)
		return -errno;
	while (r == 0 && at < len) {
		off_t data = lseek(src, at, SEEK_DATA), hole;

		if (data < 0 && errno == ENXIO)
			break; /* nothing but a hole from here on */
		if (data < 0)
			data = at;
		hole = lseek(src, data, SEEK_HOLE);
		if (hole < 0 || hole > len)
			hole = len;
		r = copy_range(dst, src, data, hole);
		at = hole;
	}
	return r;
}

static int copy_xattr(struct place *dir, const char *name, const char *key, int dst, char *value)
{
	ssize_t n = dir->layer->source->getxattr(dir, name, key, value, VALUE_MAX);
	int r;

	if (n == -ENODATA)
		return 0;
	if (n < 0)
		return (int)n;
	r = xat_set(dst, "", key, value, (size_t)n, 0);
	if (r == -ENOTSUP)
		return str_starts(key, "user.") ? r : 0;
	/* labels and the like belong to the system, not to the file */
	if (r == -EPERM && (str_starts(key, "security.") || str_starts(key, "trusted.")))
		return 0;
	return r;
}

int copy_xattrs(struct overlay *o, struct place *dir, const char *name, int dst)
{
	char small[512], *keys = small, out[256];
	_cleanup_free_ char *big = NULL, *value = NULL;
	ssize_t n = dir->layer->source->listxattr(dir, name, small, sizeof(small));
	int r = 0;

	if (n == -ENOTSUP || n == 0)
		return 0;
	if (n == -ERANGE) {
		keys = big = malloc(KEYS_MAX);
		if (!big)
			return -ENOMEM;
		n = dir->layer->source->listxattr(dir, name, big, KEYS_MAX);
	}
	if (n < 0)
		return (int)n;
	value = malloc(VALUE_MAX);
	if (!value)
		return -ENOMEM;
	for (const char *key = keys; r == 0 && key < keys + n; key += strlen(key) + 1) {
		/* records of owners are hidden from clients, and yet the file's own */
		if (mark_unescape(o, key, out) || owner_is_record(key))
			r = copy_xattr(dir, name, key, dst, value);
	}
	return r;
}

/* --- a copy under construction */

void copy_release(struct overlay *o, struct copy *c)
{
	if (c->fd >= 0)
		close(c->fd);
	if (c->name[0])
		(void)unlinkat(o->work, c->name, 0);
}

int copy_regular(struct overlay *o, struct copy *c)
{
	work_umask(0);
	c->fd = openat(o->work, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (c->fd >= 0)
		return 0;
	work_name(o, c->name);
	c->fd = openat(o->work, c->name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	if (c->fd >= 0)
		return 0;
	c->name[0] = '\0';
	return -errno;
}

int copy_other(struct overlay *o, const struct origin *s, struct copy *c)
{
	work_umask(0);
	work_name(o, c->name);
	if (S_ISLNK(s->st.st_mode)) {
		_cleanup_free_ char *target = malloc(PATH_MAX);
		ssize_t n;

		if (!target)
			return -ENOMEM;
		n = s->dir->layer->source->readlink(s->dir, s->name, target, PATH_MAX - 1);
		if (n < 0)
			return (int)n;
		target[n] = '\0';
		if (symlinkat(target, o->work, c->name) < 0)
			return -errno;
	} else if (mknodat(o->work, c->name, (s->st.st_mode & S_IFMT) | 0600, s->st.st_rdev) < 0) {
		return -errno;
	}
	c->fd = openat(o->work, c->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return c->fd < 0 ? -errno : 0;
}

int copy_attrs(struct overlay *o, const struct origin *s, int fd)
{
	const struct timespec times[2] = {s->st.st_atim, s->st.st_mtim};
	char path[32];
	int r;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fchownat(fd, "", s->st.st_uid, s->st.st_gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0 &&
	    errno != EPERM)
		return -errno;
	r = copy_xattrs(o, s->dir, s->name, fd);
	if (r < 0)
		return r;
	if (!S_ISLNK(s->st.st_mode) && chmod(path, s->st.st_mode & 07777) < 0)
		return -errno;
	return utimensat(AT_FDCWD, path, times, 0) < 0 ? -errno : 0;
}

int copy_link(int fd, int dirfd, const char *name)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, path, dirfd, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}
