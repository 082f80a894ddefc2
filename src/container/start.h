/* start: from a plan to a running command. */
#ifndef STRAKE_CONTAINER_START_H
#define STRAKE_CONTAINER_START_H

#include <sys/types.h>

#include "base/err.h"
#include "container/overlay_server.h"
#include "container/plan.h"

struct started {
	pid_t pid;		      /* the container's first process, ours to wait for */
	int master;		      /* of its terminal, or -1 */
	struct overlay_server server; /* of its root file system, where there is one */
};

/* Clones, maps ids, starts what the child asks for, and returns once the command is executed.
 * Nothing runs after a failure. With the signals of wait_block_signals() blocked. name: for
 * messages. */
int container_start(const struct plan *plan, const char *name, struct started *ret,
		    struct err *err);

#endif
