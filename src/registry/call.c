/* Theory of operation: a call is one request seen through to its end, whatever lies between: a
 * token to be fetched, redirects, retries, a body to be resumed. It is a small state machine, so
 * that several can go on in one loop:
 *
 *	WAITING -- due --> RUNNING -- transfer ended --> judge: WAITING again, or DONE
 *
 * judge() is the only place that decides. It may run a nested call to the end (a token), during
 * which all other transfers go on, but no other call is judged: there is no deeper recursion than
 * that, because a token's call never authenticates.
 *
 * Credentials: the Authorization header is computed anew for each attempt, and only for the
 * registry's own origin (scheme, host and port); a redirect or an upload location elsewhere gets
 * none. Its storage is signed, and refuses a request that has one.
 *
 * Retries: a budget of LIMIT_RETRIES failures in a row. With a sink, an attempt that brought the
 * body further than any before resets it; a server that never gets further exhausts it, also by
 * restarting from zero each time. ATTEMPTS_MAX ends what advances by a byte at a time.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "registry/client_impl.h"
#include "registry/retry.h"
#include "registry/url.h"

#define ATTEMPTS_MAX 1000
#define UNREACHED_RETRIES                                                                          \
	2 /* of a server never heard of: more likely a wrong name than a bad line */
#define CHALLENGES_ANSWERED 2 /* a token that went stale, and one more */

enum call_state { CALL_WAITING, CALL_RUNNING, CALL_DONE };

struct call {
	struct registry_client *client;
	struct call_request request;
	enum call_state state;
	int64_t due_ms;
	char *url;    /* absolute; changes with redirects; NULL: not settled yet */
	char *origin; /* the first URL */
	char *sent;   /* the Authorization of the running attempt, or NULL */
	char **headers;
	struct http_transfer *transfer;
	unsigned int redirects, failures, attempts, challenges;
	uint64_t reached; /* the furthest the body ever got */
	int code;	  /* of the end: 1 or -errno */
	struct err err;
};

struct call *call_start(struct registry_client *c, const struct call_request *request)
{
	struct call *call = xcalloc(1, sizeof(*call));

	call->client = c;
	call->request = *request;
	call->reached = request->offset ? request->offset(request->ctx) : 0;
	return call;
}

static void wipe_headers(struct call *call)
{
	for (size_t i = 0; i < strv_len(call->headers); i++)
		explicit_bzero(call->headers[i], strlen(call->headers[i]));
	strv_free(call->headers);
	call->headers = NULL;
	if (call->sent)
		explicit_bzero(call->sent, strlen(call->sent));
	free(call->sent);
	call->sent = NULL;
}

static void end_transfer(struct call *call)
{
	http_transfer_free(call->transfer);
	call->transfer = NULL;
	wipe_headers(call);
}

void call_free(struct call *call)
{
	if (!call)
		return;
	end_transfer(call);
	free(call->url);
	free(call->origin);
	free(call);
}

void call_freep(struct call **call)
{
	call_free(*call);
}

int call_done(const struct call *call, struct err *err)
{
	if (call->state != CALL_DONE)
		return 0;
	if (call->code < 0 && err)
		*err = call->err;
	return call->code;
}

int64_t call_due(const struct call *call)
{
	return call->state == CALL_WAITING ? call->due_ms : INT64_MAX;
}

const struct http_response *call_response(const struct call *call)
{
	return http_response(call->transfer);
}

const char *call_url(const struct call *call)
{
	return call->url;
}

static bool is_registry(const struct call *call)
{
	return call->request.url[0] == '/' ||
	       (call->request.scope && call->client->base &&
		url_same_origin(call->request.url, call->client->base));
}

bool call_at_registry(const struct call *call)
{
	return is_registry(call) && url_same_origin(call->url, call->client->base);
}

static void call_end(struct call *call, int code)
{
	call->code = code;
	call->state = CALL_DONE;
}

static void call_wait(struct call *call, int64_t ms)
{
	end_transfer(call);
	call->state = CALL_WAITING;
	call->due_ms = clock_ms() + ms;
}

/* ---- beginning an attempt */

/* Only for where the request was meant to go, and only where it may travel. */
static const char *authorization(struct call *call)
{
	const char *auth = NULL;

	if (!url_same_origin(call->url, call->origin))
		return NULL;
	if (!is_registry(call))
		auth = call->request.authorization;
	else if (url_same_origin(call->url, call->client->base))
		auth = authorize_current(call->client, call->request.scope);
	return auth && client_may_send_credentials(call->client, call->url) ? auth : NULL;
}

static void build_headers(struct call *call)
{
	const struct call_request *r = &call->request;
	const char *auth = authorization(call);

	if (r->accept)
		strv_take(&call->headers, xasprintf("Accept: %s", r->accept));
	if (r->content_type)
		strv_take(&call->headers, xasprintf("Content-Type: %s", r->content_type));
	if (r->offset && r->offset(r->ctx) > 0)
		strv_take(&call->headers,
			  xasprintf("Range: bytes=%" PRIu64 "-", r->offset(r->ctx)));
	if (auth) {
		call->sent = xstrdup(auth);
		strv_take(&call->headers, xasprintf("Authorization: %s", auth));
	}
}

