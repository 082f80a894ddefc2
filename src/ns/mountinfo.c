#include "ns/mountinfo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"

#define MOUNTINFO_MAX (64 * LIMIT_MIB)

/* Blank, tab, newline and backslash are written as \ooo. In place. */
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

/* "ID parent major:minor root mount-point options ..." */
static bool parse_line(char *line, struct mountinfo_line *ret)
{
	int at = 0;
	char *end;

	if (sscanf(line, "%d %d %u:%u %*s %n", &ret->id, &ret->parent, &ret->major, &ret->minor,
		   &at) != 4 ||
	    at == 0)
		return false;
	ret->point = line + at;
	end = strchr(ret->point, ' ');
	if (!end)
		return false;
	*end = '\0';
	unescape(ret->point);
	return true;
}

/* Returns the number of lines, which are malloced. */
static size_t parse(char *text, struct mountinfo_line **ret_lines)
{
	struct mountinfo_line *lines = NULL;
	size_t n = 0, cap = 0;
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		struct mountinfo_line m;

		if (!parse_line(line, &m))
			continue;
		lines = vec_grow(lines, &cap, n + 1, sizeof(*lines));
		lines[n++] = m;
	}
	*ret_lines = lines;
	return n;
}

int mountinfo_read(char **ret_text, struct mountinfo_line **ret_lines, size_t *ret_n,
		   struct err *err)
{
	int r = fd_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, ret_text, NULL, err);

	if (r == 0)
		*ret_n = parse(*ret_text, ret_lines);
	return r;
}

static dev_t device_of(const struct mountinfo_line *m)
{
	return makedev(m->major, m->minor);
}

/* The device of the mount with that id; 0 when it is not shown, as that below a root is not. */
static dev_t device_below(const struct mountinfo_line *lines, size_t n, int id)
{
	for (size_t i = 0; i < n; i++)
		if (lines[i].id == id)
			return device_of(&lines[i]);
	return 0;
}

int mountinfo_find(const char *dir, struct mountinfo_mount *ret, struct err *err)
{
	_cleanup_free_ struct mountinfo_line *lines = NULL;
	_cleanup_free_ char *text = NULL;
	size_t n = 0;
	int r = mountinfo_read(&text, &lines, &n, err);

	if (r < 0)
		return r;
	/* The last of several on one directory is the one on top. */
	for (size_t i = n; i > 0; i--) {
		const struct mountinfo_line *m = &lines[i - 1];

		if (!str_eq(m->point, dir))
			continue;
		ret->device = device_of(m);
		ret->below = device_below(lines, n, m->parent);
		return 0;
	}
	return err_set(err, ENOENT, "nothing is mounted on '%s'", dir);
}

static bool has_elsewhere(int proc, const char *pid, const char *dir,
			  const struct mountinfo_mount *m)
{
	_cleanup_free_ char *path = xasprintf("%s/mountinfo", pid), *text = NULL;
	_cleanup_free_ struct mountinfo_line *lines = NULL;
	size_t n = 0;

	if (fd_read_file(proc, path, MOUNTINFO_MAX, &text, NULL, NULL) < 0)
		return false;
	n = parse(text, &lines);
	for (size_t i = 0; i < n; i++)
		if (device_of(&lines[i]) == m->device &&
		    (!str_eq(lines[i].point, dir) ||
		     device_below(lines, n, lines[i].parent) != m->below))
			return true;
	return false;
}

static char *name_of(int proc, const char *pid)
{
	_cleanup_free_ char *path = xasprintf("%s/comm", pid);
	char *name = NULL;

	if (fd_read_file(proc, path, LIMIT_KIB, &name, NULL, NULL) < 0)
		return xstrdup("?");
	name[strcspn(name, "\n")] = '\0';
	return name;
}

pid_t mountinfo_holder(const char *dir, const struct mountinfo_mount *m, char **ret_name)
{
	DIR *proc = opendir("/proc");
	const struct dirent *e;
	pid_t found = 0;

	while (proc && !found && (e = readdir(proc))) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' ||
		    !has_elsewhere(dirfd(proc), e->d_name, dir, m))
			continue;
		found = (pid_t)strtol(e->d_name, NULL, 10);
		*ret_name = name_of(dirfd(proc), e->d_name);
	}
	if (proc)
		closedir(proc);
	return found;
}
