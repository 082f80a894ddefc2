/* layer: one source of files, and what the overlay asks of it.
 *
 * A source answers for one layer by (place, name): the name of an entry in a directory, or "" for
 * the directory itself. Today's only source is a directory tree (source_dir.c); others that hold no
 * descriptor per file, such as compressed layers, fit behind the same calls. The upper layer is
 * always a directory tree and is also written, by the files that say so, through the descriptors of
 * its places.
 */
#ifndef STRAKE_FUSE_LAYER_H
#define STRAKE_FUSE_LAYER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/err.h"
#include "fuse/place.h"

struct overlay;

/* type: S_IFMT bits, or 0 when only a stat can tell. Returns 0 or -errno to end the listing. */
typedef int (*layer_entry_fn)(void *arg, const char *name, uint64_t ino, mode_t type);

struct source {
	/* Both as the system call they are named after, with -errno. */
	int (*stat)(struct place *dir, const char *name, struct stat *ret);
	ssize_t (*readlink)(struct place *dir, const char *name, char *out, size_t size);
	/* Of any type of file, symlinks not followed. Size 0 asks for the size. */
	ssize_t (*getxattr)(struct place *dir, const char *name, const char *key, void *value,
			    size_t size);
	ssize_t (*listxattr)(struct place *dir, const char *name, char *list, size_t size);
	/* A descriptor of a regular file (or a directory) for reading, O_NOFOLLOW. */
	int (*open)(struct place *dir, const char *name, int flags);
	/* All entries but "." and "..". Returns 0, -errno, or what fn returned. */
	int (*list)(struct place *dir, layer_entry_fn fn, void *arg);
};

struct layer {
	struct overlay *overlay;
	const struct source *source;
	struct place *root;
	unsigned int index; /* 0 is the topmost; the upper layer, where there is one */
	bool upper;
	bool wh_files;	     /* may hold ".wh.NAME" */
	unsigned int device; /* of inode numbers: equal for layers on one file system */
	dev_t dev;
	struct link_map *links; /* copyup.h; made when it is first needed */
};

/* A directory tree on disk. */
extern const struct source source_dir;

#endif
