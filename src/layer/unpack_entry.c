/* One entry of the tar made into a file. The tree's safety is unpack_tree.c's: here everything
 * happens at parent/name, with the last component never followed.
 *
 * As few system calls as possible: an ordinary file is openat, write, futimens, close. Its mode is
 * right from the start unless the umask or special bits interfere; an xattr is written only for
 * what cannot be kept otherwise. In each function the record of the owner comes before the entry's
 * own xattrs, which may fill the space there is for them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/override_stat.h"
#include "format/whiteout.h"
#include "layer/unpack_impl.h"

/* Large files go to the disk while the rest is unpacked: less is left for the sync at the end. */
#define WRITE_AT_ONCE (1024 * 1024)

static bool is_device(const struct unpack_entry *e)
{
	return S_ISCHR(e->type) || S_ISBLK(e->type);
}

static int record_aside(struct unpack *u, const struct unpack_dir *dir, const char *name,
			const struct override_stat *stat, struct err *err)
{
	char real[PATH_MAX];
	int r = unpack_real_path(u, dir, name, real, err);

	if (r < 0)
		return r;
	owners_add(u->owners, real, stat);
	if (owners_is_full(u->owners))
		return err_set(err, EFBIG, "more owners than can be kept beside the layer");
	return 0;
}

/* Keeps what the file at dir/name (name NULL: dir itself) cannot show by itself. fd: open, or -1
 * where no xattr is possible. fresh: nothing can be recorded for that path yet. */
static int record_owner(struct unpack *u, int fd, const struct unpack_dir *dir, const char *name,
			const struct unpack_entry *e, mode_t disk_mode, bool fresh, struct err *err)
{
	const struct override_stat stat = {
		.uid = e->uid,
		.gid = e->gid,
		.mode = e->mode,
		.type = is_device(e) ? e->type : 0,
		.major = e->major,
		.minor = e->minor,
	};
	bool needed = e->uid || e->gid || disk_mode != e->mode || is_device(e);

	if (!needed && (fresh || owners_is_empty(u->owners)))
		return 0;
	if (needed && fd >= 0 && !u->no_xattr) {
		char text[OVERRIDE_STAT_MAX];
		size_t len = override_stat_format(&stat, text);

		if (fsetxattr(fd, OVERRIDE_STAT_XATTR, text, len, 0) == 0)
			return 0;
		if (errno == ENOTSUP || errno == EPERM)
			u->no_xattr = true;
		else if (errno != ENOSPC && errno != E2BIG && errno != ERANGE)
			return err_sys(err, errno, "cannot record its owner");
	}
	return record_aside(u, dir, name, &stat, err);
}

/* An empty regular file, in place of whatever is there. Returns its descriptor. */
static int create_file(struct unpack *u, struct unpack_dir *parent, const char *name, mode_t mode,
		       struct err *err)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd, r;

	r = unpack_unwhite(u, parent, name, err);
	if (r < 0)
		return r;
	/* u+w: an ordinary user sets user.* xattrs only on what he may write */
	mode = (mode & 0777) | S_IWUSR;
	fd = openat(parent->fd, name, flags, mode);
	if (fd < 0 && errno == EEXIST) {
		r = unpack_clear(u, parent, name, err);
		if (r < 0)
			return r;
		fd = openat(parent->fd, name, flags, mode);
	}
	if (fd < 0)
		return unpack_write_failed(errno, "cannot create the file", err);
	parent->touched = true;
	return fd;
}

static int finish_file(struct unpack *u, int fd, struct unpack_dir *parent,
		       const struct unpack_entry *e, mode_t mode, struct err *err)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, e->mtime};

	if ((unpack_mode_differs(u, parent, mode, false) || !(mode & S_IWUSR)) &&
	    fchmod(fd, mode) < 0)
		return err_sys(err, errno, "cannot set the mode");
	if (futimens(fd, times) < 0)
		return err_sys(err, errno, "cannot set the time");
	return 0;
}

