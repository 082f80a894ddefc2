/* container: what the files of the room's test program share. */
#ifndef STRAKE_TESTS_CONTAINER_H
#define STRAKE_TESTS_CONTAINER_H

#include "unit.h"

#include "base/err.h"

/* Fails with the message of the error. */
#define container_ok(call, err)                                                                    \
	do {                                                                                       \
		const int container_ok_r = (call);                                                 \
		ck_assert_msg(container_ok_r >= 0, "%s: %d: %s", #call, container_ok_r,            \
			      (err)->msg);                                                         \
	} while (0)

/* A directory that the test's end removes, as a checked fixture. Absolute. */
extern char container_scratch[];
void container_scratch_make(void);
void container_scratch_remove(void);

/* A file in it with that content; returns its path, in static storage. */
const char *container_file(const char *name, const void *bytes, size_t len);

TCase *container_case_mount(void);
TCase *container_case_env(void);
TCase *container_case_state(void);
TCase *container_case_entry(void);
TCase *container_case_overlay(void);

#endif
