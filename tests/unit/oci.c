#include "oci.h"

#include "oci/descriptor.h"
#include "oci/digest.h"
#include "oci/media_type.h"

START_TEST(digests)
{
	struct err err = ERR_INIT;
	struct digest d, e;
	char brief[13];

	ck_assert_int_eq(digest_parse(DIGEST_C, &d, &err), 0);
	ck_assert_str_eq(d.text, DIGEST_C);
	ck_assert_str_eq(digest_algorithm(&d), "sha256");
	ck_assert_str_eq(digest_encoded(&d), HEX_C);
	ck_assert_str_eq(digest_short(&d, brief), "0123456789ab");
	ck_assert(digest_is_set(&d));
	digest_from_hex(HEX_C, &e);
	ck_assert(digest_eq(&d, &e));
	digest_from_hex(HEX_A, &e);
	ck_assert(!digest_eq(&d, &e));

	ck_assert_int_eq(digest_parse("sha512:" HEX_A HEX_B, &d, &err), 0);
	ck_assert_str_eq(digest_algorithm(&d), "sha512");
	ck_assert_str_eq(digest_encoded(&d), HEX_A HEX_B);
	ck_assert_int_eq(err.code, 0);

	memset(&d, 0, sizeof(d));
	ck_assert(!digest_is_set(&d));
	ck_assert_str_eq(digest_encoded(&d), "");
	ck_assert_str_eq(digest_short(&d, brief), "");
}
END_TEST

