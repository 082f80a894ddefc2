#include "fuse/xat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

/* include/uapi: the same numbers on all architectures since Linux 5.1 */
#define NR_SETXATTRAT 463
#define NR_GETXATTRAT 464
#define NR_LISTXATTRAT 465
#define NR_REMOVEXATTRAT 466

struct xattr_args_0 { /* linux/xattr.h, struct xattr_args */
	_Alignas(8) uint64_t value;
	uint32_t size;
	uint32_t flags;
};

enum { UNKNOWN, PRESENT, MISSING };
static atomic_int family = UNKNOWN;

static int present(void)
{
	int known = atomic_load_explicit(&family, memory_order_relaxed);

	if (known == UNKNOWN) {
		known = PRESENT;
		if (getenv("STRAKE_NO_XATTRAT") ||
		    (syscall(NR_LISTXATTRAT, AT_FDCWD, "/", 0, NULL, 0) < 0 &&
		     (errno == ENOSYS || errno == EPERM)))
			known = MISSING;
		atomic_store_explicit(&family, known, memory_order_relaxed);
	}
	return known == PRESENT;
}

#define AT_FLAGS AT_SYMLINK_NOFOLLOW

/* The path of the file for the calls that take one; *ret_fd is to be closed when it is not -1. */
static int by_proc(int dirfd, const char *name, char path[32], int *ret_fd)
{
	*ret_fd = -1;
	if (*name) {
		*ret_fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (*ret_fd < 0)
			return -errno;
		dirfd = *ret_fd;
	}
	snprintf(path, 32, "/proc/self/fd/%d", dirfd);
	return 0;
}

/* The family does not take O_PATH descriptors themselves. */
static int is_usable(const char *name)
{
	return *name && present();
}

static ssize_t done(ssize_t n, int fd)
{
	if (n < 0)
		n = -errno;
	if (fd >= 0)
		close(fd);
	return n;
}

ssize_t xat_get(int dirfd, const char *name, const char *key, void *value, size_t size)
{
	char path[32];
	int fd, r;

	if (is_usable(name)) {
		struct xattr_args_0 args = {.value = (uintptr_t)value, .size = (uint32_t)size};

		return done(syscall(NR_GETXATTRAT, dirfd, name, AT_FLAGS, key, &args, sizeof(args)),
			    -1);
	}
	r = by_proc(dirfd, name, path, &fd);
	return r < 0 ? r : done(getxattr(path, key, value, size), fd);
}

ssize_t xat_list(int dirfd, const char *name, char *list, size_t size)
{
	char path[32];
	int fd, r;

	if (is_usable(name))
		return done(syscall(NR_LISTXATTRAT, dirfd, name, AT_FLAGS, list, size), -1);
	r = by_proc(dirfd, name, path, &fd);
	return r < 0 ? r : done(listxattr(path, list, size), fd);
}

int xat_set(int dirfd, const char *name, const char *key, const void *value, size_t size, int flags)
{
	char path[32];
	int fd, r;

	if (is_usable(name)) {
		struct xattr_args_0 args = {.value = (uintptr_t)value,
					    .size = (uint32_t)size,
					    .flags = (uint32_t)flags};

		return (int)done(
			syscall(NR_SETXATTRAT, dirfd, name, AT_FLAGS, key, &args, sizeof(args)),
			-1);
	}
	r = by_proc(dirfd, name, path, &fd);
	return r < 0 ? r : (int)done(setxattr(path, key, value, size, flags), fd);
}

int xat_remove(int dirfd, const char *name, const char *key)
{
	char path[32];
	int fd, r;

	if (is_usable(name))
		return (int)done(syscall(NR_REMOVEXATTRAT, dirfd, name, AT_FLAGS, key), -1);
	r = by_proc(dirfd, name, path, &fd);
	return r < 0 ? r : (int)done(removexattr(path, key), fd);
}
