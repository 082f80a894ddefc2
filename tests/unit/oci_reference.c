#include "oci.h"

#include "oci/reference.h"

#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A128 A32 A32 A32 A32

struct wanted {
	const char *text, *domain, *path, *tag;
	const char *digest; /* NULL: none */
	bool has_domain, has_tag;
};

static const struct wanted accepted[] = {
	{"alpine", "docker.io", "library/alpine", "latest", NULL, false, false},
	{"alpine:3.19", "docker.io", "library/alpine", "3.19", NULL, false, true},
	{"alpine@" DIGEST_A, "docker.io", "library/alpine", "", DIGEST_A, false, false},
	{"alpine:3.19@" DIGEST_A, "docker.io", "library/alpine", "3.19", DIGEST_A, false, true},
	{"alpine@sha512:" HEX_A HEX_B, "docker.io", "library/alpine", "", "sha512:" HEX_A HEX_B,
	 false, false},
	{"library/alpine", "docker.io", "library/alpine", "latest", NULL, false, false},
	{"docker.io/alpine", "docker.io", "library/alpine", "latest", NULL, true, false},
	{"index.docker.io/alpine", "docker.io", "library/alpine", "latest", NULL, true, false},
	{"index.docker.io/a/b", "docker.io", "a/b", "latest", NULL, true, false},
	{"docker.io/library/alpine:latest", "docker.io", "library/alpine", "latest", NULL, true,
	 true},
	{"user/repo", "docker.io", "user/repo", "latest", NULL, false, false},
	{"localhost", "docker.io", "library/localhost", "latest", NULL, false, false},
	{"localhost:5000", "docker.io", "library/localhost", "5000", NULL, false, true},
	{"localhost/x", "localhost", "x", "latest", NULL, true, false},
	{"localhost:5000/x", "localhost:5000", "x", "latest", NULL, true, false},
	{"localhost:5000/x:1", "localhost:5000", "x", "1", NULL, true, true},
	{"127.0.0.1:5000/debian:bookworm", "127.0.0.1:5000", "debian", "bookworm", NULL, true,
	 true},
	{"[::1]:5000/x/y:1@" DIGEST_B, "[::1]:5000", "x/y", "1", DIGEST_B, true, true},
	{"[fe80::1]/x", "[fe80::1]", "x", "latest", NULL, true, false},
	{"[2001:DB8::1]:443/x", "[2001:DB8::1]:443", "x", "latest", NULL, true, false},
	{"ghcr.io/a/b/c/d", "ghcr.io", "a/b/c/d", "latest", NULL, true, false},
	{"quay.io/x", "quay.io", "x", "latest", NULL, true, false},
	{"Host/x", "Host", "x", "latest", NULL, true, false},
	{"a-b.c-d:65535/x", "a-b.c-d:65535", "x", "latest", NULL, true, false},
	{"host:1/x", "host:1", "x", "latest", NULL, true, false},
	{"a.b", "docker.io", "library/a.b", "latest", NULL, false, false},
	{"x/a.b_c__d-e--f---g", "docker.io", "x/a.b_c__d-e--f---g", "latest", NULL, false, false},
	{"0/1", "docker.io", "0/1", "latest", NULL, false, false},
	{"x:" A128, "docker.io", "library/x", A128, NULL, false, true},
	{"x:_a.B-9", "docker.io", "library/x", "_a.B-9", NULL, false, true},
	{A63, "docker.io", "library/" A63, "latest", NULL, false, false},
	{HEX_A "a", "docker.io", "library/" HEX_A "a", "latest", NULL, false, false},
	{HEX_A ":x", "docker.io", "library/" HEX_A, "x", NULL, false, true},
	{"x/" HEX_A, "docker.io", "x/" HEX_A, "latest", NULL, false, false},
};

START_TEST(normalised)
{
	const struct wanted *w = &accepted[_i];
	struct reference ref, again;
	struct err err = ERR_INIT;
	char *text;

	memset(&ref, 0xff, sizeof(ref));
	ck_assert_msg(reference_parse(w->text, &ref, &err) == 0, "%s", err.msg);
	ck_assert_str_eq(ref.domain, w->domain);
	ck_assert_str_eq(ref.path, w->path);
	ck_assert_str_eq(ref.tag, w->tag);
	ck_assert_str_eq(ref.digest.text, w->digest ? w->digest : "");
	ck_assert(ref.has_domain == w->has_domain);
	ck_assert(ref.has_tag == w->has_tag);
	ck_assert_str_eq(reference_selector(&ref), w->digest ? w->digest : w->tag);

	/* the full text means the same again */
	text = reference_text(&ref);
	ck_assert_int_eq(reference_parse(text, &again, &err), 0);
	ck_assert_str_eq(again.domain, ref.domain);
	ck_assert_str_eq(again.path, ref.path);
	ck_assert_str_eq(again.tag, ref.tag);
	ck_assert_str_eq(again.digest.text, ref.digest.text);
	free(text);
}
END_TEST

