/* The names of lower files that have several.
 *
 * Where they are, only a walk over the layer can tell. It is done when the first such file is about
 * to change, in two passes: the first finds the inode numbers that occur more than once (links into
 * other layers do not count), the second the places of these. 8 bytes for each file are needed
 * meanwhile.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuse/array.h"
#include "fuse/copyup.h"
#include "fuse/walk.h"

struct link_map {
	struct link_name *name; /* by inode number */
	size_t n, cap;
};

struct walking {
	uint64_t *ino; /* of all files that are no directories; then those that occur twice */
	size_t n, cap;
	struct link_map *map; /* second pass */
	struct place *dir;
	struct place **todo;
	size_t n_todo, cap_todo;
};

void link_map_free(struct link_map *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++) {
		place_unref(m->name[i].dir);
		free(m->name[i].name);
	}
	free(m->name);
	free(m);
}

static int compare_ino(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int add_name(struct walking *w, const char *name, uint64_t ino)
{
	struct link_map *m = w->map;
	char *copy;
	int r;

	if (!bsearch(&ino, w->ino, w->n, sizeof(ino), compare_ino))
		return 0;
	r = array_grow(&m->name, m->n, &m->cap, sizeof(*m->name));
	copy = r < 0 ? NULL : strdup(name);
	if (!copy)
		return -ENOMEM;
	m->name[m->n++] = (struct link_name){ino, place_ref(w->dir), copy};
	return 0;
}

static int one_entry(void *arg, const char *name, uint64_t ino, mode_t type)
{
	struct walking *w = arg;
	struct stat st;
	int r;

	if (!type) {
		r = w->dir->layer->source->stat(w->dir, name, &st);
		if (r < 0)
			return r;
		type = st.st_mode & S_IFMT;
	}
	if (S_ISDIR(type)) {
		r = array_grow(&w->todo, w->n_todo, &w->cap_todo, sizeof(struct place *));
		if (r < 0)
			return r;
		w->todo[w->n_todo] = place_new(w->dir, name);
		return w->todo[w->n_todo++] ? 0 : -ENOMEM;
	}
	if (w->map)
		return add_name(w, name, ino);
	r = array_grow(&w->ino, w->n, &w->cap, sizeof(*w->ino));
	if (r == 0)
		w->ino[w->n++] = ino;
	return r;
}

static int walk(struct layer *layer, struct walking *w)
{
	int r = array_grow(&w->todo, 0, &w->cap_todo, sizeof(struct place *));

	if (r < 0)
		return r;
	w->todo[w->n_todo++] = place_ref(layer->root);
	while (w->n_todo) {
		w->dir = w->todo[--w->n_todo];
		/* a directory that cannot be read has no names that could be shown */
		if (r == 0)
			r = layer->source->list(w->dir, one_entry, w);
		if (r == -EACCES)
			r = 0;
		place_unref(w->dir);
	}
	return r;
}

/* Sorts, and leaves one of each that occurs more than once. */
static void keep_repeated(struct walking *w)
{
	size_t out = 0;

	if (w->n)
		qsort(w->ino, w->n, sizeof(*w->ino), compare_ino);
	for (size_t i = 0; i < w->n;) {
		size_t first = i++;

		while (i < w->n && w->ino[i] == w->ino[first])
			i++;
		if (i - first > 1)
			w->ino[out++] = w->ino[first];
	}
	w->n = out;
}

static int compare_name(const void *a, const void *b)
{
	const struct link_name *x = a, *y = b;

	return compare_ino(&x->ino, &y->ino);
}

static int map_make(struct layer *layer, struct link_map **ret)
{
	struct walking w = {0};
	struct link_map *m = calloc(1, sizeof(*m));
	int r = m ? walk(layer, &w) : -ENOMEM;

	if (r == 0) {
		keep_repeated(&w);
		w.map = m;
		r = w.n ? walk(layer, &w) : 0;
	}
	if (r == 0 && m->n)
		qsort(m->name, m->n, sizeof(*m->name), compare_name);
	free(w.ino);
	free(w.todo);
	if (r < 0)
		link_map_free(m);
	else
		*ret = m;
	return r;
}

int links_find(struct layer *layer, uint64_t ino, const struct link_name **ret, unsigned int *ret_n)
{
	static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
	const struct link_map *m;
	size_t low = 0, high, end;
	int r = 0;

	*ret_n = 0;
	pthread_mutex_lock(&making);
	if (!layer->links)
		r = map_make(layer, &layer->links);
	m = layer->links;
	pthread_mutex_unlock(&making);
	if (r < 0)
		return r;
	high = m->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->name[mid].ino < ino)
			low = mid + 1;
		else
			high = mid;
	}
	for (end = low; end < m->n && m->name[end].ino == ino;)
		end++;
	*ret = m->name + low;
	*ret_n = (unsigned int)(end - low);
	return 0;
}

