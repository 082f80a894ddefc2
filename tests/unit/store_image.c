/* image_find, image_load, image_layer_dirs over a store. */
#include "store_test.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "image/open.h"
#include "oci/media_type.h"
#include "store/blob.h"
#include "store/scratch.h"

static const char *const two_layers[] = {"base", "top", NULL};

/* The name of the tag that text finds; "" and *code set when none. */
static const char *find(const char *text, int *code)
{
	static struct tags tags;
	struct err why = ERR_INIT;
	size_t i = 0;

	tags_release(&tags);
	ok(tags_read(&store, &tags, err));
	*code = image_find(&store, &tags, text, &i, &why);
	ck_assert_int_eq(*code, -why.code);
	return *code < 0 ? "" : tags.tags[i].name;
}

#define finds(text, name)                                                                          \
	do {                                                                                       \
		int code_;                                                                         \
		ck_assert_str_eq(find(text, &code_), name);                                        \
		ck_assert_int_eq(code_, 0);                                                        \
	} while (0)

#define finds_none(text, errno_)                                                                   \
	do {                                                                                       \
		int code_;                                                                         \
		ck_assert_str_eq(find(text, &code_), "");                                          \
		ck_assert_int_eq(code_, -(errno_));                                                \
	} while (0)

START_TEST(by_name)
{
	struct test_image a;
	struct image image;

	put_tagged(&a, "docker.io/library/alpine:latest", two_layers);
	put_tagged(&a, "docker.io/user/app:2", two_layers);
	put_tagged(&a, "localhost/mine:latest", two_layers);
	put_tagged(&a, "docker.io/library/mine:latest", two_layers);
	put_tagged(&a, "127.0.0.1:5000/debian:bookworm", two_layers);
	put_tagged(&a, "odd Name of another tool", two_layers);
	finds("alpine", "docker.io/library/alpine:latest");
	finds("alpine:latest", "docker.io/library/alpine:latest");
	finds("docker.io/alpine", "docker.io/library/alpine:latest");
	finds("docker.io/library/alpine:latest", "docker.io/library/alpine:latest");
	finds("user/app:2", "docker.io/user/app:2");
	finds("mine", "localhost/mine:latest");
	finds("docker.io/mine", "docker.io/library/mine:latest");
	finds("127.0.0.1:5000/debian:bookworm", "127.0.0.1:5000/debian:bookworm");
	finds("odd Name of another tool", "odd Name of another tool");
	finds_none("user/app", ENOENT);
	finds_none("debian:bookworm", ENOENT);
	finds_none("127.0.0.1:5000/debian", ENOENT);
	finds_none("", ENOENT);
	finds_none("no such / name", ENOENT);
	fails(image_open(&store, "nothing", &image, err), ENOENT, "no such image 'nothing'");
	ck_assert_ptr_null(image.name);
}
END_TEST

START_TEST(by_name_and_digest)
{
	_cleanup_free_ char *by_digest = NULL, *by_both = NULL, *elsewhere = NULL, *wrong = NULL;
	_cleanup_free_ char *index = NULL;
	const struct digest other = digest_of("other"), source = digest_of("index");
	struct test_image a;
	struct descriptor d;

	put_image(&a, "a", two_layers);
	d = describe(MEDIA_OCI_MANIFEST, &a.manifest, a.manifest_size);
	descriptor_annotate(&d, TAG_ANNOTATION_INDEX, source.text);
	ok(tag_set(&store, "docker.io/library/a:1", &d, err));
	json_decref(d.annotations);
	by_digest = xasprintf("a@%s", a.manifest.text);
	by_both = xasprintf("a:7@%s", a.manifest.text);
	elsewhere = xasprintf("b@%s", a.manifest.text);
	wrong = xasprintf("a:1@%s", other.text);
	index = xasprintf("a@%s", source.text);
	finds(by_digest, "docker.io/library/a:1");
	finds(by_both, "docker.io/library/a:1");
	finds(index, "docker.io/library/a:1");
	finds_none(elsewhere, ENOENT);
	finds_none(wrong, ENOENT);
}
END_TEST

START_TEST(by_id)
{
	char hex[LIMIT_DIGEST + 1];
	struct test_image a, b;
	struct image image;

	put_tagged(&a, "a:1", two_layers);
	put_tagged(&b, "b:1", two_layers);
	finds(a.config.text, "a:1");
	finds(a.manifest.text, "a:1");
	finds(b.config.text, "b:1");
	finds(digest_encoded(&b.config), "b:1");
	finds(digest_encoded(&b.manifest), "b:1");
	snprintf(hex, sizeof(hex), "%.12s", digest_encoded(&b.config));
	finds(hex, "b:1");
	snprintf(hex, sizeof(hex), "sha256:%.12s", digest_encoded(&a.manifest));
	finds(hex, "a:1");
	snprintf(hex, sizeof(hex), "%.3s", digest_encoded(&b.config));
	finds_none(hex, ENOENT);
	snprintf(hex, sizeof(hex), "%.12sx", digest_encoded(&b.config));
	finds_none(hex, ENOENT);
	snprintf(hex, sizeof(hex), "%s0", digest_encoded(&b.config));
	finds_none(hex, ENOENT);
	finds_none("sha256:", ENOENT);
	/* A layer is no image. */
	finds_none(a.layers[0].text, ENOENT);
	ok(image_open(&store, digest_encoded(&b.config), &image, err));
	ck_assert_str_eq(image.name, "");
	ck_assert_str_eq(image.manifest.config.digest.text, b.config.text);
	image_release(&image);
}
END_TEST

