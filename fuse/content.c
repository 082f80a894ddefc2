#include "fuse/content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fuse/copyup.h"
#include "fuse/dir.h"
#include "fuse/locate.h"
#include "fuse/overlay.h"
#include "fuse/upper.h"

void content_close(struct backing *b)
{
	if (b && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1) {
		close(b->fd);
		free(b);
	}
}

static struct backing *backing_ref(struct backing *b)
{
	if (b)
		atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	return b;
}

/* Takes fd over. */
static struct backing *backing_new(int fd, bool writable)
{
	struct backing *b = malloc(sizeof(*b));
	struct stat st;

	if (!b) {
		close(fd);
		return NULL;
	}
	*b = (struct backing){.refs = 1, .fd = fd, .writable = writable};
	if (writable && fstat(fd, &st) == 0)
		b->has_priv = st.st_mode & (S_ISUID | S_ISGID);
	return b;
}

/* --- the ring of what is open */

static void ring_remove(struct content_cache *cache, struct content *c)
{
	pthread_mutex_lock(&cache->lock);
	if (circle_remove(&cache->hand, &c->ring))
		cache->open--;
	pthread_mutex_unlock(&cache->lock);
}

/* The node of the one to close, counted, when there are too many; or NULL. Under the lock. */
static struct node *victim(struct content_cache *cache, const struct content *self)
{
	for (unsigned int i = 0; cache->open > cache->max && i < 2 * cache->open; i++) {
		struct content *c = CIRCLE_OF(cache->hand, struct content, ring);

		cache->hand = c->ring.next;
		if (c == self)
			continue;
		if (!c->used)
			return node_ref_if_alive(c->node);
		c->used = false;
	}
	return NULL;
}

static struct node *ring_add(struct content_cache *cache, struct content *c)
{
	struct node *old;

	pthread_mutex_lock(&cache->lock);
	if (!c->ring.next) {
		circle_add(&cache->hand, &c->ring);
		cache->open++;
	}
	c->used = true;
	old = victim(cache, c);
	pthread_mutex_unlock(&cache->lock);
	return old;
}

/* --- a node's content */

void content_free(struct overlay *o, struct content *c)
{
	if (!c)
		return;
	ring_remove(o->contents, c);
	content_close(c->backing);
	if (c->hold >= 0)
		close(c->hold);
	place_unref(c->data_dir);
	free(c->data_name);
	free(c);
}

/* Under the stripe. */
static struct content *get_content(struct node *n)
{
	if (!n->content) {
		n->content = calloc(1, sizeof(*n->content));
		if (n->content) {
			n->content->hold = -1;
			n->content->node = n;
		}
	}
	return n->content;
}

/* Closes what an idle node has open, and frees what says nothing more. */
static void let_go(struct overlay *o, struct node *n)
{
	pthread_mutex_t *stripe = node_stripe(&o->nodes, n);
	struct backing *b = NULL;
	struct content *idle = NULL;

	pthread_mutex_lock(stripe);
	if (n->content) {
		b = n->content->backing;
		n->content->backing = NULL;
		ring_remove(o->contents, n->content);
		if (n->content->hold < 0 && !n->content->data_dir) {
			idle = n->content;
			n->content = NULL;
		}
	}
	pthread_mutex_unlock(stripe);
	content_close(b);
	free(idle);
}

struct backing *content_peek(struct overlay *o, struct node *n)
{
	pthread_mutex_t *stripe = node_stripe(&o->nodes, n);
	struct backing *b;

	pthread_mutex_lock(stripe);
	b = n->content ? backing_ref(n->content->backing) : NULL;
	if (b)
		atomic_store_explicit(&n->content->used, true, memory_order_relaxed);
	pthread_mutex_unlock(stripe);
	return b;
}

/* Makes b the node's, unless the file is no longer what it was when b was opened, or b may do less
 * than what is there. Returns a reference for the caller. */
static void install(struct overlay *o, struct node *n, struct backing *b, unsigned int layer,
		    bool metacopy)
{
	pthread_mutex_t *stripe = node_stripe(&o->nodes, n);
	struct backing *old = NULL;
	struct node *surplus = NULL;
	struct content *c;

	pthread_mutex_lock(stripe);
	c = n->layer == layer && n->metacopy == metacopy ? get_content(n) : NULL;
	if (c && (!c->backing || b->writable)) {
		old = c->backing;
		c->backing = backing_ref(b);
		surplus = ring_add(o->contents, c);
	}
	pthread_mutex_unlock(stripe);
	content_close(old);
	if (surplus) {
		let_go(o, surplus);
		node_unref(&o->nodes, surplus);
	}
}

void content_replace(struct overlay *o, struct node *n, int fd, bool writable)
{
	pthread_mutex_t *stripe = node_stripe(&o->nodes, n);
	struct backing *b = fd >= 0 ? backing_new(fd, writable) : NULL, *old = NULL;

	pthread_mutex_lock(stripe);
	if (n->content) {
		old = n->content->backing;
		n->content->backing = NULL;
	}
	pthread_mutex_unlock(stripe);
	content_close(old);
	if (b) {
		install(o, n, b, n->layer, n->metacopy);
		content_close(b);
	}
}

int content_hold(struct overlay *o, struct node *n, int fd)
{
	pthread_mutex_t *stripe = node_stripe(&o->nodes, n);
	struct content *c;
	int old = fd;

	pthread_mutex_lock(stripe);
	c = get_content(n);
	if (c) {
		old = c->hold;
		c->hold = fd;
	}
	pthread_mutex_unlock(stripe);
	if (old >= 0)
		close(old);
	return c ? 0 : -ENOMEM;
}

