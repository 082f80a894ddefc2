/* Single files, for --flatten.
 *
 * A metadata-only copy is made anew in the work directory, with its data, and renamed over the old
 * one. One with several names has to remain the file it is: it is filled in its place, as by the
 * first write (copyup.c), with all that writing takes away written down before.
 *
 * A lower file with several names whose copying was cut short has its copy under some of them. The
 * copy is known by its inode number's mark: the other names join it, unless one of both was changed
 * since.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "fuse/array.h"
#include "fuse/check_impl.h"
#include "fuse/content.h"
#include "fuse/copyup.h"
#include "fuse/upper.h"
#include "fuse/work.h"
#include "fuse/xat.h"

/* --- completing */

static bool same_file(const struct stat *a, const struct stat *b)
{
	return S_ISREG(a->st_mode) && a->st_mode == b->st_mode && a->st_size == b->st_size &&
	       a->st_uid == b->st_uid && a->st_gid == b->st_gid &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int open_data(struct checker *c, struct node *n, off_t size)
{
	_cleanup_place_ struct place *dir = NULL;
	_cleanup_free_ char *name = NULL;
	struct stat st;
	int r = content_get_data(&c->o, n, &dir, &name);

	if (r < 0)
		return r;
	r = dir->layer->source->stat(dir, name, &st);
	if (r == 0 && st.st_size != size)
		r = -EUCLEAN;
	return r < 0 ? r : dir->layer->source->open(dir, name, O_RDONLY);
}

/* Of the marks in force, those that say what the copy no longer is. */
static bool goes(const struct checker *c, const char *key)
{
	const char *mark = str_starts(key, c->o.prefix) ? mark_of(key) : NULL;

	return mark && (str_eq(mark, MARK_METACOPY) || str_eq(mark, MARK_REDIRECT) ||
			str_starts(mark, "strake."));
}

/* What other overlays have marked the file with goes on to its copy. */
static int copy_marks(struct checker *c, int dirfd, const char *name, int fd)
{
	ssize_t n = check_keys(c, dirfd, name);
	_cleanup_free_ char *value = malloc(XATTR_LIST_SPACE);
	int r = n < 0 ? (int)n : value ? 0 : -ENOMEM;

	for (const char *key = c->keys; r == 0 && key < c->keys + n; key += strlen(key) + 1) {
		ssize_t len;

		if (!mark_is_private(&c->o, key) || goes(c, key))
			continue;
		len = xat_get(dirfd, name, key, value, XATTR_LIST_SPACE);
		r = len < 0 ? (int)len : xat_set(fd, "", key, value, (size_t)len, 0);
	}
	return r;
}

static int put_over(struct checker *c, struct copy *copy, int dirfd, const char *name)
{
	int r = 0;

	if (!copy->name[0]) {
		work_name(&c->o, copy->name);
		r = copy_link(copy->fd, c->o.work, copy->name);
	}
	if (r == 0 && renameat(c->o.work, copy->name, dirfd, name) < 0)
		r = -errno;
	if (r == 0)
		copy->name[0] = '\0';
	return r;
}

static int replace(struct checker *c, struct level *l, int dirfd, const struct origin *s,
		   struct node *n)
{
	_cleanup_fd_ int src = open_data(c, n, s->st.st_size);
	struct copy copy = {.fd = -1};
	int r = src < 0 ? src : copy_regular(&c->o, &copy);

	if (r == 0)
		r = copy_data(copy.fd, src, s->st.st_size);
	if (r == 0)
		r = copy_attrs(&c->o, s, copy.fd);
	if (r == 0)
		r = copy_marks(c, dirfd, s->name, copy.fd);
	if (r == 0 && !c->o.config.is_volatile && fsync(copy.fd) < 0)
		r = -errno;
	if (r == 0)
		r = level_change(c, l, dirfd);
	if (r == 0)
		r = put_over(c, &copy, dirfd, s->name);
	copy_release(&c->o, &copy);
	return r;
}

static int fill_in_place(struct checker *c, int dirfd, const struct origin *s, struct node *n)
{
	int r = open_data(c, n, s->st.st_size), settled;

	if (r < 0)
		return r;
	close(r);
	r = times_begin(c, dirfd, s->name);
	if (r < 0)
		return r;
	r = copy_up(&c->o, n, COPY_ALL);
	if (r == 0)
		r = marks_drop(c, dirfd, s->name, MARK_METACOPY);
	if (r == 0)
		r = marks_drop(c, dirfd, s->name, MARK_REDIRECT);
	settled = times_end(c, dirfd, s->name);
	return r < 0 ? r : settled;
}

int flatten_complete(struct checker *c, struct level *l, int dirfd, const char *name,
		     struct node *n)
{
	struct origin s = {.dir = dir_upper(&c->o, l->node->dir), .name = (char *)(uintptr_t)name};
	int r = upper_stat(dirfd, name, &s.st);

	if (r < 0)
		return r;
	return s.st.st_nlink > 1 ? fill_in_place(c, dirfd, &s, n) : replace(c, l, dirfd, &s, n);
}

/* --- copying */

static const struct copied *find_copied(const struct checker *c, uint64_t ino)
{
	size_t low = 0, high = c->n_copied;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (c->copied[mid].ino < ino)
			low = mid + 1;
		else
			high = mid;
	}
	return low < c->n_copied && c->copied[low].ino == ino ? &c->copied[low] : NULL;
}

