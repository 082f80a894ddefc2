/* Blobs: reading, claims among processes, publication. */
#include "store_test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/blob.h"

START_TEST(put_and_read)
{
	const struct digest expected = digest_of("hello"), other = digest_of("other");
	_cleanup_free_ char *text = NULL;
	struct digest digest;
	int64_t size = 0;
	size_t len = 0;

	ck_assert(!blob_exists(&store, &expected, NULL));
	ok(blob_put(&store, NULL, "hello", 5, &digest, err));
	ck_assert(digest_eq(&digest, &expected));
	ck_assert(blob_exists(&store, &digest, &size));
	ck_assert_int_eq(size, 5);
	ok(blob_read(&store, &digest, 5, 5, &text, &len, err));
	ck_assert_str_eq(text, "hello");
	ck_assert_uint_eq(len, 5);
	freep(&text);
	ok(blob_read(&store, &digest, -1, 100, &text, NULL, err));
	ck_assert_str_eq(text, "hello");
	ok(blob_put(&store, &expected, "hello", 5, NULL, err));
	fails(blob_put(&store, &other, "hello", 5, NULL, err), EBADMSG, other.text);
	ck_assert(!blob_exists(&store, &other, NULL));
	ck_assert_uint_eq(count_names(store.blobs), 1);
	ck_assert_uint_eq(count_names(store.uploads), 0);
}
END_TEST

START_TEST(read_errors)
{
	const struct digest missing = digest_of("missing");
	struct digest digest;
	char *text = NULL;
	int64_t size;

	ok(blob_put(&store, NULL, "hello", 5, &digest, err));
	fails(blob_open(&store, &missing, &size, err), ENOENT, missing.text);
	fails(blob_read(&store, &missing, -1, 100, &text, NULL, err), ENOENT, missing.text);
	fails(blob_read(&store, &digest, 6, 100, &text, NULL, err), EBADMSG, "5 bytes");
	fails(blob_read(&store, &digest, 5, 4, &text, NULL, err), EFBIG, digest.text);
	ck_assert_int_eq(mkdirat(store.blobs, digest_encoded(&missing), 0700), 0);
	fails(blob_open(&store, &missing, &size, err), EINVAL, "not a regular file");
	ck_assert(!blob_exists(&store, &missing, NULL));
	ok(blob_remove(&store, &digest, err));
	ok(blob_remove(&store, &digest, err));
	ck_assert(!blob_exists(&store, &digest, NULL));
	ck_assert_ptr_null(text);
}
END_TEST

START_TEST(other_algorithms_are_read_only)
{
	_cleanup_free_ char *text = NULL, *path = NULL;
	struct blob_claim claim;
	struct digest digest;
	char name[140] = "sha512:";

	memset(name + strlen(name), 'a', 128);
	ok(digest_parse(name, &digest, err));
	ck_assert(!blob_exists(&store, &digest, NULL));
	path = xasprintf("blobs/sha512/%s", digest_encoded(&digest));
	write_text(store.root, path, "foreign");
	ok(blob_read(&store, &digest, 7, 100, &text, NULL, err));
	ck_assert_str_eq(text, "foreign");
	fails(blob_claim(&store, &digest, &claim, err), ENOTSUP, "only sha256");
	fails(blob_put(&store, &digest, "foreign", 7, NULL, err), ENOTSUP, "only sha256");
	ok(blob_remove(&store, &digest, err));
	ck_assert(!exists(store.root, path));
	fails(blob_claim(&store, &(struct digest){0}, &claim, err), EINVAL, "without a digest");
}
END_TEST

