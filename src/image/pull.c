/* Theory of operation: a pull goes from the name down to the bytes, and back up.
 *
 * Down: the reference names a document; an index leads (perhaps through nested ones) to the
 * manifest of the wanted platform; the manifest names config and layers. Each document is verified
 * against the digest that led to it, and must be of the kind its descriptor said; what the store
 * has already is read there and not asked for. Manifests stay in memory until everything below them
 * is in the store.
 *
 * Up: config and layers first (pull_layers.c), then manifest, indexes, and the tag last, which
 * names the platform's manifest and, in annotations, the index it came from. So a crash anywhere
 * leaves only files that nothing names, which `gc` removes or the next pull uses. The shared lease
 * keeps gc away meanwhile.
 *
 * Signals: the first SIGINT, SIGTERM or SIGHUP only sets a flag, on which every wait ends; scratch
 * directories are removed, partial downloads kept for the next pull. A second one kills as always.
 */
#include "image/pull.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "image/link.h"
#include "image/pull_layers.h"
#include "oci/image_config.h"
#include "oci/manifest.h"
#include "store/blob.h"
#include "store/scratch.h"
#include "store/tag.h"

#define BUSY_POLL_MS 50 /* how often a config that another process fetches is asked for */

/* ---- signals */

static const int caught[] = {SIGINT, SIGTERM, SIGHUP};
static volatile sig_atomic_t signal_seen;

static void on_signal(int signo)
{
	signal_seen = signo;
}

static void catch_signals(struct sigaction old[ARRAY_SIZE(caught)])
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};

	signal_seen = 0;
	for (size_t i = 0; i < ARRAY_SIZE(caught); i++) {
		sigaction(caught[i], NULL, &old[i]);
		/* nohup's choice stands. */
		if (old[i].sa_handler != SIG_IGN)
			sigaction(caught[i], &action, NULL);
	}
}

static void restore_signals(const struct sigaction old[ARRAY_SIZE(caught)])
{
	for (size_t i = 0; i < ARRAY_SIZE(caught); i++)
		sigaction(caught[i], &old[i], NULL);
}

/* ---- documents */

struct document {
	char *text;
	size_t len;
	char *type; /* what it was served as; NULL when it came from the store */
	struct digest digest;
};

struct pull {
	struct store *store;
	const struct reference *ref;
	const struct pull_options *options;
	struct registry_client *client;
	char *name; /* the tag's */
	struct document indexes[LIMIT_INDEX_DEPTH];
	size_t n_indexes; /* the outermost first */
	struct document manifest_doc, config_doc;
	struct manifest manifest;
	struct image_config config;
};

static void document_release(struct document *d)
{
	free(d->text);
	free(d->type);
	memset(d, 0, sizeof(*d));
}

static void pull_release(struct pull *p)
{
	registry_client_free(p->client);
	free(p->name);
	for (size_t i = 0; i < p->n_indexes; i++)
		document_release(&p->indexes[i]);
	document_release(&p->manifest_doc);
	document_release(&p->config_doc);
	manifest_release(&p->manifest);
	image_config_release(&p->config);
}

/* A digest that the store can hold and we can verify. */
static int check_algorithm(const struct digest *digest, struct err *err)
{
	if (str_eq(digest_algorithm(digest), "sha256"))
		return 0;
	return err_set(err, ENOTSUP, "'%s': only sha256 digests are supported", digest->text);
}

/* A manifest or index by digest, from the store when it is there. size < 0: not known. */
static int get_by_digest(struct pull *p, const struct digest *digest, int64_t size,
			 struct document *ret, struct err *err)
{
	int r;

	r = check_algorithm(digest, err);
	if (r < 0)
		return r;
	if (size > (int64_t)LIMIT_MANIFEST_SIZE)
		return err_set(err, EFBIG,
			       "manifest %s is declared %" PRId64 " bytes long; at most "
			       "%llu are read",
			       digest->text, size, LIMIT_MANIFEST_SIZE);
	if (blob_exists(p->store, digest, NULL)) {
		ret->digest = *digest;
		return blob_read(p->store, digest, size, LIMIT_MANIFEST_SIZE, &ret->text, &ret->len,
				 err);
	}
	r = registry_get_manifest(p->client, digest->text, &ret->text, &ret->len, &ret->type,
				  &ret->digest, err);
	if (r == 0 && size >= 0 && (int64_t)ret->len != size)
		return err_set(err, EBADMSG, "manifest %s has %zu bytes, the index says %" PRId64,
			       digest->text, ret->len, size);
	return r;
}

/* Whether the name stands for this digest already. Only then is the registry not asked: that some
 * other repository's manifest is in the store does not tell that this one has it. */
static bool is_known(struct pull *p, const struct digest *digest)
{
	struct tags tags;
	const struct tag *tag;
	bool known = false;

	if (tags_read(p->store, &tags, NULL) < 0)
		return false;
	tag = tags_find(&tags, p->name);
	if (tag)
		known = digest_eq(&tag->manifest.digest, digest) ||
			str_eq(descriptor_annotation(&tag->manifest, TAG_ANNOTATION_INDEX),
			       digest->text);
	tags_release(&tags);
	return known;
}

