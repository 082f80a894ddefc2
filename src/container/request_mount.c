/* Docker's three ways to ask for a mount. Sources: docker run's reference (-v, --mount, --tmpfs);
 * its CLI's opts/mount.go; --mount is CSV as RFC 4180 has it, so that a path with a comma can be
 * quoted. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "container/request.h"

#define TMPFS_MODE_DEFAULT 01777

/* Which options a mount request has had, to find contradictions. */
struct seen {
	bool readonly, readwrite, type, tmpfs_option;
};

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++) {
		if (str_eq(text, *words))
			return true;
	}
	return false;
}

static int set_source(struct mount_request *m, const char *source, struct err *err)
{
	_cleanup_free_ char *cwd = NULL;
	_cleanup_free_ char *joined = NULL;

	if (*source == '\0')
		return err_set(err, EINVAL, "the mount's source is empty");
	if (*source == '/') {
		m->source = path_clean(source);
		return 0;
	}
	if (*source != '.')
		return err_set(
			err, EINVAL,
			"'%s' would be a named volume, which this version does not have; a path "
			"begins with '/' or './'",
			source);
	cwd = getcwd(NULL, 0);
	if (!cwd)
		return err_sys(err, errno,
			       "cannot find the working directory that '%s' is relative to",
			       source);
	joined = path_join(cwd, source);
	m->source = path_clean(joined);
	return 0;
}

static int set_target(struct mount_request *m, const char *target, struct err *err)
{
	if (*target != '/')
		return err_set(err, EINVAL, "the mount's target '%s' is not an absolute path",
			       target);
	free(m->target);
	m->target = path_clean(target);
	if (str_eq(m->target, "/"))
		return err_set(err, EINVAL, "a mount's target cannot be '/'");
	return 0;
}

static int set_access(struct mount_request *m, struct seen *seen, bool readonly, struct err *err)
{
	seen->readonly |= readonly;
	seen->readwrite |= !readonly;
	if (seen->readonly && seen->readwrite)
		return err_set(err, EINVAL, "a mount cannot be both read-only and writable");
	m->readonly = readonly;
	return 0;
}

static int set_size(struct mount_request *m, const char *text, struct err *err)
{
	const int r = str_to_size(text, &m->tmpfs_size);

	if (r < 0 || m->tmpfs_size == 0)
		return err_set(err, r == -ERANGE ? ERANGE : EINVAL,
			       "'%s' is not a size: it is a number of bytes, or one with k, m or g "
			       "behind it",
			       text);
	return 0;
}

static int set_mode(struct mount_request *m, const char *text, struct err *err)
{
	unsigned int mode = 0;

	for (const char *p = text; *p >= '0' && *p <= '7' && mode <= 07777; p++) {
		mode = mode * 8 + (unsigned int)(*p - '0');
		if (p[1] == '\0' && mode <= 07777) {
			m->tmpfs_mode = mode;
			return 0;
		}
	}
	return err_set(err, EINVAL, "'%s' is not a mode: it is an octal number up to 7777", text);
}

static int volume_option(struct mount_request *m, struct seen *seen, const char *option,
			 struct err *err)
{
	/* SELinux labels, consistency of Docker Desktop, and the propagation we use anyway */
	static const char *const ignored[] = {"z",	    "Z",	"cached",  "delegated",
					      "consistent", "rprivate", "private", NULL};

	if (str_eq(option, "ro") || str_eq(option, "rw"))
		return set_access(m, seen, str_eq(option, "ro"), err);
	if (is_one_of(option, ignored))
		return 0;
	return err_set(err, EINVAL, "unknown option '%s': it is ro, rw, z or Z", option);
}

