#include "fuse/work.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "format/whiteout.h"
#include "fuse/marks.h"
#include "fuse/overlay.h"
#include "fuse/xat.h"

enum { LOCK_TRIES = 1000 }; /* 10 s */

void work_umask(mode_t mask)
{
	static _Thread_local mode_t now = (mode_t)-1;

	if (now != mask)
		umask(mask);
	now = mask;
}

void work_name(struct overlay *o, char out[32])
{
	snprintf(out, 32, "#%lx", atomic_fetch_add(&o->work_serial, 1));
}

static int open_dir_at(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Two servers on one upper would not know of each other's changes. One that was unmounted a moment
 * ago is waited for. File systems without locks are taken without. */
static int lock_work(int fd, const char *dir, struct err *err)
{
	const struct timespec tick = {.tv_nsec = 10000000};

	for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; tries++) {
		if (errno != EWOULDBLOCK)
			return 0;
		if (tries == LOCK_TRIES)
			return err_set(err, EBUSY,
				       "the work directory '%s' is in use: another server, or "
				       "--check, has it",
				       dir);
		(void)nanosleep(&tick, NULL);
	}
	return 0;
}

void work_use_wh_files(struct overlay *o)
{
	struct layer *upper = &o->layers[0];
	int fd;

	if (!upper->wh_files) {
		fd = place_pin(upper->root);
		(void)mark_set(o, fd, "", MARK_WH_FILES, "files");
		place_unpin(upper->root);
	}
	upper->wh_files = true;
}

bool work_had_wh_files(struct overlay *o)
{
	struct place *root = o->layers[0].root;
	char key[64], value[8];

	snprintf(key, sizeof(key), "%s" MARK_WH_FILES, o->prefix);
	return root->layer->source->getxattr(root, "", key, value, sizeof(value)) > 0;
}

/* Things move between the two by rename. */
static int check_device(const struct overlay *o, const char *dir, struct err *err)
{
	struct stat st;

	if (fstat(o->work, &st) == 0 && st.st_dev == o->layers[0].dev)
		return 0;
	return err_set(err, EXDEV,
		       "the work directory '%s' is not on the file system of the upper directory "
		       "'%s'",
		       dir, o->config.upper);
}

int work_open(struct overlay *o, const char *dir, struct err *err)
{
	int fd = o->work_lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	if (fd < 0)
		return err_sys(err, errno, "cannot open the work directory '%s'", dir);
	r = lock_work(fd, dir, err);
	if (r < 0)
		return r;
	r = fd_remove_tree(fd, "work", err);
	if (r < 0)
		return err_prefix(err, "cannot empty the work directory '%s'", dir);
	if (mkdirat(fd, "work", 0700) < 0)
		return err_sys(err, errno, "cannot make '%s/work'", dir);
	o->work = open_dir_at(fd, "work");
	if (o->work < 0)
		return err_sys(err, -o->work, "cannot open '%s/work'", dir);
	r = check_device(o, dir, err);
	if (r < 0)
		return r;
	o->mknod_whiteout = !getenv("STRAKE_NO_MKNOD") &&
			    mknodat(o->work, WORK_WHITEOUT, S_IFCHR, makedev(0, 0)) == 0;
	if (work_had_wh_files(o))
		o->layers[0].wh_files = true;
	if (!o->mknod_whiteout)
		work_use_wh_files(o);
	return 0;
}

void work_close(struct overlay *o)
{
	if (o->work >= 0) {
		(void)unlinkat(o->work, WORK_WHITEOUT, 0);
		close(o->work);
	}
	if (o->work_lock >= 0)
		close(o->work_lock);
}

/* --- whiteouts */

static int make_device(struct overlay *o, int dirfd, const char *name)
{
	if (linkat(o->work, WORK_WHITEOUT, dirfd, name, 0) == 0)
		return 0;
	if (errno != EMLINK && errno != ENOENT && errno != EXDEV && errno != EPERM)
		return -errno;
	if (errno == EMLINK) { /* a new one for those that follow */
		char fresh[32];

		work_name(o, fresh);
		if (mknodat(o->work, fresh, S_IFCHR, makedev(0, 0)) == 0)
			(void)renameat(o->work, fresh, o->work, WORK_WHITEOUT);
	}
	return mknodat(dirfd, name, S_IFCHR, makedev(0, 0)) < 0 ? -errno : 0;
}