START_TEST(names_of_255_bytes)
{
	char name[LIMIT_REFERENCE_NAME + 16];
	struct reference ref;
	struct err err = ERR_INIT;

	/* domain and path together may have 255 */
	memset(name, 'a', sizeof(name));
	memcpy(name, "host.io/", 8);
	name[LIMIT_REFERENCE_NAME] = '\0';
	ck_assert_int_eq(reference_parse(name, &ref, &err), 0);
	ck_assert_uint_eq(strlen(ref.domain) + 1 + strlen(ref.path), 255);
	name[LIMIT_REFERENCE_NAME] = 'a';
	name[LIMIT_REFERENCE_NAME + 1] = '\0';
	assert_error(reference_parse(name, &ref, &err), &err, EINVAL, "longer than 255");

	/* what normalisation adds counts too: "docker.io/library/" */
	memset(name, 'a', sizeof(name));
	name[LIMIT_REFERENCE_NAME - 18] = '\0';
	ck_assert_int_eq(reference_parse(name, &ref, &err), 0);
	ck_assert_uint_eq(strlen(ref.domain) + 1 + strlen(ref.path), 255);
	name[LIMIT_REFERENCE_NAME - 18] = 'a';
	name[LIMIT_REFERENCE_NAME - 17] = '\0';
	assert_error(reference_parse(name, &ref, &err), &err, EINVAL, "longer than 255");

	/* a domain alone cannot overflow its field */
	memset(name, 'a', sizeof(name));
	memcpy(name + sizeof(name) - 5, ".b/c", 5);
	assert_error(reference_parse(name, &ref, &err), &err, EINVAL, "longer than 255");
}
END_TEST

START_TEST(over_long)
{
	struct reference ref;
	struct err err = ERR_INIT;
	char *text = xmalloc(LIMIT_REFERENCE + 2);

	memset(text, 'a', LIMIT_REFERENCE + 1);
	text[LIMIT_REFERENCE + 1] = '\0';
	assert_error(reference_parse(text, &ref, &err), &err, EINVAL, "longer than 1024");
	free(text);
	ck_assert_int_eq(reference_parse("x:" A128 "a", &ref, NULL), -EINVAL);
	assert_error(reference_parse("", &ref, &err), &err, EINVAL, "the image name is empty");
	assert_error(reference_parse(NULL, &ref, &err), &err, EINVAL, "the image name is empty");
}
END_TEST

START_TEST(texts)
{
	static const struct {
		const char *in, *text, *store;
	} cases[] = {
		{"alpine", "docker.io/library/alpine:latest", "docker.io/library/alpine:latest"},
		{"h:1/x@" DIGEST_A, "h:1/x@" DIGEST_A, "h:1/x@" DIGEST_A},
		{"h:1/x:t@" DIGEST_A, "h:1/x:t@" DIGEST_A, "h:1/x:t"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct reference ref;
		char *text, *store;

		ck_assert_int_eq(reference_parse(cases[i].in, &ref, NULL), 0);
		text = reference_text(&ref);
		store = reference_store_name(&ref);
		ck_assert_str_eq(text, cases[i].text);
		ck_assert_str_eq(store, cases[i].store);
		free(text);
		free(store);
	}
}
END_TEST

START_TEST(to_localhost)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"mine", "localhost/mine:latest"},
		{"library/mine:1", "localhost/library/mine:1"},
		{"me/mine:1", "localhost/me/mine:1"},
		{"docker.io/mine", "localhost/mine:latest"},
		{"docker.io/library/mine", "localhost/library/mine:latest"},
		{"quay.io/library/mine", "localhost/library/mine:latest"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct reference ref;
		char *text;

		ck_assert_int_eq(reference_parse(cases[i].in, &ref, NULL), 0);
		reference_to_localhost(&ref, &ref);
		text = reference_text(&ref);
		ck_assert_str_eq(text, cases[i].out);
		free(text);
		/* a second time changes nothing */
		reference_to_localhost(&ref, &ref);
		text = reference_text(&ref);
		ck_assert_str_eq(text, cases[i].out);
		free(text);
	}
}
END_TEST

START_TEST(api_hosts)
{
	struct reference ref;

	ck_assert_int_eq(reference_parse("alpine", &ref, NULL), 0);
	ck_assert_str_eq(reference_api_host(&ref), "registry-1.docker.io");
	ck_assert_int_eq(reference_parse("quay.io/alpine", &ref, NULL), 0);
	ck_assert_str_eq(reference_api_host(&ref), "quay.io");
}
END_TEST

START_TEST(loopback)
{
	static const char *const yes[] = {
		"localhost",	  "localhost:5000",	    "LOCALHOST",
		"a.localhost",	  "a.b.LocalHost:1",	    "127.0.0.1",
		"127.0.0.1:5000", "127.255.255.1",	    "[::1]",
		"[::1]:5000",	  "[0:0:0:0:0:0:0:1]:5000",
	};
	static const char *const no[] = {
		"docker.io",
		"localhost.evil.com",
		"localhost.evil.com:5000",
		"notlocalhost",
		".localhost",
		"127.0.0.1.evil.com",
		"128.0.0.1",
		"127.1",
		"[::2]:5000",
		"[::1",
		"[]",
		"[",
		"",
		"10.0.0.1:127",
		"1.127.0.0",
		"[127.0.0.1]",
	};

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		ck_assert_msg(reference_is_loopback(yes[i]), "%s", yes[i]);
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		ck_assert_msg(!reference_is_loopback(no[i]), "%s", no[i]);
}
END_TEST

TCase *oci_reference_tests(void)
{
	TCase *t = tcase_create("reference");

	tcase_add_loop_test(t, normalised, 0, (int)ARRAY_SIZE(accepted));
	tcase_add_test(t, names_of_255_bytes);
	tcase_add_test(t, over_long);
	tcase_add_test(t, texts);
	tcase_add_test(t, to_localhost);
	tcase_add_test(t, api_hosts);
	tcase_add_test(t, loopback);
	return t;
}
