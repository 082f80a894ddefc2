/* Theory of operation
 *
 * A bind mount is made detached (open_tree), gets its attributes and its propagation while nobody
 * can see it (mount_setattr), and is put in its place whole (move_mount): there is no moment at
 * which it is visible and still writable. Older kernels and seccomp filters of containers refuse
 * some of these calls (ENOSYS, EPERM). Then it is mount(MS_BIND) first, and a remount of each mount
 * that came along after: mount(2) has no recursive remount.
 *
 * In a user namespace the mounts that were copied from outside are locked to one another: a bind of
 * one without its children is EINVAL, since it would show what they hide. It is made with its
 * children then. The flags such mounts came with (ro, nosuid, nodev, noexec, atime) cannot be
 * cleared, and a remount must repeat them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/vec.h"
#include "ns/mount.h"
#include "ns/mount_tree.h"
#include "ns/sys.h"

static int bind_error(struct err *err, int code, const char *target)
{
	err_sys(err, code, "cannot bind a mount on '%s'", target);
	if (code == ENOTDIR)
		return err_hint(err, "source and target are not both directories or both files");
	if (code == EINVAL)
		return err_hint(err, "the source is not in this mount namespace, or is unbindable");
	return -code;
}

static bool is_missing_call(int code)
{
	return code == ENOSYS || code == EPERM;
}

/* Returns 0, 1 when the kernel or a filter has no such call, or -errno. */
static int bind_new(int source_fd, int target_fd, const char *target, unsigned long attr_set,
		    unsigned long propagation, bool recursive, struct err *err)
{
	const unsigned int all = recursive ? AT_RECURSIVE : 0;
	const struct mount_attr attr = {.attr_set = attr_set, .propagation = propagation};
	_cleanup_fd_ int tree = -1;

	tree = sys_open_tree(source_fd, "",
			     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | all);
	if (tree < 0 && errno == EINVAL && !recursive)
		return bind_new(source_fd, target_fd, target, attr_set, propagation, true, err);
	if (tree < 0)
		return is_missing_call(errno) ? 1 : bind_error(err, errno, target);
	if ((attr_set || propagation) &&
	    sys_mount_setattr(tree, "", AT_EMPTY_PATH | all, &attr) < 0)
		return is_missing_call(errno) ? 1 : bind_error(err, errno, target);
	if (sys_move_mount(tree, "", target_fd, "",
			   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return is_missing_call(errno) ? 1 : bind_error(err, errno, target);
	return 0;
}

static int bind_old(int source_fd, int target_fd, const char *target, unsigned long ms_flags,
		    unsigned long propagation, bool recursive, struct err *err)
{
	char source_path[MOUNT_FD_PATH_MAX], target_path[MOUNT_FD_PATH_MAX];

	mount_fd_path(source_fd, source_path);
	mount_fd_path(target_fd, target_path);
	if (mount(source_path, target_path, NULL, MS_BIND | (recursive ? MS_REC : 0), NULL) < 0) {
		if (errno == EINVAL && !recursive)
			return bind_old(source_fd, target_fd, target, ms_flags, propagation, true,
					err);
		return bind_error(err, errno, target);
	}
	return mount_tree_remount(target_fd, target, ms_flags, propagation, recursive, err);
}

int mount_bind(int source_fd, int target_fd, const char *target, unsigned long attr, bool recursive,
	       unsigned long propagation, struct err *err)
{
	unsigned long ms_flags = 0;
	int r;

	r = bind_new(source_fd, target_fd, target, attr, propagation, recursive, err);
	if (r <= 0)
		return r;
	ms_flags |= attr & MOUNT_ATTR_RDONLY ? MS_RDONLY : 0;
	ms_flags |= attr & MOUNT_ATTR_NOSUID ? MS_NOSUID : 0;
	ms_flags |= attr & MOUNT_ATTR_NODEV ? MS_NODEV : 0;
	ms_flags |= attr & MOUNT_ATTR_NOEXEC ? MS_NOEXEC : 0;
	return bind_old(source_fd, target_fd, target, ms_flags, propagation, recursive, err);
}