static int settle_url(struct call *call)
{
	struct registry_client *c = call->client;
	int r;

	if (call->request.url[0] == '/') {
		r = client_settle_base(c, &call->err);
		if (r < 0)
			return r;
		call->url = xasprintf("%s%s", c->base, call->request.url);
	} else {
		call->url = xstrdup(call->request.url);
	}
	call->origin = xstrdup(call->url);
	return 0;
}

static void begin(struct call *call)
{
	const struct call_request *r = &call->request;
	struct http_request h = {
		.method = r->method,
		.body = r->body,
		.body_fd = r->body_fd,
		.body_size = r->body_size,
		.sent = r->sent,
		.max_body = r->max_body,
		.head = r->head,
		.write = r->write,
		.ctx = r->ctx,
	};
	int code;

	code = call->url ? 0 : settle_url(call);
	if (code < 0) {
		call_end(call, code);
		return;
	}
	build_headers(call);
	h.url = call->url;
	h.headers = call->headers;
	h.present_cert = is_registry(call) && url_same_origin(call->url, call->client->base);
	call->attempts++;
	log_debug("%s %s%s", r->method, call->url, call->sent ? " (authorized)" : "");
	call->transfer = http_start(call->client->http, &h);
	call->state = CALL_RUNNING;
}

/* ---- judging an attempt */

/* After a failure worth another attempt; err tells which in case it was the last. wait_ms < 0: back
 * off. */
static void again(struct call *call, int64_t wait_ms, bool unreached, const struct err *why)
{
	const struct call_request *r = &call->request;
	uint64_t now = r->offset ? r->offset(r->ctx) : 0;
	unsigned int budget = LIMIT_RETRIES;

	if (now > call->reached) {
		call->reached = now;
		call->failures = 0;
	}
	if (unreached && !call->client->answered)
		budget = UNREACHED_RETRIES;
	if (r->once)
		budget = 0;
	if (++call->failures > budget || call->attempts >= ATTEMPTS_MAX) {
		call->err = *why;
		call_end(call, -why->code);
		return;
	}
	if (wait_ms < 0)
		wait_ms = retry_delay(call->failures, call->client->backoff_ms);
	/* From the start: where it led to may have been signed for a short time only. */
	if (call->url && call->origin) {
		free(call->url);
		call->url = xstrdup(call->origin);
		call->redirects = 0;
	}
	log_verbose("%s; trying again in %.1f s", why->msg, (double)wait_ms / 1000);
	call_wait(call, wait_ms);
}

/* What was refused before it could be hashed is named as the registry names it. */
static void name_digest(const struct call *call, struct err *why)
{
	const char *told = call_response(call)->content_digest;
	struct digest digest;

	if (told && digest_parse(told, &digest, NULL) == 0)
		err_prefix(why, "%s", digest.text);
}

static void judge_transport(struct call *call)
{
	bool unreached = http_outcome(call->transfer) == HTTP_UNREACHED;
	_cleanup_free_ char *host = url_host(call->url);
	struct err why = ERR_INIT;

	http_error(call->transfer, &why);
	err_prefix(&why, "%s '%s'", unreached ? "cannot reach" : "transfer from", host);
	if (http_outcome(call->transfer) == HTTP_FAILED) {
		/* Our own refusals (a sink's, a bound's) say it all; curl's name the host. */
		if (call->request.write && why.code != EPROTO)
			http_error(call->transfer, &why);
		name_digest(call, &why);
		call->err = why;
		call_end(call, -why.code);
		return;
	}
	again(call, -1, unreached, &why);
}

static void judge_status(struct call *call, long status)
{
	const struct http_response *r = call_response(call);
	struct err why = ERR_INIT;
	int64_t wait = -1;

	call_status_error(call, NULL, &why);
	if (status == 429 || status == 503) {
		wait = r->retry_after ? retry_after(r->retry_after, time(NULL)) : -1;
		if (wait > LIMIT_RETRY_AFTER) {
			err_hint(&why, "it asks to come back in %" PRId64 " s", wait);
			call->err = why;
			call_end(call, -why.code);
			return;
		}
		if (wait >= 0)
			wait *= 1000;
	}
	again(call, wait, false, &why);
}

static void judge_challenge(struct call *call)
{
	const struct http_response *r = call_response(call);
	int code;

	if (++call->challenges > CHALLENGES_ANSWERED) {
		call_end(call, 1);
		return;
	}
	code = authorize(call->client, r->challenges, call->request.scope, call->sent, &call->err);
	if (code == -EACCES) {
		struct err said = ERR_INIT;

		/* The registry's own words, if it has any, say more than "401". */
		call_status_error(call, NULL, &said);
		err_prefix(&call->err, "%s", said.msg);
	}
	if (code < 0)
		call_end(call, code);
	else
		call_wait(call, 0);
}

