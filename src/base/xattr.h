/* xattr: extended attributes of any file type through an O_PATH or ordinary descriptor.
 *
 * Symlinks and special files opened O_PATH have no fsetxattr; /proc/self/fd/N names them without a
 * walk.
 */
#ifndef STRAKE_BASE_XATTR_H
#define STRAKE_BASE_XATTR_H

#include <stddef.h>
#include <sys/types.h>

/* fd is O_PATH or not. Return 0 / the size, or -errno. */
int xattr_set(int fd, const char *name, const void *value, size_t size);
ssize_t xattr_get(int fd, const char *name, void *value, size_t size);
int xattr_remove(int fd, const char *name);

#endif
