/* Theory of operation
 *
 *	stream -> [sha256: digest] -> inflate -> [sha256: diff id] -> ring -> tar -> files
 *	|------------------ the ingest thread -------------------|    |-- the writer --|
 *
 * Inflating and hashing cost about as much as creating the files, so each has a thread; between
 * them is a ring of four 256 KiB blocks, which bounds the memory whatever the layer's size. The tar
 * reader works in the ring's blocks: nothing is copied between the inflater's output and write(2).
 *
 * Whoever fails first stops the other: the writer by stopping the ring and cancelling the stream,
 * the ingest thread by finishing the ring with an error. The error reported is the cause, never its
 * echo on the other side of the ring.
 *
 * A layer is derived data, but a name in cache/layers says that it is whole, so it must not happen
 * that power fails after the rename and leaves empty files behind the name. One syncfs() at the end
 * of the pass sees to that, for which large files were sent on their way when they were written. On
 * a virtual SSD with ext4 it takes 50 to 130 ms of a pass of 600 to 800 ms (Debian's minbase, 8,743
 * entries, 170 MB); an fsync of each file would cost many times that, and a marker that makes the
 * next boot unpack everything again would be paid by whoever reboots often.
 *
 * The archive may end before the stream does; the writer then drains the ring, because the diff id
 * is that of the whole stream. Likewise the compressed stream is read to its end behind the last
 * member.
 */
#include "layer/ingest.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "layer/ring.h"
#include "layer/unpack.h"

struct layer_ingest {
	struct layer_request request;
	char *what;
	pthread_t thread;
	atomic_bool done;
	int r;
	struct layer_result result;
	struct err err;
};

/* One pass over the stream. */
struct pass {
	const struct layer_request *request;
	uint64_t max_unpacked;
	struct sha256 *digest, *diff_id;
	uint64_t offset; /* compressed bytes read */
	int read_error;	 /* of the stream: what the inflater hands through */
	uint64_t unpacked;
	struct ring *ring; /* NULL: only verify */
	uint64_t entries;
	int writer_r;
	bool writer_first; /* it failed before anything else did */
	struct err writer_err;
};

/* ---- the writer */

static ssize_t next_block(void *ctx, const void **ret)
{
	return ring_next(ctx, ret);
}

static void *writer_main(void *arg)
{
	struct pass *p = arg;
	const struct unpack_options options = {
		.max_bytes = p->max_unpacked,
		.reserve = LIMIT_FREE_RESERVE,
		.lower_links = p->request->lower_links,
	};
	const void *rest;

	p->writer_r = layer_unpack(next_block, p->ring, p->request->dir, &options, &p->entries,
				   &p->writer_err);
	if (p->writer_r < 0) {
		/* the ingest thread may be waiting for bytes that a slow server has yet to send */
		p->writer_first = ring_stop(p->ring);
		if (p->writer_first)
			stream_cancel(p->request->stream);
	} else {
		while (ring_next(p->ring, &rest) > 0)
			continue;
	}
	return NULL;
}

/* Starts a thread that no signal is delivered to: they are the main thread's. */
static int start_thread(pthread_t *thread, void *(*main)(void *), void *arg, struct err *err)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(thread, NULL, main, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r)
		return err_sys(err, r, "cannot start a thread");
	return 0;
}

/* ---- the ingest thread */

static ssize_t read_compressed(void *ctx, void *buf, size_t len)
{
	struct pass *p = ctx;
	ssize_t n = stream_read(p->request->stream, buf, len, p->offset);

	if (n > 0) {
		sha256_update(p->digest, buf, (size_t)n);
		p->offset += (uint64_t)n;
		if (p->request->size >= 0 && p->offset > (uint64_t)p->request->size)
			n = -EOVERFLOW;
		else if (p->offset > LIMIT_BLOB_SIZE)
			n = -EFBIG;
	}
	if (n < 0)
		p->read_error = (int)n;
	return n;
}

