/* Theory of operation
 *
 * A redirected directory becomes one that needs no redirect: everything it shows is copied up, all
 * the way down; then it hides what is below, and the redirect goes. Each step is one that changes
 * nothing of what is seen, and what was done is not done again: whoever is killed starts anew.
 *
 * That takes two walks. The first makes the directories, and writes all their times down before
 * anything is put in them; and it makes all names of files with several known, so that the copy of
 * one is the copy of all (copyup.c). The second brings the files, and what is left to do for a
 * directory is done when its subdirectories are. Metadata-only copies are completed on the way,
 * wherever they are (flatten_file.c). Whiteouts and marks that say nothing any more are swept by
 * another look over the whole.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "fuse/array.h"
#include "fuse/check_impl.h"
#include "fuse/copyup.h"
#include "fuse/upper.h"
#include "fuse/work.h"
#include "fuse/xat.h"

static int hold(struct checker *c, struct node *n)
{
	int r = array_grow(&c->held, c->n_held, &c->cap_held, sizeof(struct node *));

	if (r == 0)
		c->held[c->n_held++] = node_ref(n);
	return r;
}

/* Whether all of the child has to be in the upper layer; its redirect counts only then. -errno when
 * its marks cannot be read, which was said. */
static int find_out(struct checker *c, struct level *parent, struct level *child, const char *name)
{
	_cleanup_marks_ struct marks m = {0};
	struct place *upper = dir_upper(&c->o, parent->node->dir);
	bool has_upper = dir_upper(&c->o, child->node->dir) != NULL;
	unsigned int n = child->node->dir->n;
	int r;

	if (has_upper && upper) {
		r = marks_read(upper, name, S_IFDIR, &m);
		if (r < 0)
			return r;
	}
	child->redirected = m.redirect && !m.opaque && n > 1;
	child->whole = child->redirected || (parent->whole && (n > 1 || !has_upper));
	return 0;
}

/* --- the first walk */

static int prepare_child(struct checker *c, struct level *parent, struct level *child,
			 const char *name)
{
	int r = find_out(c, parent, child, name);

	if (r == 0 && child->whole && !dir_upper(&c->o, child->node->dir))
		r = copy_up(&c->o, child->node, COPY_ATTRS);
	if (r < 0) /* the second walk says what is wrong, if it still is */
		return check_is_fatal(r) ? r : 0;
	return 1;
}

static int prepare_entry(struct checker *c, struct level *l, const char *name)
{
	struct file f;
	int r = check_look_up(c, l->node, name, &f);

	if (r < 0)
		return check_is_fatal(r) ? r : 0;
	if (S_ISDIR(f.node->type))
		r = names_add(&l->subdirs, name);
	else if (f.node->layer && f.st.st_nlink > 1)
		r = hold(c, f.node);
	node_unref(&c->o.nodes, f.node);
	return r;
}

static int prepare_dir(struct checker *c, struct level *l)
{
	struct place *upper = dir_upper(&c->o, l->node->dir);
	int fd = upper ? place_pin(upper) : -ENOENT, r;

	if (fd < 0)
		return fd;
	r = times_begin(c, fd, "");
	place_unpin(upper);
	return r < 0 ? r : 0;
}

static int prepare_enter(struct checker *c, struct level *l)
{
	struct names names;
	int r = l->whole ? prepare_dir(c, l) : 0;

	l->node->dir->impure = true;
	if (r == 0)
		r = l->whole ? names_of_merged(c, l, &names) : names_of_upper(c, l, &names);
	if (r < 0)
		return check_is_fatal(r) ? r : 0;
	for (size_t at = 0; r == 0 && at < names.len; at += strlen(names.text + at) + 1)
		r = prepare_entry(c, l, names.text + at);
	names_free(&names);
	return r;
}

static const struct visitor preparer = {.enter = prepare_enter, .child = prepare_child};

/* --- the second walk */

