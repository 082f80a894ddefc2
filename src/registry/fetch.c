/* Theory of operation: a fetch is a call whose sink is a stream. The stream's watermark is the only
 * state: each attempt asks for the bytes from there on, so a resume after a broken connection and
 * one after a killed process are the same thing. What the server answers to the Range decides:
 *
 *	206	must agree about the size and begin at the watermark; if it begins elsewhere: as 416
 *	200	it does not resume: stream_restart(), the reader begins again
 *	416	our prefix makes no sense to it: restart, once, without a Range
 *
 * No byte beyond the descriptor's size is written, whatever is sent: a partial file never grows
 * beyond it. Blobs of non-distributable layers that the registry lacks come from the descriptor's
 * URLs.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "oci/media_type.h"
#include "registry/client_impl.h"
#include "registry/retry.h"

struct registry_fetch {
	struct registry_client *client;
	struct registry_fetch *next;
	const struct descriptor *d;
	struct stream *stream;
	void (*progress)(void *ctx, uint64_t done);
	void *ctx;
	char *url, *scope;
	struct call *call; /* NULL when ended */
	size_t next_url;   /* of the descriptor's, once the registry said 404 */
	bool wrong_range;  /* the answer is not what the Range asked for */
	bool restarted;	   /* because of that, or of a 416 */
	int code;	   /* 0 going, 1 ended well, -errno */
	struct err err;
};

static uint64_t on_offset(void *ctx)
{
	struct registry_fetch *f = ctx;

	return stream_watermark(f->stream);
}

static int check_range(struct registry_fetch *f, const char *range, uint64_t at, struct err *err)
{
	uint64_t first, last;
	int64_t total;

	if (content_range_parse(range, &first, &last, &total) < 0)
		return err_set(err, EBADMSG, "a partial answer without its range ('%s')", range);
	if (last >= (uint64_t)f->d->size || (total >= 0 && total != f->d->size))
		return err_set(err, EBADMSG,
			       "the registry has '%s', the manifest says %" PRId64 " bytes", range,
			       f->d->size);
	f->wrong_range = first != at;
	if (f->wrong_range)
		return err_set(err, EBADMSG,
			       "asked for bytes from %" PRIu64 " on, the answer is '%s'", at,
			       range);
	return 0;
}

static int on_head(void *ctx, const struct http_response *r, struct err *err)
{
	struct registry_fetch *f = ctx;
	uint64_t at = stream_watermark(f->stream);
	int code;

	if (r->status == 206)
		return check_range(f, r->content_range ? r->content_range : "", at, err);
	if (r->status != 200)
		return err_set(err, EPROTO, "unexpected answer %ld", r->status);
	if (r->content_length >= 0 && r->content_length != f->d->size)
		return err_set(err, EBADMSG,
			       "the registry has %" PRId64 " bytes, the manifest says %" PRId64,
			       r->content_length, f->d->size);
	if (at == 0)
		return 0;
	log_verbose("blob %s: the server does not resume, beginning again", f->d->digest.text);
	code = stream_restart(f->stream);
	return code < 0 ? err_sys(err, -code, "cannot truncate the partial file") : 0;
}

static int on_write(void *ctx, const void *buf, size_t len, struct err *err)
{
	struct registry_fetch *f = ctx;
	uint64_t at = stream_watermark(f->stream);
	int r;

	if (len > (uint64_t)f->d->size - at)
		return err_set(err, EBADMSG,
			       "the answer is longer than the %" PRId64
			       " bytes that the manifest says",
			       f->d->size);
	r = stream_write(f->stream, buf, len);
	if (r == -ECANCELED)
		return err_set(err, ECANCELED, "the reader gave up");
	if (r < 0)
		return err_sys(err, -r, "cannot write");
	if (f->progress)
		f->progress(f->ctx, at + len);
	return 0;
}

static void fetch_end(struct registry_fetch *f, int code)
{
	call_free(f->call);
	f->call = NULL;
	f->code = code;
	stream_finish(f->stream, code < 0);
	if (code < 0)
		err_prefix(&f->err, "blob %s", f->d->digest.text);
}

/* Asks for the blob at `url`: a path of the registry, or an absolute URL elsewhere. */
static void fetch_begin(struct registry_fetch *f, const char *url, const char *scope)
{
	struct call_request r = CALL_REQUEST_INIT;

	r.method = "GET";
	r.url = url;
	r.scope = scope;
	r.offset = on_offset;
	r.size = (uint64_t)f->d->size;
	r.head = on_head;
	r.write = on_write;
	r.ctx = f;
	call_free(f->call);
	f->call = call_start(f->client, &r);
}

