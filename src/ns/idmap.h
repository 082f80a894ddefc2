/* idmap: the layout of one id map. Internal to the room; identity.h has the structs. */
#ifndef STRAKE_NS_IDMAP_H
#define STRAKE_NS_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ns/identity.h"

/* The map of one line: inside <-> outside. */
void idmap_one(struct idmap *map, uint32_t inside, uint32_t outside);
/* Rewrites a map whose first range is 0 -> own id and whose others follow from 1 so that the own id
 * stays itself: [0..own-1] and [own+1..] are the subordinate ids, in order. What does not fit
 * IDMAP_MAX is left out. */
void idmap_keep_own(struct idmap *map);
/* Whether all outside ids of map are mapped in the namespace whose /proc/self/uid_map reads `text`.
 */
bool idmap_within(const struct idmap *map, const char *text);
/* The text that uid_map and gid_map take: "inside outside count\n" per range. Writes into out. */
#define IDMAP_TEXT_MAX (IDMAP_MAX * 33 + 1)
size_t idmap_text(const struct idmap *map, char out[IDMAP_TEXT_MAX]);

/* The first id >= 100000 behind every range of /etc/subuid-like text, for the administrator's
 * command line; 0 when there is no room for 65536 more. */
uint32_t subid_next_free(const char *text);

#endif
