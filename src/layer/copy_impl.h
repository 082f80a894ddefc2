/* copy_impl: what copy.c, which walks layers, and copy_file.c, which copies one file, share. */
#ifndef STRAKE_LAYER_COPY_IMPL_H
#define STRAKE_LAYER_COPY_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>

#include "layer/owner.h"

/* The first name of a file of this layer that has several. */
struct link {
	ino_t ino;
	char *path;
};

struct dir_time {
	char *path;
	struct timespec mtime;
};

struct copy {
	int dst;
	int src; /* the layer's root/ */
	bool owners;
	bool records; /* src is a layer: override_stat and the sidecar tell the owners */
	struct owners *sidecar;
	bool no_reflink;
	char **jobs; /* paths of directories to do */
	size_t n_jobs, cap_jobs;
	struct dir_time *times;
	size_t n_times, cap_times;
	struct link *links; /* open addressing by inode, path NULL is free */
	size_t n_links, links_size;
	char *buf; /* COPY_BUF bytes, when needed */
};

/* All return 0 or -errno. path: below the layer's root/, for its records. */

/* The attributes that the file shall have: its own, or those that are recorded. fd: open, or -1
 * where no xattr is possible. */
int copy_resolve(struct copy *c, int fd, const char *path, const struct stat *disk,
		 struct stat *ret);
/* Of directories and regular files. true_st: copy_resolve()'s; disk: as on disk. */
int copy_attributes(struct copy *c, int dst, int src, const struct stat *disk,
		    const struct stat *true_st);
/* A regular file; a symlink or fifo. sdir/name to ddir/to, which is not there. */
int copy_regular(struct copy *c, int sdir, const char *name, int ddir, const char *to,
		 const char *path, const struct stat *st);
int copy_special(struct copy *c, int sdir, const char *name, int ddir, const char *to,
		 const char *path, const struct stat *st);
void copy_release(struct copy *c);

#endif
