#include "fuse/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "fuse/layer.h"
#include "fuse/overlay.h"

int place_cache_init(struct place_cache *cache, unsigned int max)
{
	*cache = (struct place_cache){.max = max};
	return -pthread_mutex_init(&cache->lock, NULL);
}

void place_cache_release(struct place_cache *cache)
{
	pthread_mutex_destroy(&cache->lock);
}

static struct place_cache *cache_of(const struct place *p)
{
	return &p->layer->overlay->places;
}

struct place *place_root(struct layer *layer, int fd)
{
	struct place *p = calloc(1, sizeof(*p));

	if (!p) {
		close(fd);
		return NULL;
	}
	*p = (struct place){.layer = layer, .refs = 1, .fd = fd, .pins = 1};
	return p;
}

struct place *place_new(struct place *parent, const char *name)
{
	struct place *p = calloc(1, sizeof(*p));
	char *copy = strdup(name);

	if (!p || !copy) {
		free(p);
		free(copy);
		return NULL;
	}
	*p = (struct place){.layer = parent->layer,
			    .refs = 1,
			    .fd = -1,
			    .parent = place_ref(parent),
			    .name = copy};
	return p;
}

struct place *place_ref(struct place *p)
{
	atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
	return p;
}

/* --- the ring of open places; under the lock */

/* Second chance: what was not used since the hand came by last is closed. Returns its descriptor.
 */
static int ring_evict(struct place_cache *c)
{
	for (unsigned int i = 0; c->open > c->max && i < 2 * c->open; i++) {
		struct place *p = CIRCLE_OF(c->hand, struct place, ring);

		c->hand = p->ring.next;
		if (p->pins)
			continue;
		if (p->used) {
			p->used = false;
			continue;
		}
		int fd = p->fd;

		p->fd = -1;
		circle_remove(&c->hand, &p->ring);
		c->open--;
		return fd;
	}
	return -1;
}

void place_unref(struct place *p)
{
	while (p && atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) == 1) {
		struct place_cache *c = cache_of(p);
		struct place *parent = p->parent;

		pthread_mutex_lock(&c->lock);
		if (circle_remove(&c->hand, &p->ring))
			c->open--;
		pthread_mutex_unlock(&c->lock);
		if (p->fd >= 0)
			close(p->fd);
		free(p->name);
		free(p);
		p = parent;
	}
}

void place_unrefp(struct place **p)
{
	place_unref(*p);
	*p = NULL;
}

/* Under the lock: pins it when it is open. */
static int pin_open(struct place *p)
{
	if (p->fd >= 0) {
		p->pins++;
		p->used = true;
	}
	return p->fd;
}

/* Opens p in its parent, which is open at dirfd, and pins it. */
static int open_pinned(struct place *p, int dirfd)
{
	struct place_cache *c = cache_of(p);
	char name[256];
	int fd, surplus = -1;

	pthread_mutex_lock(&c->lock);
	fd = pin_open(p);
	memcpy(name, p->name, strlen(p->name) + 1);
	pthread_mutex_unlock(&c->lock);
	if (fd >= 0)
		return fd;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	pthread_mutex_lock(&c->lock);
	if (p->fd >= 0) { /* another thread was faster */
		surplus = fd;
	} else {
		p->fd = fd;
		circle_add(&c->hand, &p->ring);
		c->open++;
	}
	fd = pin_open(p);
	if (surplus < 0)
		surplus = ring_evict(c);
	pthread_mutex_unlock(&c->lock);
	if (surplus >= 0)
		close(surplus);
	return fd;
}

/* Under the lock: p and those above it up to the nearest that is open, into chain, counted. Returns
 * how many; more than `room` are not stored. */
static size_t closed_chain(struct place *p, struct place **chain, size_t room)
{
	size_t n = 0;

	for (struct place *q = p;; q = q->parent) {
		if (n < room)
			chain[n] = place_ref(q);
		n++;
		if (q->fd >= 0)
			return n;
	}
}

/* The first of the chain is p, the last is open. */
static int open_chain(struct place **chain, size_t n)
{
	struct place_cache *c = cache_of(chain[0]);
	int fd;

	pthread_mutex_lock(&c->lock);
	fd = pin_open(chain[n - 1]);
	pthread_mutex_unlock(&c->lock);
	if (fd < 0)
		return -EAGAIN; /* closed meanwhile */
	for (size_t i = n - 1; i > 0 && fd >= 0; i--) {
		fd = open_pinned(chain[i - 1], fd);
		place_unpin(chain[i]);
	}
	return fd;
}

/* Not recursive: what is far from anything open may be deeper than a stack. */
static int open_place(struct place *p)
{
	struct place *few[16], **chain = few;
	size_t room = ARRAY_SIZE(few), n;
	int fd;

	for (;;) {
		pthread_mutex_lock(&cache_of(p)->lock);
		n = closed_chain(p, chain, room);
		pthread_mutex_unlock(&cache_of(p)->lock);
		fd = n <= room ? open_chain(chain, n) : -EAGAIN;
		for (size_t i = 0; i < n && i < room; i++)
			place_unref(chain[i]);
		if (chain != few)
			free(chain);
		if (fd != -EAGAIN)
			return fd;
		chain = few;
		room = ARRAY_SIZE(few);
		if (n > room) {
			room = n + n / 2;
			chain = malloc(room * sizeof(struct place *));
			if (!chain)
				return -ENOMEM;
		}
	}
}

int place_pin(struct place *p)
{
	struct place_cache *c = cache_of(p);
	int fd;

	pthread_mutex_lock(&c->lock);
	fd = pin_open(p);
	pthread_mutex_unlock(&c->lock);
	return fd >= 0 ? fd : open_place(p);
}

void place_unpin(struct place *p)
{
	struct place_cache *c = cache_of(p);
	int surplus = -1;

	pthread_mutex_lock(&c->lock);
	if (!--p->pins) /* when all were pinned, none could be closed */
		surplus = ring_evict(c);
	pthread_mutex_unlock(&c->lock);
	if (surplus >= 0)
		close(surplus);
}

int place_move(struct place *p, struct place *parent, const char *name)
{
	struct place_cache *c = cache_of(p);
	char *copy = strdup(name), *old_name;
	struct place *old;

	if (!copy)
		return -ENOMEM;
	place_ref(parent);
	pthread_mutex_lock(&c->lock);
	old = p->parent;
	old_name = p->name;
	p->parent = parent;
	p->name = copy;
	pthread_mutex_unlock(&c->lock);
	free(old_name);
	place_unref(old);
	return 0;
}

char *place_path(struct place *p, const char *name)
{
	struct place_cache *c = cache_of(p);
	size_t len = *name ? strlen(name) + 1 : 0, at;
	char *path;

	pthread_mutex_lock(&c->lock);
	for (struct place *q = p; q->parent; q = q->parent)
		len += strlen(q->name) + 1;
	path = malloc(len + 2);
	if (path) {
		at = len;
		path[at] = '\0';
		if (*name) {
			at -= strlen(name);
			memcpy(path + at, name, strlen(name));
			path[--at] = '/';
		}
		for (struct place *q = p; q->parent; q = q->parent) {
			at -= strlen(q->name);
			memcpy(path + at, q->name, strlen(q->name));
			path[--at] = '/';
		}
		if (!len)
			memcpy(path, "/", 2);
	}
	pthread_mutex_unlock(&c->lock);
	return path;
}