/* Regular files, and the placeholders of devices. */
static int place_file(struct unpack *u, struct unpack_dir *parent, const char *name,
		      const struct unpack_entry *e, struct err *err)
{
	mode_t mode = override_stat_disk_mode(e->mode, false);
	int fd, r;

	fd = create_file(u, parent, name, mode, err);
	if (fd < 0)
		return fd;
	r = S_ISREG(e->type) ? unpack_content(u, e, fd, err) : 0;
	if (r == 0)
		r = record_owner(u, fd, parent, name, e, mode, true, err);
	if (r == 0)
		r = unpack_xattrs(u, e, fd, err);
	if (r == 0)
		r = finish_file(u, fd, parent, e, mode, err);
	if (r == 0 && e->size >= WRITE_AT_ONCE)
		sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE); /* only begins */
	if (close(fd) < 0 && r == 0)
		r = unpack_write_failed(errno, "cannot close the file", err);
	return r;
}

/* What an earlier entry of the same directory set, except that it is opaque. */
static void drop_xattrs(int fd)
{
	char names[4096];
	ssize_t n = flistxattr(fd, names, sizeof(names));

	for (const char *p = names; n > 0 && p < names + n; p += strlen(p) + 1)
		if (str_starts(p, "user.") && !str_eq(p, WHITEOUT_OPAQUE_XATTR))
			fremovexattr(fd, p);
}

/* fresh: made by this entry. */
static int dir_attributes(struct unpack *u, struct unpack_dir *dir, const struct unpack_entry *e,
			  bool differs, bool fresh, struct err *err)
{
	mode_t mode = override_stat_disk_mode(e->mode, true);
	int r;

	if (!fresh)
		drop_xattrs(dir->fd);
	if ((differs || !fresh) && fchmod(dir->fd, mode) < 0)
		return err_sys(err, errno, "cannot set the mode");
	dir->mode = S_IFDIR | mode;
	r = record_owner(u, dir->fd, dir, NULL, e, mode, fresh, err);
	if (r == 0)
		r = unpack_xattrs(u, e, dir->fd, err);
	dir->mtime = e->mtime;
	dir->touched = true;
	return r;
}

