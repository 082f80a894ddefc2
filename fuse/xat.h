/* xat: extended attributes of (directory descriptor, name), symlinks not followed.
 *
 * By the getxattrat family of Linux 6.13, else by way of an O_PATH descriptor and /proc/self/fd,
 * which STRAKE_NO_XATTRAT=1 in the environment forces. An empty name means the descriptor itself,
 * which may be O_PATH. All return 0 or the size, or -errno.
 */
#ifndef STRAKE_FUSE_XAT_H
#define STRAKE_FUSE_XAT_H

#include <stddef.h>
#include <sys/types.h>

ssize_t xat_get(int dirfd, const char *name, const char *key, void *value, size_t size);
ssize_t xat_list(int dirfd, const char *name, char *list, size_t size);
int xat_set(int dirfd, const char *name, const char *key, const void *value, size_t size,
	    int flags);
int xat_remove(int dirfd, const char *name, const char *key);

#endif
