/* One file copied: its content by reflink where that works, else its data without its holes, and
 * its attributes. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/override_stat.h"
#include "format/whiteout.h"
#include "layer/copy.h"
#include "layer/copy_impl.h"

#define COPY_BUF (256 * 1024)

/* [from, to) by copy_file_range, else by read and write. */
static int copy_range(struct copy *c, int dst, int src, off_t from, off_t to)
{
	while (from < to) {
		off_t in = from, out = from;
		int r;
		ssize_t n = copy_file_range(src, &in, dst, &out, (size_t)(to - from), 0);

		if (n <= 0) {
			if (!c->buf)
				c->buf = xmalloc(COPY_BUF);
			n = pread(src, c->buf,
				  to - from < COPY_BUF ? (size_t)(to - from) : COPY_BUF, from);
			if (n < 0)
				return -errno;
			if (n == 0)
				return -EIO; /* shorter than it was */
			r = fd_pwrite_all(dst, c->buf, (size_t)n, from);
			if (r < 0)
				return r;
		}
		from += n;
	}
	return 0;
}

static int copy_content(struct copy *c, int dst, int src, const struct stat *st)
{
	off_t data = 0, hole = st->st_size;

	if (!st->st_size)
		return 0;
	if (!c->no_reflink) {
		if (ioctl(dst, FICLONE, src) == 0)
			return 0;
		c->no_reflink = true;
	}
	if (st->st_blocks * 512 >= st->st_size)
		return copy_range(c, dst, src, 0, st->st_size);
	while (data < st->st_size) {
		int r;

		data = lseek(src, data, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break; /* a hole up to the end */
		if (data < 0)
			return -errno;
		hole = lseek(src, data, SEEK_HOLE);
		if (hole < 0)
			return -errno;
		r = copy_range(c, dst, src, data, hole);
		if (r < 0)
			return r;
		data = hole;
	}
	return ftruncate(dst, st->st_size) < 0 ? -errno : 0;
}

/* device: the override_stat record stays with its placeholder. */
static int copy_xattrs(struct copy *c, int dst, int src, bool device)
{
	char names[4096], value[4096];
	ssize_t n = flistxattr(src, names, sizeof(names));

	if (n < 0)
		return errno == ENOTSUP ? 0 : -errno;
	for (const char *p = names; p < names + n; p += strlen(p) + 1) {
		bool record = str_eq(p, OVERRIDE_STAT_XATTR);
		_cleanup_free_ char *large = NULL;
		char *v = value;
		ssize_t size;

		if (record ? c->owners && c->records && !device : !xattr_is_settable(p))
			continue;
		size = fgetxattr(src, p, value, sizeof(value));
		if (size < 0 && errno == ERANGE) {
			v = large = xmalloc(LIMIT_XATTR_VALUE);
			size = fgetxattr(src, p, large, LIMIT_XATTR_VALUE);
		}
		if (size < 0)
			return -errno;
		if (fsetxattr(dst, p, v, (size_t)size, 0) < 0 && errno != ENOTSUP && errno != EPERM)
			return -errno;
	}
	return 0;
}

int copy_attributes(struct copy *c, int dst, int src, const struct stat *disk,
		    const struct stat *true_st)
{
	int r = copy_xattrs(c, dst, src, S_ISCHR(true_st->st_mode) || S_ISBLK(true_st->st_mode));

	if (r < 0)
		return r;
	if (c->owners && fchown(dst, true_st->st_uid, true_st->st_gid) < 0)
		return -errno;
	if (fchmod(dst, (c->owners ? true_st : disk)->st_mode & 07777) < 0)
		return -errno;
	return 0;
}

int copy_resolve(struct copy *c, int fd, const char *path, const struct stat *disk,
		 struct stat *ret)
{
	*ret = *disk;
	return c->owners && c->records ? owner_resolve(fd, path, c->sidecar, ret) : 0;
}

int copy_regular(struct copy *c, int sdir, const char *name, int ddir, const char *to,
		 const char *path, const struct stat *st)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, st->st_mtim};
	_cleanup_fd_ int src = openat(sdir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), dst = -1;
	struct stat true_st;
	int r;

	if (src < 0)
		return -errno;
	dst = openat(ddir, to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (dst < 0)
		return -errno;
	r = copy_resolve(c, src, path, st, &true_st);
	if (r == 0)
		r = copy_content(c, dst, src, st);
	if (r == 0)
		r = copy_attributes(c, dst, src, st, &true_st);
	if (r == 0 && futimens(dst, times) < 0)
		r = -errno;
	return r;
}

int copy_special(struct copy *c, int sdir, const char *name, int ddir, const char *to,
		 const char *path, const struct stat *st)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, st->st_mtim};
	struct stat true_st;
	int r;

	if (S_ISLNK(st->st_mode)) {
		_cleanup_free_ char *target = xmalloc(PATH_MAX);
		ssize_t n = readlinkat(sdir, name, target, PATH_MAX - 1);

		if (n < 0)
			return -errno;
		target[n] = '\0';
		if (symlinkat(target, ddir, to) < 0)
			return -errno;
	} else if (mkfifoat(ddir, to, 0600) < 0) {
		return -errno;
	}
	if (c->owners) {
		r = copy_resolve(c, -1, path, st, &true_st);
		if (r < 0)
			return r;
		if (fchownat(ddir, to, true_st.st_uid, true_st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
			return -errno;
	}
	if (S_ISFIFO(st->st_mode) && fchmodat(ddir, to, st->st_mode & 07777, 0) < 0)
		return -errno;
	return utimensat(ddir, to, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

void copy_release(struct copy *c)
{
	free(c->jobs);
	free(c->times);
	free(c->buf);
}

int layer_copy_file(int dst_dir, const char *dst, int src_dir, const char *src,
		    const struct stat *st, struct err *err)
{
	struct copy c = {.dst = -1, .src = -1};
	int r = S_ISREG(st->st_mode) ? copy_regular(&c, src_dir, src, dst_dir, dst, src, st)
				     : copy_special(&c, src_dir, src, dst_dir, dst, src, st);

	copy_release(&c);
	return r < 0 ? err_sys(err, -r, "cannot copy '%s'", src) : 0;
}
