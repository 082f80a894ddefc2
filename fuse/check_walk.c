/* The walk, and what it says. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "fuse/array.h"
#include "fuse/check_impl.h"

bool check_is_fatal(int r)
{
	return r == -ENOMEM || r == -ENOSPC || r == -EDQUOT || r == -EROFS || r == -EMFILE ||
	       r == -ENFILE;
}

/* --- what is said */

/* Names are anybody's: what they do to a terminal is shown, not done. */
static void say_line(struct checker *c, struct level *l, const char *name, const char *text)
{
	struct place *top = l->node->dir->n ? l->node->dir->stack[0] : c->o.layers[0].root;
	_cleanup_free_ char *path = place_path(top, name);
	_cleanup_free_ char *shown = log_printable(path ? path : name);

	printf("%s: %s\n", shown, text);
}

__attribute__((format(printf, 4, 0))) static void
vsay(struct checker *c, struct level *l, const char *name, const char *fmt, va_list args)
{
	char text[512];

	if (c->quiet)
		return;
	vsnprintf(text, sizeof(text), fmt, args);
	say_line(c, l, name, text);
}

void say(struct checker *c, struct level *l, const char *name, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsay(c, l, name, fmt, args);
	va_end(args);
}

void say_bad(struct checker *c, struct level *l, const char *name, const char *fmt, ...)
{
	va_list args;

	c->bad = true;
	va_start(args, fmt);
	vsay(c, l, name, fmt, args);
	va_end(args);
}

void say_mended(struct checker *c, struct level *l, const char *name, const char *what,
		const char *done)
{
	c->mends = true;
	say(c, l, name, "%s, %s%s", what, c->dry ? "to be " : "", done);
}

/* --- names */

int names_add(struct names *n, const char *name)
{
	size_t len = strlen(name) + 1;

	if (n->len + len > n->cap) {
		size_t cap = n->cap ? n->cap * 2 : 1024;
		char *more = realloc(n->text, cap);

		if (!more)
			return -ENOMEM;
		n->text = more;
		n->cap = cap;
	}
	memcpy(n->text + n->len, name, len);
	n->len += len;
	return 0;
}

void names_free(struct names *n)
{
	free(n->text);
	*n = (struct names){0};
}

static int open_quietly(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_NOATIME | O_CLOEXEC);

	if (fd < 0 && errno == EPERM)
		fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int read_names(int dirfd, struct names *ret)
{
	_cleanup_dir_ DIR *dir = NULL;
	struct dirent *d;
	int fd = open_quietly(dirfd), r = 0;

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while (r == 0 && (errno = 0, d = readdir(dir)))
		if (!str_eq(d->d_name, ".") && !str_eq(d->d_name, ".."))
			r = names_add(ret, d->d_name);
	return r < 0 ? r : -errno;
}

int names_of_upper(struct checker *c, struct level *l, struct names *ret)
{
	struct place *upper = dir_upper(&c->o, l->node->dir);
	int fd, r;

	*ret = (struct names){0};
	if (!upper)
		return 0;
	fd = place_pin(upper);
	if (fd < 0)
		return fd;
	r = read_names(fd, ret);
	place_unpin(upper);
	if (r < 0)
		names_free(ret);
	return r;
}

int names_of_merged(struct checker *c, struct level *l, struct names *ret)
{
	struct dir *d = l->node->dir;
	const struct entry *e;
	uint64_t at = 0;
	int r;

	*ret = (struct names){0};
	pthread_rwlock_wrlock(&d->lock);
	r = listing_make(&c->o, d);
	while (r == 0 && (e = listing_after(d, at))) {
		at = e->hash;
		r = names_add(ret, listing_name(d, e));
	}
	if (d->listing)
		listing_drop(&c->o, d);
	pthread_rwlock_unlock(&d->lock);
	if (r < 0)
		names_free(ret);
	return r;
}

int check_look_up(struct checker *c, struct node *dir, const char *name, struct file *ret)
{
	int r;

	pthread_rwlock_rdlock(&dir->dir->lock);
	r = lookup_child(&c->o, dir, name, ret);
	pthread_rwlock_unlock(&dir->dir->lock);
	return r;
}

/* --- the walk */

static struct level *top(struct checker *c)
{
	return c->depth ? &c->levels[c->depth - 1] : NULL;
}

static void pop(struct checker *c)
{
	struct level *l = top(c);
	bool failed = l->failed;

	names_free(&l->subdirs);
	node_unref(&c->o.nodes, l->node);
	c->depth--;
	if (c->depth)
		top(c)->failed |= failed;
}

/* Takes the level's node over. */
static int push(struct checker *c, const struct visitor *v, const struct level *l)
{
	int r = array_grow(&c->levels, c->depth, &c->cap, sizeof(*c->levels));

	if (r < 0) {
		node_unref(&c->o.nodes, l->node);
		return r;
	}
	c->levels[c->depth++] = *l;
	r = v->enter(c, top(c));
	if (r < 0 && !check_is_fatal(r)) {
		say_bad(c, top(c), "", "cannot be looked over: %s", strerror(-r));
		top(c)->failed = true;
		names_free(&top(c)->subdirs);
		r = 0;
	}
	return r;
}

static int descend(struct checker *c, const struct visitor *v, const char *name)
{
	struct level *l = top(c), child = {0};
	struct file f;
	int r = check_look_up(c, l->node, name, &f);

	if (r == -ENOENT || check_is_fatal(r))
		return r == -ENOENT ? 0 : r;
	if (r < 0) {
		say_bad(c, l, name, "cannot be looked up: %s", strerror(-r));
		l->failed = true;
		return 0;
	}
	child.node = f.node;
	r = S_ISDIR(f.node->type);
	if (r && v->child)
		r = v->child(c, l, &child, name);
	if (r == 1)
		return push(c, v, &child);
	node_unref(&c->o.nodes, f.node);
	return r;
}

static int step(struct checker *c, const struct visitor *v)
{
	struct level *l = top(c);
	int r = 0;

	if (l->next < l->subdirs.len) {
		_cleanup_free_ char *name = strdup(l->subdirs.text + l->next);

		if (!name)
			return -ENOMEM;
		l->next += strlen(name) + 1;
		return descend(c, v, name);
	}
	if (v->leave)
		r = v->leave(c, l);
	pop(c);
	return r;
}

int check_walk(struct checker *c, const struct visitor *v)
{
	const struct level root = {.node = node_ref(c->o.root)};
	int r = push(c, v, &root);

	while (r == 0 && c->depth)
		r = step(c, v);
	while (c->depth)
		pop(c);
	return r;
}
