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
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "ns/mount.h"
#include "ns/mount_tree.h"
#include "ns/sys.h"

/* What one bind is about. */
struct bind {
	int source_fd, target_fd;
	const char *target;
	bool recursive;
	unsigned long propagation;
};

static bool one_is_a_directory(const struct bind *b)
{
	struct stat source, target;

	return fstat(b->source_fd, &source) == 0 && fstat(b->target_fd, &target) == 0 &&
	       S_ISDIR(source.st_mode) != S_ISDIR(target.st_mode);
}

static int bind_error(struct err *err, int code, const struct bind *b)
{
	/* move_mount(2) says EINVAL to it, mount(2) ENOTDIR. */
	if (code == EINVAL && one_is_a_directory(b))
		code = ENOTDIR;
	err_sys(err, code, "cannot bind a mount on '%s'", b->target);
	if (code == ENOTDIR)
		err_hint(err, "source and target are not both directories or both files");
	else if (code == EINVAL)
		err_hint(err, "the source is not in this mount namespace, or is unbindable");
	return -code;
}

static bool is_missing_call(int code)
{
	return code == ENOSYS || code == EPERM;
}

/* Returns 0, 1 when the kernel or a filter has no such call, or -errno. */
static int bind_new(const struct bind *b, unsigned long attr_set, struct err *err)
{
	const struct mount_attr attr = {.attr_set = attr_set, .propagation = b->propagation};
	unsigned int all = b->recursive ? AT_RECURSIVE : 0;
	const unsigned int clone = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
	_cleanup_fd_ int tree = sys_open_tree(b->source_fd, "", clone | all);

	if (tree < 0 && errno == EINVAL && !b->recursive) {
		all = AT_RECURSIVE;
		tree = sys_open_tree(b->source_fd, "", clone | all);
	}
	if (tree < 0)
		return is_missing_call(errno) ? 1 : bind_error(err, errno, b);
	if ((attr_set || b->propagation) &&
	    sys_mount_setattr(tree, "", AT_EMPTY_PATH | all, &attr) < 0)
		return is_missing_call(errno) ? 1 : bind_error(err, errno, b);
	if (sys_move_mount(tree, "", b->target_fd, "",
			   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return is_missing_call(errno) ? 1 : bind_error(err, errno, b);
	return 0;
}

static int bind_old(const struct bind *b, unsigned long ms_flags, struct err *err)
{
	char source[MOUNT_FD_PATH_MAX], target[MOUNT_FD_PATH_MAX];
	unsigned long all = b->recursive ? MS_REC : 0;
	int r;

	mount_fd_path(b->source_fd, source);
	mount_fd_path(b->target_fd, target);
	r = mount(source, target, NULL, MS_BIND | all, NULL);
	if (r < 0 && errno == EINVAL && !b->recursive) {
		all = MS_REC;
		r = mount(source, target, NULL, MS_BIND | all, NULL);
	}
	if (r < 0)
		return bind_error(err, errno, b);
	return mount_tree_remount(b->target_fd, b->target, ms_flags, b->propagation, all != 0, err);
}

int mount_bind(int source_fd, int target_fd, const char *target, unsigned long attr, bool recursive,
	       unsigned long propagation, struct err *err)
{
	const struct bind b = {source_fd, target_fd, target, recursive, propagation};
	unsigned long ms_flags = 0;
	const int r = bind_new(&b, attr, err);

	if (r <= 0)
		return r;
	ms_flags |= attr & MOUNT_ATTR_RDONLY ? MS_RDONLY : 0;
	ms_flags |= attr & MOUNT_ATTR_NOSUID ? MS_NOSUID : 0;
	ms_flags |= attr & MOUNT_ATTR_NODEV ? MS_NODEV : 0;
	ms_flags |= attr & MOUNT_ATTR_NOEXEC ? MS_NOEXEC : 0;
	return bind_old(&b, ms_flags, err);
}
