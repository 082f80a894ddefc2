/* sys: the newer system calls by number, for C libraries that have no wrapper. Internal to the
 * room. Each returns as the system call does: -1 with errno. STRAKE_NO_MOUNT_API=1 in the
 * environment answers ENOSYS for the mount calls, as Linux before 5.2 (open_tree) and 5.12
 * (mount_setattr) does, so that tests reach the fallbacks. */
#ifndef STRAKE_NS_SYS_H
#define STRAKE_NS_SYS_H

#include <stddef.h>
#include <stdint.h>

#include <linux/mount.h>

/* <linux/mount.h> before 5.12 lacks these; the values are the kernel's ABI. */
#ifndef MOUNT_ATTR_SIZE_VER0
struct mount_attr {
	uint64_t attr_set;
	uint64_t attr_clr;
	uint64_t propagation;
	uint64_t userns_fd;
};
#endif

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

int sys_open_tree(int dirfd, const char *path, unsigned int flags);
int sys_move_mount(int from_fd, const char *from, int to_fd, const char *to, unsigned int flags);
int sys_mount_setattr(int dirfd, const char *path, unsigned int flags,
		      const struct mount_attr *attr);
int sys_fsopen(const char *fstype, unsigned int flags);
int sys_fsconfig(int fd, unsigned int cmd, const char *key, const char *value, int aux);
int sys_fsmount(int fd, unsigned int flags, unsigned int attr);
int sys_pivot_root(const char *new_root, const char *put_old);

#endif