/* --- the node's names in the merged view */

/* The child of a directory node, which is given up; counted, or NULL. */
static struct node *step(struct overlay *o, struct node *parent, const char *name)
{
	struct node *n = NULL;
	struct file f;

	if (S_ISDIR(parent->type) && overlay_lookup(o, parent, name, &f) == 0)
		n = f.node;
	node_unref(&o->nodes, parent);
	return n;
}

/* The directory node that shows a lower place, counted, or NULL: its way from the layer's root,
 * gone in the merged view. A directory that was renamed is not found so; its files' other names
 * then stay behind. */
static struct node *node_of_place(struct overlay *o, struct place *p)
{
	struct node *n;
	struct place **way;
	size_t depth = 0, at = 0;

	for (struct place *q = p; q->parent; q = q->parent)
		depth++;
	way = malloc((depth + 1) * sizeof(struct place *));
	if (!way)
		return NULL;
	for (struct place *q = p; q->parent; q = q->parent)
		way[depth - ++at] = q;
	n = node_ref(o->root);
	for (at = 0; n && at < depth; at++)
		n = step(o, n, way[at]->name);
	free(way);
	return n;
}

static int lower_stat(struct overlay *o, struct node *n, struct layer **ret_layer, struct stat *st)
{
	struct spot spot;
	int r = spot_find(o, n, false, &spot);

	if (r < 0)
		return r;
	*ret_layer = spot.place->layer;
	r = spot.place->layer->source->stat(spot.place, spot.name, st);
	spot_release(o, &spot);
	return r;
}

/* The names in its layer; *ret_n 0 when it has one. */
static int find_names(struct overlay *o, struct node *n, const struct link_name **ret,
		      unsigned int *ret_n)
{
	struct layer *layer;
	struct stat st;
	int r = lower_stat(o, n, &layer, &st);

	*ret_n = 0;
	if (r < 0 || st.st_nlink < 2)
		return r == -ENOENT ? 0 : r;
	return links_find(layer, st.st_ino, ret, ret_n);
}

int copyup_has_links(struct overlay *o, struct node *n)
{
	const struct link_name *names;
	unsigned int count;
	int r = find_names(o, n, &names, &count);

	return r < 0 ? r : count > 1;
}

int links_look_up(struct overlay *o, struct node *n)
{
	const struct link_name *names;
	unsigned int count;
	int r = find_names(o, n, &names, &count);

	for (unsigned int i = 0; r == 0 && i < count; i++) {
		struct node *dir = node_of_place(o, names[i].dir);
		struct file f;

		if (!dir)
			continue;
		/* The lookup itself makes the name known. What it finds may be another file by now.
		 */
		if (S_ISDIR(dir->type) && overlay_lookup(o, dir, names[i].name, &f) == 0)
			node_unref(&o->nodes, f.node);
		node_unref(&o->nodes, dir);
	}
	return r;
}
