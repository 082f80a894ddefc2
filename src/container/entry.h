/* entry: the host's side of strake-entry (src/entry/entry.h): how it gets into a container. */
#ifndef STRAKE_CONTAINER_ENTRY_H
#define STRAKE_CONTAINER_ENTRY_H

#include "base/err.h"

/* A sealed memory file with the program, for execveat(fd, "", argv, envp, AT_EMPTY_PATH). Returns
 * the descriptor (O_CLOEXEC), or -errno: -ENOTSUP where the system forbids to execute memory files
 * (vm.memfd_noexec=2, a seccomp filter); entry_clone() helps then. */
int entry_open(struct err *err);

/* The same from a read-only detached clone of the mount the program is on. Called in the
 * container's own mount namespace, before the pivot: it needs CAP_SYS_ADMIN there. */
int entry_clone(struct err *err);

#endif
