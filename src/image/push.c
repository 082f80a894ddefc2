/* Theory of operation: what is pushed are the store's bytes, unchanged. Bottom up: config and
 * layers that the registry lacks, then the manifest. When the image was pulled as part of an index,
 * and everything that index lists is in the store, all of it goes up: each manifest by its digest,
 * and the index, byte for byte, under the tag; so a mirror of a multi-platform image has the digest
 * of the original. With a part missing, which is the rule (a pull fetches one platform), only the
 * platform's manifest is pushed.
 */
#include "image/push.h"

#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/str.h"
#include "oci/manifest.h"
#include "store/blob.h"
#include "store/tag.h"

struct push {
	struct store *store;
	struct registry_client *client;
	struct progress *progress; /* NULL: quiet */
	int item;
};

/* A manifest of the store with its bytes. */
struct local {
	struct descriptor descriptor;
	char *text;
	size_t len;
	struct manifest manifest;
};

static void local_release(struct local *l)
{
	descriptor_release(&l->descriptor);
	free(l->text);
	manifest_release(&l->manifest);
	memset(l, 0, sizeof(*l));
}

static int local_load(struct store *s, const struct descriptor *d, struct local *ret,
		      struct err *err)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	r = blob_read(s, &d->digest, d->size, LIMIT_MANIFEST_SIZE, &ret->text, &ret->len, err);
	if (r == 0)
		r = manifest_parse(ret->text, ret->len, d->media_type, &ret->manifest, err);
	if (r < 0) {
		free(steal_ptr(&ret->text));
		return err_prefix(err, "manifest %s", d->digest.text);
	}
	descriptor_copy(d, &ret->descriptor);
	return 0;
}

/* Whether every blob of a manifest that has to be pushed is here. */
static bool local_complete(struct store *s, const struct local *l)
{
	const struct manifest *m = &l->manifest;

	for (size_t i = 0; i < m->n_layers; i++)
		if (!media_is_nondistributable(m->layers[i].media_type) &&
		    !blob_exists(s, &m->layers[i].digest, NULL))
			return false;
	return blob_exists(s, &m->config.digest, NULL);
}

/* ---- blobs */

static void on_sent(void *ctx, uint64_t done)
{
	struct push *p = ctx;

	if (p->progress)
		progress_set(p->progress, p->item, done);
}

static void show(struct push *p, const char *state)
{
	if (p->progress)
		progress_state(p->progress, p->item, state);
}

static int push_blob(struct push *p, const struct descriptor *d, struct err *err)
{
	_cleanup_fd_ int fd = -1;
	bool there = false;
	char name[13];
	int64_t size;
	int r;

	if (p->progress)
		p->item = progress_add(p->progress, digest_short(&d->digest, name),
				       (uint64_t)d->size);
	r = registry_has_blob(p->client, &d->digest, &there, err);
	if (r < 0)
		return r;
	if (there) {
		show(p, "exists");
		return 0;
	}
	fd = blob_open(p->store, &d->digest, &size, err);
	if (fd < 0)
		return fd;
	if (size != d->size)
		return err_set(err, EBADMSG, "blob %s has %lld bytes, the manifest says %lld",
			       d->digest.text, (long long)size, (long long)d->size);
	show(p, "pushing");
	r = registry_put_blob(p->client, d, fd, on_sent, p, err);
	if (r == 0)
		show(p, "done");
	return r;
}

static int push_blobs(struct push *p, const struct manifest *m, struct err *err)
{
	for (size_t i = 0; i < m->n_layers; i++) {
		bool twice = false;
		int r;

		for (size_t j = 0; j < i; j++)
			twice = twice || digest_eq(&m->layers[j].digest, &m->layers[i].digest);
		if (twice)
			continue;
		if (media_is_nondistributable(m->layers[i].media_type)) {
			log_verbose("layer %s is not for distribution: not pushed",
				    m->layers[i].digest.text);
			continue;
		}
		r = push_blob(p, &m->layers[i], err);
		if (r < 0)
			return r;
	}
	return push_blob(p, &m->config, err);
}

/* ---- an index with all it lists */

struct whole {
	struct digest digest;
	char *text;
	size_t len;
	char *media_type;
	struct local *locals;
	size_t n;
};

