/* Theory of operation
 *
 * Items are kept in the order they came. On a terminal the display is the block of the last lines:
 * it is redrawn as a whole, the cursor moved up over what was drawn before. A terminal that has
 * fewer rows than there are items shows those that still move first. Lines are cut to the width, so
 * that one item is always one line.
 */
#include "base/progress.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"

#define REDRAW_NS 100000000LL /* 10 times a second */
#define BAR 24

struct item {
	char *name;
	uint64_t total, done;
	const char *state;
	bool ended;
};

struct progress {
	pthread_mutex_t lock;
	struct item *items;
	size_t n, cap;
	bool terminal, quiet;
	unsigned int drawn; /* lines of the block on the screen */
	long long last;	    /* when, on the monotonic clock */
};

struct progress *progress_new(void)
{
	struct progress *p = xcalloc(1, sizeof(*p));
	const char *term = getenv("TERM");

	pthread_mutex_init(&p->lock, NULL);
	p->quiet = log_level() == LOG_QUIET;
	p->terminal = isatty(STDERR_FILENO) && term && !str_eq(term, "dumb");
	return p;
}

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void draw_item(struct buf *out, const struct item *i, unsigned int columns)
{
	char done[16], total[16], bar[BAR + 1], line[256];
	unsigned int filled = i->total ? (unsigned int)(i->done * BAR / i->total) : 0;

	if (filled > BAR)
		filled = BAR;
	memset(bar, ' ', BAR);
	memset(bar, '=', filled);
	if (filled && filled < BAR)
		bar[filled - 1] = '>';
	bar[BAR] = '\0';
	str_size(i->done, done);
	str_size(i->total, total);
	if (i->ended || !i->total)
		snprintf(line, sizeof(line), "%s: %s %s", i->name, i->state ? i->state : "",
			 i->total ? total : "");
	else
		snprintf(line, sizeof(line), "%s: [%s] %s/%s %s", i->name, bar, done, total,
			 i->state ? i->state : "");
	buf_addf(out, "\r%.*s\033[K\n", (int)columns - 1, line);
}

static void draw(struct progress *p)
{
	_cleanup_buf_ struct buf out;
	struct winsize size = {.ws_row = 24, .ws_col = 80};
	size_t rows, skip;

	ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
	if (size.ws_row < 2 || size.ws_col < 2)
		size = (struct winsize){.ws_row = 24, .ws_col = 80};
	buf_init(&out, LIMIT_MIB);
	rows = p->n < size.ws_row - 1U ? p->n : size.ws_row - 1U;
	skip = p->n - rows;
	if (p->drawn)
		buf_addf(&out, "\033[%uA", p->drawn);
	/* Those that ended make room first. */
	for (size_t i = 0; i < p->n; i++) {
		if (skip && (p->items[i].ended || p->n - i <= skip)) {
			skip--;
			continue;
		}
		draw_item(&out, &p->items[i], size.ws_col);
	}
	fwrite(out.data, 1, out.len, stderr);
	fflush(stderr);
	p->drawn = (unsigned int)rows;
	p->last = now();
}

static void show_line(const struct item *i)
{
	char total[16];

	if (i->total)
		fprintf(stderr, "%s: %s (%s)\n", i->name, i->state, str_size(i->total, total));
	else
		fprintf(stderr, "%s: %s\n", i->name, i->state);
}

void progress_free(struct progress *p)
{
	if (!p)
		return;
	if (p->terminal && !p->quiet && p->n)
		draw(p);
	for (size_t i = 0; i < p->n; i++)
		free(p->items[i].name);
	free(p->items);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

int progress_add(struct progress *p, const char *name, uint64_t total)
{
	int item;

	pthread_mutex_lock(&p->lock);
	p->items = vec_grow(p->items, &p->cap, p->n + 1, sizeof(*p->items));
	p->items[p->n] = (struct item){.name = log_printable(name), .total = total};
	item = (int)p->n++;
	if (p->terminal && !p->quiet)
		draw(p);
	pthread_mutex_unlock(&p->lock);
	return item;
}

void progress_set(struct progress *p, int item, uint64_t done)
{
	pthread_mutex_lock(&p->lock);
	p->items[item].done = done;
	if (p->terminal && !p->quiet && now() - p->last >= REDRAW_NS)
		draw(p);
	pthread_mutex_unlock(&p->lock);
}

void progress_state(struct progress *p, int item, const char *state)
{
	struct item *i;

	pthread_mutex_lock(&p->lock);
	i = &p->items[item];
	if (!str_eq(i->state, state)) {
		i->state = state;
		i->ended = str_eq(state, "done") || str_eq(state, "exists");
		if (!p->quiet && p->terminal)
			draw(p);
		else if (!p->quiet)
			show_line(i);
	}
	pthread_mutex_unlock(&p->lock);
}
