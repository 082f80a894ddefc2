/* progress: how far a set of transfers is, shown on stderr.
 *
 * On a terminal: one bar per item, redrawn in place at most 10 times a second (a change of state
 * shows at once). When there are more items than the terminal has rows, those that have ended leave
 * the display first, and the last row counts the rest. Otherwise one line when an item starts and
 * one when it ends. With LOG_QUIET nothing. Calls come from any thread; log lines appear above the
 * bars.
 *
 * An item ends with the state "done", "exists", "failed" or "cached".
 */
#ifndef STRAKE_BASE_PROGRESS_H
#define STRAKE_BASE_PROGRESS_H

#include <stdint.h>

struct progress;

struct progress *progress_new(void);
/* Ends the display: bars stay as they are, the cursor is below them. NULL is fine. */
void progress_free(struct progress *p);
/* A new item; name (copied) e.g. the digest's first 12 digits; total in bytes, 0 when unknown.
 * Returns its number, from 0. */
int progress_add(struct progress *p, const char *name, uint64_t total);
/* Bytes so far; may go back (a restart). */
void progress_set(struct progress *p, int item, uint64_t done);
/* state, e.g. "pulling", "waiting", "exists", "done"; a constant string. */
void progress_state(struct progress *p, int item, const char *state);

#endif
