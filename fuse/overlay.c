#include "fuse/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fd.h"
#include "fuse/content.h"
#include "fuse/copyup.h"
#include "fuse/lookup.h"
#include "fuse/upper.h"
#include "fuse/work.h"

/* Descriptors are shared between places, open files and what is held; the soft limit goes up to the
 * hard one, which may be no more than 4096. */
enum { MIN_FDS = 256, MAX_FDS = 65536, LISTINGS_MAX = 4 << 20 };

static unsigned int raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return MIN_FDS;
	if (limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
		(void)getrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_cur > MAX_FDS ? MAX_FDS : (unsigned int)limit.rlim_cur;
}

static int init_caches(struct overlay *o)
{
	unsigned int fds = raise_fd_limit();
	int r;

	o->contents = calloc(1, sizeof(*o->contents));
	o->listings = calloc(1, sizeof(*o->listings));
	if (!o->contents || !o->listings)
		return -ENOMEM;
	pthread_mutex_init(&o->contents->lock, NULL);
	pthread_mutex_init(&o->listings->lock, NULL);
	pthread_mutex_init(&o->rename_lock, NULL);
	for (unsigned int i = 0; i < COPY_LOCKS; i++)
		pthread_mutex_init(&o->copy_lock[i], NULL);
	o->contents->max = fds / 4 > 4096 ? 4096 : fds / 4;
	o->listings->max = LISTINGS_MAX;
	r = place_cache_init(&o->places, fds / 4 > 4096 ? 4096 : fds / 4);
	return r < 0 ? r : node_table_init(&o->nodes, o);
}

pthread_mutex_t *overlay_copy_lock(struct overlay *o, const struct node *n)
{
	return &o->copy_lock[((uintptr_t)n >> 4) * 2654435761U / 64 % COPY_LOCKS];
}

/* --- layers */

static unsigned int device_index(const struct overlay *o, unsigned int n, dev_t dev)
{
	for (unsigned int i = 0; i < n; i++)
		if (o->layers[i].dev == dev)
			return o->layers[i].device;
	return n ? o->layers[n - 1].device + 1 : 0;
}

static int open_layer(struct overlay *o, unsigned int i, const char *path, bool upper,
		      struct err *err)
{
	struct layer *l = &o->layers[i];
	struct stat st;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0) {
		int code = errno;

		if (fd >= 0)
			close(fd);
		return err_sys(err, code, "cannot open the %s directory '%s'",
			       upper ? "upper" : "lower", path);
	}
	*l = (struct layer){.overlay = o,
			    .source = &source_dir,
			    .index = i,
			    .upper = upper,
			    .wh_files = !upper,
			    .dev = st.st_dev,
			    .device = device_index(o, i, st.st_dev)};
	l->root = place_root(l, fd);
	if (!l->root)
		return err_set(err, ENOMEM, "out of memory");
	o->n_layers = i + 1;
	return 0;
}

static int open_layers(struct overlay *o, struct err *err)
{
	const struct overlay_config *c = &o->config;
	unsigned int i = 0;
	int r = 0;

	o->layers = calloc(c->n_lower + 1, sizeof(*o->layers));
	if (!o->layers)
		return err_set(err, ENOMEM, "out of memory");
	if (c->upper) {
		r = open_layer(o, i++, c->upper, true, err);
		if (r == 0 && c->work)
			r = work_open(o, c->work, err);
	}
	for (unsigned int j = 0; r == 0 && j < c->n_lower; j++)
		r = open_layer(o, i++, c->lower[j], false, err);
	o->writable = c->upper != NULL;
	return r;
}

