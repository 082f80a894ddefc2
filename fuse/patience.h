/* patience: waiting for the next request.
 *
 * Who sleeps has to be woken, which takes longer than most requests, the most so in a virtual
 * machine: while requests follow each other closely, it looks again and again for some
 * microseconds, and lets others have the processor between two looks. Whether that paid is
 * remembered: between requests that come rarely it sleeps.
 */
#ifndef STRAKE_FUSE_PATIENCE_H
#define STRAKE_FUSE_PATIENCE_H

#include <stdbool.h>

#include "fuse/wire.h"

/* The leader's. */
struct patience {
	unsigned int luck; /* how often the next one came soon, of late */
	bool never;	   /* on one processor whoever asks cannot run meanwhile */
};

/* From now on reading does not block. */
void patience_init(struct patience *p, struct wire *wire);

/* As wire_read(), waiting for a request. */
int patience_read(struct patience *p, struct wire *wire, char *buffer, struct request *ret);

#endif