static int get_first(struct pull *p, struct document *ret, struct err *err)
{
	if (digest_is_set(&p->ref->digest) && is_known(p, &p->ref->digest))
		return get_by_digest(p, &p->ref->digest, -1, ret, err);
	return registry_get_manifest(p->client, reference_selector(p->ref), &ret->text, &ret->len,
				     &ret->type, &ret->digest, err);
}

/* Keeps *doc, an index, and replaces it by the document of the wanted platform that it lists. */
static int descend(struct pull *p, struct document *doc, char **type, struct err *err)
{
	struct image_index index = {.n_manifests = 0};
	const struct descriptor *d;
	int r;

	if (p->n_indexes == LIMIT_INDEX_DEPTH)
		return err_set(err, ELOOP, "indexes are nested more than %d deep",
			       LIMIT_INDEX_DEPTH);
	r = image_index_parse(doc->text, doc->len, *type, &index, err);
	if (r < 0)
		return err_prefix(err, "index %s", doc->digest.text);
	p->indexes[p->n_indexes++] = *doc;
	memset(doc, 0, sizeof(*doc));
	free(steal_ptr(type));
	r = image_index_select(&index, &p->options->platform, &d, err);
	if (r == 0)
		r = get_by_digest(p, &d->digest, d->size, doc, err);
	if (r == 0)
		*type = xstrdup(d->media_type);
	image_index_release(&index);
	return r;
}

static int check_layers(const struct manifest *m, struct err *err)
{
	for (size_t i = 0; i < m->n_layers; i++) {
		int r = check_algorithm(&m->layers[i].digest, err);

		if (r < 0)
			return r;
		if (media_kind(m->layers[i].media_type) != MEDIA_LAYER)
			return err_set(err, ENOTSUP,
				       "layer %s is a '%s', which is not a file system layer",
				       m->layers[i].digest.text, m->layers[i].media_type);
	}
	return 0;
}

static int get_manifest(struct pull *p, struct err *err)
{
	_cleanup_free_ char *type = NULL;
	struct document *doc = &p->manifest_doc;
	enum media_kind kind;
	int r;

	r = get_first(p, doc, err);
	if (r == 0 && doc->type)
		type = xstrdup(doc->type);
	while (r == 0) {
		r = document_kind(doc->text, doc->len, type, &kind, err);
		if (r < 0)
			return err_prefix(err, "manifest %s", doc->digest.text);
		if (kind != MEDIA_INDEX)
			break;
		r = descend(p, doc, &type, err);
	}
	if (r < 0)
		return r;
	r = manifest_parse(doc->text, doc->len, type, &p->manifest, err);
	if (r == 0)
		r = check_layers(&p->manifest, err);
	return r < 0 ? err_prefix(err, "manifest %s", doc->digest.text) : 0;
}

/* A manifest that came by itself has no platform until its config is read. */
static int check_platform(struct pull *p, struct err *err)
{
	char has[112], wanted[112];

	if (p->n_indexes > 0 || platform_match(&p->options->platform, &p->config.platform) > 0)
		return 0;
	platform_text(&p->config.platform, has);
	platform_text(&p->options->platform, wanted);
	if (p->options->platform_explicit)
		return err_set(err, ENOENT, "the image is for %s only, not for %s", has, wanted);
	log_warning("image '%s' is for %s, not for %s", p->name, has, wanted);
	return 0;
}

/* Downloads the config under its claim: of several pulls at once, one does. */
static int fetch_config(struct pull *p, struct blob_claim *claim, struct err *err)
{
	struct document *doc = &p->config_doc;
	int r;

	r = registry_get_blob(p->client, &p->manifest.config, LIMIT_CONFIG_SIZE, &doc->text,
			      &doc->len, err);
	if (r < 0)
		return r;
	if (ftruncate(claim->fd, 0) < 0)
		return err_sys(err, errno, "config %s: cannot truncate its file", doc->digest.text);
	r = fd_pwrite_all(claim->fd, doc->text, doc->len, 0);
	if (r < 0)
		return err_sys(err, -r, "config %s: cannot write it", doc->digest.text);
	return blob_claim_commit(p->store, claim, err);
}

static int obtain_config(struct pull *p, struct err *err)
{
	const struct descriptor *d = &p->manifest.config;
	struct blob_claim claim = BLOB_CLAIM_INIT;
	int r;

	p->config_doc.digest = d->digest;
	while (!blob_exists(p->store, &d->digest, NULL)) {
		r = blob_claim(p->store, &d->digest, &claim, err);
		if (r == BLOB_MINE) {
			r = fetch_config(p, &claim, err);
			blob_claim_release(p->store, &claim, false);
			return r;
		}
		if (r == BLOB_BUSY)
			r = registry_client_run(p->client, BUSY_POLL_MS, err);
		if (r < 0)
			return r;
	}
	return blob_read(p->store, &d->digest, d->size, LIMIT_CONFIG_SIZE, &p->config_doc.text,
			 &p->config_doc.len, err);
}

