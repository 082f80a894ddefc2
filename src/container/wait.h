/* wait: the caller's side of a running container: signals are passed on, the terminal is relayed,
 * until it ends. */
#ifndef STRAKE_CONTAINER_WAIT_H
#define STRAKE_CONTAINER_WAIT_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "container/start.h"

/* Blocks the signals that are forwarded, and SIGCHLD, so that none is lost between clone and wait.
 * *old: the mask before, for wait_restore(). */
void wait_block_signals(sigset_t *old);
void wait_restore_signals(const sigset_t *old);

/* Waits for the container, forwarding every signal that can be forwarded, and relays its terminal
 * (and closes it). A container whose overlay server dies is killed. Returns the exit code, 128 + n
 * for a signal, or -errno. */
int wait_container(struct started *c, bool interactive, struct err *err);

#endif
