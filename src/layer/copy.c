/* Theory of operation
 *
 * Layers are applied in order, base first, as the kernel's overlay would show them: an opaque
 * directory or a whiteout removes what is in the destination, a directory over a directory replaces
 * its attributes, all else is removed and made anew. Both forms of whiteouts are understood; the
 * `.wh.` names can mean nothing else, since unpacking refuses such files.
 *
 * Each directory is a job on a stack: its path below root/. It is opened in the layer and in the
 * destination for its own time only, so neither the depth of the tree nor its width costs
 * descriptors. In the destination no component of the path is a symlink, because whatever was there
 * has been replaced by the layer's directory; root_open() makes sure that a mistake here would stay
 * inside.
 *
 * A directory's time is set when its layer is done: until then children change it.
 */
#include "layer/copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/root_open.h"
#include "base/str.h"
#include "base/vec.h"
#include "format/override_stat.h"
#include "format/whiteout.h"
#include "layer/owner.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* The first name of a file of this layer that has several. */
struct link {
	ino_t ino;
	char *path;
};

struct dir_time {
	char *path;
	struct timespec mtime;
};

struct copy {
	int dst;
	int src; /* the layer's root/ */
	bool owners;
	bool records; /* src is a layer: override_stat and the sidecar tell the owners */
	struct owners *sidecar;
	bool no_reflink;
	char **jobs; /* paths of directories to do */
	size_t n_jobs, cap_jobs;
	struct dir_time *times;
	size_t n_times, cap_times;
	struct link *links; /* open addressing by inode, path NULL is free */
	size_t n_links, links_size;
	char *buf; /* COPY_BUF bytes, when needed */
};

#define COPY_BUF (256 * 1024)

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

static bool is_opaque(int fd)
{
	char value;

	return fgetxattr(fd, WHITEOUT_OPAQUE_XATTR, &value, 1) == 1 && value == 'y';
}

/* ---- hard links */

static struct link *link_cell(struct link *links, size_t size, ino_t ino)
{
	size_t i = (size_t)((uint64_t)ino * 0x9e3779b97f4a7c15ull >> 20);

	while (links[i & (size - 1)].path && links[i & (size - 1)].ino != ino)
		i++;
	return &links[i & (size - 1)];
}

static struct link *link_find(struct copy *c, ino_t ino)
{
	if (2 * (c->n_links + 1) > c->links_size) {
		size_t size = c->links_size ? 2 * c->links_size : 256;
		struct link *links = xcalloc(size, sizeof(*links));

		for (size_t i = 0; i < c->links_size; i++)
			if (c->links[i].path)
				*link_cell(links, size, c->links[i].ino) = c->links[i];
		free(c->links);
		c->links = links;
		c->links_size = size;
	}
	return link_cell(c->links, c->links_size, ino);
}

static void links_forget(struct copy *c)
{
	for (size_t i = 0; i < c->links_size; i++)
		free(c->links[i].path);
	free(c->links);
	c->links = NULL;
	c->n_links = c->links_size = 0;
}

/* ---- content and attributes */

/* [from, to) by copy_file_range, else by read and write. */
static int copy_range(struct copy *c, int dst, int src, off_t from, off_t to)
{
	while (from < to) {
		off_t in = from, out = from;
		int r;
		ssize_t n = copy_file_range(src, &in, dst, &out, (size_t)(to - from), 0);

		if (n <= 0) {
			if (!c->buf)
				c->buf = xmalloc(COPY_BUF);
			n = pread(src, c->buf,
				  to - from < COPY_BUF ? (size_t)(to - from) : COPY_BUF, from);
			if (n < 0)
				return -errno;
			if (n == 0)
				return -EIO; /* shorter than it was */
			r = fd_pwrite_all(dst, c->buf, (size_t)n, from);
			if (r < 0)
				return r;
		}
		from += n;
	}
	return 0;
}

