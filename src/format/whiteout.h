/* whiteout: names and xattrs that remove things (image-spec layer.md; the kernel's overlayfs.rst).
 * Pure. */
#ifndef STRAKE_FORMAT_WHITEOUT_H
#define STRAKE_FORMAT_WHITEOUT_H

#include <stdbool.h>
#include <sys/stat.h>

#define WHITEOUT_PREFIX ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"
#define WHITEOUT_OPAQUE_XATTR "user.overlay.opaque" /* value "y" */

enum whiteout_kind {
	WHITEOUT_NONE,
	WHITEOUT_FILE,	     /* .wh.NAME: removes NAME from lower layers */
	WHITEOUT_DIR_OPAQUE, /* hides all lower children of its directory */
	WHITEOUT_IGNORED,    /* aufs' own .wh..wh.* names */
	WHITEOUT_INVALID,    /* ".wh." alone, or .wh... naming "." or ".." */
};

/* name: one component. For WHITEOUT_FILE *ret_target points at NAME inside it. */
enum whiteout_kind whiteout_kind(const char *name, const char **ret_target);

/* Whether a file is the kernel overlay's whiteout: a character device 0:0. */
bool whiteout_is_device(const struct stat *st);

/* Xattrs no layer may bring: user.overlay.*, trusted.*, user.fuseoverlayfs.*, user.containers.*,
 * and the security.* ones that act on the host (selinux, ima, evm, apparmor). security.capability
 * is kept apart: see xattr_is_settable(). */
bool xattr_is_reserved(const char *name);
/* Whether an ordinary user can set it on his own file: user.* (not reserved). */
bool xattr_is_settable(const char *name);

#endif
