/* fusermount: fusermount3, the setuid program of the system by which an ordinary user mounts FUSE
 * file systems outside of a user namespace, and takes them away again. */
#ifndef STRAKE_BASE_FUSERMOUNT_H
#define STRAKE_BASE_FUSERMOUNT_H

#include <stdbool.h>

#include "base/err.h"

/* Whether fusermount3 is in PATH (unset: the C library's default) and can gain its privilege.
 * -ENOENT names the package, -EPERM says what it lacks. */
int fusermount_check(struct err *err);

/* Mounts an unserved file system on the absolute path dir. options: as after -o. Returns its
 * /dev/fuse descriptor. */
int fusermount_mount(const char *dir, const char *options, struct err *err);

/* Unmounts dir, an absolute path of which only the last component may not be looked at (its server
 * may be dead): with umount(2) where that is allowed, else through fusermount3. lazy: as MNT_DETACH
 * has it; else -EBUSY when it is in use. -EINVAL when nothing is mounted there. */
int fusermount_unmount(const char *dir, bool lazy, struct err *err);

/* Whether `dir` is a FUSE mount with that source in this mount namespace; an absolute, clean path.
 */
bool fusermount_is_mounted(const char *dir, const char *fsname);

#endif
