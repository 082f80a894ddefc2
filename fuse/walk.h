/* walk: finding a name in the layers, and a node's own entry on disk. */
#ifndef STRAKE_FUSE_WALK_H
#define STRAKE_FUSE_WALK_H

#include <stdbool.h>
#include <sys/stat.h>

#include "fuse/dir.h"
#include "fuse/marks.h"
#include "fuse/node.h"
#include "fuse/place.h"

/* What a name is in a directory's layers. */
struct found {
	struct stat st;	      /* as on disk, of the topmost */
	struct place *in;     /* counted: the place it is in, with st; its layer is the file's */
	struct place **stack; /* of a directory: counted, topmost first */
	unsigned int n;
	struct marks marks; /* of the topmost, when it may bear some */
	struct place *data; /* of a metadata-only copy: counted, where the data are, or NULL */
	char *data_name;
};

void found_release(struct found *f);
#define _cleanup_found_ __attribute__((cleanup(found_release)))

/* Under d's lock. 0, -ENOENT (nowhere, or whited out), or -errno; *ret is to be released in any
 * case. */
int walk_find(struct overlay *o, struct dir *d, const char *name, struct found *ret);

/* The directories that layers from `first` on have at a path from their roots: ret->stack. */
int walk_path(struct overlay *o, unsigned int first, const char *path, struct found *ret);

/* Whether some layer below the upper has the name visible there: what a whiteout is needed for. 1,
 * 0 or -errno. */
int walk_is_below(struct overlay *o, struct dir *d, const char *name);

/* Where a node's entry is: its parent's place in the node's layer and its name, both good while the
 * parent's lock is held, which spot_release() gives up. -ENOENT when it has no name; -ESTALE when
 * its layer is not one of its parent's. */
struct spot {
	struct node *parent;
	struct place *place;
	char name[256];
};
int spot_find(struct overlay *o, struct node *n, bool exclusive, struct spot *ret);
void spot_release(struct overlay *o, struct spot *s);

#endif
