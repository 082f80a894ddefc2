/* Theory of operation
 *
 * A copy is made without a name (O_TMPFILE), or in the work directory where the file system or the
 * type of file does not let that be, and becomes visible by one link or rename: a crash leaves the
 * old file or the new, and at most garbage in the work directory. Until then only the node's own
 * copy lock is held; a file of any size may be copied while its directory is used.
 *
 * A file whose attributes alone are to change gets a metadata-only copy: right size, no data, and
 * the mark that the kernel knows. The first write fills it in place; the mark goes last, so that a
 * crash leaves it what it was.
 *
 * Of a lower file with several names all come along, as links to one copy: else a write by one name
 * would not be seen by the others. The node counts as lower until the last is there, which its
 * attributes allow.
 */
#include "fuse/copyup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "fuse/content.h"
#include "fuse/locate.h"
#include "fuse/marks.h"
#include "fuse/upper.h"
#include "fuse/walk.h"
#include "fuse/work.h"
#include "fuse/xat.h"

static void origin_release(struct origin *s)
{
	place_unref(s->dir);
	free(s->name);
}

static int origin_find(struct overlay *o, struct node *n, struct origin *ret)
{
	struct located at;
	int r = locate(o, n, &at);

	*ret = (struct origin){0};
	if (r < 0)
		return r;
	if (at.place) {
		ret->dir = place_ref(at.place);
		ret->name = strdup(at.name);
		r = ret->name ? located_stat(&at, &ret->st) : -ENOMEM;
	} else { /* what has no name and a descriptor is in the upper layer */
		r = -ESTALE;
	}
	locate_end(o, &at);
	return r;
}

/* --- a copy under construction */

/* Of a copy without data in a lower layer, the data are in yet another one. */
static int open_origin(struct overlay *o, struct node *n, const struct origin *s)
{
	_cleanup_place_ struct place *dir = NULL;
	_cleanup_free_ char *name = NULL;
	int r;

	if (!n->metacopy)
		return s->dir->layer->source->open(s->dir, s->name, O_RDONLY);
	r = content_get_data(o, n, &dir, &name);
	if (r < 0)
		return r == -ENOENT ? -EIO : r;
	return dir->layer->source->open(dir, name, O_RDONLY);
}

static int fill(struct overlay *o, struct node *n, const struct origin *s, struct copy *c)
{
	_cleanup_fd_ int src = open_origin(o, n, s);
	int r;

	if (src < 0)
		return src;
	r = copy_data(c->fd, src, s->st.st_size);
	if (r == 0 && !o->config.is_volatile && fsync(c->fd) < 0)
		r = -errno;
	atomic_fetch_add(&o->count.copied_bytes, (unsigned long)s->st.st_size);
	return r;
}

/* Only a size, and the mark. *ret false where xattrs do not exist: then the data are copied. */
static int fill_nothing(struct overlay *o, struct node *n, const struct origin *s, struct copy *c)
{
	int r = mark_set(o, c->fd, "", MARK_METACOPY, "");

	if (r < 0)
		return r == -ENOTSUP || r == -EPERM ? fill(o, n, s, c) : r;
	c->metacopy = true;
	atomic_fetch_add(&o->count.metacopies, 1);
	return ftruncate(c->fd, s->st.st_size) < 0 ? -errno : 0;
}

/* The inode number outlives the copy only where there are xattrs for it: not on symlinks and
 * special files without trusted.*. */
static void keep_ino(struct overlay *o, struct node *n, int fd)
{
	char text[20];

	if ((S_ISREG(n->type) || o->config.trusted) &&
	    snprintf(text, sizeof(text), "%llx", (unsigned long long)n->ino) > 0)
		n->ino_marked = mark_set(o, fd, "", MARK_INO, text) == 0;
}

static int make_copy(struct overlay *o, struct node *n, const struct origin *s, enum copy_kind kind,
		     struct copy *c)
{
	bool regular = S_ISREG(s->st.st_mode);
	int r = regular ? copy_regular(o, c) : copy_other(o, s, c);

	if (r < 0)
		return r;
	if (regular && s->st.st_size && kind != COPY_EMPTY) {
		bool attrs = kind == COPY_ATTRS && o->config.metacopy;

		r = attrs ? fill_nothing(o, n, s, c) : fill(o, n, s, c);
	}
	if (r == 0)
		r = copy_attrs(o, s, c->fd);
	if (r == 0)
		keep_ino(o, n, c->fd);
	return r;
}

/* --- making it visible */

/* Under the parent's lock, exclusively: the k-th name of the node gets its entry. */
static int give_entry(struct overlay *o, struct node *n, struct copy *c, const struct where *w)
{
	struct dir *d = w->parent->dir;
	struct place *upper = dir_upper(o, d);
	struct timespec times[2];
	int dirfd, r;

	if (!upper)
		return -EAGAIN;
	dirfd = place_pin(upper);
	if (dirfd < 0)
		return dirfd;
	upper_save_times(dirfd, times);
	r = copy_link(c->fd, dirfd, w->name);
	if (r == 0) {
		(void)futimens(dirfd, times);
		listing_put(o, d, w->name, n->type, 0);
	}
	place_unpin(upper);
	return r;
}

