/* Unlinking. What lower layers would show instead is covered by a whiteout, in the same step. */
#include "fuse/remove.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "format/whiteout.h"
#include "fuse/content.h"
#include "fuse/copyup.h"
#include "fuse/lookup.h"
#include "fuse/upper.h"
#include "fuse/work.h"

static bool is_last_name(struct overlay *o, struct node *n)
{
	struct where w;
	bool more = node_nth_name(&o->nodes, n, 1, &w) == 0;

	if (more)
		node_unref(&o->nodes, w.parent);
	return !more;
}

int remove_hold(struct overlay *o, struct node *n, struct node *dir, int dirfd, const char *name,
		bool has_upper)
{
	struct place *in;
	int fd;

	if (!is_last_name(o, n))
		return 0;
	if (!has_upper) {
		in = dir_place(dir->dir, n->layer);
		return in ? content_set_data(o, n, in, name) : 0;
	}
	fd = upper_open_path(dirfd, name);
	if (fd == -EMFILE || fd == -ENFILE)
		return 0; /* it goes all the same; who has it open finds it stale */
	return fd < 0 ? fd : content_hold(o, n, fd);
}

int remove_check_empty(struct overlay *o, struct node *n)
{
	int r = listing_make(o, n->dir);

	if (r < 0)
		return r;
	return listing_is_empty(n->dir) ? 0 : -ENOTEMPTY;
}

struct place *remove_dig(struct node *n)
{
	struct place *top = n->dir->stack[0];

	return place_pin(top) < 0 ? NULL : place_ref(top);
}

void remove_fill_in(struct place *grave)
{
	if (grave) {
		place_unpin(grave);
		place_unref(grave);
	}
}

void remove_bury(struct overlay *o, struct node *n, struct place *grave)
{
	struct dir *d = n->dir;

	d->grave = grave;
	listing_drop(o, d);
	d->removed = true;
	for (unsigned int i = 0; i < d->n; i++)
		place_unref(d->stack[i]);
	d->n = 0;
}

/* What is on disk under a name. */
struct state {
	bool upper; /* something that is no whiteout */
	bool below; /* lower layers would show something */
};

/* n: the file, when it is known. */
static int state_of(struct overlay *o, struct node *dir, int dirfd, const char *name,
		    const struct node *n, struct state *ret)
{
	struct stat st;
	int r;

	ret->upper = n && !S_ISDIR(n->type) && n->layer == 0;
	if (!ret->upper) {
		r = upper_stat(dirfd, name, &st);
		if (r < 0 && r != -ENOENT)
			return r;
		ret->upper = r == 0 && !whiteout_is_device(&st);
	}
	r = walk_is_below(o, dir->dir, name);
	ret->below = r > 0;
	return r < 0 ? r : 0;
}

static int unlink_at(struct overlay *o, struct node *dir, int dirfd, const char *name,
		     struct node *n)
{
	struct state s;
	int r = state_of(o, dir, dirfd, name, n, &s);

	if (r < 0)
		return r;
	if (!s.upper && !s.below)
		return -ENOENT;
	if (n) {
		r = remove_hold(o, n, dir, dirfd, name, s.upper);
		if (r < 0)
			return r;
	}
	if (s.below)
		return whiteout_put(o, dirfd, name, s.upper);
	return unlinkat(dirfd, name, 0) < 0 ? -errno : 0;
}

static int unlink_locked(struct overlay *o, struct node *dir, const char *name)
{
	struct place *upper;
	struct node *n;
	int dirfd, r;

	dirfd = upper_pin(o, dir, &upper);
	if (dirfd < 0)
		return dirfd;
	n = node_find(&o->nodes, dir, name);
	r = n && S_ISDIR(n->type) ? -EISDIR : unlink_at(o, dir, dirfd, name, n);
	if (r == 0) {
		listing_remove(dir->dir, name);
		if (n)
			node_remove_name(&o->nodes, n, dir, name);
	}
	if (n)
		node_unref(&o->nodes, n);
	place_unpin(upper);
	return r;
}

int remove_settle_links(struct overlay *o, struct node *dir, const char *name)
{
	struct node *n = node_find(&o->nodes, dir, name);
	int r = 0;

	if (!n)
		return 0;
	if (!S_ISDIR(n->type) && n->layer) {
		r = copyup_has_links(o, n);
		if (r > 0)
			r = copy_up(o, n, COPY_ATTRS);
	}
	node_unref(&o->nodes, n);
	return r;
}

int overlay_unlink(struct overlay *o, struct node *dir, const char *name)
{
	int r = copy_up(o, dir, COPY_ATTRS);

	if (r == 0)
		r = remove_settle_links(o, dir, name);
	if (r < 0)
		return r;
	pthread_rwlock_wrlock(&dir->dir->lock);
	r = unlink_locked(o, dir, name);
	pthread_rwlock_unlock(&dir->dir->lock);
	return r;
}

/* --- directories */

/* Both are locked. The upper part may hold whiteouts, and goes through the work directory then. */
static int rmdir_at(struct overlay *o, struct node *dir, int dirfd, const char *name)
{
	char moved[32] = "";
	struct state s;
	int r = state_of(o, dir, dirfd, name, NULL, &s);

	if (r < 0)
		return r;
	if (!s.upper)
		return s.below ? whiteout_put(o, dirfd, name, false) : -ENOENT;
	if (s.below) {
		r = whiteout_put_over_dir(o, dirfd, name, moved);
	} else if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0) {
		r = -errno;
		if (r == -ENOTEMPTY || r == -EEXIST) {
			work_name(o, moved);
			r = renameat(dirfd, name, o->work, moved) < 0 ? -errno : 0;
		}
	}
	if (r == 0)
		work_purge(o, moved);
	return r;
}

static int rmdir_locked(struct overlay *o, struct node *dir, const char *name, struct node *n)
{
	struct place *upper;
	struct place *grave;
	int dirfd, r;

	if (!S_ISDIR(n->type))
		return -ENOTDIR;
	dirfd = upper_pin(o, dir, &upper);
	if (dirfd < 0)
		return dirfd;
	pthread_rwlock_wrlock(&n->dir->lock);
	grave = remove_dig(n);
	r = remove_check_empty(o, n);
	if (r == 0)
		r = rmdir_at(o, dir, dirfd, name);
	if (r == 0)
		remove_bury(o, n, grave);
	else
		remove_fill_in(grave);
	pthread_rwlock_unlock(&n->dir->lock);
	if (r == 0) {
		listing_remove(dir->dir, name);
		node_remove_name(&o->nodes, n, dir, name);
	}
	place_unpin(upper);
	return r;
}

int overlay_rmdir(struct overlay *o, struct node *dir, const char *name)
{
	struct file f;
	int r = copy_up(o, dir, COPY_ATTRS);

	if (r < 0)
		return r;
	pthread_rwlock_wrlock(&dir->dir->lock);
	r = lookup_child(o, dir, name, &f);
	if (r == 0) {
		r = rmdir_locked(o, dir, name, f.node);
		node_unref(&o->nodes, f.node);
	}
	pthread_rwlock_unlock(&dir->dir->lock);
	return r;
}
