/* lookup: from names on disk to nodes, and what a node shows. For the files of the overlay's core.
 */
#ifndef STRAKE_FUSE_LOOKUP_H
#define STRAKE_FUSE_LOOKUP_H

#include <sys/stat.h>

#include "fuse/overlay.h"
#include "fuse/walk.h"

/* As overlay_lookup(), under the directory's lock. */
int lookup_child(struct overlay *o, struct node *dir, const char *name, struct file *ret);

/* The node of what is now at `name` in the upper layer's place, new or known; st is its own on
 * disk. ino: as shown, 0: as on disk. Under the directory's lock, exclusively. */
int lookup_made(struct overlay *o, struct node *dir, const char *name, const struct stat *st,
		struct file *ret);

/* The attributes of a directory's topmost place, as on disk. */
int dir_stat(struct dir *d, struct stat *ret);

/* The inode number that a layer's file shows. */
uint64_t shown_ino(const struct layer *layer, const struct stat *st);

/* Completes what is on disk to what is shown: number, links. Owners are owner_show()'s. */
void show(const struct overlay *o, struct node *n, struct stat *st);

#endif
