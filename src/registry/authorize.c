/* authorize: from the challenges of a 401 to an Authorization header.
 *
 * Theory of operation: nothing is sent before the registry asks. Its challenge tells the scheme;
 * the credentials are looked up only then, once. Basic answers are remembered for the client's
 * life, Bearer tokens per scope until shortly before they expire. Several calls may be refused at
 * the same time because of one stale token: the first renews it, and the others see that the cached
 * one is no longer the one they sent.
 *
 * The realm of a Bearer challenge is another server of the registry's choosing, and gets the
 * credentials kept for this registry, no others. It must be https when the registry was reached by
 * https: a tampered challenge cannot draw the password into the open.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "registry/base64.h"
#include "registry/challenge.h"
#include "registry/client_impl.h"
#include "registry/token.h"
#include "registry/url.h"

static void wipe_free(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

static void token_free(struct token *t)
{
	free(t->scope);
	wipe_free(t->authorization);
	free(t);
}

void authorize_release(struct registry_client *c)
{
	while (c->tokens) {
		struct token *t = c->tokens;

		c->tokens = t->next;
		token_free(t);
	}
	wipe_free(c->basic);
	c->basic = NULL;
	credentials_release(&c->credentials);
	c->have_credentials = c->credentials_looked_up = false;
}

/* The token for a scope, or NULL; drops the ones that have expired. */
static struct token *find_token(struct registry_client *c, const char *scope)
{
	struct token **at = &c->tokens;
	int64_t now = clock_ms();

	while (*at) {
		struct token *t = *at;

		if (t->expires_ms <= now) {
			*at = t->next;
			token_free(t);
		} else if (str_eq(t->scope, scope)) {
			return t;
		} else {
			at = &t->next;
		}
	}
	return NULL;
}

const char *authorize_current(struct registry_client *c, const char *scope)
{
	struct token *t = find_token(c, scope ? scope : "");

	return t ? t->authorization : c->basic;
}

static int look_up_credentials(struct registry_client *c, struct err *err)
{
	int r;

	if (c->credentials_looked_up)
		return 0;
	r = auth_lookup(c->authfile, &c->ref, &c->credentials, err);
	if (r < 0)
		return r;
	c->have_credentials = r > 0;
	c->credentials_looked_up = true;
	return 0;
}

static char *basic_value(const struct credentials *credentials)
{
	char *pair = xasprintf("%s:%s", credentials->user ? credentials->user : "",
			       credentials->password ? credentials->password : "");
	char *encoded = base64_encode(pair, strlen(pair));
	char *value = xasprintf("Basic %s", encoded);

	wipe_free(pair);
	wipe_free(encoded);
	return value;
}

static int no_credentials(const struct registry_client *c, struct err *err)
{
	return err_set(err, EACCES,
		       "there are no credentials for it; 'strake login %s' stores some",
		       c->ref.domain);
}

static int refused(const struct registry_client *c, struct err *err)
{
	return err_set(err, EACCES,
		       "it refused the credentials of '%s'; 'strake login %s' stores others",
		       c->credentials.user ? c->credentials.user : "(token)", c->ref.domain);
}

static int answer_basic(struct registry_client *c, const char *sent, struct err *err)
{
	int r;

	if (c->basic && str_eq(sent, c->basic))
		return refused(c, err);
	r = look_up_credentials(c, err);
	if (r < 0)
		return r;
	if (!c->have_credentials || !c->credentials.user)
		return no_credentials(c, err);
	if (!c->basic)
		c->basic = basic_value(&c->credentials);
	return 0;
}

/* ---- Bearer */

struct token_request {
	char *realm;	     /* absolute URL */
	const char *service; /* or NULL */
	char **scopes;	     /* strv or NULL */
};

/* Takes the token out of a token server's 200. */
static int keep_token(struct registry_client *c, const struct call *call, const char *scope,
		      struct err *err)
{
	const struct http_response *r = call_response(call);
	struct token *t;
	char *value = NULL;
	int64_t lifetime;
	int code;

	code = token_parse(r->body.data, r->body.len, &value, &lifetime, err);
	if (code < 0)
		return code;
	t = xcalloc(1, sizeof(*t));
	t->scope = xstrdup(scope);
	t->authorization = xasprintf("Bearer %s", value);
	t->expires_ms = clock_ms() + (lifetime - TOKEN_MARGIN) * 1000;
	t->next = c->tokens;
	c->tokens = t;
	wipe_free(value);
	explicit_bzero(r->body.data, r->body.len);
	return 0;
}

