#include "registry/client.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/str.h"
#include "oci/media_type.h"
#include "registry/client_impl.h"
#include "registry/url.h"

int client_check_interrupt(const struct registry_client *c, struct err *err)
{
	if (c->interrupted && *c->interrupted)
		return err_set(err, EINTR, "interrupted");
	return 0;
}

int client_sleep(struct registry_client *c, int64_t ms, struct err *err)
{
	int64_t end = clock_ms() + ms, left;

	while ((left = end - clock_ms()) > 0) {
		int r = client_check_interrupt(c, err);

		if (r == 0)
			r = http_turn(c->http, left > 200 ? 200 : (int)left, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int registry_client_new(const struct reference *ref, const struct registry_options *options,
			struct registry_client **ret, struct err *err)
{
	struct registry_client *c = xcalloc(1, sizeof(*c));
	struct http_options http = {
		.host = ref->domain,
		.cert_dir = options->cert_dir,
		.no_verify = options->tls_no_verify,
		.stall_seconds = CLIENT_STALL_SECONDS,
	};
	int r;

	c->ref = *ref;
	c->name = reference_text(ref);
	c->loopback = reference_is_loopback(ref->domain);
	c->no_verify = options->tls_no_verify;
	c->interrupted = options->interrupted;
	c->backoff_ms = CLIENT_BACKOFF_MS;
	if (options->authfile)
		c->authfile = xstrdup(options->authfile);
	if (options->credentials) {
		const struct credentials *from = options->credentials;

		c->credentials.user = from->user ? xstrdup(from->user) : NULL;
		c->credentials.password = from->password ? xstrdup(from->password) : NULL;
		c->credentials.identity_token =
			from->identity_token ? xstrdup(from->identity_token) : NULL;
		c->credentials_looked_up = c->have_credentials = true;
	}
	r = http_new(&http, &c->http, err);
	if (r < 0) {
		registry_client_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void registry_client_free(struct registry_client *c)
{
	if (!c)
		return;
	http_free(c->http);
	authorize_release(c);
	free(c->name);
	free(c->base);
	free(c->authfile);
	free(c);
}

void registry_client_freep(struct registry_client **c)
{
	registry_client_free(*c);
}

int client_settle_base(struct registry_client *c, struct err *err)
{
	const char *host = reference_api_host(&c->ref);
	_cleanup_free_ char *https = xasprintf("https://%s", host);

	if (c->base)
		return 0;
	/* One handshake that fails at once is what plain http costs; with TLS there, nothing less
	 * is used. */
	if ((c->loopback || c->no_verify) && !http_speaks_tls(c->http, https)) {
		c->base = xasprintf("http://%s", host);
		log_verbose("registry '%s' has no TLS: using plain http", c->ref.domain);
	} else {
		c->base = steal_ptr(&https);
	}
	return client_check_interrupt(c, err);
}

bool client_may_send_credentials(struct registry_client *c, const char *url)
{
	if (url_is_https(url) || url_is_loopback(url))
		return true;
	if (!c->no_verify)
		return false;
	if (!c->warned_plain)
		log_warning("credentials for '%s' go over the network unencrypted", c->ref.domain);
	c->warned_plain = true;
	return true;
}

char *client_scope(const struct registry_client *c, const char *actions)
{
	return xasprintf("repository:%s:%s", c->ref.path, actions);
}

int registry_ping(struct registry_client *c, struct err *err)
{
	struct call_request r = CALL_REQUEST_INIT;
	_cleanup_(call_freep) struct call *call = NULL;
	long status;
	int code;

	r.method = "GET";
	r.url = "/v2/";
	r.scope = "";
	r.max_body = LIMIT_ERROR_BODY_SIZE;
	code = call_perform(c, &r, &call, err);
	if (code < 0)
		return code;
	status = call_response(call)->status;
	if (status == 200)
		return 0;
	if (status == 404)
		return err_set(err, ENOTSUP, "'%s' is not a registry: it has no /v2/",
			       c->ref.domain);
	return call_status_error(call, "login", err);
}

/* ---- manifests */

/* The error of a manifest that did not come, in the words of somebody who typed an image's name. */
static int manifest_error(struct registry_client *c, const struct call *call, struct err *err)
{
	long status = call_response(call)->status;
	int r;

	r = call_status_error(call, NULL, err);
	if (status == 404)
		return err_prefix(err, "image '%s' not found in registry '%s'", c->name,
				  c->ref.domain);
	if (r != -EACCES)
		return err_prefix(err, "cannot get the manifest of '%s'", c->name);
	err_prefix(err, "access to '%s' denied", c->name);
	return err_hint(err, "it does not exist, or %s: 'strake login %s'",
			c->have_credentials ? "other credentials are needed"
					    : "credentials are needed",
			c->ref.domain);
}

/* Both digests that a manifest may have to match. */
static int check_manifest(const struct http_response *r, const char *selector, struct digest *ret,
			  struct err *err)
{
	struct digest wanted, told;
	char hex[65];

	sha256_hex(r->body.data, r->body.len, hex);
	digest_from_hex(hex, ret);
	if (strchr(selector, ':')) {
		if (digest_parse(selector, &wanted, err) < 0)
			return -EINVAL;
		if (!str_eq(digest_algorithm(&wanted), "sha256"))
			return err_set(err, ENOTSUP,
				       "digest '%s': only sha256 can be verified here", selector);
		if (!digest_eq(&wanted, ret))
			return err_set(err, EBADMSG, "the manifest '%s' has the digest %s",
				       selector, ret->text);
	}
	/* Of another algorithm it cannot be checked, and is not used. */
	if (r->content_digest && digest_parse(r->content_digest, &told, NULL) == 0 &&
	    str_eq(digest_algorithm(&told), "sha256") && !digest_eq(&told, ret))
		return err_set(err, EBADMSG,
			       "the manifest '%s' has the digest %s, but the registry says %s",
			       selector, ret->text, told.text);
	return 0;
}

int registry_get_manifest(struct registry_client *c, const char *selector, char **ret_text,
			  size_t *ret_len, char **ret_type, struct digest *ret_digest,
			  struct err *err)
{
	_cleanup_free_ char *scope = client_scope(c, "pull");
	_cleanup_free_ char *url = xasprintf("/v2/%s/manifests/%s", c->ref.path, selector);
	struct call_request request = CALL_REQUEST_INIT;
	_cleanup_(call_freep) struct call *call = NULL;
	const struct http_response *r;
	int code;

	request.method = "GET";
	request.url = url;
	request.accept = media_accept();
	request.scope = scope;
	request.max_body = LIMIT_MANIFEST_SIZE;
	code = call_perform(c, &request, &call, err);
	if (code < 0)
		return err_prefix(err, "cannot get the manifest of '%s'", c->name);
	r = call_response(call);
	if (r->status != 200)
		return manifest_error(c, call, err);
	code = check_manifest(r, selector, ret_digest, err);
	if (code < 0)
		return err_prefix(err, "image '%s'", c->name);
	*ret_text = xmemdup(r->body.data, r->body.len + 1);
	*ret_len = r->body.len;
	*ret_type = xstrdup(r->content_type ? r->content_type : "");
	return 0;
}

/* ---- small blobs */

static int check_blob(const struct http_response *r, const struct descriptor *d, struct err *err)
{
	struct digest got;
	char hex[65];

	if ((int64_t)r->body.len != d->size)
		return err_set(err, EBADMSG, "it has %zu bytes, not %lld", r->body.len,
			       (long long)d->size);
	sha256_hex(r->body.data, r->body.len, hex);
	digest_from_hex(hex, &got);
	if (!digest_eq(&got, &d->digest))
		return err_set(err, EBADMSG, "its content has the digest %s", got.text);
	return 0;
}

int registry_get_blob(struct registry_client *c, const struct descriptor *d, size_t max,
		      char **ret_text, size_t *ret_len, struct err *err)
{
	_cleanup_free_ char *scope = client_scope(c, "pull");
	_cleanup_free_ char *url = xasprintf("/v2/%s/blobs/%s", c->ref.path, d->digest.text);
	struct call_request request = CALL_REQUEST_INIT;
	_cleanup_(call_freep) struct call *call = NULL;
	const struct http_response *r;
	int code;

	if (d->size < 0 || (uint64_t)d->size > max)
		return err_set(err, EFBIG,
			       "blob %s is declared %lld bytes long; at most %zu are read",
			       d->digest.text, (long long)d->size, max);
	request.method = "GET";
	request.url = url;
	request.scope = scope;
	request.max_body = (size_t)d->size;
	code = call_perform(c, &request, &call, err);
	if (code < 0)
		return err_prefix(err, "blob %s", d->digest.text);
	r = call_response(call);
	if (r->status != 200) {
		call_status_error(call, NULL, err);
		return err_prefix(err, "blob %s of '%s'", d->digest.text, c->name);
	}
	code = check_blob(r, d, err);
	if (code < 0)
		return err_prefix(err, "blob %s", d->digest.text);
	*ret_text = xmemdup(r->body.data, r->body.len + 1);
	*ret_len = r->body.len;
	return 0;
}
