/* registry_get: reading documents from a registry: manifests, small blobs, retries, redirects,
 * proxies. */
#include "registry_client.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/str.h"
#include "oci/media_type.h"
#include "registry/client_impl.h"

#define MANIFEST "{\"schemaVersion\":2}"

/* ---- shared helpers */

struct registry_client *client_named(const char *name, const struct registry_options *options)
{
	struct registry_client *c = NULL;
	struct reference ref;
	struct err err = ERR_INIT;

	ck_assert_int_eq(reference_parse(name, &ref, &err), 0);
	ck_assert_msg(registry_client_new(&ref, options, &c, &err) == 0, "%s", err.msg);
	c->backoff_ms = 2;
	return c;
}

struct registry_client *client_for(struct server *s, const struct credentials *credentials)
{
	_cleanup_free_ char *name = xasprintf("127.0.0.1:%d/team/app:1", server_port(s));
	struct registry_options options = {.credentials = credentials};

	return client_named(name, &options);
}

const char *digest_of(const void *bytes, size_t len)
{
	static char text[80];
	char hex[65];

	sha256_hex(bytes, len, hex);
	snprintf(text, sizeof(text), "sha256:%s", hex);
	return text;
}

void describe_bytes(const void *bytes, size_t len, struct descriptor *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->media_type = xstrdup(MEDIA_OCI_LAYER_GZIP);
	ret->size = (int64_t)len;
	ck_assert_int_eq(digest_parse(digest_of(bytes, len), &ret->digest, NULL), 0);
}

char *some_bytes(size_t len)
{
	char *bytes = xmalloc(len + 1);
	unsigned int x = 12345;

	for (size_t i = 0; i < len; i++) {
		x = x * 1103515245u + 12345u;
		bytes[i] = (char)(x >> 16);
	}
	bytes[len] = '\0';
	return bytes;
}

/* ---- manifests */

/* Gets the manifest "1"; *err starts clean. */
static int get_manifest(struct registry_client *c, const char *selector, char **ret,
			struct err *err)
{
	_cleanup_free_ char *text = NULL, *type = NULL;
	struct digest digest;
	size_t len;
	int r;

	*err = (struct err)ERR_INIT;
	r = registry_get_manifest(c, selector, &text, &len, &type, &digest, err);
	ck_assert_int_eq(r < 0, err->code != 0);
	if (r == 0) {
		ck_assert_uint_eq(len, strlen(text));
		ck_assert_str_eq(digest.text, digest_of(text, len));
		ck_assert_ptr_nonnull(type);
	}
	if (ret)
		*ret = steal_ptr(&text);
	return r;
}

static void answer_manifest(struct heard *h, void *ctx)
{
	(void)ctx;
	answer_text(h, 200, "Content-Type: " MEDIA_OCI_MANIFEST "\r\n", MANIFEST);
}

START_TEST(manifest)
{
	struct server *s = server_start(answer_manifest, NULL);
	struct registry_client *c = client_for(s, NULL);
	_cleanup_free_ char *text = NULL, *again = NULL;
	struct err err;

	ck_assert_int_eq(get_manifest(c, "1", &text, &err), 0);
	ck_assert_str_eq(text, MANIFEST);
	ck_assert_int_eq(get_manifest(c, digest_of(MANIFEST, strlen(MANIFEST)), &again, &err), 0);
	/* One request each: neither https nor authentication is tried again and again. */
	ck_assert_uint_eq(server_count(s), 2);
	ck_assert_str_eq(server_heard(s, 0)->method, "GET");
	ck_assert_str_eq(server_heard(s, 0)->path, "/v2/team/app/manifests/1");
	ck_assert_str_eq(server_heard(s, 0)->authorization, "");
	ck_assert_str_eq(server_heard(s, 0)->agent, "strake/" PACKAGE_VERSION);
	ck_assert_ptr_nonnull(strstr(server_heard(s, 0)->accept, MEDIA_OCI_INDEX));
	ck_assert_ptr_nonnull(strstr(server_heard(s, 0)->accept, MEDIA_DOCKER_MANIFEST));
	registry_client_free(c);
	server_stop(s);
}
END_TEST

START_TEST(manifest_of_wrong_digest)
{
	struct server *s = server_start(answer_manifest, NULL);
	struct registry_client *c = client_for(s, NULL);
	struct err err;

	ck_assert_int_eq(get_manifest(c, digest_of("x", 1), NULL, &err), -EBADMSG);
	ck_assert_msg(strstr(err.msg, digest_of("x", 1)) != NULL, "%s", err.msg);
	registry_client_free(c);
	server_stop(s);
}
END_TEST

