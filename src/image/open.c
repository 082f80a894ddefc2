#include "image/open.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "image/link.h"
#include "layer/lower.h"
#include "store/blob.h"
#include "store/scratch.h"

#define ID_PREFIX_MIN 4

static int no_such_image(const char *text, struct err *err)
{
	return err_set(err, ENOENT, "no such image '%s'", text);
}

/* Whether the entry is the manifest with that digest, or was selected from the index with it. */
static bool tag_has_digest(const struct tag *tag, const struct digest *digest)
{
	const char *index = descriptor_annotation(&tag->manifest, TAG_ANNOTATION_INDEX);

	return digest_eq(&tag->manifest.digest, digest) || str_eq(index, digest->text);
}

/* ---- finding by name */

static const struct tag *find_full_name(const struct tags *tags, const struct reference *ref)
{
	_cleanup_free_ char *name = reference_store_name(ref);
	_cleanup_free_ char *repository = NULL;
	const struct tag *tag = tags_find(tags, name);

	if (!digest_is_set(&ref->digest) || (tag && tag_has_digest(tag, &ref->digest)))
		return tag;
	/* The digest decides, whatever tag the image was pulled by. */
	repository = xasprintf("%s/%s", ref->domain, ref->path);
	for (size_t i = 0; i < tags->n; i++) {
		const char *other = tags->tags[i].name;
		const size_t len = strlen(repository);

		if (str_starts(other, repository) && (other[len] == ':' || other[len] == '@') &&
		    tag_has_digest(&tags->tags[i], &ref->digest))
			return &tags->tags[i];
	}
	return NULL;
}

static const struct tag *find_by_name(const struct tags *tags, const char *text)
{
	const struct tag *tag = tags_find(tags, text);
	struct reference ref, local;

	if (tag || reference_parse(text, &ref, NULL) < 0)
		return tag;
	if (!ref.has_domain) {
		reference_to_localhost(&ref, &local);
		tag = find_full_name(tags, &local);
	}
	return tag ? tag : find_full_name(tags, &ref);
}

/* ---- finding by id */

/* The digits to look for when text is "sha256:HEX", "HEX" or a prefix of HEX, else NULL. */
static const char *id_digits(const char *text)
{
	const char *hex = str_starts(text, "sha256:") ? text + strlen("sha256:") : text;
	const size_t len = strspn(hex, "0123456789abcdef");

	return len >= ID_PREFIX_MIN && len <= 64 && !hex[len] ? hex : NULL;
}

static bool digest_has_prefix(const struct digest *digest, const char *hex)
{
	return str_eq(digest_algorithm(digest), "sha256") &&
	       str_starts(digest_encoded(digest), hex);
}

static int read_manifest(struct store *s, const struct descriptor *d, struct manifest *ret,
			 struct err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	r = blob_read(s, &d->digest, d->size, LIMIT_MANIFEST_SIZE, &text, &len, err);
	if (r < 0)
		return r;
	r = manifest_parse(text, len, d->media_type, ret, err);
	if (r < 0)
		err_prefix(err, "manifest %s", d->digest.text);
	return r;
}

/* The image id of an entry: its config's digest, or the entry's own digest where there is no such
 * thing (an index) or it cannot be known (a manifest that is not there or damaged must not hide the
 * other images). */
static void entry_id(struct store *s, const struct tag *tag, struct digest *ret)
{
	struct manifest manifest;
	struct err why = ERR_INIT;

	*ret = tag->manifest.digest;
	if (media_kind(tag->manifest.media_type) != MEDIA_MANIFEST)
		return;
	if (read_manifest(s, &tag->manifest, &manifest, &why) < 0) {
		log_debug("image '%s' is passed over: %s", tag->name, why.msg);
		return;
	}
	*ret = manifest.config.digest;
	manifest_release(&manifest);
}

static int find_by_id(struct store *s, const struct tags *tags, const char *text,
		      const struct tag **ret, struct err *err)
{
	const char *hex = id_digits(text);
	const struct tag *found = NULL;
	struct digest found_id, id;

	for (size_t i = 0; hex && i < tags->n; i++) {
		const struct tag *tag = &tags->tags[i];

		entry_id(s, tag, &id);
		if (!digest_has_prefix(&tag->manifest.digest, hex) && !digest_has_prefix(&id, hex))
			continue;
		/* Several names of one image are one match. */
		if (found && !digest_eq(&id, &found_id) &&
		    !digest_eq(&tag->manifest.digest, &found->manifest.digest))
			return err_set(err, ENOTUNIQ, "several images match '%s': give more digits",
				       text);
		if (!found) {
			found = tag;
			found_id = id;
		}
	}
	if (!found)
		return no_such_image(text, err);
	*ret = found;
	return 0;
}

int image_find(struct store *s, const struct tags *tags, const char *text, size_t *ret,
	       struct err *err)
{
	const struct tag *tag = find_by_name(tags, text);
	int r = tag ? 0 : find_by_id(s, tags, text, &tag, err);

	if (r == 0)
		*ret = (size_t)(tag - tags->tags);
	return r;
}

/* ---- loading */

/* An entry of another tool may be an index: the manifest for this machine's platform takes its
 * place, with the entry's annotations and the index noted as its source. */