START_TEST(claim_and_commit)
{
	const struct digest digest = digest_of("content");
	struct blob_claim claim, second;
	_cleanup_free_ char *text = NULL;

	ck_assert_int_eq(blob_claim(&store, &digest, &claim, NULL), BLOB_MINE);
	ck_assert_uint_eq(claim.size, 0);
	ck_assert(digest_eq(&claim.digest, &digest));
	/* The claim is the file's, not the process's. */
	ck_assert_int_eq(blob_claim(&store, &digest, &second, NULL), BLOB_BUSY);
	ck_assert_int_eq(second.fd, -1);
	ck_assert_int_eq(fd_write_all(claim.fd, "content", 7), 0);
	ck_assert(!blob_exists(&store, &digest, NULL));
	ok(blob_claim_commit(&store, &claim, err));
	ck_assert_int_eq(claim.fd, -1);
	blob_claim_release(&store, &claim, false);
	ck_assert_int_eq(blob_claim(&store, &digest, &second, NULL), BLOB_THERE);
	ok(blob_read(&store, &digest, 7, 7, &text, NULL, err));
	ck_assert_str_eq(text, "content");
	ck_assert_uint_eq(count_names(store.uploads), 0);
}
END_TEST

START_TEST(claim_given_back)
{
	const struct digest digest = digest_of("content");
	struct blob_claim claim = BLOB_CLAIM_INIT;

	blob_claim_release(&store, &claim, false);
	ck_assert_int_eq(blob_claim(&store, &digest, &claim, NULL), BLOB_MINE);
	ck_assert_int_eq(fd_write_all(claim.fd, "cont", 4), 0);
	blob_claim_release(&store, &claim, true);
	blob_claim_release(&store, &claim, false);
	ck_assert_int_eq(blob_claim(&store, &digest, &claim, NULL), BLOB_MINE);
	ck_assert_uint_eq(claim.size, 4);
	blob_claim_release(&store, &claim, false);
	ck_assert_uint_eq(count_names(store.uploads), 0);
	ck_assert_int_eq(blob_claim(&store, &digest, &claim, NULL), BLOB_MINE);
	ck_assert_uint_eq(claim.size, 0);
	/* Somebody put the blob there on another way: the partial goes with the next claim. */
	blob_claim_release(&store, &claim, true);
	ok(blob_put(&store, &digest, "content", 7, NULL, err));
	ck_assert_int_eq(blob_claim(&store, &digest, &claim, NULL), BLOB_THERE);
}
END_TEST

START_TEST(claim_without_digest)
{
	struct blob_claim a, b;

	ok(blob_claim_new(&store, &a, err));
	ok(blob_claim_new(&store, &b, err));
	ck_assert_str_ne(a.name, b.name);
	ck_assert(str_starts(a.name, "new-") && str_ends(a.name, ".partial"));
	fails(blob_claim_commit(&store, &a, err), EINVAL, "without a digest");
	ck_assert_int_eq(fd_write_all(a.fd, "abc", 3), 0);
	a.digest = digest_of("abc");
	ok(blob_claim_commit(&store, &a, err));
	ck_assert(blob_exists(&store, &a.digest, NULL));
	blob_claim_release(&store, &b, false);
	ck_assert_uint_eq(count_names(store.uploads), 0);
}
END_TEST

START_TEST(claim_on_something_else)
{
	const struct digest digest = digest_of("content");
	_cleanup_free_ char *name = xasprintf("sha256-%s.partial", digest_encoded(&digest));
	struct blob_claim claim;

	ck_assert_int_eq(symlinkat("../index.json", store.uploads, name), 0);
	fails(blob_claim(&store, &digest, &claim, err), ELOOP, digest.text);
	ck_assert_int_eq(unlinkat(store.uploads, name, 0), 0);
	ck_assert_int_eq(mkfifoat(store.uploads, name, 0600), 0);
	ck_assert_int_lt(blob_claim(&store, &digest, &claim, NULL), 0);
	ck_assert_int_eq(unlinkat(store.uploads, name, 0), 0);
	ck_assert_int_eq(mkdirat(store.uploads, name, 0700), 0);
	fails(blob_claim(&store, &digest, &claim, err), EISDIR, digest.text);
}
END_TEST

