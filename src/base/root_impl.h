/* root_impl: the walk that stands in for openat2 (root_walk.c). */
#ifndef STRAKE_BASE_ROOT_IMPL_H
#define STRAKE_BASE_ROOT_IMPL_H

#include <sys/types.h>

/* As root_open(), component by component. */
int root_walk(int rootfd, const char *path, int flags, mode_t mode);

#endif
