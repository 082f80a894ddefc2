#include "oci.h"

#include "base/buf.h"
#include "oci/manifest.h"

#define DESC(type, hex) "{\"mediaType\":\"" type "\",\"digest\":\"sha256:" hex "\",\"size\":7}"
#define CONFIG "\"config\":" DESC(MEDIA_OCI_CONFIG, HEX_A)
#define LAYERS                                                                                     \
	"\"layers\":[" DESC(MEDIA_OCI_LAYER_GZIP, HEX_B) "," DESC(MEDIA_DOCKER_LAYER, HEX_C) "]"
#define TYPE(type) "\"mediaType\":\"" type "\","
#define SCHEMA2 "{\"schemaVersion\":2,"

static int kind_of(const char *text, const char *served, enum media_kind *ret, struct err *err)
{
	memset(err, 0, sizeof(*err));
	return document_kind(text, strlen(text), served, ret, err);
}

START_TEST(kinds)
{
	static const struct {
		const char *text, *served;
		enum media_kind kind;
	} cases[] = {
		{SCHEMA2 CONFIG "," LAYERS "}", NULL, MEDIA_MANIFEST},
		{SCHEMA2 TYPE(MEDIA_OCI_MANIFEST) CONFIG "}", NULL, MEDIA_MANIFEST},
		{SCHEMA2 TYPE(MEDIA_OCI_MANIFEST) CONFIG "}", MEDIA_OCI_MANIFEST, MEDIA_MANIFEST},
		{SCHEMA2 TYPE(MEDIA_OCI_MANIFEST) CONFIG "}", MEDIA_OCI_MANIFEST ";charset=utf-8",
		 MEDIA_MANIFEST},
		{SCHEMA2 TYPE(MEDIA_DOCKER_MANIFEST) CONFIG "}", "application/json",
		 MEDIA_MANIFEST},
		{SCHEMA2 TYPE("") CONFIG "}", MEDIA_DOCKER_MANIFEST, MEDIA_MANIFEST},
		{SCHEMA2 CONFIG ",\"manifests\":null}", MEDIA_OCI_MANIFEST, MEDIA_MANIFEST},
		{SCHEMA2 "\"manifests\":[]}", NULL, MEDIA_INDEX},
		{SCHEMA2 "\"manifests\":[],\"layers\":null}", "text/plain", MEDIA_INDEX},
		{SCHEMA2 TYPE(MEDIA_OCI_INDEX) "\"manifests\":null}", NULL, MEDIA_INDEX},
		{SCHEMA2 "\"manifests\":[]}", MEDIA_DOCKER_LIST, MEDIA_INDEX},
		{"{\"manifests\":[]}", "application/octet-stream", MEDIA_INDEX},
		{" \n" SCHEMA2 CONFIG "}\n", NULL, MEDIA_MANIFEST},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		enum media_kind kind = MEDIA_UNKNOWN;
		struct err err;

		ck_assert_msg(kind_of(cases[i].text, cases[i].served, &kind, &err) == 0, "%s",
			      err.msg);
		ck_assert_int_eq((int)kind, (int)cases[i].kind);
	}
}
END_TEST

