#include "store/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "oci/manifest.h"
#include "store/blob.h"
#include "store/tag.h"

static int mark_document(struct store *s, struct marks *m, const struct digest *digest,
			 int64_t size, const char *media_type, int depth, struct err *err);

bool marks_has(const json_t *set, const char *name)
{
	return json_object_get(set, name) != NULL;
}

/* Whether it was not there before. */
static bool add(json_t *set, const char *name)
{
	if (marks_has(set, name))
		return false;
	json_object_set_new_nocheck(set, name, json_true());
	return true;
}

/* Diff ids by hand: a config that image_config_parse() refuses to run still keeps its layers. */
static int mark_config(struct store *s, struct marks *m, const struct descriptor *config,
		       struct err *err)
{
	_cleanup_json_ json_t *doc = NULL;
	_cleanup_free_ char *text = NULL;
	_cleanup_strv_ char **diff_ids = NULL;
	json_t *rootfs = NULL;
	struct digest digest;
	size_t len;
	int r;

	if (!add(m->blobs, config->digest.text) || media_kind(config->media_type) != MEDIA_CONFIG ||
	    !blob_exists(s, &config->digest, NULL))
		return 0;
	r = blob_read(s, &config->digest, config->size, LIMIT_CONFIG_SIZE, &text, &len, err);
	if (r < 0)
		return r;
	r = json_parse_object(text, len, LIMIT_CONFIG_SIZE, config->digest.text, &doc, err);
	if (r < 0)
		return r;
	r = json_get_object(doc, "rootfs", &rootfs, err);
	if (r == 0 && rootfs)
		r = json_get_strv(rootfs, "diff_ids", LIMIT_LAYERS, &diff_ids, err);
	for (size_t i = 0; r == 0 && i < strv_len(diff_ids); i++) {
		r = digest_parse(diff_ids[i], &digest, err);
		if (r == 0)
			add(m->layers, digest_encoded(&digest));
	}
	if (r < 0)
		err_prefix(err, "image config %s", config->digest.text);
	return r;
}

static int mark_manifest(struct store *s, struct marks *m, const char *text, size_t len,
			 const char *media_type, struct err *err)
{
	struct manifest manifest;
	int r;

	r = manifest_parse(text, len, media_type, &manifest, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < manifest.n_layers; i++)
		add(m->blobs, manifest.layers[i].digest.text);
	r = mark_config(s, m, &manifest.config, err);
	manifest_release(&manifest);
	return r;
}

static int mark_index(struct store *s, struct marks *m, const char *text, size_t len,
		      const char *media_type, int depth, struct err *err)
{
	struct image_index index;
	int r;

	if (depth >= LIMIT_INDEX_DEPTH)
		return err_set(err, ELOOP, "indexes are nested more than %d deep",
			       LIMIT_INDEX_DEPTH);
	r = image_index_parse(text, len, media_type, &index, err);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < index.n_manifests; i++) {
		const struct descriptor *d = &index.manifests[i];

		r = mark_document(s, m, &d->digest, d->size, d->media_type, depth + 1, err);
	}
	image_index_release(&index);
	return r;
}

/* size < 0 and media_type NULL: not known. */
static int mark_document(struct store *s, struct marks *m, const struct digest *digest,
			 int64_t size, const char *media_type, int depth, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	enum media_kind kind = media_type ? media_kind(media_type) : MEDIA_UNKNOWN;
	size_t len;
	int r;

	if (!add(m->blobs, digest->text) || !blob_exists(s, digest, NULL))
		return 0;
	/* Something of another tool's, of a type that names no further blobs as far as anybody
	 * knows. */
	if (media_type && kind != MEDIA_MANIFEST && kind != MEDIA_INDEX)
		return 0;
	r = blob_read(s, digest, size, LIMIT_MANIFEST_SIZE, &text, &len, err);
	if (r < 0)
		return r;
	r = document_kind(text, len, media_type, &kind, err);
	if (r == 0 && kind == MEDIA_INDEX)
		r = mark_index(s, m, text, len, media_type, depth, err);
	else if (r == 0)
		r = mark_manifest(s, m, text, len, media_type, err);
	if (r < 0)
		err_prefix(err, "%s", digest->text);
	return r;
}

