/* registry_put: authentication flows, login, and pushing. */
#include "registry_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "oci/media_type.h"
#include "registry/client_impl.h"

#define MANIFEST "{\"schemaVersion\":2}"

/* ---- a registry with a token server */

struct tokens {
	int port;
	char realm[128];
	const char *challenge;	/* instead of the usual one */
	const char *want_basic; /* the token server's; NULL: anybody */
	int token_status, post_status;
	const char *token_body; /* instead of a good one */
	unsigned int issued;	/* number of the last token */
	unsigned int stale;	/* tokens up to this number are no longer taken */
	bool deny;		/* none is */
};

static void answer_token(struct heard *h, struct tokens *t)
{
	char body[128];
	int status = str_eq(h->method, "POST") ? t->post_status : t->token_status;

	if (!status && t->want_basic && strcmp(h->authorization, t->want_basic) &&
	    !str_eq(h->method, "POST"))
		status = 401;
	if (status) {
		answer_text(h, status, "", "{\"details\":\"incorrect password\"}");
		return;
	}
	snprintf(body, sizeof(body), "{\"token\":\"t%u\",\"expires_in\":3600}", ++t->issued);
	answer_text(h, 200, "", t->token_body ? t->token_body : body);
}

static void answer_tokens(struct heard *h, void *ctx)
{
	struct tokens *t = ctx;
	char headers[512];
	unsigned int number = 0;

	if (str_starts(h->path, "/token")) {
		answer_token(h, t);
		return;
	}
	sscanf(h->authorization, "Bearer t%u", &number);
	if (number > t->stale && !t->deny) {
		answer_text(h, 200, "", MANIFEST);
		return;
	}
	snprintf(headers, sizeof(headers),
		 "WWW-Authenticate: Basic realm=\"x\", Bearer realm=\"%s\",service=\"svc\","
		 "scope=\"repository:team/app:pull\"\r\n",
		 t->realm);
	answer_text(h, 401, t->challenge ? t->challenge : headers,
		    "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"who are you\"}]}");
}

static struct server *start_tokens(struct tokens *t)
{
	struct server *s = server_start(answer_tokens, t);

	if (!t->realm[0])
		snprintf(t->realm, sizeof(t->realm), "http://127.0.0.1:%d/token?a=b",
			 server_port(s));
	return s;
}

static int get(struct registry_client *c, struct err *err)
{
	_cleanup_free_ char *text = NULL, *type = NULL;
	struct digest digest;
	size_t len;

	*err = (struct err)ERR_INIT;
	return registry_get_manifest(c, "1", &text, &len, &type, &digest, err);
}

START_TEST(bearer_anonymous)
{
	struct tokens t = {.port = 0};
	struct server *s = start_tokens(&t);
	struct registry_client *c = client_for(s, NULL);
	struct err err;

	ck_assert_msg(get(c, &err) == 0, "%s", err.msg);
	ck_assert_uint_eq(server_count(s), 3);
	ck_assert_str_eq(server_heard(s, 0)->authorization, "");
	ck_assert_str_eq(server_heard(s, 1)->path,
			 "/token?a=b&service=svc&scope=repository%3Ateam%2Fapp%3Apull");
	ck_assert_str_eq(server_heard(s, 1)->authorization, "");
	ck_assert_str_eq(server_heard(s, 2)->authorization, "Bearer t1");
	/* The token is kept ... */
	ck_assert_int_eq(get(c, &err), 0);
	ck_assert_uint_eq(server_count(s), 4);
	/* ... until it is no longer taken. */
	t.stale = 1;
	ck_assert_int_eq(get(c, &err), 0);
	ck_assert_uint_eq(server_count(s), 7);
	ck_assert_str_eq(server_heard(s, 6)->authorization, "Bearer t2");
	registry_client_free(c);
	server_stop(s);
}
END_TEST

