/* registry: the whole program, and the pure parts: challenges, base64, retries, URLs, tokens. */
#include "registry.h"

#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "registry/base64.h"
#include "registry/challenge.h"
#include "registry/retry.h"
#include "registry/token.h"
#include "registry/url.h"

/* ---- challenges */

START_TEST(challenge_bearer)
{
	struct challenges c = {.n = 0};

	ck_assert_int_eq(challenges_parse(&c, "Bearer realm=\"https://auth.example/token\","
					      "service=\"registry.example\","
					      "scope=\"repository:a/b:pull,push\""),
			 0);
	ck_assert_uint_eq(c.n, 1);
	ck_assert_str_eq(c.v[0].scheme, "bearer");
	ck_assert_str_eq(c.v[0].realm, "https://auth.example/token");
	ck_assert_str_eq(c.v[0].service, "registry.example");
	ck_assert_str_eq(c.v[0].scope, "repository:a/b:pull,push");
	ck_assert_ptr_null(c.v[0].error);
	ck_assert_ptr_eq(challenges_find(&c, "bearer"), &c.v[0]);
	ck_assert_ptr_null(challenges_find(&c, "basic"));
	challenges_release(&c);
	ck_assert_uint_eq(c.n, 0);
}
END_TEST

START_TEST(challenge_several_on_a_line)
{
	struct challenges c = {.n = 0};
	const struct challenge *basic, *bearer;

	ck_assert_int_eq(
		challenges_parse(&c, ", Negotiate, NTLM TlRMTVNT==, bAsIc REALM = \"a, \\\"b\\\"\","
				     " charset=UTF-8 ,, BEARER realm=https://x/t, error=\"e\""),
		0);
	ck_assert_int_eq(challenges_parse(&c, "Digest qop=auth"), 0);
	ck_assert_uint_eq(c.n, 5);
	basic = challenges_find(&c, "basic");
	bearer = challenges_find(&c, "bearer");
	ck_assert_str_eq(basic->realm, "a, \"b\"");
	ck_assert_str_eq(bearer->realm, "https://x/t");
	ck_assert_str_eq(bearer->error, "e");
	ck_assert_ptr_null(challenges_find(&c, "ntlm")->realm);
	challenges_release(&c);
}
END_TEST

START_TEST(challenge_first_of_twins_counts)
{
	struct challenges c = {.n = 0};

	ck_assert_int_eq(challenges_parse(&c, "Bearer realm=\"one\", realm=\"two\""), 0);
	ck_assert_str_eq(c.v[0].realm, "one");
	challenges_release(&c);
}
END_TEST

START_TEST(challenge_malformed)
{
	static const char *const bad[] = {
		"realm=\"x\"",
		"Bearer realm=\"x",
		"Bearer realm=\"x\\",
		"Bearer realm=\"x\"y=\"z\"",
		"\"Bearer\"",
		"Bearer \"x\"",
		"=",
		"Bearer realm=\"a\" \"b\"",
		"(",
		"Bearer realm=\"\\\"",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct challenges c = {.n = 0};

		ck_assert_msg(challenges_parse(&c, bad[i]) == -EINVAL, "%s", bad[i]);
		challenges_release(&c);
	}
}
END_TEST

START_TEST(challenge_keeps_what_came_before)
{
	struct challenges c = {.n = 0};

	ck_assert_int_eq(challenges_parse(&c, "Basic realm=\"ok\", Bearer realm=\"x"), -EINVAL);
	ck_assert_str_eq(challenges_find(&c, "basic")->realm, "ok");
	challenges_release(&c);
}
END_TEST

START_TEST(challenge_bounds)
{
	struct challenges c = {.n = 0};
	char line[4001] = "", scheme[200];

	for (size_t i = 0; i < 1000; i++)
		memcpy(line + 4 * i, "Abc,", 4);
	ck_assert_int_eq(challenges_parse(&c, line), 0);
	ck_assert_uint_eq(c.n, CHALLENGES_MAX);
	ck_assert_int_eq(challenges_parse(&c, "Bearer realm=x"), 0);
	ck_assert_ptr_null(challenges_find(&c, "bearer"));
	challenges_release(&c);
	memset(scheme, 'x', sizeof(scheme) - 1);
	scheme[sizeof(scheme) - 1] = '\0';
	ck_assert_int_eq(challenges_parse(&c, scheme), 0);
	ck_assert_str_eq(c.v[0].scheme, "");
	challenges_release(&c);
}
END_TEST

/* ---- base64 */

