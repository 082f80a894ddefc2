/* Looking over what one directory holds. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "format/override_stat.h"
#include "format/whiteout.h"
#include "fuse/array.h"
#include "fuse/check_impl.h"
#include "fuse/content.h"
#include "fuse/owner.h"
#include "fuse/upper.h"
#include "fuse/work.h"
#include "fuse/xat.h"

/* The directory that is looked over, and one of its entries. */
struct entry_check {
	struct checker *c;
	struct level *l;
	struct place *place;
	int dirfd;
	bool was_impure;   /* it has the mark */
	bool needs_impure; /* something in it bears marks, which it hides without */
	bool keep_impure;  /* something in it bears marks that stay */
	bool is_opaque;	   /* by a mark, whoever wrote it */
	const char *name;
	struct stat st;
	bool bears; /* marks that say what the file is */
	bool has_ino;
};

ssize_t check_keys(struct checker *c, int dirfd, const char *name)
{
	ssize_t n = xat_list(dirfd, name, c->keys, XATTR_LIST_SPACE);

	return n == -ENOTSUP ? 0 : n;
}

int marks_drop(struct checker *c, int dirfd, const char *name, const char *mark)
{
	int r = mark_remove(&c->o, dirfd, name, mark);

	return r == -ENOTSUP ? 0 : r;
}

/* The mark that a key is, when it is in force here; or NULL. */
static const char *mark_in_force(const struct checker *c, const char *key)
{
	return str_starts(key, c->o.prefix) ? mark_of(key) : NULL;
}

/* Something that was said is to be done: whether it may be. */
static bool begin(struct entry_check *e)
{
	int r = level_change(e->c, e->l, e->dirfd);

	if (r < 0)
		say_bad(e->c, e->l, "", "its times cannot be written down: %s", strerror(-r));
	return r == 0;
}

static void remove_entry(struct entry_check *e, const char *what)
{
	if (!e->c->dry && !begin(e))
		return;
	if (!e->c->dry && unlinkat(e->dirfd, e->name, 0) < 0)
		say_bad(e->c, e->l, e->name, "%s, cannot be removed: %s", what, strerror(errno));
	else
		say_mended(e->c, e->l, e->name, what, "removed");
}

static void remove_mark(struct entry_check *e, const char *mark, const char *what)
{
	int r = e->c->dry ? 0 : marks_drop(e->c, e->dirfd, e->name, mark);

	if (r < 0)
		say_bad(e->c, e->l, e->name, "%s, cannot be removed: %s", what, strerror(-r));
	else
		say_mended(e->c, e->l, e->name, what, "removed");
}

/* --- whiteouts */

static void check_whiteout(struct entry_check *e, const char *target)
{
	int r = walk_is_below(&e->c->o, e->l->node->dir, target);

	if (r == 0)
		remove_entry(e, "a whiteout that hides nothing");
	else if (r < 0)
		say_bad(e->c, e->l, target, "lower layers cannot be asked: %s", strerror(-r));
}

/* A whiteout that is a file is read by few. */
static void make_device(struct entry_check *e, const char *target)
{
	int r = 0;

	if (!e->c->dry && !begin(e))
		return;
	if (!e->c->dry)
		r = whiteout_put(&e->c->o, e->dirfd, target, false);
	if (!e->c->dry && r == 0 && unlinkat(e->dirfd, e->name, 0) < 0)
		r = -errno;
	if (r < 0)
		say_bad(e->c, e->l, e->name, "a whiteout file, cannot be replaced: %s",
			strerror(-r));
	else
		say_mended(e->c, e->l, e->name, "a whiteout file", "made a device");
}

/* ".wh..wh..opq" beside the mark that says the same. Overlays that do not know it show it. */
static void check_opaque_file(struct entry_check *e)
{
	struct checker *c = e->c;
	int r = 0;

	if (!e->is_opaque && !c->o.layers[0].wh_files)
		return;
	if (!c->dry)
		r = mark_set(&c->o, e->dirfd, "", MARK_OPAQUE, "y");
	if (r < 0)
		say_bad(c, e->l, "", "cannot be made opaque: %s", strerror(-r));
	else
		remove_entry(e, "a file that makes its directory opaque, as a mark does");
}

