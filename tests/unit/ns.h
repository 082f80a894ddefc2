/* ns: what the files of the room's test program share. */
#ifndef STRAKE_TESTS_NS_H
#define STRAKE_TESTS_NS_H

#include "unit.h"

#include <stdio.h>

#include "base/err.h"
#include "ns/identity.h"

/* Fails with the message of the error. */
#define ns_ok(call, err)                                                                           \
	do {                                                                                       \
		const int ns_ok_r = (call);                                                        \
		ck_assert_msg(ns_ok_r >= 0, "%s: %d: %s", #call, ns_ok_r, (err)->msg);             \
	} while (0)

/* In a callback of ns_run(): check's own assertions belong to the parent. */
#define ns_want(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			return err_set(err, EPROTO, "%s:%d: not so: %s", __FILE__, __LINE__,       \
				       #condition);                                                \
	} while (0)

#define ns_skip(...)                                                                               \
	do {                                                                                       \
		printf("skipped: " __VA_ARGS__);                                                   \
		printf("\n");                                                                      \
		return;                                                                            \
	} while (0)

/* Runs fn with ctx in a new user namespace of one id and the further namespaces; fails with its
 * message. */
void ns_inside(int flags, int (*fn)(void *ctx, struct err *err), void *ctx);

/* A directory that the test's end removes (ns_scratch_remove as the checked fixture does).
 * Absolute. */
extern char ns_scratch[];
extern int ns_scratch_fd;
void ns_scratch_make(void);
void ns_scratch_remove(void);

/* Writes text to a file below dirfd, or fails; for callbacks. */
int ns_write(int dirfd, const char *path, const char *text);
/* Reads a small file; "" when it cannot be read. Static storage. */
const char *ns_read(int dirfd, const char *path);

TCase *ns_case_ids(void);
TCase *ns_case_identity(void);
TCase *ns_case_enter(void);
TCase *ns_case_caps(void);
TCase *ns_case_mount(void);
TCase *ns_case_overlay(void);
TCase *ns_case_probe(void);

#endif