START_TEST(confusion)
{
	static const struct {
		const char *text, *served;
		int code;
		const char *why;
	} cases[] = {
		{SCHEMA2 TYPE(MEDIA_OCI_MANIFEST) CONFIG "}", MEDIA_OCI_INDEX, EINVAL, "served as"},
		{SCHEMA2 TYPE(MEDIA_OCI_MANIFEST) CONFIG "}", MEDIA_DOCKER_MANIFEST, EINVAL,
		 "served as"},
		{SCHEMA2 TYPE(MEDIA_OCI_MANIFEST) CONFIG "}", "text/html", EINVAL, "served as"},
		{SCHEMA2 TYPE("x/y") CONFIG "}", MEDIA_OCI_MANIFEST, EINVAL, "served as"},
		{SCHEMA2 CONFIG ",\"manifests\":[]}", NULL, EINVAL,
		 "of a manifest and of an index"},
		{SCHEMA2 LAYERS ",\"manifests\":[]}", NULL, EINVAL,
		 "of a manifest and of an index"},
		{SCHEMA2 TYPE(MEDIA_OCI_MANIFEST) "\"manifests\":[]}", NULL, EINVAL,
		 "a manifest by its type"},
		{SCHEMA2 "\"manifests\":[]}", MEDIA_OCI_MANIFEST, EINVAL, "a manifest by its type"},
		{SCHEMA2 TYPE(MEDIA_OCI_INDEX) LAYERS "}", NULL, EINVAL, "an index by its type"},
		{SCHEMA2 CONFIG "}", MEDIA_DOCKER_LIST, EINVAL, "an index by its type"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		enum media_kind kind;
		struct err err;
		int r = kind_of(cases[i].text, cases[i].served, &kind, &err);

		assert_error(r, &err, cases[i].code, "media type confusion");
		assert_error(r, &err, cases[i].code, cases[i].why);
	}
}
END_TEST

START_TEST(other_documents)
{
	static const struct {
		const char *text, *served;
		int code;
		const char *why;
	} cases[] = {
		{"{}", NULL, EINVAL, "neither an image manifest nor an index"},
		{SCHEMA2 "\"layers\":null}", NULL, EINVAL,
		 "neither an image manifest nor an index"},
		{SCHEMA2 TYPE("a/b") CONFIG "}", NULL, ENOTSUP, "'a/b' is neither"},
		{SCHEMA2 TYPE(MEDIA_OCI_CONFIG) CONFIG "}", NULL, ENOTSUP, "is neither"},
		{"{}", MEDIA_OCI_LAYER, ENOTSUP, "is neither"},
		{"{}", "text/html", ENOTSUP, "'text/html' is neither"},
		{"{\"schemaVersion\":1,\"fsLayers\":[]}", NULL, ENOTSUP, "schema 1"},
		{"{\"schemaVersion\":1,\"fsLayers\":[]}",
		 "application/vnd.docker.distribution.manifest.v1+prettyjws", ENOTSUP, "schema 1"},
		{SCHEMA2 CONFIG "}", "application/vnd.docker.distribution.manifest.v1+json",
		 ENOTSUP, "schema 1"},
		{SCHEMA2 TYPE("application/vnd.docker.distribution.manifest.v1+json") CONFIG "}",
		 NULL, ENOTSUP, "schema 1"},
		{"{\"schemaVersion\":1," CONFIG "}", MEDIA_OCI_MANIFEST, ENOTSUP, "schema 1"},
		{"{\"schemaVersion\":3," CONFIG "}", NULL, EINVAL, "schemaVersion 3"},
		{"{\"schemaVersion\":-2," CONFIG "}", NULL, EINVAL, "schemaVersion -2"},
		{"{\"schemaVersion\":\"2\"," CONFIG "}", NULL, EINVAL, "schemaVersion"},
		{SCHEMA2 "\"mediaType\":2," CONFIG "}", NULL, EINVAL, "mediaType"},
		{"[]", NULL, EINVAL, "not a JSON object"},
		{"", NULL, EINVAL, "not valid JSON"},
		{"<html>", NULL, EINVAL, "not valid JSON"},
		{"{} {}", NULL, EINVAL, "not valid JSON"},
		{"{\"mediaType\":\"a\",\"mediaType\":\"b\"}", NULL, EINVAL, "not valid JSON"},
		{"{\"mediaType\":\"a\\u0000b\"}", NULL, EINVAL, "not valid JSON"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		enum media_kind kind;
		struct err err;

		assert_error(kind_of(cases[i].text, cases[i].served, &kind, &err), &err,
			     cases[i].code, cases[i].why);
	}
}
END_TEST

START_TEST(too_large)
{
	size_t len = LIMIT_MANIFEST_SIZE + 1;
	char *text = xmalloc(len);
	struct image_index index;
	struct manifest m;
	enum media_kind kind;
	struct err err = ERR_INIT;

	memset(text, ' ', len);
	memcpy(text, "{}", 2);
	assert_error(document_kind(text, len, NULL, &kind, &err), &err, EFBIG, "manifest");
	assert_error(manifest_parse(text, len, NULL, &m, &err), &err, EFBIG, "manifest");
	assert_error(image_index_parse(text, len, NULL, &index, &err), &err, EFBIG, "manifest");
	free(text);
}
END_TEST

START_TEST(manifests)
{
	static const char text[] = SCHEMA2 TYPE(MEDIA_DOCKER_MANIFEST) CONFIG
		"," LAYERS ",\"subject\":{\"x\":1},\"annotations\":{\"a\":\"b\"},\"future\":[]}";
	struct err err = ERR_INIT;
	struct manifest m;

	ck_assert_msg(manifest_parse(text, strlen(text), MEDIA_DOCKER_MANIFEST "; x", &m, &err) ==
			      0,
		      "%s", err.msg);
	ck_assert_str_eq(m.media_type, MEDIA_DOCKER_MANIFEST);
	ck_assert_str_eq(m.config.media_type, MEDIA_OCI_CONFIG);
	ck_assert_str_eq(m.config.digest.text, DIGEST_A);
	ck_assert_uint_eq(m.n_layers, 2);
	ck_assert_str_eq(m.layers[0].digest.text, DIGEST_B);
	ck_assert_str_eq(m.layers[1].media_type, MEDIA_DOCKER_LAYER);
	ck_assert_int_eq(m.layers[1].size, 7);
	manifest_release(&m);
	ck_assert_ptr_null(m.layers);
	ck_assert_uint_eq(m.n_layers, 0);
}
END_TEST

/* The type comes from the body, else from who served it (without parameters), else from the
 * members. */
START_TEST(manifest_types)
{
	static const char text[] = SCHEMA2 CONFIG "}";
	struct manifest m;

	ck_assert_int_eq(manifest_parse(text, strlen(text), NULL, &m, NULL), 0);
	ck_assert_str_eq(m.media_type, MEDIA_OCI_MANIFEST);
	manifest_release(&m);
	ck_assert_int_eq(manifest_parse(text, strlen(text), MEDIA_DOCKER_MANIFEST " ;x", &m, NULL),
			 0);
	ck_assert_str_eq(m.media_type, MEDIA_DOCKER_MANIFEST);
	manifest_release(&m);
}
END_TEST

/* BuildKit writes "layers":null for an image of metadata only; artifacts have configs of any type.
 */
START_TEST(manifests_without_layers)
{
	static const char *const texts[] = {
		SCHEMA2 CONFIG ",\"layers\":null}",
		SCHEMA2 CONFIG ",\"layers\":[]}",
		SCHEMA2 "\"config\":" DESC("x/y", HEX_A) "}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct err err = ERR_INIT;
		struct manifest m;

		ck_assert_msg(manifest_parse(texts[i], strlen(texts[i]), NULL, &m, &err) == 0, "%s",
			      err.msg);
		ck_assert_uint_eq(m.n_layers, 0);
		ck_assert_ptr_null(m.layers);
		manifest_release(&m);
	}
}
END_TEST

/* A document of n layers or index entries; malloced. */
static char *many(const char *head, const char *item, size_t n)
{
	_cleanup_buf_ struct buf b;

	buf_init(&b, LIMIT_MANIFEST_SIZE);
	ck_assert_int_eq(buf_addstr(&b, head), 0);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(buf_addf(&b, "%s%s", i ? "," : "", item), 0);
	ck_assert_int_eq(buf_addstr(&b, "]}"), 0);
	return buf_steal(&b);
}

START_TEST(numbers_of_layers)
{
	char *most = many(SCHEMA2 CONFIG ",\"layers\":[", DESC("a/b", HEX_A), LIMIT_LAYERS);
	char *more = many(SCHEMA2 CONFIG ",\"layers\":[", DESC("a/b", HEX_A), LIMIT_LAYERS + 1);
	struct err err = ERR_INIT;
	struct manifest m;
	int r;

	ck_assert_int_eq(manifest_parse(most, strlen(most), NULL, &m, &err), 0);
	ck_assert_uint_eq(m.n_layers, LIMIT_LAYERS);
	manifest_release(&m);
	r = manifest_parse(more, strlen(more), NULL, &m, &err);
	ck_assert_int_lt(r, 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "layers"));
	ck_assert_ptr_null(m.layers);
	free(most);
	free(more);
}
END_TEST

START_TEST(numbers_of_entries)
{
	char *most = many(SCHEMA2 "\"manifests\":[", DESC("a/b", HEX_A), LIMIT_INDEX_MANIFESTS);
	char *more = many(SCHEMA2 "\"manifests\":[", DESC("a/b", HEX_A), LIMIT_INDEX_MANIFESTS + 1);
	struct err err = ERR_INIT;
	struct image_index index;
	int r;

	ck_assert_int_eq(image_index_parse(most, strlen(most), NULL, &index, &err), 0);
	ck_assert_uint_eq(index.n_manifests, LIMIT_INDEX_MANIFESTS);
	image_index_release(&index);
	r = image_index_parse(more, strlen(more), NULL, &index, &err);
	ck_assert_int_lt(r, 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "manifests"));
	free(most);
	free(more);
}
END_TEST

