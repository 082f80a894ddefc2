/* gc: what it keeps, what it removes, and when it refuses. */
#include "store_test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "oci/media_type.h"
#include "store/blob.h"
#include "store/gc.h"
#include "store/scratch.h"
#include "store/tag.h"

static const char *const two_layers[] = {"base", "top", NULL};
static const char *const one_layer[] = {"base", NULL};

static struct gc_result gc(void)
{
	struct gc_result result;

	ok(store_gc(&store, false, false, 3600, &result, err));
	return result;
}

static bool has(const struct digest *digest)
{
	return blob_exists(&store, digest, NULL);
}

static void unpack(const struct digest *diff_id)
{
	struct scratch scratch;

	ok(scratch_new(&store, &scratch, err));
	write_text(scratch.fd, "root/dir/file", diff_id->text);
	ok(scratch_publish_layer(&store, &scratch, diff_id, err));
}

START_TEST(keeps_images)
{
	struct test_image a, b;
	struct digest stray, stray_layer = digest_of("stray layer");
	struct gc_result result;

	put_tagged(&a, "a:1", two_layers);
	put_tagged(&b, "b:1", one_layer);
	ok(blob_put(&store, NULL, "stray", 5, &stray, err));
	unpack(&a.diff_ids[0]);
	unpack(&a.diff_ids[1]);
	unpack(&stray_layer);
	/* Another tool's files are not ours to remove. */
	write_text(store.blobs, "not-a-digest", "x");
	write_text(store.root, "manifest.json", "x");
	write_text(store.cache, "indexes/x", "x");
	write_text(store.uploads, "session/x", "x");
	write_text(store.uploads, "other", "x");

	ok(store_gc(&store, false, true, 3600, &result, err));
	ck_assert_uint_eq(result.blobs, 1);
	ck_assert_uint_eq(result.layers, 1);
	ck_assert(has(&stray) && layer_dir_exists(&store, &stray_layer));

	result = gc();
	ck_assert_uint_eq(result.blobs, 1);
	ck_assert_uint_eq(result.layers, 1);
	ck_assert_uint_eq(result.bytes, 5);
	ck_assert_uint_eq(result.scratches + result.partials, 0);
	ck_assert(!has(&stray) && !layer_dir_exists(&store, &stray_layer));
	ck_assert(has(&a.manifest) && has(&a.config) && has(&a.layers[0]) && has(&a.layers[1]));
	ck_assert(has(&b.manifest) && has(&b.config));
	ck_assert(layer_dir_exists(&store, &a.diff_ids[0]) &&
		  layer_dir_exists(&store, &a.diff_ids[1]));
	ck_assert(exists(store.blobs, "not-a-digest") && exists(store.root, "manifest.json"));
	ck_assert(exists(store.cache, "indexes/x") && exists(store.uploads, "session/x"));
	ck_assert(exists(store.uploads, "other"));
	ck_assert_uint_eq(count_names(store.scratch), 0);
}
END_TEST

START_TEST(clears_the_root)
{
	write_text(store.root, ".tmp-0123456789abcdef", "{");
	write_text(store.root, ".tmp-mine", "");
	write_text(store.root, "oci-put-blob123", "");
	gc();
	ck_assert(!exists(store.root, ".tmp-0123456789abcdef"));
	ck_assert(exists(store.root, ".tmp-mine") && exists(store.root, "oci-put-blob123"));
}
END_TEST

START_TEST(removes_untagged_images)
{
	struct test_image a, b;
	struct gc_result result;

	put_tagged(&a, "a:1", two_layers);
	put_tagged(&b, "b:1", one_layer);
	unpack(&a.diff_ids[0]);
	unpack(&a.diff_ids[1]);
	ok(tag_remove(&store, "a:1", err));
	result = gc();
	ck_assert_uint_eq(result.blobs, 3); /* manifest, config, the layer that b has not */
	ck_assert_uint_eq(result.layers, 1);
	ck_assert(has(&b.manifest) && has(&b.config) && has(&b.layers[0]));
	ck_assert(layer_dir_exists(&store, &b.diff_ids[0]) &&
		  !layer_dir_exists(&store, &a.diff_ids[1]));
	ok(tag_remove(&store, "b:1", err));
	result = gc();
	ck_assert_uint_eq(result.blobs, 3);
	ck_assert_uint_eq(count_names(store.blobs), 0);
	ck_assert_uint_eq(count_names(store.layers), 0);
}
END_TEST