static void answer_lie(struct heard *h, void *ctx)
{
	_cleanup_free_ char *headers =
		xasprintf("Docker-Content-Digest: %s\r\n", (const char *)ctx);

	answer_text(h, 200, headers, MANIFEST);
}

START_TEST(manifest_digest_header_is_checked)
{
	static const char *const ignored[] = {"sha384:00", "nonsense", ""};
	char told[80];
	struct err err;

	snprintf(told, sizeof(told), "%s", digest_of("x", 1));
	for (size_t i = 0; i <= ARRAY_SIZE(ignored); i++) {
		char *say = i ? xstrdup(ignored[i - 1]) : xstrdup(told);
		struct server *s = server_start(answer_lie, say);
		struct registry_client *c = client_for(s, NULL);

		ck_assert_int_eq(get_manifest(c, "1", NULL, &err), i ? 0 : -EBADMSG);
		registry_client_free(c);
		server_stop(s);
		free(say);
	}
}
END_TEST

struct fixed {
	int status;
	const char *headers, *body;
};

static void answer_fixed(struct heard *h, void *ctx)
{
	const struct fixed *f = ctx;

	answer_text(h, f->status, f->headers, f->body);
}

static const struct {
	struct fixed answer;
	int code;
	unsigned int requests;
	const char *words;
} refusals[] = {
	{{404, "",
	  "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest unknown\"}]}"},
	 -ENOENT,
	 1,
	 "MANIFEST_UNKNOWN: manifest unknown"},
	{{404, "", "<html>no</html>"}, -ENOENT, 1, "not found in registry '127.0.0.1:"},
	{{403, "", "{\"errors\":[{\"code\":\"DENIED\",\"message\":null}]}"}, -EACCES, 1, "DENIED"},
	{{401, "", ""}, -EACCES, 1, "neither Bearer nor Basic"},
	{{401, "WWW-Authenticate: Negotiate\r\n", ""}, -EACCES, 1, "neither Bearer nor Basic"},
	{{400, "", "[]"}, -EPROTO, 1, "400"},
	{{500, "", ""}, -EIO, 1 + LIMIT_RETRIES, "500"},
	{{503, "Retry-After: 0\r\n", "{}"}, -EIO, 1 + LIMIT_RETRIES, "503"},
	{{429, "Retry-After: 61\r\n", ""}, -EBUSY, 1, "61 s"},
	{{429, "Retry-After: Fri, 31 Dec 2150 23:59:59 GMT\r\n", ""}, -EBUSY, 1, "come back"},
	{{429, "Retry-After: x\r\n", "{\"errors\":[{\"code\":\"TOOMANYREQUESTS\"}]}"},
	 -EBUSY,
	 1 + LIMIT_RETRIES,
	 "TOOMANYREQUESTS"},
	{{302, "Location: file:///etc/passwd\r\n", ""}, -EPROTO, 1, "neither https nor http"},
	{{302, "Location: /again\r\n", ""}, -ELOOP, 1 + LIMIT_REDIRECTS, "redirects"},
	{{302, "", ""}, -EPROTO, 1, "302"},
};

START_TEST(manifest_refused)
{
	struct fixed f = refusals[_i].answer;
	struct server *s = server_start(answer_fixed, &f);
	struct registry_client *c = client_for(s, NULL);
	struct err err;

	ck_assert_int_eq(get_manifest(c, "1", NULL, &err), refusals[_i].code);
	ck_assert_msg(strstr(err.msg, refusals[_i].words) != NULL, "%s", err.msg);
	ck_assert_msg(strstr(err.msg, "team/app") != NULL, "%s", err.msg);
	ck_assert_uint_eq(server_count(s), refusals[_i].requests);
	registry_client_free(c);
	server_stop(s);
}
END_TEST

static void answer_third_time(struct heard *h, void *ctx)
{
	(void)ctx;
	if (h->number == 0)
		answer_text(h, 429, "Retry-After: 1\r\n", "");
	else if (h->number == 1)
		answer_raw_text(h, "HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\nabc");
	else if (h->number > 2) /* 2: closed without an answer */
		answer_text(h, 200, "", MANIFEST);
}

START_TEST(manifest_after_troubles)
{
	struct server *s = server_start(answer_third_time, NULL);
	struct registry_client *c = client_for(s, NULL);
	_cleanup_free_ char *text = NULL;
	int64_t begin = clock_ms();
	struct err err;

	ck_assert_int_eq(get_manifest(c, "1", &text, &err), 0);
	ck_assert_str_eq(text, MANIFEST);
	ck_assert_uint_eq(server_count(s), 4);
	ck_assert_int_ge(clock_ms() - begin, 1000);
	registry_client_free(c);
	server_stop(s);
}
END_TEST