static void check_wh_file(struct entry_check *e)
{
	struct checker *c = e->c;
	bool read = c->o.layers[0].wh_files, flat = c->options->flatten && c->can_mknod;
	const char *target;
	struct stat st;
	enum whiteout_kind kind = whiteout_kind(e->name, &target);

	if (S_ISDIR(e->st.st_mode))
		return;
	if (kind == WHITEOUT_DIR_OPAQUE && flat)
		check_opaque_file(e);
	if (kind != WHITEOUT_FILE || !read)
		return;
	if (fstatat(e->dirfd, target, &st, AT_SYMLINK_NOFOLLOW) == 0)
		remove_entry(e, "a whiteout beside what it should hide");
	else if (flat && walk_is_below(&c->o, e->l->node->dir, target) > 0)
		make_device(e, target);
	else
		check_whiteout(e, target);
}

/* --- xattrs */

static void check_record(struct entry_check *e, const char *key)
{
	char text[OVERRIDE_STAT_MAX];
	struct override_stat o;
	ssize_t n = xat_get(e->dirfd, e->name, key, text, sizeof(text));

	if (n == -ENODATA)
		return;
	if (n == -ERANGE || (n >= 0 && override_stat_parse(text, (size_t)n, &o) < 0))
		say_bad(e->c, e->l, e->name, "%s is not 'UID:GID:MODE[:TYPE]'", key);
	else if (n < 0)
		say_bad(e->c, e->l, e->name, "%s cannot be read: %s", key, strerror((int)-n));
}

/* An interrupted run's. */
static void restore_times(struct entry_check *e)
{
	int r;

	if (e->c->dry)
		return;
	r = times_end(e->c, e->dirfd, e->name);
	if (r < 0)
		say_bad(e->c, e->l, e->name, "its times cannot be set: %s", strerror(-r));
	else
		(void)upper_stat(e->dirfd, e->name, &e->st);
}

/* What the keys say; false when they cannot be read. */
static bool look_at_keys(struct entry_check *e)
{
	ssize_t n = check_keys(e->c, e->dirfd, e->name);
	bool times = false;

	if (n < 0) {
		say_bad(e->c, e->l, e->name, "xattrs cannot be listed: %s", strerror((int)-n));
		return false;
	}
	for (const char *key = e->c->keys; key < e->c->keys + n; key += strlen(key) + 1) {
		const char *mark = mark_in_force(e->c, key);

		if (owner_is_record(key))
			check_record(e, key);
		if (!mark)
			continue;
		e->bears |= str_eq(mark, MARK_REDIRECT) || str_eq(mark, MARK_METACOPY) ||
			    str_eq(mark, MARK_OPAQUE);
		e->has_ino |= str_eq(mark, MARK_INO);
		times |= str_eq(mark, MARK_TIMES);
		e->keep_impure |= str_eq(mark, "origin");
	}
	if (times && !S_ISDIR(e->st.st_mode))
		restore_times(e);
	return true;
}

/* --- files */

static void check_data(struct entry_check *e, struct node *n)
{
	_cleanup_place_ struct place *dir = NULL;
	_cleanup_free_ char *name = NULL;
	struct stat st;
	int r = content_get_data(&e->c->o, n, &dir, &name);

	if (r == 0)
		r = dir->layer->source->stat(dir, name, &st);
	if (r < 0)
		say_bad(e->c, e->l, e->name,
			"a metadata-only copy whose data are in no lower layer");
	else if (st.st_size != e->st.st_size)
		say_bad(e->c, e->l, e->name,
			"a metadata-only copy of %lld bytes whose data have %lld: the lower layer "
			"was changed",
			(long long)e->st.st_size, (long long)st.st_size);
	else if (e->c->options->flatten && e->c->dry)
		say_mended(e->c, e->l, e->name, "a metadata-only copy", "completed");
}

