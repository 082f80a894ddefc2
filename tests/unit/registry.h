/* registry: what the files of this test program share: its suites, and a small HTTP server that
 * answers as the test says.
 */
#ifndef STRAKE_TESTS_REGISTRY_H
#define STRAKE_TESTS_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "unit.h"

TCase *registry_parsers(void);
TCase *registry_auth_files(void);
TCase *registry_certificates(void);
TCase *registry_client_get(void);
TCase *registry_client_fetch(void);
TCase *registry_client_auth(void);
TCase *registry_client_put(void);

/* A literal where a struct asks for a string of its own; nobody writes to it or frees it. */
#define LENT(text) ((char *)(text))

/* One request as it came. */
struct heard {
	char method[8];
	char path[1024];
	char authorization[512];
	char range[64];
	char accept[1024];
	char content_type[128];
	char agent[64];
	char *body;
	size_t body_len;
	unsigned int number; /* from 0 on, in the order of arrival */
	int fd;
};

struct server;

/* On 127.0.0.1. `answer` runs in a thread of the server for each request; the connection is closed
 * behind it. A connection that begins with a TLS handshake is closed and not counted. */
struct server *server_start(void (*answer)(struct heard *h, void *ctx), void *ctx);
void server_stop(struct server *s);
int server_port(const struct server *s);
/* The requests so far; request n stays valid until server_stop(). */
unsigned int server_count(struct server *s);
const struct heard *server_heard(struct server *s, unsigned int n);

/* headers: whole lines with \r\n, or "". Content-Length is added. HEAD gets no body. */
void answer(struct heard *h, int status, const char *headers, const void *body, size_t len);
void answer_text(struct heard *h, int status, const char *headers, const char *body);
/* Bytes as they are. */
void answer_raw(struct heard *h, const void *bytes, size_t len);
void answer_raw_text(struct heard *h, const char *text);

#endif
