#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

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

	while (len) {
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

	while (len) {
		ssize_t n = pwrite(fd, p, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
		offset += n;
	}
	return 0;
}

ssize_t fd_read_full(int fd, void *buf, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = read(fd, (char *)buf + got, len - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

int fd_slurp(int fd, size_t max, char **ret_text, size_t *ret_len, struct err *err)
{
	size_t cap = 4096, len = 0;
	_cleanup_free_ char *text = xmalloc(cap + 1);

	for (;;) {
		ssize_t n = fd_read_full(fd, text + len, cap - len);

		if (n < 0)
			return err_sys(err, (int)-n, "cannot read it");
		len += (size_t)n;
		if (len > max)
			return err_set(err, EFBIG, "it is longer than %zu bytes", max);
		if (len < cap)
			break;
		cap *= 2;
		text = xrealloc(text, cap + 1);
	}
	text[len] = '\0';
	*ret_text = steal_ptr(&text);
	if (ret_len)
		*ret_len = len;
	return 0;
}

int fd_read_file(int dirfd, const char *path, size_t max, char **ret_text, size_t *ret_len,
		 struct err *err)
{
	_cleanup_fd_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);

	if (fd < 0)
		return err_sys(err, errno, "cannot open '%s'", path);
	if (fd_slurp(fd, max, ret_text, ret_len, err) < 0)
		return err ? err_prefix(err, "'%s'", path) : -EIO;
	return 0;
}

/* A name nobody else has: 128 random bits. */
static int random_name(const char *name, char **ret)
{
	unsigned long long bits[2];

	if (getrandom(bits, sizeof(bits), 0) != sizeof(bits))
		return -EIO;
	*ret = xasprintf(".%s.%016llx%016llx", name, bits[0], bits[1]);
	return 0;
}

static int write_and_rename(int dirfd, const char *temporary, const char *name, const void *buf,
			    size_t len, mode_t mode)
{
	_cleanup_fd_ int fd =
		openat(dirfd, temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, buf, len);
	if (r == 0 && fchmod(fd, mode) < 0)
		r = -errno;
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(dirfd, temporary, dirfd, name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dirfd, temporary, 0);
	return r;
}

/* Some file systems (FUSE ones) have no fsync of directories. */
static int sync_dir(int dirfd)
{
	_cleanup_fd_ int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return fsync(fd) < 0 && errno != EINVAL && errno != ENOSYS ? -errno : 0;
}

int fd_write_file_atomic(int dirfd, const char *name, const void *buf, size_t len, mode_t mode,
			 struct err *err)
{
	_cleanup_free_ char *temporary = NULL;
	int r = random_name(name, &temporary);

	if (r == 0)
		r = write_and_rename(dirfd, temporary, name, buf, len, mode);
	if (r == 0)
		r = sync_dir(dirfd);
	return r < 0 ? err_sys(err, -r, "cannot write '%s'", name) : 0;
}

int fd_mkdir_p(int dirfd, const char *path, mode_t mode, struct err *err)
{
	_cleanup_free_ char *copy = xstrdup(path);
	struct stat st;

	for (char *p = copy + 1; *copy && *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdirat(dirfd, copy, mode) < 0 && errno != EEXIST && errno != EROFS &&
		    errno != EACCES)
			return err_sys(err, errno, "cannot make the directory '%s'", copy);
		*p = '/';
	}
	if (mkdirat(dirfd, copy, mode) == 0)
		return 0;
	if (errno == EEXIST && fstatat(dirfd, copy, &st, 0) == 0) {
		if (S_ISDIR(st.st_mode))
			return 0;
		errno = ENOTDIR;
	}
	return err_sys(err, errno, "cannot make the directory '%s'", copy);
}

int fd_open_private_dir(int dirfd, const char *name, struct err *err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	_cleanup_fd_ int fd = openat(dirfd, name, flags);
	struct stat st;

	if (fd < 0 && errno == ENOENT) {
		if (mkdirat(dirfd, name, 0700) < 0 && errno != EEXIST)
			return err_sys(err, errno, "cannot make the directory '%s'", name);
		fd = openat(dirfd, name, flags);
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot open the directory '%s'", name);
	if (st.st_uid != geteuid())
		return err_set(err, EPERM, "directory '%s' belongs to user %u, not to you", name,
			       (unsigned int)st.st_uid);
	if ((st.st_mode & 07777) != 0700 && fchmod(fd, 0700) < 0)
		return err_sys(err, errno, "cannot make the directory '%s' private", name);
	return steal_fd(&fd);
}

/* Through memory where the kernel cannot copy between the two files. */
static int64_t copy_by_hand(int dst, int src)
{
	_cleanup_free_ char *buf = xmalloc(256 * 1024);
	int64_t total = 0;

	for (;;) {
		ssize_t n = read(src, buf, 256 * 1024);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return total;
		r = fd_write_all(dst, buf, (size_t)n);
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
		if (n <= 0)
			break;
		total += n;
	}
	/* An error, or an end that some file systems (procfs) only pretend. */
	rest = copy_by_hand(dst, src);
	return rest < 0 ? rest : total + rest;
}

void fd_close_from(unsigned int first)
{
	_cleanup_dir_ DIR *dir = NULL;
	struct dirent *entry;

#ifdef SYS_close_range
	if (syscall(SYS_close_range, first, ~0U, 0) == 0)
		return;
#endif
	dir = opendir("/proc/self/fd");
	if (!dir) {
		for (unsigned int fd = first; fd < 65536; fd++)
			close((int)fd);
		return;
	}
	while ((entry = readdir(dir))) {
		char *end;
		unsigned long fd = strtoul(entry->d_name, &end, 10);

		if (!*end && end != entry->d_name && fd >= first && (int)fd != dirfd(dir))
			close((int)fd);
	}
}

int fd_set_cloexec(int fd, bool on)
{
	return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? -errno : 0;
}

int fd_above_stdio(int fd)
{
	int moved;

	if (fd < 0 || fd > 2)
		return fd;
	moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	close(fd);
	return moved;
}

void fd_guard_stdio(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		if (open("/dev/null", O_RDWR) != fd)
			abort();
	}
}
