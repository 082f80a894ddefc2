/* remove: what unlink, rmdir and a rename that replaces have in common. */
#ifndef STRAKE_FUSE_REMOVE_H
#define STRAKE_FUSE_REMOVE_H

#include "fuse/overlay.h"

/* Keeps a file alive that is about to lose a name, when it is its last. n is what `name` in the
 * directory open at dirfd is (has_upper: in the upper layer), under the directory's lock. */
int remove_hold(struct overlay *o, struct node *n, struct node *dir, int dirfd, const char *name,
		bool has_upper);

/* Whether a directory shows nothing: 0, -ENOTEMPTY, or -errno. It is locked exclusively. */
int remove_check_empty(struct overlay *o, struct node *n);

/* A directory that was removed is empty for good, and what it was is still there for those who have
 * it open: its topmost place, opened while it has its name, and handed over once it is gone, or
 * given up. NULL when it cannot be opened. Locked exclusively. */
struct place *remove_dig(struct node *n);
void remove_bury(struct overlay *o, struct node *n, struct place *grave);
void remove_fill_in(struct place *grave);

/* A lower file with other names is copied up before it loses this one: its link count is then its
 * copy's. Nothing is locked. */
int remove_settle_links(struct overlay *o, struct node *dir, const char *name);

#endif
