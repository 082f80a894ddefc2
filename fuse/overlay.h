/* overlay: the merged file system, from layers to operations. Knows no FUSE types.
 *
 * Theory of operation
 *
 * A *node* (node.h) is an inode of the merged view, known as long as the kernel or a child refers
 *to it. It is found by its names, each a (directory node, string); never by a path. A directory
 *node has a *stack* (dir.h): its places (place.h) in those layers (layer.h) that contribute to it,
 *topmost first. Another file lives in exactly one layer, in its parent's place there, but for the
 *data of a metadata-only copy (content.h).
 *
 * Changes happen in the upper layer alone. What is only below is copied up first (copyup.h), and
 *what would show through is covered by a whiteout (marks.h); each becomes visible by one rename.
 *
 * Locks, in the order in which they are taken:
 *
 * - rename_lock: changes of the tree's shape, which are renames between directories.
 * - copy_lock[], one per node (striped): its copy-up, and the completion of its data. A parent is
 *   copied up before its child's is taken, so that no thread holds two.
 * - dir->lock: a directory's stack, its listing and the names in it; shared by lookups, exclusive
 *   for changes. Several: ancestors first, then by address (dir_lock_pair). It is held during I/O
 *   on that directory, never while data is copied.
 * - the node table: a shard of names, then a stripe of nodes. No I/O.
 * - the caches of places, open files and listings. No I/O.
 *
 * Reads and writes take none of the first three. There is no lock over all of the file system.
 */
#ifndef STRAKE_FUSE_OVERLAY_H
#define STRAKE_FUSE_OVERLAY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>

#include "base/err.h"
#include "fuse/ahead.h"
#include "fuse/config.h"
#include "fuse/layer.h"
#include "fuse/node.h"

enum { COPY_LOCKS = 64 };

/* What user.strake.stats shows. */
struct counters {
	atomic_ulong nodes, lookups, copied_files, copied_bytes, metacopies, copied_dirs, listings;
};

struct overlay {
	struct overlay_config config;
	struct layer *layers; /* [0] is the upper when there is one */
	unsigned int n_layers;
	bool writable;
	const char *prefix;  /* of the marks that are written */
	int work;	     /* the work directory, or -1 */
	bool mknod_whiteout; /* whiteouts are devices, else ".wh." files */
	int work_lock;	     /* the directory that it is in, locked; or -1 */
	atomic_ulong work_serial;
	struct place_cache places;
	struct node_table nodes;
	struct content_cache *contents;
	struct listing_cache *listings;
	struct node *root;
	pthread_mutex_t rename_lock;
	pthread_mutex_t copy_lock[COPY_LOCKS];
	struct counters count;
	struct ahead ahead;
};

/* Opens the layers. o is undefined after a failure. The work directory is emptied: only what a
 * server that died left behind is in it. */
int overlay_open(struct overlay *o, const struct overlay_config *config, struct err *err);
void overlay_close(struct overlay *o);

/* Who asks: ids as the layers have them. */
struct caller {
	uid_t uid;
	gid_t gid;
	mode_t umask;
};

/* A file as the merged view shows it. */
struct file {
	struct node *node;
	struct stat st;
};

/* All return 0 or -errno. A file returned has one more lookup counted (node_forget takes it back).
 */

int overlay_lookup(struct overlay *o, struct node *dir, const char *name, struct file *ret);
int overlay_getattr(struct overlay *o, struct node *node, struct stat *ret);
int overlay_readlink(struct overlay *o, struct node *node, char *out, size_t size);
int overlay_statfs(struct overlay *o, struct statvfs *ret);

/* A change of attributes. */
struct change {
	bool mode, uid, gid, size, atime, mtime, ctime; /* which */
	bool kill_priv; /* a truncation by one who may not keep setuid bits */
	struct stat st; /* to what; the time fields may hold UTIME_NOW */
};
int overlay_setattr(struct overlay *o, struct node *node, const struct change *c, struct stat *ret);

/* mode is not yet masked by the caller's umask: a default ACL takes its place. */
int overlay_mknod(struct overlay *o, struct node *dir, const char *name, mode_t mode, dev_t rdev,
		  const struct caller *who, struct file *ret);
int overlay_mkdir(struct overlay *o, struct node *dir, const char *name, mode_t mode,
		  const struct caller *who, struct file *ret);
int overlay_symlink(struct overlay *o, struct node *dir, const char *name, const char *target,
		    const struct caller *who, struct file *ret);
int overlay_tmpfile(struct overlay *o, struct node *dir, mode_t mode, const struct caller *who,
		    struct file *ret);
int overlay_link(struct overlay *o, struct node *node, struct node *dir, const char *name,
		 struct file *ret);
int overlay_unlink(struct overlay *o, struct node *dir, const char *name);
int overlay_rmdir(struct overlay *o, struct node *dir, const char *name);
/* flags: RENAME_NOREPLACE, RENAME_EXCHANGE. */
int overlay_rename(struct overlay *o, struct node *dir, const char *name, struct node *new_dir,
		   const char *new_name, unsigned int flags);

/* Entries of a directory in a fixed order behind the cookie `after` (0: from the beginning). fn
 * returns 0 to go on and has taken the lookup counted for the file; 1 when there was no room for
 * this one. */
typedef int (*overlay_entry_fn)(void *arg, const char *name, uint64_t cookie,
				const struct file *file);
int overlay_readdir(struct overlay *o, struct node *dir, uint64_t after, overlay_entry_fn fn,
		    void *arg);

/* As the system calls; keys are the client's (see marks.h for what is hidden and escaped). */
ssize_t overlay_getxattr(struct overlay *o, struct node *node, const char *key, void *value,
			 size_t size);
ssize_t overlay_listxattr(struct overlay *o, struct node *node, char *list, size_t size);
int overlay_setxattr(struct overlay *o, struct node *node, const char *key, const void *value,
		     size_t size, int flags, bool kill_sgid);
int overlay_removexattr(struct overlay *o, struct node *node, const char *key);

int overlay_fsync_dir(struct overlay *o, struct node *dir, bool data_only);
int overlay_syncfs(struct overlay *o);

/* The lock of a node's copy-up. */
pthread_mutex_t *overlay_copy_lock(struct overlay *o, const struct node *node);

#endif
