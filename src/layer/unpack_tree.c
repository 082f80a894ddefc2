/* Theory of operation
 *
 * An entry is created relative to its parent directory, which is opened through root_open():
 * symlinks in a parent's path are followed inside root/ and never out of it, and the last component
 * is never followed. Consecutive entries nearly always share their parent, so a handful of
 * directories stay open (slots, least recently used goes first): an ordinary file costs no path
 * walk at all.
 *
 * Creating a child changes a directory's mtime. Instead of a list of all directories to set at the
 * end (as long as a hostile layer likes), a slot remembers the time its directory should have, read
 * when it was opened or given by its tar entry, and puts it back when it closes. That holds because
 * a directory has at most one slot at a time, found by device and inode when a second name (through
 * a symlink) leads to it.
 *
 * Slots are looked up by the path text, so when a directory or a symlink is replaced, every slot
 * but the one in use is closed: any of them may have been reached through it.
 *
 * Whiteouts hide what lower layers have, never what this layer brings, in whatever order the tar
 * says it:
 *   - `.wh.NAME`, nothing of this layer at NAME: a 0:0 device. A later NAME takes its place; when
 * that is a directory it becomes opaque, or the lower NAME's children would show through.
 *   - `.wh.NAME`, a directory of this layer at NAME: that becomes opaque. Anything else at NAME
 * already hides the lower one.
 *   - a directory that replaces a file of this same layer is opaque for the same reason.
 */
#include "layer/unpack_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/root_open.h"
#include "base/str.h"
#include "format/whiteout.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define MAX_LINKS 40	   /* dangling ones on one way, as the kernel's limit */
#define IMPLICIT_MODE 0755 /* of directories that have no entry of their own */

static void slot_close(struct unpack_dir *d)
{
	if (d->fd < 0)
		return;
	if (d->touched) {
		const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, d->mtime};

		if (futimens(d->fd, times) < 0)
			log_debug("cannot set the time of a directory: %s", strerror(errno));
	}
	close(d->fd);
	d->fd = -1;
	d->touched = false;
	d->named = false;
}

/* Forgets every path but keeps `in_use` open. */
static void slots_flush(struct unpack *u, struct unpack_dir *in_use)
{
	for (size_t i = 1; i < UNPACK_SLOTS; i++) {
		if (&u->slots[i] == in_use)
			in_use->named = false;
		else
			slot_close(&u->slots[i]);
	}
}

static void slot_name(struct unpack_dir *d, const char *path, size_t len)
{
	memcpy(d->path, path, len);
	d->path[len] = '\0';
	d->len = len;
	d->named = true;
}

struct unpack_dir *unpack_dir_adopt(struct unpack *u, int fd, const struct stat *st,
				    const char *path, size_t len)
{
	struct unpack_dir *d = NULL;

	for (size_t i = 0; i < UNPACK_SLOTS && !d; i++)
		if (u->slots[i].fd >= 0 && u->slots[i].ino == st->st_ino &&
		    u->slots[i].dev == st->st_dev)
			d = &u->slots[i];
	if (d) {
		close(fd);
	} else {
		d = &u->slots[1];
		for (size_t i = 1; i < UNPACK_SLOTS && d->fd >= 0; i++)
			if (u->slots[i].fd < 0 || u->slots[i].used < d->used)
				d = &u->slots[i];
		slot_close(d);
		d->fd = fd;
		d->dev = st->st_dev;
		d->ino = st->st_ino;
		d->mode = st->st_mode;
		d->mtime = st->st_mtim;
	}
	if (path && d != &u->slots[0])
		slot_name(d, path, len);
	d->used = ++u->tick;
	return d;
}

static struct unpack_dir *slot_find(struct unpack *u, const char *path, size_t len)
{
	for (size_t i = 0; i < UNPACK_SLOTS; i++) {
		struct unpack_dir *d = &u->slots[i];

		if (d->fd >= 0 && d->named && d->len == len && !memcmp(d->path, path, len)) {
			d->used = ++u->tick;
			return d;
		}
	}
	return NULL;
}

static int adopt_opened(struct unpack *u, int fd, const char *path, size_t len,
			struct unpack_dir **ret, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		int code = errno;

		close(fd);
		return err_sys(err, code, "cannot read a directory's attributes");
	}
	*ret = unpack_dir_adopt(u, fd, &st, path, len);
	return 0;
}

