#include "fuse/ahead.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "fuse/dir.h"
#include "fuse/overlay.h"

enum {
	ENTRIES_MAX = 2000,	 /* looked at for one directory, with those below it */
	DEPTH_MAX = 2,		 /* of those below it */
	SLOW_FOR_NS = 100000000, /* how long a slow look makes the next ones expected to be so */
	FILES = 16,		 /* read ahead at once */
	FILE_MAX = 131072,	 /* bytes of each */
	SLOW_READS = 2,		 /* in a directory, before neighbours are read */
};

static void add(struct ahead *a, struct ahead_task task)
{
	bool taken = false;

	pthread_mutex_lock(&a->lock);
	if (!a->ended && a->n < AHEAD_TASKS) {
		a->task[(a->first + a->n++) % AHEAD_TASKS] = task;
		taken = true;
		pthread_cond_signal(&a->work);
	}
	pthread_mutex_unlock(&a->lock);
	if (taken)
		return;
	place_unref(task.place);
	if (task.file)
		node_unref(&a->overlay->nodes, task.file);
}

void ahead_before(struct ahead_look *l)
{
	struct rusage r = {0};

	(void)getrusage(RUSAGE_THREAD, &r);
	*l = (struct ahead_look){.reads = r.ru_inblock, .waits = r.ru_nvcsw};
}

/* The kernel counts what is read from a disk; what is asked of a server over a network shows in
 * that it waits for every other entry at least. Some waits are for locks. */
void ahead_after(struct ahead *a, const struct ahead_look *before)
{
	struct ahead_look now;

	ahead_before(&now);
	if (now.reads != before->reads || now.waits - before->waits > 2 + before->entries / 2)
		atomic_store_explicit(&a->slow_until, clock_ns() + SLOW_FOR_NS,
				      memory_order_relaxed);
}

void ahead_directory(struct ahead *a, struct place *p)
{
	if (atomic_load_explicit(&a->running, memory_order_relaxed) &&
	    clock_ns() < atomic_load_explicit(&a->slow_until, memory_order_relaxed))
		add(a, (struct ahead_task){.place = place_ref(p)});
}

/* --- directories */

struct looking {
	struct ahead *ahead;
	struct place *place;
	unsigned int depth;
	bool again; /* its entries were looked at; what is below them was not all */
	unsigned int *left;
};

/* Whether the directory was looked at not long ago. */
static bool was_seen(struct ahead *a, struct place *p)
{
	struct stat st;
	uint64_t *slot;
	bool seen;

	if (p->layer->source->stat(p, "", &st) < 0)
		return true;
	slot = &a->seen[(st.st_ino ^ p->layer->index) % AHEAD_SEEN];
	seen = *slot == st.st_ino;
	*slot = st.st_ino;
	return seen;
}

static int look_at_entry(void *arg, const char *name, uint64_t ino, mode_t type);

static void look_at_dir(struct ahead *a, struct place *p, unsigned int depth, unsigned int *left)
{
	struct looking l = {a, p, depth, was_seen(a, p), left};

	(void)p->layer->source->list(p, look_at_entry, &l);
}

static int look_at_entry(void *arg, const char *name, uint64_t ino, mode_t type)
{
	struct looking *l = arg;
	struct place *below;
	struct stat st;

	(void)ino;
	if (!*l->left)
		return -1; /* ends the listing */
	if (!l->again) {
		--*l->left;
		if (l->place->layer->source->stat(l->place, name, &st) < 0)
			return 0;
	}
	if (!S_ISDIR(type) || l->depth == DEPTH_MAX)
		return 0;
	below = place_new(l->place, name);
	if (below)
		look_at_dir(l->ahead, below, l->depth + 1, l->left);
	place_unref(below);
	return 0;
}

static void look_at(struct ahead *a, struct place *p)
{
	unsigned int left = ENTRIES_MAX;
	struct ahead_look look;

	ahead_before(&look);
	look_at_dir(a, p, 0, &left);
	look.entries = ENTRIES_MAX - left;
	ahead_after(a, &look);
}

/* --- files */

struct neighbour {
	struct place *place;
	char name[256];
};