START_TEST(bearer_with_password)
{
	struct credentials credentials = {.user = LENT("u"), .password = LENT("p")};
	struct tokens t = {.want_basic = "Basic dTpw"};
	struct server *s = start_tokens(&t);
	struct registry_client *c = client_for(s, &credentials);
	struct err err;

	ck_assert_msg(get(c, &err) == 0, "%s", err.msg);
	ck_assert_ptr_nonnull(strstr(server_heard(s, 1)->path, "account=u"));
	/* The registry itself never sees the password. */
	ck_assert_str_eq(server_heard(s, 0)->authorization, "");
	ck_assert_str_eq(server_heard(s, 2)->authorization, "Bearer t1");
	registry_client_free(c);
	server_stop(s);
}
END_TEST

START_TEST(bearer_wrong_password)
{
	struct credentials credentials = {.user = LENT("u"), .password = LENT("q")};
	struct tokens t = {.want_basic = "Basic dTpw"};
	struct server *s = start_tokens(&t);
	struct registry_client *c = client_for(s, _i ? &credentials : NULL);
	struct err err;

	ck_assert_int_eq(get(c, &err), -EACCES);
	ck_assert_msg(strstr(err.msg, _i ? "refused the credentials of 'u'"
					 : "there are no credentials for it") != NULL,
		      "%s", err.msg);
	ck_assert_msg(strstr(err.msg, "strake login 127.0.0.1:") != NULL, "%s", err.msg);
	ck_assert_msg(strstr(err.msg, "who are you") != NULL, "%s", err.msg);
	ck_assert_uint_eq(server_count(s), 2);
	registry_client_free(c);
	server_stop(s);
}
END_TEST

START_TEST(bearer_never_enough)
{
	struct tokens t = {.deny = true};
	struct server *s = start_tokens(&t);
	struct registry_client *c = client_for(s, NULL);
	struct err err;

	ck_assert_int_eq(get(c, &err), -EACCES);
	ck_assert_msg(strstr(err.msg, "access to '127.0.0.1:") != NULL, "%s", err.msg);
	ck_assert_uint_eq(server_count(s), 5);
	registry_client_free(c);
	server_stop(s);
}
END_TEST

START_TEST(bearer_identity_token)
{
	struct credentials credentials = {.identity_token = LENT("id=1")};
	struct tokens t = {.port = 0};
	struct server *s = start_tokens(&t);
	struct registry_client *c = client_for(s, &credentials);
	struct err err;

	ck_assert_msg(get(c, &err) == 0, "%s", err.msg);
	ck_assert_str_eq(server_heard(s, 1)->method, "POST");
	ck_assert_str_eq(server_heard(s, 1)->path, "/token?a=b");
	ck_assert_str_eq(server_heard(s, 1)->content_type, "application/x-www-form-urlencoded");
	ck_assert_str_eq(server_heard(s, 1)->body,
			 "grant_type=refresh_token&service=svc&scope=repository%3Ateam%2Fapp%3Apull"
			 "&client_id=strake&refresh_token=id%3D1");
	registry_client_free(c);
	server_stop(s);
}
END_TEST

START_TEST(bearer_identity_token_fallback)
{
	struct credentials credentials = {
		.user = LENT("u"), .password = LENT("p"), .identity_token = LENT("id")};
	struct credentials alone = {.identity_token = LENT("id")};
	struct tokens t = {.want_basic = "Basic dTpw", .post_status = 404};
	struct server *s = start_tokens(&t);
	struct registry_client *c = client_for(s, &credentials);
	struct err err;

	ck_assert_msg(get(c, &err) == 0, "%s", err.msg);
	ck_assert_str_eq(server_heard(s, 1)->method, "POST");
	ck_assert_str_eq(server_heard(s, 2)->method, "GET");
	registry_client_free(c);
	c = client_for(s, &alone);
	ck_assert_int_eq(get(c, &err), -EACCES);
	registry_client_free(c);
	server_stop(s);
}
END_TEST

