#include "fuse/upper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuse/content.h"
#include "fuse/dir.h"
#include "fuse/marks.h"

static const char *proc_path(int fd, char out[32])
{
	snprintf(out, 32, "/proc/self/fd/%d", fd);
	return out;
}

int upper_chmod(int dirfd, const char *name, mode_t mode)
{
	char path[32];
	int r = *name ? fchmodat(dirfd, name, mode, 0) : chmod(proc_path(dirfd, path), mode);

	return r < 0 ? -errno : 0;
}

int upper_chown(int dirfd, const char *name, uid_t uid, gid_t gid)
{
	int r = fchownat(dirfd, name, uid, gid, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);

	return r < 0 ? -errno : 0;
}

int upper_utimens(int dirfd, const char *name, const struct timespec times[2])
{
	char path[32];
	int r = *name ? utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW)
		      : utimensat(AT_FDCWD, proc_path(dirfd, path), times, 0);

	return r < 0 ? -errno : 0;
}

int upper_stat(int dirfd, const char *name, struct stat *ret)
{
	return fstatat(dirfd, name, ret, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0 ? -errno : 0;
}

void upper_save_times(int dirfd, struct timespec times[2])
{
	struct stat st;

	times[0].tv_nsec = times[1].tv_nsec = UTIME_OMIT;
	if (fstat(dirfd, &st) == 0) {
		times[0] = st.st_atim;
		times[1] = st.st_mtim;
	}
}

int upper_open_path(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int upper_pin(const struct overlay *o, const struct node *dir, struct place **ret)
{
	*ret = dir_upper(o, dir->dir);
	return *ret ? place_pin(*ret) : -ENOENT;
}

static int enter_dir(struct overlay *o, struct node *n, struct target *t)
{
	struct place *upper;
	int fd;

	pthread_rwlock_rdlock(&n->dir->lock);
	upper = n->dir->removed ? n->dir->grave : dir_upper(o, n->dir);
	if (upper && !upper->layer->upper)
		upper = NULL;
	t->place = upper ? place_ref(upper) : NULL;
	pthread_rwlock_unlock(&n->dir->lock);
	if (!upper)
		return -ENOENT;
	fd = place_pin(t->place);
	if (fd < 0)
		place_unrefp(&t->place);
	t->dirfd = fd;
	t->name = "";
	return fd < 0 ? fd : 0;
}

int upper_enter(struct overlay *o, struct node *n, bool exclusive, struct target *t)
{
	int r;

	*t = (struct target){.dirfd = -1, .name = ""};
	if (S_ISDIR(n->type))
		return enter_dir(o, n, t);
	r = spot_find(o, n, exclusive, &t->spot);
	if (r == -ENOENT) {
		t->dirfd = content_held(o, n);
		return t->dirfd < 0 ? t->dirfd : 0;
	}
	if (r < 0)
		return r;
	t->has_spot = true;
	t->dirfd = place_pin(t->spot.place);
	if (t->dirfd < 0) {
		spot_release(o, &t->spot);
		return t->dirfd;
	}
	t->place = place_ref(t->spot.place);
	t->name = t->spot.name;
	return 0;
}

void upper_leave(struct overlay *o, struct target *t)
{
	if (t->place) {
		place_unpin(t->place);
		place_unref(t->place);
	} else {
		close(t->dirfd);
	}
	if (t->has_spot)
		spot_release(o, &t->spot);
}

/* --- what has to be known of a file that is about to have another place */

int upper_carry_data(struct overlay *o, struct node *n, struct target *t)
{
	struct place *dir = NULL;
	char *name = NULL, *path;
	int r;

	if (!n->metacopy)
		return 0;
	r = content_get_data(o, n, &dir, &name);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	path = place_path(dir, name);
	r = path ? mark_set(o, t->dirfd, t->name, MARK_REDIRECT, path) : -ENOMEM;
	free(path);
	free(name);
	place_unref(dir);
	return r;
}

int upper_make_impure(struct overlay *o, struct node *dir, struct node *n)
{
	struct place *upper;
	bool bears = n->metacopy || n->ino_marked;
	int fd, r;

	if (S_ISDIR(n->type)) {
		pthread_rwlock_rdlock(&n->dir->lock);
		bears = n->dir->n > 1;
		pthread_rwlock_unlock(&n->dir->lock);
	}
	if (!bears || dir_has_marks(dir->dir))
		return 0;
	fd = upper_pin(o, dir, &upper);
	if (fd < 0)
		return fd;
	r = mark_set(o, fd, "", MARK_IMPURE, "y");
	place_unpin(upper);
	if (r == -ENOTSUP || r == -EPERM)
		r = 0; /* no marks on this file system */
	dir->dir->impure = r == 0;
	return r;
}