static int read_failed(const struct pass *p, struct err *err)
{
	switch (-p->read_error) {
	case ESTALE:
		return err_set(err, ESTALE, "the download began again");
	case EOVERFLOW:
		return err_set(err, EBADMSG, "larger than its declared size of %lld bytes",
			       (long long)p->request->size);
	case EFBIG:
		return err_set(err, EFBIG, "larger than %llu bytes", LIMIT_BLOB_SIZE);
	}
	return err_sys(err, -p->read_error, "cannot read it");
}

/* Fills a block; its length, 0 at the end. Short only there: the tar reader wants whole records. */
static ssize_t fill(struct pass *p, struct inflate *z, unsigned char *block, struct err *err)
{
	size_t len = 0;

	while (len < RING_BLOCK) {
		ssize_t n = inflate_read(z, block + len, RING_BLOCK - len);

		if (n == 0)
			break;
		if (n < 0 && p->read_error)
			return read_failed(p, err);
		if (n == -ENOMEM)
			return err_set(err, ENOMEM, "out of memory");
		if (n < 0)
			return err_set(err, (int)-n, "corrupt: %s", inflate_reason(z));
		len += (size_t)n;
	}
	sha256_update(p->diff_id, block, len);
	p->unpacked += len;
	if (p->unpacked > p->max_unpacked)
		return err_set(err, EFBIG,
			       "unpacks to more than %llu bytes; --max-unpacked-size raises this",
			       (unsigned long long)p->max_unpacked);
	return (ssize_t)len;
}

/* All of the tar into the ring or nowhere. -ECANCELED: the writer stopped (its error is the cause).
 */
static int produce(struct pass *p, struct inflate *z, unsigned char *scrap, struct err *err)
{
	for (;;) {
		unsigned char *block = p->ring ? ring_reserve(p->ring) : scrap;
		ssize_t n;

		if (!block)
			return -ECANCELED;
		n = fill(p, z, block, err);
		if (n <= 0)
			return (int)n;
		if (p->ring)
			ring_commit(p->ring, (size_t)n);
	}
}

/* What lies behind the compressed data is part of the blob. */
static int drain(struct pass *p, unsigned char *scrap, struct err *err)
{
	ssize_t n;

	do {
		n = read_compressed(p, scrap, RING_BLOCK);
	} while (n > 0);
	return n < 0 ? read_failed(p, err) : 0;
}

static int check_digest(struct sha256 *sha, const struct digest *want, struct digest *ret,
			const char *what, struct err *err)
{
	char hex[65];

	sha256_final_hex(sha, hex);
	digest_from_hex(hex, ret);
	if (digest_is_set(want) && !digest_eq(want, ret))
		return err_set(err, EBADMSG, "%s mismatch: got %s, expected %s", what, ret->text,
			       want->text);
	return 0;
}

static int conclude(struct pass *p, const struct inflate *z, struct layer_result *ret,
		    struct err *err)
{
	const struct layer_request *request = p->request;
	int r;

	ret->size = (int64_t)p->offset;
	ret->unpacked = p->unpacked;
	ret->entries = p->entries;
	ret->compression = inflate_compression(z);
	if (request->size >= 0 && p->offset != (uint64_t)request->size)
		return err_set(err, EBADMSG, "wrong size: got %llu bytes, expected %lld",
			       (unsigned long long)p->offset, (long long)request->size);
	r = check_digest(p->digest, &request->digest, &ret->digest, "digest", err);
	if (r == 0)
		r = check_digest(p->diff_id, &request->diff_id, &ret->diff_id, "diff id", err);
	return r;
}

