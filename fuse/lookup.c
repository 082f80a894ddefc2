#include "fuse/lookup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuse/content.h"
#include "fuse/locate.h"

uint64_t shown_ino(const struct layer *layer, const struct stat *st)
{
	/* As the kernel's xino: the file system's number in high bits that inode numbers do not
	 * reach. */
	return st->st_ino ^ ((uint64_t)layer->device << 56);
}

void show(const struct overlay *o, struct node *n, struct stat *st)
{
	st->st_ino = n->ino;
	/* A merged directory's links cannot be told without counting; 1 says so (as the kernel has
	 * it). */
	if (S_ISDIR(n->type) && !n->dir->removed && (n->dir->n > 1 || o->config.static_nlink))
		st->st_nlink = 1;
}

static int place_stat(struct place *p, struct stat *ret)
{
	return p->layer->source->stat(p, "", ret);
}

int dir_stat(struct dir *d, struct stat *ret)
{
	int r;

	if (d->n)
		return place_stat(d->stack[0], ret);
	r = d->grave ? place_stat(d->grave, ret) : -ENOENT;
	ret->st_nlink = 0;
	return r;
}

/* A node that is known. A directory is asked by its parent, without opening it, where it is in the
 * same layer there. */
static int stat_known(struct overlay *o, struct node *dir, const char *name, struct node *n,
		      struct stat *ret)
{
	unsigned int layer = n->layer;
	struct place *in, *top = NULL;
	int r;

	if (S_ISDIR(n->type)) {
		pthread_rwlock_rdlock(&n->dir->lock);
		top = n->dir->n ? place_ref(n->dir->stack[0]) : NULL;
		pthread_rwlock_unlock(&n->dir->lock);
		if (!top)
			return -ENOENT;
		layer = top->layer->index;
	}
	in = dir_place(dir->dir, layer);
	if (top && (!in || (!top->layer->upper && top->parent != in))) {
		in = top;
		name = "";
	} else if (top && !top->layer->upper) {
		name = top->name;
	}
	r = in ? in->layer->source->stat(in, name, ret) : -ESTALE;
	if (r == 0) {
		owner_show(&o->config.owner, in, name, ret);
		show(o, n, ret);
	}
	place_unref(top);
	return r;
}

/* --- new nodes */

static int ino_of_dir(const struct found *f, uint64_t *ret)
{
	struct stat st = f->st;
	struct place *p = f->stack[0];

	/* that of its topmost lower part: it has it before and after it is copied up */
	if (p->layer->upper && f->n > 1) {
		int r = place_stat(p = f->stack[1], &st);

		if (r < 0)
			return r;
	}
	*ret = shown_ino(p->layer, &st);
	return 0;
}

static int new_dir(struct overlay *o, struct found *f, struct node **ret)
{
	struct node *n = node_new(&o->nodes, S_IFDIR);
	int r;

	if (!n)
		return -ENOMEM;
	r = ino_of_dir(f, &n->ino);
	if (r == 0) {
		n->dir = dir_new(f->stack, f->n);
		f->n = 0;
		r = n->dir ? 0 : -ENOMEM;
	}
	if (r < 0) {
		node_unref(&o->nodes, n);
		return r;
	}
	n->dir->impure = f->marks.impure;
	n->dir->opaque = f->marks.opaque;
	*ret = n;
	return 0;
}

/* The file, or the node that one of its other names has already led to. */
static int new_file(struct overlay *o, struct found *f, struct node **ret)
{
	struct layer *layer = f->in->layer;
	struct node *n = node_new(&o->nodes, f->st.st_mode), *same;
	int r;

	if (!n)
		return -ENOMEM;
	n->ino = f->marks.ino ? f->marks.ino : shown_ino(layer, &f->st);
	n->layer = layer->index;
	n->metacopy = f->marks.metacopy;
	n->ino_marked = f->marks.ino != 0;
	if (f->data) {
		r = content_set_data(o, n, f->data, f->data_name);
		if (r < 0) {
			node_unref(&o->nodes, n);
			return r;
		}
	}
	if (f->st.st_nlink > 1) {
		same = node_intern(&o->nodes, n, layer->index, f->st.st_ino);
		/* One that was copied up without this name is another file by now. */
		if (same && same->layer != layer->index) {
			node_unref(&o->nodes, same);
		} else if (same) {
			node_unref(&o->nodes, n);
			n = same;
		}
	}
	*ret = n;
	return 0;
}

static int add(struct overlay *o, struct node *dir, const char *name, struct found *f,
	       struct file *ret)
{
	struct node *n = NULL, *named;
	int r = S_ISDIR(f->st.st_mode) ? new_dir(o, f, &n) : new_file(o, f, &n);