static int parse_volume(const char *text, struct mount_request *m, struct err *err)
{
	_cleanup_strv_ char **parts = strv_split(text, ':');
	_cleanup_strv_ char **options = NULL;
	const size_t n = strv_len(parts);
	struct seen seen = {0};
	int r;

	if (n == 1)
		return err_set(err, EINVAL,
			       "there is no ':' in it, and this version has no anonymous "
			       "volumes but an image's own; write SOURCE:TARGET");
	if (n > 3)
		return err_set(err, EINVAL,
			       "there are more than three parts; use --mount for a path with ':'");
	r = set_source(m, parts[0], err);
	if (r == 0)
		r = set_target(m, parts[1], err);
	if (r < 0 || n == 2)
		return r;
	options = strv_split(parts[2], ',');
	for (char **o = options; *o && r == 0; o++)
		r = volume_option(m, &seen, *o, err);
	return r;
}

/* The three entry points: a fresh request, and on failure the text in the message and nothing to
 * release. */
static int finish(int r, const char *option, const char *text, struct mount_request *m,
		  struct err *err)
{
	if (r == 0)
		return 0;
	mount_request_release(m);
	return err_prefix(err, "%s '%s'", option, text);
}

int mount_parse_volume(const char *text, struct mount_request *ret, struct err *err)
{
	*ret = (struct mount_request){.kind = MOUNT_BIND, .create_source = true};
	return finish(parse_volume(text, ret, err), "volume", text, ret, err);
}

/* Cuts the next CSV field off *p, in place: "" inside quotes is one quote. NULL at the end;
 * *ret_bad: a quote that does not close, or text behind one that does. */
static char *next_field(char **p, bool *ret_bad)
{
	char *start = *p, *out = start, *s = start;

	if (!s)
		return NULL;
	if (*s == '"') {
		s++;
		while (*s != '\0' && (*s != '"' || s[1] == '"')) {
			s += *s == '"';
			*out++ = *s++;
		}
		*ret_bad = *s != '"' || (s[1] != '\0' && s[1] != ',');
		s += *s == '"';
	} else {
		s = out = start + strcspn(start, ",");
		*ret_bad = memchr(start, '"', (size_t)(s - start)) != NULL;
	}
	*p = *s == ',' ? s + 1 : NULL;
	*out = '\0';
	return start;
}

/* Go's strconv.ParseBool, which docker uses. */
static int parse_bool(const char *key, const char *value, bool *ret, struct err *err)
{
	static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True", NULL};
	static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False", NULL};

	*ret = !value || is_one_of(value, yes);
	if (!*ret && !is_one_of(value, no))
		return err_set(err, EINVAL, "'%s' is not true or false, which '%s' takes", value,
			       key);
	return 0;
}

static int mount_type(struct mount_request *m, struct seen *seen, const char *value,
		      struct err *err)
{
	seen->type = true;
	if (str_eq(value, "bind"))
		m->kind = MOUNT_BIND;
	else if (str_eq(value, "tmpfs"))
		m->kind = MOUNT_TMPFS;
	else
		return err_set(err, EINVAL, "unknown mount type '%s': it is bind or tmpfs", value);
	return 0;
}

/* value: NULL when the field has no '='. */
static int mount_option(struct mount_request *m, struct seen *seen, const char *key,
			const char *value, struct err *err)
{
	bool flag;
	int r;

	if (str_eq(key, "readonly") || str_eq(key, "ro")) {
		r = parse_bool(key, value, &flag, err);
		return r < 0 ? r : set_access(m, seen, flag, err);
	}
	if (!value)
		return err_set(err, EINVAL, "'%s' needs a value", key);
	if (str_eq(key, "type"))
		return mount_type(m, seen, value, err);
	if (str_eq(key, "source") || str_eq(key, "src")) {
		if (m->source)
			return err_set(err, EINVAL, "the source is given twice");
		return set_source(m, value, err);
	}
	if (str_eq(key, "target") || str_eq(key, "dst") || str_eq(key, "destination"))
		return set_target(m, value, err);
	if (str_eq(key, "tmpfs-size") || str_eq(key, "tmpfs-mode")) {
		seen->tmpfs_option = true;
		return str_eq(key, "tmpfs-size") ? set_size(m, value, err)
						 : set_mode(m, value, err);
	}
	if (str_eq(key, "consistency"))
		return 0;
	if (str_eq(key, "bind-propagation") &&
	    (str_eq(value, "rprivate") || str_eq(value, "private")))
		return 0;
	if (str_eq(key, "bind-propagation"))
		return err_set(err, EINVAL, "mount propagation '%s' is not part of this version",
			       value);
	return err_set(err, EINVAL, "unknown option '%s'", key);
}

