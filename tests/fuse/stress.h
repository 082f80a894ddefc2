/* stress: what its parts share. See stress.c for what it is.
 */
#ifndef STRAKE_TESTS_FUSE_STRESS_H
#define STRAKE_TESTS_FUSE_STRESS_H

#include "common.h"

#include <stdio.h>
#include <time.h>

/* One of the processes that work at the same time. */
struct client {
	unsigned number;
	struct rng rng;
	const char *root;    /* the directory under test */
	const char *dir;     /* in it, this client's own, or the one all share */
	struct timespec end; /* when to stop */
	uint64_t ops;
};

/* Note an operation before it is made, for the report of what went wrong. */
void client_op(struct client *client, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The file system is wrong: say what, print the last operations of this client, and exit 1. */
_Noreturn void client_fail(struct client *client, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Whether it is time to stop. */
bool client_done(struct client *client);

/* ---- stress_data.c: files of one client, with a copy of each in memory */

#define DATA_FILES 6

/* Make the files which a data client of this number finds in DIR when DIR is in a lower layer. */
void data_make_lower(uint64_t seed, unsigned number, const char *dir);
/* Work until it is time to stop; then every file is verified. SEED as given to data_make_lower().
 */
void data_run(struct client *client, uint64_t seed);

/* ---- stress_names.c: names that several clients make, move and remove */

void names_make_lower(uint64_t seed, const char *dir);
void names_run(struct client *client);
/* Every name below DIR can be read, comes once, and each inode has as many names as it says.
 * Returns the number of names, or -1 when not, which was printed. */
long names_verify(const char *dir);

#endif