static void check_metacopy(struct entry_check *e)
{
	struct file f;
	int r = check_look_up(e->c, e->l->node, e->name, &f);

	e->keep_impure = true;
	if (e->l->node->dir->n == 1 && !e->was_impure)
		e->needs_impure = true;
	if (r < 0) {
		say_bad(e->c, e->l, e->name, "cannot be looked up: %s", strerror(-r));
		return;
	}
	check_data(e, f.node);
	node_unref(&e->c->o.nodes, f.node);
}

static int remember_copied(struct entry_check *e, uint64_t ino)
{
	struct checker *c = e->c;
	char *name = strdup(e->name);

	if (!name || array_grow(&c->copied, c->n_copied, &c->cap_copied, sizeof(*c->copied)) < 0) {
		free(name);
		return -ENOMEM;
	}
	c->copied[c->n_copied++] = (struct copied){ino, place_ref(e->place), name};
	return 0;
}

static bool read_marks(struct entry_check *e, struct marks *m)
{
	int r = marks_read(e->place, e->name, e->st.st_mode, m);

	if (r == -EIO)
		say_bad(e->c, e->l, e->name, "its redirect is malformed");
	else if (r < 0)
		say_bad(e->c, e->l, e->name, "its marks cannot be read: %s", strerror(-r));
	return r == 0;
}

static int check_file(struct entry_check *e)
{
	_cleanup_marks_ struct marks m = {0};

	if ((!e->bears && !e->has_ino) || !read_marks(e, &m))
		return 0;
	if (m.metacopy)
		check_metacopy(e);
	else if (m.redirect)
		remove_mark(e, MARK_REDIRECT, "a redirect of a file that has its data");
	if (m.ino && e->c->options->flatten && !e->c->strip)
		return remember_copied(e, m.ino);
	if (e->c->strip && !m.metacopy && marks_drop(e->c, e->dirfd, e->name, MARK_INO) < 0)
		say_bad(e->c, e->l, e->name, "the inode number's mark cannot be removed");
	return 0;
}

/* --- directories */

static int remember_redirected(struct entry_check *e, const struct dir *d)
{
	struct checker *c = e->c;
	struct place *lower = d->stack[1];
	struct stat st;
	int r = lower->layer->source->stat(lower, "", &st);

	if (r == 0)
		r = array_grow(&c->redirects, c->n_redirects, &c->cap_redirects,
			       sizeof(*c->redirects));
	if (r == 0)
		c->redirects[c->n_redirects++] = (struct redirected){
			place_ref(d->stack[0]), place_ref(lower), st.st_dev, st.st_ino};
	return r == -ENOMEM ? r : 0;
}

static int check_redirect(struct entry_check *e, const char *redirect)
{
	struct file f;
	int r = check_look_up(e->c, e->l->node, e->name, &f);

	if (r < 0)
		return r == -ENOMEM ? r : 0; /* the walk says why */
	if (!S_ISDIR(f.node->type) || f.node->dir->n < 2) {
		say_bad(e->c, e->l, e->name, "its redirect leads nowhere: '%s'", redirect);
	} else {
		if (e->c->options->flatten && e->c->dry)
			say_mended(e->c, e->l, e->name, "a redirected directory", "copied whole");
		r = remember_redirected(e, f.node->dir);
	}
	node_unref(&e->c->o.nodes, f.node);
	return r;
}

/* Opaque to all, when it is so to some. */
static void spread_opaque(struct entry_check *e)
{
	char key[64], value[4];
	int r;

	snprintf(key, sizeof(key), "%s" MARK_OPAQUE, e->c->o.prefix);
	if (xat_get(e->dirfd, e->name, key, value, sizeof(value)) == 1 && value[0] == 'y')
		return;
	r = mark_set(&e->c->o, e->dirfd, e->name, MARK_OPAQUE, "y");
	if (r < 0)
		say_bad(e->c, e->l, e->name, "cannot be made opaque: %s", strerror(-r));
}

