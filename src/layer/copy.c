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
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/root_open.h"
#include "base/str.h"
#include "base/vec.h"
#include "format/whiteout.h"
#include "layer/copy_impl.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

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
	r = copy_resolve(c, src, path, st, &true_st);
	if (r == 0)
		r = copy_attributes(c, dst, src, st, &true_st);
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
			 whiteout_is_device(&st))
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
	if (whiteout_is_device(&st))
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
	r = copy_resolve(c, c->src, "", &st, &true_st);
	if (r == 0)
		r = copy_attributes(c, c->dst, c->src, &st, &true_st);
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

int layer_copy(int dst, const int *layers, size_t n_layers, bool owners, struct err *err)
{
	struct copy c = {.dst = dst, .src = -1, .owners = owners, .records = true};
	int r = 0;

	for (size_t i = 0; i < n_layers && r == 0; i++) {
		r = copy_layer(&c, layers[i], err);
		forget_layer(&c);
	}
	copy_release(&c);
	return r;
}

int layer_copy_tree(int dst, int src, struct err *err)
{
	struct copy c = {.dst = dst, .src = openat(src, ".", DIR_FLAGS), .owners = true};
	int r = c.src < 0 ? err_sys(err, errno, "cannot open the source") : copy_source(&c, err);

	forget_layer(&c);
	copy_release(&c);
	return r;
}
