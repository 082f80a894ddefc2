/* Tags: index.json as we and others write it, concurrent writers, hostile content. */
#include "store_test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "oci/media_type.h"
#include "store/gc.h"
#include "store/tag.h"

static void set(const char *name, const char *content)
{
	const struct digest digest = digest_of(content);
	struct descriptor d = describe(MEDIA_OCI_MANIFEST, &digest, strlen(content));

	ok(tag_set(&store, name, &d, err));
}

static void expect(const struct tags *tags, size_t i, const char *name, const char *content)
{
	const struct digest digest = digest_of(content);

	ck_assert_uint_lt(i, tags->n);
	ck_assert_str_eq(tags->tags[i].name, name);
	ck_assert_str_eq(tags->tags[i].manifest.digest.text, digest.text);
}

START_TEST(set_and_remove)
{
	const struct digest b = digest_of("B"), none = digest_of("none");
	_cleanup_tags_ struct tags tags = {0};
	struct descriptor d = describe(MEDIA_OCI_MANIFEST, &b, 1);

	set("docker.io/library/a:1", "A");
	set("b:1", "B");
	set("b:2", "B");
	set("c:1", "C");
	set("b:1", "B2");
	ok(tags_read(&store, &tags, err));
	ck_assert_uint_eq(tags.n, 4);
	expect(&tags, 0, "docker.io/library/a:1", "A");
	expect(&tags, 1, "b:1", "B2"); /* in its place */
	expect(&tags, 2, "b:2", "B");
	expect(&tags, 3, "c:1", "C");
	ck_assert_ptr_eq(tags_find(&tags, "b:2"), &tags.tags[2]);
	ck_assert_ptr_null(tags_find(&tags, "b"));
	ck_assert_ptr_null(tags_find(&tags, ""));
	tags_release(&tags);

	ok(tag_remove(&store, "b:1", err));
	fails(tag_remove(&store, "b:1", err), ENOENT, "no such image 'b:1'");
	fails(tag_remove(&store, "", err), ENOENT, "no such image");
	fails(tag_set(&store, "", &d, err), EINVAL, "without a name");
	fails(tag_set(&store, "\xff", &d, err), EINVAL, "UTF-8");
	set("d:1", "B");
	ck_assert_int_eq(tag_remove_manifest(&store, &b, NULL), 2);
	ck_assert_int_eq(tag_remove_manifest(&store, &none, NULL), 0);
	ok(tags_read(&store, &tags, err));
	ck_assert_uint_eq(tags.n, 2);
	expect(&tags, 0, "docker.io/library/a:1", "A");
	expect(&tags, 1, "c:1", "C");
}
END_TEST

START_TEST(descriptor_is_kept)
{
	const struct digest digest = digest_of("A");
	_cleanup_tags_ struct tags tags = {0};
	struct descriptor d = describe(MEDIA_DOCKER_MANIFEST, &digest, 77);
	const struct descriptor *m;

	d.has_platform = true;
	ok(platform_parse("linux/arm64", &d.platform, err));
	descriptor_annotate(&d, TAG_ANNOTATION_INDEX, digest.text);
	descriptor_annotate(&d, TAG_ANNOTATION_NAME, "another:name");
	ok(tag_set(&store, "a:1", &d, err));
	/* The caller's descriptor is not changed. */
	ck_assert_str_eq(descriptor_annotation(&d, TAG_ANNOTATION_NAME), "another:name");
	json_decref(d.annotations);
	ok(tags_read(&store, &tags, err));
	ck_assert_uint_eq(tags.n, 1);
	m = &tags.tags[0].manifest;
	ck_assert_str_eq(tags.tags[0].name, "a:1");
	ck_assert_str_eq(m->media_type, MEDIA_DOCKER_MANIFEST);
	ck_assert_int_eq(m->size, 77);
	ck_assert(m->has_platform);
	ck_assert_str_eq(m->platform.arch, "arm64");
	ck_assert_str_eq(descriptor_annotation(m, TAG_ANNOTATION_INDEX), digest.text);
}
END_TEST

