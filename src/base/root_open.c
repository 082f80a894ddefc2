#include "base/root_open.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/root_impl.h"

#define RETRIES 1000 /* of a lookup that a rename raced with */

enum { UNKNOWN, YES, NO };
static atomic_int has_openat2 = UNKNOWN;

static long openat2_in_root(int rootfd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (unsigned int)flags | O_CLOEXEC,
		.mode = flags & O_CREAT ? mode & 07777 : 0,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	return syscall(SYS_openat2, rootfd, path, &how, sizeof(how));
}

bool root_open_has_openat2(void)
{
	int known = atomic_load(&has_openat2);

	if (known == UNKNOWN) {
		const char *forced = getenv("STRAKE_NO_OPENAT2");
		long fd = -1;

		if (!forced || strcmp(forced, "1") != 0)
			fd = openat2_in_root(AT_FDCWD, ".", O_PATH, 0);
		known = fd >= 0 || (errno != ENOSYS && errno != EPERM && !forced) ? YES : NO;
		if (fd >= 0)
			close((int)fd);
		atomic_store(&has_openat2, known);
	}
	return known == YES;
}

int root_open(int rootfd, const char *path, int flags, mode_t mode)
{
	/* O_PATH takes no others; openat2 refuses what openat ignores. */
	if (flags & O_PATH)
		flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW;
	if (!*path)
		path = ".";
	if (!root_open_has_openat2())
		return root_walk(rootfd, path, flags, mode);
	for (int i = 0; i < RETRIES; i++) {
		long fd = openat2_in_root(rootfd, path, flags, mode);

		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return -EAGAIN;
}

/* Where the last component begins and how long it is; 0 when path names the root. */
static size_t last_component(const char *path, const char **ret)
{
	const char *end = path + strlen(path), *start;

	while (end > path && end[-1] == '/')
		end--;
	for (start = end; start > path && start[-1] != '/'; start--)
		;
	*ret = start;
	return (size_t)(end - start);
}

int root_open_parent(int rootfd, const char *path, const char **ret_name)
{
	const char *name;
	size_t len = last_component(path, &name);
	_cleanup_free_ char *parent = NULL;

	if (len == 0 || (len == 1 && *name == '.') ||
	    (len == 2 && name[0] == '.' && name[1] == '.'))
		return -EINVAL;
	/* A trailing slash would become part of the name. */
	if (name[len] != '\0')
		return -EINVAL;
	parent = xstrndup(path, (size_t)(name - path));
	*ret_name = name;
	return root_open(rootfd, parent, O_PATH | O_DIRECTORY, 0);
}

/* One more directory below dir, which may be a link to one. Consumes dir. */
static int descend(int rootfd, int dir, const char *walked, const char *name, mode_t mode)
{
	_cleanup_fd_ int parent = dir;
	int fd;

	if (mkdirat(parent, name, mode) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 || (errno != ENOTDIR && errno != ELOOP))
		return fd < 0 ? -errno : fd;
	/* A link, or no directory: the whole way again, resolved inside the root. */
	return root_open(rootfd, walked, O_PATH | O_DIRECTORY, 0);
}

int root_mkdir_p(int rootfd, const char *path, mode_t mode)
{
	_cleanup_free_ char *copy = xstrdup(path);
	_cleanup_fd_ int dir = root_open(rootfd, ".", O_PATH | O_DIRECTORY, 0);
	char *p = copy;

	while (dir >= 0) {
		_cleanup_free_ char *name = NULL;
		char saved;
		size_t len;

		p += strspn(p, "/");
		len = strcspn(p, "/");
		if (!len)
			break;
		name = xstrndup(p, len);
		p += len;
		saved = *p;
		*p = '\0';
		if (strcmp(name, "..") == 0) {
			close(dir);
			dir = root_open(rootfd, copy, O_PATH | O_DIRECTORY, 0);
		} else if (strcmp(name, ".") != 0) {
			dir = descend(rootfd, steal_fd(&dir), copy, name, mode);
		}
		*p = saved;
	}
	return dir < 0 ? dir : steal_fd(&dir);
}

int root_touch(int rootfd, const char *path, mode_t mode)
{
	const char *name;
	_cleanup_fd_ int parent = -1, file = -1;
	struct stat st;
	int fd = root_open(rootfd, path, O_PATH, 0);

	if (fd >= 0) {
		if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
			return fd;
		close(fd);
		return -EISDIR;
	}
	if (fd != -ENOENT)
		return fd;
	if (last_component(path, &name)) {
		_cleanup_free_ char *dir = xstrndup(path, (size_t)(name - path));

		parent = root_mkdir_p(rootfd, dir, 0755);
		if (parent < 0)
			return parent;
	}
	file = root_open(rootfd, path, O_WRONLY | O_CREAT | O_NOCTTY | O_NONBLOCK, mode);
	if (file < 0)
		return file;
	return root_open(rootfd, path, O_PATH, 0);
}
