/* mount: thin wrappers of the mount system calls: by descriptor, with a fallback for older kernels,
 * and with messages that name source and target. */
#ifndef STRAKE_NS_MOUNT_H
#define STRAKE_NS_MOUNT_H

#include <stdbool.h>

#include "base/err.h"

/* Mounts on what target_fd (O_PATH) is; `target` names it in messages. flags: MS_*. */
int mount_on(int target_fd, const char *target, const char *source, const char *fstype,
	     unsigned long flags, const char *data, struct err *err);

/* Binds source_fd (O_PATH) on target_fd, recursively; attr: MOUNT_ATTR_* of <linux/mount.h> to set
 * on every mount of the copied tree (RDONLY NOSUID NODEV NOEXEC), through mount_setattr, else by
 * remounting each mount below it with its locked flags kept. propagation: MS_PRIVATE, MS_SLAVE or
 * MS_SHARED. */
int mount_bind(int source_fd, int target_fd, const char *target, unsigned long attr, bool recursive,
	       unsigned long propagation, struct err *err);

/* A read-only clone of the file or directory fd is, in a mount that is attached nowhere: nobody can
 * write through it, nor through /proc/PID/exe when it was executed from it. Needs Linux 5.12.
 * Returns the descriptor. */
int mount_clone_readonly(int fd, const char *what, struct err *err);

/* Makes the mount at fd read-only, not recursively, keeping its locked flags. */
int mount_make_readonly(int fd, const char *target, struct err *err);

/* An overlay whose layers are given as descriptors (O_PATH, of mounts in this mount namespace),
 * topmost first; upper and work -1: read-only, of two layers at least. Takes any number (up to the
 * kernel's 500) and any path length. Needs /proc. `data`: further options or NULL ("userxattr" is
 * added). Changes and restores the working directory. */
int mount_overlay(int target_fd, const char *target, const int *lower, unsigned int n_lower,
		  int upper, int work, const char *data, struct err *err);

/* Opens /dev/fuse and mounts it; both in this user namespace, whose mapped ids then own the mount.
 * Everybody in it may enter, and the kernel checks permissions. Returns the descriptor: until a
 * server answers on it, whoever touches the mount waits; with its last copy closed the mount is
 * dead. */
int mount_fuse(int target_fd, const char *target, struct err *err);

/* pivot_root onto newroot (a mount point, absolute or "."), detaches the old root. The working
 * directory is the new root afterwards. */
int mount_pivot(int newroot_fd, struct err *err);

#endif
