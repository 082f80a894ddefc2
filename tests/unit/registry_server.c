#include "registry.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUESTS_MAX 256
#define HEAD_MAX 16384
#define BODY_MAX (8 << 20)

struct server {
	int fd, port;
	void (*answer)(struct heard *h, void *ctx);
	void *ctx;
	pthread_t acceptor, threads[REQUESTS_MAX];
	unsigned int n_threads;
	pthread_mutex_t lock;
	struct heard heard[REQUESTS_MAX];
	unsigned int n;
};

struct connection {
	struct server *server;
	int fd;
};

/* ---- answering */

void answer_raw(struct heard *h, const void *bytes, size_t len)
{
	const char *p = bytes;

	while (len > 0) {
		ssize_t n = send(h->fd, p, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		p += n;
		len -= (size_t)n;
	}
}

void answer_raw_text(struct heard *h, const char *text)
{
	answer_raw(h, text, strlen(text));
}

void answer(struct heard *h, int status, const char *headers, const void *body, size_t len)
{
	char head[4096];
	int n = snprintf(head, sizeof(head),
			 "HTTP/1.1 %d X\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n",
			 status, headers, len);

	answer_raw(h, head, (size_t)n);
	if (strcmp(h->method, "HEAD"))
		answer_raw(h, body, len);
}

void answer_text(struct heard *h, int status, const char *headers, const char *body)
{
	answer(h, status, headers, body, strlen(body));
}

/* ---- hearing */

static void take(const char *head, const char *name, char *to, size_t size)
{
	size_t len = strlen(name);

	for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
		const char *value = line + 2 + len, *end;

		if (strncasecmp(line + 2, name, len) || *value != ':')
			continue;
		value += strspn(value + 1, " ") + 1;
		end = strstr(value, "\r\n");
		snprintf(to, size, "%.*s", (int)(end - value), value);
		return;
	}
}

/* Reads until the blank line; the length of the head, and all that came. 0: no HTTP. */
static size_t read_head(int fd, char *buf, size_t *ret_got)
{
	size_t got = 0;

	for (;;) {
		ssize_t n = recv(fd, buf + got, HEAD_MAX - got, 0);
		const char *end;

		if (n <= 0 || buf[0] == 0x16)
			return 0;
		got += (size_t)n;
		buf[got] = '\0';
		end = strstr(buf, "\r\n\r\n");
		if (end) {
			*ret_got = got;
			return (size_t)(end - buf) + 4;
		}
		if (got == HEAD_MAX)
			return 0;
	}
}

static void read_body(struct heard *h, const char *head, const char *begin, size_t have)
{
	char length[32] = "0";

	take(head, "Content-Length", length, sizeof(length));
	h->body_len = (size_t)strtoul(length, NULL, 10);
	if (h->body_len > BODY_MAX)
		h->body_len = 0;
	h->body = calloc(1, h->body_len + 1);
	if (have > h->body_len)
		have = h->body_len;
	memcpy(h->body, begin, have);
	while (have < h->body_len) {
		ssize_t n = recv(h->fd, h->body + have, h->body_len - have, 0);

		if (n <= 0)
			break;
		have += (size_t)n;
	}
}

static void *serve(void *arg)
{
	struct connection *c = arg;
	struct server *s = c->server;
	char *buf = malloc(HEAD_MAX + 1);
	size_t got = 0, head;
	struct heard *h;

	head = read_head(c->fd, buf, &got);
	if (head > 0) {
		struct heard new = {.fd = c->fd};

		sscanf(buf, "%7s %1023s", new.method, new.path);
		take(buf, "Authorization", new.authorization, sizeof(new.authorization));
		take(buf, "Range", new.range, sizeof(new.range));
		take(buf, "Accept", new.accept, sizeof(new.accept));
		take(buf, "Content-Type", new.content_type, sizeof(new.content_type));
		take(buf, "User-Agent", new.agent, sizeof(new.agent));
		read_body(&new, buf, buf + head, got - head);
		pthread_mutex_lock(&s->lock);
		new.number = s->n;
		h = &s->heard[s->n++];
		*h = new;
		pthread_mutex_unlock(&s->lock);
		s->answer(h, s->ctx);
	}
	shutdown(c->fd, SHUT_RDWR);
	close(c->fd);
	free(buf);
	free(c);
	return NULL;
}

static void *accept_all(void *arg)
{
	struct server *s = arg;

	while (s->n_threads < REQUESTS_MAX) {
		struct connection *c = malloc(sizeof(*c));

		c->server = s;
		c->fd = accept(s->fd, NULL, NULL);
		if (c->fd < 0) {
			free(c);
			break;
		}
		pthread_create(&s->threads[s->n_threads++], NULL, serve, c);
	}
	return NULL;
}

struct server *server_start(void (*answer_fn)(struct heard *h, void *ctx), void *ctx)
{
	struct server *s = calloc(1, sizeof(*s));
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);

	s->answer = answer_fn;
	s->ctx = ctx;
	pthread_mutex_init(&s->lock, NULL);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(s->fd, 0);
	ck_assert_int_eq(bind(s->fd, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(s->fd, 64), 0);
	ck_assert_int_eq(getsockname(s->fd, (struct sockaddr *)&at, &len), 0);
	s->port = ntohs(at.sin_port);
	ck_assert_int_eq(pthread_create(&s->acceptor, NULL, accept_all, s), 0);
	return s;
}

void server_stop(struct server *s)
{
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->acceptor, NULL);
	close(s->fd);
	for (unsigned int i = 0; i < s->n_threads; i++)
		pthread_join(s->threads[i], NULL);
	for (unsigned int i = 0; i < s->n; i++)
		free(s->heard[i].body);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

int server_port(const struct server *s)
{
	return s->port;
}

unsigned int server_count(struct server *s)
{
	unsigned int n;

	pthread_mutex_lock(&s->lock);
	n = s->n;
	pthread_mutex_unlock(&s->lock);
	return n;
}

const struct heard *server_heard(struct server *s, unsigned int n)
{
	ck_assert_uint_lt(n, server_count(s));
	return &s->heard[n];
}
