/* content: the data of files: where they are, and descriptors through which they are read and
 * written.
 *
 * The kernel never tells us of open and close (both are answered ENOSYS), so descriptors are a
 * cache by node; the least recently used are closed beyond a maximum. A file that lost its last
 * name is held by a descriptor until the kernel forgets it.
 */
#ifndef STRAKE_FUSE_CONTENT_H
#define STRAKE_FUSE_CONTENT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "fuse/circle.h"
#include "fuse/place.h"

struct stat;

struct node;
struct overlay;

/* An open file, shared by those who use it. */
struct backing {
	atomic_uint refs;
	int fd;
	bool writable;
	bool has_priv; /* setuid or setgid, when it was opened: writing would take them */
};

struct content {
	struct backing *backing; /* under the node's stripe, with all below */
	int hold;		 /* of a file without a name in the upper layer, or -1 */
	struct place *data_dir;	 /* where the data of a metadata-only copy are, or a lower file
				  * without  names; or NULL */
	char *data_name;
	/* of those with a backing, under the cache's lock */
	struct circle ring;
	struct node *node;
	atomic_bool used;
};

struct content_cache {
	pthread_mutex_t lock;
	struct circle *hand;
	unsigned int open, max;
};

void content_free(struct overlay *o, struct content *c); /* NULL is fine */

/* The file for reading, or for writing, for which it must be wholly in the upper layer. 0 or
 * -errno; content_close() gives it back. */
int content_open(struct overlay *o, struct node *n, bool write, struct backing **ret);
void content_close(struct backing *b);

/* The one that is open already, or NULL: nothing is opened. */
struct backing *content_peek(struct overlay *o, struct node *n);

/* From now on the file's data are behind fd, which is taken over (-1: forget what is open). The
 * caller holds the copy-up lock. */
void content_replace(struct overlay *o, struct node *n, int fd, bool writable);

/* Keeps a file that is losing its last name alive: fd is taken over. */
int content_hold(struct overlay *o, struct node *n, int fd);
/* A duplicate of what it is held by, O_PATH or not; -ENOENT when it is not held. */
int content_held(struct overlay *o, struct node *n);

/* Where a metadata-only copy, or a lower file that is losing its last name, has its data. */
int content_set_data(struct overlay *o, struct node *n, struct place *dir, const char *name);
/* A counted place and a malloced name; -ENOENT when there is none. */
int content_get_data(struct overlay *o, struct node *n, struct place **ret_dir, char **ret_name);

/* Takes setuid and setgid bits, and capabilities, as the kernel does when one who may not keep them
 * writes. st: of fd. */
int content_kill_priv(int fd, const struct stat *st);

/* A regular file of the upper layer for reading and writing, though its mode may forbid it. Not
 * through the cache: a descriptor, or -errno. */
int content_open_upper(struct overlay *o, struct node *n);
/* Another open file of the same, from a descriptor, which may be O_PATH. */
int content_reopen(int fd, int flags);

#endif