static void whole_release(struct whole *w)
{
	for (size_t i = 0; i < w->n; i++)
		local_release(&w->locals[i]);
	free(w->locals);
	free(w->text);
	free(w->media_type);
	memset(w, 0, sizeof(*w));
}

/* Loads every manifest of the index; false when something is not here. */
static bool load_manifests(struct store *s, const struct image_index *index, struct whole *w)
{
	w->locals = xcalloc(index->n_manifests + 1, sizeof(*w->locals));
	for (size_t i = 0; i < index->n_manifests; i++) {
		const struct descriptor *d = &index->manifests[i];

		if (!blob_exists(s, &d->digest, NULL) ||
		    local_load(s, d, &w->locals[w->n], NULL) < 0)
			return false;
		if (!local_complete(s, &w->locals[w->n++]))
			return false;
	}
	return w->n > 0;
}

/* Whether the image's index can be pushed unchanged; if so *ret has all of it. */
static bool find_whole(struct store *s, const struct image *image, struct whole *ret)
{
	const char *digest = descriptor_annotation(&image->descriptor, TAG_ANNOTATION_INDEX);
	struct image_index index = {.n_manifests = 0};
	bool whole;

	memset(ret, 0, sizeof(*ret));
	if (!digest || digest_parse(digest, &ret->digest, NULL) < 0)
		return false;
	if (!blob_exists(s, &ret->digest, NULL) ||
	    blob_read(s, &ret->digest, -1, LIMIT_MANIFEST_SIZE, &ret->text, &ret->len, NULL) < 0)
		return false;
	whole = image_index_parse(ret->text, ret->len, NULL, &index, NULL) == 0;
	if (whole)
		ret->media_type = xstrdup(index.media_type);
	whole = whole && load_manifests(s, &index, ret);
	image_index_release(&index);
	if (!whole)
		whole_release(ret);
	return whole;
}

static int push_whole(struct push *p, const struct whole *w, const char *selector, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < w->n && r == 0; i++) {
		const struct local *l = &w->locals[i];

		r = push_blobs(p, &l->manifest, err);
		if (r == 0)
			r = registry_put_manifest(p->client, l->descriptor.digest.text,
						  l->descriptor.media_type, l->text, l->len, err);
	}
	if (r == 0)
		r = registry_put_manifest(p->client, selector, w->media_type, w->text, w->len, err);
	return r;
}

static int push_single(struct push *p, const struct image *image, const char *selector,
		       struct err *err)
{
	struct local l;
	int r;

	r = local_load(p->store, &image->descriptor, &l, err);
	if (r < 0)
		return r;
	r = push_blobs(p, &l.manifest, err);
	if (r == 0)
		r = registry_put_manifest(p->client, selector, l.manifest.media_type, l.text, l.len,
					  err);
	local_release(&l);
	return r;
}

/* A target with a digest only takes what has that digest. */
static int check_target(const struct reference *to, const struct digest *pushed, struct err *err)
{
	if (!digest_is_set(&to->digest) || digest_eq(&to->digest, pushed))
		return 0;
	return err_set(err, EINVAL, "the image has the digest %s; it cannot be pushed as '%s'",
		       pushed->text, to->digest.text);
}

int image_push(struct store *s, const struct image *image, const struct reference *to,
	       const struct registry_options *options, bool quiet, struct digest *ret_digest,
	       struct err *err)
{
	struct push p = {.store = s};
	_cleanup_free_ char *name = reference_text(to);
	const char *selector = to->tag[0] ? to->tag : to->digest.text;
	_cleanup_fd_ int lease = -1;
	struct whole whole;
	int r;

	lease = store_lease(s, STORE_SHARED, true, err);
	if (lease < 0)
		return lease;
	if (find_whole(s, image, &whole))
		*ret_digest = whole.digest;
	else
		*ret_digest = image->descriptor.digest;
	r = check_target(to, ret_digest, err);
	if (r == 0)
		r = registry_client_new(to, options, &p.client, err);
	if (r == 0 && !quiet)
		p.progress = progress_new();
	if (r == 0)
		r = whole.n > 0 ? push_whole(&p, &whole, selector, err)
				: push_single(&p, image, selector, err);
	progress_free(p.progress);
	registry_client_free(p.client);
	whole_release(&whole);
	return r < 0 ? err_prefix(err, "cannot push '%s'", name) : 0;
}
