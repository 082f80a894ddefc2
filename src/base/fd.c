#include "base/fd.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FD_COPY_CHUNK (128 * 1024)

void fd_closep(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

void fd_closedirp(DIR **dir)
{
	int saved = errno;

	if (*dir)
		closedir(*dir);
	*dir = NULL;
	errno = saved;
}

int fd_write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int fd_pwrite_all(int fd, const void *buf, size_t len, off_t offset)
{
	const char *p = buf;

	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		offset += n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t fd_read_full(int fd, void *buf, size_t len)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = read(fd, (char *)buf + have, len - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

/* fd_slurp() without words: -EFBIG, or the errno of fstat or read. */
static int fd_slurp_raw(int fd, size_t max, char **ret_text, size_t *ret_len)
{
	_cleanup_free_ char *text = NULL;
	size_t cap = 4096, len = 0;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return -errno;
	/* one byte more than the file has: the end is seen without another buffer */
	if (S_ISREG(st.st_mode) && st.st_size > 0)
		cap = (uint64_t)st.st_size < max ? (size_t)st.st_size + 1 : max;
	if (cap > max)
		cap = max;
	for (;;) {
		text = xrealloc(text, cap + 1);
		n = fd_read_full(fd, text + len, cap + 1 - len);
		if (n < 0)
			return (int)n;
		len += (size_t)n;
		if (len > max)
			return -EFBIG;
		if (len <= cap)
			break;
		cap = cap > max / 2 ? max : cap * 2;
	}
	text[len] = '\0';
	*ret_text = steal_ptr(&text);
	if (ret_len)
		*ret_len = len;
	return 0;
}

int fd_slurp(int fd, size_t max, char **ret_text, size_t *ret_len, struct err *err)
{
	int r = fd_slurp_raw(fd, max, ret_text, ret_len);

	if (r == -EFBIG)
		return err_set(err, EFBIG, "input is larger than %zu bytes", max);
	if (r < 0)
		return err_sys(err, -r, "cannot read");
	return 0;
}

int fd_read_file(int dirfd, const char *path, size_t max, char **ret_text, size_t *ret_len,
		 struct err *err)
{
	/* O_NONBLOCK: the open of a fifo put there must not wait for its writer */
	_cleanup_fd_ int fd =
		openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	int r;

	if (fd < 0)
		return err_sys(err, errno, "cannot open '%s'", path);
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot read '%s'", path);
	if (S_ISDIR(st.st_mode))
		return err_sys(err, EISDIR, "cannot read '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "cannot read '%s': not a regular file", path);
	r = fd_slurp_raw(fd, max, ret_text, ret_len);
	if (r == -EFBIG)
		return err_set(err, EFBIG, "'%s' is larger than %zu bytes", path, max);
	if (r < 0)
		return err_sys(err, -r, "cannot read '%s'", path);
	return 0;
}

/* Opens the directory that holds `name`: dirfd itself, or what stands before the last slash. */
static int fd_open_dir_of(int dirfd, const char *name)
{
	const char *base = path_base(name);
	_cleanup_free_ char *dir =
		base == name ? xstrdup(".") : xstrndup(name, (size_t)(base - name));
	int fd = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Makes ".tmp-<16 hex digits>" in dir. Returns its descriptor or -errno. */
static int fd_make_temp(int dir, char name[32])
{
	unsigned char random[8];
	char hex[17];
	int fd;

	for (int i = 0; i < 100; i++) {
		if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
			return -errno;
		str_hex(random, sizeof(random), hex);
		snprintf(name, 32, ".tmp-%s", hex);
		fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd >= 0 || errno != EEXIST)
			return fd < 0 ? -errno : fd;
	}
	return -EEXIST;
}

int fd_write_file_atomic(int dirfd, const char *name, const void *buf, size_t len, mode_t mode,
			 struct err *err)
{
	_cleanup_fd_ int dir = fd_open_dir_of(dirfd, name);
	_cleanup_fd_ int fd = -1;
	char temp[32];
	int r;

	if (dir < 0)
		return err_sys(err, -dir, "cannot open the directory of '%s'", name);
	fd = fd_make_temp(dir, temp);
	if (fd < 0)
		return err_sys(err, -fd, "cannot write '%s'", name);
	r = fd_write_all(fd, buf, len);
	if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0))
		r = -errno;
	/* NFS reports a full disk or quota at close */
	if (close(steal_fd(&fd)) < 0 && r == 0 && errno != EINTR)
		r = -errno;
	if (r == 0 && renameat(dir, temp, dir, path_base(name)) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(dir, temp, 0);
		return err_sys(err, -r, "cannot write '%s'", name);
	}
	/* some file systems cannot sync a directory and say so */
	if (fsync(dir) < 0 && errno != EINVAL && errno != ENOTSUP)
		return err_sys(err, errno, "cannot sync the directory of '%s'", name);
	return 0;
}

/* Copies by read and write from both offsets. Bytes or -errno. */
static int64_t fd_copy_plain(int dst, int src)
{
	_cleanup_free_ char *chunk = xmalloc(FD_COPY_CHUNK);
	int64_t total = 0;

	for (;;) {
		ssize_t n = read(src, chunk, FD_COPY_CHUNK);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return total;
		r = fd_write_all(dst, chunk, (size_t)n);
		if (r < 0)
			return r;
		total += n;
	}
}

int64_t fd_copy(int dst, int src)
{
	int64_t total = 0, rest;

	for (;;) {
		ssize_t n = copy_file_range(src, NULL, dst, NULL, 1 << 30, 0);

		if (n < 0 && errno == EINTR)
			continue;
		/* out of room: the plain copy would only say it again */
		if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == EIO))
			return -errno;
		/* 0 may be the end, or a file of procfs, whose size is 0: read() knows */
		if (n <= 0)
			break;
		total += n;
	}
	rest = fd_copy_plain(dst, src);
	return rest < 0 ? rest : total + rest;
}

/* Marks what /proc/self/fd lists from `first` on; nothing opens or closes meanwhile. Without
 * malloc: it runs in cloned children. */
static int fd_cloexec_listed(unsigned int first)
{
	char buf[2048] __attribute__((aligned(8)));
	_cleanup_fd_ int dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ssize_t n;

	if (dir < 0)
		return -errno;
	while ((n = getdents64(dir, buf, sizeof(buf))) > 0) {
		for (char *p = buf; p < buf + n;) {
			struct dirent64 *d = (struct dirent64 *)p;
			uint64_t fd;
			int r;

			p += d->d_reclen;
			if (str_to_u64(d->d_name, INT_MAX, &fd) < 0 || fd < first)
				continue;
			r = fd_set_cloexec((int)fd, true);
			if (r < 0)
				return r;
		}
	}
	return n < 0 ? -errno : 0;
}

int fd_cloexec_from(unsigned int first)
{
	/* Linux 5.11; EPERM and ENOSYS also from seccomp filters that do not know the call */
	if (!getenv("STRAKE_NO_CLOSE_RANGE") &&
	    syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return 0;
	return fd_cloexec_listed(first);
}

int fd_set_cloexec(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFD);

	if (flags < 0)
		return -errno;
	flags = on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC;
	return fcntl(fd, F_SETFD, flags) < 0 ? -errno : 0;
}

int fd_above_stdio(int fd)
{
	int moved;

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (moved < 0)
		moved = -errno;
	close(fd);
	return moved;
}

void fd_guard_stdio(void)
{
	/* open() takes the lowest free number: the closed one, as those below it are open by now */
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) != fd)
			abort();
}
