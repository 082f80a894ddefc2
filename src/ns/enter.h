/* enter: work to be done inside a fresh, mapped user namespace. */
#ifndef STRAKE_NS_ENTER_H
#define STRAKE_NS_ENTER_H

#include <sys/types.h>

#include "base/err.h"
#include "ns/identity.h"

/* clone(2) as fork does, with the namespace flags given (CLONE_NEW*); asserts a single thread.
 * Returns the pid (0 in the child) or -errno with a message: a user namespace that is refused says
 * by which switch (user.max_user_namespaces, kernel.unprivileged_userns_clone, AppArmor's
 * kernel.apparmor_restrict_unprivileged_userns) and how to change it. */
pid_t ns_clone(int flags, struct err *err);

/* Runs fn in a child inside a new user namespace (and the further `flags`) with identity's maps
 * written, and waits. fn's failure comes back with its message. fn runs after the maps are in
 * place. */
int ns_run(const struct identity *id, int flags, int (*fn)(void *ctx, struct err *err), void *ctx,
	   struct err *err);

/* rm -rf of `name` below dirfd, inside the namespace only when it cannot be removed from outside
 * (subordinate owners). */
int ns_remove_tree(const struct identity *id, int dirfd, const char *name, struct err *err);

#endif
