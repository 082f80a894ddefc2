/* Theory of operation
 *
 * The same bytes must not be a manifest for one reader and an index for another (CVE-2021-41190): a
 * digest would then vouch for two different images. Three sources speak about the type of a
 * document: who served it, its own mediaType, and its members. Each may be silent, but those that
 * speak must agree, before anything else of the document is looked at.
 */
#include "oci/manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

#define ATTESTATION_KEY "vnd.docker.reference.type"
#define ATTESTATION_VALUE "attestation-manifest"
#define PLATFORMS_TEXT_MAX 600

static bool has(const json_t *doc, const char *key)
{
	const json_t *v = json_object_get(doc, key);

	return v && !json_is_null(v);
}

static int confusion(struct err *err, const char *what)
{
	return err_set(err, EINVAL, "media type confusion: %s", what);
}

static int check_schema(const json_t *doc, const char *own, const char *served, struct err *err)
{
	int64_t version = 2;
	int r = json_get_int(doc, "schemaVersion", INT64_MIN, INT64_MAX, &version, err);

	if (r < 0)
		return r;
	if (version == 1 || media_kind(own) == MEDIA_SCHEMA1 || media_kind(served) == MEDIA_SCHEMA1)
		return err_set(
			err, ENOTSUP,
			"a schema 1 manifest: this obsolete format is not supported; push the "
			"image again with a current tool");
	if (version != 2)
		return err_set(err, EINVAL, "unknown schemaVersion %" PRId64, version);
	return 0;
}

/* The type the document goes by, *ret_type (borrowed, NULL when nobody names one), and its kind. */
static int judge(const json_t *doc, const char *served, const char **ret_type, enum media_kind *ret,
		 struct err *err)
{
	bool image = has(doc, "layers") || has(doc, "config");
	bool index = has(doc, "manifests");
	const char *own, *type;
	enum media_kind kind;
	int r = json_get_string(doc, "mediaType", &own, err);

	if (r < 0)
		return r;
	if (own && !*own)
		own = NULL;
	if (media_is_generic(served))
		served = NULL;
	r = check_schema(doc, own, served, err);
	if (r < 0)
		return r;
	if (own && served && !media_eq(own, served))
		return err_set(err, EINVAL,
			       "media type confusion: served as '%.120s', calls itself '%.120s'",
			       served, own);
	if (image && index)
		return confusion(err, "it has the members of a manifest and of an index");
	type = own ? own : served;
	kind = media_kind(type);
	if (!type && (image || index))
		kind = index ? MEDIA_INDEX : MEDIA_MANIFEST;
	if (!type && kind == MEDIA_UNKNOWN)
		return err_set(err, EINVAL, "neither an image manifest nor an index");
	if (kind != MEDIA_MANIFEST && kind != MEDIA_INDEX)
		return err_set(err, ENOTSUP,
			       "media type '%.200s' is neither an image manifest nor an index",
			       type);
	if (kind == MEDIA_MANIFEST && index)
		return confusion(err, "a manifest by its type, an index by its members");
	if (kind == MEDIA_INDEX && image)
		return confusion(err, "an index by its type, a manifest by its members");
	*ret_type = type;
	*ret = kind;
	return 0;
}

static int load(const char *text, size_t len, const char *served, json_t **ret_doc,
		const char **ret_type, enum media_kind *ret_kind, struct err *err)
{
	_cleanup_json_ json_t *doc = NULL;
	int r = json_parse_object(text, len, LIMIT_MANIFEST_SIZE, "manifest", &doc, err);

	if (r < 0)
		return r;
	r = judge(doc, served, ret_type, ret_kind, err);
	if (r < 0)
		return r;
	*ret_doc = steal_ptr(&doc);
	return 0;
}

int document_kind(const char *text, size_t len, const char *served_type, enum media_kind *ret,
		  struct err *err)
{
	_cleanup_json_ json_t *doc = NULL;
	const char *type;

	return load(text, len, served_type, &doc, &type, ret, err);
}

static char *type_name(const char *type, const char *otherwise)
{
	return type ? xstrndup(type, media_length(type)) : xstrdup(otherwise);
}

static int parse_layers(const json_t *doc, struct manifest *m, struct err *err)
{
	json_t *layers, *layer;
	size_t i;
	int r = json_get_array(doc, "layers", LIMIT_LAYERS, &layers, err);

	if (r < 0 || !layers || json_array_size(layers) == 0)
		return r;
	m->layers = xcalloc(json_array_size(layers), sizeof(*m->layers));
	json_array_foreach (layers, i, layer) {
		char what[48];

		snprintf(what, sizeof(what), "layer %zu", i + 1);
		r = descriptor_parse(layer, LIMIT_BLOB_SIZE, what, &m->layers[i], err);
		if (r < 0)
			return r;
		m->n_layers++;
	}
	return 0;
}

int manifest_parse(const char *text, size_t len, const char *served_type, struct manifest *ret,
		   struct err *err)
{
	struct manifest m = {.n_layers = 0};
	_cleanup_json_ json_t *doc = NULL;
	enum media_kind kind;
	const char *type;
	int r;

