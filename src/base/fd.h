/* fd: file descriptors that close themselves, and whole reads and writes.
 *
 * Every descriptor of ours is O_CLOEXEC. close(2) is called once and never retried on EINTR.
 */
#ifndef STRAKE_BASE_FD_H
#define STRAKE_BASE_FD_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define _cleanup_fd_ __attribute__((cleanup(fd_closep)))
#define _cleanup_dir_ __attribute__((cleanup(fd_closedirp)))

/* Close when >= 0 and set to -1; errno is preserved. */
void fd_closep(int *fd);
void fd_closedirp(DIR **dir);

/* Gives ownership away: the descriptor, leaving -1 behind. */
static inline int steal_fd(int *fd)
{
	int v = *fd;

	*fd = -1;
	return v;
}

/* Writes all of buf, through EINTR and short writes. Returns 0 or -errno. */
int fd_write_all(int fd, const void *buf, size_t len);
int fd_pwrite_all(int fd, const void *buf, size_t len, off_t offset);

/* Reads until len bytes or end of file, through EINTR. Returns the bytes read or -errno. */
ssize_t fd_read_full(int fd, void *buf, size_t len);

/* Reads a whole file below dirfd (AT_FDCWD allowed) of at most max bytes into *ret_text, malloced
 * and NUL terminated behind the length *ret_len (may be NULL). A longer file: -EFBIG. Does not
 * follow a final symlink. Errors name `path`. */
int fd_read_file(int dirfd, const char *path, size_t max, char **ret_text, size_t *ret_len,
		 struct err *err);

/* Reads from an open descriptor to its end, at most max bytes (-EFBIG beyond). As above. */
int fd_slurp(int fd, size_t max, char **ret_text, size_t *ret_len, struct err *err);

/* Publishes a file atomically: a temporary name beside it (".tmp-" and 16 hex digits), write,
 * fsync, rename over `name`, fsync of the directory. A failure leaves the old file and nothing
 * else. mode is exact (umask not applied). */
int fd_write_file_atomic(int dirfd, const char *name, const void *buf, size_t len, mode_t mode,
			 struct err *err);

/* mkdir -p below dirfd; existing directories are fine. mode is for those it makes. */
int fd_mkdir_p(int dirfd, const char *path, mode_t mode, struct err *err);

/* mkdir (when missing) and open of one directory that must belong to the caller and have no bits
 * for others: mode 0700 is set on a new one, and repaired, with -EPERM when it belongs to somebody
 * else or its file system keeps no modes. A symlink is refused: the mode of what it leads to is not
 * ours to set. Returns the O_RDONLY|O_DIRECTORY descriptor. */
int fd_open_private_dir(int dirfd, const char *name, struct err *err);

/* rm -rf of `name` below dirfd without following links, however deep, giving directories u+rwx as
 * needed; a missing one is fine. What cannot be removed: the first error, after removing the rest.
 * Never crosses into another file system: such a mount is -EBUSY. */
int fd_remove_tree(int dirfd, const char *name, struct err *err);

/* Copies all of src from its offset to dst: copy_file_range, then read/write. Bytes copied or
 * -errno. */
int64_t fd_copy(int dst, int src);

/* Marks every descriptor >= first to be closed at exec (close_range, else /proc/self/fd, which
 * STRAKE_NO_CLOSE_RANGE=1 in the environment forces). Returns 0 or -errno. */
int fd_cloexec_from(unsigned int first);

/* Sets or clears O_CLOEXEC. Returns 0 or -errno. */
int fd_set_cloexec(int fd, bool on);

/* Moves the descriptor above 2 when it is below (a caller may have started us with 0..2 closed). */
int fd_above_stdio(int fd);

/* At the start of main(): opens /dev/null on those of 0..2 that are closed. */
void fd_guard_stdio(void);

#endif
