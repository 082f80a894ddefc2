/* state_impl: what the state*.c files share. Internal. */
#ifndef STRAKE_CONTAINER_STATE_IMPL_H
#define STRAKE_CONTAINER_STATE_IMPL_H

#include <stdbool.h>

#include "base/json.h"
#include "container/state.h"

#define STATE_NAMES "names"
#define STATE_CONFIG "config.json"
#define STATE_PROCESS "state.json"
#define STATE_REMOVING ".removing-"

/* 64 lower-case hex digits. */
bool state_is_id(const char *text);
/* Docker's rule for names: [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most 128. */
bool state_name_is_valid(const char *name);
/* The name of a container that was given none: "adjective_noun_" and the first six digits of its
 * id. Made from the id alone it needs no reservation, and so no files beside the container's.
 * malloced. */
char *state_name_make(const char *id);
/* Whether that is the name of a container that was given none; prefix: the digits in it. */
bool state_name_is_generated(const char *name, char prefix[7]);

/* Reads a JSON object of the container's directory. -ENOENT without a message of its own when it is
 * missing. */
int state_read_json(int dir, const char *file, json_t **ret, struct err *err);
/* Fills everything from config.json, state.json and the lock. c must be empty; released on failure.
 */
int state_load(int containers, const char *id, struct container_state *c, struct err *err);
/* Finds the container of a generated name. 1: id is its; 0: there is none; or -errno. */
int state_find_generated(struct store *s, const char *name, char id[65], struct err *err);
/* Whether somebody holds the lock on config.json (dir: the container's). -ENOENT: there is none. */
int state_is_locked(int dir, struct err *err);

/* The id a name leads to; false: there is no such name. */
bool state_name_read(int containers, const char *name, char id[65]);
/* Makes the name lead to that id. Returns 0, -EEXIST without a message, or another -errno. */
int state_name_link(struct store *s, const char *name, const char *id, struct err *err);
/* Takes the name back when it still leads to that id. */
int state_name_drop(struct store *s, const char *name, const char *id, struct err *err);

#endif
