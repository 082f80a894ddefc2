/* mount: getting a /dev/fuse descriptor that is mounted somewhere. */
#ifndef STRAKE_FUSE_MOUNT_H
#define STRAKE_FUSE_MOUNT_H

#include "base/err.h"
#include "fuse/options.h"

/* Mounts on o->mountpoint: by mount(2) where that is allowed (root, or root of a user namespace),
 * else through fusermount3. Returns the descriptor or -errno. */
int fuse_mount(const struct options *o, struct err *err);

#endif
