/* Theory of operation: one multi handle lives as long as the client; each transfer is one easy
 * handle in it. curl calls back only from within http_turn(), with the header lines, the body and
 * the end. Nothing of ours runs between: whoever wants an answer turns the loop until the
 * transfer's outcome is no longer HTTP_PENDING, while all other transfers go on as well.
 *
 * A failure inside a callback cannot leave through curl, which only knows "aborted"; it is kept in
 * the transfer (`err`) and wins over curl's own code. Header lines are counted, because curl's own
 * bound came late (8.2). A server's interim answers (1xx) and a proxy's headers must not leak into
 * ours: each status line begins the response anew.
 */
#include "registry/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "registry/certs.h"
#include "registry/url.h"

#define CONNECT_SECONDS 20L
#define PROBE_SECONDS 5L
#define UPLOAD_STALL_SECONDS 300L /* a registry hashes a large blob before it answers */
#define SMALL_ANSWER_SECONDS 600L /* all of one that is kept in memory */
#define TRANSFER_BUFFER (256L * 1024)

struct http {
	CURLM *multi;
	struct certs certs;
	struct http_options options;
};

struct http_transfer {
	struct http *http;
	struct http_request request;
	struct http_response response;
	CURL *easy;
	struct curl_slist *headers;
	enum http_outcome outcome;
	size_t header_bytes;
	uint64_t sent;
	bool sinking; /* the body goes to the sink */
	bool cut;     /* an error's body was longer than we care for */
	struct err err;
	char curl_error[CURL_ERROR_SIZE];
};

int http_new(const struct http_options *options, struct http **ret, struct err *err)
{
	struct http *h;
	int r;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, ENOMEM, "cannot initialise libcurl");
	/* curl would block and restore SIGPIPE around every call. */
	signal(SIGPIPE, SIG_IGN);
	h = xcalloc(1, sizeof(*h));
	h->options = *options;
	h->options.host = h->options.cert_dir = NULL;
	r = certs_load(options->host, options->cert_dir, &h->certs, err);
	if (r < 0) {
		free(h);
		return r;
	}
	h->multi = curl_multi_init();
	if (!h->multi) {
		http_free(h);
		return err_set(err, ENOMEM, "cannot initialise libcurl");
	}
	*ret = h;
	return 0;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	if (h->multi)
		curl_multi_cleanup(h->multi);
	certs_release(&h->certs);
	free(h);
}

static void response_reset(struct http_response *r)
{
	free(r->content_type);
	free(r->content_digest);
	free(r->content_range);
	free(r->location);
	free(r->retry_after);
	strv_free(r->challenges);
	buf_release(&r->body);
	memset(r, 0, sizeof(*r));
	r->content_length = -1;
	buf_init(&r->body, LIMIT_ERROR_BODY_SIZE);
}

/* ---- curl's callbacks */

/* The value of a header line, trimmed; malloced. */
static char *header_value(const char *line, size_t len, size_t name_len)
{
	const char *p = line + name_len + 1, *end = line + len;

	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	while (end > p && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return xstrndup(p, (size_t)(end - p));
}

static void take_header(struct http_response *r, const char *line, size_t len)
{
	const struct {
		const char *name;
		char **at;
	} known[] = {
		{"content-type", &r->content_type},   {"docker-content-digest", &r->content_digest},
		{"content-range", &r->content_range}, {"location", &r->location},
		{"retry-after", &r->retry_after},
	};
	const char *colon = memchr(line, ':', len);
	size_t name_len = colon ? (size_t)(colon - line) : 0;

	if (!colon)
		return;
	if (name_len == strlen("www-authenticate") &&
	    !strncasecmp(line, "www-authenticate", name_len)) {
		strv_take(&r->challenges, header_value(line, len, name_len));
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strlen(known[i].name) != name_len || strncasecmp(line, known[i].name, name_len))
			continue;
		free(*known[i].at);
		*known[i].at = header_value(line, len, name_len);
	}
}

static size_t on_header(char *line, size_t size, size_t n, void *ctx)
{
	struct http_transfer *t = ctx;
	size_t len = size * n;

	t->header_bytes += len;
	if (t->header_bytes > LIMIT_HEADER_BYTES) {
		err_set(&t->err, EFBIG, "the answer has more than %llu bytes of headers",
			LIMIT_HEADER_BYTES);
		return 0;
	}
	if (len >= 5 && !strncasecmp(line, "HTTP/", 5))
		response_reset(&t->response);
	else
		take_header(&t->response, line, len);
	return len;
}

