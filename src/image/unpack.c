#include "image/unpack.h"

#include <errno.h>

#include "base/fd.h"
#include "base/log.h"
#include "image/link.h"
#include "layer/ingest.h"
#include "store/blob.h"
#include "store/scratch.h"

/* The layer was verified when it came in; it is again, for the blob may be older than the disk is
 * sound. */
static int unpack_layer(struct store *s, const struct descriptor *layer,
			const struct digest *diff_id, uint64_t max_unpacked, bool lower_links,
			struct err *err)
{
	struct scratch scratch = SCRATCH_INIT;
	struct layer_request request = {
		.digest = layer->digest,
		.diff_id = *diff_id,
		.size = layer->size,
		.max_unpacked = max_unpacked,
		.lower_links = lower_links,
		.what = layer->digest.text,
	};
	_cleanup_fd_ int fd = blob_open(s, &layer->digest, NULL, err);
	int r;

	if (fd < 0)
		return fd;
	r = scratch_new(s, &scratch, err);
	if (r < 0)
		return r;
	log_verbose("unpacking layer %s", layer->digest.text);
	request.dir = scratch.fd;
	r = layer_ingest_file(fd, &request, NULL, err);
	if (r == 0)
		r = scratch_publish_layer(s, &scratch, diff_id, err);
	scratch_discard(s, &scratch);
	return r;
}

int image_unpack(struct store *s, const struct image *image, uint64_t max_unpacked, struct err *err)
{
	_cleanup_fd_ int lease = store_lease(s, STORE_SHARED, true, err);
	const struct manifest *m = &image->manifest;

	if (lease < 0)
		return lease;
	if (m->n_layers != image->config.n_diff_ids)
		return err_set(err, EBADMSG, "image %s has %zu layers, but its config lists %zu",
			       image->descriptor.digest.text, m->n_layers,
			       image->config.n_diff_ids);
	for (size_t i = 0; i < m->n_layers; i++) {
		const struct digest *diff_id = &image->config.diff_ids[i];
		int r = 0;

		if (layer_dir_exists(s, diff_id))
			continue;
		if (media_kind(m->layers[i].media_type) != MEDIA_LAYER)
			r = err_set(err, ENOTSUP, "cannot unpack layer %s of type '%s'",
				    m->layers[i].digest.text, m->layers[i].media_type);
		else
			r = unpack_layer(s, &m->layers[i], diff_id, max_unpacked, i > 0, err);
		if (r < 0)
			return r;
	}
	return image_link_layers(s, m, &image->config, err);
}
