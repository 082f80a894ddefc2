#include "base/path.h"

#include "base/mem.h"
#include "base/str.h"

#include <limits.h>

/* The next component of *p in *ret_len bytes, or NULL at the end; *p moves past it. */
static const char *path_next(const char **p, size_t *ret_len)
{
	const char *start;

	while (**p == '/')
		(*p)++;
	if (!**p)
		return NULL;
	start = *p;
	while (**p && **p != '/')
		(*p)++;
	*ret_len = (size_t)(*p - start);
	return start;
}

static bool path_is_dot(const char *c, size_t len)
{
	return len == 1 && c[0] == '.';
}

static bool path_is_dotdot(const char *c, size_t len)
{
	return len == 2 && c[0] == '.' && c[1] == '.';
}

char *path_clean(const char *path)
{
	bool absolute = *path == '/';
	char *out = xmalloc(strlen(path) + 2);
	size_t n = 0, len;
	const char *c;

	while ((c = path_next(&path, &len))) {
		if (path_is_dot(c, len))
			continue;
		if (path_is_dotdot(c, len)) {
			while (n > 0 && out[--n] != '/')
				;
			continue;
		}
		if (n > 0 || absolute)
			out[n++] = '/';
		memcpy(out + n, c, len);
		n += len;
	}
	if (n == 0)
		out[n++] = absolute ? '/' : '.';
	out[n] = '\0';
	return out;
}

char *path_join(const char *dir, const char *name)
{
	if (*name == '/')
		return xstrdup(name);
	if (!*dir)
		return xstrdup(name);
	return xasprintf("%s%s%s", dir, str_ends(dir, "/") ? "" : "/", name);
}

bool path_from_archive(const char *name, char *out, size_t out_size)
{
	size_t n = 0, len, max = out_size < PATH_MAX ? out_size : PATH_MAX;
	const char *c;

	if (max == 0)
		return false;
	while ((c = path_next(&name, &len))) {
		if (path_is_dot(c, len))
			continue;
		if (path_is_dotdot(c, len))
			return false;
		if (len + (n > 0) >= max - n)
			return false;
		if (n > 0)
			out[n++] = '/';
		memcpy(out + n, c, len);
		n += len;
	}
	out[n] = '\0';
	return true;
}

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool path_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (len > 0 && dir[len - 1] == '/')
		len--;
	if (strncmp(path, dir, len) != 0)
		return false;
	return len == 0 ? *dir == '\0' || *path == '/' : !path[len] || path[len] == '/';
}
