/* check: looking over an upper directory that is not mounted (--check), and making it one that
 * every overlay reads the same (--flatten). */
#ifndef STRAKE_FUSE_CHECK_H
#define STRAKE_FUSE_CHECK_H

#include "base/err.h"
#include "fuse/options.h"

/* Prints what it finds to stdout, one line each, and does what is to be done unless o->dry_run.
 * Returns 0 when the upper is clean or was made so, 1 when something is wrong that cannot be
 * mended, or with o->dry_run has to be; -errno. */
int check_upper(const struct options *o, struct err *err);

#endif