/* The index a manifest was selected from. */
static int mark_source_index(struct store *s, struct marks *m, const struct tag *tag,
			     struct err *err)
{
	const char *text = descriptor_annotation(&tag->manifest, TAG_ANNOTATION_INDEX);
	struct digest digest;
	int r;

	if (!text)
		return 0;
	r = digest_parse(text, &digest, err);
	return r < 0 ? r : mark_document(s, m, &digest, -1, NULL, 0, err);
}

static int mark_tags(struct store *s, struct marks *m, struct err *err)
{
	_cleanup_tags_ struct tags tags = {0};
	int r;

	r = tags_read(s, &tags, err);
	for (size_t i = 0; r == 0 && i < tags.n; i++) {
		const struct descriptor *d = &tags.tags[i].manifest;

		r = mark_document(s, m, &d->digest, d->size, d->media_type, 0, err);
		if (r == 0)
			r = mark_source_index(s, m, &tags.tags[i], err);
		if (r < 0)
			err_prefix(err, "image '%s'", tags.tags[i].name);
	}
	return r;
}

static int mark_container(struct store *s, struct marks *m, const char *id, struct err *err)
{
	_cleanup_free_ char *path = path_join(id, "config.json");
	_cleanup_json_ json_t *doc = NULL;
	_cleanup_free_ char *text = NULL;
	_cleanup_strv_ char **layers = NULL;
	struct err why = ERR_INIT;
	const char *manifest = NULL;
	struct digest digest;
	size_t len;
	int r;

	r = fd_read_file(s->containers, path, LIMIT_STATE_SIZE, &text, &len, &why);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0)
		return err_set(err, -r, "container %s: %s", id, why.msg);
	r = json_parse_object(text, len, LIMIT_STATE_SIZE, "config.json", &doc, err);
	if (r == 0)
		r = json_get_string(doc, "manifest", &manifest, err);
	if (r == 0 && !str_is_empty(manifest)) {
		r = digest_parse(manifest, &digest, err);
		if (r == 0)
			r = mark_document(s, m, &digest, -1, NULL, 0, err);
	}
	if (r == 0)
		r = json_get_strv(doc, "layers", LIMIT_LAYERS, &layers, err);
	for (size_t i = 0; r == 0 && i < strv_len(layers); i++) {
		r = digest_parse(layers[i], &digest, err);
		if (r == 0)
			add(m->layers, digest_encoded(&digest));
	}
	if (r < 0)
		err_prefix(err, "container %s", id);
	return r;
}

static int mark_containers(struct store *s, struct marks *m, struct err *err)
{
	_cleanup_dir_ DIR *dir = NULL;
	const struct dirent *entry;
	int fd, r;

	fd = openat(s->containers, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return err_sys(err, errno, "cannot read '%s/containers'", s->path);
	for (;;) {
		errno = 0;
		entry = readdir(dir);
		if (!entry && errno)
			return err_sys(err, errno, "cannot read '%s/containers'", s->path);
		if (!entry)
			return 0;
		if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
			continue;
		r = mark_container(s, m, entry->d_name, err);
		if (r < 0)
			return r;
	}
}

int marks_collect(struct store *s, struct marks *ret, struct err *err)
{
	struct marks m = {.blobs = json_object(), .layers = json_object()};
	int r;

	*ret = (struct marks){0};
	r = mark_tags(s, &m, err);
	if (r == 0)
		r = mark_containers(s, &m, err);
	if (r < 0) {
		marks_release(&m);
		return r;
	}
	*ret = m;
	return 0;
}

void marks_release(struct marks *m)
{
	json_decref(m->blobs);
	json_decref(m->layers);
	*m = (struct marks){0};
}
