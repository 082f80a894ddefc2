/* mount_tree: what the mount_*.c files of this room share. Internal. */
#ifndef STRAKE_NS_MOUNT_TREE_H
#define STRAKE_NS_MOUNT_TREE_H

#include <stdbool.h>
#include <sys/statvfs.h>

#include "base/err.h"

#define MOUNT_FD_PATH_MAX 32

/* "/proc/self/fd/N". */
void mount_fd_path(int fd, char out[MOUNT_FD_PATH_MAX]);

/* The MS_* flags of a mount that a remount has to repeat: in a user namespace the kernel locks
 * those that came from outside, and a remount without them is EPERM. */
unsigned long mount_current_flags(const struct statvfs *fs);

/* For kernels without mount_setattr: sets the propagation (0: leaves it) of the mount that lies on
 * target_fd, and remounts it with ms_flags (MS_RDONLY MS_NOSUID MS_NODEV MS_NOEXEC) added to the
 * flags it has; when recursive, every mount below it too. */
int mount_tree_remount(int target_fd, const char *target, unsigned long ms_flags,
		       unsigned long propagation, bool recursive, struct err *err);

#endif
