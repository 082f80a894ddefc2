/* Operations that mount something on a path of the container. Every such path goes through
 * root_open: a symlink in the image leads nowhere but into the image. */
#include "container/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/root_open.h"
#include "base/str.h"
#include "container/etc_files.h"
#include "layer/copy.h"
#include "ns/mount.h"

int op_rootfs(struct child *c, const struct op *op, struct err *err)
{
	(void)op;
	c->root_fd = rootfs_stack(&c->plan->rootfs, c->socket, &c->private_fd, err);
	return c->root_fd < 0 ? c->root_fd : 0;
}

/* A directory of the container to mount on, made when missing. */
static int target_dir(struct child *c, const char *target, struct err *err)
{
	int fd = root_open(c->root_fd, target, O_PATH | O_DIRECTORY, 0);

	if (fd == -ENOENT)
		fd = root_mkdir_p(c->root_fd, target, 0755);
	return fd < 0 ? err_sys(err, -fd, "cannot make the mount point '%s' in the container",
				target)
		      : fd;
}

static int target_file(struct child *c, const char *target, struct err *err)
{
	int fd = root_open(c->root_fd, target, O_PATH, 0);

	if (fd == -ENOENT)
		fd = root_touch(c->root_fd, target, 0644);
	return fd < 0 ? err_sys(err, -fd, "cannot make the mount point '%s' in the container",
				target)
		      : fd;
}

/* What the user or the image wants mounted must not stand in for what the kernel says about
 * processes: programs, ours among them, decide by it (CVE-2019-16884, CVE-2023-27561). Files that
 * only describe the machine may be replaced, as lxcfs does. */
static int refuse_inside_proc(int fd, const char *target, struct err *err)
{
	static const char *const harmless[] = {
		"/proc/cpuinfo", "/proc/diskstats", "/proc/loadavg", "/proc/meminfo",
		"/proc/stat",	 "/proc/swaps",	    "/proc/uptime",
	};
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return err_sys(err, errno, "cannot look at '%s'", target);
	if (fs.f_type != PROC_SUPER_MAGIC)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++) {
		if (str_eq(target, harmless[i]))
			return 0;
	}
	return err_set(err, EPERM, "cannot mount on '%s': it is inside /proc", target);
}

/* A mount point that the user or the image names. */
static int wished_target(struct child *c, const char *target, bool directory, struct err *err)
{
	_cleanup_fd_ int fd = directory ? target_dir(c, target, err) : target_file(c, target, err);

	if (fd < 0 || refuse_inside_proc(fd, target, err) < 0)
		return -err->code;
	return steal_fd(&fd);
}

static int mount_fs(struct child *c, const char *target, const char *fstype, unsigned long flags,
		    const char *data, struct err *err)
{
	_cleanup_fd_ int fd = target_dir(c, target, err);

	if (fd < 0)
		return fd;
	return mount_on(fd, target, fstype, fstype, flags, data, err);
}

/* A directory of the host, with all that is mounted below it. */
static int bind_host_dir(struct child *c, const char *source, const char *target,
			 unsigned long attr, struct err *err)
{
	_cleanup_fd_ int from = open(source, O_PATH | O_DIRECTORY | O_CLOEXEC), to = -1;

	if (from < 0)
		return err_sys(err, errno, "cannot open '%s'", source);
	to = target_dir(c, target, err);
	if (to < 0)
		return to;
	return mount_bind(from, to, target, attr, true, MS_PRIVATE, err);
}

/* The kernel mounts a new /proc only where the one it would replace is fully visible: not inside a
 * container whose /proc has masked paths. The outer one is shown then: it names processes by their
 * outer ids, and works. */
int op_proc(struct child *c, const struct op *op, struct err *err)
{
	int ret = mount_fs(c, op->target, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, err);

	if (ret != -EPERM)
		return ret;
	log_verbose("a new /proc is refused here (the outer one has masked paths): showing the "
		    "outer one");
	*err = (struct err)ERR_INIT;
	return bind_host_dir(c, "/proc", op->target,
			     MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, err);
}

