/* Theory of operation
 *
 * Everything a rename touches is copied up before anything is locked: both parents, what is moved,
 * and in an exchange what it changes places with. Then one rename in the upper layer does it, after
 * marks were set that change nothing until it happens:
 *
 * - a directory with lower content is told where that is (redirect), since its name no longer says
 * so;
 * - one without, going where lower layers have something, is made opaque;
 * - where lower layers have something under the old name, a whiteout is left, by RENAME_WHITEOUT.
 *
 * A whiteout at the new name is replaced, by exchange when a directory comes, which leaves it at
 * the old name. An empty directory there is made opaque and swept of its whiteouts first: it looks
 * the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "format/whiteout.h"
#include "fuse/content.h"
#include "fuse/copyup.h"
#include "fuse/lookup.h"
#include "fuse/remove.h"
#include "fuse/upper.h"
#include "fuse/work.h"

/* One end of a rename. */
struct end {
	struct node *dir;
	const char *name;
	struct place *upper; /* of dir, pinned */
	int dirfd;
	struct node *node; /* what is there, counted, or NULL */
	bool in_upper;	   /* it has an entry in the upper layer */
	bool whiteout;	   /* a device is there */
	bool below;	   /* lower layers would show something under this name */
};

static void end_release(struct overlay *o, struct end *e)
{
	if (e->upper)
		place_unpin(e->upper);
	if (e->node)
		node_unref(&o->nodes, e->node);
}

/* Whether what the node is has an entry in the upper layer. */
static bool is_upper(struct overlay *o, struct node *n)
{
	bool upper;

	if (!S_ISDIR(n->type))
		return n->layer == 0;
	pthread_rwlock_rdlock(&n->dir->lock);
	upper = dir_upper(o, n->dir) != NULL;
	pthread_rwlock_unlock(&n->dir->lock);
	return upper;
}

/* Both directories are locked. The disk is not asked for what a node says. */
static int end_look(struct overlay *o, struct end *e)
{
	struct stat st;
	struct file f;
	int r;

	e->dirfd = upper_pin(o, e->dir, &e->upper);
	if (e->dirfd < 0) {
		e->upper = NULL;
		return e->dirfd;
	}
	e->node = node_find(&o->nodes, e->dir, e->name);
	if (!e->node) {
		r = lookup_child(o, e->dir, e->name, &f);
		if (r < 0 && r != -ENOENT)
			return r;
		e->node = r == 0 ? f.node : NULL;
	}
	e->in_upper = e->node && is_upper(o, e->node);
	e->whiteout =
		!e->in_upper && upper_stat(e->dirfd, e->name, &st) == 0 && whiteout_is_device(&st);
	r = walk_is_below(o, e->dir->dir, e->name);
	e->below = r > 0;
	return r < 0 ? r : 0;
}

static bool is_merged(struct node *n)
{
	bool merged;

	pthread_rwlock_rdlock(&n->dir->lock);
	merged = n->dir->n > 1;
	pthread_rwlock_unlock(&n->dir->lock);
	return merged;
}

/* --- marks of what moves */

/* Whether the path leads to just the lower places of a directory: other redirects in lower layers
 * may stand between. Then it cannot be said where its content is. */
static bool leads_back(struct overlay *o, struct dir *d, const char *path)
{
	_cleanup_found_ struct found f = {0};
	bool same = walk_path(o, d->stack[1]->layer->index, path, &f) == 0 && f.n == d->n - 1;

	for (unsigned int i = 0; same && i < f.n; i++) {
		_cleanup_free_ char *a = place_path(f.stack[i], "");
		_cleanup_free_ char *b = place_path(d->stack[i + 1], "");

		same = f.stack[i]->layer == d->stack[i + 1]->layer && a && b && str_eq(a, b);
	}
	return same;
}

static int set_redirect(struct overlay *o, struct node *n, const struct end *at)
{
	_cleanup_free_ char *path = NULL;
	int r = 0;

	if (!o->config.redirect)
		return -EXDEV;
	pthread_rwlock_rdlock(&n->dir->lock);
	path = place_path(n->dir->stack[1], "");
	if (!path)
		r = -ENOMEM;
	else if (strlen(path) >= PATH_MAX - 1 || !leads_back(o, n->dir, path))
		r = -EXDEV;
	pthread_rwlock_unlock(&n->dir->lock);
	if (r < 0)
		return r;
	r = mark_set(o, at->dirfd, at->name, MARK_REDIRECT, path);
	/* where nothing can be marked, the client copies */
	return r == -ENOTSUP || r == -EPERM || r == -ENOSPC || r == -E2BIG ? -EXDEV : r;
}

