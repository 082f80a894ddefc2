/* wait: the caller's side of a running container: signals are passed on, the terminal is relayed,
 * until it ends. */
#ifndef STRAKE_CONTAINER_WAIT_H
#define STRAKE_CONTAINER_WAIT_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* Blocks the signals that are forwarded, and SIGCHLD, so that none is lost between clone and wait.
 * *old: the mask before, for wait_restore(). */
void wait_block_signals(sigset_t *old);
void wait_restore_signals(const sigset_t *old);

/* Waits for pid, forwarding every signal that can be forwarded. master >= 0: relays the terminal
 * (and closes master). Returns the exit code, 128 + n for a signal, or -errno. */
int wait_container(pid_t pid, int master, bool interactive, struct err *err);

#endif
