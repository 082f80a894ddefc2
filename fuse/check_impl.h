/* check_impl: between the files of --check.
 *
 * Everything goes by a walk over the upper layer's directories, as the merged view knows them. It
 * is not recursive, holds no descriptor for long and knows no paths, so that any tree is walked to
 * its end.
 *
 * What is taken from a directory, or put in, must not show in its times, even when we are killed:
 * before the first change they are written down in a mark, P.strake.times, and after the last they
 * are set and the mark is removed. The next walk that finds the mark does the same. A file with
 * several names that is completed in its place has its mode and capabilities written down as well.
 */
#ifndef STRAKE_FUSE_CHECK_IMPL_H
#define STRAKE_FUSE_CHECK_IMPL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "fuse/lookup.h"
#include "fuse/marks.h"
#include "fuse/options.h"
#include "fuse/overlay.h"

struct names {
	char *text; /* each with its NUL */
	size_t len, cap;
};

/* A directory on the way. */
struct level {
	struct node *node; /* counted */
	struct names subdirs;
	size_t next;  /* of these */
	bool changed; /* its times are written down */
	struct timespec times[2];
	bool redirected; /* a mark says where its lower content is */
	bool whole;	 /* all that it shows has to be in the upper layer */
	bool failed;	 /* something of it is not as it should be */
};

/* An upper directory with a redirect, and the topmost of the lower ones that it leads to. */
struct redirected {
	struct place *upper, *lower; /* counted */
	dev_t dev;
	ino_t ino; /* of the lower */
};

/* A file in the upper layer that has the inode number of a lower one. */
struct copied {
	uint64_t ino;
	struct place *dir; /* counted */
	char *name;
};

struct checker {
	struct overlay o;
	const struct options *options;
	struct err *err;
	struct level *levels;
	size_t depth, cap;
	bool dry;
	bool can_mknod; /* whiteouts can be devices */
	bool quiet;	/* nothing is said: it was said before */
	bool strip;	/* what only strake-overlayfs reads is removed */
	bool bad;	/* something cannot be mended */
	bool mends;	/* something was mended, or would be */
	char *keys;	/* XATTR_LIST_SPACE bytes */
	struct redirected *redirects;
	size_t n_redirects, cap_redirects;
	struct copied *copied;
	size_t n_copied, cap_copied;
	struct node **held; /* by flatten: files with several names */
	size_t n_held, cap_held;
};

enum { XATTR_LIST_SPACE = 65536 };

/* --- check_walk.c */

struct visitor {
	/* Fills l->subdirs. An error is said; one that is for all ends the walk. */
	int (*enter)(struct checker *c, struct level *l);
	/* Whether to enter: 1, 0, or -errno. NULL: all. */
	int (*child)(struct checker *c, struct level *parent, struct level *child,
		     const char *name);
	/* When its subdirectories are done. NULL: nothing. A failed one makes its parent failed. */
	int (*leave)(struct checker *c, struct level *l);
};

int check_walk(struct checker *c, const struct visitor *v);

/* Whether to give up, rather than to go on with the next file. */
bool check_is_fatal(int r);

int names_add(struct names *n, const char *name);
void names_free(struct names *n);
/* What the directory has in the upper layer; or all that it shows. */
int names_of_upper(struct checker *c, struct level *l, struct names *ret);
int names_of_merged(struct checker *c, struct level *l, struct names *ret);

/* As overlay_lookup(), and no listing is made, which would change a directory's access time. */
int check_look_up(struct checker *c, struct node *dir, const char *name, struct file *ret);

/* One line about an entry of a directory (name "": itself). */
void say(struct checker *c, struct level *l, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The same about something that cannot be mended. */
void say_bad(struct checker *c, struct level *l, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* "WHAT, removed": what was done; or "WHAT, to be removed" on a dry run. */
void say_mended(struct checker *c, struct level *l, const char *name, const char *what,
		const char *done);

/* --- check_times.c */

/* Writes down the times, once for a level; fd: the directory. */
int level_change(struct checker *c, struct level *l, int fd);
/* Sets them again, when they were written down. */
int level_settle(struct checker *c, struct level *l, int fd);

/* 1 when they are written down now, 0 when they were before or cannot be. */
int times_begin(struct checker *c, int dirfd, const char *name);
/* Nothing when there is no mark. */
int times_end(struct checker *c, int dirfd, const char *name);

/* --- check_entry.c */

extern const struct visitor check_visitor;
/* Removes a mark, when it is there. 0 or -errno. */
int marks_drop(struct checker *c, int dirfd, const char *name, const char *mark);
/* Into c->keys. How many bytes, or -errno; 0 where there are no xattrs. */
ssize_t check_keys(struct checker *c, int dirfd, const char *name);

/* --- flatten.c */

/* Metadata-only copies get their data, redirected directories all they show. */
int flatten(struct checker *c);

/* --- flatten_file.c */

/* A file of the upper layer without data, at (dirfd, name). */
int flatten_complete(struct checker *c, struct level *l, int dirfd, const char *name,
		     struct node *n);
/* A file of a lower layer. */
int flatten_copy(struct checker *c, struct level *l, int dirfd, const char *name, struct node *n);

#endif