START_TEST(foreign_members_survive)
{
	const struct digest digest = digest_of("A");
	_cleanup_free_ char *before = NULL, *after = NULL;
	_cleanup_tags_ struct tags tags = {0};

	before = xasprintf(
		"{\"x\":{\"y\":[1,2.5,null]},\"schemaVersion\":2,\"manifests\":["
		"{\"mediaType\":\"application/x-foreign\",\"digest\":\"%s\",\"size\":3,"
		"\"data\":\"QUJD\",\"x-member\":true},"
		"{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":3,"
		"\"annotations\":{\"%s\":\"twice\",\"k\":\"v\"}},"
		"{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":3,"
		"\"annotations\":{\"%s\":\"twice\"}}],\"annotations\":{\"of\":\"index\"}}",
		digest.text, MEDIA_OCI_INDEX, digest.text, TAG_ANNOTATION_NAME, MEDIA_OCI_MANIFEST,
		digest.text, TAG_ANNOTATION_NAME);
	write_text(store.root, "index.json", before);
	ok(tags_read(&store, &tags, err));
	ck_assert_uint_eq(tags.n, 3);
	expect(&tags, 0, "", "A");
	ck_assert_str_eq(tags.tags[1].manifest.media_type, MEDIA_OCI_INDEX);
	ck_assert_ptr_eq(tags_find(&tags, "twice"), &tags.tags[1]);
	tags_release(&tags);

	set("mine:1", "M");
	after = read_text(store.root, "index.json");
	ck_assert_ptr_nonnull(strstr(after, "{\"x\":{\"y\":[1,2.5,null]},\"schemaVersion\":2,"));
	ck_assert_ptr_nonnull(strstr(after, "\"data\":\"QUJD\",\"x-member\":true}"));
	ck_assert_ptr_nonnull(strstr(after, "\"annotations\":{\"of\":\"index\"}}"));
	/* A name is there once after it was set. */
	set("twice", "T");
	ok(tags_read(&store, &tags, err));
	ck_assert_uint_eq(tags.n, 3);
	expect(&tags, 1, "twice", "T");
	expect(&tags, 2, "mine:1", "M");
}
END_TEST

START_TEST(written_by_skopeo)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	_cleanup_tags_ struct tags tags = {0};
	const char *srcdir = getenv("srcdir");
	struct stat st;

	path = xasprintf("%s/tests/data/store/skopeo-index.json", srcdir ? srcdir : ".");
	text = read_text(AT_FDCWD, path);
	write_text(store.root, "index.json", text);
	ok(tags_read(&store, &tags, err));
	ck_assert_uint_eq(tags.n, 3);
	ck_assert_str_eq(tags.tags[0].name, "docker.io/library/one:latest");
	ck_assert_str_eq(tags.tags[1].name, "two");
	ck_assert_str_eq(tags.tags[2].name, "");
	ck_assert_int_eq(tags.tags[2].manifest.size, 345);
	ok(tag_remove(&store, "two", err));
	tags_release(&tags);
	ok(tags_read(&store, &tags, err));
	ck_assert_uint_eq(tags.n, 2);
	ck_assert_int_eq(fstatat(store.root, "index.json", &st, 0), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0644);
}
END_TEST

START_TEST(without_manifests)
{
	_cleanup_tags_ struct tags tags = {0};

	write_text(store.root, "index.json", "{\"schemaVersion\":2}");
	ok(tags_read(&store, &tags, err));
	ck_assert_uint_eq(tags.n, 0);
	tags_release(&tags);
	set("a:1", "A");
	ok(tags_read(&store, &tags, err));
	ck_assert_uint_eq(tags.n, 1);
}
END_TEST

#define WRITERS 16
#define TAGS_EACH 8

