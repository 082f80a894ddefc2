/* ahead: reading what is likely to be asked for next into the system's caches, in a thread of its
 * own.
 *
 * A walk through a tree whose metadata are on disk waits for each directory; so does reading one
 * small file after another. Both follow the order of readdir, which is ours. What is read ahead is
 * thrown away: that the system has it in memory is all that is wanted. Nothing is done while all is
 * in memory, which is told by whether a look at a directory, or a read, has to wait.
 */
#ifndef STRAKE_FUSE_AHEAD_H
#define STRAKE_FUSE_AHEAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct node;
struct overlay;
struct place;

enum {
	AHEAD_TASKS = 64,
	AHEAD_SEEN = 1024, /* a power of two */
};

/* One of the two. */
struct ahead_task {
	struct place *place; /* counted: a directory that is about to be listed */
	struct node *file;   /* counted: a file that was read, whose neighbours are next */
};

struct ahead {
	struct overlay *overlay;
	pthread_t thread;
	atomic_bool running;
	_Atomic int64_t slow_until; /* by clock_ns(): metadata are on disk */
	uint64_t seen[AHEAD_SEEN];  /* the thread's own: inodes of directories, by hash */
	pthread_mutex_t lock;	    /* of all below */
	pthread_cond_t work;
	struct ahead_task task[AHEAD_TASKS]; /* ring */
	unsigned int first, n;
	bool ended;
};

/* Without a thread nothing is read ahead, which is no error. After a fork. */
void ahead_start(struct ahead *a, struct overlay *o);
void ahead_stop(struct ahead *a);

/* Around a look at a directory, by one thread: whether it had to wait for the disk, or a network.
 */
struct ahead_look {
	long reads, waits; /* of the thread, before */
	long entries;	   /* that were looked at: set by the caller */
};
void ahead_before(struct ahead_look *l);
void ahead_after(struct ahead *a, const struct ahead_look *before);

/* A directory in one layer is about to be listed. Does not wait; when there is much to do, or all
 * is in memory, it is forgotten. */
void ahead_directory(struct ahead *a, struct place *p);

/* A file was read from its beginning; slow: from disk. */
void ahead_file(struct ahead *a, struct node *file, bool slow);

#endif