START_TEST(token_server_misbehaves)
{
	static const struct {
		int status;
		const char *body;
		unsigned int requests;
	} cases[] = {{200, "{}", 2},	 {200, "{\"token\":\"a\\nX: y\"}", 2},
		     {200, "<html>", 2}, {404, "", 2},
		     {301, "", 2},	 {500, "", 2 + LIMIT_RETRIES}};
	struct tokens t = {.token_status = cases[_i].status == 200 ? 0 : cases[_i].status,
			   .token_body = cases[_i].body};
	struct server *s = start_tokens(&t);
	struct registry_client *c = client_for(s, NULL);
	struct err err;

	ck_assert_int_lt(get(c, &err), 0);
	ck_assert_str_ne(err.msg, "");
	ck_assert_uint_eq(server_count(s), cases[_i].requests);
	registry_client_free(c);
	server_stop(s);
}
END_TEST

START_TEST(realms_refused)
{
	static const char *const realms[] = {"file:///etc/passwd", "/token", "ftp://x/",
					     "https://a b/"};
	struct tokens t = {.port = 0};
	struct server *s;
	struct registry_client *c;
	struct err err;

	snprintf(t.realm, sizeof(t.realm), "%s", realms[_i]);
	s = start_tokens(&t);
	c = client_for(s, NULL);
	ck_assert_int_eq(get(c, &err), -EPROTO);
	ck_assert_msg(strstr(err.msg, "token server") != NULL, "%s", err.msg);
	ck_assert_uint_eq(server_count(s), 1);
	registry_client_free(c);
	server_stop(s);
}
END_TEST

START_TEST(passwords_stay_off_the_network)
{
	/* The registry is on this machine, its realm is not (0.0.0.0 reaches us, but is no
	 * loopback). */
	struct credentials credentials = {.user = LENT("u"), .password = LENT("p")};
	struct tokens t = {.port = 0};
	struct server *s = server_start(answer_tokens, &t);
	struct registry_client *c = client_for(s, &credentials);
	struct err err;

	snprintf(t.realm, sizeof(t.realm), "http://0.0.0.0:%d/token", server_port(s));
	ck_assert_int_eq(get(c, &err), -EPROTO);
	ck_assert_msg(strstr(err.msg, "unencrypted") != NULL, "%s", err.msg);
	ck_assert_uint_eq(server_count(s), 1);
	registry_client_free(c);
	server_stop(s);
}
END_TEST

START_TEST(token_redirected_without_password)
{
	struct credentials credentials = {.user = LENT("u"), .password = LENT("p")};
	struct tokens other = {.port = 0}, t = {.port = 0};
	struct server *elsewhere = start_tokens(&other), *s;
	struct registry_client *c;
	struct err err;
	char headers[256];

	/* The registry's realm is on a second server, which redirects to itself under another name.
	 */
	snprintf(headers, sizeof(headers), "Location: http://localhost:%d/token\r\n",
		 server_port(elsewhere));
	snprintf(t.realm, sizeof(t.realm), "http://127.0.0.1:%d/elsewhere", server_port(elsewhere));
	other.deny = true;
	other.challenge = headers;
	s = start_tokens(&t);
	c = client_for(s, &credentials);
	/* 401 with a Location is no redirect, and no second realm is followed. */
	ck_assert_int_eq(get(c, &err), -EACCES);
	ck_assert_uint_eq(server_count(elsewhere), 1);
	ck_assert_str_eq(server_heard(elsewhere, 0)->authorization, "Basic dTpw");
	registry_client_free(c);
	server_stop(s);
	server_stop(elsewhere);
}
END_TEST

/* ---- Basic and login */

static void answer_basic(struct heard *h, void *ctx)
{
	int *status = ctx;

	if (strcmp(h->authorization, "Basic dTpwOmE="))
		answer_text(h, 401, "www-authenticate: BASIC realm=\"r\"\r\n", "no");
	else
		answer_text(h, *status, "", MANIFEST);
}