bool unpack_mode_differs(const struct unpack *u, const struct unpack_dir *parent, mode_t disk_mode,
			 bool directory)
{
	return (disk_mode & (07000 | u->mask)) || (directory && (parent->mode & S_ISGID));
}

static int mark_wh(struct unpack *u, struct err *err)
{
	int fd = openat(u->dir, "wh", O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_sys(err, errno, "cannot create the layer's wh file");
	close(fd);
	return 0;
}

static int make_wh_file(struct unpack *u, struct unpack_dir *dir, const char *name, struct err *err)
{
	int fd, r = mark_wh(u, err);

	if (r < 0)
		return r;
	fd = openat(dir->fd, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, errno, "cannot create the whiteout '%s'", name);
	close(fd);
	dir->touched = true;
	return 0;
}

int unpack_set_opaque(struct unpack *u, struct unpack_dir *dir, struct err *err)
{
	if (!u->no_xattr) {
		if (fsetxattr(dir->fd, WHITEOUT_OPAQUE_XATTR, "y", 1, 0) == 0)
			return 0;
		if (errno != ENOTSUP && errno != EPERM)
			return err_sys(err, errno, "cannot make a directory opaque");
		u->no_xattr = true;
	}
	return make_wh_file(u, dir, WHITEOUT_OPAQUE, err);
}

int unpack_unwhite(struct unpack *u, struct unpack_dir *parent, const char *name, struct err *err)
{
	char wh[NAME_MAX + 1];

	if (!u->no_mknod)
		return 0;
	if ((size_t)snprintf(wh, sizeof(wh), "%s%s", WHITEOUT_PREFIX, name) >= sizeof(wh))
		return 0; /* no whiteout can have had that name */
	if (unlinkat(parent->fd, wh, 0) == 0) {
		parent->touched = true;
		return 1;
	}
	if (errno != ENOENT)
		return err_sys(err, errno, "cannot remove the whiteout '%s'", wh);
	return 0;
}

int unpack_clear(struct unpack *u, struct unpack_dir *parent, const char *name, struct err *err)
{
	struct stat st;
	int hid = unpack_unwhite(u, parent, name, err);

	if (hid < 0)
		return hid;
	if (fstatat(parent->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return hid;
		return err_sys(err, errno, "cannot look at what is there");
	}
	if (S_ISDIR(st.st_mode) || S_ISLNK(st.st_mode))
		slots_flush(u, parent);
	if (!owners_is_empty(u->owners)) {
		char real[PATH_MAX];
		int r = unpack_real_path(u, parent, name, real, err);

		if (r < 0)
			return r;
		owners_remove(u->owners, real);
	}
	parent->touched = true;
	if (S_ISDIR(st.st_mode)) {
		int r = fd_remove_tree(parent->fd, name, err);

		return r < 0 ? r : hid;
	}
	if (unlinkat(parent->fd, name, 0) < 0)
		return err_sys(err, errno, "cannot replace what is there");
	return 1;
}

/* A directory without an entry of its own. hid: it takes the place of a whiteout. */
static int make_implicit(struct unpack *u, struct unpack_dir *parent, const char *name, int hid,
			 const char *path, size_t len, struct unpack_dir **ret, struct err *err)
{
	int fd, r;

	r = unpack_unwhite(u, parent, name, err);
	if (r < 0)
		return r;
	hid |= r;
	if (mkdirat(parent->fd, name, IMPLICIT_MODE) < 0)
		return err_sys(err, errno, "cannot create the directory '%s'", name);
	parent->touched = true;
	fd = openat(parent->fd, name, DIR_FLAGS);
	if (fd < 0)
		return err_sys(err, errno, "cannot open the directory '%s'", name);
	if (unpack_mode_differs(u, parent, IMPLICIT_MODE, true) && fchmod(fd, IMPLICIT_MODE) < 0) {
		r = err_sys(err, errno, "cannot set the mode of the directory '%s'", name);
		close(fd);
		return r;
	}
	r = adopt_opened(u, fd, path, len, ret, err);
	if (r == 0 && hid)
		r = unpack_set_opaque(u, *ret, err);
	return r;
}

/* The directory that a symlink at `path` leads to, never outside root/. Where it dangles, what it
 * names is made: ".." behind another symlink is then taken as text, which may be another place but
 * inside. */
static int step_through_link(struct unpack *u, struct unpack_dir *parent, const char *name,
			     const char *path, size_t len, struct unpack_dir **ret, struct err *err)
{
	_cleanup_free_ char *target = NULL, *joined = NULL, *clean = NULL;
	const char *slash = strrchr(path, '/');
	int fd = root_open(u->slots[0].fd, path, O_RDONLY | O_DIRECTORY, 0), r;
	ssize_t n;

	if (fd >= 0)
		return adopt_opened(u, fd, path, len, ret, err);
	if (fd != -ENOENT)
		return err_sys(err, -fd, "cannot open the directory '%s'", path);
	if (u->dangling >= MAX_LINKS)
		return err_set(err, ELOOP, "too many symlinks at '%s'", path);
	target = xmalloc(PATH_MAX);
	n = readlinkat(parent->fd, name, target, PATH_MAX - 1);
	if (n < 0)
		return err_sys(err, errno, "cannot read the symlink '%s'", path);
	target[n] = '\0';
	joined = xasprintf("/%.*s/%s", *target != '/' && slash ? (int)(slash - path) : 0, path,
			   target);
	clean = path_clean(joined);
	u->dangling++;
	r = unpack_dir_open(u, clean + 1, strlen(clean + 1), ret, err);
	u->dangling--;
	return r;
}

/* One component of the walk that makes what is missing. path: the prefix that ends with name. */
static int step(struct unpack *u, struct unpack_dir *parent, const char *name, const char *path,
		size_t len, struct unpack_dir **ret, struct err *err)
{
	struct stat st;
	int fd = openat(parent->fd, name, DIR_FLAGS);

	if (fd >= 0)
		return adopt_opened(u, fd, path, len, ret, err);
	if (errno == ENOENT)
		return make_implicit(u, parent, name, 0, path, len, ret, err);
	if (errno != ENOTDIR && errno != ELOOP)
		return err_sys(err, errno, "cannot open the directory '%s'", path);
	if (fstatat(parent->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "cannot look at '%s'", path);
	if (S_ISLNK(st.st_mode))
		return step_through_link(u, parent, name, path, len, ret, err);
	if (!whiteout_is_device(&st))
		return err_set(err, ENOTDIR, "'%s' is not a directory", path);
	if (unlinkat(parent->fd, name, 0) < 0)
		return err_sys(err, errno, "cannot replace the whiteout '%s'", path);
	return make_implicit(u, parent, name, 1, path, len, ret, err);
}

/* path is changed while this works. */
static int make_walk(struct unpack *u, char *path, size_t len, struct unpack_dir **ret,
		     struct err *err)
{
	struct unpack_dir *d = &u->slots[0];
	size_t start = 0;

	while (start < len) {
		char *slash = memchr(path + start, '/', len - start);
		size_t end = slash ? (size_t)(slash - path) : len;
		struct unpack_dir *next = slot_find(u, path, end);

		path[end] = '\0';
		if (!next) {
			int r = step(u, d, path + start, path, end, &next, err);

			if (r < 0)
				return r;
		}
		if (end < len)
			path[end] = '/';
		d = next;
		start = end + 1;
	}
	*ret = d;
	return 0;
}

int unpack_dir_open(struct unpack *u, const char *path, size_t len, struct unpack_dir **ret,
		    struct err *err)
{
	char text[PATH_MAX];
	int fd;

	*ret = slot_find(u, path, len);
	if (*ret)
		return 0;
	if (len >= sizeof(text))
		return err_set(err, ENAMETOOLONG, "name too long");
	memcpy(text, path, len);
	text[len] = '\0';
	fd = root_open(u->slots[0].fd, text, O_RDONLY | O_DIRECTORY, 0);
	if (fd >= 0)
		return adopt_opened(u, fd, path, len, ret, err);
	if (fd != -ENOENT && fd != -ENOTDIR)
		return err_sys(err, -fd, "cannot open its directory '%s'", text);
	return make_walk(u, text, len, ret, err);
}

int unpack_dir_find(struct unpack *u, const char *path, size_t len, struct unpack_dir **ret,
		    struct err *err)
{
	char text[PATH_MAX];
	int fd, r;

	*ret = slot_find(u, path, len);
	if (*ret)
		return 1;
	snprintf(text, sizeof(text), "%.*s", (int)len, path);
	fd = root_open(u->slots[0].fd, text, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -ENOENT || fd == -ENOTDIR)
		return 0;
	if (fd < 0)
		return err_sys(err, -fd, "cannot open the directory '%s'", text);
	r = adopt_opened(u, fd, path, len, ret, err);
	return r < 0 ? r : 1;
}

int unpack_parent(struct unpack *u, const char *path, struct unpack_dir **ret,
		  const char **ret_name, struct err *err)
{
	const char *slash = strrchr(path, '/');

	*ret_name = slash ? slash + 1 : path;
	return unpack_dir_open(u, path, slash ? (size_t)(slash - path) : 0, ret, err);
}

int unpack_real_path(const struct unpack *u, const struct unpack_dir *dir, const char *name,
		     char *out, struct err *err)
{
	char link[64], root[PATH_MAX], path[PATH_MAX];
	const char *below;
	ssize_t n;
	int len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", u->slots[0].fd);
	n = readlink(link, root, sizeof(root) - 1);
	if (n < 0)
		return err_sys(err, errno, "cannot read %s", link);
	root[n] = '\0';
	snprintf(link, sizeof(link), "/proc/self/fd/%d", dir->fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return err_sys(err, errno, "cannot read %s", link);
	path[n] = '\0';
	below = path + strlen(root);
	if (strncmp(path, root, strlen(root)) || (*below && *below != '/'))
		return err_set(err, EXDEV, "the layer's directory was moved while it was unpacked");
	below += *below == '/';
	len = snprintf(out, PATH_MAX, "%s%s%s", below, *below && name ? "/" : "", name ? name : "");
	if (len >= PATH_MAX)
		return err_set(err, ENAMETOOLONG, "name too long");
	return 0;
}

int unpack_whiteout(struct unpack *u, struct unpack_dir *parent, const char *name, struct err *err)
{
	char wh[NAME_MAX + 1];
	struct unpack_dir *dir;
	struct stat st;
	int fd, r;

	if (!u->no_mknod) {
		if (mknodat(parent->fd, name, S_IFCHR, makedev(0, 0)) == 0) {
			parent->touched = true;
			return 0;
		}
		if (errno == EPERM || errno == EOPNOTSUPP || errno == EINVAL || errno == ENOSYS)
			u->no_mknod = true;
		else if (errno != EEXIST)
			return err_sys(err, errno, "cannot create a whiteout");
	}
	if (fstatat(parent->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return err_sys(err, errno, "cannot look at what is there");
		if ((size_t)snprintf(wh, sizeof(wh), "%s%s", WHITEOUT_PREFIX, name) >= sizeof(wh))
			return err_set(err, ENAMETOOLONG, "name too long");
		return make_wh_file(u, parent, wh, err);
	}
	if (!S_ISDIR(st.st_mode))
		return 0;
	fd = openat(parent->fd, name, DIR_FLAGS);
	if (fd < 0)
		return err_sys(err, errno, "cannot open the directory '%s'", name);
	r = adopt_opened(u, fd, NULL, 0, &dir, err);
	return r < 0 ? r : unpack_set_opaque(u, dir, err);
}

int unpack_tree_begin(struct unpack *u, struct err *err)
{
	struct unpack_dir *root = &u->slots[0];
	struct stat st;

	for (size_t i = 0; i < UNPACK_SLOTS; i++)
		u->slots[i].fd = -1;
	u->no_xattr = str_eq(getenv("STRAKE_NO_XATTR"), "1");
	u->no_mknod = str_eq(getenv("STRAKE_NO_MKNOD"), "1");
	if (mkdirat(u->dir, "root", 0777) < 0)
		return err_sys(err, errno, "cannot create the layer's root");
	root->fd = openat(u->dir, "root", DIR_FLAGS);
	if (root->fd < 0 || fstat(root->fd, &st) < 0)
		return err_sys(err, errno, "cannot open the layer's root");
	u->mask = ~st.st_mode & 0777;
	if (fchmod(root->fd, IMPLICIT_MODE) < 0)
		return err_sys(err, errno, "cannot set the mode of the layer's root");
	root->dev = st.st_dev;
	root->ino = st.st_ino;
	root->mode = S_IFDIR | IMPLICIT_MODE;
	root->mtime = st.st_mtim;
	root->named = true;
	return 0;
}

void unpack_tree_end(struct unpack *u)
{
	for (size_t i = UNPACK_SLOTS; i-- > 0;)
		slot_close(&u->slots[i]);
}