static int child(struct checker *c, struct level *parent, struct level *child, const char *name)
{
	int r = find_out(c, parent, child, name);

	if (r == 0 && child->whole && !dir_upper(&c->o, child->node->dir))
		r = copy_up(&c->o, child->node, COPY_ATTRS);
	if (r < 0) {
		say_bad(c, parent, name, "cannot be copied: %s", strerror(-r));
		parent->failed = true;
		return check_is_fatal(r) ? r : 0;
	}
	return 1;
}

static int flatten_file(struct checker *c, struct level *l, int dirfd, const char *name,
			struct node *n)
{
	int r = 0;

	if (n->layer) {
		r = flatten_copy(c, l, dirfd, name, n);
	} else if (n->metacopy) {
		r = flatten_complete(c, l, dirfd, name, n);
		if (r == 0)
			say(c, l, name, "a metadata-only copy, completed");
	}
	if (r < 0) {
		if (n->layer || (r != -ENOENT && r != -EUCLEAN)) /* else it was said */
			say_bad(c, l, name, "cannot be copied: %s", strerror(-r));
		l->failed = true;
	}
	return check_is_fatal(r) ? r : 0;
}

static int flatten_entry(struct checker *c, struct level *l, int dirfd, const char *name)
{
	struct file f;
	int r = check_look_up(c, l->node, name, &f);

	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		if (l->whole) /* else it was said */
			say_bad(c, l, name, "cannot be looked up: %s", strerror(-r));
		l->failed = true;
		return check_is_fatal(r) ? r : 0;
	}
	r = S_ISDIR(f.node->type) ? names_add(&l->subdirs, name)
				  : flatten_file(c, l, dirfd, name, f.node);
	node_unref(&c->o.nodes, f.node);
	return r;
}

static int enter(struct checker *c, struct level *l)
{
	struct place *upper = dir_upper(&c->o, l->node->dir);
	struct names names;
	int fd = upper ? place_pin(upper) : -ENOENT, r, settled = 0;

	if (fd < 0)
		return fd;
	l->node->dir->impure = true;
	r = l->whole ? names_of_merged(c, l, &names) : names_of_upper(c, l, &names);
	for (size_t at = 0; r == 0 && at < names.len; at += strlen(names.text + at) + 1)
		r = flatten_entry(c, l, fd, names.text + at);
	names_free(&names);
	if (!l->whole) /* else when all is done */
		settled = level_settle(c, l, fd);
	place_unpin(upper);
	return r < 0 ? r : settled;
}

static int close_redirected(struct checker *c, struct level *l, int fd)
{
	int r = mark_opaque(&c->o, fd, "");

	if (r == 0)
		r = marks_drop(c, fd, "", MARK_REDIRECT);
	if (r < 0)
		say_bad(c, l, "", "its redirect cannot be replaced: %s", strerror(-r));
	else
		say(c, l, "", "a redirected directory, copied whole");
	l->failed |= r < 0;
	return check_is_fatal(r) ? r : 0;
}

static int leave(struct checker *c, struct level *l)
{
	struct place *upper;
	int fd, r = 0, settled;

	if (!l->whole)
		return 0;
	upper = dir_upper(&c->o, l->node->dir);
	fd = place_pin(upper);
	if (fd < 0)
		return fd;
	if (l->redirected && !l->failed)
		r = close_redirected(c, l, fd);
	settled = times_end(c, fd, "");
	place_unpin(upper);
	return r < 0 ? r : settled;
}

static const struct visitor flattener = {.enter = enter, .child = child, .leave = leave};

static int compare_copied(const void *a, const void *b)
{
	const struct copied *x = a, *y = b;

	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

int flatten(struct checker *c)
{
	int r = 0;

	if (c->n_copied)
		qsort(c->copied, c->n_copied, sizeof(*c->copied), compare_copied);
	if (c->n_redirects)
		r = check_walk(c, &preparer);
	if (r == 0)
		r = check_walk(c, &flattener);
	while (c->n_held)
		node_unref(&c->o.nodes, c->held[--c->n_held]);
	return r;
}
