#include "ns/sys.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* All architectures but alpha number these calls alike. */
#ifndef SYS_open_tree
#define SYS_open_tree 428
#define SYS_move_mount 429
#define SYS_fsopen 430
#define SYS_fsconfig 431
#define SYS_fsmount 432
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

static bool mount_api_is_off(void)
{
	static int off = -1;

	if (off < 0)
		off = getenv("STRAKE_NO_MOUNT_API") != NULL;
	if (off)
		errno = ENOSYS;
	return off;
}

int sys_open_tree(int dirfd, const char *path, unsigned int flags)
{
	return mount_api_is_off() ? -1 : (int)syscall(SYS_open_tree, dirfd, path, flags);
}

int sys_move_mount(int from_fd, const char *from, int to_fd, const char *to, unsigned int flags)
{
	return mount_api_is_off() ? -1
				  : (int)syscall(SYS_move_mount, from_fd, from, to_fd, to, flags);
}

int sys_mount_setattr(int dirfd, const char *path, unsigned int flags,
		      const struct mount_attr *attr)
{
	if (mount_api_is_off())
		return -1;
	return (int)syscall(SYS_mount_setattr, dirfd, path, flags, attr, sizeof(*attr));
}

int sys_fsopen(const char *fstype, unsigned int flags)
{
	return mount_api_is_off() ? -1 : (int)syscall(SYS_fsopen, fstype, flags);
}

int sys_fsconfig(int fd, unsigned int cmd, const char *key, const char *value, int aux)
{
	return mount_api_is_off() ? -1 : (int)syscall(SYS_fsconfig, fd, cmd, key, value, aux);
}

int sys_fsmount(int fd, unsigned int flags, unsigned int attr)
{
	return mount_api_is_off() ? -1 : (int)syscall(SYS_fsmount, fd, flags, attr);
}

int sys_pivot_root(const char *new_root, const char *put_old)
{
	return (int)syscall(SYS_pivot_root, new_root, put_old);
}
