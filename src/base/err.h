/* err: one error record on the caller's stack.
 *
 * A fallible function takes `struct err *err` last, returns 0 (or a value >= 0) or a negative
 * errno, and fills err exactly once, when it fails:
 *
 *	return err_set(err, ENOENT, "cannot open blob '%s'", hex);
 *
 * Callers add context in front with err_prefix(). Messages are lower case, without a full stop;
 * they name the thing and, where there is one, the remedy. The record holds no pointer: it never
 * leaks, works out of memory, and is small enough for one atomic write to a pipe (PIPE_BUF), so
 * that a cloned child can hand it to its parent. `err` may be NULL where the caller only wants the
 * code.
 */
#ifndef STRAKE_BASE_ERR_H
#define STRAKE_BASE_ERR_H

#include <stdarg.h>
#include <stddef.h>

struct err {
	int exit_status; /* what the process should exit with for it; 0: the verb's usual (125) */
	int code;	 /* positive errno; 0: no error */
	char msg[1016];	 /* always NUL terminated; cut with "..." when longer */
};

#define ERR_INIT                                                                                   \
	{                                                                                          \
		0, 0, ""                                                                           \
	}

/* Records code (a positive errno; 0 is taken as EINVAL) and the message. Returns -code. */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As err_set(), and appends ": strerror(code)". code is usually errno. */
int err_sys(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "text: " before the message of an error already set. Returns -err->code. */
int err_prefix(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Appends "; text" (a remedy) to the message of an error already set. Returns -err->code. */
int err_hint(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Sets the exit status that goes with an error already set. Returns -err->code. */
int err_exit(struct err *err, int exit_status);

/* Writes the whole record to a pipe, in one write. Returns 0 or -errno. */
int err_send(int fd, const struct err *err);

/* Reads one record. Returns 1 when one came, 0 at end of file (the child had no error), or -EIO. */
int err_receive(int fd, struct err *err);

#endif