static void answer_huge(struct heard *h, void *ctx)
{
	_cleanup_free_ char *body = some_bytes(LIMIT_MANIFEST_SIZE + 1);

	(void)ctx;
	answer(h, 200, "", body, LIMIT_MANIFEST_SIZE + 1);
}

static void answer_huge_error(struct heard *h, void *ctx)
{
	_cleanup_free_ char *body = some_bytes(4 * LIMIT_ERROR_BODY_SIZE);

	(void)ctx;
	answer(h, 404, "", body, 4 * LIMIT_ERROR_BODY_SIZE);
}

static void answer_headers_for_ever(struct heard *h, void *ctx)
{
	static const char line[] =
		"X-More: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";

	(void)ctx;
	answer_raw_text(h, "HTTP/1.1 200 OK\r\n");
	for (size_t i = 0; i < 2 * LIMIT_HEADER_BYTES / (sizeof(line) - 1); i++)
		answer_raw(h, line, sizeof(line) - 1);
	answer_raw_text(h, "Content-Length: 2\r\n\r\n{}");
}

START_TEST(manifest_bounds)
{
	static const struct {
		void (*answer)(struct heard *h, void *ctx);
		int code;
	} cases[] = {{answer_huge, -EFBIG},
		     {answer_huge_error, -ENOENT},
		     {answer_headers_for_ever, -EFBIG}};
	struct server *s = server_start(cases[_i].answer, NULL);
	struct registry_client *c = client_for(s, NULL);
	struct err err;

	ck_assert_int_eq(get_manifest(c, "1", NULL, &err), cases[_i].code);
	ck_assert_uint_eq(server_count(s), 1);
	registry_client_free(c);
	server_stop(s);
}
END_TEST

START_TEST(nobody_there)
{
	struct server *s = server_start(answer_manifest, NULL);
	struct registry_client *c = client_for(s, NULL);
	struct err err;

	server_stop(s);
	ck_assert_int_eq(get_manifest(c, "1", NULL, &err), -ECONNREFUSED);
	ck_assert_msg(strstr(err.msg, "cannot reach '127.0.0.1:") != NULL, "%s", err.msg);
	registry_client_free(c);
}
END_TEST

START_TEST(proxies)
{
	struct server *direct = server_start(answer_manifest, NULL);
	struct server *proxy = server_start(answer_manifest, NULL);
	/* An address that is this machine but is not known as such: proxies count for it. */
	_cleanup_free_ char *name = xasprintf("0.0.0.0:%d/a:1", server_port(direct));
	_cleanup_free_ char *at = xasprintf("http://127.0.0.1:%d", server_port(proxy));
	_cleanup_free_ char *expect =
		xasprintf("http://0.0.0.0:%d/v2/a/manifests/1", server_port(direct));
	struct registry_options options = {.tls_no_verify = true};
	struct registry_client *c;
	struct err err;

	for (int i = 0; i < 4; i++) {
		/* Upper and lower case; a named exception; and this machine itself, by its usual
		 * name. */
		setenv(i == 0 ? "HTTP_PROXY" : "http_proxy", at, 1);
		setenv("NO_PROXY", i == 2 ? "x.example,0.0.0.0" : "x.example", 1);
		c = i == 3 ? client_for(direct, NULL) : client_named(name, &options);
		ck_assert_int_eq(get_manifest(c, "1", NULL, &err), 0);
		ck_assert_uint_eq(server_count(proxy), i == 0 ? 1 : 2);
		ck_assert_uint_eq(server_count(direct), i < 2 ? 0 : (unsigned int)i - 1);
		ck_assert_str_eq(server_heard(proxy, i == 0 ? 0 : 1)->path, expect);
		registry_client_free(c);
	}
	server_stop(direct);
	server_stop(proxy);
}
END_TEST

/* ---- small blobs */

static int get_blob(struct registry_client *c, const struct descriptor *d, size_t max,
		    struct err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	*err = (struct err)ERR_INIT;
	r = registry_get_blob(c, d, max, &text, &len, err);
	if (r == 0)
		ck_assert_str_eq(digest_of(text, len), d->digest.text);
	return r;
}

