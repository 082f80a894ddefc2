/* mount: getting a /dev/fuse descriptor that is mounted somewhere, and ending that. */
#ifndef STRAKE_FUSE_MOUNT_H
#define STRAKE_FUSE_MOUNT_H

#include "base/err.h"
#include "fuse/options.h"

/* Mounts on o->mountpoint: by mount(2) where that is allowed (root, or root of a user namespace),
 * else through fusermount3. Returns the descriptor or -errno. */
int fuse_mount(const struct options *o, struct err *err);

/* Unmounts what fuse_mount() did, lazily: the server then ends. 0 or -errno. */
int fuse_unmount(const char *mountpoint);

#endif
