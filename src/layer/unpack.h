/* unpack: a tar stream into a directory, whatever the tar says.
 *
 * The directory becomes
 *	root/		the tree, as the kernel's overlay wants a lower layer
 *	owners		sidecar (owner.h), only when some owner could not be kept in an xattr
 *	links		hard links to files that lower layers must have (lower.h), only when there
 * are some wh		empty, only when whiteouts are ".wh." files because the file system takes no
 *			0:0 device: the kernel overlay cannot use such a layer
 *
 * All files belong to the caller. Whiteouts become `c 0 0`, opaque directories
 * user.overlay.opaque=y. Device nodes become empty files with their type in override_stat. An owner
 * other than 0:0, or a mode that had to be widened to stay readable, is recorded in override_stat.
 * Reserved xattrs are dropped, security.capability too (an ordinary user cannot set it). Hard links
 * stay links. mtimes are kept.
 *
 * STRAKE_NO_XATTR=1 and STRAKE_NO_MKNOD=1 in the environment force what a file system without user
 * xattrs, or without 0:0 devices, makes necessary.
 */
#ifndef STRAKE_LAYER_UNPACK_H
#define STRAKE_LAYER_UNPACK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Up to len bytes of the tar at *ret_buf, valid until the next call: the count, 0 at the end,
 * -errno. */
typedef ssize_t (*unpack_read_fn)(void *ctx, const void **ret_buf);

struct unpack_options {
	uint64_t max_bytes; /* of file content; sparse holes do not count */
	uint64_t reserve;   /* free space to leave alone, LIMIT_FREE_RESERVE */
	bool lower_links;   /* a hard link without a target may be to a lower layer's file */
};

int layer_unpack(unpack_read_fn read, void *ctx, int dir, const struct unpack_options *options,
		 uint64_t *ret_entries, struct err *err);

#endif
