/* The copy-up of directories: an entry without content, since what is in them is merged.
 *
 * Made in the work directory with all its attributes, and moved to its place: it is there whole, or
 * not. Those on the way to one come first, from the top.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "fuse/copyup.h"
#include "fuse/lookup.h"
#include "fuse/upper.h"
#include "fuse/work.h"

static int copy_dir_attrs(struct overlay *o, struct place *top, int fd, const struct stat *st)
{
	struct origin s = {.dir = top, .name = (char *)"", .st = *st};

	return copy_attrs(o, &s, fd);
}

/* Under the parent's lock: moves the new directory from the work directory to its place. */
static int place_dir(struct overlay *o, struct node *n, const char *made, const struct where *w)
{
	struct dir *d = w->parent->dir;
	struct place *upper = dir_upper(o, d), *fresh;
	struct timespec times[2];
	int dirfd, r;

	if (!upper || !node_has_name(&o->nodes, n, w->parent, w->name))
		return -EAGAIN;
	fresh = place_new(upper, w->name);
	if (!fresh)
		return -ENOMEM;
	dirfd = place_pin(upper);
	if (dirfd < 0) {
		place_unref(fresh);
		return dirfd;
	}
	/* Lookups below it see both, the entry and the stack that counts on it, or neither. */
	pthread_rwlock_wrlock(&n->dir->lock);
	upper_save_times(dirfd, times);
	r = renameat2(o->work, made, dirfd, w->name, RENAME_NOREPLACE) < 0 ? -errno : 0;
	if (r == -EINVAL || r == -ENOSYS)
		r = renameat(o->work, made, dirfd, w->name) < 0 ? -errno : 0;
	if (r == 0) {
		(void)futimens(dirfd, times);
		r = dir_push_upper(n->dir, place_ref(fresh));
		listing_put(o, d, w->name, S_IFDIR, 0);
	}
	pthread_rwlock_unlock(&n->dir->lock);
	place_unpin(upper);
	place_unref(fresh);
	return r;
}

static int make_dir(struct overlay *o, struct node *n, char made[32])
{
	_cleanup_place_ struct place *top = NULL;
	struct stat st;
	int fd, r;

	pthread_rwlock_rdlock(&n->dir->lock);
	r = n->dir->removed ? -ENOENT : dir_stat(n->dir, &st);
	if (r == 0)
		top = place_ref(n->dir->stack[0]);
	pthread_rwlock_unlock(&n->dir->lock);
	if (r < 0)
		return r;
	work_umask(0);
	work_name(o, made);
	if (mkdirat(o->work, made, 0700) < 0)
		return -errno;
	fd = openat(o->work, made, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = fd < 0 ? -errno : copy_dir_attrs(o, top, fd, &st);
	if (fd >= 0)
		close(fd);
	return r;
}

static bool has_upper(struct overlay *o, struct node *n)
{
	struct place *grave;
	bool has;

	pthread_rwlock_rdlock(&n->dir->lock);
	grave = n->dir->grave;
	has = dir_upper(o, n->dir) != NULL || (grave && grave->layer->upper);
	pthread_rwlock_unlock(&n->dir->lock);
	return has;
}

/* Its parent is in the upper layer. -EAGAIN when it is somewhere else by now. */
static int copy_dir(struct overlay *o, struct node *n)
{
	char made[32] = "";
	struct where w;
	int r;

	if (has_upper(o, n))
		return 0;
	r = node_where(&o->nodes, n, &w);
	if (r < 0)
		return r;
	r = make_dir(o, n, made);
	if (r == 0) {
		pthread_rwlock_wrlock(&w.parent->dir->lock);
		r = place_dir(o, n, made, &w);
		pthread_rwlock_unlock(&w.parent->dir->lock);
	}
	node_unref(&o->nodes, w.parent);
	if (r < 0 && *made)
		(void)unlinkat(o->work, made, AT_REMOVEDIR);
	else if (r == 0)
		atomic_fetch_add(&o->count.copied_dirs, 1);
	return r;
}

/* The topmost directory on the way to n, n included, that is not in the upper layer: counted; or
 * NULL. */
static struct node *first_missing(struct overlay *o, struct node *n)
{
	struct node *missing = NULL, *at = node_ref(n);
	struct where w;

	while (at) {
		if (has_upper(o, at))
			break;
		if (missing)
			node_unref(&o->nodes, missing);
		missing = node_ref(at);
		if (node_where(&o->nodes, at, &w) < 0)
			break;
		node_unref(&o->nodes, at);
		at = w.parent;
	}
	if (at)
		node_unref(&o->nodes, at);
	return missing;
}

int copyup_dirs(struct overlay *o, struct node *n)
{
	struct node *missing;
	int r = 0;

	while (r == 0 && (missing = first_missing(o, n))) {
		pthread_mutex_lock(overlay_copy_lock(o, missing));
		r = copy_dir(o, missing);
		pthread_mutex_unlock(overlay_copy_lock(o, missing));
		node_unref(&o->nodes, missing);
		if (r == -EAGAIN)
			r = 0;
	}
	return r;
}