/* Once, when the headers are complete. */
static int begin_body(struct http_transfer *t)
{
	struct http_response *r = &t->response;
	curl_off_t length = -1;

	if (r->status != 0)
		return 0;
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &r->status);
	curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	r->content_length = length;
	if (r->status < 200 || r->status > 299)
		return 0;
	buf_release(&r->body);
	buf_init(&r->body, t->request.max_body);
	if (!t->request.write)
		return 0;
	t->sinking = true;
	return t->request.head ? t->request.head(t->request.ctx, r, &t->err) : 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
	struct http_transfer *t = ctx;
	size_t len = size * n;

	if (begin_body(t) < 0)
		return 0;
	if (t->sinking)
		return t->request.write(t->request.ctx, data, len, &t->err) < 0 ? 0 : len;
	if (buf_add(&t->response.body, data, len) == 0)
		return len;
	if (t->response.status < 200 || t->response.status > 299)
		t->cut = true;
	else
		err_set(&t->err, EFBIG, "the answer is larger than %zu bytes", t->request.max_body);
	return 0;
}

static size_t on_upload(char *out, size_t size, size_t n, void *ctx)
{
	struct http_transfer *t = ctx;
	uint64_t left = t->request.body_size - t->sent;
	size_t len = size * n;
	ssize_t got;

	if (len > left)
		len = left;
	if (t->request.body_fd >= 0) {
		do {
			got = pread(t->request.body_fd, out, len, (off_t)t->sent);
		} while (got < 0 && errno == EINTR);
		if (got < 0 || (got == 0 && len > 0)) {
			err_sys(&t->err, got < 0 ? errno : EIO, "cannot read what is to be sent");
			return CURL_READFUNC_ABORT;
		}
		len = (size_t)got;
	} else if (len > 0) {
		memcpy(out, (const char *)t->request.body + t->sent, len);
	}
	t->sent += len;
	if (t->request.sent)
		t->request.sent(t->request.ctx, t->sent);
	return len;
}

static int on_seek(void *ctx, curl_off_t offset, int origin)
{
	struct http_transfer *t = ctx;

	if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > t->request.body_size)
		return CURL_SEEKFUNC_FAIL;
	t->sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

/* ---- one transfer */

static void set_tls(CURL *easy, const struct http *h, bool present_cert)
{
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (h->options.no_verify) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	curl_easy_setopt(easy, CURLOPT_CAINFO, h->certs.ca_file);
	curl_easy_setopt(easy, CURLOPT_CAPATH, h->certs.ca_dir);
	if (present_cert && h->certs.client_cert) {
		curl_easy_setopt(easy, CURLOPT_SSLCERT, h->certs.client_cert);
		curl_easy_setopt(easy, CURLOPT_SSLKEY, h->certs.client_key);
	}
}

/* curl reads http_proxy in lower case only, lest a CGI program take a request's header for it. */
static const char *upper_case_proxy(const char *url)
{
	if (curl_strnequal(url, "https://", 8) || getenv("http_proxy") || getenv("REQUEST_METHOD"))
		return NULL;
	return getenv("HTTP_PROXY");
}

static void set_common(CURL *easy, const char *url)
{
	const char *proxy = upper_case_proxy(url);

	curl_easy_setopt(easy, CURLOPT_URL, url);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, PACKAGE_NAME "/" PACKAGE_VERSION);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	/* This machine is never behind a proxy, whatever no_proxy says. */
	if (url_is_loopback(url))
		curl_easy_setopt(easy, CURLOPT_PROXY, "");
	else if (proxy)
		curl_easy_setopt(easy, CURLOPT_PROXY, proxy);
}

static void set_method(struct http_transfer *t)
{
	const struct http_request *r = &t->request;
	bool put = str_eq(r->method, "PUT");

	curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_TIME, t->http->options.stall_seconds);
	if (str_eq(r->method, "HEAD"))
		curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
	if (!put && !str_eq(r->method, "POST"))
		return;
	curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_TIME, UPLOAD_STALL_SECONDS);
	curl_easy_setopt(t->easy, CURLOPT_UPLOAD_BUFFERSIZE, TRANSFER_BUFFER);
	curl_easy_setopt(t->easy, CURLOPT_READFUNCTION, on_upload);
	curl_easy_setopt(t->easy, CURLOPT_READDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_SEEKFUNCTION, on_seek);
	curl_easy_setopt(t->easy, CURLOPT_SEEKDATA, t);
	if (put) {
		curl_easy_setopt(t->easy, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(t->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->body_size);
	} else {
		curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
		curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_size);
	}
}

