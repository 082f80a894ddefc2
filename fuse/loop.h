/* loop: the threads that serve.
 *
 * Theory of operation
 *
 * One thread, the leader, reads a request, answers it, and reads the next: no thread wakes another,
 * which is what most of the time of a small request would go to. Before it does something that may
 * take long (reading what is not cached, copying, syncing) it hands the lead over to a follower and
 * becomes one itself when it is done. What nobody foresaw takes long is caught by a watchdog, which
 * takes the lead from a thread that has been at one request for two of its ticks; it sleeps while
 * nothing happens.
 */
#ifndef STRAKE_FUSE_LOOP_H
#define STRAKE_FUSE_LOOP_H

#include "base/err.h"
#include "fuse/wire.h"

typedef void (*loop_handler)(void *arg, struct request *r);

struct loop_options {
	unsigned int threads; /* at most; 1: all in one */
};

/* Serves until the file system is unmounted, in the calling thread too. 0 or -errno. */
int loop_run(struct wire *w, const struct loop_options *options, loop_handler handler, void *arg,
	     struct err *err);

/* By a handler, before it does something that may take long. False when there is but one thread,
 * and nobody else answers meanwhile. */
bool loop_hand_over(void);

#endif
