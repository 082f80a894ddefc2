/* owner: whose files are, on disk and as shown.
 *
 * Three ways, as fuse-overlayfs has them on its command line: ids mapped on the fly (uidmapping=,
 * gidmapping=), all files shown as one owner's (squash_to_*), and the true owner, mode and type
 * kept in an xattr beside whatever the file is on disk (xattr_permissions=,
 * format/override_stat.h).
 */
#ifndef STRAKE_FUSE_OWNER_H
#define STRAKE_FUSE_OWNER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "fuse/place.h"

/* `count` ids from `shown` on are those from `disk` on in the layers. */
struct id_range {
	uint32_t shown, disk, count;
};

enum { ID_RANGES = 340 }; /* as many as the kernel takes in a uid_map */

struct id_map {
	struct id_range *range; /* n == 0: the same on both sides */
	unsigned int n;
};

struct owner_config {
	struct id_map uid, gid;
	bool squash_uid, squash_gid;
	uid_t to_uid;
	gid_t to_gid;
	const char *override; /* the xattr that is written, or NULL: none is read or written */
};

/* What id on disk a client's id is: -EINVAL when the map does not have it. Squashed ids are
 * whatever new files get: (uid_t)-1, "leave it". */
int owner_to_disk(const struct owner_config *c, uid_t *uid, gid_t *gid);

/* Turns what is on disk into what is shown, in place; ids out of the map show as 65534. name:
 * within dir, for the record. */
void owner_show(const struct owner_config *c, struct place *dir, const char *name, struct stat *st);
/* The same by an open descriptor. */
void owner_show_fd(const struct owner_config *c, int fd, struct stat *st);

/* Whether new owners, modes and types are recorded rather than set. */
static inline bool owner_is_recorded(const struct owner_config *c)
{
	return c->override != NULL;
}

/* Records what is shown (st: mode with type, uid, gid, rdev) for an entry on disk, a regular file
 * or a directory. 0 or -errno. */
int owner_record(const struct owner_config *c, int dirfd, const char *name, const struct stat *st);

/* Whether a key is one of the records'. */
bool owner_is_record(const char *key);

/* Ids within system.posix_acl_* values, in place: shown to disk, or back. -EINVAL for one that is
 * no ACL or names unmapped ids. */
int owner_acl_to_disk(const struct owner_config *c, void *acl, size_t size);
int owner_acl_to_shown(const struct owner_config *c, void *acl, size_t size);

/* "0:100000:65536[:...]" as -o uidmapping has it. 0 or -EINVAL; ranges are malloced. */
int id_map_parse(const char *text, struct id_map *ret);

#endif
