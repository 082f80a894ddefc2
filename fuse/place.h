/* place: a directory within one layer, and the descriptors by which it is reached.
 *
 * A place is (parent place, name), never a path from a root: names of 255 bytes and trees deeper
 * than PATH_MAX work, and the rename of a directory changes one place. Lower places never change;
 * those of the upper layer follow renames (place_move).
 *
 * Descriptors are a cache: the least recently used are closed beyond a maximum, but never one that
 * is pinned. Whoever renames or removes a directory keeps its place pinned meanwhile, so that
 * nobody opens it by a name that is about to change.
 */
#ifndef STRAKE_FUSE_PLACE_H
#define STRAKE_FUSE_PLACE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "fuse/circle.h"

struct layer;

struct place_cache {
	pthread_mutex_t
		lock; /* innermost but for the allocator's: nothing is locked or opened under it */
	struct circle *hand; /* ring of open places, for second-chance replacement */
	unsigned int open, max;
};

struct place {
	struct layer *layer;
	atomic_uint refs;
	/* the rest under the cache's lock */
	unsigned int pins;
	int fd; /* -1: not open */
	bool used;
	struct place *parent; /* counted; NULL: the layer's root */
	struct circle ring;
	char *name;
};

int place_cache_init(struct place_cache *cache, unsigned int max);
void place_cache_release(struct place_cache *cache);

/* The root of a layer: fd is taken over and stays open. NULL without memory (fd is then closed). */
struct place *place_root(struct layer *layer, int fd);

/* A directory below parent, which is counted. Nothing is opened. NULL without memory. */
struct place *place_new(struct place *parent, const char *name);
struct place *place_ref(struct place *p);
void place_unref(struct place *p); /* NULL is fine */
void place_unrefp(struct place **p);

/* Pins the place. Returns its descriptor, good for *at() calls, readdir and fsync until
 * place_unpin(), or -errno. */
int place_pin(struct place *p);
void place_unpin(struct place *p);

/* The directory is now `name` in parent. -ENOMEM leaves it as it was. Pinned by the caller. */
int place_move(struct place *p, struct place *parent, const char *name);

/* The path from the layer's root, "/" first, into a malloced string ("/" for the root itself); NULL
 * without memory. */
char *place_path(struct place *p, const char *name);

#define _cleanup_place_ __attribute__((cleanup(place_unrefp)))

#endif
