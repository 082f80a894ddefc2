/* override_stat: the true owner, mode and type of a file that the user owns on disk, as
 * containers/storage and fuse-overlayfs keep it: the xattr user.containers.override_stat =
 * "UID:GID:MODE[:TYPE]", MODE octal, TYPE one of file dir symlink pipe socket block-MAJOR-MINOR
 * char-MAJOR-MINOR. Pure text. */
#ifndef STRAKE_FORMAT_OVERRIDE_STAT_H
#define STRAKE_FORMAT_OVERRIDE_STAT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define OVERRIDE_STAT_XATTR "user.containers.override_stat"
#define OVERRIDE_STAT_MAX 96 /* bytes of the longest text and its NUL */

struct override_stat {
	uid_t uid;
	gid_t gid;
	mode_t mode;		   /* permission bits, 07777 */
	mode_t type;		   /* S_IFMT bits, 0 when the text names none */
	unsigned int major, minor; /* of devices */
};

/* text need not be NUL terminated. Returns 0 or -EINVAL. */
int override_stat_parse(const char *text, size_t len, struct override_stat *ret);
/* Writes the text and a NUL; returns its length. */
size_t override_stat_format(const struct override_stat *o, char out[OVERRIDE_STAT_MAX]);
/* The mode a file of this recorded mode gets on disk, so that its owner can read it: u+r for files,
 * u+rwx for directories. The recorded bits count only while the mode on disk still equals this. */
mode_t override_stat_disk_mode(mode_t mode, bool directory);

#endif