static int copy_content(struct copy *c, int dst, int src, const struct stat *st)
{
	off_t data = 0, hole = st->st_size;

	if (!st->st_size)
		return 0;
	if (!c->no_reflink) {
		if (ioctl(dst, FICLONE, src) == 0)
			return 0;
		c->no_reflink = true;
	}
	if (st->st_blocks * 512 >= st->st_size)
		return copy_range(c, dst, src, 0, st->st_size);
	while (data < st->st_size) {
		int r;

		data = lseek(src, data, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break; /* a hole up to the end */
		if (data < 0)
			return -errno;
		hole = lseek(src, data, SEEK_HOLE);
		if (hole < 0)
			return -errno;
		r = copy_range(c, dst, src, data, hole);
		if (r < 0)
			return r;
		data = hole;
	}
	return ftruncate(dst, st->st_size) < 0 ? -errno : 0;
}

/* device: the override_stat record stays with its placeholder. */
static int copy_xattrs(struct copy *c, int dst, int src, bool device)
{
	char names[4096], value[4096];
	ssize_t n = flistxattr(src, names, sizeof(names));

	if (n < 0)
		return errno == ENOTSUP ? 0 : -errno;
	for (const char *p = names; p < names + n; p += strlen(p) + 1) {
		bool record = str_eq(p, OVERRIDE_STAT_XATTR);
		_cleanup_free_ char *large = NULL;
		char *v = value;
		ssize_t size;

		if (record ? c->owners && c->records && !device : !xattr_is_settable(p))
			continue;
		size = fgetxattr(src, p, value, sizeof(value));
		if (size < 0 && errno == ERANGE) {
			v = large = xmalloc(LIMIT_XATTR_VALUE);
			size = fgetxattr(src, p, large, LIMIT_XATTR_VALUE);
		}
		if (size < 0)
			return -errno;
		if (fsetxattr(dst, p, v, (size_t)size, 0) < 0 && errno != ENOTSUP && errno != EPERM)
			return -errno;
	}
	return 0;
}

/* Of directories and regular files. true_st: owner_resolve()'s; disk: as on disk. */
static int set_attributes(struct copy *c, int dst, int src, const struct stat *disk,
			  const struct stat *true_st)
{
	int r = copy_xattrs(c, dst, src, S_ISCHR(true_st->st_mode) || S_ISBLK(true_st->st_mode));

	if (r < 0)
		return r;
	if (c->owners && fchown(dst, true_st->st_uid, true_st->st_gid) < 0)
		return -errno;
	if (fchmod(dst, (c->owners ? true_st : disk)->st_mode & 07777) < 0)
		return -errno;
	return 0;
}

/* ---- one name */

static int resolve(struct copy *c, int fd, const char *path, const struct stat *disk,
		   struct stat *ret)
{
	*ret = *disk;
	return c->owners && c->records ? owner_resolve(fd, path, c->sidecar, ret) : 0;
}

static int copy_regular(struct copy *c, int sdir, const char *name, int ddir, const char *to,
			const char *path, const struct stat *st)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, st->st_mtim};
	_cleanup_fd_ int src = openat(sdir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), dst = -1;
	struct stat true_st;
	int r;

	if (src < 0)
		return -errno;
	dst = openat(ddir, to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (dst < 0)
		return -errno;
	r = resolve(c, src, path, st, &true_st);
	if (r == 0)
		r = copy_content(c, dst, src, st);
	if (r == 0)
		r = set_attributes(c, dst, src, st, &true_st);
	if (r == 0 && futimens(dst, times) < 0)
		r = -errno;
	return r;
}

