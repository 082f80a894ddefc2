/* node: the table of known inodes and of their names.
 *
 * A node lives as long as its count: one for each lookup the kernel has not forgotten, and one for
 * each name below it, and for each thread that works on it. Names live as long as their node, or
 * until they are unlinked; they are how a known file is found again. A node whose count has come to
 * nothing is never found again, even before its names are gone.
 *
 * Files with several names are also found by what they are on disk (node_find_same), so that all
 * names lead to one node.
 *
 * Memory: a node and its name take about 130 bytes; what only directories or open files need hangs
 * off.
 */
#ifndef STRAKE_FUSE_NODE_H
#define STRAKE_FUSE_NODE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct overlay;
struct node;

struct name {
	struct name *chain; /* under the shard's lock */
	struct name *next;  /* of the same node; under the node's stripe */
	struct node *node;
	struct node *parent; /* counted */
	uint32_t hash;
	char text[];
};

/* What a file with several names is on disk. One that was copied up is known as what it was, too.
 */
struct identity {
	struct identity *chain; /* under the shard's lock */
	struct identity *next;	/* of the same node; under the node's stripe */
	struct node *node;
	uint64_t ino;
	unsigned int layer;
};

struct node {
	atomic_ulong count;
	struct name *names;	     /* under the stripe */
	struct identity *identities; /* under the stripe */
	uint64_t ino;		     /* as shown */
	union {
		struct dir *dir;	 /* dir.h */
		struct content *content; /* content.h; under the stripe */
	};
	atomic_uint layer;	/* index of the layer a file is in, below directory locks; not of
				   directories */
	uint16_t type;		/* S_IFMT bits */
	atomic_bool metacopy;	/* only the attributes are in the upper layer */
	atomic_bool no_caps;	/* it has no security.capability: asked for at every change */
	atomic_bool ino_marked; /* its number is not that on disk, a mark says it */
};

struct shard {
	pthread_mutex_t lock;
	struct name **names;
	size_t n_names, size; /* size: a power of two */
	struct identity *identities[512];
};

enum { NODE_SHARDS = 16, NODE_STRIPES = 64 };

struct node_table {
	struct overlay *overlay;
	struct shard shard[NODE_SHARDS];
	pthread_mutex_t stripe[NODE_STRIPES];
};

int node_table_init(struct node_table *t, struct overlay *o);
/* Frees all that is left, whatever the counts. */
void node_table_release(struct node_table *t, struct node *root);

/* A node without names, count 1. NULL without memory. */
struct node *node_new(struct node_table *t, mode_t type);

struct node *node_ref(struct node *n);
/* NULL when it is about to be freed; n is still in a table whose lock is held. */
struct node *node_ref_if_alive(struct node *n);
void node_forget(struct node_table *t, struct node *n, unsigned long count);
static inline void node_unref(struct node_table *t, struct node *n)
{
	node_forget(t, n, 1);
}

/* The node of a name, counted, or NULL when it is not known. */
struct node *node_find(struct node_table *t, struct node *parent, const char *name);

/* Gives a node a name. Returns n; or the node that has the name already, counted, when a lookup of
 * the same name was faster; or NULL without memory. Under the directory's lock, shared or not. */
struct node *node_add_name(struct node_table *t, struct node *n, struct node *parent,
			   const char *name);
/* Takes it away when it is there. */
void node_remove_name(struct node_table *t, struct node *n, struct node *parent, const char *name);
bool node_has_name(struct node_table *t, struct node *n, struct node *parent, const char *name);

/* One of its names: a counted parent and a copy of the text. -ENOENT when it has none. */
struct where {
	struct node *parent;
	char name[256];
};
int node_where(struct node_table *t, struct node *n, struct where *ret);
/* The k-th of its names, for walks over all. -ENOENT behind the last. */
int node_nth_name(struct node_table *t, struct node *n, unsigned int k, struct where *ret);

/* Files with several names: the node that is known as inode `ino` of the layer, counted; when there
 * is none, n becomes it and NULL is returned (without memory too: n then has only its name). */
struct node *node_intern(struct node_table *t, struct node *n, unsigned int layer, uint64_t ino);

/* The stripe that guards n->names, n->identities and n->content. */
pthread_mutex_t *node_stripe(struct node_table *t, const struct node *n);

#endif
