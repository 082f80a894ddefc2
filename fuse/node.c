#include "fuse/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "fuse/content.h"
#include "fuse/dir.h"
#include "fuse/overlay.h"

enum { FIRST_SIZE = 64 };

int node_table_init(struct node_table *t, struct overlay *o)
{
	*t = (struct node_table){.overlay = o};
	for (unsigned int i = 0; i < NODE_STRIPES; i++)
		pthread_mutex_init(&t->stripe[i], NULL);
	for (unsigned int i = 0; i < NODE_SHARDS; i++) {
		struct shard *s = &t->shard[i];

		pthread_mutex_init(&s->lock, NULL);
		s->names = calloc(FIRST_SIZE, sizeof(*s->names));
		if (!s->names)
			return -ENOMEM;
		s->size = FIRST_SIZE;
	}
	return 0;
}

static void free_node(struct node_table *t, struct node *n)
{
	if (S_ISDIR(n->type))
		dir_free(t->overlay, n->dir);
	else
		content_free(t->overlay, n->content);
	atomic_fetch_sub_explicit(&t->overlay->count.nodes, 1, memory_order_relaxed);
	free(n);
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0x9e3779b97f4a7c15ULL;
	return x ^ (x >> 29);
}

/* FNV-1a over the name, seeded by the parent's address. */
static uint32_t hash_name(const struct node *parent, const char *name)
{
	uint64_t h = mix((uintptr_t)parent);

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 0x100000001b3ULL;
	return (uint32_t)mix(h);
}

static struct shard *name_shard(struct node_table *t, uint32_t hash)
{
	return &t->shard[hash % NODE_SHARDS];
}

pthread_mutex_t *node_stripe(struct node_table *t, const struct node *n)
{
	return &t->stripe[mix((uintptr_t)n) % NODE_STRIPES];
}

struct node *node_new(struct node_table *t, mode_t type)
{
	struct node *n = calloc(1, sizeof(*n));

	if (n) {
		n->count = 1;
		n->type = (uint16_t)(type & S_IFMT);
		atomic_fetch_add_explicit(&t->overlay->count.nodes, 1, memory_order_relaxed);
	}
	return n;
}

struct node *node_ref(struct node *n)
{
	atomic_fetch_add_explicit(&n->count, 1, memory_order_relaxed);
	return n;
}

/* False when it is about to be freed. */
static bool try_ref(struct node *n)
{
	unsigned long count = atomic_load_explicit(&n->count, memory_order_relaxed);

	while (count > 0)
		if (atomic_compare_exchange_weak_explicit(&n->count, &count, count + 1,
							  memory_order_acquire,
							  memory_order_relaxed))
			return true;
	return false;
}

struct node *node_ref_if_alive(struct node *n)
{
	return try_ref(n) ? n : NULL;
}

/* --- names */

static void chain_remove(struct shard *s, struct name *name)
{
	struct name **at = &s->names[(name->hash / NODE_SHARDS) & (s->size - 1)];

	while (*at != name)
		at = &(*at)->chain;
	*at = name->chain;
	s->n_names--;
}

static void chain_add(struct shard *s, struct name *name)
{
	struct name **at = &s->names[(name->hash / NODE_SHARDS) & (s->size - 1)];

	name->chain = *at;
	*at = name;
	s->n_names++;
}

/* Not growing is no error: chains get longer. */
static void grow_names(struct shard *s)
{
	size_t old_size = s->size;
	struct name **old = s->names, **bigger;

	if (s->n_names < old_size)
		return;
	bigger = calloc(old_size * 2, sizeof(*bigger));
	if (!bigger)
		return;
	s->names = bigger;
	s->size = old_size * 2;
	s->n_names = 0;
	for (size_t i = 0; i < old_size; i++) {
		while (old[i]) {
			struct name *name = old[i];

			old[i] = name->chain;
			chain_add(s, name);
		}
	}
	free(old);
}

static struct name *find_name(struct shard *s, uint32_t hash, const struct node *parent,
			      const char *text)
{
	struct name *name = s->names[(hash / NODE_SHARDS) & (s->size - 1)];

	for (; name; name = name->chain)
		if (name->hash == hash && name->parent == parent && !strcmp(name->text, text) &&
		    atomic_load_explicit(&name->node->count, memory_order_relaxed))
			return name;
	return NULL;
}

struct node *node_find(struct node_table *t, struct node *parent, const char *text)
{
	uint32_t hash = hash_name(parent, text);
	struct shard *s = name_shard(t, hash);
	struct node *n = NULL;
	struct name *name;

	pthread_mutex_lock(&s->lock);
	name = find_name(s, hash, parent, text);
	if (name && try_ref(name->node))
		n = name->node;
	pthread_mutex_unlock(&s->lock);
	return n;
}

