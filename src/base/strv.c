#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <limits.h>

size_t strv_len(char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

void strv_free(char **v)
{
	if (!v)
		return;
	for (char **p = v; *p; p++)
		free(*p);
	free(v);
}

void strv_freep(char ***v)
{
	int saved = errno;

	strv_free(*v);
	*v = NULL;
	errno = saved;
}

char **strv_copy(char *const *v)
{
	char **copy = NULL;

	strv_extend(&copy, v);
	return copy;
}

void strv_take(char ***v, char *s)
{
	size_t n = strv_len(*v);

	*v = xreallocarray(*v, n + 2, sizeof(**v));
	(*v)[n] = s;
	(*v)[n + 1] = NULL;
}

void strv_add(char ***v, const char *s)
{
	strv_take(v, xstrdup(s));
}

void strv_extend(char ***v, char *const *more)
{
	size_t n = strv_len(*v), m = strv_len(more);

	/* more may be *v itself: copy before the array moves */
	char **copies = xcalloc(m + 1, sizeof(*copies));
	for (size_t i = 0; i < m; i++)
		copies[i] = xstrdup(more[i]);
	*v = xreallocarray(*v, n + m + 1, sizeof(**v));
	memcpy(*v + n, copies, (m + 1) * sizeof(*copies));
	free(copies);
}

/* The entry "KEY=..." or NULL. */
static char **strv_env_find(char *const *env, const char *key)
{
	size_t len = strlen(key);

	for (; env && *env; env++)
		if (strncmp(*env, key, len) == 0 && (*env)[len] == '=')
			return (char **)env;
	return NULL;
}

void strv_env_set(char ***env, const char *key, const char *value)
{
	char *entry = xasprintf("%s=%s", key, value);
	char **at = strv_env_find(*env, key);

	if (at) {
		free(*at);
		*at = entry;
	} else {
		strv_take(env, entry);
	}
}

const char *strv_env_get(char *const *env, const char *key)
{
	char **at = strv_env_find(env, key);

	return at ? *at + strlen(key) + 1 : NULL;
}

char **strv_split(const char *s, char sep)
{
	size_t n = 0, fields = 1;
	char **v;

	for (const char *p = s; *p; p++)
		fields += *p == sep;
	v = xcalloc(fields + 1, sizeof(*v));
	for (const char *end; (end = strchr(s, sep)) && *end; s = end + 1)
		v[n++] = xstrndup(s, (size_t)(end - s));
	v[n] = xstrdup(s);
	return v;
}

char *strv_join(char *const *v, const char *sep)
{
	size_t total = 1, seplen = strlen(sep);
	char *out, *p;

	for (char *const *s = v; s && *s; s++)
		total += strlen(*s) + seplen;
	p = out = xmalloc(total);
	for (char *const *s = v; s && *s; s++) {
		if (s != v)
			p = mempcpy(p, sep, seplen);
		p = mempcpy(p, *s, strlen(*s));
	}
	*p = '\0';
	return out;
}
