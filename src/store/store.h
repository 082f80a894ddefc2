/* store: an OCI image layout that belongs to one user, on any file system, shared between hosts or
 * not.
 *
 * Theory of operation: there is no database and no daemon. Every file gets its name by rename after
 * fsync, so readers need no lock. Writers lock with open-file-description locks (fcntl
 * F_OFD_SETLK), which work over NFS, die with their process, and are never files that stay locked.
 * Three locks exist, taken in this order: lease -> claim of one blob -> tags; a fourth, names, is
 * taken alone (container/state.h).
 *
 *	oci-layout index.json blobs/sha256/	the images, as any OCI tool reads them
 *	cache/layers/HEX/root			the unpacked layer with diff id HEX (see
 * layer/unpack.h) cache/tmp/				scratch directories, each with its lock file
 *	uploads/sha256-HEX.partial		a blob on its way in
 *	containers/ID/				container/state.h
 *	lock					the lease
 *
 * The store's directories are opened once; cache, containers and uploads must be 0700 and the
 * caller's at every open. A directory that is not empty and not a store is refused (-ENOTEMPTY):
 * `reset` deletes stores.
 */
#ifndef STRAKE_STORE_STORE_H
#define STRAKE_STORE_STORE_H

#include <stdbool.h>

#include "base/err.h"

struct store {
	char *path; /* absolute, for messages, mounts in a new namespace, and helper programs */
	int root;   /* descriptors of the directories */
	int blobs;  /* blobs/sha256 */
	int cache;
	int layers;  /* cache/layers */
	int scratch; /* cache/tmp */
	int uploads;
	int containers;
};

#define _cleanup_store_ __attribute__((cleanup(store_close)))
#define STORE_INIT                                                                                 \
	{                                                                                          \
		.root = -1, .blobs = -1, .cache = -1, .layers = -1, .scratch = -1, .uploads = -1,  \
		.containers = -1                                                                   \
	}

/* Where the store is: path when given, else $STRAKE_STORE, else $XDG_DATA_HOME/strake, else
 * ~/.local/share/strake (HOME, else the passwd entry). Absolute and clean; malloced. */
int store_locate(const char *path, char **ret, struct err *err);

/* Opens, making what is missing. -EPERM when it belongs to somebody else. */
int store_open(const char *path, struct store *ret, struct err *err);
void store_close(struct store *s);

/* The lease: shared for whoever uses blobs or layers that no tag or container names yet (pull,
 * import, run until its state is written), exclusive for gc and reset. wait: false gives -EAGAIN
 * when it is held otherwise. Returns a descriptor; closing it gives the lease back. */
enum store_lease { STORE_SHARED, STORE_EXCLUSIVE };
int store_lease(struct store *s, enum store_lease kind, bool wait, struct err *err);

#endif