static int place_dir(struct unpack *u, struct unpack_dir *parent, const char *name,
		     const struct unpack_entry *e, struct err *err)
{
	mode_t mode = override_stat_disk_mode(e->mode, true);
	bool differs = unpack_mode_differs(u, parent, mode, true), fresh;
	struct unpack_dir *dir;
	struct stat st;
	int fd, r, hid;

	hid = unpack_unwhite(u, parent, name, err);
	if (hid < 0)
		return hid;
	fresh = mkdirat(parent->fd, name, mode & 0777) == 0;
	if (!fresh && errno == EEXIST) {
		if (fstatat(parent->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return err_sys(err, errno, "cannot look at what is there");
		if (!S_ISDIR(st.st_mode)) {
			hid = unpack_clear(u, parent, name, err);
			if (hid < 0)
				return hid;
			fresh = mkdirat(parent->fd, name, mode & 0777) == 0;
		}
		errno = EEXIST;
	}
	if (!fresh && errno != EEXIST)
		return unpack_write_failed(errno, "cannot create the directory", err);
	fd = openat(parent->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "cannot open the directory");
	if (fstat(fd, &st) < 0) {
		r = err_sys(err, errno, "cannot read the directory's attributes");
		close(fd);
		return r;
	}
	parent->touched |= fresh;
	dir = unpack_dir_adopt(u, fd, &st, e->path, strlen(e->path));
	if (hid) {
		r = unpack_set_opaque(u, dir, err);
		if (r < 0)
			return r;
	}
	return dir_attributes(u, dir, e, differs, fresh, err);
}

/* Symlinks and fifos take neither user xattrs nor futimens. */
static int finish_special(struct unpack *u, struct unpack_dir *parent, const char *name,
			  const struct unpack_entry *e, struct err *err)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, e->mtime};

	parent->touched = true;
	if (utimensat(parent->fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "cannot set the time");
	return record_owner(u, -1, parent, name, e, e->mode, true, err);
}

static int place_symlink(struct unpack *u, struct unpack_dir *parent, const char *name,
			 const struct unpack_entry *e, struct err *err)
{
	int r = unpack_unwhite(u, parent, name, err);

	if (r < 0)
		return r;
	if (symlinkat(e->target, parent->fd, name) < 0) {
		if (errno != EEXIST)
			return unpack_write_failed(errno, "cannot create the symlink", err);
		r = unpack_clear(u, parent, name, err);
		if (r < 0)
			return r;
		if (symlinkat(e->target, parent->fd, name) < 0)
			return unpack_write_failed(errno, "cannot create the symlink", err);
	}
	return finish_special(u, parent, name, e, err);
}

static int place_fifo(struct unpack *u, struct unpack_dir *parent, const char *name,
		      const struct unpack_entry *e, struct err *err)
{
	int r = unpack_unwhite(u, parent, name, err);

	if (r < 0)
		return r;
	if (mkfifoat(parent->fd, name, e->mode & 0777) < 0) {
		if (errno != EEXIST)
			return unpack_write_failed(errno, "cannot create the fifo", err);
		r = unpack_clear(u, parent, name, err);
		if (r < 0)
			return r;
		if (mkfifoat(parent->fd, name, e->mode & 0777) < 0)
			return unpack_write_failed(errno, "cannot create the fifo", err);
	}
	if (unpack_mode_differs(u, parent, e->mode, false) &&
	    fchmodat(parent->fd, name, e->mode, 0) < 0)
		return err_sys(err, errno, "cannot set the mode");
	return finish_special(u, parent, name, e, err);
}

/* The record beside the layer, if the target has one, for its new name too. */
static int share_record(struct unpack *u, const struct unpack_dir *from, const char *from_name,
			const struct unpack_dir *to, const char *to_name, struct err *err)
{
	const struct override_stat *found;
	struct override_stat stat;
	char real[PATH_MAX];
	int r;

	if (owners_is_empty(u->owners))
		return 0;
	r = unpack_real_path(u, from, from_name, real, err);
	if (r < 0)
		return r;
	found = owners_find(u->owners, real);
	if (!found)
		return 0;
	stat = *found;
	return record_aside(u, to, to_name, &stat, err);
}

/* The target is not in this layer: a lower one may have it. */
static int record_link(struct unpack *u, const struct unpack_entry *e, struct err *err)
{
	struct unpack_dir *to;
	const char *name;
	int r;

	if (!u->options->lower_links)
		return err_sys(err, ENOENT, "hard link to '%s'", e->target);
	r = unpack_parent(u, e->path, &to, &name, err);
	if (r == 0)
		r = unpack_clear(u, to, name, err);
	if (r < 0)
		return r;
	r = buf_add(&u->links, e->path, strlen(e->path) + 1);
	if (r == 0)
		r = buf_add(&u->links, e->target, strlen(e->target) + 1);
	if (r < 0)
		return err_set(err, EFBIG, "too many hard links to files of lower layers");
	return 0;
}

/* The target's directory, never made for this; its attributes. 1 when it is there, else 0. */
static int find_target(struct unpack *u, const char *target, struct unpack_dir **ret,
		       const char **ret_name, struct stat *st, struct err *err)
{
	const char *slash = strrchr(target, '/');
	int r = unpack_dir_find(u, target, slash ? (size_t)(slash - target) : 0, ret, err);

	if (r <= 0)
		return r;
	*ret_name = slash ? slash + 1 : target;
	if (fstatat((*ret)->fd, *ret_name, st, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT ? 0 : err_sys(err, errno, "hard link to '%s'", target);
}

/* One try at the link: 0, or 1 when something else had to be removed first. */
static int try_link(struct unpack *u, const struct unpack_entry *e, struct err *err)
{
	struct unpack_dir *from, *to;
	const char *from_name, *to_name;
	struct stat target, there;
	int r;

	r = find_target(u, e->target, &from, &from_name, &target, err);
	if (r <= 0)
		return r < 0 ? r : record_link(u, e, err);
	r = unpack_parent(u, e->path, &to, &to_name, err);
	if (r < 0)
		return r;
	if (S_ISDIR(target.st_mode))
		return err_set(err, EBADMSG, "hard link to the directory '%s'", e->target);
	if (S_ISCHR(target.st_mode))
		return err_set(err, EBADMSG, "hard link to '%s', which the layer removes",
			       e->target);
	if (linkat(from->fd, from_name, to->fd, to_name, 0) == 0) {
		to->touched = true;
		r = unpack_unwhite(u, to, to_name, err);
		return r < 0 ? r : share_record(u, from, from_name, to, to_name, err);
	}
	if (errno != EEXIST)
		return unpack_write_failed(errno, "cannot create the hard link", err);
	if (fstatat(to->fd, to_name, &there, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "cannot look at what is there");
	if (there.st_dev == target.st_dev && there.st_ino == target.st_ino)
		return 0;
	r = unpack_clear(u, to, to_name, err);
	return r < 0 ? r : 1;
}

/* The target is resolved again after a removal, which may have taken it along or closed its
 * directory. */
static int place_link(struct unpack *u, const struct unpack_entry *e, struct err *err)
{
	int r = try_link(u, e, err);

	if (r == 1)
		r = try_link(u, e, err);
	if (r == 1)
		return err_set(err, EBUSY, "cannot create the hard link: its place is taken");
	return r;
}

/* Names with ".wh." somewhere. Returns 1 when the entry is dealt with, 0 for an ordinary name,
 * -errno. */
static int place_whiteout(struct unpack *u, const struct unpack_entry *e, struct err *err)
{
	struct unpack_dir *dir;
	const char *target, *name, *p = e->path;
	enum whiteout_kind kind;
	size_t len;
	int r;

	for (const char *slash; (slash = strchr(p, '/')); p = slash + 1) {
		if (str_starts(p, ".wh..wh."))
			return 1; /* aufs' own */
		if (str_starts(p, WHITEOUT_PREFIX))
			return err_set(err, EBADMSG, "a name below a whiteout");
	}
	kind = whiteout_kind(p, &target);
	switch (kind) {
	case WHITEOUT_NONE:
		return 0;
	case WHITEOUT_IGNORED:
		return 1;
	case WHITEOUT_INVALID:
		return err_set(err, EBADMSG, "a whiteout without a name");
	case WHITEOUT_DIR_OPAQUE:
		len = (size_t)(p - e->path);
		r = unpack_dir_open(u, e->path, len ? len - 1 : 0, &dir, err);
		if (r == 0)
			r = unpack_set_opaque(u, dir, err);
		return r < 0 ? r : 1;
	case WHITEOUT_FILE:
		break;
	}
	r = unpack_parent(u, e->path, &dir, &name, err);
	if (r == 0)
		r = unpack_whiteout(u, dir, target, err);
	return r < 0 ? r : 1;
}

static bool has_whiteout_component(const char *path)
{
	for (const char *p = path; (p = strstr(p, WHITEOUT_PREFIX)); p++)
		if (p == path || p[-1] == '/')
			return true;
	return false;
}

int unpack_entry_place(struct unpack *u, const struct unpack_entry *e, struct err *err)
{
	struct unpack_dir *parent;
	const char *name;
	int r;

	if (has_whiteout_component(e->path)) {
		r = place_whiteout(u, e, err);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	if (!*e->path) {
		if (!S_ISDIR(e->type) || e->hardlink)
			return err_set(err, EBADMSG, "the root is not a directory");
		return dir_attributes(u, &u->slots[0], e, true, false, err);
	}
	if (e->hardlink) {
		if (!*e->target || has_whiteout_component(e->target))
			return err_set(err, EBADMSG, "hard link to '%s'", e->target);
		return place_link(u, e, err);
	}
	if (S_ISSOCK(e->type)) {
		log_debug("a socket in the layer is passed over: '%s'", e->path);
		return 0;
	}
	r = unpack_parent(u, e->path, &parent, &name, err);
	if (r < 0)
		return r;
	switch (e->type) {
	case S_IFREG:
	case S_IFCHR:
	case S_IFBLK:
		return place_file(u, parent, name, e, err);
	case S_IFDIR:
		return place_dir(u, parent, name, e, err);
	case S_IFLNK:
		return place_symlink(u, parent, name, e, err);
	case S_IFIFO:
		return place_fifo(u, parent, name, e, err);
	}
	return err_set(err, EBADMSG, "an entry of unknown type");
}
