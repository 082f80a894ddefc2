#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"
#include "ns/mount.h"
#include "ns/mount_tree.h"

static int open_device(struct err *err)
{
	const int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	const int code = errno;

	if (fd >= 0)
		return fd;
	err_sys(err, code, "cannot open /dev/fuse");
	if (code == ENOENT || code == ENXIO || code == ENODEV)
		return err_hint(err, "as root: modprobe fuse");
	if (code == EACCES)
		return err_hint(err, "as root: chmod 666 /dev/fuse");
	if (code == EPERM)
		return err_hint(err, "a container or a job manager withholds the device");
	return -code;
}

int mount_fuse(int target_fd, const char *target, struct err *err)
{
	_cleanup_fd_ int device = open_device(err);
	char path[MOUNT_FD_PATH_MAX], options[128];
	int code;

	if (device < 0)
		return device;
	/* The owner must be mapped here: with keep-id that is not 0. */
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=%u,group_id=%u,allow_other,default_permissions",
		 device, (unsigned int)geteuid(), (unsigned int)getegid());
	mount_fd_path(target_fd, path);
	if (mount("strake", path, "fuse", MS_NODEV, options) == 0)
		return steal_fd(&device);
	code = errno;
	err_sys(err, code, "cannot mount fuse on '%s'", target);
	if (code == ENODEV)
		return err_hint(err, "the kernel has no FUSE; as root: modprobe fuse");
	if (code == EPERM)
		return err_hint(err, "before Linux 4.18 only root could; a security module may "
				     "forbid it, too");
	return -code;
}