struct registry_fetch *registry_fetch_start(struct registry_client *c, const struct descriptor *d,
					    struct stream *stream,
					    void (*progress)(void *ctx, uint64_t done), void *ctx)
{
	struct registry_fetch *f = xcalloc(1, sizeof(*f));
	int r = 0;

	f->client = c;
	f->d = d;
	f->stream = stream;
	f->progress = progress;
	f->ctx = ctx;
	f->url = xasprintf("/v2/%s/blobs/%s", c->ref.path, d->digest.text);
	f->scope = client_scope(c, "pull");
	f->next = c->fetches;
	c->fetches = f;
	if (d->size < 0 || (uint64_t)d->size > LIMIT_BLOB_SIZE) {
		fetch_end(f, err_set(&f->err, EFBIG, "its declared size %" PRId64 " is not sane",
				     d->size));
		return f;
	}
	if (stream_watermark(stream) > (uint64_t)d->size)
		r = stream_restart(stream);
	if (r < 0)
		fetch_end(f, err_sys(&f->err, -r, "cannot truncate the partial file"));
	else if (stream_watermark(stream) == (uint64_t)d->size)
		fetch_end(f, 1);
	else
		fetch_begin(f, f->url, f->scope);
	return f;
}

/* The next of a non-distributable layer's own URLs, or NULL. */
static const char *other_url(struct registry_fetch *f)
{
	const char *url;

	if (!media_is_nondistributable(f->d->media_type) || f->next_url >= strv_len(f->d->urls))
		return NULL;
	url = f->d->urls[f->next_url++];
	/* A path would be taken for the registry's own. */
	return str_starts(url, "https://") || str_starts(url, "http://") ? url : other_url(f);
}

/* Without what is there: it makes no sense to the server, or the server none to us. */
static void fetch_restart(struct registry_fetch *f)
{
	int r;

	log_verbose("blob %s: the server cannot resume it, beginning again", f->d->digest.text);
	f->restarted = true;
	f->err = (struct err)ERR_INIT;
	r = stream_restart(f->stream);
	if (r < 0)
		fetch_end(f, err_sys(&f->err, -r, "cannot truncate the partial file"));
	else
		fetch_begin(f, f->url, f->scope);
}

static void fetch_judge(struct registry_fetch *f)
{
	long status = call_response(f->call)->status;
	const char *url;

	if (status >= 200 && status <= 299) {
		fetch_end(f, 1);
		return;
	}
	if (status == 416 && !f->restarted && stream_watermark(f->stream) > 0) {
		fetch_restart(f);
		return;
	}
	url = status == 404 || f->next_url > 0 ? other_url(f) : NULL;
	if (url) {
		log_verbose("blob %s: from %s", f->d->digest.text, url);
		fetch_begin(f, url, NULL);
		return;
	}
	fetch_end(f, call_status_error(f->call, NULL, &f->err));
}

void fetch_step(struct registry_fetch *f)
{
	int r;

	if (!f->call)
		return;
	call_step(f->call);
	r = call_done(f->call, &f->err);
	if (r < 0 && f->wrong_range && !f->restarted)
		fetch_restart(f);
	else if (r < 0)
		fetch_end(f, r);
	else if (r > 0)
		fetch_judge(f);
}

int registry_client_run(struct registry_client *c, int timeout_ms, struct err *err)
{
	int64_t due = INT64_MAX, now;
	int going = 0, r;

	for (struct registry_fetch *f = c->fetches; f; f = f->next)
		fetch_step(f);
	for (struct registry_fetch *f = c->fetches; f; f = f->next)
		if (f->call && call_due(f->call) < due)
			due = call_due(f->call);
	now = clock_ms();
	if (due != INT64_MAX && due - now < timeout_ms)
		timeout_ms = due > now ? (int)(due - now) : 0;
	r = client_check_interrupt(c, err);
	if (r == 0)
		r = http_turn(c->http, timeout_ms, err);
	if (r < 0)
		return r;
	for (struct registry_fetch *f = c->fetches; f; f = f->next) {
		fetch_step(f);
		going += f->call != NULL;
	}
	return going;
}

int registry_fetch_result(struct registry_fetch *f, struct err *err)
{
	if (f->code < 0 && err)
		*err = f->err;
	return f->code;
}

void registry_fetch_free(struct registry_fetch *f)
{
	if (!f)
		return;
	for (struct registry_fetch **at = &f->client->fetches; *at; at = &(*at)->next)
		if (*at == f) {
			*at = f->next;
			break;
		}
	if (f->code == 0)
		stream_finish(f->stream, true);
	call_free(f->call);
	free(f->url);
	free(f->scope);
	free(f);
}