static void claim_and_write(int ready)
{
	const struct digest digest = digest_of("content");
	struct blob_claim claim;

	if (blob_claim(&store, &digest, &claim, NULL) != BLOB_MINE ||
	    write(claim.fd, "con", 3) != 3)
		_exit(1);
	ready_and_wait_for_kill(ready);
}

START_TEST(claim_of_a_killed_process)
{
	const struct digest digest = digest_of("content");
	pid_t pid = start(claim_and_write);
	struct blob_claim claim;

	ck_assert_int_eq(blob_claim(&store, &digest, &claim, NULL), BLOB_BUSY);
	kill(pid, SIGKILL);
	ck_assert_int_eq(finish(pid), 128 + SIGKILL);
	ck_assert_int_eq(blob_claim(&store, &digest, &claim, NULL), BLOB_MINE);
	ck_assert_uint_eq(claim.size, 3);
	blob_claim_release(&store, &claim, false);
}
END_TEST

#define CLAIMANTS 16

static bool first_time(const char *what)
{
	int fd = openat(store.cache, what, O_CREAT | O_EXCL | O_WRONLY, 0600);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Each holder adds one byte, one starts anew; all are done when there are as many as claimants. Two
 * holders at once would collide on the marker, a claim of a file without name would lose bytes. */
static int contend(const struct digest *digest)
{
	for (;;) {
		struct blob_claim claim;
		int r = blob_claim(&store, digest, &claim, NULL);

		if (r == BLOB_THERE)
			return 0;
		if (r == BLOB_BUSY) {
			usleep(200);
			continue;
		}
		if (r != BLOB_MINE)
			return 2;
		if (!first_time("held"))
			return 3;
		if (fd_pwrite_all(claim.fd, "x", 1, (off_t)claim.size) < 0)
			return 4;
		usleep(500);
		if (unlinkat(store.cache, "held", 0) < 0)
			return 5;
		if (claim.size + 1 < CLAIMANTS)
			blob_claim_release(&store, &claim,
					   !(claim.size == 3 && first_time("discarded")));
		else if (blob_claim_commit(&store, &claim, NULL) < 0)
			return 6;
	}
}

START_TEST(claims_of_many)
{
	const struct digest digest = digest_of("contended");
	pid_t pids[CLAIMANTS];
	int64_t size = 0;

	for (size_t i = 0; i < CLAIMANTS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(contend(&digest));
	}
	for (size_t i = 0; i < CLAIMANTS; i++)
		ck_assert_int_eq(finish(pids[i]), 0);
	ck_assert(blob_exists(&store, &digest, &size));
	ck_assert_int_eq(size, CLAIMANTS);
	ck_assert_uint_eq(count_names(store.uploads), 0);
	ck_assert_uint_eq(count_names(store.blobs), 1);
}
END_TEST

START_TEST(write_fails)
{
	static char big[100000];
	struct rlimit old, small;
	const struct digest digest = digest_of("x");

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 50000;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	memset(big, 'x', sizeof(big));
	fails(blob_put(&store, NULL, big, sizeof(big), NULL, err), EFBIG,
	      "cannot write blob sha256:");
	ck_assert_uint_eq(count_names(store.uploads), 0);
	ck_assert_uint_eq(count_names(store.blobs), 0);
	ok(blob_put(&store, &digest, "x", 1, NULL, err));
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
}
END_TEST

TCase *case_blob(void)
{
	TCase *tc = tcase_create("blob");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, put_and_read);
	tcase_add_test(tc, read_errors);
	tcase_add_test(tc, other_algorithms_are_read_only);
	tcase_add_test(tc, claim_and_commit);
	tcase_add_test(tc, claim_given_back);
	tcase_add_test(tc, claim_without_digest);
	tcase_add_test(tc, claim_on_something_else);
	tcase_add_test(tc, claim_of_a_killed_process);
	tcase_add_test(tc, claims_of_many);
	tcase_add_test(tc, write_fails);
	return tc;
}
