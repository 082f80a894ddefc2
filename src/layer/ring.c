#include "layer/ring.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"

struct ring {
	pthread_mutex_t lock; /* guards all below but the blocks */
	pthread_cond_t changed;
	size_t len[RING_BLOCKS];
	unsigned long filled, taken; /* counts; filled - taken blocks are the consumer's */
	bool holds;		     /* the consumer still reads block taken - 1 */
	bool finished, stopped;
	int error;
	unsigned char blocks[RING_BLOCKS][RING_BLOCK];
};

struct ring *ring_new(void)
{
	struct ring *r = xmalloc(sizeof(*r)); /* blocks are touched when used */

	r->filled = r->taken = 0;
	r->holds = r->finished = r->stopped = false;
	r->error = 0;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->changed, NULL);
	return r;
}

void ring_free(struct ring *r)
{
	if (!r)
		return;
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

void ring_freep(struct ring **r)
{
	ring_free(*r);
	*r = NULL;
}

unsigned char *ring_reserve(struct ring *r)
{
	unsigned char *block = NULL;

	pthread_mutex_lock(&r->lock);
	while (!r->stopped && r->filled - r->taken + (r->holds ? 1 : 0) >= RING_BLOCKS)
		pthread_cond_wait(&r->changed, &r->lock);
	if (!r->stopped)
		block = r->blocks[r->filled % RING_BLOCKS];
	pthread_mutex_unlock(&r->lock);
	return block;
}

void ring_commit(struct ring *r, size_t len)
{
	pthread_mutex_lock(&r->lock);
	r->len[r->filled++ % RING_BLOCKS] = len;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

void ring_finish(struct ring *r, int error)
{
	pthread_mutex_lock(&r->lock);
	r->finished = true;
	r->error = error;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

ssize_t ring_next(struct ring *r, const void **ret)
{
	ssize_t n = 0;

	pthread_mutex_lock(&r->lock);
	if (r->holds) {
		r->holds = false;
		pthread_cond_signal(&r->changed);
	}
	while (!r->finished && r->filled == r->taken)
		pthread_cond_wait(&r->changed, &r->lock);
	if (r->error) {
		n = r->error;
	} else if (r->filled != r->taken) {
		*ret = r->blocks[r->taken % RING_BLOCKS];
		n = (ssize_t)r->len[r->taken++ % RING_BLOCKS];
		r->holds = true;
	}
	pthread_mutex_unlock(&r->lock);
	return n;
}

bool ring_stop(struct ring *r)
{
	bool news;

	pthread_mutex_lock(&r->lock);
	news = !r->finished;
	r->stopped = true;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
	return news;
}
