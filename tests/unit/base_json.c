/* json: what is refused, and the accessors; sha256. */
#include "base.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/str.h"

#include <errno.h>

static int parse_bytes(const char *text, size_t len, json_t **ret, struct err *err)
{
	return json_parse_object(text, len, 1 << 20, "the test", ret, err);
}

static json_t *parse(const char *text)
{
	struct err err = ERR_INIT;
	json_t *v = NULL;

	ck_assert_msg(parse_bytes(text, strlen(text), &v, &err) == 0, "%s", err.msg);
	return v;
}

START_TEST(refused)
{
	static const char *const bad[] = {
		"",
		" ",
		"null",
		"1",
		"\"a\"",
		"[]",
		"{",
		"}",
		"{}x",
		"{} {}",
		"{\"a\":1,}",
		"{\"a\":1,\"a\":2}",
		"{\"x\":{\"a\":1,\"b\":2,\"a\":1}}",
		"{\"a\":\"\\u0000\"}",
		"{\"a\\u0000b\":1}",
		"{\"a\":\"\xff\"}",
		"{\"a\":\"\\ud800\"}",
		"{\"a\":\"line\nend\"}",
		"{\"a\":99999999999999999999}",
		"{\"a\":1e999}",
		"{\"a\":01}",
		"{\"a\":NaN}",
		"{'a':1}",
		"{\"a\":tru}",
		"{\"a\"}",
		"// x\n{}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = ERR_INIT;
		json_t *v = NULL;

		ck_assert_msg(parse_bytes(bad[i], strlen(bad[i]), &v, &err) == -EINVAL, "%s",
			      bad[i]);
		ck_assert_ptr_null(v);
		ck_assert_msg(str_starts(err.msg, "the test "), "%s", err.msg);
	}
}
END_TEST

START_TEST(nul_bytes)
{
	static const char in_string[] = "{\"a\":\"x\0y\"}", behind[] = "{}\0", between[] = "{\0}";
	json_t *v = NULL;

	ck_assert_int_eq(parse_bytes(in_string, sizeof(in_string) - 1, &v, NULL), -EINVAL);
	ck_assert_int_eq(parse_bytes(behind, sizeof(behind) - 1, &v, NULL), -EINVAL);
	ck_assert_int_eq(parse_bytes(between, sizeof(between) - 1, &v, NULL), -EINVAL);
}
END_TEST

START_TEST(too_large)
{
	struct err err = ERR_INIT;
	json_t *v = NULL;

	ck_assert_int_eq(json_parse_object("{}  ", 4, 3, "a thing", &v, &err), -EFBIG);
	ck_assert_str_eq(err.msg, "a thing is larger than 3 bytes");
	ck_assert_int_eq(json_parse_object("{} ", 3, 3, "a thing", &v, &err), 0);
	json_decref(v);
}
END_TEST

/* {"a":[[[...]]]} with `depth` levels in all. */
static char *nested(int depth)
{
	_cleanup_free_ char *open = xmalloc((size_t)depth), *close = xmalloc((size_t)depth);

	memset(open, '[', (size_t)depth - 1);
	memset(close, ']', (size_t)depth - 1);
	open[depth - 1] = close[depth - 1] = '\0';
	return xasprintf("{\"a\":%s%s}", open, close);
}

START_TEST(depth)
{
	_cleanup_free_ char *fits = nested(LIMIT_JSON_DEPTH), *deep = nested(LIMIT_JSON_DEPTH + 1);
	_cleanup_free_ char *deeper = nested(400000), *quoted = NULL;
	struct err err = ERR_INIT;
	json_t *v = NULL;

	json_decref(parse(fits));
	ck_assert_int_eq(parse_bytes(deep, strlen(deep), &v, &err), -EINVAL);
	ck_assert_str_eq(err.msg, "the test nests deeper than 64 levels");
	ck_assert_int_eq(parse_bytes(deeper, strlen(deeper), &v, &err), -EINVAL);
	/* brackets in strings are no nesting, nor do quoted quotes end one */
	quoted = xasprintf("{\"a\\\"[[\":\"\\\\\",\"b\":\"\\\"%.*s\"}", 100,
			   "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
			   "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[");
	json_decref(parse(quoted));
	/* closing ones in front do not buy deeper ones */
	ck_assert_int_eq(parse_bytes("]]]]{}", 6, &v, &err), -EINVAL);
	/* an object in the string's place */
	ck_assert_int_eq(parse_bytes("{\"a\":\"\\", 7, &v, &err), -EINVAL);
}
END_TEST