START_TEST(base64_round_trip)
{
	static const struct {
		const char *plain, *encoded;
	} known[] = {{"", ""},
		     {"f", "Zg=="},
		     {"fo", "Zm8="},
		     {"foo", "Zm9v"},
		     {"foob", "Zm9vYg=="},
		     {"fooba", "Zm9vYmE="},
		     {"foobar", "Zm9vYmFy"},
		     {"\xff\xfe\xfd", "//79"}};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		char *text = base64_encode(known[i].plain, strlen(known[i].plain));
		char *back = NULL;
		size_t len;

		ck_assert_str_eq(text, known[i].encoded);
		ck_assert_int_eq(base64_decode(text, &back, &len), 0);
		ck_assert_uint_eq(len, strlen(known[i].plain));
		ck_assert_str_eq(back, known[i].plain);
		free(text);
		free(back);
	}
}
END_TEST

START_TEST(base64_malformed)
{
	static const char *const bad[] = {"A",	  "AAAAA", "Zm 9v", "Zm9v\n",
					  "Z===", "=",	   "Zg=g",  "\xff\xff"};
	char *out = NULL;
	size_t len;

	ck_assert_int_eq(base64_decode("Zm8", &out, &len), 0);
	ck_assert_str_eq(out, "fo");
	free(out);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		out = NULL;
		ck_assert_msg(base64_decode(bad[i], &out, &len) == -EINVAL, "%s", bad[i]);
		ck_assert_ptr_null(out);
	}
}
END_TEST

/* ---- retries */

START_TEST(retry_after_forms)
{
	const time_t now = 784111777; /* Sun, 06 Nov 1994 08:49:37 GMT, RFC 9110's own example */

	ck_assert_int_eq(retry_after("0", now), 0);
	ck_assert_int_eq(retry_after("120", now), 120);
	ck_assert_int_eq(retry_after("99999999999999999999", now), INT32_MAX);
	ck_assert_int_eq(retry_after("Sun, 06 Nov 1994 08:50:37 GMT", now), 60);
	ck_assert_int_eq(retry_after("Sunday, 06-Nov-94 08:50:07 GMT", now), 30);
	ck_assert_int_eq(retry_after("Sun Nov  6 08:49:38 1994", now), 1);
	ck_assert_int_eq(retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), 0);
	ck_assert_int_eq(retry_after("", now), -1);
	ck_assert_int_eq(retry_after("-5", now), -1);
	ck_assert_int_eq(retry_after("1.5", now), -1);
	ck_assert_int_eq(retry_after("soon, I think", now), -1);
}
END_TEST

START_TEST(retry_delays_grow)
{
	for (int i = 0; i < 50; i++) {
		ck_assert_int_ge(retry_delay(1, 1000), 500);
		ck_assert_int_le(retry_delay(1, 1000), 1000);
		ck_assert_int_ge(retry_delay(4, 1000), 4000);
		ck_assert_int_le(retry_delay(4, 1000), 8000);
		ck_assert_int_ge(retry_delay(4000000000u, 1000), 15000);
		ck_assert_int_le(retry_delay(4000000000u, 1000), 30000);
	}
}
END_TEST

START_TEST(retry_statuses)
{
	static const long yes[] = {408, 429, 500, 502, 503, 504};
	static const long no[] = {200, 301, 400, 401, 403, 404, 416, 501, 505};

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		ck_assert_msg(retry_status(yes[i]), "%ld", yes[i]);
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		ck_assert_msg(!retry_status(no[i]), "%ld", no[i]);
}
END_TEST

START_TEST(content_ranges)
{
	static const char *const bad[] = {
		"",
		"bytes",
		"bytes 1-2",
		"bytes 2-1/5",
		"bytes 0-5/5",
		"bytes -1-5/9",
		"bytes */9",
		"items 0-1/2",
		"bytes 0-1/2x",
		"bytes 0 -1/2",
		"bytes 0-1/-2",
		"bytes 0-1/",
		"bytes 18446744073709551616-18446744073709551617/*",
		"bytes 0-1/* ",
	};
	uint64_t first = 9, last = 9;
	int64_t total = 9;

	ck_assert_int_eq(content_range_parse("bytes 0-0/1", &first, &last, &total), 0);
	ck_assert(first == 0 && last == 0 && total == 1);
	ck_assert_int_eq(content_range_parse("Bytes 10-19/*", &first, &last, &total), 0);
	ck_assert(first == 10 && last == 19 && total == -1);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(content_range_parse(bad[i], &first, &last, &total) == -EINVAL, "%s",
			      bad[i]);
}
END_TEST

/* ---- URLs */

static void check_join(const char *base, const char *location, const char *expect)
{
	struct err err = ERR_INIT;
	char *url = NULL;

	ck_assert_msg(url_join(base, location, &url, &err) == 0, "%s: %s", location, err.msg);
	ck_assert_str_eq(url, expect);
	free(url);
}

