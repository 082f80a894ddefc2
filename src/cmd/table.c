#include <stdbool.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/vec.h"
#include "cmd/table.h"

#define GAP 3

static bool starts_character(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80; /* UTF-8: not a continuation byte */
}

static size_t width_of(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += starts_character(*text);
	return n;
}

char *text_shorten(const char *text, size_t max)
{
	size_t n = 0, i = 0;

	if (width_of(text) <= max)
		return xstrdup(text);
	for (; text[i]; i++)
		if (starts_character(text[i]) && ++n == max)
			break;
	return xasprintf("%.*s\xe2\x80\xa6", (int)i, text);
}

void table_heads(struct table *t, const char *const *heads)
{
	for (t->n_columns = 0; heads[t->n_columns]; t->n_columns++)
		table_add(t, heads[t->n_columns]);
}

void table_add(struct table *t, const char *text)
{
	t->cells = vec_grow(t->cells, &t->cap, t->n_cells + 1, sizeof(*t->cells));
	t->cells[t->n_cells++] = log_printable(text);
}

void table_take(struct table *t, char *text)
{
	table_add(t, text);
	free(text);
}

void table_print(const struct table *t)
{
	_cleanup_free_ size_t *widths = xcalloc(t->n_columns + 1, sizeof(*widths));

	for (size_t i = 0; i < t->n_cells; i++) {
		size_t width = width_of(t->cells[i]);

		if (width > widths[i % t->n_columns])
			widths[i % t->n_columns] = width;
	}
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t column = i % t->n_columns;
		bool last = column + 1 == t->n_columns;
		size_t pad = widths[column] - width_of(t->cells[i]) + GAP;

		printf("%s%*s", t->cells[i], last ? 0 : (int)pad, last ? "\n" : "");
	}
}

void table_release(struct table *t)
{
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct table)TABLE_INIT;
}
