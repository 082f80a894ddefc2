/* The listing of a directory: made from the layers, then kept up with changes. See dir.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/str.h"
#include "format/whiteout.h"
#include "fuse/dir.h"
#include "fuse/marks.h"
#include "fuse/overlay.h"

/* A sorted array of entries. What is added later is sorted in beside, and merged when it is much.
 */
struct entries {
	struct entry *e;
	unsigned int n, cap;
};

struct listing {
	struct entries sorted, added;
	char *names;
	size_t names_len, names_cap;
	unsigned int live;
};

enum { MERGE_AT = 256 };

static uint64_t listing_seed = 0xcbf29ce484222325ULL;

/* Nobody is to make names of one hash, of which readdir would show one. */
void listing_start(void)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) == sizeof(random))
		listing_seed = random | 1;
}

/* FNV-1a and a final mix, 63 bits: the cookie has to be a positive off_t. */
uint64_t listing_hash(const char *name)
{
	uint64_t h = listing_seed;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 0x100000001b3ULL;
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15ULL;
	h = (h ^ (h >> 29)) >> 1;
	return h < FIRST_COOKIE ? h + FIRST_COOKIE : h;
}

static int append(struct listing *l, struct entries *to, const char *name, mode_t type,
		  unsigned int layer, bool gone)
{
	size_t len = strlen(name) + 1;

	if (to->n == to->cap) {
		unsigned int cap = to->cap ? to->cap * 2 : 16;
		struct entry *more = reallocarray(to->e, cap, sizeof(*more));

		if (!more)
			return -ENOMEM;
		to->e = more;
		to->cap = cap;
	}
	if (l->names_len + len > l->names_cap) {
		size_t cap = l->names_cap ? l->names_cap * 2 : 512;
		char *more = realloc(l->names, cap < l->names_len + len ? l->names_len + len : cap);

		if (!more || cap > UINT32_MAX) {
			l->names = more ? more : l->names;
			return -ENOMEM;
		}
		l->names = more;
		l->names_cap = cap < l->names_len + len ? l->names_len + len : cap;
	}
	memcpy(l->names + l->names_len, name, len);
	to->e[to->n++] = (struct entry){.hash = listing_hash(name),
					.name = (uint32_t)l->names_len,
					.layer = (uint16_t)layer,
					.type = (uint8_t)(type >> 12),
					.gone = gone};
	l->names_len += len;
	return 0;
}

static void free_listing(struct listing *l)
{
	if (!l)
		return;
	free(l->sorted.e);
	free(l->added.e);
	free(l->names);
	free(l);
}

/* --- making it */

struct making {
	struct place *place;
	struct listing *listing;
	bool xattr_whiteouts;
};

static int one_entry(void *arg, const char *name, uint64_t ino, mode_t type)
{
	struct making *m = arg;
	struct layer *layer = m->place->layer;
	const char *target;
	struct stat st;
	bool gone = false;

	(void)ino;
	if (mark_is_hidden_name(layer, name)) {
		if (!layer->wh_files || whiteout_kind(name, &target) != WHITEOUT_FILE)
			return 0;
		return append(m->listing, &m->listing->sorted, target, 0, layer->index, true);
	}
	if (!type || S_ISCHR(type) || (S_ISREG(type) && m->xattr_whiteouts)) {
		if (layer->source->stat(m->place, name, &st) < 0)
			return 0; /* unlinked meanwhile */
		gone = mark_is_whiteout(m->place, name, &st);
		type = st.st_mode & S_IFMT;
	}
	return append(m->listing, &m->listing->sorted, name, type, layer->index, gone);
}

static int compare(const void *a, const void *b, void *names)
{
	const struct entry *x = a, *y = b;
	int by_name;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	by_name = strcmp((char *)names + x->name, (char *)names + y->name);
	if (by_name)
		return by_name;
	if (x->layer != y->layer)
		return x->layer < y->layer ? -1 : 1;
	return x->gone < y->gone ? -1 : x->gone > y->gone;
}

/* Of each name only the topmost stays, and none when that is a whiteout. */
static void settle(struct listing *l)
{
	struct entries *s = &l->sorted;
	unsigned int out = 0;

	for (unsigned int i = 0; i < s->n;) {
		unsigned int first = i++;

		while (i < s->n && s->e[i].hash == s->e[first].hash &&
		       !strcmp(l->names + s->e[i].name, l->names + s->e[first].name))
			i++;
		if (!s->e[first].gone)
			s->e[out++] = s->e[first];
	}
	s->n = out;
	l->live = out;
}

static size_t size_of(const struct listing *l)
{
	return sizeof(*l) + (l->sorted.cap + l->added.cap) * sizeof(struct entry) + l->names_cap;
}

static void ring_remove(struct listing_cache *c, struct dir *d)
{
	if (circle_remove(&c->oldest, &d->ring))
		c->size -= d->listing_size;
}

/* Puts it behind all others, and throws the oldest away beyond the maximum: not those in use. */
static void ring_add(struct listing_cache *c, struct dir *d)
{
	pthread_mutex_lock(&c->lock);
	d->listing_size = size_of(d->listing);
	c->size += d->listing_size;
	circle_add(&c->oldest, &d->ring);
	for (struct circle *at = c->oldest, *next; c->size > c->max && at != &d->ring; at = next) {
		struct dir *old = CIRCLE_OF(at, struct dir, ring);

		next = at->next;
		if (pthread_rwlock_trywrlock(&old->lock))
			continue;
		ring_remove(c, old);
		free_listing(old->listing);
		old->listing = NULL;
		pthread_rwlock_unlock(&old->lock);
	}
	pthread_mutex_unlock(&c->lock);
}

