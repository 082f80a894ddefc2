/* Theory of operation: a blob goes up in one piece: POST opens a session, PUT to its Location
 * carries the whole body and names the digest. A session that failed is in a state nobody knows, so
 * a retry begins with a new one, after asking whether the blob has arrived after all. The Location
 * may be relative, have a query of its own, or be on another host, which then gets no
 * Authorization.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/str.h"
#include "oci/media_type.h"
#include "registry/client_impl.h"
#include "registry/retry.h"
#include "registry/url.h"

static int push_error(struct registry_client *c, const struct call *call, const char *what,
		      struct err *err)
{
	int r = call_status_error(call, what, err);

	if (r == -EACCES)
		return err_hint(err,
				"pushing to '%s' needs credentials that may: 'strake login %s'",
				c->name, c->ref.domain);
	return r;
}

int registry_has_blob(struct registry_client *c, const struct digest *digest, bool *ret,
		      struct err *err)
{
	_cleanup_free_ char *scope = client_scope(c, "pull,push");
	_cleanup_free_ char *url = xasprintf("/v2/%s/blobs/%s", c->ref.path, digest->text);
	struct call_request request = CALL_REQUEST_INIT;
	_cleanup_(call_freep) struct call *call = NULL;
	long status;
	int r;

	request.method = "HEAD";
	request.url = url;
	request.scope = scope;
	r = call_perform(c, &request, &call, err);
	if (r < 0)
		return err_prefix(err, "blob %s", digest->text);
	status = call_response(call)->status;
	*ret = status == 200;
	/* What a redirect leads to may know only GET: then we do not know, and upload. */
	if (status == 200 || status == 404 || !call_at_registry(call))
		return 0;
	push_error(c, call, NULL, err);
	return err_prefix(err, "blob %s", digest->text);
}

struct upload {
	struct registry_client *client;
	const struct descriptor *d;
	int fd;
	const char *scope;
	void (*progress)(void *ctx, uint64_t done);
	void *ctx;
};

/* Opens a session; *ret_location is where to PUT (malloced), or NULL when the registry has the
 * blob. */
static int open_session(const struct upload *u, char **ret_location, struct err *err)
{
	struct registry_client *c = u->client;
	_cleanup_free_ char *url = xasprintf("/v2/%s/blobs/uploads/", c->ref.path);
	_cleanup_free_ char *location = NULL;
	struct call_request request = CALL_REQUEST_INIT;
	_cleanup_(call_freep) struct call *call = NULL;
	const struct http_response *r;
	int code;

	request.method = "POST";
	request.url = url;
	request.scope = u->scope;
	code = call_perform(c, &request, &call, err);
	if (code < 0)
		return code;
	r = call_response(call);
	if (r->status != 202)
		return push_error(c, call, "cannot begin an upload", err);
	if (!r->location)
		return err_set(err, EPROTO, "the registry opened an upload without a Location");
	code = url_join(call_url(call), r->location, &location, err);
	if (code == 0)
		code = url_may_redirect(call_url(call), location, err);
	if (code < 0)
		return err_prefix(err, "upload");
	*ret_location = url_with_query(location, "digest", u->d->digest.text);
	return 0;
}

/* One session. Returns 1 for a failure worth another (err filled). */
static int upload_once(const struct upload *u, struct err *err)
{
	struct call_request request = CALL_REQUEST_INIT;
	_cleanup_(call_freep) struct call *call = NULL;
	_cleanup_free_ char *url = NULL;
	long status;
	int r;

	r = open_session(u, &url, err);
	if (r < 0)
		return r;
	request.method = "PUT";
	request.url = url;
	request.scope = u->scope;
	request.content_type = "application/octet-stream";
	request.once = true;
	request.body_fd = u->fd;
	request.body_size = (uint64_t)u->d->size;
	request.sent = u->progress;
	request.ctx = u->ctx;
	r = call_perform(u->client, &request, &call, err);
	if (r == -ECONNRESET || r == -ECONNREFUSED || r == -ETIMEDOUT || r == -EHOSTUNREACH ||
	    r == -EIO || r == -EBUSY)
		return 1;
	if (r < 0)
		return r;
	status = call_response(call)->status;
	if (status == 201)
		return 0;
	r = push_error(u->client, call, "upload", err);
	/* A session that is gone, or that another attempt's bytes have reached. */
	return status == 404 || status == 416 ? 1 : r;
}

int registry_put_blob(struct registry_client *c, const struct descriptor *d, int fd,
		      void (*progress)(void *ctx, uint64_t done), void *ctx, struct err *err)
{
	_cleanup_free_ char *scope = client_scope(c, "pull,push");
	const struct upload u = {c, d, fd, scope, progress, ctx};
	bool there = false;
	int r;

	for (unsigned int failures = 0;;) {
		r = upload_once(&u, err);
		if (r == 1 && ++failures > LIMIT_RETRIES)
			r = -err->code;
		if (r < 0)
			return err_prefix(err, "blob %s", d->digest.text);
		if (r == 0)
			return 0;
		log_verbose("blob %s: %s; trying again", d->digest.text, err->msg);
		r = client_sleep(c, retry_delay(failures, c->backoff_ms), err);
		if (r == 0)
			r = registry_has_blob(c, &d->digest, &there, err);
		if (r < 0 || there)
			return r;
	}
}

int registry_put_manifest(struct registry_client *c, const char *selector, const char *media_type,
			  const char *text, size_t len, struct err *err)
{
	_cleanup_free_ char *scope = client_scope(c, "pull,push");
	_cleanup_free_ char *url = xasprintf("/v2/%s/manifests/%s", c->ref.path, selector);
	struct call_request request = CALL_REQUEST_INIT;
	_cleanup_(call_freep) struct call *call = NULL;
	const struct http_response *r;
	struct digest ours, told;
	char hex[65];
	int code;

	request.method = "PUT";
	request.url = url;
	request.scope = scope;
	request.content_type = media_type;
	request.body = text;
	request.body_size = len;
	code = call_perform(c, &request, &call, err);
	if (code < 0)
		return err_prefix(err, "cannot push the manifest of '%s'", c->name);
	r = call_response(call);
	if (r->status != 201 && r->status != 200 && r->status != 202)
		return push_error(c, call, "cannot push the manifest", err);
	sha256_hex(text, len, hex);
	digest_from_hex(hex, &ours);
	if (r->content_digest && digest_parse(r->content_digest, &told, NULL) == 0 &&
	    str_eq(digest_algorithm(&told), "sha256") && !digest_eq(&told, &ours))
		return err_set(err, EBADMSG,
			       "the registry stored the manifest of '%s' as %s, not as %s", c->name,
			       told.text, ours.text);
	return 0;
}