static struct descriptor put_index(const struct test_image *a, const struct test_image *b)
{
	const struct digest absent = digest_of("another platform, never pulled");
	_cleanup_free_ char *text = NULL;

	text = xasprintf("{\"schemaVersion\":2,\"mediaType\":\"%s\",\"manifests\":["
			 "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu},"
			 "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu},"
			 "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":7}]}",
			 MEDIA_OCI_INDEX, MEDIA_OCI_MANIFEST, a->manifest.text, a->manifest_size,
			 MEDIA_OCI_MANIFEST, b->manifest.text, b->manifest_size, MEDIA_OCI_MANIFEST,
			 absent.text);
	return put_document(MEDIA_OCI_INDEX, text);
}

START_TEST(keeps_what_indexes_lead_to)
{
	struct test_image a, b;
	struct descriptor index, d;

	put_image(&a, "a", two_layers);
	put_image(&b, "b", one_layer);
	index = put_index(&a, &b);
	/* As `pull` tags: the manifest, its index in an annotation. */
	d = describe(MEDIA_OCI_MANIFEST, &a.manifest, a.manifest_size);
	descriptor_annotate(&d, TAG_ANNOTATION_INDEX, index.digest.text);
	ok(tag_set(&store, "a:1", &d, err));
	json_decref(d.annotations);
	ck_assert_uint_eq(gc().blobs, 0);
	/* As skopeo copy --all does: the index itself. */
	ok(tag_remove(&store, "a:1", err));
	ok(tag_set(&store, "all:1", &index, err));
	ck_assert_uint_eq(gc().blobs, 0);
	ok(tag_remove(&store, "all:1", err));
	ck_assert_uint_eq(gc().blobs, 7);
}
END_TEST

START_TEST(keeps_what_containers_use)
{
	_cleanup_free_ char *config = NULL;
	struct test_image a;
	struct gc_result result;
	struct digest loose = digest_of("a layer that no manifest names");

	put_tagged(&a, "a:1", two_layers);
	unpack(&a.diff_ids[0]);
	unpack(&a.diff_ids[1]);
	unpack(&loose);
	config = xasprintf("{\"manifest\":\"%s\",\"layers\":[\"%s\"],\"other\":1}", a.manifest.text,
			   loose.text);
	write_text(store.containers, "0123/config.json", config);
	write_text(store.containers, "names/somebody", "");
	write_text(store.containers, "a-file", "");
	ok(tag_remove(&store, "a:1", err));
	result = gc();
	ck_assert_uint_eq(result.blobs + result.layers, 0);
	ck_assert_int_eq(unlinkat(store.containers, "0123/config.json", 0), 0);
	result = gc();
	ck_assert_uint_eq(result.blobs, 4);
	ck_assert_uint_eq(result.layers, 3);
}
END_TEST

START_TEST(sparse_layouts)
{
	struct test_image a;

	put_tagged(&a, "a:1", two_layers);
	ok(blob_remove(&store, &a.layers[0], err));
	ck_assert_uint_eq(gc().blobs, 0);
	ok(blob_remove(&store, &a.config, err));
	ck_assert_uint_eq(gc().blobs, 0);
	ok(blob_remove(&store, &a.manifest, err));
	ck_assert_uint_eq(gc().blobs, 1);
}
END_TEST

/* ---- refusals: one document nobody can follow, and all stays */

static void expect_refusal(int code, const char *says)
{
	const size_t before = count_names(store.blobs);
	struct gc_result result;

	fails(store_gc(&store, false, false, 0, &result, err), code, says);
	fails(store_gc(&store, false, false, 0, &result, err), code, "nothing was removed");
	ck_assert_uint_eq(result.blobs, 0);
	ck_assert_uint_eq(count_names(store.blobs), before);
}

static void tag_document(const char *media_type, const char *text)
{
	struct descriptor d = put_document(media_type, text);

	ok(tag_set(&store, "bad:1", &d, err));
}

START_TEST(refuses_unreadable_manifests)
{
	const struct digest digest = digest_of("{}");
	struct test_image a;

	put_image(&a, "stray", two_layers);
	tag_document(MEDIA_OCI_MANIFEST, "{}");
	expect_refusal(EINVAL, digest.text);
	expect_refusal(EINVAL, "image 'bad:1'");
	tag_document(MEDIA_OCI_MANIFEST, "not json");
	expect_refusal(EINVAL, "image 'bad:1'");
	/* A type that names nothing is kept as it is. */
	tag_document("application/x-unknown", "not json either");
	ck_assert_uint_eq(gc().blobs, 4 + 2);
}
END_TEST