/* POST, for identity tokens. Returns 1 when the server does not know this form of request. */
static int fetch_by_post(struct registry_client *c, const struct token_request *request,
			 const char *scope, struct err *err)
{
	struct call_request r = CALL_REQUEST_INIT;
	_cleanup_(call_freep) struct call *call = NULL;
	char *form = token_form(request->service, request->scopes, &c->credentials);
	long status = 0;
	int code;

	r.method = "POST";
	r.url = request->realm;
	r.content_type = "application/x-www-form-urlencoded";
	r.secret_body = true;
	r.body = form;
	r.body_size = strlen(form);
	r.max_body = LIMIT_TOKEN_SIZE;
	code = call_perform(c, &r, &call, err);
	if (code == 0) {
		status = call_response(call)->status;
		if (status == 200)
			code = keep_token(c, call, scope, err);
		else if (status == 404 || status == 405 || status == 401)
			code = c->credentials.user ? 1 : refused(c, err);
		else
			code = call_status_error(call, "cannot get a token", err);
	}
	call_free(steal_ptr(&call));
	wipe_free(form);
	return code;
}

static int fetch_by_get(struct registry_client *c, const struct token_request *request,
			const char *scope, struct err *err)
{
	struct call_request r = CALL_REQUEST_INIT;
	_cleanup_(call_freep) struct call *call = NULL;
	const char *account = c->have_credentials ? c->credentials.user : NULL;
	_cleanup_free_ char *url =
		token_url(request->realm, request->service, request->scopes, account);
	char *basic = account ? basic_value(&c->credentials) : NULL;
	long status;
	int code;

	r.method = "GET";
	r.url = url;
	r.authorization = basic;
	r.max_body = LIMIT_TOKEN_SIZE;
	code = call_perform(c, &r, &call, err);
	wipe_free(basic);
	if (code < 0)
		return code;
	status = call_response(call)->status;
	if (status == 200)
		return keep_token(c, call, scope, err);
	if (status == 401 || status == 403)
		return account ? refused(c, err) : no_credentials(c, err);
	return call_status_error(call, "cannot get a token", err);
}

static int fetch_token(struct registry_client *c, const struct token_request *request,
		       const char *scope, struct err *err)
{
	int r = 1;

	if (url_is_https(c->base) && !url_is_https(request->realm))
		return err_set(
			err, EPROTO,
			"refusing to get a token from '%s': the registry uses https, it does not",
			request->realm);
	r = look_up_credentials(c, err);
	if (r < 0)
		return r;
	if (c->have_credentials && !client_may_send_credentials(c, request->realm))
		return err_set(err, EPROTO, "refusing to send credentials to '%s' unencrypted",
			       request->realm);
	r = 1;
	if (c->have_credentials && c->credentials.identity_token)
		r = fetch_by_post(c, request, scope, err);
	return r > 0 ? fetch_by_get(c, request, scope, err) : r;
}

static void drop_token(struct registry_client *c, struct token *drop)
{
	for (struct token **at = &c->tokens; *at; at = &(*at)->next)
		if (*at == drop) {
			*at = drop->next;
			token_free(drop);
			return;
		}
}

static int answer_bearer(struct registry_client *c, const struct challenge *challenge,
			 const char *scope, const char *sent, struct err *err)
{
	struct token_request request = {.service = challenge->service};
	struct token *cached = find_token(c, scope);
	int r;

	if (cached && !str_eq(sent, cached->authorization))
		return 0;
	if (cached)
		drop_token(c, cached);
	r = url_join(NULL, challenge->realm, &request.realm, err);
	if (r < 0)
		return err_prefix(err, "the registry's token server");
	if (!str_is_empty(challenge->scope))
		strv_add(&request.scopes, challenge->scope);
	if (!str_is_empty(scope) && !str_eq(scope, challenge->scope))
		strv_add(&request.scopes, scope);
	r = fetch_token(c, &request, scope, err);
	free(request.realm);
	strv_free(request.scopes);
	return r;
}

int authorize(struct registry_client *c, char *const *challenges, const char *scope,
	      const char *sent, struct err *err)
{
	struct challenges parsed = {.n = 0};
	const struct challenge *bearer;
	int r;

	for (size_t i = 0; i < strv_len(challenges); i++)
		if (challenges_parse(&parsed, challenges[i]) < 0)
			log_debug("a malformed WWW-Authenticate: %s", challenges[i]);
	bearer = challenges_find(&parsed, "bearer");
	if (bearer && !str_is_empty(bearer->realm))
		r = answer_bearer(c, bearer, scope ? scope : "", sent, err);
	else if (challenges_find(&parsed, "basic"))
		r = answer_basic(c, sent, err);
	else
		r = err_set(err, EACCES,
			    "it asks for a kind of authentication that is neither "
			    "Bearer nor Basic");
	challenges_release(&parsed);
	return r;
}
