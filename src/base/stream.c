#include "base/stream.h"

#include "base/fd.h"
#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

/* Theory of operation. The lock guards the fields, never the I/O: the writer writes above the
 * watermark and only then moves it, the reader reads below the watermark it saw. A restart breaks
 * that promise: what lay below the watermark is truncated and written anew. So the restart counts
 * up `generation` before it touches the file, and the reader looks at it again after each pread:
 * bytes read while it changed are dropped and the reader is told -ESTALE. */
struct stream {
	int fd; /* borrowed */
	pthread_mutex_t lock;
	pthread_cond_t moved; /* the watermark or a flag below changed */
	uint64_t watermark;
	uint64_t generation;	  /* restarts so far */
	uint64_t read_generation; /* of them, those the reader knows of */
	bool waiting;		  /* the reader sleeps in moved */
	bool finished;
	bool failed;
	bool cancelled;
};

struct stream *stream_new(int fd, uint64_t start)
{
	struct stream *s = xcalloc(1, sizeof(*s));

	s->fd = fd;
	s->watermark = start;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->moved, NULL);
	return s;
}

void stream_free(struct stream *s)
{
	if (!s)
		return;
	pthread_cond_destroy(&s->moved);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* With the lock held: wakes the reader when it sleeps, and lets go of the lock. */
static void stream_wake(struct stream *s)
{
	bool waiting = s->waiting;

	s->waiting = false;
	if (waiting)
		pthread_cond_signal(&s->moved);
	pthread_mutex_unlock(&s->lock);
}

int stream_write(struct stream *s, const void *buf, size_t len)
{
	uint64_t at;
	bool cancelled;
	int r;

	pthread_mutex_lock(&s->lock);
	at = s->watermark;
	cancelled = s->cancelled;
	pthread_mutex_unlock(&s->lock);
	if (cancelled)
		return -ECANCELED;
	r = fd_pwrite_all(s->fd, buf, len, (off_t)at);
	if (r < 0)
		return r;
	pthread_mutex_lock(&s->lock);
	s->watermark = at + len;
	stream_wake(s);
	return 0;
}

int stream_restart(struct stream *s)
{
	pthread_mutex_lock(&s->lock);
	if (s->cancelled) {
		pthread_mutex_unlock(&s->lock);
		return -ECANCELED;
	}
	s->generation++;
	s->watermark = 0;
	s->finished = s->failed = false;
	stream_wake(s);
	return ftruncate(s->fd, 0) < 0 ? -errno : 0;
}

void stream_finish(struct stream *s, bool failed)
{
	pthread_mutex_lock(&s->lock);
	s->finished = true;
	s->failed = failed;
	stream_wake(s);
}

/* With the lock held: whether the reader learns only now of a restart. */
static bool stream_is_stale(struct stream *s)
{
	bool stale = s->read_generation != s->generation;

	s->read_generation = s->generation;
	return stale;
}

ssize_t stream_read(struct stream *s, void *buf, size_t len, uint64_t offset)
{
	uint64_t have;
	bool stale, failed;
	ssize_t n;

	pthread_mutex_lock(&s->lock);
	while (s->read_generation == s->generation && offset >= s->watermark && !s->finished) {
		s->waiting = true;
		pthread_cond_wait(&s->moved, &s->lock);
	}
	stale = stream_is_stale(s);
	have = s->watermark > offset ? s->watermark - offset : 0;
	failed = s->failed;
	pthread_mutex_unlock(&s->lock);
	if (stale)
		return -ESTALE;
	if (have == 0)
		return failed ? -EIO : 0;

	do
		n = pread(s->fd, buf, have < len ? (size_t)have : len, (off_t)offset);
	while (n < 0 && errno == EINTR);
	n = n < 0 ? -errno : n;

	pthread_mutex_lock(&s->lock);
	stale = stream_is_stale(s);
	pthread_mutex_unlock(&s->lock);
	if (stale)
		return -ESTALE;
	/* the file ends below the watermark: somebody else cut it */
	return n == 0 && len > 0 ? -EIO : n;
}

void stream_cancel(struct stream *s)
{
	pthread_mutex_lock(&s->lock);
	s->cancelled = true;
	pthread_mutex_unlock(&s->lock);
}

uint64_t stream_watermark(struct stream *s)
{
	uint64_t w;

	pthread_mutex_lock(&s->lock);
	w = s->watermark;
	pthread_mutex_unlock(&s->lock);
	return w;
}