static int write_tags(int who)
{
	for (int i = 0; i < TAGS_EACH; i++) {
		_cleanup_free_ char *name = xasprintf("w%d:%d", who, i);
		const struct digest digest = digest_of(name);
		struct descriptor d = describe(MEDIA_OCI_MANIFEST, &digest, 1);

		if (tag_set(&store, name, &d, NULL) < 0 ||
		    tag_set(&store, "common:1", &d, NULL) < 0)
			return 1;
	}
	return 0;
}

START_TEST(set_by_many)
{
	_cleanup_tags_ struct tags tags = {0};
	pid_t pids[WRITERS];

	for (int i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(write_tags(i));
	}
	/* A reader without lock sees a whole file at any time. */
	for (int i = 0; i < 50; i++) {
		ok(tags_read(&store, &tags, err));
		tags_release(&tags);
	}
	for (int i = 0; i < WRITERS; i++)
		ck_assert_int_eq(finish(pids[i]), 0);
	ok(tags_read(&store, &tags, err));
	ck_assert_uint_eq(tags.n, WRITERS * TAGS_EACH + 1);
	for (int i = 0; i < WRITERS; i++)
		for (int j = 0; j < TAGS_EACH; j++) {
			_cleanup_free_ char *name = xasprintf("w%d:%d", i, j);

			ck_assert_ptr_nonnull(tags_find(&tags, name));
		}
}
END_TEST

/* ---- hostile content */

#define ENTRY "\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"size\":3"
#define HEX "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static const struct {
	const char *text;
	int code;
	const char *says;
} hostile[] = {
	{"", EINVAL, "index.json"},
	{"[]", EINVAL, "index.json"},
	{"{\"schemaVersion\":2,\"manifests\":[]} x", EINVAL, "index.json"},
	{"{\"schemaVersion\":2,\"manifests\":[],\"manifests\":[]}", EINVAL, "manifests"},
	{"{\"schemaVersion\":1,\"manifests\":[]}", ERANGE, "schemaVersion"},
	{"{\"schemaVersion\":\"2\",\"manifests\":[]}", EINVAL, "schemaVersion"},
	{"{\"schemaVersion\":2,\"manifests\":{}}", EINVAL, "manifests"},
	{"{\"schemaVersion\":2,\"manifests\":\"x\"}", EINVAL, "manifests"},
	{"{\"schemaVersion\":2,\"manifests\":[7]}", EINVAL, "entry 0"},
	{"{\"schemaVersion\":2,\"manifests\":[{" ENTRY "}]}", EINVAL, "entry 0"},
	{"{\"schemaVersion\":2,\"manifests\":[{" ENTRY ",\"digest\":\"sha256:..\"}]}", EINVAL,
	 "entry 0"},
	{"{\"schemaVersion\":2,\"manifests\":[{" ENTRY ",\"digest\":\"sha256:../" HEX "\"}]}",
	 EINVAL, "entry 0"},
	{"{\"schemaVersion\":2,\"manifests\":[{" ENTRY ",\"digest\":\"sha256:" HEX
	 "\"},{\"mediaType\":\"a/b\","
	 "\"size\":-1,\"digest\":\"sha256:" HEX "\"}]}",
	 ERANGE, "entry 1"},
	{"{\"schemaVersion\":2,\"manifests\":[{" ENTRY ",\"digest\":\"sha256:" HEX "\","
	 "\"annotations\":{\"" TAG_ANNOTATION_NAME "\":7}}]}",
	 EINVAL, "entry 0"},
	{"{\"schemaVersion\":2,\"manifests\":[{" ENTRY ",\"digest\":\"sha256:" HEX "\","
	 "\"annotations\":{\"" TAG_ANNOTATION_NAME "\":\"a\\u0000b\"}}]}",
	 EINVAL, "index.json"},
};