START_TEST(digests_refused)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"", "expected ALGORITHM:HEX"},
		{HEX_A, "expected ALGORITHM:HEX"},
		{"sha256", "expected ALGORITHM:HEX"},
		{"sha256:", "64 lower-case"},
		{":" HEX_A, "unsupported algorithm"},
		{"sha256:aa", "64 lower-case"},
		{DIGEST_A "a", "64 lower-case"},
		{DIGEST_A "\n", "64 lower-case"},
		{"sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		 "64 lower-case"},
		{"sha256:gaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		 "64 lower-case"},
		{"sha256:../../../../../../../../../../../../../../../../../../../../../x",
		 "64 lower-case"},
		{"SHA256:" HEX_A, "unsupported algorithm"},
		{"sha512:" HEX_A, "128 lower-case"},
		{"blake3:" HEX_A, "unsupported algorithm"},
		{"md5:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "unsupported algorithm"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = ERR_INIT;
		struct digest d;

		assert_error(digest_parse(cases[i].text, &d, &err), &err, EINVAL, cases[i].why);
	}
}
END_TEST

START_TEST(media_types)
{
	static const struct {
		const char *name;
		enum media_kind kind;
		bool docker, nondistributable;
	} cases[] = {
		{"application/vnd.oci.image.manifest.v1+json", MEDIA_MANIFEST, false, false},
		{"application/vnd.oci.image.manifest.v1+json; charset=utf-8", MEDIA_MANIFEST, false,
		 false},
		{"application/vnd.oci.image.manifest.v1+json\t ;x", MEDIA_MANIFEST, false, false},
		{"application/vnd.oci.image.index.v1+json", MEDIA_INDEX, false, false},
		{"application/vnd.oci.image.config.v1+json", MEDIA_CONFIG, false, false},
		{"application/vnd.oci.image.layer.v1.tar", MEDIA_LAYER, false, false},
		{"application/vnd.oci.image.layer.v1.tar+gzip", MEDIA_LAYER, false, false},
		{"application/vnd.oci.image.layer.v1.tar+zstd", MEDIA_LAYER, false, false},
		{"application/vnd.oci.image.layer.nondistributable.v1.tar", MEDIA_LAYER, false,
		 true},
		{"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", MEDIA_LAYER, false,
		 true},
		{"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", MEDIA_LAYER, false,
		 true},
		{"application/vnd.docker.distribution.manifest.v2+json", MEDIA_MANIFEST, true,
		 false},
		{"application/vnd.docker.distribution.manifest.list.v2+json", MEDIA_INDEX, true,
		 false},
		{"application/vnd.docker.container.image.v1+json", MEDIA_CONFIG, true, false},
		{"application/vnd.docker.image.rootfs.diff.tar", MEDIA_LAYER, true, false},
		{"application/vnd.docker.image.rootfs.diff.tar.gzip", MEDIA_LAYER, true, false},
		{"application/vnd.docker.image.rootfs.diff.tar.zstd", MEDIA_LAYER, true, false},
		{"application/vnd.docker.image.rootfs.foreign.diff.tar", MEDIA_LAYER, true, true},
		{"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", MEDIA_LAYER, true,
		 true},
		{"application/vnd.docker.distribution.manifest.v1+json", MEDIA_SCHEMA1, true,
		 false},
		{"application/vnd.docker.distribution.manifest.v1+prettyjws", MEDIA_SCHEMA1, true,
		 false},
		{"application/vnd.oci.empty.v1+json", MEDIA_UNKNOWN, false, false},
		{"application/json", MEDIA_UNKNOWN, false, false},
		{"APPLICATION/vnd.oci.image.manifest.v1+json", MEDIA_UNKNOWN, false, false},
		{"application/vnd.oci.image.manifest.v1+jso", MEDIA_UNKNOWN, false, false},
		{"application/vnd.oci.image.manifest.v1+json2", MEDIA_UNKNOWN, false, false},
		{"", MEDIA_UNKNOWN, false, false},
		{";", MEDIA_UNKNOWN, false, false},
		{NULL, MEDIA_UNKNOWN, false, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *name = cases[i].name;

		ck_assert_msg(media_kind(name) == cases[i].kind, "%s", name);
		ck_assert_msg(media_is_docker(name) == cases[i].docker, "%s", name);
		ck_assert_msg(media_is_nondistributable(name) == cases[i].nondistributable, "%s",
			      name);
	}
}
END_TEST

START_TEST(media_types_compared)
{
	ck_assert(media_eq(MEDIA_OCI_INDEX, MEDIA_OCI_INDEX ";charset=utf-8"));
	ck_assert(media_eq("a/b ; x", "a/b"));
	ck_assert(!media_eq("a/b", "a/bc"));
	ck_assert(!media_eq("a/b", "A/b"));
	ck_assert_uint_eq(media_length("a/b \t; x"), 3);
	ck_assert_uint_eq(media_length(""), 0);
	ck_assert(media_is_generic(NULL));
	ck_assert(media_is_generic(""));
	ck_assert(media_is_generic("application/json; charset=utf-8"));
	ck_assert(media_is_generic("application/octet-stream"));
	ck_assert(media_is_generic("text/plain"));
	ck_assert(!media_is_generic("text/html"));
	ck_assert(!media_is_generic(MEDIA_OCI_INDEX));
}
END_TEST

START_TEST(accept_names_what_we_read)
{
	static const char *const types[] = {MEDIA_OCI_MANIFEST, MEDIA_OCI_INDEX,
					    MEDIA_DOCKER_MANIFEST, MEDIA_DOCKER_LIST};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		ck_assert_ptr_nonnull(strstr(media_accept(), types[i]));
	ck_assert_ptr_null(strstr(media_accept(), "docker.distribution.manifest.v1"));
	ck_assert_ptr_null(strpbrk(media_accept(), "\r\n"));
}
END_TEST

static const char full_descriptor[] =
	"{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"" DIGEST_A "\",\"size\":1234,"
	"\"urls\":[\"https://x/y\",\"http://z\"],\"data\":\"ignored\",\"future\":{\"x\":1},"
	"\"artifactType\":\"a/b\",\"annotations\":{\"k\":\"v\",\"empty\":\"\"},"
	"\"platform\":{\"os\":\"Linux\",\"architecture\":\"aarch64\",\"variant\":\"v8\","
	"\"os.version\":\"1.2\",\"os.features\":[\"x\"]}}";

static void parse_descriptor(const char *text, struct descriptor *d)
{
	json_t *j = json_loads(text, 0, NULL);
	struct err err = ERR_INIT;

	ck_assert_ptr_nonnull(j);
	ck_assert_msg(descriptor_parse(j, INT64_MAX, "it", d, &err) == 0, "%s", err.msg);
	json_decref(j);
}

START_TEST(descriptors)
{
	struct descriptor d, copy;

	parse_descriptor(full_descriptor, &d);
	descriptor_copy(&d, &copy);
	descriptor_annotate(&d, "k", "changed");
	descriptor_annotate(&d, "empty", NULL);
	descriptor_annotate(&d, "never", NULL);
	ck_assert_str_eq(descriptor_annotation(&d, "k"), "changed");
	ck_assert_ptr_null(descriptor_annotation(&d, "empty"));
	descriptor_release(&d);
	ck_assert_ptr_null(d.media_type);

	ck_assert_str_eq(copy.media_type, MEDIA_OCI_MANIFEST);
	ck_assert_str_eq(copy.digest.text, DIGEST_A);
	ck_assert_int_eq(copy.size, 1234);
	ck_assert_str_eq(copy.urls[0], "https://x/y");
	ck_assert_str_eq(copy.urls[1], "http://z");
	ck_assert_ptr_null(copy.urls[2]);
	ck_assert_str_eq(copy.artifact_type, "a/b");
	ck_assert_str_eq(descriptor_annotation(&copy, "k"), "v");
	ck_assert_str_eq(descriptor_annotation(&copy, "empty"), "");
	ck_assert(copy.has_platform);
	ck_assert_str_eq(copy.platform.os, "linux");
	ck_assert_str_eq(copy.platform.arch, "arm64");
	ck_assert_str_eq(copy.platform.variant, "");
	ck_assert_str_eq(copy.platform.os_version, "1.2");
	descriptor_release(&copy);
}
END_TEST

/* What is written reads back the same, and leaves the descriptor's own annotations alone. */
START_TEST(descriptors_written)
{
	struct descriptor d, again;
	struct err err = ERR_INIT;
	json_t *j;

	parse_descriptor(full_descriptor, &d);
	j = descriptor_json(&d);
	json_object_set_new(json_object_get(j, "annotations"), "k", json_string("other"));
	ck_assert_str_eq(descriptor_annotation(&d, "k"), "v");
	ck_assert_int_eq(descriptor_parse(j, INT64_MAX, "it", &again, &err), 0);
	ck_assert_str_eq(again.media_type, d.media_type);
	ck_assert(digest_eq(&again.digest, &d.digest));
	ck_assert_int_eq(again.size, d.size);
	ck_assert_str_eq(again.urls[1], d.urls[1]);
	ck_assert_str_eq(again.artifact_type, d.artifact_type);
	ck_assert_mem_eq(&again.platform, &d.platform, sizeof(d.platform));
	json_decref(j);
	descriptor_release(&again);
	descriptor_release(&d);

	parse_descriptor("{\"mediaType\":\"a/b\",\"digest\":\"" DIGEST_A
			 "\",\"size\":0,\"urls\":null,"
			 "\"annotations\":null,\"platform\":null,\"artifactType\":null}",
			 &d);
	ck_assert(!d.has_platform);
	ck_assert_ptr_null(descriptor_annotation(&d, "k"));
	j = descriptor_json(&d);
	ck_assert_uint_eq(json_object_size(j), 3);
	json_decref(j);
	descriptor_annotate(&d, "k", "v");
	ck_assert_str_eq(descriptor_annotation(&d, "k"), "v");
	descriptor_release(&d);
}
END_TEST

START_TEST(descriptors_refused)
{
#define HEAD "{\"mediaType\":\"a/b\",\"digest\":\"" DIGEST_A "\""
	static const struct {
		const char *text;
		int code;
		const char *why;
	} cases[] = {
		{"[]", EINVAL, "it: not an object"},
		{"{}", EINVAL, "mediaType"},
		{"{\"mediaType\":7}", EINVAL, "mediaType"},
		{"{\"mediaType\":\"\"}", EINVAL, "mediaType"},
		{"{\"mediaType\":\"a/b\"}", EINVAL, "digest"},
		{"{\"mediaType\":\"a/b\",\"digest\":\"md5:x\"}", EINVAL, "unsupported algorithm"},
		{HEAD "}", EINVAL, "it " DIGEST_A ": 'size' is missing"},
		{HEAD ",\"size\":null}", EINVAL, "'size' is missing"},
		{HEAD ",\"size\":\"5\"}", EINVAL, "size"},
		{HEAD ",\"size\":5.0}", EINVAL, "size"},
		{HEAD ",\"size\":-1}", ERANGE, "size"},
		{HEAD ",\"size\":1001}", ERANGE, "size"},
		{HEAD ",\"size\":9223372036854775807}", ERANGE, "size"},
		{HEAD ",\"size\":1,\"urls\":\"x\"}", EINVAL, "urls"},
		{HEAD ",\"size\":1,\"urls\":[1]}", EINVAL, "urls"},
		{HEAD ",\"size\":1,\"annotations\":[]}", EINVAL, "annotations"},
		{HEAD ",\"size\":1,\"annotations\":{\"k\":null}}", EINVAL, "annotation 'k'"},
		{HEAD ",\"size\":1,\"artifactType\":1}", EINVAL, "artifactType"},
		{HEAD ",\"size\":1,\"platform\":\"linux\"}", EINVAL, "platform"},
		{HEAD ",\"size\":1,\"platform\":{\"os\":1}}", EINVAL, "os"},
		{HEAD ",\"size\":1,\"platform\":{\"os\":\"" HEX_A "\"}}", EINVAL, "longer than 31"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		json_t *j = json_loads(cases[i].text, 0, NULL);
		struct err err = ERR_INIT;
		struct descriptor d;

		ck_assert_ptr_nonnull(j);
		assert_error(descriptor_parse(j, 1000, "it", &d, &err), &err, cases[i].code,
			     cases[i].why);
		ck_assert_ptr_null(d.media_type);
		ck_assert_int_eq(descriptor_parse(j, 1000, "it", &d, NULL), -cases[i].code);
		json_decref(j);
	}
#undef HEAD
}
END_TEST

int main(void)
{
	Suite *s = suite_create("oci");
	TCase *t = tcase_create("digest, media type, descriptor");

	tcase_add_test(t, digests);
	tcase_add_test(t, digests_refused);
	tcase_add_test(t, media_types);
	tcase_add_test(t, media_types_compared);
	tcase_add_test(t, accept_names_what_we_read);
	tcase_add_test(t, descriptors);
	tcase_add_test(t, descriptors_written);
	tcase_add_test(t, descriptors_refused);
	suite_add_tcase(s, t);
	suite_add_tcase(s, oci_reference_tests());
	suite_add_tcase(s, oci_platform_tests());
	suite_add_tcase(s, oci_manifest_tests());
	suite_add_tcase(s, oci_config_tests());
	suite_add_tcase(s, oci_change_tests());
	suite_add_tcase(s, oci_reject_tests());
	return unit_run(s);
}
