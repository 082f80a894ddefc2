/* ahead: reading what is likely to be asked for next into the system's caches, in a thread of its
 * own.
 *
 * A walk through a tree whose metadata are on disk waits for each directory; so does reading one
 * small file after another. Both follow the order of readdir, which is ours. What is read ahead is
 * thrown away: that the system has it in memory is all that is wanted. Nothing is done while all is
 * in memory.
 */
#ifndef STRAKE_FUSE_AHEAD_H
#define STRAKE_FUSE_AHEAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct node;
struct overlay;
struct place;

enum { AHEAD_TASKS = 64 };

/* One of the two. */
struct ahead_task {
	struct place *place; /* counted: a directory that is about to be listed */
	struct node *file;   /* counted: a file that was read, whose neighbours are next */
};

struct ahead {
	struct overlay *overlay;
	pthread_t thread;
	atomic_bool running;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t work;
	struct ahead_task task[AHEAD_TASKS]; /* ring */
	unsigned int first, n;
	bool ended;
};

/* Without a thread nothing is read ahead, which is no error. After a fork. */
void ahead_start(struct ahead *a, struct overlay *o);
void ahead_stop(struct ahead *a);

/* A directory in one layer is about to be listed. Does not wait; when there is much to do, it is
 * forgotten. */
void ahead_directory(struct ahead *a, struct place *p);

/* A file was read from its beginning; slow: from disk. */
void ahead_file(struct ahead *a, struct node *file, bool slow);

#endif
