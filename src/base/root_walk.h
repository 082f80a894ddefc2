/* root_walk: the walk of root_open() without openat2, by single components. Private to root_open.c.
 */
#ifndef STRAKE_BASE_ROOT_WALK_H
#define STRAKE_BASE_ROOT_WALK_H

#include <sys/types.h>

/* As root_open(). dir_mode >= 0: directories missing on the way, in targets of symlinks too, are
 * made with exactly this mode; -1: they are -ENOENT. */
int root_walk(int rootfd, const char *path, int flags, mode_t mode, int dir_mode);

#endif
