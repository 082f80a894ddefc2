/* lock: open-file-description locks (fcntl F_OFD_SETLK), the only kind the store takes.
 *
 * Theory of operation: they work between hosts over NFS, they belong to the open file and not to
 * the process (two stores opened by one process exclude each other, closing an unrelated descriptor
 * of the same file gives nothing away), and the kernel drops them with the last copy of the
 * descriptor: nothing stays locked after a kill. A forked child shares its parent's lock until it
 * closes the descriptor or execs.
 *
 * The file `lock` in the store's root is never removed; its first bytes are separate locks. Files
 * that are locked and removed or renamed by their holder need more care: who opened the old file
 * may get its lock after it lost its name. lock_file() therefore looks, with the lock held, whether
 * the name still leads to the file it has, and begins again when not.
 */
#ifndef STRAKE_STORE_LOCK_H
#define STRAKE_STORE_LOCK_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"
#include "store/store.h"

enum lock_byte {
	LOCK_LEASE = 0,
	LOCK_TAGS = 1,
	LOCK_NAMES = 2, /* taking away a name of a container (container/state.h) */
};

/* Opens the store's lock file and locks one byte of it. wait: false gives -EAGAIN, with a message,
 * when it is held otherwise. Returns a descriptor; closing it unlocks. */
int lock_store(struct store *s, enum lock_byte byte, bool exclusive, bool wait, struct err *err);

/* Opens `name` below dirfd for reading and writing (flags: 0, O_CREAT or O_CREAT | O_EXCL; mode
 * 0644 less the umask) and locks it exclusively without waiting. Once it returns, the name leads to
 * the locked file. Returns the descriptor, and its status in *ret_st (may be NULL); -EAGAIN when it
 * is locked, -ENOENT, -EEXIST. Errors name `name`. */
int lock_file(int dirfd, const char *name, int flags, struct stat *ret_st, struct err *err);

/* As lock_file() for a new file with a random name: prefix + 16 hex digits + suffix, malloced. */
int lock_file_new(int dirfd, const char *prefix, const char *suffix, char **ret_name,
		  struct err *err);

#endif
