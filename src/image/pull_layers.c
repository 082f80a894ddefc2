/* Theory of operation: every layer is a job, and one loop in the calling thread drives them all.
 * What a job needs is decided by what the store has at that moment:
 *
 *	blob	directory
 *	yes	yes		nothing
 *	yes	no		the blob is read once more and unpacked (its directory was lost, or
 * `gc` of an older version took it) no	any		the blob is claimed and fetched; an ingest
 * thread follows the download
 *
 * No job waits for another process while this one holds claims: a claim that is taken is asked for
 * again a little later, while the other jobs go on. So two processes that pull the same layers in
 * different order share the work instead of waiting for each other for ever.
 *
 * The order at the end of a job is: unpacked directory published, then the blob. Whoever finds the
 * blob finds the directory as well, unless it was lost later, which the second line of the table
 * repairs.
 *
 * Memory: at most LIMIT_PARALLEL_DOWNLOADS jobs run, each with one inflate window and one curl
 * buffer.
 *
 * A download that was resumed behind a bad prefix (a file system that lost its end in a crash)
 * fails its digest; it is fetched once more from zero before that counts as the registry's fault.
 */
#include "image/pull_layers.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/stream.h"
#include "layer/ingest.h"
#include "store/blob.h"
#include "store/scratch.h"

#define BUSY_POLL_MS 50 /* how often a blob that another process fetches is asked for */
#define INGEST_POLL_MAX_MS                                                                         \
	10 /* how often a thread at work behind a finished download is looked at */
#define IDLE_POLL_MS 200

enum job_state {
	JOB_WAITING, /* not begun, or another process has the claim */
	JOB_RUNNING, /* an ingest thread is at work, behind a download or a file */
	JOB_DONE,
};

struct job {
	const struct descriptor *d;
	const struct digest *diff_id;
	enum job_state state;
	int64_t due_ms;	   /* JOB_WAITING: when to look again */
	int64_t loaded_ms; /* JOB_RUNNING: since when the reader has all of it; 0: not yet */
	struct blob_claim claim;
	struct scratch scratch;
	int blob_fd; /* the complete blob, when only the directory is missing */
	struct stream *stream;
	struct registry_fetch *fetch; /* NULL when reading a file */
	struct layer_ingest *ingest;
	bool resumed;		   /* an earlier process left the beginning */
	bool spoilt;		   /* what was fetched is of no use to anybody */
	struct progress *progress; /* NULL: not shown */
	int item;
};

struct pull_run {
	const struct layers_request *request;
	struct progress *progress;
	struct job *jobs;
	size_t n, running, done, fetched;
};

static void show(struct job *job, const char *state)
{
	if (job->progress)
		progress_state(job->progress, job->item, state);
}

static void on_progress(void *ctx, uint64_t done)
{
	struct job *job = ctx;

	if (job->progress)
		progress_set(job->progress, job->item, done);
}

/* Ends whatever the job has going, and gives back what it holds. */
static void job_release(struct store *s, struct job *job, bool keep)
{
	registry_fetch_free(steal_ptr(&job->fetch));
	if (job->ingest)
		layer_ingest_join(steal_ptr(&job->ingest), NULL, NULL);
	keep = keep && job->stream && stream_watermark(job->stream) > 0;
	stream_free(steal_ptr(&job->stream));
	fd_closep(&job->blob_fd);
	scratch_discard(s, &job->scratch);
	blob_claim_release(s, &job->claim, keep);
}

/* ---- beginning */

/* A thread that reads the stream; into a scratch directory unless the layer is unpacked already. */
static int start_ingest(struct pull_run *run, struct job *job, bool have_dir, struct err *err)
{
	struct store *s = run->request->store;
	struct layer_request request = {
		.stream = job->stream,
		.digest = job->d->digest,
		.size = job->d->size,
		.diff_id = *job->diff_id,
		.dir = -1,
		.lower_links = job->d != run->request->manifest->layers,
		.max_unpacked = run->request->max_unpacked,
		.what = job->d->digest.text,
	};
	int r;

	if (!have_dir) {
		r = scratch_new(s, &job->scratch, err);
		if (r < 0)
			return r;
		request.dir = job->scratch.fd;
	}
	r = layer_ingest_start(&request, &job->ingest, err);
	if (r < 0)
		return r;
	job->state = JOB_RUNNING;
	job->loaded_ms = 0;
	run->running++;
	return 0;
}

