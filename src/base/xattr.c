#include "base/xattr.h"

#include <errno.h>
#include <sys/xattr.h>

#define XATTR_PATH_SIZE 32

/* /proc/self/fd/N leads to the very file, a symlink itself included, without following it further.
 */
static const char *xattr_path(int fd, char out[XATTR_PATH_SIZE])
{
	snprintf(out, XATTR_PATH_SIZE, "/proc/self/fd/%d", fd);
	return out;
}

int xattr_set(int fd, const char *name, const void *value, size_t size)
{
	char path[XATTR_PATH_SIZE];

	if (fsetxattr(fd, name, value, size, 0) == 0)
		return 0;
	if (errno != EBADF)
		return -errno;
	return setxattr(xattr_path(fd, path), name, value, size, 0) < 0 ? -errno : 0;
}

ssize_t xattr_get(int fd, const char *name, void *value, size_t size)
{
	char path[XATTR_PATH_SIZE];
	ssize_t n = fgetxattr(fd, name, value, size);

	if (n >= 0)
		return n;
	if (errno != EBADF)
		return -errno;
	n = getxattr(xattr_path(fd, path), name, value, size);
	return n < 0 ? -errno : n;
}

int xattr_remove(int fd, const char *name)
{
	char path[XATTR_PATH_SIZE];

	if (fremovexattr(fd, name) == 0)
		return 0;
	if (errno != EBADF)
		return -errno;
	return removexattr(xattr_path(fd, path), name) < 0 ? -errno : 0;
}
