/* identity: who the caller is inside the user namespace, and the id maps that make it so.
 *
 * range: my id is 0 (or, with keep-id, itself) and the ids that /etc/subuid and /etc/subgid give me
 * fill the rest; newuidmap and newgidmap write the maps.
 *
 * single: only my own id is mapped, to 0 (or to itself). Needs nothing from the administrator.
 *
 * Root with CAP_SETUID and CAP_SETGID writes the same maps without the two programs.
 */
#ifndef STRAKE_NS_IDENTITY_H
#define STRAKE_NS_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum userns_mode { USERNS_AUTO, USERNS_RANGE, USERNS_SINGLE, USERNS_KEEP_ID };

struct idmap_range {
	uint32_t inside, outside, count;
};

#define IDMAP_MAX 8 /* ranges of one map that we use */

struct idmap {
	struct idmap_range ranges[IDMAP_MAX];
	size_t n;
};

struct identity {
	bool range; /* else single */
	bool keep_id;
	uid_t uid; /* the caller's, outside */
	gid_t gid;
	struct idmap uids, gids;
	char why[512]; /* why single was taken although auto asked: one sentence, else "" */
};

/* "auto", "range", "single", "keep-id". Returns 0 or -EINVAL with the accepted words. */
int userns_mode_parse(const char *text, enum userns_mode *ret, struct err *err);

/* Decides; auto takes range when both subid files have the user (by name or number) and newuidmap
 * and newgidmap are in PATH (or /usr/bin) and setuid or carry file capabilities; keep-id likewise.
 * USERNS_RANGE fails with the exact remedy when it cannot be had. The container's ids are at most
 * the first 65536 subordinate ones. */
int identity_choose(enum userns_mode mode, struct identity *ret, struct err *err);

/* Parses /etc/subuid-like text for a user: adds to *ret the ranges (inside filled in order from
 * first_inside) up to max ids, less what *ret has already. Pure. Returns the number of ids added.
 */
uint64_t subid_parse(const char *text, const char *user, uid_t uid, uint32_t first_inside,
		     uint64_t max, struct idmap *ret);

/* Whether that id of the container is mapped. */
bool idmap_has(const struct idmap *map, uint32_t inside);

/* Writes the maps of a process that has just entered its new user namespace and waits; called by
 * the parent, outside. The process must still be dumpable, or its /proc files are root's. range:
 * newuidmap and newgidmap run at the same time; what they complain of is in the message. */
int identity_apply(const struct identity *id, pid_t pid, struct err *err);

#endif