START_TEST(small_blobs)
{
	struct fixed f = {200, "", "hello"};
	struct server *s = server_start(answer_fixed, &f);
	struct registry_client *c = client_for(s, NULL);
	struct descriptor d;
	struct err err;

	describe_bytes("hello", 5, &d);
	ck_assert_int_eq(get_blob(c, &d, 5, &err), 0);
	ck_assert_int_eq(get_blob(c, &d, 4, &err), -EFBIG);
	f.body = "hellO";
	ck_assert_int_eq(get_blob(c, &d, 5, &err), -EBADMSG);
	ck_assert_msg(strstr(err.msg, d.digest.text) != NULL, "%s", err.msg);
	f.body = "hell";
	ck_assert_int_eq(get_blob(c, &d, 5, &err), -EBADMSG);
	f.body = "hello, world";
	ck_assert_int_eq(get_blob(c, &d, 5, &err), -EFBIG);
	ck_assert_uint_eq(server_count(s), 4);
	f.status = 404;
	ck_assert_int_eq(get_blob(c, &d, 5, &err), -ENOENT);
	descriptor_release(&d);
	registry_client_free(c);
	server_stop(s);
}
END_TEST

/* ---- redirects */

static void answer_elsewhere(struct heard *h, void *ctx)
{
	_cleanup_free_ char *headers = xasprintf("Location: %s\r\n", (const char *)ctx);

	if (strlen(h->authorization) == 0)
		answer_text(h, 401, "WWW-Authenticate: Basic realm=\"r\"\r\n", "");
	else
		answer_text(h, 307, headers, "");
}

START_TEST(redirect_gets_no_credentials)
{
	struct credentials credentials = {.user = LENT("u"), .password = LENT("p")};
	struct fixed f = {200, "", "hello"};
	struct server *cdn = server_start(answer_fixed, &f);
	_cleanup_free_ char *to = xasprintf("http://127.0.0.1:%d/signed?x=y", server_port(cdn));
	struct server *s = server_start(answer_elsewhere, to);
	struct registry_client *c = client_for(s, &credentials);
	struct descriptor d;
	struct err err;

	describe_bytes("hello", 5, &d);
	ck_assert_int_eq(get_blob(c, &d, 5, &err), 0);
	ck_assert_uint_eq(server_count(s), 2);
	ck_assert_str_eq(server_heard(s, 1)->authorization, "Basic dTpw");
	ck_assert_uint_eq(server_count(cdn), 1);
	ck_assert_str_eq(server_heard(cdn, 0)->path, "/signed?x=y");
	ck_assert_str_eq(server_heard(cdn, 0)->authorization, "");
	descriptor_release(&d);
	registry_client_free(c);
	server_stop(s);
	server_stop(cdn);
}
END_TEST

static void answer_unauthorized(struct heard *h, void *ctx)
{
	(void)ctx;
	answer_text(h, 401, "WWW-Authenticate: Basic realm=\"evil\"\r\n", "");
}

START_TEST(challenge_of_a_redirect_target_is_not_answered)
{
	struct credentials credentials = {.user = LENT("u"), .password = LENT("p")};
	struct server *evil = server_start(answer_unauthorized, NULL);
	_cleanup_free_ char *to = xasprintf("http://127.0.0.1:%d/", server_port(evil));
	struct server *s = server_start(answer_elsewhere, to);
	struct registry_client *c = client_for(s, &credentials);
	struct err err;

	ck_assert_int_eq(get_manifest(c, "1", NULL, &err), -EACCES);
	ck_assert_uint_eq(server_count(evil), 1);
	ck_assert_str_eq(server_heard(evil, 0)->authorization, "");
	registry_client_free(c);
	server_stop(s);
	server_stop(evil);
}
END_TEST

START_TEST(interrupted)
{
	static volatile sig_atomic_t flag = 1;
	struct server *s = server_start(answer_manifest, NULL);
	_cleanup_free_ char *name = xasprintf("127.0.0.1:%d/a:1", server_port(s));
	struct registry_options options = {.interrupted = &flag};
	struct registry_client *c = client_named(name, &options);
	struct err err = ERR_INIT;

	ck_assert_int_eq(get_manifest(c, "1", NULL, &err), -EINTR);
	ck_assert_int_eq(registry_client_run(c, 1000, &err), -EINTR);
	flag = 0;
	ck_assert_int_eq(get_manifest(c, "1", NULL, &err), 0);
	registry_client_free(c);
	server_stop(s);
}
END_TEST

TCase *registry_client_get(void)
{
	TCase *t = tcase_create("get");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, manifest);
	tcase_add_test(t, manifest_of_wrong_digest);
	tcase_add_test(t, manifest_digest_header_is_checked);
	tcase_add_loop_test(t, manifest_refused, 0, (int)ARRAY_SIZE(refusals));
	tcase_add_test(t, manifest_after_troubles);
	tcase_add_loop_test(t, manifest_bounds, 0, 3);
	tcase_add_test(t, nobody_there);
	tcase_add_test(t, proxies);
	tcase_add_test(t, small_blobs);
	tcase_add_test(t, redirect_gets_no_credentials);
	tcase_add_test(t, challenge_of_a_redirect_target_is_not_answered);
	tcase_add_test(t, interrupted);
	return t;
}
