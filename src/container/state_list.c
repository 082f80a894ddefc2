#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/vec.h"
#include "container/state_impl.h"

int state_read_json(int dir, const char *file, json_t **ret, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	r = fd_read_file(dir, file, LIMIT_STATE_SIZE, &text, &len, err);
	if (r < 0)
		return r;
	if (len == 0)
		return err_set(err, ENOENT, "'%s' is empty", file);
	return json_parse_object(text, len, LIMIT_STATE_SIZE, file, ret, err);
}

int state_is_locked(int dir, struct err *err)
{
	_cleanup_fd_ int fd = openat(dir, STATE_CONFIG, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fd < 0)
		return err_sys(err, errno, "cannot open " STATE_CONFIG);
	if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
		return err_sys(err, errno, "cannot ask for the lock on " STATE_CONFIG);
	return lock.l_type != F_UNLCK;
}

static int load_layers(const json_t *config, struct container_state *c, struct err *err)
{
	json_t *layers = NULL;
	int r = json_get_array(config, "layers", LIMIT_LAYERS, &layers, err);

	if (r < 0 || !layers)
		return r;
	c->layers = xcalloc(json_array_size(layers) + 1, sizeof(*c->layers));
	for (size_t i = 0; i < json_array_size(layers); i++) {
		const char *text = json_string_value(json_array_get(layers, i));

		r = text ? digest_parse(text, &c->layers[i], err)
			 : err_set(err, EINVAL, "a layer is not a string");
		if (r < 0)
			return r;
		c->n_layers = i + 1;
	}
	return 0;
}

static int load_config(const json_t *config, struct container_state *c, struct err *err)
{
	const char *name, *image, *image_id, *manifest, *mountpoint, *upper;

	if (json_need_string(config, "name", &name, err) < 0 ||
	    json_get_string(config, "image", &image, err) < 0 ||
	    json_get_string(config, "imageId", &image_id, err) < 0 ||
	    json_need_string(config, "manifest", &manifest, err) < 0 ||
	    digest_parse(manifest, &c->manifest, err) < 0 ||
	    json_get_int(config, "created", 0, INT64_MAX, &c->created, err) < 0 ||
	    json_get_bool(config, "range", &c->range, err) < 0 ||
	    json_get_bool(config, "remove", &c->remove, err) < 0 ||
	    json_get_string(config, "mountpoint", &mountpoint, err) < 0 ||
	    json_get_string(config, "upper", &upper, err) < 0 ||
	    json_get_strv(config, "argv", LIMIT_JSON_STRINGS, &c->argv, err) < 0)
		return -err->code;
	if (!state_name_is_valid(name))
		return err_set(err, EINVAL, "'%s' is no name for a container", name);
	c->name = xstrdup(name);
	c->image_name = xstrdup(image ? image : "");
	c->image_id = xstrdup(image_id ? image_id : "");
	c->mountpoint = mountpoint ? xstrdup(mountpoint) : NULL;
	c->upper = upper ? xstrdup(upper) : NULL;
	return load_layers(config, c, err);
}

/* A pid of before the last boot, or of another host, means nothing here. */
static void load_pid(const json_t *state, struct container_state *c)
{
	const char *boot = json_string_value(json_object_get(state, "bootId"));
	char now[37];

	proc_boot_id(now);
	c->pid = boot && str_eq(boot, now) ? (int)json_integer_value(json_object_get(state, "pid"))
					   : 0;
}

static int load_process(int dir, struct container_state *c, struct err *err)
{
	_cleanup_json_ json_t *state = NULL;
	const char *overlay = NULL;
	int64_t exit_code = -1;
	int locked, r;

	c->exit_code = -1;
	locked = state_is_locked(dir, err);
	if (locked < 0)
		return locked;
	r = state_read_json(dir, STATE_PROCESS, &state, err);
	if (r == -ENOENT) {
		c->status = locked ? CONTAINER_CREATED : CONTAINER_EXITED;
		return 0;
	}
	if (r < 0)
		return r;
	if (json_get_int(state, "exitCode", 0, 255, &exit_code, err) < 0 ||
	    json_get_int(state, "started", 0, INT64_MAX, &c->started, err) < 0 ||
	    json_get_int(state, "finished", 0, INT64_MAX, &c->finished, err) < 0 ||
	    json_get_string(state, "overlay", &overlay, err) < 0)
		return -err->code;
	c->overlay = overlay ? xstrdup(overlay) : NULL;
	c->exit_code = (int)exit_code;
	c->status = locked && exit_code < 0 ? CONTAINER_RUNNING : CONTAINER_EXITED;
	if (c->status == CONTAINER_RUNNING)
		load_pid(state, c);
	return 0;
}