/* Images until two ids share four digits: the birthday bound of 65536 makes 400 likely, 2000
 * certain enough. */
START_TEST(ambiguous_ids)
{
	static struct digest ids[2000];
	struct descriptor d = describe("application/x-unknown", &ids[0], 1);
	char prefix[5] = "", name[16];
	size_t n = 0;

	while (!prefix[0]) {
		ck_assert_uint_lt(n, ARRAY_SIZE(ids));
		snprintf(name, sizeof(name), "x:%zu", n);
		ids[n] = digest_of(name);
		for (size_t i = 0; i < n && !prefix[0]; i++)
			if (strncmp(digest_encoded(&ids[i]), digest_encoded(&ids[n]), 4) == 0) {
				memcpy(prefix, digest_encoded(&ids[i]), 4);
				d.digest = ids[i];
				ok(tag_set(&store, "first:1", &d, err));
				ok(tag_set(&store, "first:again", &d, err));
				finds(prefix, "first:1");
				d.digest = ids[n];
				ok(tag_set(&store, "second:1", &d, err));
			}
		n++;
	}
	finds_none(prefix, ENOTUNIQ);
	finds(ids[n - 1].text, "second:1");
}
END_TEST

START_TEST(load)
{
	_cleanup_image_ struct image image = {0};
	struct test_image a;

	put_tagged(&a, "localhost/a:1", two_layers);
	ok(image_open(&store, "a:1", &image, err));
	ck_assert_str_eq(image.name, "localhost/a:1");
	ck_assert(digest_eq(&image.descriptor.digest, &a.manifest));
	ck_assert_str_eq(descriptor_annotation(&image.descriptor, TAG_ANNOTATION_NAME),
			 "localhost/a:1");
	ck_assert_uint_eq(image.manifest.n_layers, 2);
	ck_assert(digest_eq(&image.manifest.layers[1].digest, &a.layers[1]));
	ck_assert_uint_eq(image.config.n_diff_ids, 2);
	ck_assert_str_eq(image.config.cmd[0], "localhost/a:1");
}
END_TEST

START_TEST(load_from_index)
{
	_cleanup_image_ struct image image = {0};
	_cleanup_free_ char *text = NULL;
	char host[112], size[32];
	struct platform platform;
	struct descriptor index;
	struct test_image a;

	put_image(&a, "a", two_layers);
	platform_host(&platform);
	text = xasprintf(
		"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"%s\",\"digest\":\"%s\","
		"\"size\":%zu,\"platform\":{\"os\":\"%s\",\"architecture\":\"%s\"}},"
		"{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":9,"
		"\"platform\":{\"os\":\"plan9\",\"architecture\":\"mips\"}}]}",
		MEDIA_OCI_MANIFEST, a.manifest.text, a.manifest_size, platform.os, platform.arch,
		MEDIA_OCI_MANIFEST, a.layers[0].text);
	index = put_document(MEDIA_OCI_INDEX, text);
	ok(tag_set(&store, "localhost/all:1", &index, err));
	ok(image_open(&store, "all:1", &image, err));
	ck_assert_msg(digest_eq(&image.descriptor.digest, &a.manifest), "%s",
		      platform_text(&platform, host));
	snprintf(size, sizeof(size), "%zu", strlen(text));
	ck_assert_str_eq(descriptor_annotation(&image.descriptor, TAG_ANNOTATION_INDEX),
			 index.digest.text);
	ck_assert_str_eq(descriptor_annotation(&image.descriptor, TAG_ANNOTATION_INDEX_SIZE), size);
	ck_assert_str_eq(descriptor_annotation(&image.descriptor, TAG_ANNOTATION_NAME),
			 "localhost/all:1");
	ck_assert_str_eq(image.config.cmd[0], "a");
}
END_TEST

START_TEST(load_from_deep_index)
{
	struct descriptor d =
		put_document(MEDIA_OCI_INDEX, "{\"schemaVersion\":2,\"manifests\":[]}");
	struct platform platform;
	struct image image;

	ok(tag_set(&store, "empty:1", &d, err));
	fails(image_open(&store, "empty:1", &image, err), ENOENT, d.digest.text);
	platform_host(&platform);
	for (int i = 0; i < 10; i++) {
		_cleanup_free_ char *text = NULL;

		text = xasprintf(
			"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"%s\",\"digest\":\"%"
			"s\","
			"\"size\":%lld,\"platform\":{\"os\":\"%s\",\"architecture\":\"%s\"}}]}",
			MEDIA_OCI_INDEX, d.digest.text, (long long)d.size, platform.os,
			platform.arch);
		d = put_document(MEDIA_OCI_INDEX, text);
	}
	ok(tag_set(&store, "deep:1", &d, err));
	fails(image_open(&store, "deep:1", &image, err), ELOOP, "image 'deep:1'");
}
END_TEST

