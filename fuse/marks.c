#include "fuse/marks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "format/override_stat.h"
#include "format/whiteout.h"
#include "fuse/overlay.h"
#include "fuse/xat.h"

enum { LIST_MAX = 65536, VALUE_MAX = 4096 };

/* The kernel's two come first. */
static const char *const prefixes[] = {"user.overlay.", "trusted.overlay.", "user.fuseoverlayfs."};
enum { KERNELS = 2 };

void marks_release(struct marks *m)
{
	free(m->redirect);
	m->redirect = NULL;
}

const char *mark_of(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (str_starts(key, prefixes[i]))
			return key + strlen(prefixes[i]);
	return NULL;
}

/* The mark that the overlay acts on. What clients can set is none: of the keys that are not
 * o->prefix's they are refused fuse-overlayfs's, and they cannot write to lower layers. Those are
 * believed that they hide something, not where something else is. */
static const char *believed_mark(const struct layer *layer, const char *key)
{
	const char *prefix = layer->overlay->prefix;

	if (str_starts(key, prefix))
		return key + strlen(prefix);
	if (str_eq(key, "user.fuseoverlayfs." MARK_OPAQUE) ||
	    (!layer->upper && str_eq(key, "user.overlay." MARK_OPAQUE)))
		return MARK_OPAQUE;
	return NULL;
}

/* A redirect is an absolute path without empty or dotted components, or one name: anything else is
 * not followed, lest an image lead elsewhere. */
static bool good_redirect(const char *text)
{
	const char *at = text;

	if (*at != '/')
		return *at && !strchr(at, '/') && strlen(at) < 256 && strcmp(at, ".") &&
		       strcmp(at, "..");
	while (*at == '/') {
		size_t n = strcspn(++at, "/");

		if (!n || n > 255 || (n == 1 && at[0] == '.') || (n == 2 && !memcmp(at, "..", 2)))
			return false;
		at += n;
	}
	return true;
}

static int read_mark(struct place *dir, const char *name, const char *key, const char *mark,
		     struct marks *m)
{
	const struct source *source = dir->layer->source;
	char value[VALUE_MAX + 1];
	ssize_t n = source->getxattr(dir, name, key, value, VALUE_MAX);

	if (n == -ENODATA)
		return 0;
	if (n < 0)
		return (int)n;
	value[n] = '\0';
	if (str_eq(mark, MARK_OPAQUE))
		m->opaque = m->opaque || value[0] == 'y';
	else if (str_eq(mark, MARK_METACOPY))
		m->metacopy = true;
	else if (str_eq(mark, MARK_IMPURE))
		m->impure = true;
	else if (str_eq(mark, MARK_INO))
		m->ino = strtoull(value, NULL, 16);
	else if (str_eq(mark, MARK_REDIRECT)) {
		if (!good_redirect(value))
			return -EIO;
		free(m->redirect);
		m->redirect = strdup(value);
		if (!m->redirect)
			return -ENOMEM;
	}
	return 0;
}

static int read_marks(struct place *dir, const char *name, const char *list, size_t len,
		      struct marks *m)
{
	int r = 0;

	for (const char *key = list; r == 0 && key < list + len; key += strlen(key) + 1) {
		const char *mark = believed_mark(dir->layer, key);

		if (mark)
			r = read_mark(dir, name, key, mark, m);
	}
	return r;
}

/* The keys of a file into `small`, or into a malloced buffer when they are many. */
static ssize_t list_keys(struct place *dir, const char *name, char *small, size_t size,
			 char **ret_list)
{
	ssize_t n = dir->layer->source->listxattr(dir, name, small, size);

	*ret_list = small;
	if (n != -ERANGE)
		return n == -ENOTSUP || n == -EACCES ? 0 : n;
	*ret_list = malloc(LIST_MAX);
	if (!*ret_list) {
		*ret_list = small;
		return -ENOMEM;
	}
	return dir->layer->source->listxattr(dir, name, *ret_list, LIST_MAX);
}

