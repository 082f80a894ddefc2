/* http: single HTTP transfers over one shared curl multi handle (connections, DNS and TLS sessions
 * are reused). It knows nothing of registries: no redirects, no retries, no authentication; those
 * are call.h's.
 */
#ifndef STRAKE_REGISTRY_HTTP_H
#define STRAKE_REGISTRY_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct http;
struct http_transfer;

struct http_options {
	const char *host;     /* "HOST:PORT" as in certs.d, see certs.h */
	const char *cert_dir; /* or NULL */
	bool no_verify;	      /* certificates are not checked */
	long stall_seconds;   /* below 1 byte a second for so long: lost */
};

int http_new(const struct http_options *options, struct http **ret, struct err *err);
void http_free(struct http *h);

struct http_response {
	long status;
	int64_t content_length; /* -1: not told */
	char *content_type;	/* these are NULL when absent */
	char *content_digest;	/* Docker-Content-Digest */
	char *content_range;
	char *location;
	char *retry_after;
	char **challenges; /* strv: the values of WWW-Authenticate */
	struct buf body;   /* unless a sink took it */
};

/* Everything is borrowed until the transfer is freed. */
struct http_request {
	const char *method; /* GET HEAD POST PUT */
	const char *url;
	char *const *headers; /* strv of "Name: value" */
	bool present_cert;    /* offer the client certificate, when there is one */
	const void *body;     /* POST, PUT: from memory ... */
	int body_fd;	      /* ... or, when >= 0, from this file's offset 0 on */
	uint64_t body_size;
	void (*sent)(void *ctx, uint64_t bytes); /* upload progress; may be NULL */
	size_t max_body; /* of a successful answer kept in memory; beyond it: -EFBIG */
	/* With a sink: asked once when the headers of a 2xx answer are in. A negative return ends
	 * the transfer with that code. Then the body goes to write(). Other answers' bodies are
	 * kept in memory, cut at LIMIT_ERROR_BODY_SIZE. */
	int (*head)(void *ctx, const struct http_response *r, struct err *err);
	int (*write)(void *ctx, const void *buf, size_t len, struct err *err);
	void *ctx;
};

enum http_outcome {
	HTTP_PENDING,
	HTTP_ANSWERED,	/* the answer is whole, whatever its status */
	HTTP_UNREACHED, /* no connection: name, refused, handshake */
	HTTP_LOST,	/* the connection broke or stalled, perhaps with part of an answer */
	HTTP_FAILED, /* by us (sink, bounds) or for good (certificate, URL): no use in trying again
		      */
};

/* Begins; http_turn() carries it on. Failures show as its outcome. */
struct http_transfer *http_start(struct http *h, const struct http_request *request);
enum http_outcome http_outcome(const struct http_transfer *t);
/* What is known of the answer. */
const struct http_response *http_response(const struct http_transfer *t);
/* Why the outcome is not HTTP_ANSWERED: fills err, returns -errno. */
int http_error(const struct http_transfer *t, struct err *err);
/* Also ends one that is going. NULL is fine. */
void http_transfer_free(struct http_transfer *t);

/* Waits at most timeout_ms for something to happen on any transfer and handles it. */
int http_turn(struct http *h, int timeout_ms, struct err *err);

/* Whether the server at an https URL answers a TLS handshake (its certificate is not looked at,
 * nothing is sent): 1 yes, 0 no TLS there or nobody at all. */
int http_speaks_tls(struct http *h, const char *url);

#endif