START_TEST(refuses_wrong_sizes)
{
	struct test_image a;
	struct descriptor d;

	put_image(&a, "a", one_layer);
	d = describe(MEDIA_OCI_MANIFEST, &a.manifest, a.manifest_size + 1);
	ok(tag_set(&store, "bad:1", &d, err));
	expect_refusal(EBADMSG, a.manifest.text);
}
END_TEST

START_TEST(refuses_unreadable_configs)
{
	static const char *const configs[] = {
		"not json",
		"{\"rootfs\":7}",
		"{\"rootfs\":{\"diff_ids\":[\"sha256:short\"]}}",
		"{\"rootfs\":{\"diff_ids\":[7]}}",
	};
	_cleanup_free_ char *manifest = NULL;
	struct descriptor config = put_document(MEDIA_OCI_CONFIG, configs[_i]);

	manifest =
		xasprintf("{\"schemaVersion\":2,\"config\":{\"mediaType\":\"%s\",\"digest\":\"%s\","
			  "\"size\":%zu},\"layers\":[]}",
			  MEDIA_OCI_CONFIG, config.digest.text, strlen(configs[_i]));
	tag_document(MEDIA_OCI_MANIFEST, manifest);
	expect_refusal(EINVAL, config.digest.text);
}
END_TEST

START_TEST(refuses_deep_indexes)
{
	struct descriptor d =
		put_document(MEDIA_OCI_INDEX, "{\"schemaVersion\":2,\"manifests\":[]}");

	for (int i = 0; i < 10; i++) {
		_cleanup_free_ char *text = NULL;

		text = xasprintf("{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"%s\","
				 "\"digest\":\"%s\","
				 "\"size\":%lld}]}",
				 MEDIA_OCI_INDEX, d.digest.text, (long long)d.size);
		d = put_document(MEDIA_OCI_INDEX, text);
	}
	ok(tag_set(&store, "deep:1", &d, err));
	expect_refusal(ELOOP, "nested");
}
END_TEST

START_TEST(refuses_unreadable_containers)
{
	static const char *const configs[] = {
		"",
		"[]",
		"{\"manifest\":7}",
		"{\"manifest\":\"sha256:x\"}",
		"{\"layers\":\"x\"}",
		"{\"layers\":[\"x\"]}",
	};
	struct test_image a;

	put_image(&a, "stray", one_layer);
	write_text(store.containers, "0123/config.json", configs[_i]);
	expect_refusal(EINVAL, "container 0123");
}
END_TEST

/* ---- partials, leases, leftovers */

#define DOOMED 100

static void gc_until_killed(int ready)
{
	struct gc_result result;

	if (write(ready, "", 1) != 1 || store_gc(&store, true, false, 0, &result, NULL) < 0)
		_exit(1);
	pause();
}

/* Killed at any moment: what has its final name is whole, and the next gc removes the rest. */
START_TEST(killed)
{
	struct test_image a;
	pid_t pid;
	int whole = 0;

	put_tagged(&a, "a:1", two_layers);
	unpack(&a.diff_ids[0]);
	for (int i = 0; i < DOOMED; i++) {
		_cleanup_free_ char *name = xasprintf("doomed %d", i);
		const struct digest id = digest_of(name);
		_cleanup_free_ char *file = xasprintf("%s/root/dir/file", digest_encoded(&id));

		write_text(store.layers, file, id.text);
		write_text(store.blobs, digest_encoded(&id), name);
	}
	pid = start(gc_until_killed);
	usleep((useconds_t)_i * 1000);
	kill(pid, SIGKILL);
	ck_assert_int_eq(finish(pid), 128 + SIGKILL);
	for (int i = 0; i < DOOMED; i++) {
		_cleanup_free_ char *name = xasprintf("doomed %d", i), *text = NULL;
		const struct digest id = digest_of(name);
		_cleanup_fd_ int fd = -1;

		if (!layer_dir_exists(&store, &id))
			continue;
		ok(fd = layer_dir_open(&store, &id, err));
		text = read_text(fd, "root/dir/file");
		ck_assert_str_eq(text, id.text);
		whole++;
	}
	ck_assert_uint_eq(gc().layers, whole);
	ck_assert_uint_eq(count_names(store.layers), 1);
	ck_assert_uint_eq(count_names(store.scratch), 0);
	ck_assert_uint_eq(count_names(store.blobs), 4);
}
END_TEST