int op_sys(struct child *c, const struct op *op, struct err *err)
{
	const unsigned long attr =
		MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	_cleanup_fd_ int cgroup = -1;
	struct statfs fs;
	struct err ignored = ERR_INIT;
	int ret = bind_host_dir(c, "/sys", op->target, attr, err);

	if (ret < 0)
		return ret;
	/* The cgroup namespace has a root of its own, which a mount made before it does not show.
	 */
	cgroup = root_open(c->root_fd, "/sys/fs/cgroup", O_PATH | O_DIRECTORY, 0);
	if (cgroup >= 0 && fstatfs(cgroup, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC &&
	    mount_on(cgroup, "/sys/fs/cgroup", "cgroup2", "cgroup2",
		     MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, &ignored) < 0)
		log_verbose("%s: showing the host's", ignored.msg);
	return 0;
}

int op_bind(struct child *c, const struct op *op, struct err *err)
{
	_cleanup_fd_ int from = -1, to = -1;
	struct stat st;

	if (op->make_source && access(op->source, F_OK) < 0 && errno == ENOENT &&
	    fd_mkdir_p(AT_FDCWD, op->source, 0755, err) < 0)
		return err_prefix(err, "volume '%s'", op->source);
	from = open(op->source, O_PATH | O_CLOEXEC);
	if (from < 0 || fstat(from, &st) < 0)
		return err_sys(err, errno, "cannot open '%s'", op->source);
	to = wished_target(c, op->target, S_ISDIR(st.st_mode), err);
	if (to < 0)
		return to;
	return mount_bind(from, to, op->target, op->flags, S_ISDIR(st.st_mode), MS_PRIVATE, err);
}

int op_etc_file(struct child *c, const struct op *op, struct err *err)
{
	_cleanup_fd_ int from = etc_file_write(c->private_fd, op->source, op->data, err), to = -1;

	if (from < 0)
		return from;
	to = target_file(c, op->target, err);
	if (to < 0)
		return to;
	return mount_bind(from, to, op->target, 0, false, MS_PRIVATE, err);
}

int op_tmpfs(struct child *c, const struct op *op, struct err *err)
{
	_cleanup_fd_ int fd = wished_target(c, op->target, true, err);

	if (fd < 0)
		return fd;
	return mount_on(fd, op->target, "tmpfs", "tmpfs", op->flags, op->data, err);
}

/* Only what the image itself has is copied: where something else is mounted already (/dev, /sys)
 * the volume begins empty. */
static int seed_volume(struct child *c, const struct op *op, int volume, struct err *err)
{
	_cleanup_fd_ int from = root_open(c->root_fd, op->target, O_RDONLY | O_DIRECTORY, 0);
	struct stat root, st;

	if (from < 0)
		return err_sys(err, -from, "cannot read '%s'", op->target);
	if (fstat(c->root_fd, &root) < 0 || fstat(from, &st) < 0)
		return err_sys(err, errno, "cannot look at '%s'", op->target);
	if (root.st_dev != st.st_dev)
		return 0;
	if (layer_copy_tree(volume, from, err) < 0)
		return err_prefix(err, "cannot fill the volume of '%s'", op->target);
	return 0;
}

int op_volume(struct child *c, const struct op *op, struct err *err)
{
	_cleanup_fd_ int to = wished_target(c, op->target, true, err), volume = -1;

	if (to < 0)
		return to;
	if (fd_mkdir_p(AT_FDCWD, op->source, 0755, err) < 0)
		return err_prefix(err, "volume of '%s'", op->target);
	volume = open(op->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (volume < 0)
		return err_sys(err, errno, "cannot open '%s'", op->source);
	if (seed_volume(c, op, volume, err) < 0)
		return -err->code;
	return mount_bind(volume, to, op->target, op->flags, false, MS_PRIVATE, err);
}

int op_mask(struct child *c, const struct op *op, struct err *err)
{
	_cleanup_fd_ int fd = root_open(c->root_fd, op->target, O_PATH | O_NOFOLLOW, 0);
	_cleanup_fd_ int null = -1;
	struct stat st;

	if (fd == -ENOENT || fd == -EACCES)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, fd < 0 ? -fd : errno, "cannot open '%s'", op->target);
	if (S_ISDIR(st.st_mode))
		return mount_on(fd, op->target, "tmpfs", "tmpfs",
				MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
				"size=0,nr_inodes=1,mode=555", err);
	null = open("/dev/null", O_PATH | O_CLOEXEC);
	if (null < 0)
		return err_sys(err, errno, "cannot open '/dev/null'");
	return mount_bind(null, fd, op->target, 0, false, MS_PRIVATE, err);
}

int op_readonly(struct child *c, const struct op *op, struct err *err)
{
	const unsigned long attr =
		MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	_cleanup_fd_ int fd = root_open(c->root_fd, op->target, O_PATH | O_NOFOLLOW, 0);

	if (fd == -ENOENT || fd == -EACCES)
		return 0;
	if (fd < 0)
		return err_sys(err, -fd, "cannot open '%s'", op->target);
	return mount_bind(fd, fd, op->target, attr, true, MS_PRIVATE, err);
}

int op_root_readonly(struct child *c, const struct op *op, struct err *err)
{
	return mount_make_readonly(c->root_fd, op->target, err);
}

int op_pivot(struct child *c, const struct op *op, struct err *err)
{
	int ret = mount_pivot(c->root_fd, err);

	(void)op;
	if (ret < 0)
		return ret;
	fd_closep(&c->root_fd);
	c->root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return c->root_fd < 0 ? err_sys(err, errno, "cannot open the container's root") : 0;
}
