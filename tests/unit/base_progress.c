/* progress: plain lines, and the bars as a terminal shows them. */
#include "base.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <unistd.h>

START_TEST(plain_lines)
{
	_cleanup_free_ char *text = NULL;
	struct progress *p;
	int a, b, c;

	capture_begin();
	p = progress_new();
	a = progress_add(p, "aaa", 12300000);
	b = progress_add(p, "b\033b", 0);
	c = progress_add(p, "ccc", 5);
	ck_assert_int_eq(a, 0);
	ck_assert_int_eq(b, 1);
	progress_state(p, a, "pulling");
	for (int i = 0; i < 1000; i++)
		progress_set(p, a, (uint64_t)i * 12300);
	progress_state(p, c, "exists");
	progress_set(p, b, 10);
	progress_state(p, a, "unpacking");
	progress_state(p, a, "done");
	progress_state(p, a, "done");
	progress_set(p, b, 2000);
	progress_state(p, b, "done");
	/* not an item */
	progress_set(p, 99, 1);
	progress_state(p, -1, "done");
	progress_free(p);
	text = capture_end();
	ck_assert_str_eq(text, "aaa: pulling 12.3MB\n"
			       "ccc: exists 5B\n"
			       "b\\x1bb: started 10B\n"
			       "aaa: done 12.3MB\n"
			       "b\\x1bb: done 2kB\n");
}
END_TEST

START_TEST(quiet)
{
	_cleanup_free_ char *text = NULL;
	struct progress *p;

	log_set_level(LOG_QUIET);
	capture_begin();
	p = progress_new();
	progress_state(p, progress_add(p, "a", 100), "done");
	progress_free(p);
	progress_free(NULL);
	text = capture_end();
	ck_assert_str_eq(text, "");
}
END_TEST

/* A terminal small enough to write down: what progress writes goes into a pty, and a thread plays
 * it on this screen. Lines that scroll away are kept in `gone`. */
#define COLUMNS_MAX 100
#define ROWS_MAX 50

static struct {
	int rows, columns;
	char cells[ROWS_MAX][COLUMNS_MAX + 1];
	int row, column;
	char *gone;
	int master, slave, saved;
	pthread_t thread;
} screen;

static void screen_clear_row(int row)
{
	memset(screen.cells[row], ' ', (size_t)screen.columns);
	screen.cells[row][screen.columns] = '\0';
}

/* A row without its trailing blanks, as a copy. */
static char *screen_row(int row)
{
	size_t len = (size_t)screen.columns;

	while (len > 0 && screen.cells[row][len - 1] == ' ')
		len--;
	return xstrndup(screen.cells[row], len);
}

static void screen_down(void)
{
	char *top, *gone;

	if (++screen.row < screen.rows)
		return;
	top = screen_row(0);
	gone = xasprintf("%s%s\n", screen.gone, top);
	free(screen.gone);
	free(top);
	screen.gone = gone;
	memmove(screen.cells[0], screen.cells[1], sizeof(screen.cells[0]) * (ROWS_MAX - 1));
	screen.row = screen.rows - 1;
	screen_clear_row(screen.row);
}

static void screen_put(char c)
{
	if (screen.column == screen.columns) {
		screen.column = 0;
		screen_down();
	}
	screen.cells[screen.row][screen.column++] = c;
}

/* Plays one character or escape sequence; returns its length. Any other sequence than progress uses
 * is a failure. */
static size_t screen_play(const char *p)
{
	char *end;
	long n;

	if (*p == '\r') {
		screen.column = 0;
	} else if (*p == '\n') {
		screen_down();
	} else if (*p != '\033') {
		ck_assert_int_ge((unsigned char)*p, ' ');
		screen_put(*p);
	} else {
		ck_assert_int_eq(p[1], '[');
		n = strtol(p + 2, &end, 10);
		if (*end == 'A') {
			/* further up than the screen has rows: the bars would pile up */
			ck_assert_int_le((int)n, screen.row);
			screen.row -= (int)n;
		} else {
			ck_assert_int_eq(*end == 'K' || *end == 'J', 1);
			memset(screen.cells[screen.row] + screen.column, ' ',
			       (size_t)(screen.columns - screen.column));
			for (int i = screen.row + 1; *end == 'J' && i < screen.rows; i++)
				screen_clear_row(i);
		}
		return (size_t)(end + 1 - p);
	}
	return 1;
}

