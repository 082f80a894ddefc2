#include "fuse/dir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuse/overlay.h"

struct dir *dir_new(struct place *const *stack, unsigned int n)
{
	struct dir *d = calloc(1, sizeof(*d));
	struct place **copy = malloc((n ? n : 1) * sizeof(*copy));

	if (!d || !copy || pthread_rwlock_init(&d->lock, NULL)) {
		for (unsigned int i = 0; i < n; i++)
			place_unref(stack[i]);
		free(copy);
		free(d);
		return NULL;
	}
	memcpy(copy, stack, n * sizeof(*copy));
	d->stack = copy;
	d->n = n;
	return d;
}

void dir_free(struct overlay *o, struct dir *d)
{
	if (!d)
		return;
	listing_drop(o, d);
	for (unsigned int i = 0; i < d->n; i++)
		place_unref(d->stack[i]);
	pthread_rwlock_destroy(&d->lock);
	free(d->stack);
	if (d->grave) {
		place_unpin(d->grave);
		place_unref(d->grave);
	}
	free(d);
}

struct place *dir_place(const struct dir *d, unsigned int layer)
{
	for (unsigned int i = 0; i < d->n; i++)
		if (d->stack[i]->layer->index == layer)
			return d->stack[i];
	return NULL;
}

struct place *dir_upper(const struct overlay *o, const struct dir *d)
{
	return o->writable && d->n && d->stack[0]->layer->upper ? d->stack[0] : NULL;
}

int dir_push_upper(struct dir *d, struct place *upper)
{
	struct place **more = reallocarray(d->stack, d->n + 1, sizeof(*more));

	if (!more) {
		place_unref(upper);
		return -ENOMEM;
	}
	memmove(more + 1, more, d->n * sizeof(*more));
	more[0] = upper;
	d->stack = more;
	d->n++;
	return 0;
}

/* Whether a is above b. The shape of the tree holds still: the caller has the rename lock. */
static bool is_above(struct overlay *o, struct node *a, struct node *b)
{
	struct where w;
	bool above = false;

	node_ref(b);
	while (!above && node_where(&o->nodes, b, &w) == 0) {
		above = w.parent == a;
		node_unref(&o->nodes, b);
		b = w.parent;
	}
	node_unref(&o->nodes, b);
	return above;
}

void dir_lock_pair(struct overlay *o, struct node *a, struct node *b)
{
	if (a != b && (is_above(o, b, a) || (!is_above(o, a, b) && b < a))) {
		struct node *swap = a;

		a = b;
		b = swap;
	}
	pthread_rwlock_wrlock(&a->dir->lock);
	if (a != b)
		pthread_rwlock_wrlock(&b->dir->lock);
}

void dir_unlock_pair(struct node *a, struct node *b)
{
	pthread_rwlock_unlock(&a->dir->lock);
	if (a != b)
		pthread_rwlock_unlock(&b->dir->lock);
}
