#include "fuse/loop.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fuse/patience.h"

enum {
	TICK_NS = 1000000, /* of the watchdog */
	IDLE_TICKS = 200,  /* after which it sleeps */
	STACK_SIZE = 1 << 20,
};

/* The lead: who has it, and at which of his requests he is. */
enum { NOBODY = 0 };
#define LEAD(thread, turn) ((uint64_t)(thread) << 40 | (turn))
#define LEAD_THREAD(lead) ((unsigned int)((lead) >> 40))
#define TURN_MASK ((1ULL << 40) - 1)

struct loop {
	struct wire *wire;
	loop_handler handler;
	void *arg;
	unsigned int max;
	struct patience patience; /* the leader's */
	_Atomic uint64_t lead;	  /* odd turns: at work on a request; even: waiting for one */
	pthread_mutex_t lock;	  /* of all below */
	pthread_cond_t free;	  /* the lead is nobody's */
	pthread_cond_t active;	  /* the watchdog's */
	atomic_bool watching;
	unsigned int idle, started;
	pthread_t *thread;
	bool ended;
	int error;
};

struct worker {
	struct loop *loop;
	unsigned int id; /* from 1 on */
	uint64_t turn;
	char *in, *out;
};

static _Thread_local struct worker *self;

static void *worker_main(void *arg);

/* Under the lock. A thread more, when none is idle: not being able to is no error. */
static void start_one(struct loop *l)
{
	struct worker *w;
	pthread_attr_t attr;

	if (l->started == l->max)
		return;
	w = calloc(1, sizeof(*w));
	if (!w)
		return;
	w->loop = l;
	w->id = l->started + 1;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	if (pthread_create(&l->thread[l->started], &attr, worker_main, w))
		free(w);
	else
		l->started++;
	pthread_attr_destroy(&attr);
}

/* The lead is nobody's: somebody is to take it. */
static void offer(struct loop *l)
{
	pthread_mutex_lock(&l->lock);
	if (l->idle)
		pthread_cond_signal(&l->free);
	else if (!l->ended)
		start_one(l);
	pthread_mutex_unlock(&l->lock);
}

static bool is_at_work(uint64_t lead)
{
	return LEAD_THREAD(lead) != NOBODY && (lead & 1);
}

static bool take_away(struct loop *l, uint64_t lead)
{
	if (!atomic_compare_exchange_strong(&l->lead, &lead, LEAD(NOBODY, 0)))
		return false;
	offer(l);
	return true;
}

bool loop_hand_over(void)
{
	if (!self || self->loop->max == 1)
		return false;
	(void)take_away(self->loop, LEAD(self->id, self->turn));
	return true;
}

/* Waits for the lead. False at the end. */
static bool become_leader(struct worker *w)
{
	struct loop *l = w->loop;
	uint64_t nobody = LEAD(NOBODY, 0);
	bool got;

	pthread_mutex_lock(&l->lock);
	while (!l->ended) {
		nobody = LEAD(NOBODY, 0);
		w->turn = (w->turn + 2) & TURN_MASK & ~1ULL;
		if (atomic_compare_exchange_strong(&l->lead, &nobody, LEAD(w->id, w->turn)))
			break;
		l->idle++;
		pthread_cond_wait(&l->free, &l->lock);
		l->idle--;
	}
	got = !l->ended;
	pthread_mutex_unlock(&l->lock);
	return got;
}

static void end(struct loop *l, int error)
{
	pthread_mutex_lock(&l->lock);
	l->ended = true;
	if (error && !l->error)
		l->error = error;
	pthread_cond_broadcast(&l->free);
	pthread_cond_signal(&l->active);
	pthread_mutex_unlock(&l->lock);
}

static void wake_watchdog(struct loop *l)
{
	if (atomic_load(&l->watching) || l->max == 1)
		return;
	pthread_mutex_lock(&l->lock);
	atomic_store(&l->watching, true);
	pthread_cond_signal(&l->active);
	pthread_mutex_unlock(&l->lock);
}

/* As the leader. Returns whether it still is when the request is done. */
static bool serve_one(struct worker *w)
{
	struct loop *l = w->loop;
	struct request r;
	uint64_t lead;
	int got = patience_read(&l->patience, l->wire, w->in, &r);

	if (got < 0) {
		end(l, got == -ENODEV ? 0 : got);
		return false;
	}
	if (!got)
		return true;
	w->turn++;
	atomic_store(&l->lead, LEAD(w->id, w->turn));
	wake_watchdog(l);
	r.out = w->out;
	l->handler(l->arg, &r);
	lead = LEAD(w->id, w->turn);
	w->turn = (w->turn + 1) & TURN_MASK;
	return atomic_compare_exchange_strong(&l->lead, &lead, LEAD(w->id, w->turn));
}

static void work(struct worker *w)
{
	self = w;
	(void)unshare(CLONE_FS); /* a umask of its own */
	umask(0);
	w->in = malloc(WIRE_BUFFER);
	w->out = malloc(WIRE_BUFFER);
	if (!w->in || !w->out)
		end(w->loop, -ENOMEM);
	while (become_leader(w))
		while (serve_one(w))
			;
	free(w->in);
	free(w->out);
	self = NULL;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	work(w);
	free(w);
	return NULL;
}

/* Two looks at the same request: it has taken a tick at least. */
static void watch(struct loop *l)
{
	const struct timespec tick = {.tv_nsec = TICK_NS};
	uint64_t seen = 0;
	unsigned int quiet = 0;

	while (quiet < IDLE_TICKS) {
		uint64_t now;

		(void)nanosleep(&tick, NULL);
		now = atomic_load(&l->lead);
		quiet = now == seen ? quiet + 1 : 0;
		if (now == seen && is_at_work(now) && take_away(l, now))
			quiet = 0;
		seen = now;
	}
}

static void *watchdog_main(void *arg)
{
	struct loop *l = arg;

	for (;;) {
		pthread_mutex_lock(&l->lock);
		while (!l->ended && !atomic_load(&l->watching))
			pthread_cond_wait(&l->active, &l->lock);
		if (l->ended) {
			pthread_mutex_unlock(&l->lock);
			return NULL;
		}
		pthread_mutex_unlock(&l->lock);
		/* a request that began meanwhile found it watching, and did not wake it */
		do {
			watch(l);
			atomic_store(&l->watching, false);
		} while (is_at_work(atomic_load(&l->lead)) && !atomic_exchange(&l->watching, true));
	}
}

int loop_run(struct wire *wire, const struct loop_options *options, loop_handler handler, void *arg,
	     struct err *err)
{
	struct loop l = {.wire = wire, .handler = handler, .arg = arg, .max = options->threads};
	struct worker me = {.loop = &l, .id = 1};
	pthread_t watchdog;
	bool watched = false;

	l.thread = calloc(l.max ? l.max : 1, sizeof(*l.thread));
	if (!l.thread)
		return err_set(err, ENOMEM, "out of memory");
	pthread_mutex_init(&l.lock, NULL);
	pthread_cond_init(&l.free, NULL);
	pthread_cond_init(&l.active, NULL);
	patience_init(&l.patience, wire);
	l.started = 1; /* this one */
	if (l.max > 1)
		watched = pthread_create(&watchdog, NULL, watchdog_main, &l) == 0;
	work(&me);
	for (unsigned int i = 1; i < l.started; i++)
		pthread_join(l.thread[i], NULL);
	if (watched)
		pthread_join(watchdog, NULL);
	free(l.thread);
	return l.error ? err_sys(err, -l.error, "cannot read requests from the kernel") : 0;
}
