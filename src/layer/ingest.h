/* ingest: one pass over a compressed layer, on a thread of its own beside the download. * It
 * hashes the compressed bytes, inflates, hashes the tar, unpacks it, and compares: nothing is read
 * twice (only a resumed download's prefix is read once more). When the stream restarts, it begins
 * again. */
#ifndef STRAKE_LAYER_INGEST_H
#define STRAKE_LAYER_INGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/stream.h"
#include "codec/inflate.h"
#include "oci/digest.h"

struct layer_request {
	struct stream *stream; /* the compressed bytes */
	struct digest digest;  /* of them; not set: not checked, only computed */
	int64_t size;	       /* of them; -1: not known */
	struct digest diff_id; /* of the tar; not set: only computed */
	int dir; /* an empty directory to unpack into (see unpack.h), or -1: only verify */
	uint64_t max_unpacked; /* bytes of the tar stream; 0: LIMIT_LAYER_UNPACKED */
	bool lower_links;      /* see unpack.h: layers lie below this one */
	const char *what;      /* names the layer in errors: its digest */
};

struct layer_result {
	struct digest digest, diff_id;
	int64_t size;	   /* compressed bytes */
	uint64_t unpacked; /* bytes of the tar */
	uint64_t entries;
	enum compression compression;
};

struct layer_ingest;

/* Starts the thread. The request is copied; stream and dir are borrowed until the join. */
int layer_ingest_start(const struct layer_request *request, struct layer_ingest **ret,
		       struct err *err);
/* Whether the thread has ended, so that a join does not wait; for event loops. */
bool layer_ingest_done(const struct layer_ingest *ingest);
/* Waits and frees. Errors: -EBADMSG wrong digest, size or corrupt data; -EFBIG over a limit;
 * -ENOSPC ... A failed ingest has cancelled its stream. */
int layer_ingest_join(struct layer_ingest *ingest, struct layer_result *ret, struct err *err);

/* The same for a file that is complete, and waits; its threads have ended when it returns.
 * request->stream is not used. */
int layer_ingest_file(int fd, const struct layer_request *request, struct layer_result *ret,
		      struct err *err);

#endif