static int start_download(struct pull_run *run, struct job *job, bool have_dir, struct err *err)
{
	int r;

	job->stream = stream_new(job->claim.fd, job->claim.size);
	r = start_ingest(run, job, have_dir, err);
	if (r < 0)
		return r;
	job->resumed = job->claim.size > 0;
	if (job->resumed)
		log_verbose("layer %s: resuming at %llu bytes", job->d->digest.text,
			    (unsigned long long)job->claim.size);
	show(job, "pulling");
	job->fetch =
		registry_fetch_start(run->request->client, job->d, job->stream, on_progress, job);
	return 0;
}

static int start_unpack(struct pull_run *run, struct job *job, struct err *err)
{
	job->blob_fd = blob_open(run->request->store, &job->d->digest, NULL, err);
	if (job->blob_fd < 0)
		return job->blob_fd;
	job->stream = stream_new(job->blob_fd, (uint64_t)job->d->size);
	stream_finish(job->stream, false);
	show(job, "unpacking");
	return start_ingest(run, job, false, err);
}

static void job_done(struct pull_run *run, struct job *job, const char *state)
{
	job->state = JOB_DONE;
	run->done++;
	show(job, state);
}

/* Looks at what the store has and begins what is missing. */
static int job_start(struct pull_run *run, struct job *job, struct err *err)
{
	struct store *s = run->request->store;
	bool have_dir = layer_dir_exists(s, job->diff_id);
	int64_t size;
	int r;

	if (!blob_exists(s, &job->d->digest, &size)) {
		r = blob_claim(s, &job->d->digest, &job->claim, err);
		if (r == BLOB_MINE)
			return start_download(run, job, have_dir, err);
		if (r < 0)
			return r;
		/* There by now: the next look finds it. */
		job->due_ms = clock_ms() + (r == BLOB_BUSY ? BUSY_POLL_MS : 0);
		if (r == BLOB_BUSY)
			show(job, "waiting");
		return 0;
	}
	if (size != job->d->size)
		return err_set(err, EBADMSG,
			       "layer %s has %lld bytes in the store, the manifest says %lld",
			       job->d->digest.text, (long long)size, (long long)job->d->size);
	if (!have_dir)
		return start_unpack(run, job, err);
	job_done(run, job, "exists");
	return 0;
}

/* ---- ending */

/* The prefix was no good: everything anew, from zero. */
static int start_over(struct pull_run *run, struct job *job, struct err *err)
{
	struct store *s = run->request->store;

	log_verbose("layer %s: what an earlier download left is damaged; beginning again",
		    job->d->digest.text);
	registry_fetch_free(steal_ptr(&job->fetch));
	stream_free(steal_ptr(&job->stream));
	scratch_discard(s, &job->scratch);
	run->running--;
	if (ftruncate(job->claim.fd, 0) < 0)
		return err_sys(err, errno, "cannot truncate the partial file of layer %s",
			       job->d->digest.text);
	job->claim.size = 0;
	if (err)
		*err = (struct err)ERR_INIT;
	return start_download(run, job, layer_dir_exists(s, job->diff_id), err);
}

/* Which of the two errors of one broken pair tells the cause: a reader that fails cancels the
 * writer, a writer that fails gives the reader -EIO. */
static int blame(const struct err *fetch, const struct err *ingest, struct err *err)
{
	bool reader = fetch->code == 0 || (ingest->code != 0 && fetch->code == ECANCELED);

	if (err)
		*err = reader ? *ingest : *fetch;
	return reader ? -ingest->code : -fetch->code;
}

static bool disk_full(int code)
{
	return code == -ENOSPC || code == -EDQUOT;
}

/* The download and its reader have ended, or one of them has failed. */
static int job_finish(struct pull_run *run, struct job *job, struct err *err)
{
	struct store *s = run->request->store;
	struct err fetch_err = ERR_INIT, ingest_err = ERR_INIT;
	struct layer_result result;
	int fetched = 1, ingested, r;

	if (job->fetch) {
		fetched = registry_fetch_result(job->fetch, &fetch_err);
		registry_fetch_free(steal_ptr(&job->fetch));
	}
	ingested = layer_ingest_join(steal_ptr(&job->ingest), &result, &ingest_err);
	if (fetched >= 0 && ingested == 0) {
		/* The reader accepts nothing but all of it, with the right digest. */
		r = job->scratch.fd >= 0
			    ? scratch_publish_layer(s, &job->scratch, job->diff_id, err)
			    : 0;
		if (r == 0 && job->claim.fd >= 0)
			r = blob_claim_commit(s, &job->claim, err);
		job_release(s, job, true);
		run->running--;
		if (r < 0)
			return r;
		run->fetched++;
		job_done(run, job, "done");
		return 0;
	}
	if (ingested == -EBADMSG && job->resumed)
		return start_over(run, job, err);
	r = blame(&fetch_err, &ingest_err, err);
	/* Bytes that have the wrong digest, size or form help nobody; those of a line that broke
	 * do. */
	job->spoilt = (fetch_err.code == 0 || fetch_err.code == ECANCELED) || r == -EBADMSG ||
		      r == -EFBIG;
	show(job, "failed");
	return r;
}

