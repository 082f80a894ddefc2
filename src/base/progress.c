#include "base/progress.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Theory of operation of the bars. The display is the block of lines directly above the cursor,
 * `drawn` of them, none wider than `drawn_width` columns. A redraw goes up to its first line,
 * writes each line with "erase to the end of the line" behind it, erases what is left below, and is
 * one write(), so that nothing flickers. The block never has more lines than the terminal has rows
 * less one: the cursor cannot go up into what has scrolled away, and the bars would pile up. At the
 * end all items are written once more; then it does not matter if they scroll.
 */

#define PROGRESS_INTERVAL_MS 100
#define PROGRESS_NAME_MAX 32
#define PROGRESS_BAR_MIN 8
#define PROGRESS_BAR_MAX 50
#define PROGRESS_TEXT_MAX (1024 * 1024)

struct progress_item {
	char *name; /* printable */
	const char *state;
	uint64_t done, total;
	bool started; /* plain lines: its first line is out */
	bool ended;
};

struct progress {
	pthread_mutex_t lock;
	struct progress_item *items;
	size_t n, cap;
	bool tty;
	size_t drawn;	    /* lines of the display on the screen */
	size_t drawn_width; /* columns the terminal had then */
	int64_t drawn_at;   /* ms */
};

static void progress_terminal(size_t *ret_rows, size_t *ret_columns)
{
	struct winsize ws;
	bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == 0;

	*ret_rows = known && ws.ws_row > 1 ? ws.ws_row : 24;
	*ret_columns = known && ws.ws_col > 1 ? ws.ws_col : 80;
}

/* "12.3MB": str_size() without its blank. */
static char *progress_size(uint64_t bytes, char out[16])
{
	char *blank;

	str_size(bytes, out);
	blank = strchr(out, ' ');
	if (blank)
		memmove(blank, blank + 1, strlen(blank));
	return out;
}

/* "[=====>    ]" of `width` columns within the brackets. */
static void progress_bar(struct buf *b, const struct progress_item *item, size_t width)
{
	double part = item->total ? (double)item->done / (double)item->total : 0;
	size_t full = (size_t)((part > 1 ? 1 : part) * (double)width);

	buf_addch(b, '[');
	for (size_t i = 0; i < width; i++)
		buf_addch(b, i < full ? '=' : i == full && item->done > 0 ? '>' : ' ');
	buf_addch(b, ']');
}

/* `name [=====>   ] 12.3MB/60MB state`, at most `columns` wide. */
static void progress_line(struct buf *b, const struct progress_item *item, size_t name_width,
			  size_t columns)
{
	char done[16], total[16], sizes[40];
	size_t start = b->len, used, bar;

	progress_size(item->done, done);
	if (item->total)
		snprintf(sizes, sizeof(sizes), "%s/%s", done, progress_size(item->total, total));
	else
		snprintf(sizes, sizeof(sizes), "%s", item->done ? done : "");
	buf_addf(b, "%-*.*s ", (int)name_width, PROGRESS_NAME_MAX, item->name);
	/* sizes and state have fixed columns, so that the bars end below each other */
	used = name_width + 1 + 2 + 1 + 15 + 1 + 10;
	bar = columns > used ? columns - used : 0;
	if (bar > PROGRESS_BAR_MAX)
		bar = PROGRESS_BAR_MAX;
	if (bar >= PROGRESS_BAR_MIN && item->total) {
		progress_bar(b, item, bar);
		buf_addch(b, ' ');
	} else if (bar >= PROGRESS_BAR_MIN) {
		buf_addf(b, "%*s", (int)bar + 3, "");
	}
	buf_addf(b, "%-15s %s", sizes, item->state);
	/* names and states are one column a byte, or narrower */
	if (b->len - start > columns) {
		b->len = start + columns;
		b->data[b->len] = '\0';
	}
}

/* Up to the first line of the display, which the terminal may have wrapped since. */
static void progress_home(struct progress *p, struct buf *b, size_t columns)
{
	size_t wrapped = (p->drawn_width + columns - 1) / columns;

	if (p->drawn > 0)
		buf_addf(b, "\r\033[%zuA", p->drawn * (wrapped ? wrapped : 1));
	else
		buf_addch(b, '\r');
}

/* Which items to show in `room` lines, into show[]; those at work first, then the last to have
 * ended. */
static size_t progress_choose(const struct progress *p, size_t room, bool *show)
{
	size_t chosen = 0;

	for (size_t i = 0; i < p->n && chosen < room; i++)
		if (!p->items[i].ended && p->items[i].done > 0)
			show[i] = ++chosen;
	for (size_t i = 0; i < p->n && chosen < room; i++)
		if (!p->items[i].ended && !show[i])
			show[i] = ++chosen;
	for (size_t i = p->n; i-- > 0 && chosen < room;)
		if (!show[i])
			show[i] = ++chosen;
	return chosen;
}