/* What is at `from` is going to `to`. */
static int mark_for(struct overlay *o, const struct end *from, const struct end *to)
{
	struct node *n = from->node;
	struct target t = {.dirfd = from->dirfd, .name = from->name};
	int r = upper_make_impure(o, to->dir, n);

	if (r < 0)
		return r;
	if (!S_ISDIR(n->type))
		return upper_carry_data(o, n, &t);
	if (is_merged(n))
		return set_redirect(o, n, from);
	if (!to->below || n->dir->opaque)
		return 0;
	r = mark_opaque(o, from->dirfd, from->name);
	n->dir->opaque = r == 0;
	return r;
}

/* --- what is replaced */

static int check_types(const struct end *from, const struct end *to)
{
	if (S_ISDIR(to->node->type) && !S_ISDIR(from->node->type))
		return -EISDIR;
	if (!S_ISDIR(to->node->type) && S_ISDIR(from->node->type))
		return -ENOTDIR;
	return 0;
}

/* Locked; the directory shows nothing. Makes it nothing on disk as well. */
static int empty_out(struct overlay *o, const struct end *to)
{
	int r = remove_check_empty(o, to->node);

	if (r < 0 || !to->in_upper)
		return r;
	if (to->below || to->node->dir->n > 1)
		r = mark_opaque(o, to->dirfd, to->name);
	return r < 0 ? r : work_sweep(o, to->dirfd, to->name);
}

static int prepare_replaced(struct overlay *o, const struct end *from, const struct end *to)
{
	int r;

	if (!to->node)
		return 0;
	r = check_types(from, to);
	if (r < 0)
		return r;
	if (!S_ISDIR(to->node->type))
		return remove_hold(o, to->node, to->dir, to->dirfd, to->name, to->in_upper);
	pthread_rwlock_wrlock(&to->node->dir->lock);
	r = empty_out(o, to);
	pthread_rwlock_unlock(&to->node->dir->lock);
	return r;
}

/* --- the rename itself */

static int rename2(const struct end *from, const struct end *to, unsigned int flags)
{
	return renameat2(from->dirfd, from->name, to->dirfd, to->name, flags) < 0 ? -errno : 0;
}

/* A plain one, with a whiteout left behind where one is needed. */
static int rename_plain(struct overlay *o, const struct end *from, const struct end *to)
{
	int r;

	if (from->below && o->mknod_whiteout) {
		r = rename2(from, to, RENAME_WHITEOUT);
		if (r != -EINVAL && r != -ENOSYS && r != -EPERM)
			return r;
	}
	if (from->below && !o->mknod_whiteout) {
		r = whiteout_put(o, from->dirfd, from->name, false);
		if (r < 0)
			return r;
	}
	r = renameat(from->dirfd, from->name, to->dirfd, to->name) < 0 ? -errno : 0;
	if (r < 0 && from->below && !o->mknod_whiteout)
		whiteout_remove_file(o, from->dirfd, from->name);
	if (r == 0 && from->below && o->mknod_whiteout)
		r = whiteout_put(o, from->dirfd, from->name, false);
	return r;
}

/* A directory cannot replace a whiteout: they change places. */
static int rename_onto_whiteout(struct overlay *o, const struct end *from, const struct end *to)
{
	int r = rename2(from, to, RENAME_EXCHANGE);

	if (r == -EINVAL || r == -ENOSYS) {
		if (unlinkat(to->dirfd, to->name, 0) < 0)
			return -errno;
		return rename_plain(o, from, to);
	}
	if (r == 0 && !from->below)
		(void)unlinkat(from->dirfd, from->name, 0); /* it hides nothing there */
	return r;
}

static int rename_on_disk(struct overlay *o, const struct end *from, const struct end *to)
{
	int r;

	if (to->whiteout && S_ISDIR(from->node->type))
		r = rename_onto_whiteout(o, from, to);
	else
		r = rename_plain(o, from, to);
	if (r == 0)
		whiteout_remove_file(o, to->dirfd, to->name);
	return r;
}

/* --- and what is known of it */

/* The node at `from` has its entry at `to`. */
static int moved(struct overlay *o, struct node *n, const struct end *from, const struct end *to)
{
	int r = 0;

	if (S_ISDIR(n->type)) {
		pthread_rwlock_wrlock(&n->dir->lock);
		r = place_move(n->dir->stack[0], to->upper, to->name);
		pthread_rwlock_unlock(&n->dir->lock);
	}
	node_remove_name(&o->nodes, n, from->dir, from->name);
	if (node_add_name(&o->nodes, n, to->dir, to->name) != n)
		r = -ENOMEM;
	listing_put(o, to->dir->dir, to->name, n->type, 0);
	return r;
}

static int rename_replacing(struct overlay *o, struct end *from, struct end *to)
{
	struct place *grave = NULL;
	int r = prepare_replaced(o, from, to);

	if (r == 0)
		r = mark_for(o, from, to);
	if (r == 0 && to->node && S_ISDIR(to->node->type))
		grave = remove_dig(to->node);
	if (r == 0)
		r = rename_on_disk(o, from, to);
	if (r < 0) {
		remove_fill_in(grave);
		return r;
	}
	if (to->node) {
		if (S_ISDIR(to->node->type)) {
			pthread_rwlock_wrlock(&to->node->dir->lock);
			remove_bury(o, to->node, grave);
			pthread_rwlock_unlock(&to->node->dir->lock);
		}
		node_remove_name(&o->nodes, to->node, to->dir, to->name);
	}
	listing_remove(from->dir->dir, from->name);
	return moved(o, from->node, from, to);
}