/* Whether job_finish() would not wait. */
static bool job_ended(const struct job *job)
{
	int r = job->fetch ? registry_fetch_result(job->fetch, NULL) : 1;

	return r < 0 || layer_ingest_done(job->ingest);
}

/* ---- the loop */

static int start_jobs(struct pull_run *run, struct err *err)
{
	int64_t now = clock_ms();

	for (size_t i = 0; i < run->n && run->running < LIMIT_PARALLEL_DOWNLOADS; i++) {
		struct job *job = &run->jobs[i];
		int r;

		if (job->state != JOB_WAITING || job->due_ms > now)
			continue;
		r = job_start(run, job, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int finish_jobs(struct pull_run *run, struct err *err)
{
	for (size_t i = 0; i < run->n; i++) {
		struct job *job = &run->jobs[i];
		int r;

		if (job->state != JOB_RUNNING || !job_ended(job))
			continue;
		r = job_finish(run, job, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A thread gives no sign when it ends. It is looked at often at first, when it can only be little
 * behind, and then at intervals that are small beside the time it has taken already. */
static int64_t ingest_patience(struct job *job, int64_t now)
{
	int64_t ms;

	if (job->fetch && registry_fetch_result(job->fetch, NULL) == 0)
		return IDLE_POLL_MS;
	if (!job->loaded_ms)
		job->loaded_ms = now;
	ms = (now - job->loaded_ms) / 16;
	return ms < 1 ? 1 : ms > INGEST_POLL_MAX_MS ? INGEST_POLL_MAX_MS : ms;
}

/* How long nothing can happen that curl does not notice. */
static int patience(const struct pull_run *run)
{
	int64_t now = clock_ms(), ms = IDLE_POLL_MS;

	for (size_t i = 0; i < run->n; i++) {
		struct job *job = &run->jobs[i];
		int64_t wait = IDLE_POLL_MS;

		if (job->state == JOB_RUNNING)
			wait = ingest_patience(job, now);
		else if (job->state == JOB_WAITING && run->running < LIMIT_PARALLEL_DOWNLOADS)
			wait = job->due_ms > now ? job->due_ms - now : 0;
		if (wait < ms)
			ms = wait;
	}
	return (int)ms;
}

static int run_jobs(struct pull_run *run, struct err *err)
{
	int r;

	while (run->done < run->n) {
		r = start_jobs(run, err);
		if (r == 0 && run->done < run->n)
			r = registry_client_run(run->request->client, patience(run), err);
		if (r >= 0)
			r = finish_jobs(run, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* One job per distinct blob. A blob that is listed twice must stand for one and the same tree. */
static int make_jobs(struct pull_run *run, struct err *err)
{
	const struct manifest *m = run->request->manifest;
	const struct image_config *config = run->request->config;

	run->jobs = xcalloc(m->n_layers + 1, sizeof(*run->jobs));
	for (size_t i = 0; i < m->n_layers; i++) {
		struct job *job = &run->jobs[run->n];
		char name[13];
		size_t j;

		for (j = 0; j < run->n; j++)
			if (digest_eq(&run->jobs[j].d->digest, &m->layers[i].digest))
				break;
		if (j < run->n && !digest_eq(run->jobs[j].diff_id, &config->diff_ids[i]))
			return err_set(err, EBADMSG,
				       "layer %s is listed twice, with different diff ids",
				       m->layers[i].digest.text);
		if (j < run->n)
			continue;
		*job = (struct job){
			.d = &m->layers[i],
			.diff_id = &config->diff_ids[i],
			.claim = BLOB_CLAIM_INIT,
			.scratch = SCRATCH_INIT,
			.blob_fd = -1,
			.progress = run->progress,
		};
		if (run->progress)
			job->item = progress_add(run->progress, digest_short(&job->d->digest, name),
						 (uint64_t)job->d->size);
		run->n++;
	}
	return 0;
}

int pull_layers(const struct layers_request *request, size_t *ret_fetched, struct err *err)
{
	struct pull_run run = {.request = request};
	int r;

	if (!request->quiet)
		run.progress = progress_new();
	r = make_jobs(&run, err);
	if (r == 0)
		r = run_jobs(&run, err);
	for (size_t i = 0; i < run.n; i++)
		job_release(request->store, &run.jobs[i], !run.jobs[i].spoilt && !disk_full(r));
	progress_free(run.progress);
	free(run.jobs);
	*ret_fetched = run.fetched;
	return r;
}
