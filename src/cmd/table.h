/* table: aligned columns on stdout, as docker prints them: three blanks between, the last one not
 * padded. */
#ifndef STRAKE_CMD_TABLE_H
#define STRAKE_CMD_TABLE_H

#include <stddef.h>

struct table {
	char **cells; /* row by row, the heads first */
	size_t n_columns, n_cells, cap;
};

#define _cleanup_table_ __attribute__((cleanup(table_release)))
#define TABLE_INIT                                                                                 \
	{                                                                                          \
		NULL, 0, 0, 0                                                                      \
	}

/* Begins a table with the heads; ended by NULL. */
void table_heads(struct table *t, const char *const *heads);
/* Adds the next cell, taking the malloced text; control characters are shown as \xNN. */
void table_take(struct table *t, char *text);
void table_add(struct table *t, const char *text);
void table_print(const struct table *t);
void table_release(struct table *t);

/* The text cut to `max` characters (not bytes), the last of them an ellipsis. malloced. */
char *text_shorten(const char *text, size_t max);

#endif
