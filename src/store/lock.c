#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/random.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"

#define LOCK_NAME "lock"
#define LOCK_TRIES                                                                                 \
	1000 /* a name that changes hands that often while we look: something is broken */

/* Names for f_type (statfs(2), linux/magic.h and the file systems' own sources) of what people keep
 * homes on and where locks are known to be switched off. */
static const char *file_system_name(int fd)
{
	static const struct {
		uint32_t magic;
		const char *name;
	} known[] = {
		{0x00006969, "NFS"},	{0x0BD00BD0, "Lustre"}, {0x47504653, "GPFS"},
		{0x19830326, "BeeGFS"}, {0x00C36400, "Ceph"},	{0xFF534D42, "CIFS"},
		{0xFE534D42, "SMB"},	{0x65735546, "FUSE"},	{0x01021997, "9p"},
		{0x5346414F, "AFS"},	{0x013111A8, "IBRIX"},	{0xAAD7AAEA, "Panasas"},
		{0x7C7C6673, "prl_fs"}, {0x786F4256, "vboxsf"}, {0x0000517B, "SMB"},
	};
	struct statfs st;

	if (fstatfs(fd, &st) < 0)
		return "this file system";
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if ((uint32_t)st.f_type == known[i].magic)
			return known[i].name;
	return "this file system";
}

static int lock_range(int fd, off_t byte, off_t len, bool exclusive, bool wait)
{
	struct flock fl = {
		.l_type = exclusive ? F_WRLCK : F_RDLCK,
		.l_whence = SEEK_SET,
		.l_start = byte,
		.l_len = len,
	};

	while (fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &fl) < 0) {
		if (errno == EINTR)
			continue;
		return errno == EACCES ? -EAGAIN : -errno;
	}
	return 0;
}

static int lock_error(int fd, int code, const char *name, struct err *err)
{
	switch (code) {
	case EAGAIN:
		return err_set(err, EAGAIN, "'%s' is in use by another process", name);
	case ENOLCK:
	case EINVAL:
	case ENOSYS:
	case EOPNOTSUPP:
		err_sys(err, code, "%s takes no lock on '%s'", file_system_name(fd), name);
		err_hint(err, "have it mounted with locks (NFS: without nolock, Lustre: -o flock), "
			      "or put "
			      "the store elsewhere with --store or STRAKE_STORE");
		return -code;
	default:
		return err_sys(err, code, "cannot lock '%s'", name);
	}
}

int lock_store(struct store *s, enum lock_byte byte, bool exclusive, bool wait, struct err *err)
{
	_cleanup_fd_ int fd = -1;
	_cleanup_free_ char *name = NULL;
	struct stat st;
	int r;

	fd = openat(s->root, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, errno, "cannot open '%s/%s'", s->path, LOCK_NAME);
	r = lock_range(fd, byte, 1, exclusive, wait);
	if (r == -EAGAIN)
		return err_set(err, EAGAIN, "the store '%s' is in use by another process", s->path);
	if (r < 0) {
		name = xasprintf("%s/%s", s->path, LOCK_NAME);
		return lock_error(fd, -r, name, err);
	}
	/* Only `reset` removes it, with the store, while we waited. */
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot look at '%s/%s'", s->path, LOCK_NAME);
	if (st.st_nlink == 0)
		return err_set(err, ESTALE, "the store '%s' was removed meanwhile", s->path);
	return steal_fd(&fd);
}

int lock_file(int dirfd, const char *name, int flags, struct stat *ret_st, struct err *err)
{
	for (int tries = 0; tries < LOCK_TRIES; tries++) {
		_cleanup_fd_ int fd = -1;
		struct stat st, now;
		int r;

		fd = openat(dirfd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags, 0644);
		if (fd < 0 && errno == ESTALE)
			continue;
		if (fd < 0)
			return err_sys(err, errno, "cannot open '%s'", name);
		r = lock_range(fd, 0, 0, true, false);
		if (r < 0)
			return lock_error(fd, -r, name, err);
		if (fstat(fd, &st) < 0)
			return err_sys(err, errno, "cannot look at '%s'", name);
		if (!S_ISREG(st.st_mode))
			return err_set(err, EINVAL, "'%s' is not a regular file", name);
		if (fstatat(dirfd, name, &now, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno == ENOENT || errno == ESTALE)
				continue;
			return err_sys(err, errno, "cannot look at '%s'", name);
		}
		if (st.st_dev != now.st_dev || st.st_ino != now.st_ino)
			continue;
		if (ret_st)
			*ret_st = st;
		return steal_fd(&fd);
	}
	return err_set(err, ESTALE, "'%s' is replaced faster than it can be locked", name);
}

int lock_file_new(int dirfd, const char *prefix, const char *suffix, char **ret_name,
		  struct err *err)
{
	for (;;) {
		_cleanup_free_ char *name = NULL;
		unsigned char random[8];
		char hex[2 * sizeof(random) + 1];
		int fd;

		if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
			return err_sys(err, errno, "cannot get random bytes");
		str_hex(random, sizeof(random), hex);
		name = xasprintf("%s%s%s", prefix, hex, suffix);
		fd = lock_file(dirfd, name, O_CREAT | O_EXCL, NULL, err);
		if (fd == -EEXIST || fd == -EAGAIN)
			continue;
		if (fd >= 0)
			*ret_name = steal_ptr(&name);
		return fd;
	}
}