START_TEST(basic)
{
	struct credentials credentials = {.user = LENT("u"), .password = LENT("p:a")};
	int status = 200;
	struct server *s = server_start(answer_basic, &status);
	struct registry_client *c = client_for(s, &credentials);
	struct err err;

	ck_assert_msg(get(c, &err) == 0, "%s", err.msg);
	ck_assert_int_eq(get(c, &err), 0);
	ck_assert_uint_eq(server_count(s), 3);
	status = 403;
	ck_assert_int_eq(get(c, &err), -EACCES);
	ck_assert_msg(strstr(err.msg, "other credentials are needed") != NULL, "%s", err.msg);
	registry_client_free(c);
	server_stop(s);
}
END_TEST

START_TEST(login)
{
	struct credentials good = {.user = LENT("u"), .password = LENT("p:a")},
			   bad = {.user = LENT("u"), .password = LENT("x")};
	int status = 200;
	struct server *s = server_start(answer_basic, &status);
	struct registry_client *c = client_for(s, &good);
	struct err err = ERR_INIT;

	ck_assert_msg(registry_ping(c, &err) == 0, "%s", err.msg);
	ck_assert_str_eq(server_heard(s, 0)->path, "/v2/");
	status = 404;
	ck_assert_int_eq(registry_ping(c, &err), -ENOTSUP);
	ck_assert_msg(strstr(err.msg, "is not a registry") != NULL, "%s", err.msg);
	registry_client_free(c);
	c = client_for(s, &bad);
	ck_assert_int_eq(registry_ping(c, &err), -EACCES);
	registry_client_free(c);
	c = client_for(s, NULL);
	ck_assert_int_eq(registry_ping(c, &err), -EACCES);
	registry_client_free(c);
	server_stop(s);
}
END_TEST

START_TEST(login_with_tokens)
{
	struct credentials credentials = {.user = LENT("u"), .password = LENT("p")};
	struct tokens t = {.want_basic = "Basic dTpw"};
	struct server *s = start_tokens(&t);
	struct registry_client *c;
	struct err err = ERR_INIT;

	t.challenge = xasprintf("WWW-Authenticate: Bearer realm=\"%s\"\r\n", t.realm);
	c = client_for(s, &credentials);
	ck_assert_msg(registry_ping(c, &err) == 0, "%s", err.msg);
	ck_assert_str_eq(server_heard(s, 1)->path, "/token?a=b&account=u");
	registry_client_free(c);
	server_stop(s);
	free((char *)t.challenge);
}
END_TEST

/* ---- push */

struct uploads {
	const char *location; /* of a new session */
	unsigned int fail;    /* so many PUTs end in a 500 */
	int put_status;	      /* then; 0: 201 */
	bool there;	      /* HEAD says so from the second time on */
	unsigned int heads, puts;
	char digest_header[128];
};

static void answer_upload(struct heard *h, void *ctx)
{
	struct uploads *u = ctx;
	char headers[512];

	if (str_eq(h->method, "HEAD")) {
		answer_text(h, u->there && u->heads++ > 0 ? 200 : 404, "", "");
	} else if (str_eq(h->method, "POST")) {
		snprintf(headers, sizeof(headers), "Location: %s\r\n", u->location);
		answer_text(h, 202, u->location ? headers : "", "");
	} else if (++u->puts <= u->fail) {
		answer_text(h, 500, "", "");
	} else {
		answer_text(h, u->put_status ? u->put_status : 201, u->digest_header, "{}");
	}
}

static int put_blob(struct registry_client *c, const char *text, struct err *err)
{
	struct descriptor d;
	_cleanup_fd_ int fd = memfd_create("blob", MFD_CLOEXEC);
	int r;

	*err = (struct err)ERR_INIT;
	ck_assert_int_eq(fd_write_all(fd, text, strlen(text)), 0);
	describe_bytes(text, strlen(text), &d);
	r = registry_put_blob(c, &d, fd, NULL, NULL, err);
	descriptor_release(&d);
	return r;
}

