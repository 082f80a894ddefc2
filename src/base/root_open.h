/* root_open: opening files below a root that an image or a user controls.
 *
 * Theory of operation: every path below such a root may hold symlinks (absolute ones, "..", links
 * changed while we look). openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS) makes the kernel resolve
 * them as if the root were "/", -EAGAIN (a rename raced with "..") is retried. Kernels before 5.6
 * and seccomp filters without openat2 (ENOSYS or EPERM) take a component-by-component walk with
 * O_PATH | O_NOFOLLOW that reads each link and keeps the stack of directories itself, so that ".."
 * can never leave the root. STRAKE_NO_OPENAT2=1 in the environment forces the walk: the tests run
 * both.
 */
#ifndef STRAKE_BASE_ROOT_OPEN_H
#define STRAKE_BASE_ROOT_OPEN_H

#include <stdbool.h>
#include <sys/types.h>

/* Opens path (absolute and relative mean the same) below rootfd. flags and mode as open(2);
 * O_CLOEXEC is added; with O_NOFOLLOW a final symlink is not followed (O_PATH gives the link
 * itself). O_CREAT works: a final dangling symlink is resolved inside the root or refused with
 * -ELOOP, never outside. Returns the descriptor or -errno; a link of procfs that leads outside
 * (/proc/self/root) is -ELOOP. */
int root_open(int rootfd, const char *path, int flags, mode_t mode);

/* Opens the parent directory of path (O_PATH | O_DIRECTORY) and points *ret_name at the last
 * component inside `path`. The root itself ("/", "", ".") is -EINVAL; so are a last component "."
 * or ".." and a slash at the end (as a name, "link/" would be followed). */
int root_open_parent(int rootfd, const char *path, const char **ret_name);

/* mkdir -p below the root, through its symlinks, without leaving it. New directories get exactly
 * mode; those a dangling symlink leads to are made, too. Returns an O_PATH | O_DIRECTORY descriptor
 * of the last one or -errno (-ENOTDIR: a component is no directory). */
int root_mkdir_p(int rootfd, const char *path, mode_t mode);

/* Makes an empty regular file at path when nothing is there, parents included; -EISDIR for a
 * directory. Returns an O_PATH descriptor of what is there afterwards. */
int root_touch(int rootfd, const char *path, mode_t mode);

/* Whether openat2 is in use (doctor reports it). */
bool root_open_has_openat2(void);

#endif