/* Work directory and upper have to be on one mount: things are moved between them. */
static int check_work(struct overlay *o, struct err *err)
{
	struct timespec times[2];
	char name[32];
	int fd, r;

	if (!o->writable || o->work < 0)
		return 0;
	work_name(o, name);
	if (mkdirat(o->work, name, 0700) < 0)
		return err_sys(err, errno, "cannot write to the work directory '%s'",
			       o->config.work);
	fd = place_pin(o->layers[0].root);
	upper_save_times(fd, times);
	r = renameat(o->work, name, fd, name) < 0 ? -errno : 0;
	(void)unlinkat(r == 0 ? fd : o->work, name, AT_REMOVEDIR);
	(void)futimens(fd, times);
	place_unpin(o->layers[0].root);
	if (r < 0)
		return err_sys(err, -r,
			       "cannot move things from the work directory '%s' to the upper "
			       "directory '%s'",
			       o->config.work, o->config.upper);
	return 0;
}

static int make_root(struct overlay *o, struct err *err)
{
	struct place **stack = calloc(o->n_layers, sizeof(*stack));
	struct marks m = {0};
	struct stat st;
	unsigned int n = 0;
	int r;

	if (!stack)
		return err_set(err, ENOMEM, "out of memory");
	while (n < o->n_layers) {
		bool opaque;

		stack[n] = place_ref(o->layers[n].root);
		opaque = n + 1 < o->n_layers && mark_has_opaque_file(stack[n]);
		n++;
		if (opaque)
			break;
	}
	o->root = node_new(&o->nodes, S_IFDIR);
	if (o->root)
		o->root->dir = dir_new(stack, n);
	free(stack);
	if (!o->root || !o->root->dir)
		return err_set(err, ENOMEM, "out of memory");
	r = o->layers[0].source->stat(o->layers[0].root, "", &st);
	if (r == 0 && o->writable) {
		r = marks_read(o->layers[0].root, "", S_IFDIR, &m);
		marks_release(&m);
		o->root->dir->impure = m.impure;
	}
	if (r < 0)
		return err_sys(err, -r, "cannot read the topmost layer");
	o->root->ino = shown_ino(&o->layers[0], &st);
	return 0;
}

int overlay_open(struct overlay *o, const struct overlay_config *config, struct err *err)
{
	int r;

	*o = (struct overlay){.config = *config, .work = -1, .work_lock = -1};
	listing_start();
	o->prefix = config->trusted ? "trusted.overlay." : "user.overlay.";
	r = init_caches(o);
	if (r < 0)
		return err_set(err, -r, "out of memory");
	r = open_layers(o, err);
	if (r == 0)
		r = check_work(o, err);
	if (r == 0)
		r = make_root(o, err);
	if (r < 0)
		overlay_close(o);
	return r;
}

void overlay_close(struct overlay *o)
{
	node_table_release(&o->nodes, o->root);
	for (unsigned int i = 0; i < o->n_layers; i++) {
		link_map_free(o->layers[i].links);
		place_unref(o->layers[i].root);
	}
	free(o->layers);
	free(o->contents);
	free(o->listings);
	place_cache_release(&o->places);
	work_close(o);
}

/* --- of the whole file system */

int overlay_statfs(struct overlay *o, struct statvfs *ret)
{
	struct place *root = o->layers[0].root;
	int fd = place_pin(root), r;

	if (fd < 0)
		return fd;
	r = fstatvfs(fd, ret) < 0 ? -errno : 0;
	place_unpin(root);
	return r;
}

int overlay_syncfs(struct overlay *o)
{
	int fd, r;

	if (!o->writable || o->config.is_volatile)
		return 0;
	fd = place_pin(o->layers[0].root);
	if (fd < 0)
		return fd;
	r = syncfs(fd) < 0 ? -errno : 0;
	place_unpin(o->layers[0].root);
	return r;
}

int overlay_fsync_dir(struct overlay *o, struct node *dir, bool data_only)
{
	struct target t;
	int r;

	if (!o->writable || o->config.is_volatile)
		return 0;
	r = upper_enter(o, dir, false, &t);
	if (r == -ENOENT)
		return 0; /* nothing of it has changed */
	if (r < 0)
		return r;
	r = (data_only ? fdatasync(t.dirfd) : fsync(t.dirfd)) < 0 ? -errno : 0;
	upper_leave(o, &t);
	return r;
}
