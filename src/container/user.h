/* user: "user[:group]" against the container's own passwd and group (SPEC section 12). */
#ifndef STRAKE_CONTAINER_USER_H
#define STRAKE_CONTAINER_USER_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct user {
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* supplementary; owned */
	size_t n_groups;
	char *home; /* from passwd, "/" when it has no entry; owned */
};

void user_release(struct user *u);

/* root_fd: the container's root; its files are read through root_open and bounded. Digits are
 * always a number; a name that is not there is -EINVAL, a number that is not there gets group 0.
 * Without a group part the primary group and every group that lists the user; with one only that.
 * "" is root. */
int user_resolve(int root_fd, const char *spec, struct user *ret, struct err *err);

/* The same over the texts of the two files ("" for a missing one). Pure. */
int user_resolve_text(const char *passwd, const char *group, const char *spec, struct user *ret,
		      struct err *err);

#endif
