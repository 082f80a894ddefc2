#include "fuse/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/fusermount.h"

static const char *name_of(const struct options *o)
{
	return o->fsname ? o->fsname : "strake-overlayfs";
}

static unsigned long flags_of(const struct options *o)
{
	return o->mount_flags | (o->overlay.upper ? 0 : MS_RDONLY);
}

/* 0, or -EPERM when this is not for us to do, or -errno with err set. */
static int mount_directly(const struct options *o, int fd, struct err *err)
{
	char data[512];
	int n = snprintf(
		data, sizeof(data),
		"fd=%d,rootmode=40000,user_id=%u,group_id=%u,default_permissions,allow_other%s%s",
		fd, getuid(), getgid(), o->context ? ",context=" : "",
		o->context ? o->context : "");

	if (n >= (int)sizeof(data))
		return err_set(err, EINVAL, "option 'context' is too long");
	if (mount(name_of(o), o->mountpoint, "fuse.strake-overlayfs", flags_of(o), data) == 0)
		return 0;
	if (errno == EPERM)
		return -EPERM;
	return err_sys(err, errno, "cannot mount on '%s'", o->mountpoint);
}

static void add_option(char *list, size_t size, const char *word, const char *value)
{
	size_t n = strlen(list);

	snprintf(list + n, size - n, ",%s%s", word, value);
}

/* "rw,nosuid,...": fusermount3 adds nosuid and nodev itself. */
static void helper_options(const struct options *o, char *list, size_t size)
{
	unsigned long flags = flags_of(o);

	snprintf(list, size, "%s,default_permissions,subtype=strake-overlayfs",
		 flags & MS_RDONLY ? "ro" : "rw");
	add_option(list, size, "fsname=", name_of(o));
	if (o->allow_other)
		add_option(list, size, "allow_other", "");
	if (flags & MS_NOEXEC)
		add_option(list, size, "noexec", "");
	if (flags & MS_NOATIME)
		add_option(list, size, "noatime", "");
}

static int mount_by_helper(const struct options *o, struct err *err)
{
	char list[1024];
	int fd;

	helper_options(o, list, sizeof(list));
	fd = fusermount_mount(o->mountpoint, list, err);
	for (char *at = err->msg; fd < 0 && *at; at++)
		if (*at == '\n')
			*at = at[1] ? ' ' : '\0';
	return fd;
}

static int check_mountpoint(const struct options *o, struct err *err)
{
	struct stat st;

	if (stat(o->mountpoint, &st) < 0)
		return err_sys(err, errno, "cannot mount on '%s'", o->mountpoint);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ENOTDIR, "cannot mount on '%s': it is no directory",
			       o->mountpoint);
	return 0;
}

int fuse_mount(const struct options *o, struct err *err)
{
	_cleanup_fd_ int fd = -1;
	int r = check_mountpoint(o, err);

	if (r < 0)
		return r;
	fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "cannot open /dev/fuse");
	r = mount_directly(o, fd, err);
	if (r == 0)
		return steal_fd(&fd);
	return r == -EPERM && !err->code ? mount_by_helper(o, err) : r;
}
