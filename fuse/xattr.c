/* Extended attributes as clients see them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "fuse/content.h"
#include "fuse/copyup.h"
#include "fuse/locate.h"
#include "fuse/marks.h"
#include "fuse/upper.h"
#include "fuse/xat.h"

#define STATS_XATTR "user.strake.stats"
#define CAPS_XATTR "security.capability"
enum { KEYS_MAX = 65536 };

static ssize_t stats(struct overlay *o, char *value, size_t size)
{
	const struct counters *c = &o->count;
	char text[512];
	int n = snprintf(
		text, sizeof(text),
		"nodes %lu\nlookups %lu\nlistings %lu\ncopied-files %lu\ncopied-bytes %lu\n"
		"metadata-only-copies %lu\ncopied-directories %lu\nopen-files %u\n"
		"open-directories %u\n",
		c->nodes, c->lookups, c->listings, c->copied_files, c->copied_bytes, c->metacopies,
		c->copied_dirs, o->contents->open, o->places.open);

	if (size && (size_t)n > size)
		return -ERANGE;
	if (size)
		memcpy(value, text, (size_t)n);
	return n;
}

static bool is_acl(const char *key)
{
	return str_starts(key, "system.posix_acl_");
}

ssize_t overlay_getxattr(struct overlay *o, struct node *n, const char *key, void *value,
			 size_t size)
{
	struct located at;
	char out[256];
	ssize_t r;

	if (n == o->root && str_eq(key, STATS_XATTR))
		return stats(o, value, size);
	if (is_acl(key) && !o->config.acl)
		return -EOPNOTSUPP;
	if (n->no_caps && str_eq(key, CAPS_XATTR))
		return -ENODATA;
	key = mark_escape(o, key, out);
	if (!key)
		return -ENODATA;
	r = locate(o, n, &at);
	if (r < 0)
		return r;
	r = located_getxattr(&at, key, value, size);
	locate_end(o, &at);
	if (r == -ENODATA && str_eq(key, CAPS_XATTR))
		n->no_caps = true;
	if (r > 0 && size && is_acl(key) &&
	    owner_acl_to_shown(&o->config.owner, value, (size_t)r) < 0)
		return -ENODATA;
	return r;
}

/* Leaves of len bytes of keys those that the client may see, under his names. */
static ssize_t filter(struct overlay *o, const char *keys, size_t len, char *ret, size_t size)
{
	size_t at = 0;
	char out[256];

	for (const char *key = keys; key < keys + len; key += strlen(key) + 1) {
		const char *shown = mark_unescape(o, key, out);
		size_t n;

		if (!shown || (is_acl(key) && !o->config.acl))
			continue;
		n = strlen(shown) + 1;
		if (size && at + n > size)
			return -ERANGE;
		if (size)
			memcpy(ret + at, shown, n);
		at += n;
	}
	return (ssize_t)at;
}

ssize_t overlay_listxattr(struct overlay *o, struct node *n, char *ret, size_t size)
{
	_cleanup_free_ char *keys = malloc(KEYS_MAX);
	struct located at;
	ssize_t r;

	if (!keys)
		return -ENOMEM;
	r = locate(o, n, &at);
	if (r < 0)
		return r;
	r = located_listxattr(&at, keys, KEYS_MAX);
	locate_end(o, &at);
	return r <= 0 ? r : filter(o, keys, (size_t)r, ret, size);
}

static int change(struct overlay *o, struct node *n, const char *key, const void *value,
		  size_t size, int flags, bool remove, bool kill_sgid)
{
	struct target t;
	struct stat st;
	int r = copy_up(o, n, COPY_ATTRS);

	if (r == 0)
		r = upper_enter(o, n, false, &t);
	if (r < 0)
		return r;
	n->no_caps = false;
	r = remove ? xat_remove(t.dirfd, t.name, key)
		   : xat_set(t.dirfd, t.name, key, value, size, flags);
	if (r == 0 && kill_sgid && upper_stat(t.dirfd, t.name, &st) == 0 && (st.st_mode & S_ISGID))
		r = upper_chmod(t.dirfd, t.name, st.st_mode & 07777 & ~(mode_t)S_ISGID);
	upper_leave(o, &t);
	return r;
}

int overlay_setxattr(struct overlay *o, struct node *n, const char *key, const void *value,
		     size_t size, int flags, bool kill_sgid)
{
	_cleanup_free_ void *acl = NULL;
	char out[256];

	if (is_acl(key)) {
		if (!o->config.acl)
			return -EOPNOTSUPP;
		acl = malloc(size + 1);
		if (!acl)
			return -ENOMEM;
		memcpy(acl, value, size);
		if (owner_acl_to_disk(&o->config.owner, acl, size) < 0)
			return -EINVAL;
		value = acl;
	}
	key = mark_escape(o, key, out);
	if (!key || str_eq(key, STATS_XATTR))
		return -EPERM;
	return change(o, n, key, value, size, flags, false, kill_sgid);
}

int overlay_removexattr(struct overlay *o, struct node *n, const char *key)
{
	struct located at;
	char out[256];
	ssize_t r;

	key = mark_escape(o, key, out);
	if (!key)
		return -ENODATA;
	/* nothing is copied up for a key that is not there */
	r = locate(o, n, &at);
	if (r < 0)
		return (int)r;
	r = located_getxattr(&at, key, NULL, 0);
	locate_end(o, &at);
	if (r == -ENODATA && is_acl(key))
		return 0; /* as the kernel has it */
	return r < 0 ? (int)r : change(o, n, key, NULL, 0, 0, true, false);
}
