/* Directories under construction and unpacked layers. */
#include "store_test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "store/gc.h"
#include "store/scratch.h"

START_TEST(publish)
{
	const struct digest id = digest_of("layer");
	_cleanup_free_ char *path = NULL, *text = NULL, *expected = NULL;
	_cleanup_fd_ int fd = -1;
	struct scratch scratch;

	ok(scratch_new(&store, &scratch, err));
	write_text(scratch.fd, "root/etc/passwd", "one");
	ck_assert(!layer_dir_exists(&store, &id));
	fails(layer_dir_open(&store, &id, err), ENOENT, "strake unpack");
	ok(scratch_publish_layer(&store, &scratch, &id, err));
	ck_assert_int_eq(scratch.fd, -1);
	ck_assert_ptr_null(scratch.name);
	ck_assert(layer_dir_exists(&store, &id));
	ok(fd = layer_dir_open(&store, &id, err));
	text = read_text(fd, "root/etc/passwd");
	ck_assert_str_eq(text, "one");
	path = layer_dir_path(&store, &id);
	expected = xasprintf("%s/cache/layers/%s", store.path, digest_encoded(&id));
	ck_assert_str_eq(path, expected);
	ck_assert_uint_eq(count_names(store.scratch), 0);
}
END_TEST

START_TEST(publish_the_second)
{
	const struct digest id = digest_of("layer");
	_cleanup_free_ char *text = NULL, *path = NULL;
	struct scratch a, b;

	ok(scratch_new(&store, &a, err));
	ok(scratch_new(&store, &b, err));
	write_text(a.fd, "root/who", "a");
	write_text(b.fd, "root/who", "b");
	ok(scratch_publish_layer(&store, &b, &id, err));
	ok(scratch_publish_layer(&store, &a, &id, err));
	ck_assert_ptr_null(a.name);
	path = xasprintf("layers/%s/root/who", digest_encoded(&id));
	text = read_text(store.cache, path);
	ck_assert_str_eq(text, "b");
	ck_assert_uint_eq(count_names(store.scratch), 0);
	ck_assert_uint_eq(count_names(store.layers), 1);
}
END_TEST

START_TEST(publish_fails)
{
	const struct digest id = digest_of("layer");
	struct scratch scratch;

	ok(scratch_new(&store, &scratch, err));
	/* A file is in the way. */
	write_text(store.layers, digest_encoded(&id), "");
	fails(scratch_publish_layer(&store, &scratch, &id, err), ENOTDIR, id.text);
	ck_assert_ptr_nonnull(scratch.name);
	scratch_discard(&store, &scratch);
	fails(layer_dir_open(&store, &id, err), ENOTDIR, id.text);
	ck_assert_uint_eq(count_names(store.scratch), 0);
}
END_TEST

START_TEST(discard)
{
	struct scratch scratch = SCRATCH_INIT;

	scratch_discard(&store, &scratch);
	ok(scratch_new(&store, &scratch, err));
	write_text(scratch.fd, "root/a/b/c", "x");
	ck_assert_int_eq(fchmodat(scratch.fd, "root/a/b", 0, 0), 0);
	ck_assert_uint_eq(count_names(store.scratch), 2);
	scratch_discard(&store, &scratch);
	scratch_discard(&store, &scratch);
	ck_assert_int_eq(scratch.fd, -1);
	ck_assert_uint_eq(count_names(store.scratch), 0);
}
END_TEST

START_TEST(no_room)
{
	struct scratch scratch;

	ck_assert_int_eq(unlinkat(store.cache, "tmp", AT_REMOVEDIR), 0);
	fails(scratch_new(&store, &scratch, err), ENOENT, "cache/tmp");
	ck_assert_int_eq(scratch.fd, -1);
	ck_assert_int_eq(scratch.lock_fd, -1);
}
END_TEST

static void make_scratch(int ready)
{
	struct scratch scratch;

	if (scratch_new(&store, &scratch, NULL) < 0)
		_exit(1);
	write_text(scratch.fd, "root/file", "x");
	ready_and_wait_for_kill(ready);
}

START_TEST(scratch_of_a_killed_process)
{
	struct gc_result result;
	pid_t pid = start(make_scratch);

	ok(store_gc(&store, false, false, 0, &result, err));
	ck_assert_uint_eq(result.scratches, 0);
	ck_assert_uint_eq(count_names(store.scratch), 2);
	kill(pid, SIGKILL);
	ck_assert_int_eq(finish(pid), 128 + SIGKILL);
	ok(store_gc(&store, false, true, 0, &result, err));
	ck_assert_uint_eq(result.scratches, 1);
	ck_assert_uint_eq(count_names(store.scratch), 2);
	ok(store_gc(&store, false, false, 0, &result, err));
	ck_assert_uint_eq(result.scratches, 1);
	ck_assert_uint_eq(count_names(store.scratch), 0);
}
END_TEST

START_TEST(halves_are_garbage)
{
	struct gc_result result;

	write_text(store.scratch, "0123456789abcdef.lock", "");
	write_text(store.scratch, "fedcba9876543210/root/file", "");
	ok(store_gc(&store, false, false, 3600, &result, err));
	ck_assert_uint_eq(result.scratches, 2);
	ck_assert_uint_eq(count_names(store.scratch), 0);
}
END_TEST

TCase *case_scratch(void)
{
	TCase *tc = tcase_create("scratch");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, publish);
	tcase_add_test(tc, publish_the_second);
	tcase_add_test(tc, publish_fails);
	tcase_add_test(tc, discard);
	tcase_add_test(tc, no_room);
	tcase_add_test(tc, scratch_of_a_killed_process);
	tcase_add_test(tc, halves_are_garbage);
	return tc;
}