	if (r < 0)
		return r;
	named = node_add_name(&o->nodes, n, dir, name);
	if (named != n)
		node_unref(&o->nodes, n);
	if (!named)
		return -ENOMEM;
	ret->node = named;
	ret->st = f->st;
	return 0;
}

int lookup_child(struct overlay *o, struct node *dir, const char *name, struct file *ret)
{
	_cleanup_found_ struct found f = {0};
	struct node *known = node_find(&o->nodes, dir, name);
	int r;

	if (known) {
		r = stat_known(o, dir, name, known, &ret->st);
		if (r < 0)
			node_unref(&o->nodes, known);
		ret->node = known;
		return r;
	}
	r = walk_find(o, dir->dir, name, &f);
	if (r == 0)
		r = add(o, dir, name, &f, ret);
	if (r < 0)
		return r;
	owner_show(&o->config.owner, f.in, name, &ret->st);
	show(o, ret->node, &ret->st);
	return 0;
}

int lookup_made(struct overlay *o, struct node *dir, const char *name, const struct stat *st,
		struct file *ret)
{
	_cleanup_found_ struct found f = {.st = *st};
	struct place *upper = dir_upper(o, dir->dir);
	int r;

	f.in = place_ref(upper);
	if (S_ISDIR(st->st_mode)) {
		f.stack = malloc(sizeof(*f.stack));
		if (!f.stack)
			return -ENOMEM;
		f.stack[0] = place_new(upper, name);
		if (!f.stack[0])
			return -ENOMEM;
		f.n = 1;
	}
	r = add(o, dir, name, &f, ret);
	if (r < 0)
		return r;
	owner_show(&o->config.owner, upper, name, &ret->st);
	show(o, ret->node, &ret->st);
	return 0;
}

/* --- operations */

/* A merged directory in which many names are asked for is better known whole: one that is not there
 * is then in no layer at once. */
enum { PROBES = 8 };

static bool wants_listing(struct dir *d)
{
	return d->n > 1 && !d->listing &&
	       atomic_fetch_add_explicit(&d->probes, d->n, memory_order_relaxed) > PROBES;
}

int overlay_lookup(struct overlay *o, struct node *dir, const char *name, struct file *ret)
{
	struct dir *d = dir->dir;
	int r;

	atomic_fetch_add_explicit(&o->count.lookups, 1, memory_order_relaxed);
	pthread_rwlock_rdlock(&d->lock);
	if (wants_listing(d)) {
		pthread_rwlock_unlock(&d->lock);
		pthread_rwlock_wrlock(&d->lock);
		(void)listing_make(o, d); /* without it, the layers are asked */
	}
	r = lookup_child(o, dir, name, ret);
	pthread_rwlock_unlock(&d->lock);
	return r;
}

static int stat_dir(struct overlay *o, struct node *n, struct stat *ret)
{
	struct dir *d = n->dir;
	int r;

	pthread_rwlock_rdlock(&d->lock);
	r = dir_stat(d, ret);
	if (r == 0) {
		owner_show(&o->config.owner, d->n ? d->stack[0] : d->grave, "", ret);
		show(o, n, ret);
	}
	pthread_rwlock_unlock(&d->lock);
	return r;
}

int overlay_getattr(struct overlay *o, struct node *n, struct stat *ret)
{
	struct backing *b;
	struct located at;
	int r;

	if (S_ISDIR(n->type))
		return stat_dir(o, n, ret);
	/* What is open is asked at once, unless the attributes are elsewhere than the data. */
	b = n->metacopy ? NULL : content_peek(o, n);
	if (b && o->writable && n->layer == 0 && fstat(b->fd, ret) == 0) {
		owner_show_fd(&o->config.owner, b->fd, ret);
		show(o, n, ret);
		content_close(b);
		return 0;
	}
	content_close(b);
	r = locate(o, n, &at);
	if (r < 0)
		return r;
	r = located_stat(&at, ret);
	if (r == 0 && at.place)
		owner_show(&o->config.owner, at.place, at.name, ret);
	else if (r == 0)
		owner_show_fd(&o->config.owner, at.fd, ret);
	if (at.owned_name) /* a lower file that has no name here */
		ret->st_nlink = 0;
	locate_end(o, &at);
	if (r == 0)
		show(o, n, ret);
	return r;
}

int overlay_readlink(struct overlay *o, struct node *n, char *out, size_t size)
{
	struct located at;
	ssize_t len = locate(o, n, &at);

	if (len < 0)
		return (int)len;
	len = located_readlink(&at, out, size - 1);
	locate_end(o, &at);
	if (len < 0)
		return (int)len;
	out[len] = '\0';
	return 0;
}