/* 1 when the name is one of the copy now, 0 when there is none. */
static int join(struct checker *c, struct level *l, int dirfd, const char *name, struct node *n)
{
	const struct copied *copied = find_copied(c, n->ino);
	struct place *lower = dir_place(l->node->dir, n->layer);
	struct stat there, here;
	int fd, r = 0;

	if (!copied || !lower || lower->layer->source->stat(lower, name, &here) < 0 ||
	    here.st_nlink < 2)
		return 0;
	fd = place_pin(copied->dir);
	if (fd < 0)
		return 0;
	if (upper_stat(fd, copied->name, &there) == 0 && same_file(&there, &here))
		r = linkat(fd, copied->name, dirfd, name, 0) == 0;
	place_unpin(copied->dir);
	return r;
}

/* Directories of the upper layer whose times were written down here. */
struct begun {
	struct place **place; /* counted */
	size_t n, cap;
};

static int begin_at(struct checker *c, struct begun *b, struct node *dir)
{
	struct place *upper = dir_upper(&c->o, dir->dir);
	int r = array_grow(&b->place, b->n, &b->cap, sizeof(struct place *)), fd;

	if (r < 0)
		return r;
	fd = place_pin(upper);
	if (fd < 0)
		return fd;
	r = times_begin(c, fd, "");
	place_unpin(upper);
	if (r == 1)
		b->place[b->n++] = place_ref(upper);
	return r < 0 ? r : 0;
}

static int end_all(struct checker *c, struct begun *b)
{
	int r = 0;

	while (b->n) {
		struct place *p = b->place[--b->n];
		int fd = place_pin(p), ended = fd < 0 ? fd : times_end(c, fd, "");

		if (fd >= 0)
			place_unpin(p);
		place_unref(p);
		r = r < 0 ? r : ended;
	}
	free(b->place);
	return r;
}

/* The directory, or the first above it that is in the upper layer: counted. */
static struct node *in_upper(struct checker *c, struct node *dir)
{
	struct where w;

	node_ref(dir);
	while (!dir_upper(&c->o, dir->dir) && node_where(&c->o.nodes, dir, &w) == 0) {
		node_unref(&c->o.nodes, dir);
		dir = w.parent;
	}
	return dir;
}

/* All directories in which the copy is about to get a name, wherever they are. */
static int begin_parents(struct checker *c, struct begun *b, struct node *n)
{
	int r = links_look_up(&c->o, n);
	struct where w;

	for (unsigned int k = 0; r == 0 && node_nth_name(&c->o.nodes, n, k, &w) == 0; k++) {
		struct node *at = in_upper(c, w.parent);

		r = begin_at(c, b, at);
		if (r == 0 && at != w.parent)
			r = copy_up(&c->o, w.parent, COPY_ATTRS);
		if (r == 0)
			r = begin_at(c, b, w.parent);
		node_unref(&c->o.nodes, at);
		node_unref(&c->o.nodes, w.parent);
	}
	return r;
}

int flatten_copy(struct checker *c, struct level *l, int dirfd, const char *name, struct node *n)
{
	struct begun b = {0};
	int r = join(c, l, dirfd, name, n), ended;

	if (r == 0) {
		r = begin_parents(c, &b, n);
		if (r == 0)
			r = copy_up(&c->o, n, COPY_ALL);
		ended = end_all(c, &b);
		return r < 0 ? r : ended;
	}
	pthread_rwlock_wrlock(&l->node->dir->lock);
	listing_put(&c->o, l->node->dir, name, n->type, 0);
	pthread_rwlock_unlock(&l->node->dir->lock);
	return 0;
}