static void hold_claims(int ready)
{
	const struct digest digest = digest_of("held");
	struct blob_claim a, b;

	if (blob_claim(&store, &digest, &a, NULL) != BLOB_MINE ||
	    blob_claim_new(&store, &b, NULL) < 0 || write(a.fd, "he", 2) != 2 ||
	    write(b.fd, "new", 3) != 3)
		_exit(1);
	ready_and_wait_for_kill(ready);
}

START_TEST(partials)
{
	const struct digest held = digest_of("held"), there = digest_of("there");
	_cleanup_free_ char *held_name = xasprintf("sha256-%s.partial", digest_encoded(&held));
	_cleanup_free_ char *there_name = xasprintf("sha256-%s.partial", digest_encoded(&there));
	struct gc_result result;
	pid_t pid = start(hold_claims);

	write_text(store.uploads, there_name, "the");
	write_text(store.uploads, "sha256-zz.partial", "foreign");
	/* Held ones stay whatever their age. */
	make_old(store.uploads, held_name, 100000);
	result = gc();
	ck_assert_uint_eq(result.partials, 0);
	kill(pid, SIGKILL);
	ck_assert_int_eq(finish(pid), 128 + SIGKILL);

	/* Nobody resumes one without a digest; a young one with a digest waits for the next pull.
	 */
	make_old(store.uploads, held_name, 3500);
	result = gc();
	ck_assert_uint_eq(result.partials, 1);
	ck_assert_uint_eq(result.bytes, 3);
	ck_assert(exists(store.uploads, held_name) && exists(store.uploads, there_name));
	make_old(store.uploads, held_name, 3700);
	result = gc();
	ck_assert_uint_eq(result.partials, 1);
	ck_assert_uint_eq(result.bytes, 2);
	ck_assert(!exists(store.uploads, held_name) && exists(store.uploads, there_name));
	/* One whose blob is there is of no use, however young. */
	ok(blob_put(&store, &there, "there", 5, NULL, err));
	ck_assert_uint_eq(gc().partials, 1);
	write_text(store.uploads, there_name, "the");
	make_old(store.uploads, there_name, -1000);
	ok(store_gc(&store, false, false, 0, &result, err));
	ck_assert_uint_eq(result.partials, 1);
	ck_assert_uint_eq(count_names(store.uploads), 1);
	ck_assert(exists(store.uploads, "sha256-zz.partial"));
}
END_TEST

static void lease_a_while(int ready)
{
	int fd = store_lease(&store, STORE_SHARED, true, NULL);

	if (fd < 0 || write(ready, "", 1) != 1)
		_exit(1);
	usleep(100000);
	write_text(store.cache, "released", "");
	close(fd);
}

START_TEST(leased)
{
	_cleanup_fd_ int fd = -1;
	struct gc_result result;
	struct digest stray;
	pid_t pid;

	ok(blob_put(&store, NULL, "stray", 5, &stray, err));
	ok(fd = store_lease(&store, STORE_SHARED, true, err));
	fails(store_gc(&store, false, false, 0, &result, err), EAGAIN, "in use");
	ck_assert(has(&stray));
	fd_closep(&fd);
	pid = start(lease_a_while);
	ok(store_gc(&store, true, false, 0, &result, err));
	ck_assert(exists(store.cache, "released"));
	ck_assert(!has(&stray));
	ck_assert_int_eq(finish(pid), 0);
	/* And it gave its own lease back. */
	ok(fd = store_lease(&store, STORE_EXCLUSIVE, false, err));
}
END_TEST

TCase *case_gc(void)
{
	TCase *tc = tcase_create("gc");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, keeps_images);
	tcase_add_test(tc, clears_the_root);
	tcase_add_test(tc, removes_untagged_images);
	tcase_add_test(tc, keeps_what_indexes_lead_to);
	tcase_add_test(tc, keeps_what_containers_use);
	tcase_add_test(tc, sparse_layouts);
	tcase_add_test(tc, refuses_unreadable_manifests);
	tcase_add_test(tc, refuses_wrong_sizes);
	tcase_add_loop_test(tc, refuses_unreadable_configs, 0, 4);
	tcase_add_test(tc, refuses_deep_indexes);
	tcase_add_loop_test(tc, refuses_unreadable_containers, 0, 6);
	tcase_add_loop_test(tc, killed, 0, 5);
	tcase_add_test(tc, partials);
	tcase_add_test(tc, leased);
	return tc;
}
