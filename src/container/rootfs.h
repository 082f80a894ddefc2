/* rootfs: the one place that decides how a root file system is stacked, and does it. */
#ifndef STRAKE_CONTAINER_ROOTFS_H
#define STRAKE_CONTAINER_ROOTFS_H

#include <stdbool.h>

#include "base/err.h"
#include "container/overlay_server.h"
#include "container/request.h"
#include "ns/identity.h"

struct rootfs {
	enum overlay_mode
		mode;	   /* as asked: auto takes the first of kernel, fuse, copy that works */
	char *mountpoints; /* the layer below all (mountpoints.h), or NULL; absolute */
	char *dir;	   /* the container's directory, absolute: upper, work and root are in it */
	char **layers;	   /* unpacked layers, base first (strv of absolute paths) */
	bool throw_away; /* --rm: nobody reads the upper after a crash, so it need not be synced */
	bool owners;	 /* copy: a full id range is mapped, set the true owners */
};

void rootfs_release(struct rootfs *r);

/* In the container's user and mount namespaces. socket: to the parent, who starts the server of a
 * FUSE root and calls rootfs_serve(). Returns a descriptor (O_PATH) of the root, a mount point.
 * *ret_private: a small tmpfs that no path leads to, for files made at the start. */
int rootfs_stack(const struct rootfs *r, int socket, int *ret_private, struct err *err);

/* In the parent: starts the server of the root that was mounted on `fuse`, in `userns`, the
 * container's user namespace, of which `id` is the identity. */
int rootfs_serve(const struct rootfs *r, const struct identity *id, int fuse, int userns,
		 struct overlay_server *ret, struct err *err);

/* In the parent, once the container runs: how it was stacked. dir: the container's directory. */
enum overlay_mode rootfs_stacked(const struct rootfs *r, int dir,
				 const struct overlay_server *server);

/* "kernel", "fuse", "copy", "auto". */
const char *overlay_mode_name(enum overlay_mode mode);

#endif