static int copy_special(struct copy *c, int sdir, const char *name, int ddir, const char *to,
			const char *path, const struct stat *st)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, st->st_mtim};
	struct stat true_st;
	int r;

	if (S_ISLNK(st->st_mode)) {
		_cleanup_free_ char *target = xmalloc(PATH_MAX);
		ssize_t n = readlinkat(sdir, name, target, PATH_MAX - 1);

		if (n < 0)
			return -errno;
		target[n] = '\0';
		if (symlinkat(target, ddir, to) < 0)
			return -errno;
	} else if (mkfifoat(ddir, to, 0600) < 0) {
		return -errno;
	}
	if (c->owners) {
		r = resolve(c, -1, path, st, &true_st);
		if (r < 0)
			return r;
		if (fchownat(ddir, to, true_st.st_uid, true_st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
			return -errno;
	}
	if (S_ISFIFO(st->st_mode) && fchmodat(ddir, to, st->st_mode & 07777, 0) < 0)
		return -errno;
	return utimensat(ddir, to, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int link_to(struct copy *c, int ddir, const char *name, const char *first)
{
	const char *base;
	_cleanup_fd_ int parent = root_open_parent(c->dst, first, &base);

	if (parent < 0)
		return parent;
	return linkat(parent, base, ddir, name, 0) < 0 ? -errno : 0;
}

static int clear(int ddir, const char *name, struct err *err)
{
	if (unlinkat(ddir, name, 0) == 0 || errno == ENOENT)
		return 0;
	return fd_remove_tree(ddir, name, err);
}

static int copy_file(struct copy *c, int sdir, int ddir, const char *name, char *path,
		     const struct stat *st, struct err *err)
{
	struct link *link = st->st_nlink > 1 ? link_find(c, st->st_ino) : NULL;
	int r = clear(ddir, name, err);

	if (r < 0)
		return r;
	if (link && link->path)
		r = link_to(c, ddir, name, link->path);
	else if (S_ISREG(st->st_mode))
		r = copy_regular(c, sdir, name, ddir, name, path, st);
	else if (S_ISLNK(st->st_mode) || S_ISFIFO(st->st_mode))
		r = copy_special(c, sdir, name, ddir, name, path, st);
	if (r < 0)
		return err_sys(err, -r, "cannot copy '%s'", path);
	if (link && !link->path) {
		link->ino = st->st_ino;
		link->path = xstrdup(path);
		c->n_links++;
	}
	return 0;
}

/* Makes the directory and sets its attributes; what is in it is a job of its own. */
static int copy_dir(struct copy *c, int sdir, int ddir, const char *name, const char *path,
		    const struct stat *st, struct err *err)
{
	_cleanup_fd_ int src = openat(sdir, name, DIR_FLAGS), dst = -1;
	struct stat true_st;
	int r;

	if (src < 0)
		return err_sys(err, errno, "cannot open '%s'", path);
	if (is_opaque(src)) {
		r = clear(ddir, name, err);
		if (r < 0)
			return r;
	}
	if (mkdirat(ddir, name, 0700) < 0) {
		struct stat there;

		if (errno != EEXIST || fstatat(ddir, name, &there, AT_SYMLINK_NOFOLLOW) < 0)
			return err_sys(err, errno, "cannot create '%s'", path);
		if (!S_ISDIR(there.st_mode)) {
			r = clear(ddir, name, err);
			if (r < 0)
				return r;
			if (mkdirat(ddir, name, 0700) < 0)
				return err_sys(err, errno, "cannot create '%s'", path);
		}
	}
	dst = openat(ddir, name, DIR_FLAGS);
	if (dst < 0)
		return err_sys(err, errno, "cannot open '%s'", path);
	r = resolve(c, src, path, st, &true_st);
	if (r == 0)
		r = set_attributes(c, dst, src, st, &true_st);
	if (r < 0)
		return err_sys(err, -r, "cannot set the attributes of '%s'", path);
	return 0;
}

/* ---- directories */

static void add_job(struct copy *c, const char *path, const struct stat *st)
{
	c->jobs = vec_grow(c->jobs, &c->cap_jobs, c->n_jobs + 1, sizeof(*c->jobs));
	c->jobs[c->n_jobs++] = xstrdup(path);
	c->times = vec_grow(c->times, &c->cap_times, c->n_times + 1, sizeof(*c->times));
	c->times[c->n_times++] = (struct dir_time){.path = xstrdup(path), .mtime = st->st_mtim};
}

/* Removes everything in a directory of the destination. */
static int empty_dir(int fd, struct err *err)
{
	_cleanup_dir_ DIR *d = NULL;
	int copy = openat(fd, ".", DIR_FLAGS), r = 0;

	if (copy < 0)
		return err_sys(err, errno, "cannot read a directory");
	d = fdopendir(copy);
	for (struct dirent *de; r == 0 && (de = readdir(d));)
		if (!str_eq(de->d_name, ".") && !str_eq(de->d_name, ".."))
			r = clear(fd, de->d_name, err);
	return r;
}

/* What the layer's whiteouts in this directory remove, before anything of the layer is put there.
 */
static int apply_whiteouts(int sdir, DIR *entries, int ddir, struct err *err)
{
	const char *target;
	struct stat st;
	int r = 0;

	if (faccessat(sdir, WHITEOUT_OPAQUE, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		r = empty_dir(ddir, err);
	for (struct dirent *de; r == 0 && (de = readdir(entries));) {
		if (whiteout_kind(de->d_name, &target) == WHITEOUT_FILE)
			r = clear(ddir, target, err);
		else if ((de->d_type == DT_CHR || de->d_type == DT_UNKNOWN) &&
			 fstatat(sdir, de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			 is_whiteout(&st))
			r = clear(ddir, de->d_name, err);
	}
	rewinddir(entries);
	return r;
}

static int copy_entry(struct copy *c, int sdir, int ddir, const char *name, const char *dir,
		      struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s%s%s", dir, *dir ? "/" : "", name);
	struct stat st;
	int r;

	if (fstatat(sdir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "cannot read the attributes of '%s'", path);
	if (is_whiteout(&st))
		return 0;
	if (!S_ISDIR(st.st_mode))
		return copy_file(c, sdir, ddir, name, path, &st, err);
	r = copy_dir(c, sdir, ddir, name, path, &st, err);
	if (r == 0)
		add_job(c, path, &st);
	return r;
}

static int run_job(struct copy *c, const char *dir, struct err *err)
{
	_cleanup_dir_ DIR *entries = NULL;
	_cleanup_fd_ int dst = -1;
	int src, r;

	dst = root_open(c->dst, dir, O_RDONLY | O_DIRECTORY, 0);
	src = root_open(c->src, dir, O_RDONLY | O_DIRECTORY, 0);
	if (src >= 0)
		entries = fdopendir(src);
	if (dst < 0 || !entries)
		return err_sys(err, dst < 0 ? -dst : -src, "cannot open '%s'", dir);
	r = apply_whiteouts(src, entries, dst, err);
	for (struct dirent *de; r == 0 && (de = readdir(entries));)
		if (!str_starts(de->d_name, ".wh.") && !str_eq(de->d_name, ".") &&
		    !str_eq(de->d_name, ".."))
			r = copy_entry(c, src, dst, de->d_name, dir, err);
	return r;
}

static int set_times(struct copy *c, struct err *err)
{
	for (size_t i = c->n_times; i-- > 0;) {
		const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, c->times[i].mtime};
		int fd = root_open(c->dst, c->times[i].path, O_RDONLY | O_DIRECTORY, 0);
		int r = fd < 0 ? fd : futimens(fd, times) < 0 ? -errno : 0;

		if (fd >= 0)
			close(fd);
		if (r < 0)
			return err_sys(err, -r, "cannot set the time of '%s'", c->times[i].path);
	}
	return 0;
}

/* Everything below c->src. */
static int copy_source(struct copy *c, struct err *err)
{
	struct stat st, true_st;
	int r;

	if (fstat(c->src, &st) < 0)
		return err_sys(err, errno, "cannot read the attributes of the root");
	r = resolve(c, c->src, "", &st, &true_st);
	if (r == 0)
		r = set_attributes(c, c->dst, c->src, &st, &true_st);
	if (r < 0)
		return err_sys(err, -r, "cannot set the attributes of the root");
	add_job(c, "", &st);
	while (r == 0 && c->n_jobs) {
		_cleanup_free_ char *dir = c->jobs[--c->n_jobs];

		r = run_job(c, dir, err);
	}
	return r < 0 ? r : set_times(c, err);
}

static int copy_layer(struct copy *c, int layer, struct err *err)
{
	int r;

	c->src = openat(layer, "root", DIR_FLAGS);
	if (c->src < 0)
		return err_sys(err, errno, "cannot open a layer's root");
	r = owners_load(layer, &c->sidecar, err);
	if (r == 0 && is_opaque(c->src))
		r = empty_dir(c->dst, err);
	return r < 0 ? r : copy_source(c, err);
}

static void forget_layer(struct copy *c)
{
	while (c->n_jobs)
		free(c->jobs[--c->n_jobs]);
	while (c->n_times)
		free(c->times[--c->n_times].path);
	links_forget(c);
	owners_free(c->sidecar);
	c->sidecar = NULL;
	fd_closep(&c->src);
}

static void release(struct copy *c)
{
	free(c->jobs);
	free(c->times);
	free(c->buf);
}

int layer_copy(int dst, const int *layers, size_t n_layers, bool owners, struct err *err)
{
	struct copy c = {.dst = dst, .src = -1, .owners = owners, .records = true};
	int r = 0;

	for (size_t i = 0; i < n_layers && r == 0; i++) {
		r = copy_layer(&c, layers[i], err);
		forget_layer(&c);
	}
	release(&c);
	return r;
}

int layer_copy_tree(int dst, int src, struct err *err)
{
	struct copy c = {.dst = dst, .src = openat(src, ".", DIR_FLAGS), .owners = true};
	int r = c.src < 0 ? err_sys(err, errno, "cannot open the source") : copy_source(&c, err);

	forget_layer(&c);
	release(&c);
	return r;
}

int layer_copy_file(int dst_dir, const char *dst, int src_dir, const char *src,
		    const struct stat *st, struct err *err)
{
	struct copy c = {.dst = -1, .src = -1};
	int r = S_ISREG(st->st_mode) ? copy_regular(&c, src_dir, src, dst_dir, dst, src, st)
				     : copy_special(&c, src_dir, src, dst_dir, dst, src, st);

	release(&c);
	return r < 0 ? err_sys(err, -r, "cannot copy '%s'", src) : 0;
}
