/* Theory of operation
 *
 * The tarball goes through a stream: this thread copies it (or, for compressions that images do not
 * know, its recompressed form) into an anonymous blob; the ingest thread reads behind, computes
 * both digests and unpacks. A pipe is enough, nothing is read twice, and the blob gets its name
 * when its digest is known. The shared lease keeps gc away until the tag names all of it; without
 * the tag, all of it is garbage.
 */
#include "image/import.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/stream.h"
#include "layer/convert.h"
#include "layer/ingest.h"
#include "oci/image_config.h"
#include "oci/manifest.h"
#include "store/blob.h"
#include "store/scratch.h"
#include "store/tag.h"

#define IMPORT_BUF (256 * 1024)

/* The tarball on its way into the stream; the first bytes are looked at before. */
struct feed {
	int fd;
	char head[CONVERT_HEAD];
	size_t head_len, head_used;
	struct stream *stream;
	bool cancelled; /* the ingest wants no more: it has the error */
};

static ssize_t feed_read(void *ctx, void *buf, size_t len)
{
	struct feed *f = ctx;
	ssize_t n;

	if (f->head_used < f->head_len) {
		size_t left = f->head_len - f->head_used;

		if (len > left)
			len = left;
		memcpy(buf, f->head + f->head_used, len);
		f->head_used += len;
		return (ssize_t)len;
	}
	do {
		n = read(f->fd, buf, len);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int feed_write(void *ctx, const void *buf, size_t len)
{
	struct feed *f = ctx;
	int r = stream_write(f->stream, buf, len);

	f->cancelled = r == -ECANCELED;
	return r;
}

static int feed_failed(const struct feed *f, int r, struct err *err)
{
	if (f->cancelled)
		return -ECANCELED;
	if (r == -ENOSPC || r == -EDQUOT)
		return err_sys(err, -r, "no space: cannot store the archive");
	return err_sys(err, -r, "cannot copy the archive");
}

static int copy_as_it_is(struct feed *f, struct err *err)
{
	_cleanup_free_ char *buf = xmalloc(IMPORT_BUF);

	for (;;) {
		ssize_t n = feed_read(f, buf, IMPORT_BUF);
		int r;

		if (n == 0)
			return 0;
		if (n < 0)
			return err_sys(err, (int)-n, "cannot read the archive");
		r = feed_write(f, buf, (size_t)n);
		if (r < 0)
			return feed_failed(f, r, err);
	}
}

/* The whole tarball into the stream. -ECANCELED: the ingest failed, and has the error. */
static int feed_all(struct feed *f, struct err *err)
{
	struct err e = ERR_INIT;
	ssize_t n = fd_read_full(f->fd, f->head, sizeof(f->head));
	int r;

	if (n < 0)
		return err_sys(err, (int)-n, "cannot read the archive");
	if (n == 0)
		return err_set(err, EINVAL, "the archive is empty");
	f->head_len = (size_t)n;
	if (!convert_needed(f->head, f->head_len))
		return copy_as_it_is(f, err);
	r = convert_to_gzip(feed_read, feed_write, f, &e);
	if (r < 0 && !e.code)
		return feed_failed(f, r, err);
	if (r < 0 && err)
		*err = e;
	return r;
}

/* Copies and ingests at once; the blob's digest and the layer's are in *ret. */
static int take_in(int fd, struct blob_claim *claim, struct scratch *scratch, uint64_t max_unpacked,
		   struct layer_result *ret, struct err *err)
{
	struct feed feed = {.fd = fd, .stream = stream_new(claim->fd, 0)};
	const struct layer_request request = {
		.stream = feed.stream,
		.size = -1,
		.dir = scratch->fd,
		.max_unpacked = max_unpacked,
		.what = "of the archive",
	};
	struct err feed_err = ERR_INIT;
	struct layer_ingest *ingest;
	int r, joined;

	r = layer_ingest_start(&request, &ingest, err);
	if (r == 0) {
		r = feed_all(&feed, &feed_err);
		stream_finish(feed.stream, r < 0);
		joined = layer_ingest_join(ingest, ret, err);
		if (r < 0 && !feed.cancelled) {
			if (err)
				*err = feed_err;
		} else {
			r = joined;
		}
	}
	stream_free(feed.stream);
	if (r == 0 && !ret->entries)
		r = err_set(err, EINVAL, "there is no file in the archive");
	return r;
}

/* Before anything is read, so that a bad change costs nothing; the diff id follows with
 * set_diff_id(). */
static int make_config(const struct import_options *options, json_t **ret, struct err *err)
{
	struct digest unknown;
	_cleanup_json_ json_t *config = NULL;
	char hex[65];

	sha256_hex("", 0, hex);
	digest_from_hex(hex, &unknown);
	config = image_config_new(&options->platform, &unknown, "strake import", -1);
	if (options->message) {
		json_t *history = json_array_get(json_object_get(config, "history"), 0);

		if (json_object_set_new(history, "comment", json_string(options->message)) < 0)
			return err_set(err, EINVAL, "the message is not UTF-8");
	}
	for (char *const *c = options->changes; c && *c; c++) {
		int r = image_config_change(config, *c, err);

		if (r < 0)
			return r;
	}
	*ret = steal_ptr(&config);
	return 0;
}

static void set_diff_id(json_t *config, const struct digest *diff_id)
{
	json_t *diff_ids = json_object_get(json_object_get(config, "rootfs"), "diff_ids");

	json_array_set_new(diff_ids, 0, json_string(diff_id->text));
}

static const char *layer_type(enum compression compression)
{
	switch (compression) {
	case COMPRESSION_GZIP:
		return MEDIA_OCI_LAYER_GZIP;
	case COMPRESSION_ZSTD:
		return MEDIA_OCI_LAYER_ZSTD;
	case COMPRESSION_NONE:
		break;
	}
	return MEDIA_OCI_LAYER;
}

static json_t *json_descriptor(const char *type, const struct digest *digest, int64_t size)
{
	return json_pack("{s:s, s:s, s:I}", "mediaType", type, "digest", digest->text, "size",
			 (json_int_t)size);
}

/* Puts config and manifest; *ret is the manifest's descriptor, *ret_id the config's digest. */
static int put_documents(struct store *s, const json_t *config, const struct layer_result *layer,
			 struct descriptor *ret, struct digest *ret_id, struct err *err)
{
	_cleanup_free_ char *config_text = json_text(config), *manifest_text = NULL;
	_cleanup_json_ json_t *manifest = NULL;
	int r;

	if (strlen(config_text) > LIMIT_CONFIG_SIZE)
		return err_set(err, EFBIG, "the image's config is too large");
	r = blob_put(s, NULL, config_text, strlen(config_text), ret_id, err);
	if (r < 0)
		return r;
	manifest = json_pack(
		"{s:i, s:s, s:o, s:[o]}", "schemaVersion", 2, "mediaType", MEDIA_OCI_MANIFEST,
		"config", json_descriptor(MEDIA_OCI_CONFIG, ret_id, (int64_t)strlen(config_text)),
		"layers",
		json_descriptor(layer_type(layer->compression), &layer->digest, layer->size));
	if (!manifest)
		return err_set(err, ENOMEM, "out of memory");
	manifest_text = json_text(manifest);
	ret->media_type = xstrdup(MEDIA_OCI_MANIFEST);
	ret->size = (int64_t)strlen(manifest_text);
	return blob_put(s, NULL, manifest_text, strlen(manifest_text), &ret->digest, err);
}

static int set_tag(struct store *s, const struct reference *name, const struct descriptor *manifest,
		   struct err *err)
{
	_cleanup_free_ char *text = NULL;
	struct reference local;

	if (!name->has_domain) {
		reference_to_localhost(name, &local);
		name = &local;
	}
	text = reference_store_name(name);
	return tag_set(s, text, manifest, err);
}

int image_import(struct store *s, int fd, const struct reference *name,
		 const struct import_options *options, struct digest *ret_id, struct err *err)
{
	_cleanup_fd_ int lease = store_lease(s, STORE_SHARED, true, err);
	struct blob_claim claim = BLOB_CLAIM_INIT;
	struct scratch scratch = SCRATCH_INIT;
	struct descriptor manifest = {0};
	_cleanup_json_ json_t *config = NULL;
	struct layer_result layer;
	int r;

	if (lease < 0)
		return lease;
	r = make_config(options, &config, err);
	if (r == 0)
		r = blob_claim_new(s, &claim, err);
	if (r == 0)
		r = scratch_new(s, &scratch, err);
	if (r == 0)
		r = take_in(fd, &claim, &scratch, options->max_unpacked, &layer, err);
	if (r == 0) {
		set_diff_id(config, &layer.diff_id);
		claim.digest = layer.digest;
		r = blob_claim_commit(s, &claim, err);
	}
	if (r == 0)
		r = scratch_publish_layer(s, &scratch, &layer.diff_id, err);
	if (r == 0)
		r = put_documents(s, config, &layer, &manifest, ret_id, err);
	if (r == 0)
		r = set_tag(s, name, &manifest, err);
	descriptor_release(&manifest);
	scratch_discard(s, &scratch);
	blob_claim_release(s, &claim, false);
	return r;
}