/* Refused by every reader, left as it is by every writer. */
static void expect_refused(const char *text, int code, const char *says)
{
	_cleanup_free_ char *after = NULL;
	struct gc_result result;
	struct tags tags;

	write_text(store.root, "index.json", text);
	fails(tags_read(&store, &tags, err), code, says);
	ck_assert_uint_eq(tags.n, 0);
	ck_assert_ptr_null(tags.tags);
	fails(store_gc(&store, false, false, 0, &result, err), code, "nothing was removed");
	after = read_text(store.root, "index.json");
	ck_assert_str_eq(after, text);
}

START_TEST(hostile_index)
{
	write_text(store.blobs, HEX, "abc");
	expect_refused(hostile[_i].text, hostile[_i].code, hostile[_i].says);
	ck_assert(exists(store.blobs, HEX));
}
END_TEST

START_TEST(hostile_index_is_not_rewritten)
{
	static const char text[] = "{\"schemaVersion\":2,\"manifests\":[],\"a\":1,\"a\":2}";
	const struct digest digest = digest_of("A");
	struct descriptor d = describe(MEDIA_OCI_MANIFEST, &digest, 1);
	_cleanup_free_ char *after = NULL;

	write_text(store.root, "index.json", text);
	fails(tag_set(&store, "a:1", &d, err), EINVAL, "index.json");
	fails(tag_remove(&store, "a:1", err), EINVAL, "index.json");
	fails(tag_remove_manifest(&store, &digest, err), EINVAL, "index.json");
	after = read_text(store.root, "index.json");
	ck_assert_str_eq(after, text);
	ck_assert_uint_eq(count_names(store.root), 7);
}
END_TEST

START_TEST(large_index)
{
	const size_t size = 10 << 20;
	_cleanup_free_ char *text = xmalloc(size + 1);
	_cleanup_fd_ int fd = -1;

	memset(text, '[', size);
	text[size] = '\0';
	expect_refused(text, EINVAL, "index.json");
	memset(text, ' ', size);
	expect_refused(text, EINVAL, "index.json");
	fd = openat(store.root, "index.json", O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(ftruncate(fd, (64 << 20) + 1), 0);
	fails(tag_remove(&store, "a", err), EFBIG, "index.json");
}
END_TEST

START_TEST(ten_thousand)
{
	_cleanup_tags_ struct tags tags = {0};
	_cleanup_fd_ int fd = openat(store.root, "index.json", O_WRONLY | O_TRUNC | O_CLOEXEC);

	ck_assert_int_ge(dprintf(fd, "{\"schemaVersion\":2,\"manifests\":["), 0);
	for (int i = 0; i < 10000; i++)
		ck_assert_int_ge(dprintf(fd,
					 "%s{" ENTRY ",\"digest\":\"sha256:" HEX
					 "\",\"annotations\":{\"" TAG_ANNOTATION_NAME
					 "\":\"docker.io/library/x:%d\"}}",
					 i ? "," : "", i),
				 0);
	ck_assert_int_ge(dprintf(fd, "]}"), 0);
	set("new:1", "N");
	ok(tags_read(&store, &tags, err));
	ck_assert_uint_eq(tags.n, 10001);
	expect(&tags, 10000, "new:1", "N");
	ck_assert_ptr_eq(tags_find(&tags, "docker.io/library/x:9999"), &tags.tags[9999]);
}
END_TEST

TCase *case_tag(void)
{
	TCase *tc = tcase_create("tag");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, set_and_remove);
	tcase_add_test(tc, descriptor_is_kept);
	tcase_add_test(tc, foreign_members_survive);
	tcase_add_test(tc, written_by_skopeo);
	tcase_add_test(tc, without_manifests);
	tcase_add_test(tc, set_by_many);
	tcase_add_loop_test(tc, hostile_index, 0, ARRAY_SIZE(hostile));
	tcase_add_test(tc, hostile_index_is_not_rewritten);
	tcase_add_test(tc, large_index);
	tcase_add_test(tc, ten_thousand);
	return tc;
}