int content_held(struct overlay *o, struct node *n)
{
	pthread_mutex_t *stripe = node_stripe(&o->nodes, n);
	int fd = -ENOENT;

	pthread_mutex_lock(stripe);
	if (n->content && n->content->hold >= 0) {
		fd = fcntl(n->content->hold, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			fd = -errno;
	}
	pthread_mutex_unlock(stripe);
	return fd;
}

int content_set_data(struct overlay *o, struct node *n, struct place *dir, const char *name)
{
	pthread_mutex_t *stripe = node_stripe(&o->nodes, n);
	char *copy = strdup(name);
	struct content *c;

	if (!copy)
		return -ENOMEM;
	pthread_mutex_lock(stripe);
	c = get_content(n);
	if (c && !c->data_dir) {
		c->data_dir = place_ref(dir);
		c->data_name = copy;
		copy = NULL;
	}
	pthread_mutex_unlock(stripe);
	free(copy);
	return c ? 0 : -ENOMEM;
}

int content_get_data(struct overlay *o, struct node *n, struct place **ret_dir, char **ret_name)
{
	pthread_mutex_t *stripe = node_stripe(&o->nodes, n);
	int r = -ENOENT;

	pthread_mutex_lock(stripe);
	if (n->content && n->content->data_dir) {
		*ret_name = strdup(n->content->data_name);
		r = *ret_name ? 0 : -ENOMEM;
		if (r == 0)
			*ret_dir = place_ref(n->content->data_dir);
	}
	pthread_mutex_unlock(stripe);
	return r;
}

/* --- opening */

int content_reopen(int fd, int flags)
{
	char path[32];
	int r;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = open(path, flags | O_CLOEXEC);
	if (r < 0 && errno == EPERM && (flags & O_NOATIME))
		r = open(path, (flags & ~O_NOATIME) | O_CLOEXEC);
	return r < 0 ? -errno : r;
}

/* What is read through a descriptor for writing is mostly what surrounds a small write. */
#define WRITABLE (O_RDWR | O_NOATIME)

/* The owner of a file may lack the permission to write it, and whoever opened it before that was so
 * goes on writing: the kernel does not tell us who that is, and has checked it. */
static int reopen_writable(int fd)
{
	int r = content_reopen(fd, WRITABLE);
	struct stat st;
	char path[32];

	if (r != -EACCES || fstat(fd, &st) < 0)
		return r;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (chmod(path, (st.st_mode & 07777) | 0600) < 0)
		return r;
	r = content_reopen(fd, WRITABLE);
	if (chmod(path, st.st_mode & 07777) < 0 && r >= 0) {
		int code = errno;

		close(r);
		return -code;
	}
	return r;
}

int content_kill_priv(int fd, const struct stat *st)
{
	mode_t mode = st->st_mode & 07777 & ~(mode_t)S_ISUID;

	if (st->st_mode & S_IXGRP) /* without, it means mandatory locking */
		mode &= ~(mode_t)S_ISGID;
	(void)fremovexattr(fd, "security.capability");
	return mode != (st->st_mode & 07777) && fchmod(fd, mode) < 0 ? -errno : 0;
}

static int open_writable(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, WRITABLE | O_NOFOLLOW | O_CLOEXEC), path;

	if (fd >= 0)
		return fd;
	if (errno != EACCES && errno != EPERM)
		return -errno;
	path = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (path < 0)
		return -errno;
	fd = reopen_writable(path);
	close(path);
	return fd;
}

int content_open_upper(struct overlay *o, struct node *n)
{
	struct target t;
	int r = upper_enter(o, n, false, &t);

	if (r < 0)
		return r;
	r = *t.name ? open_writable(t.dirfd, t.name) : reopen_writable(t.dirfd);
	upper_leave(o, &t);
	return r;
}

static int open_to_read(struct overlay *o, struct node *n)
{
	struct located at;
	int r = locate(o, n, &at);

	if (r < 0)
		return r;
	if (at.place)
		r = at.place->layer->source->open(at.place, at.name, O_RDONLY);
	else
		r = content_reopen(at.fd, O_RDONLY);
	locate_end(o, &at);
	return r;
}

static int open_data(struct overlay *o, struct node *n)
{
	struct place *dir = NULL;
	char *name = NULL;
	int fd = content_get_data(o, n, &dir, &name);

	if (fd == 0)
		fd = dir->layer->source->open(dir, name, O_RDONLY);
	place_unref(dir);
	free(name);
	return fd;
}

static int open_file(struct overlay *o, struct node *n, bool write, bool metacopy)
{
	int fd;

	if (metacopy) {
		fd = open_data(o, n);
		return fd == -ENOENT ? -EIO : fd; /* the layer with the data is not here */
	}
	if (write)
		return content_open_upper(o, n);
	fd = open_to_read(o, n);
	/* The owner may not even read it, and yet whoever holds it open may. */
	return fd == -EACCES && n->layer == 0 && o->writable ? content_open_upper(o, n) : fd;
}

int content_open(struct overlay *o, struct node *n, bool write, struct backing **ret)
{
	struct backing *b;
	unsigned int layer;
	bool metacopy;
	int fd;

	if (!S_ISREG(n->type))
		return -EINVAL;
	b = content_peek(o, n);
	if (b && (!write || b->writable)) {
		*ret = b;
		return 0;
	}
	content_close(b);
	if (write) {
		int r = copy_up(o, n, COPY_ALL);

		if (r < 0)
			return r;
	}
	layer = n->layer;
	metacopy = n->metacopy;
	fd = open_file(o, n, write, metacopy);
	if (fd < 0)
		return fd;
	b = backing_new(fd, write);
	if (!b)
		return -ENOMEM;
	install(o, n, b, layer, metacopy);
	*ret = b;
	return 0;
}