static void *screen_thread(void *arg)
{
	char *text = xmalloc(1 << 24);
	size_t len = 0;
	ssize_t n;

	(void)arg;
	/* EIO: the last slave was closed */
	while (len < (1 << 24) - 1 &&
	       (n = read(screen.master, text + len, (1 << 24) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	return text;
}

static void screen_begin(int rows, int columns)
{
	const struct winsize size = {.ws_row = (unsigned short)rows,
				     .ws_col = (unsigned short)columns};

	screen.row = screen.column = 0;
	screen.rows = rows;
	screen.columns = columns;
	for (int i = 0; i < rows; i++)
		screen_clear_row(i);
	screen.gone = xstrdup("");
	screen.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ge(screen.master, 0);
	ck_assert_int_eq(grantpt(screen.master), 0);
	ck_assert_int_eq(unlockpt(screen.master), 0);
	screen.slave = open(ptsname(screen.master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ge(screen.slave, 0);
	ck_assert_int_eq(ioctl(screen.slave, TIOCSWINSZ, &size), 0);
	ck_assert_int_eq(pthread_create(&screen.thread, NULL, screen_thread, NULL), 0);
	setenv("TERM", "xterm", 1);
	screen.saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	ck_assert_int_ge(dup2(screen.slave, STDERR_FILENO), 0);
}

/* Everything that was ever on the screen and not overwritten, row by row. */
static char *screen_end(void)
{
	char *text, *all;
	void *played;

	ck_assert_int_ge(dup2(screen.saved, STDERR_FILENO), 0);
	close(screen.saved);
	close(screen.slave);
	ck_assert_int_eq(pthread_join(screen.thread, &played), 0);
	close(screen.master);
	for (text = played; *text;)
		text += screen_play(text);
	free(played);
	all = screen.gone;
	for (int i = 0; i < screen.row; i++) {
		char *row = screen_row(i), *more = xasprintf("%s%s\n", all, row);

		free(row);
		free(all);
		all = more;
	}
	return all;
}

static int occurrences(const char *text, const char *what)
{
	int n = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		n++;
	return n;
}

START_TEST(bars)
{
	_cleanup_free_ char *text = NULL;
	struct progress *p;
	int a, b, c;

	screen_begin(24, 60);
	p = progress_new();
	a = progress_add(p, "aaaaaaaaaaaa", 60000000);
	b = progress_add(p, "bbbbbbbbbbbb", 0);
	c = progress_add(p, "cc", 100);
	progress_state(p, a, "pulling");
	progress_set(p, a, 30000000);
	progress_state(p, b, "pulling");
	progress_set(p, b, 1234);
	progress_set(p, c, 100);
	progress_state(p, c, "done");
	progress_free(p);
	text = screen_end();
	ck_assert_str_eq(text, "aaaaaaaaaaaa [========>        ] 30MB/60MB       pulling\n"
			       "bbbbbbbbbbbb                     1.23kB          pulling\n"
			       "cc           [=================] 100B/100B       done\n");
}
END_TEST

START_TEST(nonsense_numbers)
{
	_cleanup_free_ char *text = NULL;
	struct progress *p;
	int a;

	screen_begin(24, 60);
	p = progress_new();
	a = progress_add(p, "a", 10);
	/* more than announced */
	progress_set(p, a, UINT64_MAX);
	progress_state(p, a, "pulling");
	progress_set(p, 7, 1);
	progress_state(p, -1, "done");
	progress_free(p);
	text = screen_end();
	ck_assert_int_eq(occurrences(text, "\n"), 1);
	ck_assert_ptr_nonnull(strstr(text, "18.4EB/10B"));
	ck_assert_ptr_null(strstr(text, "> "));
}
END_TEST

/* One line a row, however narrow, for names of any length. */
START_TEST(narrow)
{
	for (int columns = 2; columns <= COLUMNS_MAX; columns += 7) {
		_cleanup_free_ char *text = NULL;
		struct progress *p;

		screen_begin(24, columns);
		p = progress_new();
		for (int i = 0; i < 3; i++) {
			int item = progress_add(
				p, "a-name-that-is-longer-than-anybody-needs-it-to-be", 1000);

			progress_set(p, item, 500);
			progress_state(p, item, "pulling");
			progress_state(p, item, "done");
		}
		progress_free(p);
		text = screen_end();
		ck_assert_msg(occurrences(text, "\n") == 3, "%d columns:\n%s", columns, text);
	}
}
END_TEST

/* Forty items on ten rows: the display never scrolls before its end, and every item is there then.
 */
START_TEST(more_items_than_rows)
{
	_cleanup_free_ char *text = NULL;
	struct progress *p;
	char name[16];

	screen_begin(10, 70);
	p = progress_new();
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "item%02d", i);
		ck_assert_int_eq(progress_add(p, name, 1000), i);
	}
	for (int i = 0; i < 40; i++) {
		progress_state(p, i, "pulling");
		progress_set(p, i, 700);
	}
	for (int i = 0; i < 40; i++) {
		progress_set(p, i, 1000);
		progress_state(p, i, "done");
	}
	progress_free(p);
	text = screen_end();
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "item%02d", i);
		ck_assert_msg(occurrences(text, name) == 1, "%s in:\n%s", name, text);
	}
	ck_assert_int_eq(occurrences(text, "done\n"), 40);
	ck_assert_ptr_null(strstr(text, " of 40"));
}
END_TEST

START_TEST(log_lines_between)
{
	_cleanup_free_ char *text = NULL;
	struct progress *p;

	screen_begin(8, 70);
	p = progress_new();
	log_notice("before the first item");
	for (int i = 0; i < 4; i++)
		progress_state(p, progress_add(p, i % 2 ? "odd" : "even", 100), "pulling");
	for (int i = 0; i < 20; i++) {
		log_warning("line %d of 20", i);
		progress_state(p, i % 4, i % 2 ? "pulling" : "checking");
	}
	progress_free(p);
	log_notice("after it");
	text = screen_end();
	for (int i = 0; i < 20; i++) {
		_cleanup_free_ char *line = xasprintf("strake: warning: line %d of 20\n", i);

		ck_assert_msg(occurrences(text, line) == 1, "%s", text);
	}
	ck_assert_int_eq(occurrences(text, "even"), 2);
	ck_assert_int_eq(occurrences(text, "odd"), 2);
	ck_assert(str_starts(text, "before the first item\n"));
	ck_assert(str_ends(text, "\nafter it\n"));
}
END_TEST

static void *work(void *arg)
{
	struct progress *p = arg;
	int item = progress_add(p, "thread", 20000);

	progress_state(p, item, "pulling");
	for (uint64_t i = 0; i <= 20000; i += 20) {
		progress_set(p, item, i);
		if (i % 5000 == 0)
			log_verbose("noise");
	}
	progress_state(p, item, "done");
	return NULL;
}

START_TEST(many_threads)
{
	_cleanup_free_ char *text = NULL;
	pthread_t threads[8];
	struct progress *p;

	log_set_level(LOG_VERBOSE);
	screen_begin(12, 70);
	p = progress_new();
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, work, p), 0);
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	progress_free(p);
	text = screen_end();
	ck_assert_int_eq(occurrences(text, "20kB/20kB"), 8);
	ck_assert_int_eq(occurrences(text, "strake: noise\n"), 8 * 5);
}
END_TEST

START_TEST(a_dumb_terminal)
{
	_cleanup_free_ char *text = NULL;
	struct progress *p;

	screen_begin(24, 60);
	setenv("TERM", "dumb", 1);
	p = progress_new();
	progress_state(p, progress_add(p, "a", 10), "done");
	progress_free(p);
	text = screen_end();
	ck_assert_str_eq(text, "a: done 10B\n");
}
END_TEST

TCase *base_progress(void)
{
	TCase *tc = tmp_case("progress");

	tcase_add_test(tc, plain_lines);
	tcase_add_test(tc, quiet);
	tcase_add_test(tc, bars);
	tcase_add_test(tc, nonsense_numbers);
	tcase_add_test(tc, narrow);
	tcase_add_test(tc, more_items_than_rows);
	tcase_add_test(tc, log_lines_between);
	tcase_add_test(tc, many_threads);
	tcase_add_test(tc, a_dumb_terminal);
	return tc;
}
