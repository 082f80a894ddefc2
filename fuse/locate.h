/* locate: where a node is on disk, whatever it is and in whatever layer, and what can be asked of
 * it there. */
#ifndef STRAKE_FUSE_LOCATE_H
#define STRAKE_FUSE_LOCATE_H

#include <sys/stat.h>
#include <sys/types.h>

#include "fuse/overlay.h"
#include "fuse/walk.h"

/* One of three: an entry of a place, its own or, of a lower file without a name, that which it had;
 * a directory's topmost place; a descriptor, which may be O_PATH, of what has no name any more. */
struct located {
	struct place *place; /* counted; NULL: fd */
	const char *name;    /* "": the place, or fd, itself */
	int fd;		     /* -1 */
	struct spot spot;    /* while it has one, its parent's lock is held, shared */
	bool has_spot;
	char *owned_name;
};

/* 0, or -ENOENT when it is nowhere, or another -errno. locate_end() gives it up. */
int locate(struct overlay *o, struct node *n, struct located *ret);
void locate_end(struct overlay *o, struct located *l);

/* As the system calls, with -errno; of the file itself, symlinks not followed. */
int located_stat(const struct located *l, struct stat *ret);
ssize_t located_readlink(const struct located *l, char *out, size_t size);
ssize_t located_getxattr(const struct located *l, const char *key, void *value, size_t size);
ssize_t located_listxattr(const struct located *l, char *keys, size_t size);

#endif
