/* registry_authorize: challenges answered, token servers, login, and where credentials never go. */
#include "registry_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

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
