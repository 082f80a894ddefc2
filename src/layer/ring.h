/* ring: a few fixed blocks between one thread that fills them and one that empties them. */
#ifndef STRAKE_LAYER_RING_H
#define STRAKE_LAYER_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define RING_BLOCK (256 * 1024)
#define RING_BLOCKS 4

struct ring;

struct ring *ring_new(void);
void ring_free(struct ring *r);
void ring_freep(struct ring **r);

/* Producer: the next block to fill (RING_BLOCK bytes), waiting for one; NULL when the consumer
 * stopped. */
unsigned char *ring_reserve(struct ring *r);
/* Producer: hands over len bytes (> 0) of the reserved block. */
void ring_commit(struct ring *r, size_t len);
/* Producer: no more comes; error (0 or -errno) is what the consumer reads behind the last block. */
void ring_finish(struct ring *r, int error);

/* Consumer: gives the previous block back, then the next one: its length, 0 at the end, or -errno.
 * An error is told at once, before blocks that are still there. */
ssize_t ring_next(struct ring *r, const void **ret);
/* Consumer: wants no more; the producer is told. Whether that is news to it: false when it had
 * finished. */
bool ring_stop(struct ring *r);

#endif
