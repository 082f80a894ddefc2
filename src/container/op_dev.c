/* /dev: a tmpfs with the few nodes every program expects, bound from the host since an ordinary
 * user can make none, and the instances of devpts, shm and mqueue that belong to the container's
 * namespaces. */
#include "container/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/root_open.h"
#include "container/pass.h"
#include "container/tty.h"
#include "ns/mount.h"

static const char *const nodes[] = {"null", "zero", "full", "random", "urandom", "tty"};

static const struct {
	const char *name, *target;
} links[] = {
	{"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"}, {"core", "/proc/kcore"},	     {"ptmx", "pts/ptmx"},
};

static int bind_node(int dev, const char *name, struct err *err)
{
	_cleanup_free_ char *source = xasprintf("/dev/%s", name);
	_cleanup_fd_ int from = open(source, O_PATH | O_CLOEXEC), to = -1;

	if (from < 0) {
		log_verbose("the host has no usable '%s': the container has none", source);
		return 0;
	}
	to = openat(dev, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
	if (to < 0)
		return err_sys(err, errno, "cannot make '%s'", source);
	return mount_bind(from, to, source, 0, false, MS_PRIVATE, err);
}

/* Makes the directory `name` of /dev and mounts on it. */
static int mount_below(int dev, const char *name, const char *fstype, const char *data,
		       struct err *err)
{
	_cleanup_free_ char *target = xasprintf("/dev/%s", name);
	_cleanup_fd_ int fd = -1;

	if (mkdirat(dev, name, 0755) < 0)
		return err_sys(err, errno, "cannot make '%s'", target);
	fd = openat(dev, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "cannot open '%s'", target);
	return mount_on(fd, target, fstype, fstype,
			MS_NOSUID | MS_NOEXEC | (*fstype == 'd' ? 0 : MS_NODEV), data, err);
}

/* Group 5 is tty in every distribution, but it has to be mapped to be named. */
static int mount_pts(const struct child *c, int dev, struct err *err)
{
	const char *data = idmap_has(&c->plan->identity.gids, 5)
				   ? "newinstance,ptmxmode=0666,mode=0620,gid=5"
				   : "newinstance,ptmxmode=0666,mode=0620";

	return mount_below(dev, "pts", "devpts", data, err);
}

static int fill(const struct child *c, int dev, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < ARRAY_SIZE(nodes); i++)
		ret = bind_node(dev, nodes[i], err);
	for (size_t i = 0; ret == 0 && i < ARRAY_SIZE(links); i++) {
		if (symlinkat(links[i].target, dev, links[i].name) < 0)
			ret = err_sys(err, errno, "cannot make '/dev/%s'", links[i].name);
	}
	if (ret == 0)
		ret = mount_pts(c, dev, err);
	if (ret == 0)
		ret = mount_below(dev, "shm", "tmpfs", "mode=1777,size=65536k", err);
	if (ret == 0)
		ret = mount_below(dev, "mqueue", "mqueue", NULL, err);
	return ret;
}

int op_dev(struct child *c, const struct op *op, struct err *err)
{
	_cleanup_fd_ int point = root_open(c->root_fd, op->target, O_PATH | O_DIRECTORY, 0),
			 dev = -1;
	int ret;

	if (point == -ENOENT)
		point = root_mkdir_p(c->root_fd, op->target, 0755);
	if (point < 0)
		return err_sys(err, -point, "cannot make the mount point '%s' in the container",
			       op->target);
	ret = mount_on(point, op->target, "tmpfs", "tmpfs", MS_NOSUID | MS_STRICTATIME,
		       "mode=755,size=65536k", err);
	if (ret < 0)
		return ret;
	dev = root_open(c->root_fd, op->target, O_RDONLY | O_DIRECTORY, 0);
	if (dev < 0)
		return err_sys(err, -dev, "cannot open '%s'", op->target);
	return fill(c, dev, err);
}

/* The slave becomes the controlling terminal and the three standard streams; the master goes to the
 * parent. */
int op_console(struct child *c, const struct op *op, struct err *err)
{
	_cleanup_fd_ int dev = root_open(c->root_fd, "/dev", O_PATH | O_DIRECTORY, 0), master = -1,
			 slave = -1, to = -1;
	int ret;

	if (dev < 0)
		return err_sys(err, -dev, "cannot open '/dev'");
	ret = tty_open(dev, &master, &slave, err);
	if (ret < 0)
		return ret;
	to = openat(dev, "console", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (to < 0)
		return err_sys(err, errno, "cannot make '%s'", op->target);
	ret = mount_bind(slave, to, op->target, 0, false, MS_PRIVATE, err);
	if (ret < 0)
		return ret;
	ret = pass_send(c->socket, PASS_TERMINAL, &master, 1, err);
	if (ret < 0)
		return ret;
	if (ioctl(slave, TIOCSCTTY, 0) < 0)
		return err_sys(err, errno, "cannot take the new terminal");
	for (int fd = 0; fd <= 2; fd++) {
		if (dup2(slave, fd) < 0)
			return err_sys(err, errno, "dup2");
	}
	return 0;
}
