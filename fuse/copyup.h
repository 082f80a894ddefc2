/* copyup: bringing what lower layers have into the upper one, before it changes. */
#ifndef STRAKE_FUSE_COPYUP_H
#define STRAKE_FUSE_COPYUP_H

#include <sys/stat.h>

#include "fuse/overlay.h"

enum copy_kind {
	COPY_ATTRS, /* attributes are going to change: the data may stay where they are */
	COPY_ALL,
	COPY_EMPTY, /* the data are going to be cut off: attributes, and no data */
};

/* Makes sure that the node, and the directories above it, are in the upper layer. 0 or -errno;
 * -EROFS without an upper layer. A failure leaves the file as it was. No directory is locked by the
 * caller. */
int copy_up(struct overlay *o, struct node *n, enum copy_kind kind);

/* Whether a lower file has several names in its layer, so that taking one away is a change to the
 * others. 1, 0 or -errno. */
int copyup_has_links(struct overlay *o, struct node *n);

/* --- among the files of copy-up */

/* The same for a directory and those above it. Not recursive: trees may be deeper than a stack. */
int copyup_dirs(struct overlay *o, struct node *dir);

/* Where a file is, as on disk. */
struct origin {
	struct place *dir;
	char *name;
	struct stat st;
};

/* A copy under construction. */
struct copy {
	int fd;	       /* O_PATH for what cannot be opened; -1 */
	char name[32]; /* in the work directory, or "" */
	bool metacopy;
};

/* An empty regular file, open for writing; or what is no regular file, whole but for copy_attrs().
 */
int copy_regular(struct overlay *o, struct copy *c);
int copy_other(struct overlay *o, const struct origin *s, struct copy *c);
void copy_release(struct overlay *o, struct copy *c);
/* As the original: owner, xattrs, mode, times, in an order in which none undoes another. */
int copy_attrs(struct overlay *o, const struct origin *s, int fd);
/* Gives an open file, which may have none, a further name. */
int copy_link(int fd, int dirfd, const char *name);

/* Copies len bytes from the beginning of src, leaving holes where it has them. */
int copy_data(int dst, int src, off_t len);
/* Copies all xattrs that are not the overlay's own. Those the file system does not take are left
 * out when the user could not have set them. */
int copy_xattrs(struct overlay *o, struct place *dir, const char *name, int dst);

/* The other names of a lower file in its layer, found by a walk over all of it, once. */
struct link_name {
	uint64_t ino;
	struct place *dir; /* counted */
	char *name;
};
struct link_map;
void link_map_free(struct link_map *m);
/* The names of inode ino: *ret_n of them, 0 when it has but one. */
int links_find(struct layer *layer, uint64_t ino, const struct link_name **ret,
	       unsigned int *ret_n);
/* Makes the node known by all its names that the merged view shows. */
int links_look_up(struct overlay *o, struct node *n);

#endif
