/* mountinfo: what /proc/PID/mountinfo says of mounts (source: proc(5)). */
#ifndef STRAKE_NS_MOUNTINFO_H
#define STRAKE_NS_MOUNTINFO_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct mountinfo_line {
	int id, parent;
	unsigned int major, minor; /* of the file system */
	char *point;		   /* unescaped; into the text */
};

/* That of this process; a line that is not understood is left out. Both are malloced, and the lines
 * point into the text. */
int mountinfo_read(char **ret_text, struct mountinfo_line **ret_lines, size_t *ret_n,
		   struct err *err);

struct mountinfo_mount {
	dev_t device; /* of the file system that is mounted */
	dev_t below;  /* of the one that has the mount point */
};

/* What is mounted on top at dir, an absolute clean path that is not looked at (its server may be
 * dead). -ENOENT: it is no mount point. */
int mountinfo_find(const char *dir, struct mountinfo_mount *ret, struct err *err);

/* A process that has the file system of what was mounted at dir anywhere else: in a container,
 * say, that was given the directory. A mere copy, which a mount namespace made meanwhile has at the
 * same place, does not count. Returns its id and, malloced, its name. 0: there is none that the
 * caller may look at. */
pid_t mountinfo_holder(const char *dir, const struct mountinfo_mount *m, char **ret_name);

#endif