void listing_drop(struct overlay *o, struct dir *d)
{
	pthread_mutex_lock(&o->listings->lock);
	ring_remove(o->listings, d);
	pthread_mutex_unlock(&o->listings->lock);
	free_listing(d->listing);
	d->listing = NULL;
}

int listing_make(struct overlay *o, struct dir *d)
{
	struct listing *l;
	int r = 0;

	if (d->listing)
		return 0;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	for (unsigned int i = 0; r == 0 && i < d->n; i++) {
		struct making m = {d->stack[i], l, mark_has_xattr_whiteouts(d->stack[i])};

		r = m.place->layer->source->list(m.place, one_entry, &m);
	}
	if (r < 0) {
		free_listing(l);
		return r;
	}
	if (l->sorted.n)
		qsort_r(l->sorted.e, l->sorted.n, sizeof(*l->sorted.e), compare, l->names);
	settle(l);
	d->listing = l;
	ring_add(o->listings, d);
	atomic_fetch_add_explicit(&o->count.listings, 1, memory_order_relaxed);
	return 0;
}

/* --- using it */

/* The first entry whose hash is at least `hash`. */
static unsigned int lower_bound(const struct entries *s, uint64_t hash)
{
	unsigned int low = 0, high = s->n;

	while (low < high) {
		unsigned int mid = low + (high - low) / 2;

		if (s->e[mid].hash < hash)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct entry *find_in(const struct listing *l, const struct entries *s, uint64_t hash,
			     const char *name)
{
	for (unsigned int i = lower_bound(s, hash); i < s->n && s->e[i].hash == hash; i++)
		if (!strcmp(l->names + s->e[i].name, name))
			return &s->e[i];
	return NULL;
}

/* Gone or not. */
static struct entry *find(const struct listing *l, const char *name)
{
	uint64_t hash = listing_hash(name);
	struct entry *e = find_in(l, &l->sorted, hash, name);

	return e ? e : find_in(l, &l->added, hash, name);
}

const struct entry *listing_find(const struct dir *d, const char *name)
{
	const struct entry *e = find(d->listing, name);

	return e && !e->gone ? e : NULL;
}

static const struct entry *first_after(const struct entries *s, uint64_t cookie)
{
	for (unsigned int i = lower_bound(s, cookie + 1); i < s->n; i++)
		if (!s->e[i].gone)
			return &s->e[i];
	return NULL;
}

const struct entry *listing_after(const struct dir *d, uint64_t cookie)
{
	const struct entry *a = first_after(&d->listing->sorted, cookie);
	const struct entry *b = first_after(&d->listing->added, cookie);

	if (!a || !b)
		return a ? a : b;
	return a->hash <= b->hash ? a : b;
}

const char *listing_name(const struct dir *d, const struct entry *e)
{
	return d->listing->names + e->name;
}

bool listing_is_empty(const struct dir *d)
{
	return d->listing->live == 0;
}

/* Both are sorted: the longer grows by the shorter, from behind. */
static int merge_added(struct listing *l)
{
	unsigned int a = l->sorted.n, b = l->added.n;
	struct entry *e = reallocarray(l->sorted.e, a + b, sizeof(*e));

	if (!e)
		return -ENOMEM;
	l->sorted.e = e;
	l->sorted.n = l->sorted.cap = a + b;
	while (b) {
		if (a && e[a - 1].hash > l->added.e[b - 1].hash)
			e[a + b - 1] = e[a - 1], a--;
		else
			e[a + b - 1] = l->added.e[b - 1], b--;
	}
	l->added.n = 0;
	return 0;
}

static int add(struct listing *l, const char *name, mode_t type, unsigned int layer)
{
	struct entries *s = &l->added;
	struct entry e;
	unsigned int at;
	int r;

	if (s->n >= MERGE_AT && s->n >= l->sorted.n / 8) {
		r = merge_added(l);
		if (r < 0)
			return r;
	}
	r = append(l, s, name, type, layer, false);
	if (r < 0)
		return r;
	e = s->e[--s->n];
	at = lower_bound(s, e.hash);
	memmove(s->e + at + 1, s->e + at, (s->n - at) * sizeof(e));
	s->e[at] = e;
	s->n++;
	l->live++;
	return 0;
}

/* Names that came and went stay in it. */
static bool is_mostly_gone(const struct listing *l)
{
	return l->sorted.n + l->added.n > 2 * l->live + 4 * MERGE_AT;
}

void listing_put(struct overlay *o, struct dir *d, const char *name, mode_t type,
		 unsigned int layer)
{
	struct listing *l = d->listing;
	struct entry *e;

	if (!l)
		return;
	e = find(l, name);
	if (e) {
		if (e->gone)
			l->live++;
		e->gone = false;
		e->type = (uint8_t)(type >> 12);
		e->layer = (uint16_t)layer;
	} else if (add(l, name, type, layer) < 0 || is_mostly_gone(l)) {
		listing_drop(o, d); /* it is made again when it is asked for */
	}
}

void listing_remove(struct dir *d, const char *name)
{
	struct entry *e = d->listing ? find(d->listing, name) : NULL;

	if (e && !e->gone) {
		e->gone = true;
		d->listing->live--;
	}
}