	memset(ret, 0, sizeof(*ret));
	r = load(text, len, served_type, &doc, &type, &kind, err);
	if (r < 0)
		return r;
	if (kind != MEDIA_MANIFEST)
		return err_set(err, EINVAL, "an index where an image manifest is expected");
	m.media_type = type_name(type, MEDIA_OCI_MANIFEST);
	if (has(doc, "config"))
		r = descriptor_parse(json_object_get(doc, "config"), LIMIT_CONFIG_SIZE, "config",
				     &m.config, err);
	else
		r = err_set(err, EINVAL, "manifest: 'config' is missing");
	if (r == 0)
		r = parse_layers(doc, &m, err);
	if (r < 0) {
		manifest_release(&m);
		return r;
	}
	*ret = m;
	return 0;
}

void manifest_release(struct manifest *m)
{
	free(m->media_type);
	descriptor_release(&m->config);
	for (size_t i = 0; i < m->n_layers; i++)
		descriptor_release(&m->layers[i]);
	free(m->layers);
	memset(m, 0, sizeof(*m));
}

/* Entries of types we do not know are skipped when they cannot be read: they are not for us. */
static int parse_entries(const json_t *doc, struct image_index *index, struct err *err)
{
	json_t *entries, *entry;
	size_t i;
	int r = json_get_array(doc, "manifests", LIMIT_INDEX_MANIFESTS, &entries, err);

	if (r < 0 || !entries || json_array_size(entries) == 0)
		return r;
	index->manifests = xcalloc(json_array_size(entries), sizeof(*index->manifests));
	json_array_foreach (entries, i, entry) {
		const char *type = json_string_value(json_object_get(entry, "mediaType"));
		bool ours = !type || media_kind(type) != MEDIA_UNKNOWN;
		char what[48];

		snprintf(what, sizeof(what), "index entry %zu", i + 1);
		r = descriptor_parse(entry, ours ? (int64_t)LIMIT_MANIFEST_SIZE : INT64_MAX, what,
				     &index->manifests[index->n_manifests], ours ? err : NULL);
		if (r < 0 && ours)
			return r;
		if (r == 0)
			index->n_manifests++;
	}
	return 0;
}

int image_index_parse(const char *text, size_t len, const char *served_type,
		      struct image_index *ret, struct err *err)
{
	struct image_index index = {.n_manifests = 0};
	_cleanup_json_ json_t *doc = NULL;
	enum media_kind kind;
	const char *type;
	int r;

	memset(ret, 0, sizeof(*ret));
	r = load(text, len, served_type, &doc, &type, &kind, err);
	if (r < 0)
		return r;
	if (kind != MEDIA_INDEX)
		return err_set(err, EINVAL, "an image manifest where an index is expected");
	index.media_type = type_name(type, MEDIA_OCI_INDEX);
	r = parse_entries(doc, &index, err);
	if (r < 0) {
		image_index_release(&index);
		return r;
	}
	*ret = index;
	return 0;
}

void image_index_release(struct image_index *index)
{
	free(index->media_type);
	for (size_t i = 0; i < index->n_manifests; i++)
		descriptor_release(&index->manifests[i]);
	free(index->manifests);
	memset(index, 0, sizeof(*index));
}

static bool names_platform(const struct descriptor *d)
{
	return d->has_platform && (d->platform.os[0] || d->platform.arch[0]);
}

static bool is_candidate(const struct descriptor *d)
{
	enum media_kind kind = media_kind(d->media_type);

	if (kind != MEDIA_MANIFEST && kind != MEDIA_INDEX)
		return false;
	if (str_eq(descriptor_annotation(d, ATTESTATION_KEY), ATTESTATION_VALUE))
		return false;
	return !str_eq(d->platform.os, "unknown") && !str_eq(d->platform.arch, "unknown");
}

static int no_match(const struct image_index *index, const struct platform *wanted, struct err *err)
{
	_cleanup_buf_ struct buf there;
	char name[112];

	buf_init(&there, PLATFORMS_TEXT_MAX);
	for (size_t i = 0; i < index->n_manifests; i++) {
		const struct descriptor *d = &index->manifests[i];

		if (!is_candidate(d))
			continue;
		platform_text(&d->platform, name);
		if (buf_addf(&there, "%s%s", there.len ? ", " : "", name) < 0)
			break;
	}
	platform_text(wanted, name);
	if (there.len == 0)
		return err_set(err, ENOENT, "no image for %s: the index lists none", name);
	return err_set(err, ENOENT, "no image for %s; the index has %s", name, there.data);
}

int image_index_select(const struct image_index *index, const struct platform *wanted,
		       const struct descriptor **ret, struct err *err)
{
	const struct descriptor *best = NULL;
	int best_score = 0;

	*ret = NULL;
	for (size_t i = 0; i < index->n_manifests; i++) {
		const struct descriptor *d = &index->manifests[i];
		int score = 0;

		if (!is_candidate(d))
			continue;
		/* one that says nothing serves when nothing else does: its config will tell */
		score = names_platform(d) ? platform_match(wanted, &d->platform) : 1;
		if (score > best_score) {
			best = d;
			best_score = score;
		}
	}
	if (!best)
		return no_match(index, wanted, err);
	*ret = best;
	return 0;
}