START_TEST(upload)
{
	static const struct {
		const char *location, *expect;
	} cases[] = {{"/up/1?_state=x%3D", "/up/1?_state=x%3D&digest=sha256%3A"},
		     {"/up/1", "/up/1?digest=sha256%3A"},
		     {"2", "/v2/team/app/blobs/uploads/2?digest=sha256%3A"}};
	struct uploads u = {.location = cases[_i].location};
	struct server *s = server_start(answer_upload, &u);
	struct registry_client *c = client_for(s, NULL);
	struct err err;

	ck_assert_msg(put_blob(c, "some blob", &err) == 0, "%s", err.msg);
	ck_assert_uint_eq(server_count(s), 2);
	ck_assert_str_eq(server_heard(s, 0)->method, "POST");
	ck_assert_str_eq(server_heard(s, 0)->path, "/v2/team/app/blobs/uploads/");
	ck_assert_str_eq(server_heard(s, 1)->method, "PUT");
	ck_assert_str_eq(server_heard(s, 1)->body, "some blob");
	ck_assert_str_eq(server_heard(s, 1)->content_type, "application/octet-stream");
	ck_assert_msg(str_starts(server_heard(s, 1)->path, cases[_i].expect), "%s",
		      server_heard(s, 1)->path);
	registry_client_free(c);
	server_stop(s);
}
END_TEST

START_TEST(upload_of_nothing)
{
	struct uploads u = {.location = "/up"};
	struct server *s = server_start(answer_upload, &u);
	struct registry_client *c = client_for(s, NULL);
	struct err err;

	ck_assert_msg(put_blob(c, "", &err) == 0, "%s", err.msg);
	ck_assert_uint_eq(server_heard(s, 1)->body_len, 0);
	registry_client_free(c);
	server_stop(s);
}
END_TEST

START_TEST(upload_begins_again)
{
	struct uploads u = {.location = "/up", .fail = 2, .there = _i == 1};
	struct server *s = server_start(answer_upload, &u);
	struct registry_client *c = client_for(s, NULL);
	struct err err;

	ck_assert_msg(put_blob(c, "some blob", &err) == 0, "%s", err.msg);
	/* POST PUT HEAD, three times, or until HEAD says that it has arrived. */
	ck_assert_uint_eq(server_count(s), _i ? 6 : 8);
	ck_assert_uint_eq(u.puts, _i ? 2 : 3);
	registry_client_free(c);
	server_stop(s);
}
END_TEST

START_TEST(upload_fails)
{
	static const struct {
		struct uploads u;
		int code;
		unsigned int puts;
	} cases[] = {{{.location = "/up", .fail = 100}, -EIO, 1 + LIMIT_RETRIES},
		     {{.location = "/up", .put_status = 400}, -EPROTO, 1},
		     {{.location = "/up", .put_status = 403}, -EACCES, 1},
		     {{.location = "file:///x"}, -EPROTO, 0},
		     {{.location = NULL}, -EPROTO, 0}};
	struct uploads u = cases[_i].u;
	struct server *s = server_start(answer_upload, &u);
	struct registry_client *c = client_for(s, NULL);
	struct err err;

	ck_assert_int_eq(put_blob(c, "some blob", &err), cases[_i].code);
	ck_assert_msg(strstr(err.msg, "blob sha256:") != NULL, "%s", err.msg);
	ck_assert_uint_eq(u.puts, cases[_i].puts);
	registry_client_free(c);
	server_stop(s);
}
END_TEST

/* Asks for Basic, then sends the upload to another server. */
static void answer_upload_elsewhere(struct heard *h, void *ctx)
{
	char headers[256];

	if (!h->authorization[0]) {
		answer_text(h, 401, "WWW-Authenticate: Basic realm=\"r\"\r\n", "");
		return;
	}
	snprintf(headers, sizeof(headers), "Location: %s\r\n", (const char *)ctx);
	answer_text(h, 202, headers, "");
}

START_TEST(upload_elsewhere_gets_no_credentials)
{
	struct credentials credentials = {.user = LENT("u"), .password = LENT("p")};
	struct uploads u = {.location = "/unused"};
	struct server *storage = server_start(answer_upload, &u), *s;
	_cleanup_free_ char *to = xasprintf("http://127.0.0.1:%d/put?sig=1", server_port(storage));
	struct registry_client *c;
	struct err err;

	s = server_start(answer_upload_elsewhere, to);
	c = client_for(s, &credentials);
	ck_assert_msg(put_blob(c, "some blob", &err) == 0, "%s", err.msg);
	ck_assert_uint_eq(server_count(storage), 1);
	ck_assert_str_eq(server_heard(storage, 0)->authorization, "");
	ck_assert_str_eq(server_heard(storage, 0)->body, "some blob");
	registry_client_free(c);
	server_stop(s);
	server_stop(storage);
}
END_TEST

