/* store_test: what the files of the store's unit test share. */
#ifndef STRAKE_TESTS_UNIT_STORE_TEST_H
#define STRAKE_TESTS_UNIT_STORE_TEST_H

#include <stdbool.h>
#include <sys/types.h>

#include "oci/descriptor.h"
#include "store/store.h"
#include "unit.h"

/* Made by setup() for each test, in a new directory below $TMPDIR; its path is store.path. */
extern struct store store;

void setup(void);
void teardown(void);

TCase *case_blob(void);
TCase *case_scratch(void);
TCase *case_tag(void);
TCase *case_gc(void);
TCase *case_image(void);

/* Files, below a directory descriptor. write_text() makes the directories above. */
void write_text(int dirfd, const char *path, const char *text);
char *read_text(int dirfd, const char *path);
bool exists(int dirfd, const char *path);
/* Names in a directory, without . and .. */
size_t count_names(int dirfd);
/* Sets the modification time so many seconds back. */
void make_old(int dirfd, const char *path, int seconds);

/* Digest of a text. */
struct digest digest_of(const char *text);
/* A descriptor of that blob, which need not be there; its annotations are the caller's to release.
 */
struct descriptor describe(const char *media_type, const struct digest *digest, size_t size);

/* An image with the given layers (texts, NULL terminated; put as blobs) in the store. cmd tells
 * images apart. */
struct test_image {
	struct digest manifest, config;
	struct digest layers[4], diff_ids[4];
	size_t manifest_size, n_layers;
};
void put_image(struct test_image *ret, const char *cmd, const char *const *layers);
/* put_image() and tag_set(). */
void put_tagged(struct test_image *ret, const char *name, const char *const *layers);
/* Puts a document and returns its descriptor. */
struct descriptor put_document(const char *media_type, const char *text);

/* Runs fn in a child, which writes a byte to its argument when it is where the test wants it;
 * returns when it has (or has ended). finish() returns the exit code, or 128 + n for a signal. */
pid_t start(void (*fn)(int ready));
int finish(pid_t pid);
void ready_and_wait_for_kill(int ready) __attribute__((noreturn));

#define ok(call)                                                                                   \
	do {                                                                                       \
		struct err ok_err_ = ERR_INIT, *err = &ok_err_;                                    \
		int ok_r_ = (call);                                                                \
		ck_assert_msg(ok_r_ >= 0, "%s: %d: %s", #call, ok_r_, ok_err_.msg);                \
	} while (0)

/* The call fails with that errno and a message that contains the text. */
#define fails(call, errno_, text)                                                                  \
	do {                                                                                       \
		struct err f_err_ = ERR_INIT, *err = &f_err_;                                      \
		int f_r_ = (call);                                                                 \
		ck_assert_msg(f_r_ == -(errno_), "%s: %d: %s", #call, f_r_, f_err_.msg);           \
		ck_assert_int_eq(f_err_.code, errno_);                                             \
		ck_assert_msg(strstr(f_err_.msg, text) != NULL, "%s: says '%s'", #call,            \
			      f_err_.msg);                                                         \
	} while (0)

#endif