static int resolve_index(struct store *s, struct descriptor *d, struct err *err)
{
	struct platform host;

	platform_host(&host);
	for (int depth = 0; media_kind(d->media_type) == MEDIA_INDEX; depth++) {
		_cleanup_free_ char *text = NULL;
		const struct descriptor *selected;
		struct descriptor next;
		struct image_index index;
		char number[24];
		size_t len;
		int r;

		if (depth >= LIMIT_INDEX_DEPTH)
			return err_set(err, ELOOP, "indexes are nested more than %d deep",
				       LIMIT_INDEX_DEPTH);
		r = blob_read(s, &d->digest, d->size, LIMIT_MANIFEST_SIZE, &text, &len, err);
		if (r < 0)
			return r;
		r = image_index_parse(text, len, d->media_type, &index, err);
		if (r == 0) {
			r = image_index_select(&index, &host, &selected, err);
			if (r == 0) {
				descriptor_copy(selected, &next);
				json_decref(next.annotations);
				next.annotations = json_deep_copy(d->annotations);
			}
			image_index_release(&index);
		}
		if (r < 0)
			return err_prefix(err, "index %s", d->digest.text);
		if (depth == 0) {
			snprintf(number, sizeof(number), "%lld", (long long)d->size);
			descriptor_annotate(&next, TAG_ANNOTATION_INDEX, d->digest.text);
			descriptor_annotate(&next, TAG_ANNOTATION_INDEX_SIZE, number);
		}
		descriptor_release(d);
		*d = next;
	}
	return 0;
}

static int read_config(struct store *s, struct image *image, struct err *err)
{
	const struct descriptor *d = &image->manifest.config;
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	if (media_kind(d->media_type) != MEDIA_CONFIG)
		return err_set(err, ENOTSUP, "this is not an image: its config is of the type '%s'",
			       d->media_type);
	r = blob_read(s, &d->digest, d->size, LIMIT_CONFIG_SIZE, &text, &len, err);
	if (r < 0)
		return r;
	r = image_config_parse(text, len, &image->config, err);
	if (r < 0) {
		err_prefix(err, "image config %s", d->digest.text);
		return r;
	}
	if (image->config.n_diff_ids != image->manifest.n_layers)
		return err_set(err, EINVAL, "image config %s lists %zu diff ids for %zu layers",
			       d->digest.text, image->config.n_diff_ids, image->manifest.n_layers);
	return 0;
}

int image_load(struct store *s, const struct tag *tag, struct image *ret, struct err *err)
{
	_cleanup_image_ struct image image = {0};
	int r;

	*ret = (struct image){0};
	image.name = xstrdup(tag->name);
	descriptor_copy(&tag->manifest, &image.descriptor);
	r = resolve_index(s, &image.descriptor, err);
	if (r == 0)
		r = read_manifest(s, &image.descriptor, &image.manifest, err);
	if (r == 0)
		r = read_config(s, &image, err);
	if (r < 0) {
		err_prefix(err, "image '%s'", tag->name[0] ? tag->name : tag->manifest.digest.text);
		return r;
	}
	*ret = image;
	image = (struct image){0};
	return 0;
}

int image_open(struct store *s, const char *text, struct image *ret, struct err *err)
{
	_cleanup_tags_ struct tags tags = {0};
	const struct tag *tag;
	bool by_id;
	int r;

	*ret = (struct image){0};
	r = tags_read(s, &tags, err);
	if (r < 0)
		return r;
	tag = find_by_name(&tags, text);
	by_id = !tag;
	if (by_id)
		r = find_by_id(s, &tags, text, &tag, err);
	if (r == 0)
		r = image_load(s, tag, ret, err);
	if (r == 0 && by_id)
		ret->name[0] = '\0';
	return r;
}

void image_release(struct image *image)
{
	freep(&image->name);
	descriptor_release(&image->descriptor);
	manifest_release(&image->manifest);
	image_config_release(&image->config);
	*image = (struct image){0};
}

/* ---- layers */

/* Few layers have links into those below (layer/lower.h): one system call finds out. */
static int check_links(struct store *s, const struct digest *ids, size_t i, struct err *err)
{
	_cleanup_free_ char *links = xasprintf("%s/%s", digest_encoded(&ids[i]), LAYER_LINKS_FILE);
	_cleanup_fd_ int dir = -1;
	int r;

	if (faccessat(s->layers, links, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	dir = layer_dir_open(s, &ids[i], err);
	r = dir < 0 ? dir : layer_links_check(dir, ids, i, err);
	if (r == -ENOENT)
		err_hint(err, "'strake unpack' makes them");
	return r < 0 ? err_prefix(err, "the layer %s", ids[i].text) : 0;
}

int image_layer_dirs(struct store *s, const struct image *image, char ***ret, struct err *err)
{
	const struct digest *ids = image->config.diff_ids;
	const size_t n = image->config.n_diff_ids;
	_cleanup_strv_ char **dirs = NULL;

	for (size_t i = 0; i < n; i++) {
		int r;

		if (layer_is_repeated(ids, n, i))
			continue;
		if (!layer_dir_exists(s, &ids[i])) {
			err_set(err, ENOENT, "the layer %s is not unpacked", ids[i].text);
			err_hint(err, "'strake unpack' makes it again");
			return -ENOENT;
		}
		r = check_links(s, ids, i, err);
		if (r < 0)
			return r;
		strv_take(&dirs, layer_dir_path(s, &ids[i]));
	}
	if (!dirs)
		dirs = strv_copy(NULL);
	*ret = steal_ptr(&dirs);
	return 0;
}