/* With the lock held: writes the display. all: whatever the rows (the last time). */
static void progress_draw(struct progress *p, bool all)
{
	_cleanup_free_ bool *show = xcalloc(p->n, sizeof(*show));
	_cleanup_buf_ struct buf b;
	size_t rows, columns, name_width = 0, room, ended = 0, lines;
	char count[64];

	progress_terminal(&rows, &columns);
	buf_init(&b, PROGRESS_TEXT_MAX);
	progress_home(p, &b, columns);
	room = all || p->n < rows ? p->n : rows - 2;
	lines = progress_choose(p, room, show);
	for (size_t i = 0; i < p->n; i++) {
		size_t len = strlen(p->items[i].name);

		name_width = len > name_width ? len : name_width;
		ended += p->items[i].ended;
	}
	if (name_width > PROGRESS_NAME_MAX)
		name_width = PROGRESS_NAME_MAX;
	for (size_t i = 0; i < p->n; i++) {
		if (!show[i])
			continue;
		progress_line(&b, &p->items[i], name_width, columns - 1);
		buf_addstr(&b, "\033[K\n");
	}
	if (lines < p->n) {
		snprintf(count, sizeof(count), "%zu of %zu done", ended, p->n);
		buf_addf(&b, "%.*s\033[K\n", (int)columns - 1, count);
		lines++;
	}
	buf_addstr(&b, "\033[J");
	fd_write_all(STDERR_FILENO, b.data, b.len);
	p->drawn = lines;
	p->drawn_width = columns - 1;
	p->drawn_at = clock_ms();
}

/* log's hooks: takes the bars off the screen for a line, and puts them back below it. The lock is
 * held in between, so that no other thread draws. */
static void progress_hide(void *arg)
{
	struct progress *p = arg;
	_cleanup_buf_ struct buf b;
	size_t rows, columns;

	buf_init(&b, 128);
	pthread_mutex_lock(&p->lock);
	if (p->drawn == 0)
		return;
	progress_terminal(&rows, &columns);
	progress_home(p, &b, columns);
	buf_addstr(&b, "\033[J");
	fd_write_all(STDERR_FILENO, b.data, b.len);
	p->drawn = 0;
}

static void progress_show(void *arg)
{
	struct progress *p = arg;

	if (p->n > 0)
		progress_draw(p, false);
	pthread_mutex_unlock(&p->lock);
}

struct progress *progress_new(void)
{
	const char *term = getenv("TERM");
	struct progress *p = xcalloc(1, sizeof(*p));

	pthread_mutex_init(&p->lock, NULL);
	p->tty = isatty(STDERR_FILENO) && !str_is_empty(term) && !str_eq(term, "dumb") &&
		 log_level() >= LOG_NORMAL;
	if (p->tty)
		log_set_display(progress_hide, progress_show, p);
	return p;
}

void progress_free(struct progress *p)
{
	if (!p)
		return;
	if (p->tty) {
		log_set_display(NULL, NULL, NULL);
		if (p->n > 0)
			progress_draw(p, true);
	}
	for (size_t i = 0; i < p->n; i++)
		free(p->items[i].name);
	free(p->items);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

int progress_add(struct progress *p, const char *name, uint64_t total)
{
	struct progress_item *item;
	int number;

	pthread_mutex_lock(&p->lock);
	p->items = vec_grow(p->items, &p->cap, p->n + 1, sizeof(*p->items));
	number = (int)p->n;
	item = &p->items[p->n++];
	*item = (struct progress_item){.name = log_printable(name), .state = "", .total = total};
	if (p->tty && clock_ms() - p->drawn_at >= PROGRESS_INTERVAL_MS)
		progress_draw(p, false);
	pthread_mutex_unlock(&p->lock);
	return number;
}

/* With the lock held: the plain line of an item that starts or ends. It goes out by log_notice(),
 * which has no display to hide here. */
static void progress_plain(const struct progress_item *item)
{
	char size[16];
	uint64_t bytes = item->total ? item->total : item->done;

	if (bytes)
		log_notice("%s: %s %s", item->name, *item->state ? item->state : "started",
			   progress_size(bytes, size));
	else
		log_notice("%s: %s", item->name, *item->state ? item->state : "started");
}

void progress_set(struct progress *p, int item, uint64_t done)
{
	pthread_mutex_lock(&p->lock);
	if (item >= 0 && (size_t)item < p->n) {
		struct progress_item *i = &p->items[item];

		i->done = done;
		if (!p->tty && !i->started && !i->ended) {
			i->started = true;
			progress_plain(i);
		}
		if (p->tty && clock_ms() - p->drawn_at >= PROGRESS_INTERVAL_MS)
			progress_draw(p, false);
	}
	pthread_mutex_unlock(&p->lock);
}

static bool progress_is_end(const char *state)
{
	return str_eq(state, "done") || str_eq(state, "exists") || str_eq(state, "failed") ||
	       str_eq(state, "cached");
}

void progress_state(struct progress *p, int item, const char *state)
{
	pthread_mutex_lock(&p->lock);
	if (item >= 0 && (size_t)item < p->n && !str_eq(p->items[item].state, state)) {
		struct progress_item *i = &p->items[item];

		i->state = state;
		i->ended = progress_is_end(state);
		if (p->tty) {
			progress_draw(p, false);
		} else if (i->ended || !i->started) {
			i->started = true;
			progress_plain(i);
		}
	}
	pthread_mutex_unlock(&p->lock);
}
