#include "fuse/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"

#define HELPER "fusermount3"

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

/* The descriptor that the helper sends, or -1. */
static int receive_fd(int sock)
{
	char byte;
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *c;
	ssize_t n;
	int fd;

	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
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
	char list[1024], number[16], *said = NULL;
	char *argv[] = {(char *)HELPER, (char *)"-o", list, (char *)"--", o->mountpoint, NULL};
	int sock[2], fd, code;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock) < 0)
		return err_sys(err, errno, "cannot make a socket pair");
	helper_options(o, list, sizeof(list));
	snprintf(number, sizeof(number), "%d", sock[0]);
	(void)fd_set_cloexec(sock[0], false);
	setenv("_FUSE_COMMFD", number, 1);
	code = proc_run(argv, &said, err);
	unsetenv("_FUSE_COMMFD");
	close(sock[0]);
	fd = code == 0 ? receive_fd(sock[1]) : -1;
	close(sock[1]);
	if (code == -ENOENT)
		err_hint(err, "install it (Debian: package fuse3), or mount in a user namespace");
	else if (code > 0 || (code == 0 && fd < 0))
		code = err_set(err, EPERM, "cannot mount on '%s': %s", o->mountpoint,
			       said && *said ? said : HELPER " failed");
	for (char *at = err->msg; code < 0 && *at; at++)
		if (*at == '\n')
			*at = at[1] ? ' ' : '\0';
	free(said);
	return code < 0 ? code : fd;
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

int fuse_unmount(const char *mountpoint)
{
	char *argv[] = {(char *)HELPER,
			(char *)"-u",
			(char *)"-z",
			(char *)"--",
			(char *)(uintptr_t)mountpoint,
			NULL};
	struct err err = ERR_INIT;
	char *said = NULL;
	int r;

	if (umount2(mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		return 0;
	if (errno != EPERM)
		return -errno;
	r = proc_run(argv, &said, &err);
	free(said);
	return r > 0 ? -EPERM : r;
}