/* A sequence of index entries, each "os/arch[/variant]" or another word; what is chosen carries the
 * entry's number as its size. */
static char *index_of(const char *const *entries)
{
	_cleanup_buf_ struct buf b;

	buf_init(&b, LIMIT_MANIFEST_SIZE);
	buf_addstr(&b, SCHEMA2 "\"manifests\":[");
	for (int i = 0; entries[i]; i++) {
		const char *e = entries[i], *type = MEDIA_OCI_MANIFEST;
		char os[32] = "", arch[32] = "", variant[32] = "";

		if (strcmp(e, "nested") == 0)
			type = MEDIA_OCI_INDEX;
		if (strncmp(e, "unknown-type ", 13) == 0) {
			type = "application/vnd.example+json";
			e += 13;
		}
		buf_addf(&b, "%s{\"mediaType\":\"%s\",\"digest\":\"" DIGEST_A "\",\"size\":%d",
			 i ? "," : "", type, i);
		if (strncmp(e, "attestation ", 12) == 0) {
			buf_addstr(&b, ",\"annotations\":{\"vnd.docker.reference.type\":"
				       "\"attestation-manifest\"}");
			e += 12;
		}
		if (sscanf(e, "%31[^/]/%31[^/]/%31s", os, arch, variant) >= 2)
			buf_addf(&b,
				 ",\"platform\":{\"os\":\"%s\",\"architecture\":\"%s\",\"variant\":"
				 "\"%s\"}",
				 os, arch, variant);
		if (strcmp(e, "empty-platform") == 0)
			buf_addstr(&b, ",\"platform\":{}");
		buf_addch(&b, '}');
	}
	buf_addstr(&b, "]}");
	return buf_steal(&b);
}