static int check_dir(struct entry_check *e)
{
	_cleanup_marks_ struct marks m = {0};
	int r = 0;

	if (e->bears && !read_marks(e, &m)) {
		e->l->failed = true;
		return 0;
	}
	if (m.redirect && m.opaque)
		remove_mark(e, MARK_REDIRECT, "a redirect of a directory that hides what is below");
	else if (m.redirect)
		r = check_redirect(e, m.redirect);
	e->keep_impure |= m.redirect && !m.opaque;
	if (m.opaque && e->c->strip)
		spread_opaque(e);
	return r < 0 ? r : names_add(&e->l->subdirs, e->name);
}

/* --- an entry */

static int check_special(struct entry_check *e)
{
	if (e->has_ino && e->c->strip)
		(void)marks_drop(e->c, e->dirfd, e->name, MARK_INO);
	return 0;
}

static int check_entry(struct entry_check *e)
{
	struct checker *c = e->c;

	e->bears = e->has_ino = false;
	if (fstatat(e->dirfd, e->name, &e->st, AT_SYMLINK_NOFOLLOW) < 0) {
		say_bad(c, e->l, e->name, "cannot be read: %s", strerror(errno));
		return 0;
	}
	if (e->st.st_dev != c->o.layers[0].dev) {
		say_bad(c, e->l, e->name, "another file system is mounted here");
		return 0;
	}
	if (mark_is_hidden_name(&c->o.layers[0], e->name) && !whiteout_is_device(&e->st)) {
		check_wh_file(e);
		return 0;
	}
	if (whiteout_is_device(&e->st)) {
		check_whiteout(e, e->name);
		return 0;
	}
	if (!look_at_keys(e))
		return 0;
	if (S_ISREG(e->st.st_mode))
		return check_file(e);
	return S_ISDIR(e->st.st_mode) ? check_dir(e) : check_special(e);
}

/* --- the directory itself */

static void look_at_itself(struct entry_check *e)
{
	_cleanup_marks_ struct marks m = {0};

	e->was_impure = e->is_opaque = false;
	if (marks_read(e->place, "", S_IFDIR, &m) == 0) {
		e->was_impure = m.impure;
		e->is_opaque = m.opaque;
	}
}

static void settle_impure(struct entry_check *e)
{
	int r = 0;

	if (e->needs_impure && !e->c->dry)
		r = mark_set(&e->c->o, e->dirfd, "", MARK_IMPURE, "y");
	else if (e->c->strip && e->was_impure && !e->keep_impure)
		r = marks_drop(e->c, e->dirfd, "", MARK_IMPURE);
	if (r < 0)
		say_bad(e->c, e->l, "", "the mark 'impure' cannot be changed: %s", strerror(-r));
	else if (e->needs_impure)
		say_mended(e->c, e->l, "", "a directory that hides marks in it",
			   "marked as impure");
}

static int check_entries(struct entry_check *e)
{
	struct names names;
	int r = names_of_upper(e->c, e->l, &names);

	for (size_t at = 0; r == 0 && at < names.len; at += strlen(e->name) + 1) {
		e->name = names.text + at;
		r = check_entry(e);
	}
	names_free(&names);
	return r;
}

static int enter(struct checker *c, struct level *l)
{
	struct entry_check e = {
		.c = c, .l = l, .place = dir_upper(&c->o, l->node->dir), .name = ""};
	int r, settled;

	if (!e.place)
		return 0;
	e.dirfd = place_pin(e.place);
	if (e.dirfd < 0)
		return e.dirfd;
	restore_times(&e);
	look_at_itself(&e);
	l->node->dir->impure = true; /* so that files are looked up with their marks */
	r = check_entries(&e);
	if (r == 0)
		settle_impure(&e);
	settled = level_settle(c, l, e.dirfd);
	place_unpin(e.place);
	return r < 0 ? r : settled;
}

const struct visitor check_visitor = {.enter = enter};
