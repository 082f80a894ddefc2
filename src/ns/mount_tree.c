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
#include "base/vec.h"

#define MOUNTINFO_MAX (64 * LIMIT_MIB)

struct mount_line {
	int id, parent;
	char *point; /* as mountinfo has it, unescaped; into the text */
	bool below;
};

/* mountinfo writes blank, tab, newline and backslash as \ooo. In place. */
static void unescape(char *s)
{
	char *out = s;

	while (*s != '\0') {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*out++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	*out = '\0';
}

/* Source: proc(5): "ID parent major:minor root mount-point options ...". Cuts the text into lines.
 */
static size_t parse_mountinfo(char *text, struct mount_line **ret)
{
	struct mount_line *lines = NULL;
	size_t n = 0, cap = 0;
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		struct mount_line m = {0};
		char *p = line;
		char *end;

		if (sscanf(line, "%d %d", &m.id, &m.parent) != 2)
			continue;
		for (int field = 0; field < 4 && p; field++) {
			p = strchr(p, ' ');
			p = p ? p + 1 : NULL;
		}
		end = p ? strchr(p, ' ') : NULL;
		if (!end)
			continue;
		*end = '\0';
		m.point = p;
		unescape(m.point);
		lines = vec_grow(lines, &cap, n + 1, sizeof(*lines));
		lines[n++] = m;
	}
	*ret = lines;
	return n;
}

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

/* Marks what hangs below mount `top`. Parents come before their children in few kernels only, so
 * until nothing changes. */
static void mark_below(struct mount_line *lines, size_t n, int top)
{
	bool changed = true;

	for (size_t i = 0; i < n; i++)
		lines[i].below = lines[i].id == top;
	while (changed) {
		changed = false;
		for (size_t i = 0; i < n; i++) {
			for (size_t k = 0; k < n && !lines[i].below; k++) {
				if (lines[k].below && lines[k].id == lines[i].parent)
					lines[i].below = changed = true;
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
	_cleanup_free_ struct mount_line *lines = NULL;
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
	r = fd_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL, err);
	if (r < 0)
		return r;
	n = parse_mountinfo(text, &lines);
	mark_below(lines, n, top);
	for (size_t i = 0; i < n && r == 0; i++) {
		if (lines[i].below)
			r = remount_one(lines[i].point, ms_flags, err);
	}
	return r;
}