START_TEST(url_locations)
{
	const char *base = "https://r.example:5000/v2/a/blobs/uploads/?x=1";

	check_join(base, "/v2/a/blobs/uploads/1?_state=z",
		   "https://r.example:5000/v2/a/blobs/uploads/1?_state=z");
	check_join(base, "2", "https://r.example:5000/v2/a/blobs/uploads/2");
	check_join(base, "https://cdn.example/x?y", "https://cdn.example/x?y");
	check_join(base, "//cdn.example/x", "https://cdn.example/x");
	check_join(base, "?y=2", "https://r.example:5000/v2/a/blobs/uploads/?y=2");
	check_join(base, "https://u:p@cdn.example/x#frag", "https://cdn.example/x");
	check_join(NULL, "http://[::1]:5000/t", "http://[::1]:5000/t");
}
END_TEST

START_TEST(url_refused)
{
	static const char *const bad[] = {
		"ftp://x/y",	 "file:///etc/passwd",	   "gopher://x/",
		"https://x/a b", "https://x/a\r\nHost: y", "https://x/\x01",
		"https://",
	};
	struct err err = ERR_INIT;
	char *url = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_msg(url_join("https://r/", bad[i], &url, &err) == -EPROTO, "%s", bad[i]);
		ck_assert_ptr_null(url);
	}
	ck_assert_int_eq(url_join(NULL, "/token", &url, &err), -EPROTO);
}
END_TEST

START_TEST(url_origins)
{
	ck_assert(url_same_origin("https://a/x", "https://A:443/y?z"));
	ck_assert(url_same_origin("http://a", "http://a:80/"));
	ck_assert(!url_same_origin("https://a/", "http://a/"));
	ck_assert(!url_same_origin("https://a/", "https://a:444/"));
	ck_assert(!url_same_origin("https://a/", "https://b.a/"));
	ck_assert(!url_same_origin("https://a/", "https://a.b/"));
	ck_assert(!url_same_origin("nonsense", "nonsense"));
	ck_assert(url_is_loopback("http://localhost:5000/x"));
	ck_assert(url_is_loopback("http://127.9.9.9/"));
	ck_assert(url_is_loopback("http://[::1]:5000/"));
	ck_assert(!url_is_loopback("http://127.0.0.1.example/"));
	ck_assert(!url_is_loopback("http://example/?localhost"));
}
END_TEST

START_TEST(url_queries)
{
	static const struct {
		const char *url, *expect;
	} known[] = {
		{"https://a/b", "https://a/b?digest=sha256%3Aab"},
		{"https://a/b?", "https://a/b?digest=sha256%3Aab"},
		{"https://a/b?x=y", "https://a/b?x=y&digest=sha256%3Aab"},
		{"https://a/b?x=y&", "https://a/b?x=y&digest=sha256%3Aab"},
	};
	char *text;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		text = url_with_query(known[i].url, "digest", "sha256:ab");
		ck_assert_str_eq(text, known[i].expect);
		free(text);
	}
	text = url_escape("a-._~Z9 &=%\xc3\xa4");
	ck_assert_str_eq(text, "a-._~Z9%20%26%3D%25%C3%A4");
	free(text);
}
END_TEST

START_TEST(url_redirects)
{
	struct err err = ERR_INIT;

	ck_assert_int_eq(url_may_redirect("https://a/", "https://b/", &err), 0);
	ck_assert_int_eq(url_may_redirect("http://a/", "https://b/", &err), 0);
	ck_assert_int_eq(url_may_redirect("http://a/", "http://b/", &err), 0);
	ck_assert_int_eq(url_may_redirect("https://a/", "http://a/", &err), -EPROTO);
	ck_assert_ptr_nonnull(strstr(err.msg, "from https to 'http://a/'"));
	ck_assert_int_eq(url_may_redirect("http://a/", "file:///x", &err), -EPROTO);
}
END_TEST

/* ---- tokens */

static int parse_token(const char *text, char **ret, int64_t *lifetime, struct err *err)
{
	return token_parse(text, strlen(text), ret, lifetime, err);
}

START_TEST(token_answers)
{
	struct err err = ERR_INIT;
	char *token = NULL;
	int64_t lifetime;

	ck_assert_int_eq(parse_token("{\"token\":\"abc\",\"expires_in\":300,\"issued_at\":\"x\"}",
				     &token, &lifetime, &err),
			 0);
	ck_assert_str_eq(token, "abc");
	ck_assert_int_eq(lifetime, 300);
	free(token);
	ck_assert_int_eq(parse_token("{\"token\":\"\",\"access_token\":\"d-e.f_~+/=\"}", &token,
				     &lifetime, &err),
			 0);
	ck_assert_str_eq(token, "d-e.f_~+/=");
	ck_assert_int_eq(lifetime, 60);
	free(token);
	ck_assert_int_eq(
		parse_token("{\"token\":\"t\",\"expires_in\":-9}", &token, &lifetime, &err), 0);
	ck_assert_int_eq(lifetime, 60);
	free(token);
	ck_assert_int_eq(parse_token("{\"token\":\"t\",\"expires_in\":9223372036854775807}", &token,
				     &lifetime, &err),
			 0);
	ck_assert_int_lt(lifetime, 400LL * 24 * 3600);
	free(token);
}
END_TEST

