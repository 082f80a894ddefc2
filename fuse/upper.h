/* upper: system calls on an entry of the upper layer, given as (directory descriptor, name), or as
 * a descriptor, O_PATH or not, and the name "". Symlinks are not followed. 0 or -errno. */
#ifndef STRAKE_FUSE_UPPER_H
#define STRAKE_FUSE_UPPER_H

#include <sys/stat.h>
#include <sys/types.h>

#include "fuse/overlay.h"
#include "fuse/walk.h"

int upper_chmod(int dirfd, const char *name, mode_t mode);
int upper_chown(int dirfd, const char *name, uid_t uid, gid_t gid);
int upper_utimens(int dirfd, const char *name, const struct timespec times[2]);
int upper_stat(int dirfd, const char *name, struct stat *ret);
/* For futimens() afterwards: a directory's times do not change because something in it is copied
 * up. */
void upper_save_times(int dirfd, struct timespec times[2]);
/* An O_PATH descriptor. */
int upper_open_path(int dirfd, const char *name);

/* A directory's place in the upper layer, pinned: place_pin()'s descriptor. -ENOENT when it has
 * none, or was removed. Under the directory's lock. */
int upper_pin(const struct overlay *o, const struct node *dir, struct place **ret);

/* Where a node of the upper layer is, for these calls, until upper_leave(). */
struct target {
	int dirfd;
	const char *name;
	struct spot spot; /* of a file with a name */
	struct place
		*place; /* of a directory, or the file's, pinned; NULL: dirfd is the target's own */
	bool has_spot;
};

/* exclusive: so that nobody sees what happens half done. */
int upper_enter(struct overlay *o, struct node *n, bool exclusive, struct target *ret);
void upper_leave(struct overlay *o, struct target *t);

/* Before a file gets another name or place. Where the data of a metadata-only copy are is found by
 * its place: the mark that says so goes with it. And a directory without lower content that is
 * about to have it says so: dir's lock is held exclusively, n is not locked. 0 or -errno. */
int upper_carry_data(struct overlay *o, struct node *n, struct target *t);
int upper_make_impure(struct overlay *o, struct node *dir, struct node *n);

#endif