static int run_pass(const struct layer_request *request, struct layer_result *ret, struct err *err)
{
	_cleanup_(sha256_freep) struct sha256 *digest = sha256_new(), *diff_id = sha256_new();
	_cleanup_(ring_freep) struct ring *ring = request->dir >= 0 ? ring_new() : NULL;
	_cleanup_(inflate_freep) struct inflate *z = NULL;
	_cleanup_free_ unsigned char *scrap = xmalloc(RING_BLOCK);
	struct pass p = {
		.request = request,
		.max_unpacked =
			request->max_unpacked ? request->max_unpacked : LIMIT_LAYER_UNPACKED,
		.digest = digest,
		.diff_id = diff_id,
		.ring = ring,
	};
	pthread_t writer;
	int r;

	if (inflate_new(read_compressed, &p, &z) < 0)
		return err_set(err, ENOMEM, "out of memory");
	if (ring) {
		r = start_thread(&writer, writer_main, &p, err);
		if (r < 0)
			return r;
	}
	r = produce(&p, z, scrap, err);
	if (ring) {
		ring_finish(ring, r);
		pthread_join(writer, NULL);
	}
	/* A stream that the writer cancelled ends in an error too: that is only the echo. */
	if ((r == 0 || r == -ECANCELED || p.writer_first) && p.writer_r < 0) {
		if (err)
			*err = p.writer_err;
		return p.writer_r;
	}
	if (r == 0)
		r = drain(&p, scrap, err);
	if (r == 0)
		r = conclude(&p, z, ret, err);
	if (r == 0 && ring && syncfs(request->dir) < 0)
		r = err_sys(err, errno, "cannot sync it to disk");
	return r;
}

/* ---- both ways in */

static int empty_dir(int dir, struct err *err)
{
	static const char *const names[] = {"root", "owners", "owners.new", "wh", "links"};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names) && r == 0; i++)
		r = fd_remove_tree(dir, names[i], err);
	return r;
}

static int check_request(const struct layer_request *request, struct err *err)
{
	const struct digest *digests[] = {&request->digest, &request->diff_id};

	for (size_t i = 0; i < ARRAY_SIZE(digests); i++)
		if (digest_is_set(digests[i]) && strcmp(digest_algorithm(digests[i]), "sha256"))
			return err_set(err, ENOTSUP, "cannot verify %s digests",
				       digest_algorithm(digests[i]));
	return 0;
}

static int ingest(const struct layer_request *request, struct layer_result *ret, struct err *err)
{
	int r = check_request(request, err);

	memset(ret, 0, sizeof(*ret));
	if (r == 0)
		r = run_pass(request, ret, err);
	while (r == -ESTALE) {
		log_debug("layer %s: the download began again", request->what);
		r = request->dir >= 0 ? empty_dir(request->dir, err) : 0;
		if (r == 0)
			r = run_pass(request, ret, err);
	}
	if (r < 0) {
		stream_cancel(request->stream);
		return err_prefix(err, "layer %s", request->what);
	}
	return 0;
}

static void *ingest_main(void *arg)
{
	struct layer_ingest *i = arg;

	i->r = ingest(&i->request, &i->result, &i->err);
	atomic_store(&i->done, true);
	return NULL;
}

int layer_ingest_start(const struct layer_request *request, struct layer_ingest **ret,
		       struct err *err)
{
	struct layer_ingest *i = xcalloc(1, sizeof(*i));
	int r;

	i->request = *request;
	i->what = xstrdup(request->what ? request->what : "");
	i->request.what = i->what;
	atomic_init(&i->done, false);
	r = start_thread(&i->thread, ingest_main, i, err);
	if (r < 0) {
		free(i->what);
		free(i);
		return r;
	}
	*ret = i;
	return 0;
}

bool layer_ingest_done(const struct layer_ingest *ingest)
{
	return atomic_load(&ingest->done);
}

int layer_ingest_join(struct layer_ingest *ingest, struct layer_result *ret, struct err *err)
{
	int r;

	pthread_join(ingest->thread, NULL);
	r = ingest->r;
	if (r == 0 && ret)
		*ret = ingest->result;
	if (r < 0 && err)
		*err = ingest->err;
	free(ingest->what);
	free(ingest);
	return r;
}

int layer_ingest_file(int fd, const struct layer_request *request, struct layer_result *ret,
		      struct err *err)
{
	struct layer_request copy = *request;
	struct layer_result result;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "layer %s: cannot read its size", request->what);
	copy.stream = stream_new(fd, (uint64_t)st.st_size);
	stream_finish(copy.stream, false);
	r = ingest(&copy, &result, err);
	stream_free(copy.stream);
	if (r == 0 && ret)
		*ret = result;
	return r;
}
