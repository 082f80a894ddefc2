/* tty: the pseudo terminal of -t: its two ends, and the relay between it and the caller's terminal.
 */
#ifndef STRAKE_CONTAINER_TTY_H
#define STRAKE_CONTAINER_TTY_H

#include <stdbool.h>
#include <termios.h>

#include "base/err.h"

/* A new pair of the devpts mounted at dev_fd/pts, as large as the caller's terminal. */
int tty_open(int dev_fd, int *ret_master, int *ret_slave, struct err *err);

/* The caller's side while the container runs. */
struct tty_relay {
	int master;
	bool forward_input; /* -i, until end of file */
	bool raw;	    /* our terminal was switched; saved holds what it was */
	struct termios saved;
	/* bytes that could not be passed on yet */
	char in[4096];
	size_t in_len;
};

/* Switches our terminal to raw mode when stdin is one (and input is forwarded) and copies its size.
 */
int tty_relay_start(struct tty_relay *r, int master, bool forward_input, struct err *err);
/* Our terminal changed size (SIGWINCH). */
void tty_relay_resize(struct tty_relay *r);
/* Moves what there is after poll(2) said so. Return 1 while open, 0 at the end. */
int tty_relay_output(struct tty_relay *r);
void tty_relay_input(struct tty_relay *r);
/* What the container wrote last is shown, our terminal is as it was. */
void tty_relay_stop(struct tty_relay *r);

#endif