static int get_config(struct pull *p, struct err *err)
{
	const struct descriptor *d = &p->manifest.config;
	const struct document *doc = &p->config_doc;
	int r;

	if (media_kind(d->media_type) != MEDIA_CONFIG)
		return err_set(err, ENOTSUP, "it is not a container image: its config is a '%s'",
			       d->media_type);
	r = check_algorithm(&d->digest, err);
	if (r == 0)
		r = obtain_config(p, err);
	if (r < 0)
		return r;
	r = image_config_parse(doc->text, doc->len, &p->config, err);
	if (r < 0)
		return err_prefix(err, "config %s", d->digest.text);
	if (p->config.n_diff_ids != p->manifest.n_layers)
		return err_set(err, EBADMSG,
			       "manifest %s has %zu layers, its config %s has %zu diff ids",
			       p->manifest_doc.digest.text, p->manifest.n_layers, d->digest.text,
			       p->config.n_diff_ids);
	return check_platform(p, err);
}

/* ---- publishing */

static int put_document(struct pull *p, const struct document *doc, struct err *err)
{
	if (blob_exists(p->store, &doc->digest, NULL))
		return 0;
	return blob_put(p->store, &doc->digest, doc->text, doc->len, NULL, err);
}

static int put_documents(struct pull *p, struct err *err)
{
	int r;

	r = put_document(p, &p->manifest_doc, err);
	for (size_t i = p->n_indexes; i-- > 0 && r == 0;)
		r = put_document(p, &p->indexes[i], err);
	return r;
}

static void describe(const struct pull *p, struct descriptor *ret)
{
	char size[24];

	*ret = (struct descriptor){
		.media_type = xstrdup(p->manifest.media_type),
		.digest = p->manifest_doc.digest,
		.size = (int64_t)p->manifest_doc.len,
		.has_platform = true,
		.platform = p->config.platform,
	};
	if (p->n_indexes == 0)
		return;
	snprintf(size, sizeof(size), "%zu", p->indexes[0].len);
	descriptor_annotate(ret, TAG_ANNOTATION_INDEX, p->indexes[0].digest.text);
	descriptor_annotate(ret, TAG_ANNOTATION_INDEX_SIZE, size);
}

/* Whether the name stands for just this already, so that index.json need not be written. */
static bool is_tagged(struct pull *p, const struct descriptor *d)
{
	struct tags tags;
	const struct tag *tag;
	bool same = false;

	if (tags_read(p->store, &tags, NULL) < 0)
		return false;
	tag = tags_find(&tags, p->name);
	if (tag)
		same = digest_eq(&tag->manifest.digest, &d->digest) &&
		       str_eq(descriptor_annotation(&tag->manifest, TAG_ANNOTATION_INDEX),
			      descriptor_annotation(d, TAG_ANNOTATION_INDEX));
	tags_release(&tags);
	return same;
}

static int publish(struct pull *p, size_t fetched, struct err *err)
{
	struct descriptor d;
	int r;

	r = put_documents(p, err);
	if (r < 0)
		return r;
	describe(p, &d);
	if (!is_tagged(p, &d))
		r = tag_set(p->store, p->name, &d, err);
	else if (fetched == 0 && !p->options->quiet)
		log_notice("image '%s' is up to date", p->name);
	descriptor_release(&d);
	return r;
}

static int pull(struct pull *p, struct err *err)
{
	struct registry_options registry = p->options->registry;
	struct layers_request layers = {
		.store = p->store,
		.manifest = &p->manifest,
		.config = &p->config,
		.max_unpacked = p->options->max_unpacked,
		.quiet = p->options->quiet,
	};
	size_t fetched = 0;
	int r;

	registry.interrupted = &signal_seen;
	r = registry_client_new(p->ref, &registry, &p->client, err);
	if (r == 0)
		r = get_manifest(p, err);
	if (r == 0)
		r = get_config(p, err);
	layers.client = p->client;
	if (r == 0)
		r = pull_layers(&layers, &fetched, err);
	if (r == 0)
		r = image_link_layers(p->store, &p->manifest, &p->config, err);
	return r < 0 ? r : publish(p, fetched, err);
}

int image_pull(struct store *s, const struct reference *ref, const struct pull_options *options,
	       struct digest *ret_id, struct err *err)
{
	struct pull p = {.store = s, .ref = ref, .options = options};
	struct sigaction old[ARRAY_SIZE(caught)];
	_cleanup_fd_ int lease = -1;
	int r;

	lease = store_lease(s, STORE_SHARED, true, err);
	if (lease < 0)
		return lease;
	p.name = reference_store_name(ref);
	catch_signals(old);
	r = pull(&p, err);
	restore_signals(old);
	if (r == 0)
		*ret_id = p.manifest.config.digest;
	else
		err_prefix(err, "cannot pull '%s'", p.name);
	if (r < 0 && signal_seen)
		err_exit(err, 128 + signal_seen);
	pull_release(&p);
	return r;
}
