/* Theory of operation
 *
 * An upper directory is looked over as a server would see it, through the same code, but for the
 * work directory, which is emptied only when something may be changed. First comes one walk that
 * says and mends what is wrong (check_entry.c); then, on request, what only overlays with redirects
 * and metadata-only copies read is taken away (flatten.c), and a last walk sweeps what this left
 * without a meaning.
 *
 * Nothing that is mended changes what is seen. A mark that makes a directory opaque stays though
 * nothing may be below it: over other lower layers there may be.
 */
#include "fuse/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/whiteout.h"
#include "fuse/check_impl.h"
#include "fuse/work.h"

/* --- the work directory */

/* What is in it, before it is emptied. */
static int look_at_work(struct checker *c, struct names *ret)
{
	const char *path = c->options->overlay.work;
	_cleanup_dir_ DIR *dir = NULL;
	_cleanup_fd_ int work = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *d;
	struct stat st;
	int fd, r = 0;

	if (work < 0)
		return err_sys(c->err, errno, "cannot open the work directory '%s'", path);
	fd = openat(work, "work", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		int code = errno;

		if (fd >= 0)
			close(fd);
		return err_sys(c->err, code, "cannot open '%s/work'", path);
	}
	while (r == 0 && (errno = 0, d = readdir(dir))) {
		if (str_eq(d->d_name, ".") || str_eq(d->d_name, ".."))
			continue;
		/* what whiteouts are made from is there after every use */
		if (fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    whiteout_is_device(&st))
			continue;
		r = names_add(ret, d->d_name);
	}
	if (r == 0 && errno)
		r = -errno;
	return r < 0 ? err_sys(c->err, -r, "cannot read '%s/work'", path) : 0;
}

static void say_garbage(struct checker *c, const struct names *names)
{
	for (size_t at = 0; at < names->len; at += strlen(names->text + at) + 1) {
		const char *name = names->text + at;
		_cleanup_free_ char *shown = log_printable(name);

		c->mends = true;
		printf("work directory: left over '%s', %sremoved\n", shown,
		       c->dry ? "to be " : "");
		if (str_eq(name, "incompat"))
			printf("work directory: the kernel had the upper mounted volatile: after a "
			       "crash "
			       "of the machine, files may not be whole\n");
	}
}

/* --- opening and closing */

static int open_layers(struct checker *c)
{
	struct overlay_config config = c->options->overlay;
	int r;

	config.work = NULL;
	r = overlay_open(&c->o, &config, c->err);
	if (r < 0)
		return r;
	if (c->dry) {
		c->can_mknod = getenv("STRAKE_NO_MKNOD") == NULL;
		c->o.layers[0].wh_files = !c->can_mknod || work_had_wh_files(&c->o);
		return 0;
	}
	r = work_open(&c->o, c->options->overlay.work, c->err);
	c->can_mknod = c->o.mknod_whiteout;
	if (r < 0)
		overlay_close(&c->o);
	return r;
}

static void forget(struct checker *c)
{
	for (size_t i = 0; i < c->n_redirects; i++) {
		place_unref(c->redirects[i].upper);
		place_unref(c->redirects[i].lower);
	}
	for (size_t i = 0; i < c->n_copied; i++) {
		place_unref(c->copied[i].dir);
		free(c->copied[i].name);
	}
	c->n_redirects = c->n_copied = 0;
}

static void close_layers(struct checker *c)
{
	forget(c);
	overlay_close(&c->o);
}

/* --- directories that show the same */

static char *printable_path(struct place *p)
{
	_cleanup_free_ char *path = place_path(p, "");

	return log_printable(path ? path : "?");
}

static void say_same(struct checker *c, struct place *a, struct place *b,
		     const struct redirected *r)
{
	_cleanup_free_ char *one = printable_path(a), *other = printable_path(b);
	_cleanup_free_ char *lower = printable_path(r->lower);

	c->bad |= !c->options->flatten;
	printf("%s: shows the lower directory '%s', as '%s' does%s\n", one, lower, other,
	       c->options->flatten ? "; each gets its own" : "");
}