static int check_mount(const struct mount_request *m, const struct seen *seen, struct err *err)
{
	if (!seen->type)
		return err_set(err, EINVAL,
			       "there is no type=bind or type=tmpfs in it, and this version has "
			       "no volumes");
	if (!m->target)
		return err_set(err, EINVAL, "there is no target=PATH in it");
	if (m->kind == MOUNT_BIND && !m->source)
		return err_set(err, EINVAL, "there is no source=PATH in it");
	if (m->kind == MOUNT_TMPFS && m->source)
		return err_set(err, EINVAL, "a tmpfs has no source");
	if (m->kind == MOUNT_BIND && seen->tmpfs_option)
		return err_set(err, EINVAL, "tmpfs options do not go with type=bind");
	return 0;
}

static int parse_mount(const char *text, struct mount_request *m, struct err *err)
{
	_cleanup_free_ char *copy = xstrdup(text);
	struct seen seen = {0};
	char *rest = copy, *field;
	bool bad = false;
	int r = 0;

	while (r == 0 && (field = next_field(&rest, &bad)) != NULL) {
		char *value = strchr(field, '=');

		if (bad)
			return err_set(err, EINVAL, "its quotes do not match");
		if (value)
			*value++ = '\0';
		for (char *p = field; *p != '\0'; p++)
			*p = (char)tolower((unsigned char)*p);
		r = mount_option(m, &seen, field, value, err);
	}
	return r < 0 ? r : check_mount(m, &seen, err);
}

int mount_parse_mount(const char *text, struct mount_request *ret, struct err *err)
{
	*ret = (struct mount_request){.kind = MOUNT_BIND, .tmpfs_mode = TMPFS_MODE_DEFAULT};
	return finish(parse_mount(text, ret, err), "mount", text, ret, err);
}

static int tmpfs_option(struct mount_request *m, struct seen *seen, const char *option,
			struct err *err)
{
	/* What a tmpfs of ours is anyway, and what makes no difference to one */
	static const char *const ignored[] = {
		"",	      "defaults",    "nosuid",	      "nodev",	  "sync",	"async",
		"dirsync",    "atime",	     "noatime",	      "diratime", "nodiratime", "relatime",
		"norelatime", "strictatime", "nostrictatime", NULL};

	if (str_eq(option, "ro") || str_eq(option, "rw"))
		return set_access(m, seen, str_eq(option, "ro"), err);
	if (str_eq(option, "exec") || str_eq(option, "noexec")) {
		m->tmpfs_exec = str_eq(option, "exec");
		return 0;
	}
	if (str_starts(option, "size="))
		return set_size(m, option + 5, err);
	if (str_starts(option, "mode="))
		return set_mode(m, option + 5, err);
	if (is_one_of(option, ignored))
		return 0;
	return err_set(err, EINVAL,
		       "unknown option '%s': it is size=N, mode=O, ro, rw, exec or noexec", option);
}

static int parse_tmpfs(const char *text, struct mount_request *m, struct err *err)
{
	const char *colon = strchr(text, ':');
	_cleanup_free_ char *target =
		colon ? xstrndup(text, (size_t)(colon - text)) : xstrdup(text);
	_cleanup_strv_ char **options = NULL;
	struct seen seen = {0};
	int r = set_target(m, target, err);

	if (r < 0 || !colon)
		return r;
	options = strv_split(colon + 1, ',');
	for (char **o = options; *o && r == 0; o++)
		r = tmpfs_option(m, &seen, *o, err);
	return r;
}

int mount_parse_tmpfs(const char *text, struct mount_request *ret, struct err *err)
{
	*ret = (struct mount_request){.kind = MOUNT_TMPFS, .tmpfs_mode = TMPFS_MODE_DEFAULT};
	return finish(parse_tmpfs(text, ret, err), "tmpfs", text, ret, err);
}
