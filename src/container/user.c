#include "container/user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/root_open.h"
#include "base/str.h"
#include "base/vec.h"

#define ID_MAX 0x7fffffffULL /* SPEC section 12 */

void user_release(struct user *u)
{
	free(u->groups);
	free(u->home);
	*u = (struct user){0};
}

/* One line of a colon separated file, as slices into the text. */
#define MAX_FIELDS 7

struct line {
	const char *field[MAX_FIELDS];
	size_t len[MAX_FIELDS];
	size_t n;
};

/* Advances *text behind the line; false at the end. */
static bool next_line(const char **text, struct line *ret)
{
	const char *p = *text;

	if (!*p)
		return false;
	ret->n = 0;
	for (;;) {
		size_t len = strcspn(p, ":\n");

		if (ret->n < MAX_FIELDS) {
			ret->field[ret->n] = p;
			ret->len[ret->n++] = len;
		}
		p += len;
		if (*p != ':')
			break;
		p++;
	}
	*text = *p ? p + 1 : p;
	return true;
}

static bool field_is(const struct line *line, size_t i, const char *text, size_t len)
{
	return i < line->n && line->len[i] == len && memcmp(line->field[i], text, len) == 0;
}

static bool field_id(const struct line *line, size_t i, uint64_t *ret)
{
	char digits[24];

	if (i >= line->n || line->len[i] >= sizeof(digits))
		return false;
	memcpy(digits, line->field[i], line->len[i]);
	digits[line->len[i]] = '\0';
	return str_to_u64(digits, ID_MAX, ret) == 0;
}

/* passwd: name:password:uid:gid:gecos:home:shell. Fills uid, gid and home from the first line that
 * matches. */
static bool find_passwd(const char *passwd, const char *name, const uint64_t *uid, struct user *u,
			char **ret_name)
{
	struct line line;

	while (next_line(&passwd, &line)) {
		uint64_t line_uid, line_gid;

		if (!field_id(&line, 2, &line_uid) || !field_id(&line, 3, &line_gid))
			continue;
		if (uid ? line_uid != *uid : !field_is(&line, 0, name, strlen(name)))
			continue;
		u->uid = (uid_t)line_uid;
		u->gid = (gid_t)line_gid;
		free(u->home);
		u->home = line.n > 5 && line.len[5] ? xstrndup(line.field[5], line.len[5])
						    : xstrdup("/");
		*ret_name = xstrndup(line.field[0], line.len[0]);
		return true;
	}
	return false;
}

/* group: name:password:gid:member,member */
static bool find_group(const char *group, const char *name, gid_t *ret)
{
	struct line line;

	while (next_line(&group, &line)) {
		uint64_t gid;

		if (field_is(&line, 0, name, strlen(name)) && field_id(&line, 2, &gid)) {
			*ret = (gid_t)gid;
			return true;
		}
	}
	return false;
}

static bool lists_member(const struct line *line, const char *name)
{
	size_t name_len = strlen(name);
	const char *p, *end;

	if (line->n < 4)
		return false;
	p = line->field[3];
	end = p + line->len[3];
	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		size_t len = comma ? (size_t)(comma - p) : (size_t)(end - p);

		if (len == name_len && memcmp(p, name, len) == 0)
			return true;
		p += len + 1;
	}
	return false;
}

static void add_groups(const char *group, const char *name, struct user *u)
{
	struct line line;
	size_t cap = 0;

	while (next_line(&group, &line)) {
		uint64_t gid;

		if (!field_id(&line, 2, &gid) || !lists_member(&line, name))
			continue;
		u->groups = vec_grow(u->groups, &cap, u->n_groups + 1, sizeof(*u->groups));
		u->groups[u->n_groups++] = (gid_t)gid;
	}
}

static bool is_digits(const char *s)
{
	return *s && s[strspn(s, "0123456789")] == '\0';
}

static int resolve_user_part(const char *passwd, const char *name, struct user *u, char **ret_name,
			     struct err *err)
{
	uint64_t uid;

	if (!is_digits(name)) {
		if (!find_passwd(passwd, name, NULL, u, ret_name))
			return err_set(
				err, EINVAL,
				"unable to find user '%s': no matching entry in the container's "
				"/etc/passwd",
				name);
		return 0;
	}
	if (str_to_u64(name, ID_MAX, &uid) < 0)
		return err_set(err, ERANGE, "user id '%s' is out of range (0 to %llu)", name,
			       ID_MAX);
	if (!find_passwd(passwd, name, &uid, u, ret_name)) {
		u->uid = (uid_t)uid;
		u->gid = 0;
	}
	return 0;
}

static int resolve_group_part(const char *group, const char *name, struct user *u, struct err *err)
{
	uint64_t gid;

	if (!is_digits(name)) {
		if (!find_group(group, name, &u->gid))
			return err_set(
				err, EINVAL,
				"unable to find group '%s': no matching entry in the container's "
				"/etc/group",
				name);
		return 0;
	}
	if (str_to_u64(name, ID_MAX, &gid) < 0)
		return err_set(err, ERANGE, "group id '%s' is out of range (0 to %llu)", name,
			       ID_MAX);
	u->gid = (gid_t)gid;
	return 0;
}

int user_resolve_text(const char *passwd, const char *group, const char *spec, struct user *ret,
		      struct err *err)
{
	const char *colon = strchr(spec, ':');
	_cleanup_free_ char *name = xstrndup(spec, colon ? (size_t)(colon - spec) : strlen(spec));
	_cleanup_free_ char *login = NULL;
	int r;

	*ret = (struct user){.home = xstrdup("/")};
	r = resolve_user_part(passwd, *name ? name : "0", ret, &login, err);
	if (r == 0 && colon && colon[1])
		r = resolve_group_part(group, colon + 1, ret, err);
	else if (r == 0 && login)
		add_groups(group, login, ret);
	if (r < 0)
		user_release(ret);
	return r;
}

static int read_database(int root_fd, const char *path, char **ret, struct err *err)
{
	_cleanup_fd_ int fd = root_open(root_fd, path, O_RDONLY | O_NONBLOCK, 0);

	if (fd == -ENOENT || fd == -ENOTDIR) {
		*ret = xstrdup("");
		return 0;
	}
	if (fd < 0)
		return err_sys(err, -fd, "cannot open the container's %s", path);
	if (fd_slurp(fd, LIMIT_PASSWD_SIZE, ret, NULL, err) < 0)
		return err_prefix(err, "the container's %s", path);
	return 0;
}

int user_resolve(int root_fd, const char *spec, struct user *ret, struct err *err)
{
	_cleanup_free_ char *passwd = NULL;
	_cleanup_free_ char *group = NULL;
	int r;

	r = read_database(root_fd, "/etc/passwd", &passwd, err);
	if (r == 0)
		r = read_database(root_fd, "/etc/group", &group, err);
	return r < 0 ? r : user_resolve_text(passwd, group, spec, ret, err);
}
