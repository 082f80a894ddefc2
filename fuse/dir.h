/* dir: what only directory nodes have: the stack of their places, and the listing of their entries.
 *
 * The listing is at once what readdir answers and the index of a merged directory: a name that is
 * not in it is in no layer, and one that is says in which. Entries are in the order of a hash of
 * their names, which is the cookie of readdir: a listing may be thrown away at any time and made
 * again, and a client that goes on reading misses and repeats nothing. Changes by clients are
 * written into it.
 */
#ifndef STRAKE_FUSE_DIR_H
#define STRAKE_FUSE_DIR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "fuse/circle.h"
#include "fuse/place.h"

struct overlay;
struct node;
struct listing;

/* All but the lock and probes under the lock. */
struct dir {
	pthread_rwlock_t lock;
	struct place **stack; /* counted, topmost first */
	unsigned int n;
	bool removed;	    /* unlinked: empty, and nothing may be made in it */
	bool impure;	    /* in the upper layer alone, and yet files in it may bear marks */
	bool opaque;	    /* its upper part hides what lower layers have there */
	atomic_uint probes; /* lookups that went through the layers */
	atomic_bool listed; /* a client reads it, or did */
	/* ahead.c: reads from disk, and the entry at which more is to be read ahead, 0: not yet */
	atomic_uint slow_reads;
	_Atomic uint64_t ahead;
	struct listing *listing;
	struct place *grave; /* of a removed one: its topmost place, counted and pinned, or NULL */
	/* of directories with a listing, under the cache's lock */
	struct circle ring;
	size_t listing_size;
};

/* Takes the n places over. NULL without memory (they are then released). */
struct dir *dir_new(struct place *const *stack, unsigned int n);
void dir_free(struct overlay *o, struct dir *d); /* NULL is fine */

/* Its place in a layer, or NULL. Under the lock. */
struct place *dir_place(const struct dir *d, unsigned int layer);
/* In the upper layer, or NULL. */
struct place *dir_upper(const struct overlay *o, const struct dir *d);
/* Puts the upper layer's place on top; takes it over. Exclusively. -ENOMEM: it is released. */
int dir_push_upper(struct dir *d, struct place *upper);
/* Whether entries in its topmost place may bear marks. */
static inline bool dir_has_marks(const struct dir *d)
{
	return d->n > 1 || d->impure;
}

/* Exclusively, of two different or equal directories, the ancestor first. */
void dir_lock_pair(struct overlay *o, struct node *a, struct node *b);
void dir_unlock_pair(struct node *a, struct node *b);

/* --- the listing; under the lock */

struct listing_cache {
	pthread_mutex_t lock;
	struct circle *oldest;
	size_t size, max; /* bytes */
};

struct entry {
	uint64_t hash; /* the cookie of readdir, FIRST_COOKIE at least */
	uint32_t name; /* offset */
	uint16_t layer;
	uint8_t type; /* S_IFMT bits >> 12 */
	bool gone;
};

enum { FIRST_COOKIE = 3 }; /* 1 and 2 are "." and ".." */

/* Makes it when it is missing. Exclusively. */
int listing_make(struct overlay *o, struct dir *d);
/* Throws it away. Exclusively. */
void listing_drop(struct overlay *o, struct dir *d);
/* Once, before any: cookies are this process's own. */
void listing_start(void);
/* The cookie of a name. */
uint64_t listing_hash(const char *name);
/* The entry of a name, or NULL; d->listing is there. */
const struct entry *listing_find(const struct dir *d, const char *name);
/* The first entry behind a cookie, or NULL. */
const struct entry *listing_after(const struct dir *d, uint64_t cookie);
const char *listing_name(const struct dir *d, const struct entry *e);
bool listing_is_empty(const struct dir *d);
/* A change, when there is a listing: the name is now in that layer, or gone. Exclusively. */
void listing_put(struct overlay *o, struct dir *d, const char *name, mode_t type,
		 unsigned int layer);
void listing_remove(struct dir *d, const char *name);

#endif