static void judge_redirect(struct call *call)
{
	const struct http_response *r = call_response(call);
	const char *method = call->request.method;
	bool reading = str_eq(method, "GET") || str_eq(method, "HEAD");
	_cleanup_free_ char *to = NULL;
	int code;

	if (!r->location || call->request.secret_body ||
	    (!reading && r->status != 307 && r->status != 308)) {
		call_end(call, 1);
		return;
	}
	if (++call->redirects > LIMIT_REDIRECTS) {
		call_end(call, err_set(&call->err, ELOOP, "'%s' leads to more than %d redirects",
				       call->origin, LIMIT_REDIRECTS));
		return;
	}
	code = url_join(call->url, r->location, &to, &call->err);
	if (code == 0)
		code = url_may_redirect(call->url, to, &call->err);
	if (code < 0) {
		err_prefix(&call->err, "redirect from '%s'", call->url);
		call_end(call, code);
		return;
	}
	free(call->url);
	call->url = steal_ptr(&to);
	call_wait(call, 0);
}

/* A body that ended early although the transfer looked whole (no Content-Length, or a lying one).
 */
static bool is_short(const struct call *call)
{
	const struct call_request *r = &call->request;

	return r->offset && r->offset(r->ctx) < r->size;
}

static void judge_body(struct call *call)
{
	struct err why = ERR_INIT;

	if (!is_short(call)) {
		call_end(call, 1);
		return;
	}
	err_set(&why, ECONNRESET, "the answer ended after %" PRIu64 " of %" PRIu64 " bytes",
		call->request.offset(call->request.ctx), call->request.size);
	again(call, -1, false, &why);
}

static void judge(struct call *call)
{
	long status;

	if (http_outcome(call->transfer) != HTTP_ANSWERED) {
		judge_transport(call);
		return;
	}
	status = call_response(call)->status;
	if (is_registry(call))
		call->client->answered = true;
	if (status >= 200 && status <= 299 && call->request.write)
		judge_body(call);
	else if (status == 401 && call_at_registry(call))
		judge_challenge(call);
	else if (status == 301 || status == 302 || status == 303 || status == 307 || status == 308)
		judge_redirect(call);
	else if (retry_status(status))
		judge_status(call, status);
	else
		call_end(call, 1);
}

void call_step(struct call *call)
{
	if (call->state == CALL_WAITING && clock_ms() >= call->due_ms)
		begin(call);
	if (call->state == CALL_RUNNING && http_outcome(call->transfer) != HTTP_PENDING)
		judge(call);
}

int call_perform(struct registry_client *c, const struct call_request *request, struct call **ret,
		 struct err *err)
{
	_cleanup_(call_freep) struct call *call = call_start(c, request);
	int r;

	for (;;) {
		int64_t wait;

		call_step(call);
		r = call_done(call, err);
		if (r < 0)
			return r;
		if (r > 0)
			break;
		r = client_check_interrupt(c, err);
		if (r < 0)
			return r;
		wait = call_due(call) == INT64_MAX ? 200 : call_due(call) - clock_ms();
		r = http_turn(c->http, wait < 0 ? 0 : wait > 200 ? 200 : (int)wait, err);
		if (r < 0)
			return r;
	}
	*ret = steal_ptr(&call);
	return 0;
}

/* ---- errors */

/* The first message of a registry's error document (distribution-spec, "Error Codes") or of a token
 * server's; malloced, NULL when there is none. */
static char *registry_words(const struct http_response *r)
{
	_cleanup_json_ json_t *doc = NULL;
	const json_t *first;
	const char *code, *message;

	if (json_parse_object(r->body.data, r->body.len, LIMIT_ERROR_BODY_SIZE, "error", &doc,
			      NULL) < 0)
		return NULL;
	first = json_array_get(json_object_get(doc, "errors"), 0);
	code = json_string_value(json_object_get(first, "code"));
	message = json_string_value(json_object_get(first, "message"));
	if (!message)
		message = json_string_value(json_object_get(doc, "details"));
	if (!message)
		message = json_string_value(json_object_get(doc, "error"));
	if (code && message)
		return xasprintf("%s: %.300s", code, message);
	if (code || message)
		return xasprintf("%.300s", code ? code : message);
	return NULL;
}

static int status_errno(long status)
{
	if (status == 401 || status == 403)
		return EACCES;
	if (status == 404 || status == 410)
		return ENOENT;
	if (status == 429)
		return EBUSY;
	return status >= 500 ? EIO : EPROTO;
}

int call_status_error(const struct call *call, const char *what, struct err *err)
{
	const struct http_response *r = call_response(call);
	_cleanup_free_ char *words = registry_words(r), *host = url_host(call->url);

	return err_set(err, status_errno(r->status), "%s%s'%s' answers %ld%s%s%s", what ? what : "",
		       what ? ": " : "", host, r->status, words ? " (" : "", words ? words : "",
		       words ? ")" : "");
}