START_TEST(token_answers_refused)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"token\":7}",
		"{\"token\":\"a\\r\\nX: y\"}",
		"{\"token\":\"a b\"}",
		"{\"token\":\"\\u00e4\"}",
		"{\"token\":\"a\",\"token\":\"b\"}",
		"{\"token\":\"a\",\"expires_in\":\"x\"}",
		"{\"token\":\"a\"} {}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = ERR_INIT;
		char *token = NULL;
		int64_t lifetime;

		ck_assert_msg(parse_token(bad[i], &token, &lifetime, &err) < 0, "%s", bad[i]);
		ck_assert_int_ne(err.code, 0);
		ck_assert_ptr_null(token);
	}
}
END_TEST

START_TEST(token_requests)
{
	char *scopes[] = {LENT("repository:a/b:pull"), LENT("repository:c:pull"), NULL};
	struct credentials password = {.user = LENT("us er"), .password = LENT("p&w=1:2")};
	struct credentials identity = {.identity_token = LENT("id+/=")};
	char *text;

	text = token_url("https://a/t?x=1", "s v", scopes, "me");
	ck_assert_str_eq(text,
			 "https://a/t?x=1&service=s%20v&account=me&scope=repository%3Aa%2Fb%3Apull"
			 "&scope=repository%3Ac%3Apull");
	free(text);
	text = token_url("https://a/t", NULL, NULL, NULL);
	ck_assert_str_eq(text, "https://a/t");
	free(text);
	text = token_form("svc", scopes, &identity);
	ck_assert_str_eq(text,
			 "grant_type=refresh_token&service=svc&scope=repository%3Aa%2Fb%3Apull%20"
			 "repository%3Ac%3Apull&client_id=strake&refresh_token=id%2B%2F%3D");
	free(text);
	text = token_form(NULL, NULL, &password);
	ck_assert_str_eq(text, "grant_type=password&client_id=strake&username=us%20er"
			       "&password=p%26w%3D1%3A2");
	free(text);
}
END_TEST

TCase *registry_parsers(void)
{
	TCase *t = tcase_create("parsers");

	tcase_add_test(t, challenge_bearer);
	tcase_add_test(t, challenge_several_on_a_line);
	tcase_add_test(t, challenge_first_of_twins_counts);
	tcase_add_test(t, challenge_malformed);
	tcase_add_test(t, challenge_keeps_what_came_before);
	tcase_add_test(t, challenge_bounds);
	tcase_add_test(t, base64_round_trip);
	tcase_add_test(t, base64_malformed);
	tcase_add_test(t, retry_after_forms);
	tcase_add_test(t, retry_delays_grow);
	tcase_add_test(t, retry_statuses);
	tcase_add_test(t, content_ranges);
	tcase_add_test(t, url_locations);
	tcase_add_test(t, url_refused);
	tcase_add_test(t, url_origins);
	tcase_add_test(t, url_queries);
	tcase_add_test(t, url_redirects);
	tcase_add_test(t, token_answers);
	tcase_add_test(t, token_answers_refused);
	tcase_add_test(t, token_requests);
	return t;
}

int main(void)
{
	Suite *s = suite_create("registry");

	/* The tests talk to 127.0.0.1 and read only the files they make. */
	unsetenv("REGISTRY_AUTH_FILE");
	unsetenv("XDG_RUNTIME_DIR");
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("DOCKER_CONFIG");
	unsetenv("SSL_CERT_FILE");
	unsetenv("SSL_CERT_DIR");
	unsetenv("http_proxy");
	unsetenv("https_proxy");
	unsetenv("HTTPS_PROXY");
	unsetenv("ALL_PROXY");
	unsetenv("all_proxy");
	setenv("HOME", "/nonexistent", 1);
	suite_add_tcase(s, registry_parsers());
	suite_add_tcase(s, registry_auth_files());
	suite_add_tcase(s, registry_certificates());
	suite_add_tcase(s, registry_client_get());
	suite_add_tcase(s, registry_client_fetch());
	suite_add_tcase(s, registry_client_auth());
	suite_add_tcase(s, registry_client_put());
	return unit_run(s);
}
