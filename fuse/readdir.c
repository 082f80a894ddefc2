/* Reading directories. */
#include <errno.h>

#include "fuse/lookup.h"

enum { COOKIE_DOT = 1, COOKIE_DOTDOT = 2 };

/* Under the lock: the listing is there when this returns 0, with the lock as it was, or exclusive.
 */
static int need_listing(struct overlay *o, struct dir *d)
{
	int r;

	while (!d->listing) {
		pthread_rwlock_unlock(&d->lock);
		pthread_rwlock_wrlock(&d->lock);
		r = listing_make(o, d);
		if (r < 0)
			return r;
	}
	return 0;
}

static int dots(struct overlay *o, struct node *dir, uint64_t after, overlay_entry_fn fn, void *arg)
{
	struct file f = {.st = {.st_mode = S_IFDIR, .st_ino = dir->ino}};
	struct where w;
	int r = 0;

	if (after < COOKIE_DOT)
		r = fn(arg, ".", COOKIE_DOT, &f);
	if (r == 0 && after < COOKIE_DOTDOT) {
		if (node_where(&o->nodes, dir, &w) == 0) {
			f.st.st_ino = w.parent->ino;
			node_unref(&o->nodes, w.parent);
		}
		r = fn(arg, "..", COOKIE_DOTDOT, &f);
	}
	return r;
}

/* Whether a client goes from directory to directory: it reads this one after its parent. */
static bool is_walk(struct overlay *o, struct node *dir)
{
	struct where w;
	bool walk;

	atomic_store(&dir->dir->listed, true);
	if (node_where(&o->nodes, dir, &w) < 0)
		return false;
	walk = atomic_load(&w.parent->dir->listed);
	node_unref(&o->nodes, w.parent);
	return walk;
}

static void look_ahead(struct overlay *o, struct node *child)
{
	pthread_rwlock_rdlock(&child->dir->lock);
	if (!child->dir->listing)
		for (unsigned int i = 0; i < child->dir->n; i++)
			ahead_directory(&o->ahead, child->dir->stack[i]);
	pthread_rwlock_unlock(&child->dir->lock);
}

/* Returns how many were looked at. */
static long entries(struct overlay *o, struct node *dir, uint64_t after, overlay_entry_fn fn,
		    void *arg)
{
	bool walk = is_walk(o, dir);
	struct dir *d = dir->dir;
	const struct entry *e;
	long n = 0;
	int full = 0;

	while (!full && (e = listing_after(d, after))) {
		const char *name = listing_name(d, e);
		struct file f;
		int r = lookup_child(o, dir, name, &f);

		after = e->hash;
		n++;
		if (r == -ENOENT)
			continue;
		if (r < 0) /* listed all the same: whoever asks for it learns why */
			f = (struct file){
				.st = {.st_mode = (mode_t)e->type << 12, .st_ino = ~0ULL}};
		if (walk && f.node && S_ISDIR(f.node->type))
			look_ahead(o, f.node);
		full = fn(arg, name, e->hash, &f);
		if (full && f.node)
			node_unref(&o->nodes, f.node);
	}
	return n;
}

int overlay_readdir(struct overlay *o, struct node *dir, uint64_t after, overlay_entry_fn fn,
		    void *arg)
{
	struct dir *d = dir->dir;
	struct ahead_look look;
	int r;

	ahead_before(&look);
	pthread_rwlock_rdlock(&d->lock);
	r = d->removed ? 1 : dots(o, dir, after, fn, arg);
	if (r == 0) {
		r = need_listing(o, d);
		if (r == 0)
			look.entries = entries(o, dir, after, fn, arg);
	}
	pthread_rwlock_unlock(&d->lock);
	ahead_after(&o->ahead, &look);
	return r < 0 ? r : 0;
}