/* The regular files behind this one in the directory, which is locked. */
static unsigned int neighbours(struct dir *d, uint64_t after, struct neighbour *out)
{
	const struct entry *e;
	unsigned int n = 0;

	while (d->listing && n < FILES && (e = listing_after(d, after))) {
		struct place *p = dir_place(d, e->layer);

		after = e->hash;
		if (!p || (mode_t)e->type << 12 != S_IFREG)
			continue;
		out[n].place = place_ref(p);
		snprintf(out[n].name, sizeof(out[n].name), "%s", listing_name(d, e));
		if (++n == FILES / 2) /* when it comes to this one, it is time for more */
			atomic_store(&d->ahead, e->hash);
	}
	if (n < FILES / 2)
		atomic_store(&d->ahead, UINT64_MAX);
	return n;
}

static void read_neighbours(struct overlay *o, struct node *file)
{
	struct neighbour next[FILES];
	struct where w;
	unsigned int n;

	if (node_where(&o->nodes, file, &w) < 0)
		return;
	pthread_rwlock_rdlock(&w.parent->dir->lock);
	n = neighbours(w.parent->dir, listing_hash(w.name), next);
	pthread_rwlock_unlock(&w.parent->dir->lock);
	node_unref(&o->nodes, w.parent);
	for (unsigned int i = 0; i < n; i++) {
		int fd = next[i].place->layer->source->open(next[i].place, next[i].name,
							    O_RDONLY | O_NONBLOCK);

		if (fd >= 0) {
			(void)readahead(fd, 0, FILE_MAX);
			close(fd);
		}
		place_unref(next[i].place);
	}
}

void ahead_file(struct ahead *a, struct node *file, bool slow)
{
	struct where w;
	struct dir *d;
	uint64_t mark;
	bool wanted;

	if (!atomic_load_explicit(&a->running, memory_order_relaxed) ||
	    node_where(&a->overlay->nodes, file, &w) < 0)
		return;
	d = w.parent->dir;
	mark = atomic_load_explicit(&d->ahead, memory_order_relaxed);
	if (mark)
		wanted = mark != UINT64_MAX && listing_hash(w.name) >= mark;
	else
		wanted = slow && atomic_fetch_add(&d->slow_reads, 1) >= SLOW_READS;
	if (wanted) {
		atomic_store(&d->ahead, UINT64_MAX); /* until this is done */
		add(a, (struct ahead_task){.file = node_ref(file)});
	}
	node_unref(&a->overlay->nodes, w.parent);
}

/* --- the thread */

static bool next_task(struct ahead *a, struct ahead_task *ret)
{
	bool got;

	pthread_mutex_lock(&a->lock);
	while (!a->ended && !a->n)
		pthread_cond_wait(&a->work, &a->lock);
	got = !a->ended;
	if (got) {
		*ret = a->task[a->first];
		a->first = (a->first + 1) % AHEAD_TASKS;
		a->n--;
	}
	pthread_mutex_unlock(&a->lock);
	return got;
}

static void *ahead_main(void *arg)
{
	struct ahead *a = arg;
	struct ahead_task task;

	while (next_task(a, &task)) {
		if (task.place) {
			look_at(a, task.place);
			place_unref(task.place);
		} else {
			read_neighbours(a->overlay, task.file);
			node_unref(&a->overlay->nodes, task.file);
		}
	}
	return NULL;
}

void ahead_start(struct ahead *a, struct overlay *o)
{
	*a = (struct ahead){.overlay = o};
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->work, NULL);
	a->running = pthread_create(&a->thread, NULL, ahead_main, a) == 0;
}

void ahead_stop(struct ahead *a)
{
	if (!a->running)
		return;
	pthread_mutex_lock(&a->lock);
	a->ended = true;
	pthread_cond_signal(&a->work);
	pthread_mutex_unlock(&a->lock);
	pthread_join(a->thread, NULL);
	for (; a->n; a->n--, a->first = (a->first + 1) % AHEAD_TASKS) {
		struct ahead_task *t = &a->task[a->first];

		place_unref(t->place);
		if (t->file)
			node_unref(&a->overlay->nodes, t->file);
	}
}
