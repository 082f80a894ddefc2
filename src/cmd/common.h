/* common: what several commands share. */
#ifndef STRAKE_CMD_COMMON_H
#define STRAKE_CMD_COMMON_H

#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "cmd/command.h"
#include "oci/digest.h"
#include "store/store.h"

/* A row of an option table for a `const char *format` field. */
#define OPTION_FORMAT(offset_)                                                                     \
	{                                                                                          \
		"format", 0, OPTION_STRING, offset_,                                               \
			.value = "FORMAT", .words = "json|table",                                  \
			.help = "Print as json or as a table (default)"                            \
	}

bool format_is_json(const char *format);

/* The store of --store, $STRAKE_STORE or the default place. */
int command_open_store(const struct context *c, struct store *ret, struct err *err);
/* The same with a shared lease, given back when *ret_lease is closed. */
int command_open_store_leased(const struct context *c, struct store *ret, int *ret_lease,
			      struct err *err);

/* For commands with several targets: prints the error and clears it. Returns EXIT_STRAKE. */
int command_report(struct err *err);

/* Prints the value, indented, and drops the reference. */
void print_json(json_t *value);

/* A string member; text that is no UTF-8 becomes printable first. */
void json_add_text(json_t *object, const char *key, const char *text);
/* An array of strings; NULL: an empty one. */
json_t *json_from_strv(char *const *v);

/* The digest for people: 12 digits, or all of it. malloced. */
char *id_text(const struct digest *digest, bool whole);

/* "3 days ago", or "N/A" before 1970 and for unknown times. malloced. */
char *age_text(int64_t time);

#endif
