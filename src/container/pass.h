/* pass: what the container's first process and its parent say to each other while it is set up:
 *single bytes over a socket, some with descriptors.
 *
 *	parent	PASS_GO		the id maps are written
 *	child	PASS_TERMINAL	with the terminal's master
 *	child	PASS_FUSE	with a /dev/fuse descriptor and its user namespace: a server is
 *wanted parent	PASS_GO		it serves parent	PASS_ERROR	it does not; a struct err
 *follows
 */
#ifndef STRAKE_CONTAINER_PASS_H
#define STRAKE_CONTAINER_PASS_H

#include <stddef.h>

#include "base/err.h"

enum pass_what {
	PASS_END = 0, /* the other side is gone */
	PASS_GO = 'g',
	PASS_TERMINAL = 't',
	PASS_FUSE = 'f',
	PASS_ERROR = 'e',
};

#define PASS_FDS_MAX 2

/* Sends one byte and n descriptors, which stay the caller's. */
int pass_send(int socket, enum pass_what what, const int *fds, size_t n, struct err *err);
/* Takes the next one. *ret_what is PASS_END when nothing will come any more. Returns how many
 * descriptors came, in fds; the others are -1. */
int pass_receive(int socket, enum pass_what *ret_what, int fds[PASS_FDS_MAX], struct err *err);

#endif
