/* unpack_impl: what unpack.c (the tar), unpack_tree.c (directories, whiteouts) and unpack_entry.c
 * (one entry) share. One thread at a time. */
#ifndef STRAKE_LAYER_UNPACK_IMPL_H
#define STRAKE_LAYER_UNPACK_IMPL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "base/buf.h"
#include "base/err.h"
#include "layer/owner.h"
#include "layer/unpack.h"

#define UNPACK_SLOTS 16 /* open directories; the first is the root and stays */

/* A directory held open, because the next entries are likely to go there too. */
struct unpack_dir {
	int fd; /* O_RDONLY | O_DIRECTORY; -1: a free slot */
	dev_t dev;
	ino_t ino;
	mode_t mode;
	struct timespec mtime; /* to be set when the slot closes, if touched */
	bool touched;	       /* its children changed, or its time is not on disk yet */
	uint64_t used;	       /* tick of the last use */
	size_t len;
	bool named;	     /* path counts */
	char path[PATH_MAX]; /* below root/, as entries name it; it may lead through symlinks */
};

struct unpack {
	int dir; /* the layer directory */
	struct unpack_dir slots[UNPACK_SLOTS];
	uint64_t tick;
	unsigned int dangling; /* symlinks to nothing on the way to the directory being made */
	mode_t mask;	   /* permission bits that a creation does not get: umask or default ACL */
	bool no_xattr;	   /* the file system takes no user.* */
	bool no_mknod;	   /* ... and no 0:0 device: whiteouts are .wh. files */
	bool warned_xattr; /* said that one did not fit */
	struct owners *owners;
	const struct unpack_options *options;
	struct buf links; /* the file "links" (lower.h) */
	uint64_t entries;
	uint64_t content;   /* bytes of file content so far */
	uint64_t unchecked; /* bytes since the last look at the free space */
};

/* What an entry says, in our terms. */
struct unpack_entry {
	const char *path; /* clean, below root/; "" is the root */
	mode_t type;	  /* S_IFMT bits */
	mode_t mode;	  /* 07777 */
	uid_t uid;
	gid_t gid;
	unsigned int major, minor;
	struct timespec mtime;
	int64_t size;
	const char *target; /* of a symlink or (clean) a hard link, else NULL */
	bool hardlink;
	struct archive *archive; /* its content and xattrs */
	struct archive_entry *raw;
};

/* ---- unpack_tree.c */

int unpack_tree_begin(struct unpack *u, struct err *err);
/* Puts the directories' times back and closes them. */
void unpack_tree_end(struct unpack *u);

/* The directory `path` (len bytes) opened, made when missing. Valid until the third next call. */
int unpack_dir_open(struct unpack *u, const char *path, size_t len, struct unpack_dir **ret,
		    struct err *err);
/* The directory when it is there: 1, else 0, or -errno. */
int unpack_dir_find(struct unpack *u, const char *path, size_t len, struct unpack_dir **ret,
		    struct err *err);
/* The parent of path, and the last component. path is not "". */
int unpack_parent(struct unpack *u, const char *path, struct unpack_dir **ret,
		  const char **ret_name, struct err *err);
/* Takes over the descriptor of a directory: its slot, named path (NULL: not named yet). */
struct unpack_dir *unpack_dir_adopt(struct unpack *u, int fd, const struct stat *st,
				    const char *path, size_t len);
/* Makes room at parent/name, whatever is there. Returns 1 when what went hid the lower layers'
 * content (so that a directory taking the place must be opaque), 0 when it did not or nothing was
 * there, -errno. */
int unpack_clear(struct unpack *u, struct unpack_dir *parent, const char *name, struct err *err);
/* Removes the ".wh.NAME" form of a whiteout, where that form is in use; returns as unpack_clear().
 */
int unpack_unwhite(struct unpack *u, struct unpack_dir *parent, const char *name, struct err *err);
int unpack_set_opaque(struct unpack *u, struct unpack_dir *dir, struct err *err);
/* Removes name from the lower layers, unless this layer has something there. */
int unpack_whiteout(struct unpack *u, struct unpack_dir *parent, const char *name, struct err *err);
/* Whether the mode a creation with these bits in parent gives differs from disk_mode. */
bool unpack_mode_differs(const struct unpack *u, const struct unpack_dir *parent, mode_t disk_mode,
			 bool directory);
/* dir's real path below root/, symlinks resolved, plus "/" name (NULL: without), into
 * out[PATH_MAX]. */
int unpack_real_path(const struct unpack *u, const struct unpack_dir *dir, const char *name,
		     char *out, struct err *err);

/* ---- unpack_entry.c */

int unpack_entry_place(struct unpack *u, const struct unpack_entry *e, struct err *err);

/* ---- unpack.c: what needs libarchive or the limits */

/* The entry's data into fd, holes as holes. */
int unpack_content(struct unpack *u, const struct unpack_entry *e, int fd, struct err *err);
/* The entry's user.* xattrs onto fd; reserved and privileged ones are dropped. */
int unpack_xattrs(struct unpack *u, const struct unpack_entry *e, int fd, struct err *err);
/* The error of a write or creation; a full file system is said the same way everywhere. */
int unpack_write_failed(int code, const char *what, struct err *err);

#endif