START_TEST(strings)
{
	_cleanup_json_ json_t *v = parse("{\"s\":\"x\",\"e\":\"\",\"n\":null,\"i\":1}");
	struct err err = ERR_INIT;
	const char *s = "old";

	ck_assert_int_eq(json_get_string(v, "s", &s, &err), 0);
	ck_assert_str_eq(s, "x");
	ck_assert_int_eq(json_get_string(v, "e", &s, &err), 0);
	ck_assert_str_eq(s, "");
	ck_assert_int_eq(json_get_string(v, "n", &s, &err), 0);
	ck_assert_ptr_null(s);
	ck_assert_int_eq(json_get_string(v, "missing", &s, &err), 0);
	ck_assert_ptr_null(s);
	ck_assert_int_eq(json_get_string(v, "i", &s, &err), -EINVAL);
	ck_assert_str_eq(err.msg, "'i' is not a string");
	ck_assert_int_eq(json_need_string(v, "s", &s, &err), 0);
	ck_assert_int_eq(json_need_string(v, "e", &s, &err), -EINVAL);
	ck_assert_str_eq(err.msg, "'e' is missing or empty");
	ck_assert_int_eq(json_need_string(v, "n", &s, &err), -EINVAL);
	ck_assert_int_eq(json_need_string(v, "missing", &s, &err), -EINVAL);
	ck_assert_int_eq(json_need_string(v, "i", &s, &err), -EINVAL);
	ck_assert_str_eq(err.msg, "'i' is not a string");
}
END_TEST

START_TEST(integers)
{
	_cleanup_json_ json_t *v =
		parse("{\"i\":5,\"neg\":-1,\"r\":1.0,\"s\":\"5\",\"n\":null,\"b\":true,"
		      "\"max\":9223372036854775807}");
	struct err err = ERR_INIT;
	int64_t i = 42;

	ck_assert_int_eq(json_get_int(v, "missing", 0, 9, &i, &err), 0);
	ck_assert_int_eq(json_get_int(v, "n", 0, 9, &i, &err), 0);
	ck_assert_int_eq(i, 42);
	ck_assert_int_eq(json_get_int(v, "neg", 0, 9, &i, &err), -ERANGE);
	ck_assert_str_eq(err.msg, "'neg' is -1, not between 0 and 9");
	ck_assert_int_eq(json_get_int(v, "i", 6, 9, &i, &err), -ERANGE);
	ck_assert_int_eq(json_get_int(v, "i", 0, 4, &i, &err), -ERANGE);
	ck_assert_int_eq(json_get_int(v, "r", 0, 9, &i, &err), -EINVAL);
	ck_assert_int_eq(json_get_int(v, "s", 0, 9, &i, &err), -EINVAL);
	ck_assert_int_eq(json_get_int(v, "b", 0, 9, &i, &err), -EINVAL);
	ck_assert_int_eq(i, 42);
	ck_assert_int_eq(json_get_int(v, "i", 5, 5, &i, &err), 0);
	ck_assert_int_eq(i, 5);
	ck_assert_int_eq(json_get_int(v, "max", 0, INT64_MAX, &i, &err), 0);
	ck_assert_int_eq(i, INT64_MAX);
}
END_TEST

START_TEST(booleans)
{
	_cleanup_json_ json_t *v = parse("{\"t\":true,\"f\":false,\"n\":null,\"i\":1}");
	struct err err = ERR_INIT;
	bool b = false;

	ck_assert_int_eq(json_get_bool(v, "t", &b, &err), 0);
	ck_assert(b);
	ck_assert_int_eq(json_get_bool(v, "n", &b, &err), 0);
	ck_assert_int_eq(json_get_bool(v, "missing", &b, &err), 0);
	ck_assert(b);
	ck_assert_int_eq(json_get_bool(v, "i", &b, &err), -EINVAL);
	ck_assert_int_eq(json_get_bool(v, "f", &b, &err), 0);
	ck_assert(!b);
}
END_TEST

