/* A layer that is a directory tree. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fuse/layer.h"
#include "fuse/xat.h"

static int dir_stat(struct place *dir, const char *name, struct stat *ret)
{
	int fd = place_pin(dir), r;

	if (fd < 0)
		return fd;
	r = fstatat(fd, name, ret, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0 ? -errno : 0;
	place_unpin(dir);
	return r;
}

static ssize_t dir_readlink(struct place *dir, const char *name, char *out, size_t size)
{
	int fd = place_pin(dir);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = readlinkat(fd, name, out, size);
	if (n < 0)
		n = -errno;
	place_unpin(dir);
	return n;
}

static ssize_t dir_getxattr(struct place *dir, const char *name, const char *key, void *value,
			    size_t size)
{
	int fd = place_pin(dir);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = xat_get(fd, name, key, value, size);
	place_unpin(dir);
	return n;
}

static ssize_t dir_listxattr(struct place *dir, const char *name, char *list, size_t size)
{
	int fd = place_pin(dir);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = xat_list(fd, name, list, size);
	place_unpin(dir);
	return n;
}

/* Reading a lower layer leaves no trace in it, where that can be had: the caller has to own the
 * file. */
static int open_quietly(int dirfd, const char *name, int flags)
{
	int fd = openat(dirfd, name, flags | O_NOATIME);

	return fd < 0 && errno == EPERM ? openat(dirfd, name, flags) : fd;
}

static int dir_open(struct place *dir, const char *name, int flags)
{
	int fd = place_pin(dir), r;

	if (fd < 0)
		return fd;
	if (!*name)
		name = ".";
	flags |= O_NOFOLLOW | O_CLOEXEC;
	r = dir->layer->upper ? openat(fd, name, flags) : open_quietly(fd, name, flags);
	if (r < 0)
		r = -errno;
	place_unpin(dir);
	return r;
}

struct dirent64_record {
	uint64_t d_ino;
	int64_t d_off;
	unsigned short d_reclen;
	unsigned char d_type;
	char d_name[];
};

static int list_chunk(const char *chunk, ssize_t len, layer_entry_fn fn, void *arg)
{
	for (ssize_t at = 0; at < len;) {
		const struct dirent64_record *d = (const void *)(chunk + at);
		int r;

		at += d->d_reclen;
		if (d->d_name[0] == '.' &&
		    (!d->d_name[1] || (d->d_name[1] == '.' && !d->d_name[2])))
			continue;
		r = fn(arg, d->d_name, d->d_ino, DTTOIF(d->d_type));
		if (r < 0)
			return r;
	}
	return 0;
}

/* On a descriptor of its own: the cached one has one position for all threads. */
static int dir_list(struct place *dir, layer_entry_fn fn, void *arg)
{
	_Alignas(struct dirent64_record) char chunk[32768];
	int fd = dir_open(dir, "", O_RDONLY | O_DIRECTORY), r = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	while (r == 0 && (n = syscall(SYS_getdents64, fd, chunk, sizeof(chunk))) != 0)
		r = n < 0 ? -errno : list_chunk(chunk, n, fn, arg);
	close(fd);
	return r;
}

const struct source source_dir = {
	.stat = dir_stat,
	.readlink = dir_readlink,
	.getxattr = dir_getxattr,
	.listxattr = dir_listxattr,
	.open = dir_open,
	.list = dir_list,
};
