#include "base/root_open.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/root_walk.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef HAVE_LINUX_OPENAT2_H
#include <linux/openat2.h>
#else
/* linux/openat2.h of Linux 5.6 */
struct open_how {
	uint64_t flags;
	uint64_t mode;
	uint64_t resolve;
};
#define RESOLVE_NO_MAGICLINKS 0x02
#define RESOLVE_IN_ROOT 0x10
#endif
#ifndef SYS_openat2
#define SYS_openat2 437 /* the same on every architecture */
#endif

/* A rename somewhere on the system while ".." is resolved gives EAGAIN. Somebody who renames
 * without end must not keep us here: then the walk does it. */
#define ROOT_OPEN_RETRIES 64

enum { OPENAT2_UNKNOWN, OPENAT2_WORKS, OPENAT2_MISSING };

static _Atomic int openat2_state;

static int root_openat2(int rootfd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned int)flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	/* openat2 refuses what open ignores */
	if (flags & O_PATH)
		how.flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	else if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE)
		how.mode = mode & 07777;
	return (int)syscall(SYS_openat2, rootfd, path, &how, sizeof(how));
}

bool root_open_has_openat2(void)
{
	const char *off = getenv("STRAKE_NO_OPENAT2");

	if (off && *off && strcmp(off, "0") != 0)
		return false;
	if (openat2_state == OPENAT2_UNKNOWN) {
		int fd = root_openat2(AT_FDCWD, ".", O_PATH, 0);

		/* any other answer than these comes from openat2 itself */
		openat2_state = fd < 0 && (errno == ENOSYS || errno == EPERM || errno == EINVAL)
					? OPENAT2_MISSING
					: OPENAT2_WORKS;
		fd_closep(&fd);
	}
	return openat2_state == OPENAT2_WORKS;
}

int root_open(int rootfd, const char *path, int flags, mode_t mode)
{
	int fd;

	if (!*path)
		path = ".";
	if (!root_open_has_openat2())
		return root_walk(rootfd, path, flags, mode, -1);
	for (int i = 0; i < ROOT_OPEN_RETRIES; i++) {
		fd = root_openat2(rootfd, path, flags, mode);
		if (fd >= 0)
			return fd;
		if (errno == EINTR || errno == EAGAIN)
			continue;
		/* a seccomp filter may have been put on since the probe */
		if (errno == ENOSYS)
			break;
		return -errno;
	}
	return root_walk(rootfd, path, flags, mode, -1);
}

int root_open_parent(int rootfd, const char *path, const char **ret_name)
{
	const char *base = path_base(path);
	_cleanup_free_ char *dir = NULL;
	int fd;

	if (!*base || str_eq(base, ".") || str_eq(base, ".."))
		return -EINVAL;
	dir = xstrndup(path, (size_t)(base - path));
	fd = root_open(rootfd, dir, O_PATH | O_DIRECTORY, 0);
	if (fd >= 0)
		*ret_name = base;
	return fd;
}

int root_mkdir_p(int rootfd, const char *path, mode_t mode)
{
	_cleanup_free_ char *dir = NULL;
	int fd = root_open(rootfd, path, O_PATH | O_DIRECTORY, 0);

	if (fd != -ENOENT)
		return fd;
	/* a slash behind it makes the last component one to be made, too */
	dir = xasprintf("%s/", path);
	return root_walk(rootfd, dir, O_PATH | O_DIRECTORY, 0, (int)(mode & 07777));
}

int root_touch(int rootfd, const char *path, mode_t mode)
{
	_cleanup_fd_ int fd = root_open(rootfd, path, O_PATH, 0);
	_cleanup_fd_ int made = -1;
	struct stat st;

	if (fd == -ENOENT && (!*path || str_ends(path, "/")))
		return -EISDIR;
	if (fd == -ENOENT) {
		/* O_NONBLOCK: what appeared here meanwhile may be a fifo */
		made = root_walk(rootfd, path, O_RDONLY | O_CREAT | O_NONBLOCK | O_NOCTTY, mode,
				 0755);
		if (made < 0)
			return made;
		if (fstat(made, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0)
			fchmod(made, mode & 07777);
		fd = root_open(rootfd, path, O_PATH, 0);
	}
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? -EISDIR : steal_fd(&fd);
}