int marks_read(struct place *dir, const char *name, mode_t type, struct marks *ret)
{
	char small[1024], *list;
	ssize_t n;
	int r;

	*ret = (struct marks){0};
	/* user.* exists on these alone; trusted.* on all */
	if (!S_ISREG(type) && !S_ISDIR(type) && !dir->layer->overlay->config.trusted)
		return 0;
	n = list_keys(dir, name, small, sizeof(small), &list);
	r = n <= 0 ? (int)n : read_marks(dir, name, list, (size_t)n, ret);
	if (list != small)
		free(list);
	if (r < 0)
		marks_release(ret);
	return r;
}

/* Whether a mark of the kernel's overlay is there, by either prefix. value: what it says; 0:
 * whatever. */
static bool has_kernels_mark(struct place *dir, const char *name, const char *mark, char value)
{
	char key[64], text[4];

	for (size_t i = 0; i < KERNELS; i++) {
		ssize_t n;

		snprintf(key, sizeof(key), "%s%s", prefixes[i], mark);
		n = dir->layer->source->getxattr(dir, name, key, text, sizeof(text));
		if (n >= 0 && (!value || (n == 1 && text[0] == value)))
			return true;
	}
	return false;
}

bool mark_is_whiteout(struct place *dir, const char *name, const struct stat *st)
{
	if (whiteout_is_device(st))
		return true;
	/* Only in layers that images bring; the kernel writes them nowhere itself. Blocks say
	 * nothing: they are also those of the xattrs. */
	if (!S_ISREG(st->st_mode) || st->st_size || dir->layer->upper)
		return false;
	return has_kernels_mark(dir, name, MARK_WHITEOUT, 0);
}

bool mark_is_hidden_name(const struct layer *layer, const char *name)
{
	return str_starts(name, layer->wh_files ? WHITEOUT_PREFIX : ".wh..wh.");
}

bool mark_has_xattr_whiteouts(struct place *dir)
{
	return !dir->layer->upper && has_kernels_mark(dir, "", MARK_OPAQUE, 'x');
}

bool mark_has_wh_file(struct place *dir, const char *name)
{
	char wh[256 + sizeof(WHITEOUT_PREFIX)];
	struct stat st;

	if (!dir->layer->wh_files || strlen(name) + strlen(WHITEOUT_PREFIX) > 255)
		return false;
	snprintf(wh, sizeof(wh), WHITEOUT_PREFIX "%s", name);
	return dir->layer->source->stat(dir, wh, &st) == 0;
}

bool mark_has_opaque_file(struct place *dir)
{
	struct stat st;

	return dir->layer->wh_files && dir->layer->source->stat(dir, WHITEOUT_OPAQUE, &st) == 0;
}

static void full_key(const struct overlay *o, const char *mark, char out[64])
{
	snprintf(out, 64, "%s%s", o->prefix, mark);
}

int mark_set(const struct overlay *o, int dirfd, const char *name, const char *mark,
	     const char *value)
{
	char key[64];

	full_key(o, mark, key);
	return xat_set(dirfd, name, key, value, strlen(value), 0);
}

int mark_remove(const struct overlay *o, int dirfd, const char *name, const char *mark)
{
	char key[64];
	int r;

	full_key(o, mark, key);
	r = xat_remove(dirfd, name, key);
	return r == -ENODATA ? 0 : r;
}

/* --- what clients see */

#define ESCAPE "overlay."

bool mark_is_private(const struct overlay *o, const char *key)
{
	char out[256];

	return !mark_unescape(o, key, out);
}

/* What is the overlay's alone. */
static bool is_reserved(const struct overlay *o, const char *key)
{
	return str_starts(key, "user.fuseoverlayfs.") ||
	       (o->config.owner.override && owner_is_record(key));
}

const char *mark_escape(const struct overlay *o, const char *key, char out[256])
{
	if (is_reserved(o, key))
		return NULL;
	if (!str_starts(key, o->prefix))
		return key;
	/* as long as the kernel lets a key be */
	if (snprintf(out, 256, "%s" ESCAPE "%s", o->prefix, key + strlen(o->prefix)) > 255)
		return NULL;
	return out;
}

const char *mark_unescape(const struct overlay *o, const char *key, char out[256])
{
	size_t n = strlen(o->prefix);

	if (is_reserved(o, key))
		return NULL;
	if (!str_starts(key, o->prefix))
		return key;
	if (!str_starts(key + n, ESCAPE))
		return NULL;
	snprintf(out, 256, "%s%s", o->prefix, key + n + strlen(ESCAPE));
	return out;
}