START_TEST(containers)
{
	_cleanup_json_ json_t *v = parse("{\"a\":[\"x\",\"y\"],\"m\":[\"x\",1],\"o\":{},\"e\":[]}");
	_cleanup_strv_ char **strv = NULL, **none = NULL, **empty = NULL;
	struct err err = ERR_INIT;
	json_t *sub = v;

	ck_assert_int_eq(json_get_array(v, "missing", 9, &sub, &err), 0);
	ck_assert_ptr_null(sub);
	ck_assert_int_eq(json_get_array(v, "o", 9, &sub, &err), -EINVAL);
	ck_assert_int_eq(json_get_array(v, "a", 1, &sub, &err), -EFBIG);
	ck_assert_str_eq(err.msg, "'a' has 2 entries, more than 1");
	ck_assert_ptr_null(sub);
	ck_assert_int_eq(json_get_array(v, "a", 2, &sub, &err), 0);
	ck_assert_ptr_nonnull(sub);
	ck_assert_int_eq(json_get_object(v, "a", &sub, &err), -EINVAL);
	ck_assert_int_eq(json_get_object(v, "o", &sub, &err), 0);
	ck_assert(json_is_object(sub));
	ck_assert_int_eq(json_get_object(v, "missing", &sub, &err), 0);
	ck_assert_ptr_null(sub);

	ck_assert_int_eq(json_get_strv(v, "a", 2, &strv, &err), 0);
	ck_assert_uint_eq(strv_len(strv), 2);
	ck_assert_str_eq(strv[1], "y");
	ck_assert_int_eq(json_get_strv(v, "a", 1, &none, &err), -EFBIG);
	ck_assert_int_eq(json_get_strv(v, "m", 9, &none, &err), -EINVAL);
	ck_assert_ptr_null(none);
	ck_assert_int_eq(json_get_strv(v, "missing", 9, &none, &err), 0);
	ck_assert_ptr_null(none);
	ck_assert_int_eq(json_get_strv(v, "e", 9, &empty, &err), 0);
	ck_assert_ptr_nonnull(empty);
	ck_assert_ptr_null(empty[0]);
}
END_TEST

START_TEST(texts)
{
	_cleanup_json_ json_t *v = parse(" { \"b\" : 1 , \"a\" : [ \"/\" ] } ");
	_cleanup_free_ char *text = json_text(v), *pretty = json_text_pretty(v), *one = NULL;
	_cleanup_json_ json_t *s = json_string("x");

	ck_assert_str_eq(text, "{\"b\":1,\"a\":[\"/\"]}");
	ck_assert_str_eq(pretty, "{\n    \"b\": 1,\n    \"a\": [\n        \"/\"\n    ]\n}\n");
	one = json_text(s);
	ck_assert_str_eq(one, "\"x\"");
}
END_TEST

TCase *base_json(void)
{
	TCase *tc = tcase_create("json");

	tcase_add_test(tc, refused);
	tcase_add_test(tc, nul_bytes);
	tcase_add_test(tc, too_large);
	tcase_add_test(tc, depth);
	tcase_add_test(tc, strings);
	tcase_add_test(tc, integers);
	tcase_add_test(tc, booleans);
	tcase_add_test(tc, containers);
	tcase_add_test(tc, texts);
	return tc;
}

/* FIPS 180-4's examples. */
START_TEST(known_digests)
{
	static const char
		empty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		million[] = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
	struct sha256 *h __attribute__((cleanup(sha256_freep))) = sha256_new();
	char out[65], as[1000];

	sha256_hex("", 0, out);
	ck_assert_str_eq(out, empty);
	sha256_hex("abc", 3, out);
	ck_assert_str_eq(out, abc);
	memset(as, 'a', sizeof(as));
	for (int i = 0; i < 1000; i++)
		sha256_update(h, as, sizeof(as));
	sha256_final_hex(h, out);
	ck_assert_str_eq(out, million);
	sha256_reset(h);
	sha256_update(h, "ab", 2);
	sha256_update(h, "", 0);
	sha256_update(h, "c", 1);
	sha256_final_hex(h, out);
	ck_assert_str_eq(out, abc);
	sha256_reset(h);
	sha256_final_hex(h, out);
	ck_assert_str_eq(out, empty);
	sha256_free(NULL);
}
END_TEST

TCase *base_sha256(void)
{
	TCase *tc = tcase_create("sha256");

	tcase_add_test(tc, known_digests);
	return tc;
}
