/* Theory of operation
 *
 * A name is asked of a directory's places from the top. The first that has it decides: a whiteout
 * ends the search with nothing; a file is the answer; a directory is the topmost of a stack, to
 * which the same name in further layers adds, until one is opaque, a whiteout, or no directory.
 *
 * A directory with a redirect has its lower content elsewhere. A name alone is beside it, in its
 * parent's other places. A path is walked from the roots of the layers below, each on its own,
 * since the directories on the way need not be merged with one another where it is seen now.
 */
#include "fuse/walk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "format/whiteout.h"
#include "fuse/overlay.h"

void found_release(struct found *f)
{
	place_unref(f->in);
	place_unref(f->data);
	for (unsigned int i = 0; i < f->n; i++)
		place_unref(f->stack[i]);
	free(f->stack);
	free(f->data_name);
	marks_release(&f->marks);
	*f = (struct found){0};
}

/* Takes p over. */
static int push(struct found *f, struct place *p)
{
	struct place **more = p ? reallocarray(f->stack, f->n + 1, sizeof(*more)) : NULL;

	if (!more) {
		place_unref(p);
		return -ENOMEM;
	}
	f->stack = more;
	f->stack[f->n++] = p;
	return 0;
}

enum answer { NOTHING, HIDDEN, PRESENT };

/* What one place has by that name; *ret_st when PRESENT. An answer or -errno. */
static int ask(struct place *p, const char *name, bool more_below, struct stat *ret_st)
{
	int r;

	if (mark_is_hidden_name(p->layer, name))
		return NOTHING;
	r = p->layer->source->stat(p, name, ret_st);
	if (r == -ENOENT || r == -ENOTDIR)
		return more_below && mark_has_wh_file(p, name) ? HIDDEN : NOTHING;
	if (r < 0)
		return r;
	return mark_is_whiteout(p, name, ret_st) ? HIDDEN : PRESENT;
}

static bool is_bottom(const struct overlay *o, const struct place *p)
{
	return p->layer->index + 1 == o->n_layers;
}

/* --- redirects */

/* One layer's part of a path from its root. */
struct step {
	struct place *at; /* the directory reached, counted; NULL when it is not there */
	bool stop;	  /* nothing below this layer counts */
	char *redirect;	  /* the way so far, in further layers; NULL while it is the same */
};

/* The way goes on by a name beside the component at `at`, or anew by an absolute path. */
static int redirect_to(struct step *s, const char *path, const char *at, const char *to)
{
	size_t head = s->redirect ? strlen(s->redirect) : (size_t)(at - path);
	char *way;

	if (!s->redirect && head)
		head--; /* the slash */
	if (*to == '/')
		way = strdup(to);
	else if (asprintf(&way, "%.*s/%s", (int)head, s->redirect ? s->redirect : path, to) < 0)
		way = NULL;
	if (!way)
		return -ENOMEM;
	free(s->redirect);
	s->redirect = way;
	return 0;
}

/* Goes down one component. 0 with s->at moved (NULL: not there), or -errno. */
static int step_down(struct overlay *o, struct step *s, const char *path, const char *at,
		     size_t len)
{
	_cleanup_marks_ struct marks m = {0};
	_cleanup_place_ struct place *parent = s->at;
	char name[256];
	struct stat st;
	int r;

	s->at = NULL;
	memcpy(name, at, len);
	name[len] = '\0';
	r = ask(parent, name, true, &st);
	if (r < 0)
		return r;
	if (r == NOTHING)
		return 0;
	if (r == HIDDEN || !S_ISDIR(st.st_mode)) {
		s->stop = true;
		return 0;
	}
	s->at = place_new(parent, name);
	if (!s->at)
		return -ENOMEM;
	if (is_bottom(o, parent))
		return 0;
	r = marks_read(parent, name, S_IFDIR, &m);
	if (r < 0)
		return r;
	if (m.opaque || mark_has_opaque_file(s->at))
		s->stop = true;
	if (m.redirect)
		return redirect_to(s, path, at, m.redirect);
	return s->redirect ? redirect_to(s, path, at, name) : 0;
}