static void tag_manifest(const char *config_type, const char *config, const char *layers)
{
	_cleanup_free_ char *text = NULL;
	struct descriptor c = put_document(config_type, config), d;

	text = xasprintf("{\"schemaVersion\":2,\"config\":{\"mediaType\":\"%s\",\"digest\":\"%s\","
			 "\"size\":%zu},\"layers\":[%s]}",
			 config_type, c.digest.text, strlen(config), layers);
	d = put_document(MEDIA_OCI_MANIFEST, text);
	ok(tag_set(&store, "bad:1", &d, err));
}

START_TEST(load_errors)
{
	static const char config[] =
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":"
		"\"layers\",\"diff_ids\":[\"sha256:ba7816bf8f01cfea414140de5dae2223b0"
		"0361a396177a9cb410ff61f20015ad\"]}}";
	struct descriptor d;
	struct test_image a;
	struct image image;

	tag_manifest("application/vnd.cncf.helm.config.v1+json", "{}", "");
	fails(image_open(&store, "bad:1", &image, err), ENOTSUP, "helm");
	tag_manifest(MEDIA_OCI_CONFIG, config, "");
	fails(image_open(&store, "bad:1", &image, err), EINVAL, "1 diff ids for 0 layers");
	tag_manifest(MEDIA_OCI_CONFIG, "{\"rootfs\":7}", "");
	fails(image_open(&store, "bad:1", &image, err), EINVAL,
	      "image 'bad:1': image config sha256:");
	d = put_document(MEDIA_OCI_MANIFEST, "{}");
	ok(tag_set(&store, "bad:1", &d, err));
	fails(image_open(&store, "bad:1", &image, err), EINVAL, d.digest.text);

	put_tagged(&a, "a:1", two_layers);
	/* The broken image does not hide the others. */
	ok(image_open(&store, a.config.text, &image, err));
	image_release(&image);
	ok(blob_remove(&store, &a.config, err));
	fails(image_open(&store, "a:1", &image, err), ENOENT, a.config.text);
	ok(blob_remove(&store, &a.manifest, err));
	fails(image_open(&store, "a:1", &image, err), ENOENT, a.manifest.text);
	fails(image_open(&store, a.config.text, &image, err), ENOENT, "no such image");
}
END_TEST

static void unpack(const struct digest *diff_id)
{
	struct scratch scratch;

	ok(scratch_new(&store, &scratch, err));
	ok(scratch_publish_layer(&store, &scratch, diff_id, err));
}

START_TEST(layer_dirs)
{
	_cleanup_image_ struct image image = {0};
	_cleanup_strv_ char **dirs = NULL;
	static const char *const layers[] = {"one", "two", "one", NULL};
	static const char *const none[] = {NULL};
	struct test_image a;

	put_tagged(&a, "a:1", layers);
	ok(image_open(&store, "a:1", &image, err));
	unpack(&a.diff_ids[0]);
	fails(image_layer_dirs(&store, &image, &dirs, err), ENOENT, a.diff_ids[1].text);
	ck_assert_ptr_null(dirs);
	unpack(&a.diff_ids[1]);
	ok(image_layer_dirs(&store, &image, &dirs, err));
	/* "one" is there once, where it is on top. */
	ck_assert_uint_eq(strv_len(dirs), 2);
	ck_assert(str_starts(dirs[0], store.path));
	ck_assert(str_ends(dirs[0], digest_encoded(&a.diff_ids[1])));
	ck_assert(str_ends(dirs[1], digest_encoded(&a.diff_ids[0])));
	ck_assert_int_eq(access(dirs[0], F_OK), 0);
	image_release(&image);
	strv_freep(&dirs);
	dirs = NULL;
	put_tagged(&a, "none:1", none);
	ok(image_open(&store, "none:1", &image, err));
	ok(image_layer_dirs(&store, &image, &dirs, err));
	ck_assert_ptr_nonnull(dirs);
	ck_assert_uint_eq(strv_len(dirs), 0);
}
END_TEST

TCase *case_image(void)
{
	TCase *tc = tcase_create("image");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, by_name);
	tcase_add_test(tc, by_name_and_digest);
	tcase_add_test(tc, by_id);
	tcase_add_test(tc, ambiguous_ids);
	tcase_add_test(tc, load);
	tcase_add_test(tc, load_from_index);
	tcase_add_test(tc, load_from_deep_index);
	tcase_add_test(tc, load_errors);
	tcase_add_test(tc, layer_dirs);
	return tc;
}
