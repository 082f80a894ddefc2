#include "ns/mount_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/path.h"
#include "ns/mountinfo.h"

/* The id of the mount that path leads to. */
static int mount_id(const char *path, struct err *err)
{
	_cleanup_fd_ int fd = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_free_ char *text = NULL;
	char info[64];
	const char *p;
	int r;

	if (fd < 0)
		return err_sys(err, errno, "cannot open '%s'", path);
	snprintf(info, sizeof(info), "/proc/self/fdinfo/%d", fd);
	r = fd_read_file(AT_FDCWD, info, 4 * LIMIT_KIB, &text, NULL, err);
	if (r < 0)
		return r;
	p = strstr(text, "mnt_id:");
	if (!p)
		return err_set(err, ENOTSUP, "'%s' has no mnt_id", info);
	return (int)strtol(p + 7, NULL, 10);
}

/* Sets below[i] for what hangs below mount `top`. Parents come before their children in few kernels
 * only, so until nothing changes. */
static void mark_below(const struct mountinfo_line *lines, bool *below, size_t n, int top)
{
	bool changed = true;

	for (size_t i = 0; i < n; i++)
		below[i] = lines[i].id == top;
	while (changed) {
		changed = false;
		for (size_t i = 0; i < n; i++) {
			for (size_t k = 0; k < n && !below[i]; k++) {
				if (below[k] && lines[k].id == lines[i].parent)
					below[i] = changed = true;
			}
		}
	}
}

static int remount_one(const char *path, unsigned long ms_flags, struct err *err)
{
	struct statvfs fs;

	if (statvfs(path, &fs) < 0)
		return err_sys(err, errno, "cannot read the flags of the mount '%s'", path);
	if (mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | ms_flags | mount_current_flags(&fs),
		  NULL) < 0)
		return err_sys(err, errno, "cannot set the flags of the mount '%s'", path);
	return 0;
}

/* The path of what is now mounted on the place that target_fd names. */
static int target_path(int target_fd, const char *target, char out[4096], struct err *err)
{
	char link[MOUNT_FD_PATH_MAX];
	ssize_t n;

	mount_fd_path(target_fd, link);
	n = readlink(link, out, 4096);
	if (n < 0)
		return err_sys(err, errno, "cannot read where '%s' is", target);
	if (n == 4096)
		return err_set(err, ENAMETOOLONG, "the path of '%s' is too long", target);
	out[n] = '\0';
	return 0;
}

int mount_tree_remount(int target_fd, const char *target, unsigned long ms_flags,
		       unsigned long propagation, bool recursive, struct err *err)
{
	_cleanup_free_ struct mountinfo_line *lines = NULL;
	_cleanup_free_ bool *below = NULL;
	_cleanup_free_ char *text = NULL;
	char path[4096];
	size_t n;
	int r, top;

	r = target_path(target_fd, target, path, err);
	if (r < 0)
		return r;
	if (propagation &&
	    mount(NULL, path, NULL, propagation | (recursive ? MS_REC : 0), NULL) < 0)
		return err_sys(err, errno, "cannot set the propagation of '%s'", target);
	if (ms_flags == 0)
		return 0;
	if (!recursive)
		return remount_one(path, ms_flags, err);
	top = mount_id(path, err);
	if (top < 0)
		return top;
	r = mountinfo_read(&text, &lines, &n, err);
	if (r < 0)
		return r;
	below = xcalloc(n, sizeof(*below));
	mark_below(lines, below, n, top);
	for (size_t i = 0; i < n && r == 0; i++) {
		if (below[i])
			r = remount_one(lines[i].point, ms_flags, err);
	}
	return r;
}
