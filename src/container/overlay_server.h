/* overlay_server: strake-overlayfs as seen by whoever starts it: what it is told, when it is ready,
 * and how it ended. */
#ifndef STRAKE_CONTAINER_OVERLAY_SERVER_H
#define STRAKE_CONTAINER_OVERLAY_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* Whether the program is there and executable; the message says where it should be. */
int overlay_server_find(struct err *err);

/* The text of its option -o: lowers (strv, topmost first) and, unless NULL, upper and work; `more`:
 * further options, or NULL. Whatever is in the paths is escaped. malloced. */
char *overlay_server_options(char *const *lowers, const char *upper, const char *work,
			     const char *more);

struct overlay_spawn {
	const char *options;
	const char *mountpoint; /* for the server to mount on, or NULL: fuse is mounted already */
	int fuse;		/* /dev/fuse of that mount, or -1 */
	int userns;		/* the user namespace it works in; -1: ours */
	int input;		/* its standard input, for what rides on it; -1: /dev/null */
	bool silent;		/* it outlives us: nothing on our standard error */
};

/* A server that runs, or did. All zero: there is none. */
struct overlay_server {
	pid_t pid; /* 0: there never was one */
	bool ended;
	bool killed; /* by us */
	int status;  /* as of waitpid, once it ended */
};

/* Starts it and waits until it serves, or says why it does not. */
int overlay_server_start(const struct overlay_spawn *spawn, struct overlay_server *ret,
			 struct err *err);
/* Without waiting: whether it has ended otherwise than for want of a mount to serve. */
bool overlay_server_died(struct overlay_server *s);
/* After the mount is gone: waits until it has written out what it holds and ends, or kills it when
 * what it holds is not wanted. INT and TERM, which must be blocked, end the waiting with a warning.
 */
void overlay_server_end(struct overlay_server *s, bool discard);
/* Once it ended: 0, or an error that says how. `of`: whose server it was. */
int overlay_server_verdict(const struct overlay_server *s, const char *of, struct err *err);

#endif
