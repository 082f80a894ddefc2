/* mountpoints: a layer below every image that holds what each container mounts on: /proc, /sys,
 * /dev, and the files of /etc that are generated. An image that lacks one shows this one; without
 * it, each start would make them in the container's upper, where `commit` would find them. */
#ifndef STRAKE_CONTAINER_MOUNTPOINTS_H
#define STRAKE_CONTAINER_MOUNTPOINTS_H

#include "base/err.h"
#include "store/store.h"

/* Absolute path of the layer directory (the tree is in its "root"), made when it is missing;
 * malloced. Derived data: it lies in the store's cache. */
int mountpoints_layer(struct store *s, char **ret, struct err *err);

#endif