static int rename_exchanging(struct overlay *o, struct end *from, struct end *to)
{
	int r;

	if (!to->node)
		return -ENOENT;
	r = mark_for(o, from, to);
	if (r == 0)
		r = mark_for(o, to, from);
	if (r == 0)
		r = rename2(from, to, RENAME_EXCHANGE);
	if (r < 0)
		return r;
	/* The name is taken from the one before the other gets it. */
	node_remove_name(&o->nodes, to->node, to->dir, to->name);
	r = moved(o, from->node, from, to);
	return r < 0 ? r : moved(o, to->node, to, from);
}

/* The upper places of directories that move are open meanwhile (place.h). */
static int pin_moving(struct overlay *o, struct node *n, struct place **ret)
{
	struct place *p;
	int r;

	*ret = NULL;
	if (!n || !S_ISDIR(n->type))
		return 0;
	pthread_rwlock_rdlock(&n->dir->lock);
	p = dir_upper(o, n->dir);
	if (p)
		place_ref(p);
	pthread_rwlock_unlock(&n->dir->lock);
	if (!p)
		return 0;
	r = place_pin(p);
	if (r < 0) {
		place_unref(p);
		return r;
	}
	*ret = p;
	return 0;
}

static void unpin_moving(struct place *p)
{
	if (p) {
		place_unpin(p);
		place_unref(p);
	}
}

static int rename_pinned(struct overlay *o, struct end *from, struct end *to, unsigned int flags)
{
	struct place *a = NULL, *b = NULL;
	int r = pin_moving(o, from->node, &a);

	if (r == 0)
		r = pin_moving(o, to->node, &b);
	if (r == 0)
		r = flags & RENAME_EXCHANGE ? rename_exchanging(o, from, to)
					    : rename_replacing(o, from, to);
	unpin_moving(b);
	unpin_moving(a);
	return r;
}

static int rename_locked(struct overlay *o, struct end *from, struct end *to, unsigned int flags)
{
	int r = end_look(o, from);

	if (r == 0)
		r = end_look(o, to);
	if (r == 0 && !from->node)
		r = -ENOENT;
	if (r == 0 && (flags & RENAME_NOREPLACE) && to->node)
		r = -EEXIST;
	if (r == 0 && !from->in_upper)
		r = -EAGAIN; /* it was changed since it was copied up */
	if (r == 0 && (flags & RENAME_EXCHANGE) && to->node && !to->in_upper)
		r = -EAGAIN;
	/* two names of one file: nothing happens, as rename(2) has it */
	if (r == 0 && from->node == to->node)
		return 0;
	return r < 0 ? r : rename_pinned(o, from, to, flags);
}

static int copy_up_name(struct overlay *o, struct node *dir, const char *name)
{
	struct file f = {.node = node_find(&o->nodes, dir, name)};
	int r = f.node ? 0 : overlay_lookup(o, dir, name, &f);

	if (r < 0)
		return r;
	r = copy_up(o, f.node, COPY_ATTRS);
	node_unref(&o->nodes, f.node);
	return r;
}

static int copy_up_all(struct overlay *o, const struct end *from, const struct end *to,
		       unsigned int flags)
{
	int r = copy_up_name(o, from->dir, from->name);

	if (r == 0)
		r = copy_up(o, to->dir, COPY_ATTRS);
	if (r == 0 && (flags & RENAME_EXCHANGE))
		r = copy_up_name(o, to->dir, to->name);
	/* a lower file that is replaced, and has other names, loses one */
	if (r == 0 && !(flags & (RENAME_EXCHANGE | RENAME_NOREPLACE)))
		r = remove_settle_links(o, to->dir, to->name);
	return r;
}

int overlay_rename(struct overlay *o, struct node *dir, const char *name, struct node *new_dir,
		   const char *new_name, unsigned int flags)
{
	bool across = dir != new_dir;
	int r;

	if (flags & ~(unsigned int)(RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	do {
		struct end from = {.dir = dir, .name = name},
			   to = {.dir = new_dir, .name = new_name};

		r = copy_up_all(o, &from, &to, flags);
		if (r < 0)
			return r;
		if (across)
			pthread_mutex_lock(&o->rename_lock);
		dir_lock_pair(o, dir, new_dir);
		r = rename_locked(o, &from, &to, flags);
		dir_unlock_pair(dir, new_dir);
		if (across)
			pthread_mutex_unlock(&o->rename_lock);
		end_release(o, &from);
		end_release(o, &to);
	} while (r == -EAGAIN);
	return r;
}