static int walk_layer(struct overlay *o, struct layer *layer, const char *path, struct step *s)
{
	const char *at = path + strspn(path, "/");
	int r = 0;

	*s = (struct step){.at = place_ref(layer->root)};
	while (r == 0 && *at) {
		size_t len = strcspn(at, "/");

		r = step_down(o, s, path, at, len);
		if (r < 0 || !s->at)
			break;
		at += len;
		at += strspn(at, "/");
	}
	/* what this layer does not have is looked for in further ones by the way so far */
	if (r == 0 && s->redirect && *at)
		r = redirect_to(s, path, at, at);
	if (r < 0) {
		place_unrefp(&s->at);
		free(s->redirect);
		s->redirect = NULL;
	}
	return r;
}

/* Adds to what f has already. */
int walk_path(struct overlay *o, unsigned int first, const char *path, struct found *f)
{
	_cleanup_free_ char *now = strdup(path);
	bool stop = false;

	if (!now)
		return -ENOMEM;
	for (unsigned int i = first; i < o->n_layers && !stop; i++) {
		struct step s;
		int r = walk_layer(o, &o->layers[i], now, &s);

		if (r < 0)
			return r;
		stop = s.stop;
		if (s.redirect) {
			free(now);
			now = s.redirect;
		}
		if (s.at) {
			r = push(f, s.at);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* --- a directory's stack */

/* One place's directory; what is below it counts while this returns 1. name may change: in further
 * places it is the redirect. */
static int add_dir(struct overlay *o, struct place *p, char name[256], struct found *f)
{
	_cleanup_marks_ struct marks m = {0};
	int r = push(f, place_new(p, name));

	if (r < 0 || is_bottom(o, p))
		return r;
	r = marks_read(p, name, S_IFDIR, &m);
	if (r < 0)
		return r;
	if (f->n == 1) {
		f->marks.opaque = m.opaque;
		f->marks.impure = m.impure;
	}
	if (m.opaque)
		return 0;
	if (m.redirect && *m.redirect == '/')
		return walk_path(o, p->layer->index + 1, m.redirect, f);
	if (m.redirect)
		memcpy(name, m.redirect, strlen(m.redirect) + 1);
	return 1;
}

/* From the i-th place on, where the directory was found. */
static int add_dirs(struct overlay *o, struct dir *d, unsigned int i, const char *first_name,
		    struct found *f)
{
	char name[256];
	int r = 1;

	memcpy(name, first_name, strlen(first_name) + 1);
	for (; r == 1 && i < d->n; i++) {
		struct stat st;
		int answer = ask(d->stack[i], name, i + 1 < d->n, &st);

		if (answer < 0)
			return answer;
		if (answer == NOTHING)
			continue;
		if (answer == HIDDEN || !S_ISDIR(st.st_mode))
			break;
		if (f->n && mark_has_opaque_file(f->stack[f->n - 1]))
			break;
		r = add_dir(o, d->stack[i], name, f);
	}
	return r < 0 ? r : 0;
}

/* --- a file */

static char *parent_of(const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');

	*ret_name = slash + 1;
	return strndup(path, (size_t)(slash - path));
}

/* Where a search for data goes on: in directories, topmost first, by a name. */
struct search {
	struct found dirs;
	unsigned int next;
	char name[256];
};

/* A redirect from a file of that layer. */
static int search_elsewhere(struct overlay *o, unsigned int layer, const char *redirect,
			    struct search *s)
{
	_cleanup_free_ char *parent = NULL;
	const char *base = redirect;

	if (*redirect == '/') {
		parent = parent_of(redirect, &base);
		if (!parent)
			return -ENOMEM;
		found_release(&s->dirs);
		s->next = 0;
	}
	memcpy(s->name, base, strlen(base) + 1);
	return parent ? walk_path(o, layer + 1, parent, &s->dirs) : 0;
}

/* The next layer's file of that name: 1 when it has the data, 0 when it is yet another copy
 * without, and the search goes on; -ENOENT when there is none, or -errno. */
static int search_step(struct overlay *o, struct search *s)
{
	_cleanup_marks_ struct marks m = {0};
	struct stat st;

	for (; s->next < s->dirs.n; s->next++) {
		struct place *p = s->dirs.stack[s->next];
		int r = ask(p, s->name, true, &st);

		if (r == NOTHING)
			continue;
		if (r < 0 || r == HIDDEN || !S_ISREG(st.st_mode))
			return r < 0 ? r : -ENOENT;
		r = is_bottom(o, p) ? 0 : marks_read(p, s->name, S_IFREG, &m);
		if (r < 0 || !m.metacopy)
			return r < 0 ? r : 1;
		s->next++;
		return m.redirect ? search_elsewhere(o, p->layer->index, m.redirect, s) : 0;
	}
	return -ENOENT;
}

/* The data of a metadata-only copy in d->stack[i]. Not finding them is no error yet: reading is. */
static int find_data(struct overlay *o, struct dir *d, unsigned int i, const char *name,
		     struct found *f)
{
	struct search s = {0};
	unsigned int layer = d->stack[i]->layer->index;
	int r = 0;

	memcpy(s.name, name, strlen(name) + 1);
	for (i++; r == 0 && i < d->n; i++)
		r = push(&s.dirs, place_ref(d->stack[i]));
	if (r == 0 && f->marks.redirect)
		r = search_elsewhere(o, layer, f->marks.redirect, &s);
	while (r == 0)
		r = search_step(o, &s);
	if (r == 1) {
		f->data_name = strdup(s.name);
		f->data = place_ref(s.dirs.stack[s.next]);
		r = f->data_name ? 0 : -ENOMEM;
	}
	found_release(&s.dirs);
	return r == -ENOENT ? 0 : r;
}

/* In lower layers any file may be one. How many blocks it has does not tell: they are also those of
 * its xattrs. */
static bool may_be_metacopy(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_size > 0;
}

static int add_file(struct overlay *o, struct dir *d, unsigned int i, const char *name,
		    struct found *f)
{
	struct place *p = d->stack[i];
	int r;

	if (is_bottom(o, p) || !(p->layer->upper ? dir_has_marks(d) : may_be_metacopy(&f->st)))
		return 0;
	r = marks_read(p, name, f->st.st_mode, &f->marks);
	if (r < 0)
		return r;
	return f->marks.metacopy ? find_data(o, d, i, name, f) : 0;
}

int walk_find(struct overlay *o, struct dir *d, const char *name, struct found *ret)
{
	unsigned int i = 0;

	*ret = (struct found){0};
	if (d->listing && d->n > 1) {
		const struct entry *e = listing_find(d, name);

		if (!e)
			return -ENOENT;
		while (i < d->n && d->stack[i]->layer->index < e->layer)
			i++;
	}
	for (; i < d->n; i++) {
		int r = ask(d->stack[i], name, i + 1 < d->n, &ret->st);

		if (r < 0 || r == HIDDEN)
			return r < 0 ? r : -ENOENT;
		if (r == NOTHING)
			continue;
		ret->in = place_ref(d->stack[i]);
		return S_ISDIR(ret->st.st_mode) ? add_dirs(o, d, i, name, ret)
						: add_file(o, d, i, name, ret);
	}
	return -ENOENT;
}

int walk_is_below(struct overlay *o, struct dir *d, const char *name)
{
	struct stat st;

	for (unsigned int i = 0; i < d->n; i++) {
		int r;

		if (d->stack[i]->layer->upper && o->writable)
			continue;
		r = ask(d->stack[i], name, i + 1 < d->n, &st);
		if (r != NOTHING)
			return r == HIDDEN ? 0 : r < 0 ? r : 1;
	}
	return 0;
}

/* --- where a node is */

int spot_find(struct overlay *o, struct node *n, bool exclusive, struct spot *ret)
{
	struct where w;
	int r;

	while ((r = node_where(&o->nodes, n, &w)) == 0) {
		struct dir *d = w.parent->dir;

		if (exclusive)
			pthread_rwlock_wrlock(&d->lock);
		else
			pthread_rwlock_rdlock(&d->lock);
		/* It may have been renamed before the lock was there. */
		if (node_has_name(&o->nodes, n, w.parent, w.name))
			break;
		pthread_rwlock_unlock(&d->lock);
		node_unref(&o->nodes, w.parent);
	}
	if (r < 0)
		return r;
	ret->parent = w.parent;
	memcpy(ret->name, w.name, strlen(w.name) + 1);
	ret->place = dir_place(w.parent->dir, n->layer);
	if (ret->place || S_ISDIR(n->type))
		return 0;
	spot_release(o, ret);
	return -ESTALE;
}

void spot_release(struct overlay *o, struct spot *s)
{
	pthread_rwlock_unlock(&s->parent->dir->lock);
	node_unref(&o->nodes, s->parent);
	s->parent = NULL;
}