/* How many names got an entry, or -errno when none did. */
static int give_entries(struct overlay *o, struct node *n, struct copy *c)
{
	struct where w;
	int done = 0, r = 0;

	for (unsigned int k = 0; node_nth_name(&o->nodes, n, k, &w) == 0; k++) {
		struct dir *d = w.parent->dir;

		pthread_rwlock_wrlock(&d->lock);
		if (node_has_name(&o->nodes, n, w.parent, w.name)) {
			r = give_entry(o, n, c, &w);
			/* A name that stays behind is a file of its own from now on. */
			if (r < 0 && done)
				node_remove_name(&o->nodes, n, w.parent, w.name), k--;
			done += r == 0;
		}
		pthread_rwlock_unlock(&d->lock);
		node_unref(&o->nodes, w.parent);
		if (r < 0 && !done)
			return r;
	}
	return done;
}

static int publish(struct overlay *o, struct node *n, struct copy *c, const struct origin *s)
{
	struct stat st;
	int names = give_entries(o, n, c), r = 0;

	if (names < 0)
		return names;
	if (!names) { /* unlinked meanwhile, and in use */
		int fd = fcntl(c->fd, F_DUPFD_CLOEXEC, 0);

		r = fd < 0 ? -errno : content_hold(o, n, fd);
	}
	if (names > 1 && fstat(c->fd, &st) == 0) {
		struct node *same = node_intern(&o->nodes, n, 0, st.st_ino);

		if (same)
			node_unref(&o->nodes, same);
	}
	if (r == 0 && c->metacopy)
		r = content_set_data(o, n, s->dir, s->name);
	if (r < 0)
		return r;
	n->metacopy = c->metacopy;
	n->layer = 0;
	if (S_ISREG(n->type) && !c->metacopy)
		content_replace(o, n, steal_fd(&c->fd), true);
	else
		content_replace(o, n, -1, false);
	atomic_fetch_add(&o->count.copied_files, 1);
	return 0;
}

static int copy_file(struct overlay *o, struct node *n, enum copy_kind kind)
{
	struct copy c = {.fd = -1};
	struct origin s;
	int r = origin_find(o, n, &s);

	if (r == 0)
		r = make_copy(o, n, &s, kind, &c);
	if (r == 0)
		r = publish(o, n, &c, &s);
	copy_release(o, &c);
	origin_release(&s);
	return r;
}

/* --- completing a metadata-only copy */

/* Writing takes setuid bits, capabilities and times away, which the caller did not ask for. */
static int restore_attrs(int fd, const struct stat *st, const void *caps, ssize_t caps_len)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};

	if (fchmod(fd, st->st_mode & 07777) < 0)
		return -errno;
	if (caps_len > 0) {
		int r = xat_set(fd, "", "security.capability", caps, (size_t)caps_len, 0);

		if (r < 0)
			return r;
	}
	return futimens(fd, times) < 0 ? -errno : 0;
}

static int fill_data(struct overlay *o, struct node *n, int fd, enum copy_kind kind)
{
	_cleanup_place_ struct place *dir = NULL;
	_cleanup_free_ char *name = NULL;
	_cleanup_fd_ int src = -1;
	struct stat st;
	int r;

	if (kind == COPY_EMPTY)
		return ftruncate(fd, 0) < 0 ? -errno : 0;
	r = content_get_data(o, n, &dir, &name);
	if (r < 0)
		return r == -ENOENT ? -EIO : r;
	src = dir->layer->source->open(dir, name, O_RDONLY);
	r = src < 0 ? src : fstat(src, &st) < 0 ? -errno : copy_data(fd, src, st.st_size);
	if (r == 0)
		atomic_fetch_add(&o->count.copied_bytes, (unsigned long)st.st_size);
	return r;
}

static int complete(struct overlay *o, struct node *n, enum copy_kind kind)
{
	_cleanup_fd_ int fd = content_open_upper(o, n);
	char caps[64];
	ssize_t caps_len;
	struct stat st;
	int r;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	caps_len = xat_get(fd, "", "security.capability", caps, sizeof(caps));
	r = fill_data(o, n, fd, kind);
	if (r == 0)
		r = restore_attrs(fd, &st, caps, caps_len);
	if (r == 0 && !o->config.is_volatile && fdatasync(fd) < 0)
		r = -errno;
	if (r == 0)
		r = mark_remove(o, fd, "", MARK_METACOPY);
	if (r < 0)
		return r;
	(void)mark_remove(o, fd, "", MARK_REDIRECT);
	n->metacopy = false;
	content_replace(o, n, steal_fd(&fd), true);
	return 0;
}

/* --- */

static bool is_up(const struct node *n, enum copy_kind kind)
{
	return n->layer == 0 && (kind == COPY_ATTRS || !n->metacopy);
}

static int copy_parents(struct overlay *o, struct node *n)
{
	struct where w;
	int r = 0;

	for (unsigned int k = 0; r == 0 && node_nth_name(&o->nodes, n, k, &w) == 0; k++) {
		r = copyup_dirs(o, w.parent);
		node_unref(&o->nodes, w.parent);
	}
	return r;
}

int copy_up(struct overlay *o, struct node *n, enum copy_kind kind)
{
	int r = 0;

	if (!o->writable)
		return -EROFS;
	if (S_ISDIR(n->type))
		return copyup_dirs(o, n);
	do {
		if (is_up(n, kind))
			return 0;
		if (n->layer)
			r = links_look_up(o, n);
		if (r == 0 && n->layer)
			r = copy_parents(o, n);
		if (r < 0)
			return r;
		pthread_mutex_lock(overlay_copy_lock(o, n));
		if (is_up(n, kind))
			r = 0;
		else if (n->layer)
			r = copy_file(o, n, kind);
		else
			r = complete(o, n, kind);
		pthread_mutex_unlock(overlay_copy_lock(o, n));
	} while (r == -EAGAIN);
	return r;
}