static int wh_name(const char *name, char out[256])
{
	if (strlen(name) + strlen(WHITEOUT_PREFIX) > 255)
		return -ENAMETOOLONG;
	snprintf(out, 256, WHITEOUT_PREFIX "%s", name);
	return 0;
}

static int make_file(int dirfd, const char *name)
{
	char wh[256];
	int r = wh_name(name, wh), fd;

	if (r < 0)
		return r;
	fd = openat(dirfd, wh, O_CREAT | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int whiteout_put(struct overlay *o, int dirfd, const char *name, bool has_upper)
{
	char fresh[32];
	int r;

	if (!o->mknod_whiteout) {
		r = make_file(dirfd, name);
		if (r == 0 && has_upper && unlinkat(dirfd, name, 0) < 0)
			r = -errno;
		return r;
	}
	if (!has_upper)
		return make_device(o, dirfd, name);
	work_name(o, fresh);
	r = make_device(o, o->work, fresh);
	if (r == 0 && renameat(o->work, fresh, dirfd, name) < 0) {
		r = -errno;
		(void)unlinkat(o->work, fresh, 0);
	}
	return r;
}

int whiteout_put_over_dir(struct overlay *o, int dirfd, const char *name, char moved[32])
{
	int r;

	work_name(o, moved);
	if (o->mknod_whiteout) {
		r = make_device(o, o->work, moved);
		if (r < 0)
			return r;
		if (renameat2(o->work, moved, dirfd, name, RENAME_EXCHANGE) == 0)
			return 0;
		r = -errno;
		(void)unlinkat(o->work, moved, 0);
		if (r != -EINVAL && r != -ENOSYS)
			return r;
	}
	/* The directory is empty: between the two it is gone already, or back as what is below it.
	 */
	if (!o->mknod_whiteout) {
		r = make_file(dirfd, name);
		if (r < 0)
			return r;
	}
	if (renameat(dirfd, name, o->work, moved) < 0)
		return -errno;
	return o->mknod_whiteout ? make_device(o, dirfd, name) : 0;
}

bool whiteout_is_there(struct overlay *o, int dirfd, const char *name, bool *ret_file)
{
	struct stat st;
	char wh[256];

	*ret_file = false;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && whiteout_is_device(&st))
		return true;
	if (!o->layers[0].wh_files || wh_name(name, wh) < 0 ||
	    fstatat(dirfd, wh, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	*ret_file = true;
	return true;
}

void whiteout_remove_file(struct overlay *o, int dirfd, const char *name)
{
	char wh[256];

	if (o->layers[0].wh_files && wh_name(name, wh) == 0)
		(void)unlinkat(dirfd, wh, 0);
}

/* --- directories that look empty */

static bool may_be_swept(int dirfd, const char *name)
{
	struct stat st;

	return str_starts(name, WHITEOUT_PREFIX) ||
	       (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && whiteout_is_device(&st));
}

int work_sweep(struct overlay *o, int dirfd, const char *name)
{
	_cleanup_dir_ DIR *dir = NULL;
	struct dirent *d;
	int fd = open_dir_at(dirfd, name);

	(void)o;
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while ((errno = 0, d = readdir(dir))) {
		if (str_eq(d->d_name, ".") || str_eq(d->d_name, "..") ||
		    !may_be_swept(fd, d->d_name))
			continue;
		if (unlinkat(fd, d->d_name, 0) < 0)
			return -errno;
	}
	return -errno;
}

void work_purge(struct overlay *o, const char *name)
{
	struct err err = ERR_INIT;

	if (!*name)
		return;
	if (work_sweep(o, o->work, name) < 0 || unlinkat(o->work, name, AT_REMOVEDIR) < 0)
		(void)fd_remove_tree(o->work, name,
				     &err); /* at the latest, when it is next opened */
}

int mark_opaque(struct overlay *o, int dirfd, const char *name)
{
	int r = mark_set(o, dirfd, name, MARK_OPAQUE, "y"), fd, file;

	if (r != -ENOTSUP && r != -EPERM && r != -ENOSYS)
		return r;
	work_use_wh_files(o);
	fd = open_dir_at(dirfd, *name ? name : ".");
	if (fd < 0)
		return fd;
	file = openat(fd, WHITEOUT_OPAQUE, O_CREAT | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
	r = file < 0 ? -errno : 0;
	if (file >= 0)
		close(file);
	close(fd);
	return r;
}