START_TEST(existence)
{
	struct uploads u = {.there = true};
	struct server *s = server_start(answer_upload, &u);
	struct registry_client *c = client_for(s, NULL);
	struct digest digest;
	struct err err = ERR_INIT;
	bool there = true;

	ck_assert_int_eq(digest_parse(digest_of("x", 1), &digest, &err), 0);
	ck_assert_int_eq(registry_has_blob(c, &digest, &there, &err), 0);
	ck_assert(!there);
	ck_assert_int_eq(registry_has_blob(c, &digest, &there, &err), 0);
	ck_assert(there);
	ck_assert_str_eq(server_heard(s, 0)->method, "HEAD");
	registry_client_free(c);
	server_stop(s);
}
END_TEST

static int put_manifest(struct registry_client *c, struct err *err)
{
	*err = (struct err)ERR_INIT;
	return registry_put_manifest(c, "1", MEDIA_DOCKER_MANIFEST, MANIFEST, strlen(MANIFEST),
				     err);
}

START_TEST(manifest_up)
{
	struct uploads u = {.fail = 2};
	struct server *s = server_start(answer_upload, &u);
	struct registry_client *c = client_for(s, NULL);
	struct err err;

	ck_assert_msg(put_manifest(c, &err) == 0, "%s", err.msg);
	ck_assert_uint_eq(server_count(s), 3);
	ck_assert_str_eq(server_heard(s, 2)->path, "/v2/team/app/manifests/1");
	ck_assert_str_eq(server_heard(s, 2)->content_type, MEDIA_DOCKER_MANIFEST);
	ck_assert_str_eq(server_heard(s, 2)->body, MANIFEST);
	snprintf(u.digest_header, sizeof(u.digest_header), "Docker-Content-Digest: %s\r\n",
		 digest_of(MANIFEST, strlen(MANIFEST)));
	ck_assert_int_eq(put_manifest(c, &err), 0);
	snprintf(u.digest_header, sizeof(u.digest_header), "Docker-Content-Digest: %s\r\n",
		 digest_of("x", 1));
	ck_assert_int_eq(put_manifest(c, &err), -EBADMSG);
	u.put_status = 413;
	ck_assert_int_eq(put_manifest(c, &err), -EPROTO);
	registry_client_free(c);
	server_stop(s);
}
END_TEST

TCase *registry_client_auth(void)
{
	TCase *t = tcase_create("auth");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, bearer_anonymous);
	tcase_add_test(t, bearer_with_password);
	tcase_add_loop_test(t, bearer_wrong_password, 0, 2);
	tcase_add_test(t, bearer_never_enough);
	tcase_add_test(t, bearer_identity_token);
	tcase_add_test(t, bearer_identity_token_fallback);
	tcase_add_loop_test(t, token_server_misbehaves, 0, 6);
	tcase_add_loop_test(t, realms_refused, 0, 4);
	tcase_add_test(t, passwords_stay_off_the_network);
	tcase_add_test(t, token_redirected_without_password);
	tcase_add_test(t, basic);
	tcase_add_test(t, login);
	tcase_add_test(t, login_with_tokens);
	return t;
}

TCase *registry_client_put(void)
{
	TCase *t = tcase_create("put");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, upload, 0, 3);
	tcase_add_test(t, upload_of_nothing);
	tcase_add_loop_test(t, upload_begins_again, 0, 2);
	tcase_add_loop_test(t, upload_fails, 0, 5);
	tcase_add_test(t, upload_elsewhere_gets_no_credentials);
	tcase_add_test(t, existence);
	tcase_add_test(t, manifest_up);
	return t;
}