struct node *node_add_name(struct node_table *t, struct node *n, struct node *parent,
			   const char *text)
{
	size_t len = strlen(text);
	struct name *name = malloc(sizeof(*name) + len + 1), *other;
	struct node *ret = n;
	struct shard *s;

	if (!name)
		return NULL;
	*name = (struct name){
		.node = n, .parent = node_ref(parent), .hash = hash_name(parent, text)};
	memcpy(name->text, text, len + 1);
	s = name_shard(t, name->hash);
	pthread_mutex_lock(&s->lock);
	other = find_name(s, name->hash, parent, text);
	if (other && other->node == n) {
		ret = n; /* by a lookup of the same name at the same time; it has its count */
	} else if (other && try_ref(other->node)) {
		ret = other->node;
	} else {
		grow_names(s);
		chain_add(s, name);
		pthread_mutex_lock(node_stripe(t, n));
		name->next = n->names;
		n->names = name;
		pthread_mutex_unlock(node_stripe(t, n));
		name = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	if (name) {
		free(name);
		node_unref(t, parent);
	}
	return ret;
}

static void unlist(struct node_table *t, struct node *n, struct name *name)
{
	struct name **at = &n->names;

	pthread_mutex_lock(node_stripe(t, n));
	while (*at != name)
		at = &(*at)->next;
	*at = name->next;
	pthread_mutex_unlock(node_stripe(t, n));
}

void node_remove_name(struct node_table *t, struct node *n, struct node *parent, const char *text)
{
	uint32_t hash = hash_name(parent, text);
	struct shard *s = name_shard(t, hash);
	struct name *name;

	pthread_mutex_lock(&s->lock);
	name = find_name(s, hash, parent, text);
	if (name && name->node != n)
		name = NULL;
	if (name) {
		chain_remove(s, name);
		unlist(t, n, name);
	}
	pthread_mutex_unlock(&s->lock);
	if (name) {
		free(name);
		node_unref(t, parent);
	}
}

bool node_has_name(struct node_table *t, struct node *n, struct node *parent, const char *text)
{
	uint32_t hash = hash_name(parent, text);
	struct shard *s = name_shard(t, hash);
	struct name *name;

	pthread_mutex_lock(&s->lock);
	name = find_name(s, hash, parent, text);
	bool has = name && name->node == n;

	pthread_mutex_unlock(&s->lock);
	return has;
}

int node_nth_name(struct node_table *t, struct node *n, unsigned int k, struct where *ret)
{
	struct name *name;
	int r = -ENOENT;

	pthread_mutex_lock(node_stripe(t, n));
	for (name = n->names; name && k; k--)
		name = name->next;
	if (name) {
		ret->parent = node_ref(name->parent);
		memcpy(ret->name, name->text, strlen(name->text) + 1);
		r = 0;
	}
	pthread_mutex_unlock(node_stripe(t, n));
	return r;
}

int node_where(struct node_table *t, struct node *n, struct where *ret)
{
	return node_nth_name(t, n, 0, ret);
}

/* --- by identity */

static struct identity **identity_chain(struct node_table *t, unsigned int layer, uint64_t ino,
					struct shard **ret)
{
	uint64_t hash = mix(ino + ((uint64_t)layer << 48));

	*ret = &t->shard[hash % NODE_SHARDS];
	return &(*ret)->identities[(hash / NODE_SHARDS) % ARRAY_SIZE((*ret)->identities)];
}

struct node *node_intern(struct node_table *t, struct node *n, unsigned int layer, uint64_t ino)
{
	struct identity *fresh = malloc(sizeof(*fresh)), *i;
	struct node *found = NULL;
	struct shard *s;
	struct identity **chain = identity_chain(t, layer, ino, &s);

	pthread_mutex_lock(&s->lock);
	for (i = *chain; i && !found; i = i->chain) {
		if (i->ino == ino && i->layer == layer && try_ref(i->node))
			found = i->node;
	}
	if (!found && fresh) {
		*fresh = (struct identity){.chain = *chain, .node = n, .ino = ino, .layer = layer};
		*chain = fresh;
		pthread_mutex_lock(node_stripe(t, n));
		fresh->next = n->identities;
		n->identities = fresh;
		pthread_mutex_unlock(node_stripe(t, n));
		fresh = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	free(fresh);
	return found;
}

static void drop_identities(struct node_table *t, struct node *n)
{
	while (n->identities) {
		struct identity *i = n->identities;
		struct shard *s;
		struct identity **at = identity_chain(t, i->layer, i->ino, &s);

		pthread_mutex_lock(&s->lock);
		while (*at != i)
			at = &(*at)->chain;
		*at = i->chain;
		pthread_mutex_unlock(&s->lock);
		n->identities = i->next;
		free(i);
	}
}

/* --- the end of a node */

/* Collects every node by its names: unnamed ones are only leaked when the kernel never forgot them.
 */
void node_table_release(struct node_table *t, struct node *root)
{
	for (unsigned int i = 0; i < NODE_SHARDS; i++) {
		struct shard *s = &t->shard[i];

		for (size_t j = 0; s->names && j < s->size; j++) {
			while (s->names[j]) {
				struct name *name = s->names[j], **at = &name->node->names;

				s->names[j] = name->chain;
				while (*at != name)
					at = &(*at)->next;
				*at = name->next;
				if (!name->node->names && name->node != root) {
					drop_identities(t, name->node);
					free_node(t, name->node);
				}
				free(name);
			}
		}
		free(s->names);
		pthread_mutex_destroy(&s->lock);
	}
	if (root)
		free_node(t, root);
	for (unsigned int i = 0; i < NODE_STRIPES; i++)
		pthread_mutex_destroy(&t->stripe[i]);
}

/* Not recursive: a deep tree forgotten at once would overflow the stack. The parents of the names
 * are forgotten one after another. */
void node_forget(struct node_table *t, struct node *n, unsigned long count)
{
	while (n && atomic_fetch_sub_explicit(&n->count, count, memory_order_acq_rel) == count) {
		struct node *parent = NULL;

		drop_identities(t, n);
		while (n->names) {
			struct name *name = n->names;
			struct shard *s = name_shard(t, name->hash);

			pthread_mutex_lock(&s->lock);
			chain_remove(s, name);
			unlist(t, n, name);
			pthread_mutex_unlock(&s->lock);
			if (parent)
				node_forget(t, parent, 1); /* several names: not deep */
			parent = name->parent;
			free(name);
		}
		free_node(t, n);
		n = parent;
		count = 1;
	}
}