static int compare_redirected(const void *a, const void *b)
{
	const struct redirected *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

/* What the merged view has at a path from the root: a counted node; or NULL. */
static struct node *resolve(struct checker *c, char *path)
{
	struct node *n = node_ref(c->o.root);
	char *save = NULL;

	for (char *name = strtok_r(path, "/", &save); n && name;
	     name = strtok_r(NULL, "/", &save)) {
		struct file f;
		int r = S_ISDIR(n->type) ? check_look_up(c, n, name, &f) : -ENOTDIR;

		node_unref(&c->o.nodes, n);
		n = r == 0 ? f.node : NULL;
	}
	return n;
}

static bool is_dir(struct place *p, dev_t dev, ino_t ino)
{
	struct stat st;

	return p->layer->source->stat(p, "", &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

/* Whether a redirect's lower directory is also seen where it is: a rename was cut short where one
 * system call cannot leave a whiteout. */
static void check_own_place(struct checker *c, const struct redirected *r)
{
	_cleanup_free_ char *path = place_path(r->lower, "");
	struct node *n = path ? resolve(c, path) : NULL;
	struct stat st;

	if (!n)
		return;
	if (S_ISDIR(n->type) && n->dir->n &&
	    r->upper->layer->source->stat(r->upper, "", &st) == 0 &&
	    !is_dir(n->dir->stack[0], st.st_dev, st.st_ino)) {
		for (unsigned int i = 0; i < n->dir->n; i++)
			if (is_dir(n->dir->stack[i], r->dev, r->ino))
				say_same(c, r->upper, n->dir->stack[0], r);
	}
	node_unref(&c->o.nodes, n);
}

static void check_same(struct checker *c)
{
	if (c->n_redirects)
		qsort(c->redirects, c->n_redirects, sizeof(*c->redirects), compare_redirected);
	for (size_t i = 0; i < c->n_redirects; i++) {
		const struct redirected *r = &c->redirects[i];

		if (i && compare_redirected(r - 1, r) == 0)
			say_same(c, r->upper, r[-1].upper, r);
		else
			check_own_place(c, r);
	}
}

/* --- all of it */

static int look_over(struct checker *c)
{
	struct names garbage = {0};
	int r = look_at_work(c, &garbage);

	if (r == 0)
		r = open_layers(c);
	if (r < 0) {
		names_free(&garbage);
		return r;
	}
	say_garbage(c, &garbage);
	names_free(&garbage);
	r = check_walk(c, &check_visitor);
	if (r == 0)
		check_same(c);
	if (r == 0 && c->options->flatten && !c->dry)
		r = flatten(c);
	close_layers(c);
	return r < 0 && !c->err->code ? err_sys(c->err, -r, "cannot look the upper directory over")
				      : r;
}

/* All whiteouts are devices now. */
static int drop_wh_mark(struct checker *c)
{
	struct place *root = c->o.layers[0].root;
	int fd = place_pin(root), r;

	if (fd < 0)
		return fd;
	r = marks_drop(c, fd, "", MARK_WH_FILES);
	place_unpin(root);
	return r;
}

static int sweep(struct checker *c)
{
	bool was_bad = c->bad;
	int r;

	c->quiet = c->strip = true;
	r = open_layers(c);
	if (r < 0)
		return r;
	r = check_walk(c, &check_visitor);
	if (r == 0 && !was_bad && !c->bad && c->can_mknod)
		r = drop_wh_mark(c);
	if (r == 0)
		r = overlay_syncfs(&c->o);
	close_layers(c);
	return r < 0 && !c->err->code ? err_sys(c->err, -r, "cannot sweep the upper directory") : r;
}

int check_upper(const struct options *o, struct err *err)
{
	struct checker c = {.options = o, .err = err, .dry = o->dry_run};
	int r;

	c.keys = malloc(XATTR_LIST_SPACE);
	if (!c.keys)
		return err_set(err, ENOMEM, "out of memory");
	r = look_over(&c);
	if (r == 0 && o->flatten && !o->dry_run)
		r = sweep(&c);
	free(c.keys);
	free(c.levels);
	free(c.redirects);
	free(c.copied);
	free(c.held);
	if (r < 0)
		return r;
	return c.bad || (c.dry && c.mends);
}