int state_load(int containers, const char *id, struct container_state *c, struct err *err)
{
	_cleanup_fd_ int dir =
		openat(containers, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_json_ json_t *config = NULL;
	struct err why = ERR_INIT;
	int r;

	if (dir < 0)
		return err_sys(err, errno, "cannot open the directory of container %.12s", id);
	r = state_read_json(dir, STATE_CONFIG, &config, &why);
	if (r == 0)
		r = load_config(config, c, &why);
	if (r == 0) {
		memcpy(c->id, id, 65);
		r = load_process(dir, c, &why);
	}
	if (r == 0)
		return 0;
	container_state_release(c);
	if (err)
		*err = why;
	return err_prefix(err, "container %.12s", id);
}

void container_list_release(struct container_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		container_state_release(&l->items[i]);
	free(l->items);
	*l = (struct container_list){0};
}

static int newest_first(const void *a, const void *b)
{
	const struct container_state *x = a, *y = b;

	if (x->created != y->created)
		return x->created > y->created ? -1 : 1;
	return strcmp(x->id, y->id);
}

static DIR *open_containers(struct store *s, struct err *err)
{
	_cleanup_fd_ int fd = openat(s->containers, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (!dir) {
		err_sys(err, errno, "cannot read '%s/containers'", s->path);
		return NULL;
	}
	(void)steal_fd(&fd);
	return dir;
}

static int list(struct store *s, bool mounts, struct container_list *ret, struct err *err)
{
	_cleanup_dir_ DIR *dir = open_containers(s, err);
	struct dirent *entry;
	size_t cap = 0;

	*ret = (struct container_list){0};
	if (!dir)
		return err ? -err->code : -EIO;
	while ((entry = readdir(dir)) != NULL) {
		struct container_state c = {0};
		struct err why = ERR_INIT;
		int r;

		if (!state_is_id(entry->d_name))
			continue;
		r = state_load(s->containers, entry->d_name, &c, &why);
		/* One that is just being made, or just removed */
		if (r == -ENOENT)
			continue;
		if (r < 0) {
			log_warning("%s; it is passed over", why.msg);
			continue;
		}
		if ((c.mountpoint != NULL) != mounts) {
			container_state_release(&c);
			continue;
		}
		ret->items = vec_grow(ret->items, &cap, ret->n + 1, sizeof(*ret->items));
		ret->items[ret->n++] = c;
	}
	if (ret->n > 0)
		qsort(ret->items, ret->n, sizeof(*ret->items), newest_first);
	return 0;
}

int container_list(struct store *s, struct container_list *ret, struct err *err)
{
	return list(s, false, ret, err);
}

int container_list_mounts(struct store *s, struct container_list *ret, struct err *err)
{
	return list(s, true, ret, err);
}

/* Returns how many ids begin with prefix (at most 2), the first in id, or -errno. */
static int find_prefix(struct store *s, const char *prefix, char id[65], struct err *err)
{
	_cleanup_dir_ DIR *dir = NULL;
	struct dirent *entry;
	int found = 0;

	if (*prefix == '\0' || strspn(prefix, "0123456789abcdef") != strlen(prefix))
		return 0;
	dir = open_containers(s, err);
	if (!dir)
		return err ? -err->code : -EIO;
	while (found < 2 && (entry = readdir(dir)) != NULL) {
		if (!state_is_id(entry->d_name) || !str_starts(entry->d_name, prefix))
			continue;
		memcpy(id, entry->d_name, 65);
		found++;
	}
	return found;
}

int state_find_generated(struct store *s, const char *name, char id[65], struct err *err)
{
	_cleanup_free_ char *made = NULL;
	char prefix[7];
	int r;

	if (!state_name_is_generated(name, prefix))
		return 0;
	/* Two with the same 24 bits: neither is found by this name, but by more of the id. */
	r = find_prefix(s, prefix, id, err);
	if (r != 1)
		return r < 0 ? r : 0;
	made = state_name_make(id);
	return str_eq(made, name);
}

/* 1: id is the container's, 0: there is none, 2: there are several; or -errno. */
static int find_id(struct store *s, const char *name_or_id, char id[65], struct err *err)
{
	int r;

	if (state_name_read(s->containers, name_or_id, id))
		return 1;
	r = state_find_generated(s, name_or_id, id, err);
	return r != 0 ? r : find_prefix(s, name_or_id, id, err);
}

int container_find(struct store *s, const char *name_or_id, struct container_state *ret,
		   struct err *err)
{
	struct err why = ERR_INIT;
	char id[65];
	int r = find_id(s, name_or_id, id, err);

	*ret = (struct container_state){0};
	if (r < 0)
		return r;
	if (r > 1)
		return err_set(err, EINVAL,
			       "'%s' is how more than one container's id begins; give more of it",
			       name_or_id);
	if (r == 1)
		r = state_load(s->containers, id, ret, &why);
	else
		r = -ENOENT;
	if (r == 0 && ret->mountpoint) {
		container_state_release(ret);
		r = -ENOENT;
	}
	if (r == -ENOENT)
		return err_set(err, ENOENT, "no such container '%s'", name_or_id);
	if (r < 0 && err)
		*err = why;
	return r;
}
