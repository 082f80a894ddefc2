#include "ns/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "ns/mount_tree.h"
#include "ns/sys.h"

void mount_fd_path(int fd, char out[MOUNT_FD_PATH_MAX])
{
	snprintf(out, MOUNT_FD_PATH_MAX, "/proc/self/fd/%d", fd);
}

unsigned long mount_current_flags(const struct statvfs *fs)
{
	static const struct {
		unsigned long st, ms;
	} map[] = {
		{ST_RDONLY, MS_RDONLY},	    {ST_NOSUID, MS_NOSUID},
		{ST_NODEV, MS_NODEV},	    {ST_NOEXEC, MS_NOEXEC},
		{ST_NOATIME, MS_NOATIME},   {ST_NODIRATIME, MS_NODIRATIME},
		{ST_RELATIME, MS_RELATIME},
	};
	unsigned long flags = 0;

	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
		if (fs->f_flag & map[i].st)
			flags |= map[i].ms;
	}
	return flags;
}

/* /proc/self/fd is how every path here is named. */
static int without_proc(struct err *err, int code)
{
	if (code == ENOENT && access("/proc/self/fd", F_OK) < 0)
		return err_hint(err, "/proc is not mounted here");
	return -code;
}

int mount_on(int target_fd, const char *target, const char *source, const char *fstype,
	     unsigned long flags, const char *data, struct err *err)
{
	char path[MOUNT_FD_PATH_MAX];
	int code;

	mount_fd_path(target_fd, path);
	if (mount(source, path, fstype, flags, data) == 0)
		return 0;
	code = errno;
	err_sys(err, code, "cannot mount %s on '%s'",
		fstype	 ? fstype
		: source ? source
			 : "anything",
		target);
	if (code == ENODEV && fstype)
		return err_hint(err, "the kernel has no file system '%s'", fstype);
	return without_proc(err, code);
}

int mount_make_readonly(int fd, const char *target, struct err *err)
{
	const struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	char path[MOUNT_FD_PATH_MAX];
	struct statvfs fs;

	if (sys_mount_setattr(fd, "", AT_EMPTY_PATH, &attr) == 0)
		return 0;
	if (errno != ENOSYS && errno != EPERM)
		return err_sys(err, errno, "cannot make '%s' read-only", target);
	mount_fd_path(fd, path);
	if (fstatvfs(fd, &fs) < 0)
		return err_sys(err, errno, "cannot read the flags of the mount '%s'", target);
	if (mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | mount_current_flags(&fs),
		  NULL) < 0)
		return err_sys(err, errno, "cannot make '%s' read-only", target);
	return 0;
}

int mount_clone_readonly(int fd, const char *what, struct err *err)
{
	const struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY, .propagation = MS_PRIVATE};
	_cleanup_fd_ int tree = -1;

	tree = sys_open_tree(fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (tree < 0)
		return err_sys(err, errno, "cannot clone the mount of '%s'", what);
	if (sys_mount_setattr(tree, "", AT_EMPTY_PATH, &attr) < 0)
		return err_sys(err, errno, "cannot make a clone of '%s' read-only", what);
	return steal_fd(&tree);
}

int mount_pivot(int newroot_fd, struct err *err)
{
	if (fchdir(newroot_fd) < 0)
		return err_sys(err, errno, "cannot enter the new root");
	/* The old root comes to lie on the new one, so that no directory is needed for it
	 * (pivot_root(2)). */
	if (sys_pivot_root(".", ".") < 0) {
		const int code = errno;

		err_sys(err, code, "cannot make it the root");
		if (code == EINVAL)
			return err_hint(
				err,
				"the present root is no mount point of its own (an initramfs or "
				"a chroot), or the new one is not a mount or is shared");
		return -code;
	}
	if (umount2(".", MNT_DETACH) < 0)
		return err_sys(err, errno, "cannot detach the old root");
	if (chdir("/") < 0)
		return err_sys(err, errno, "cannot enter the new root");
	return 0;
}