START_TEST(selection)
{
	static const struct {
		const char *wanted;
		int choice; /* -1: none */
		const char *entries[8];
	} cases[] = {
		{"linux/amd64", 1, {"linux/arm64", "linux/amd64", "linux/amd64"}},
		{"linux/amd64", 0, {"linux/x86_64/v1", "linux/amd64"}},
		{"linux/amd64", 1, {"linux/amd64/v3", "linux/amd64"}},
		{"linux/amd64/v3", 0, {"linux/amd64/v3", "linux/amd64"}},
		{"linux/amd64/v4", 1, {"linux/amd64/v2", "linux/amd64/v3", "linux/amd64"}},
		{"linux/arm/v7",
		 2,
		 {"linux/arm/v5", "linux/arm/v8", "linux/arm/v6", "linux/arm64"}},
		{"linux/arm/v7", 1, {"linux/arm/v6", "linux/arm", "linux/arm/v7"}},
		{"linux/arm64", 1, {"linux/arm/v7", "linux/arm64/v8"}},
		{"linux/arm64", 1, {"linux/amd64", "linux/arm/v7", "linux/arm/v6"}},
		{"linux/amd64", 2, {"unknown/unknown", "attestation linux/amd64", "linux/amd64"}},
		{"linux/amd64",
		 -1,
		 {"unknown/unknown", "attestation linux/amd64", "attestation none"}},
		{"linux/amd64", 1, {"unknown-type linux/amd64", "linux/amd64"}},
		{"linux/amd64", -1, {"unknown-type linux/amd64", "unknown-type none"}},
		{"linux/amd64", 1, {"linux/arm64", "nested"}},
		{"linux/amd64", 1, {"nested", "linux/amd64"}},
		{"linux/amd64", 1, {"none", "linux/amd64"}},
		{"linux/amd64", 0, {"none", "nested"}},
		{"linux/amd64", 1, {"linux/arm64", "empty-platform"}},
		{"linux/amd64", -1, {"linux/arm64", "windows/amd64"}},
		{"linux/amd64", -1, {NULL}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *text = index_of(cases[i].entries);
		const struct descriptor *d;
		struct image_index index;
		struct err err = ERR_INIT;
		struct platform wanted;
		int r;

		ck_assert_int_eq(platform_parse(cases[i].wanted, &wanted, NULL), 0);
		ck_assert_msg(image_index_parse(text, strlen(text), NULL, &index, &err) == 0, "%s",
			      err.msg);
		r = image_index_select(&index, &wanted, &d, &err);
		if (cases[i].choice < 0) {
			assert_error(r, &err, ENOENT, cases[i].wanted);
			ck_assert_ptr_null(d);
		} else {
			ck_assert_int_eq(r, 0);
			ck_assert_msg(d->size == cases[i].choice, "case %zu: entry %d", i,
				      (int)d->size);
		}
		image_index_release(&index);
		free(text);
	}
}
END_TEST

START_TEST(selection_says_what_there_is)
{
	static const char *const entries[] = {"linux/arm64", "unknown/unknown", "linux/arm/v6",
					      NULL};
	char *text = index_of(entries);
	const struct descriptor *d;
	struct image_index index;
	struct err err = ERR_INIT;
	struct platform wanted;

	ck_assert_int_eq(platform_parse("linux/s390x", &wanted, NULL), 0);
	ck_assert_int_eq(image_index_parse(text, strlen(text), NULL, &index, NULL), 0);
	ck_assert_int_eq(image_index_select(&index, &wanted, &d, &err), -ENOENT);
	ck_assert_str_eq(err.msg,
			 "no image for linux/s390x; the index has linux/arm64, linux/arm/v6");
	image_index_release(&index);
	free(text);
}
END_TEST

/* Ten thousand platforms make a message, not an overflow. */
START_TEST(selection_with_very_many)
{
	char *text =
		many(SCHEMA2 "\"manifests\":[",
		     "{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"" DIGEST_A
		     "\",\"size\":1,\"platform\":{\"os\":\"plan9\",\"architecture\":\"mips\"}}",
		     LIMIT_INDEX_MANIFESTS);
	const struct descriptor *d;
	struct image_index index;
	struct err err = ERR_INIT;
	struct platform wanted;

	ck_assert_int_eq(platform_parse("linux/s390x", &wanted, NULL), 0);
	ck_assert_int_eq(image_index_parse(text, strlen(text), NULL, &index, NULL), 0);
	assert_error(image_index_select(&index, &wanted, &d, &err), &err, ENOENT,
		     "plan9/mips, plan9/mips");
	image_index_release(&index);
	free(text);
}
END_TEST

/* Entries of types that are not ours may be anything; ours must be right. */
START_TEST(index_entries)
{
	static const char lenient[] =
		SCHEMA2 "\"manifests\":[{\"mediaType\":\"x/y\"},{\"mediaType\":\"x/"
			"y\",\"digest\":\"blake3:00\","
			"\"size\":1},{\"mediaType\":\"x/y\",\"digest\":\"" DIGEST_A
			"\",\"size\":9223372036854775807}," DESC(MEDIA_OCI_MANIFEST, HEX_B) "]}";
	static const char *const strict[] = {
		SCHEMA2 "\"manifests\":[7]}",
		SCHEMA2 "\"manifests\":[{}]}",
		SCHEMA2 "\"manifests\":[{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\"}]}",
		SCHEMA2 "\"manifests\":[{\"mediaType\":\"" MEDIA_OCI_MANIFEST
			"\",\"digest\":\"" DIGEST_A "\",\"size\":4194305}]}",
		SCHEMA2 "\"manifests\":[" DESC("a/b", HEX_A) ",{\"mediaType\":\"" MEDIA_OCI_INDEX
							     "\"}]}",
	};
	struct image_index index;
	struct err err = ERR_INIT;

	ck_assert_msg(image_index_parse(lenient, strlen(lenient), NULL, &index, &err) == 0, "%s",
		      err.msg);
	ck_assert_uint_eq(index.n_manifests, 2);
	ck_assert_str_eq(index.media_type, MEDIA_OCI_INDEX);
	ck_assert_str_eq(index.manifests[1].digest.text, DIGEST_B);
	image_index_release(&index);
	for (size_t i = 0; i < ARRAY_SIZE(strict); i++) {
		ck_assert_int_lt(
			image_index_parse(strict[i], strlen(strict[i]), NULL, &index, &err), 0);
		ck_assert_ptr_nonnull(strstr(err.msg, "index entry"));
		ck_assert_ptr_null(index.manifests);
	}
}
END_TEST

START_TEST(each_where_the_other_is_expected)
{
	static const char manifest[] = SCHEMA2 CONFIG "}", list[] = SCHEMA2 "\"manifests\":[]}";
	struct image_index index;
	struct err err = ERR_INIT;
	struct manifest m;

	assert_error(manifest_parse(list, strlen(list), NULL, &m, &err), &err, EINVAL,
		     "an index where");
	assert_error(image_index_parse(manifest, strlen(manifest), NULL, &index, &err), &err,
		     EINVAL, "an image manifest where");
}
END_TEST

TCase *oci_manifest_tests(void)
{
	TCase *t = tcase_create("manifest");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, kinds);
	tcase_add_test(t, confusion);
	tcase_add_test(t, other_documents);
	tcase_add_test(t, too_large);
	tcase_add_test(t, manifests);
	tcase_add_test(t, manifest_types);
	tcase_add_test(t, manifests_without_layers);
	tcase_add_test(t, numbers_of_layers);
	tcase_add_test(t, numbers_of_entries);
	tcase_add_test(t, selection);
	tcase_add_test(t, selection_says_what_there_is);
	tcase_add_test(t, selection_with_very_many);
	tcase_add_test(t, index_entries);
	tcase_add_test(t, each_where_the_other_is_expected);
	return t;
}
