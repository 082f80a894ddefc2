/* client_impl: what the files of this room share about one client, and the call: one request seen
 * through to its end.
 */
#ifndef STRAKE_REGISTRY_CLIENT_IMPL_H
#define STRAKE_REGISTRY_CLIENT_IMPL_H

#include "registry/client.h"
#include "registry/http.h"

struct token {
	char *scope;	     /* what was asked for; "" for none */
	char *authorization; /* "Bearer ..." */
	int64_t expires_ms;  /* on clock_ms()'s clock */
	struct token *next;
};

struct registry_client {
	struct reference ref;
	char *name; /* the image's full name, for messages */
	struct http *http;
	char *base; /* "https://host"; NULL until known */
	bool loopback, no_verify;
	bool answered; /* the registry has answered once */
	bool warned_plain;
	const volatile sig_atomic_t *interrupted;
	int64_t backoff_ms; /* the first retry's delay; doubled for each next one */

	char *authfile;
	struct credentials credentials;
	bool credentials_looked_up, have_credentials;
	char *basic; /* "Basic ...", once the registry asked for it */
	struct token *tokens;

	struct registry_fetch *fetches; /* those started and not freed */
};

#define CLIENT_BACKOFF_MS 250
#define CLIENT_STALL_SECONDS 30

/* -EINTR when the caller's signal flag is set. */
int client_check_interrupt(const struct registry_client *c, struct err *err);
/* Turns the loop for ms, so that fetches go on while the caller waits. */
int client_sleep(struct registry_client *c, int64_t ms, struct err *err);
/* Settles c->base: https, or http where that is allowed and the server has no TLS. */
int client_settle_base(struct registry_client *c, struct err *err);
/* Whether credentials may go to this URL: http only on this machine, or where the user waived TLS
 * (with a warning, once). */
bool client_may_send_credentials(struct registry_client *c, const char *url);
/* "repository:NAME:ACTIONS"; malloced. */
char *client_scope(const struct registry_client *c, const char *actions);

/* ---- call.c */

struct call_request {
	const char *method;
	const char *url;	   /* absolute, or from "/v2/" on: then the registry's own */
	const char *accept;	   /* or NULL */
	const char *content_type;  /* or NULL */
	const char *authorization; /* for absolute URLs; dropped on a redirect to another origin */
	bool secret_body;	   /* redirects are refused */
	const char *scope;	   /* for the registry's own: what the token must allow ("" none) */
	bool once;		   /* a failure is not retried here */
	const void *body;
	int body_fd; /* -1: from memory */
	uint64_t body_size;
	void (*sent)(void *ctx, uint64_t bytes);
	size_t max_body;
	/* Sink (see http.h); offset(): where the body is to go on, asked before each attempt; size:
	 * all of it. An answer that ends before size counts as lost. */
	uint64_t (*offset)(void *ctx);
	uint64_t size;
	int (*head)(void *ctx, const struct http_response *r, struct err *err);
	int (*write)(void *ctx, const void *buf, size_t len, struct err *err);
	void *ctx;
};

#define CALL_REQUEST_INIT                                                                          \
	{                                                                                          \
		.body_fd = -1, .max_body = LIMIT_ERROR_BODY_SIZE                                   \
	}

struct call;

/* The request is copied; what it points to outlives the call. Never fails: see call_done(). */
struct call *call_start(struct registry_client *c, const struct call_request *request);
/* 0 still going, 1 answered (with whatever status), -errno failed with err filled. */
int call_done(const struct call *call, struct err *err);
/* Carries it on as far as it goes without waiting. */
void call_step(struct call *call);
/* When call_step() has something to do even if no transfer moves; INT64_MAX: never. */
int64_t call_due(const struct call *call);
const struct http_response *call_response(const struct call *call);
/* The URL that answered. */
const char *call_url(const struct call *call);
/* Whether the answer came from the registry itself, not from where it redirected to. */
bool call_at_registry(const struct call *call);
void call_free(struct call *call);
void call_freep(struct call **call);

/* Start to end. On 0 *ret holds the answer. */
int call_perform(struct registry_client *c, const struct call_request *request, struct call **ret,
		 struct err *err);
/* Fills err from an answer that is not the one wanted: "WHAT: ..." with the registry's own words,
 * 401 and 403 as -EACCES, 404 as -ENOENT. */
int call_status_error(const struct call *call, const char *what, struct err *err);

/* ---- authorize.c */

/* The Authorization to send right away to the registry for that scope, or NULL. */
const char *authorize_current(struct registry_client *c, const char *scope);
/* After a 401: gets what its challenges ask for. sent: the Authorization that was refused, or NULL.
 */
int authorize(struct registry_client *c, char *const *challenges, const char *scope,
	      const char *sent, struct err *err);
void authorize_release(struct registry_client *c);

/* ---- fetch.c: registry_client_run()'s part */
void fetch_step(struct registry_fetch *f);

#endif
