/* container_view: what `ps` and `inspect` show of a container. */
#ifndef STRAKE_CMD_CONTAINER_VIEW_H
#define STRAKE_CMD_CONTAINER_VIEW_H

#include "base/json.h"
#include "container/state.h"

/* "created", "running", "exited". */
const char *container_status_word(const struct container_state *c);
/* "Up 3 minutes", "Exited (0) 5 minutes ago", "Created"; malloced. */
char *container_status_text(const struct container_state *c);
/* One element of `ps --format json` (podman's members), and of `inspect` (docker's). */
json_t *container_ps_json(const struct container_state *c);
json_t *container_inspect_json(const struct container_state *c);

#endif