static void set_headers(struct http_transfer *t)
{
	/* No "100 Continue" round trips: whoever sends a body has settled authentication before. */
	t->headers = curl_slist_append(NULL, "Expect:");
	for (size_t i = 0; i < strv_len(t->request.headers); i++)
		t->headers = curl_slist_append(t->headers, t->request.headers[i]);
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

struct http_transfer *http_start(struct http *h, const struct http_request *request)
{
	struct http_transfer *t = xcalloc(1, sizeof(*t));

	t->http = h;
	t->request = *request;
	response_reset(&t->response);
	t->easy = curl_easy_init();
	if (!t->easy) {
		t->outcome = HTTP_FAILED;
		err_set(&t->err, ENOMEM, "cannot initialise libcurl");
		return t;
	}
	set_common(t->easy, request->url);
	set_tls(t->easy, h, request->present_cert);
	set_method(t);
	set_headers(t);
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->curl_error);
	curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	if (request->write)
		curl_easy_setopt(t->easy, CURLOPT_BUFFERSIZE, TRANSFER_BUFFER);
	else if (request->body_size == 0)
		curl_easy_setopt(t->easy, CURLOPT_TIMEOUT, SMALL_ANSWER_SECONDS);
	if (curl_multi_add_handle(h->multi, t->easy) != CURLM_OK) {
		t->outcome = HTTP_FAILED;
		err_set(&t->err, ENOMEM, "cannot begin a transfer");
	}
	return t;
}

static bool no_connection(CURLcode code)
{
	return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
	       code == CURLE_COULDNT_CONNECT || code == CURLE_SSL_CONNECT_ERROR;
}

static bool connection_lost(CURLcode code)
{
	return code == CURLE_PARTIAL_FILE || code == CURLE_OPERATION_TIMEDOUT ||
	       code == CURLE_GOT_NOTHING || code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR ||
	       code == CURLE_HTTP2 || code == CURLE_HTTP2_STREAM ||
	       code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_SEND_FAIL_REWIND;
}

static int transport_errno(CURLcode code)
{
	if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY)
		return EHOSTUNREACH;
	if (code == CURLE_COULDNT_CONNECT)
		return ECONNREFUSED;
	if (code == CURLE_OPERATION_TIMEDOUT)
		return ETIMEDOUT;
	return connection_lost(code) ? ECONNRESET : EPROTO;
}

static void transfer_end(struct http_transfer *t, CURLcode code)
{
	if (code == CURLE_OK && begin_body(t) == 0) {
		t->outcome = HTTP_ANSWERED;
	} else if (t->cut) {
		t->outcome = HTTP_ANSWERED;
	} else if (t->err.code != 0) {
		t->outcome = HTTP_FAILED;
	} else {
		t->outcome = no_connection(code)     ? HTTP_UNREACHED
			     : connection_lost(code) ? HTTP_LOST
						     : HTTP_FAILED;
		err_set(&t->err, transport_errno(code), "%s",
			t->curl_error[0] ? t->curl_error : curl_easy_strerror(code));
		if (code == CURLE_PEER_FAILED_VERIFICATION)
			err_hint(&t->err, "put the certificate authority's file.crt into "
					  "~/.config/containers/certs.d/HOST:PORT, or use "
					  "--tls-verify=false");
	}
	curl_multi_remove_handle(t->http->multi, t->easy);
}

enum http_outcome http_outcome(const struct http_transfer *t)
{
	return t->outcome;
}

const struct http_response *http_response(const struct http_transfer *t)
{
	return &t->response;
}

int http_error(const struct http_transfer *t, struct err *err)
{
	if (err)
		*err = t->err;
	return -t->err.code;
}

void http_transfer_free(struct http_transfer *t)
{
	if (!t)
		return;
	if (t->easy) {
		curl_multi_remove_handle(t->http->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	for (struct curl_slist *l = t->headers; l; l = l->next)
		if (!strncasecmp(l->data, "authorization:", 14))
			explicit_bzero(l->data, strlen(l->data));
	curl_slist_free_all(t->headers);
	response_reset(&t->response);
	buf_release(&t->response.body);
	free(t);
}

/* Hands out what curl has finished. */
static void reap(struct http *h)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(h->multi, &left)) != NULL) {
		struct http_transfer *t = NULL;
		CURLcode code = msg->data.result;

		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &t);
		if (t && msg->msg == CURLMSG_DONE)
			transfer_end(t, code);
	}
}

int http_turn(struct http *h, int timeout_ms, struct err *err)
{
	CURLMcode code;
	int running;

	code = curl_multi_poll(h->multi, NULL, 0, timeout_ms, NULL);
	if (code == CURLM_OK)
		code = curl_multi_perform(h->multi, &running);
	if (code != CURLM_OK)
		return err_set(err, EIO, "libcurl: %s", curl_multi_strerror(code));
	reap(h);
	return 0;
}

int http_speaks_tls(struct http *h, const char *url)
{
	CURL *easy = curl_easy_init();
	CURLcode code;

	if (!easy)
		return 0;
	set_common(easy, url);
	set_tls(easy, h, false);
	/* Nothing is sent and nothing believed: no need to read the CA certificates. */
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT, PROBE_SECONDS);
	code = curl_easy_perform(easy);
	curl_easy_cleanup(easy);
	log_debug("%s: %s", url, code == CURLE_OK ? "TLS" : curl_easy_strerror(code));
	return code == CURLE_OK;
}
