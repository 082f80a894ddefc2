/* Theory of operation
 *
 * A container's directory is made by one process, which writes config.json once and holds a lock on
 * it while the container runs. The file is complete and locked before it gets its name, so whoever
 * sees it can trust what it says, and "running" is whether the kernel knows a holder of that lock:
 * it ends with the process, however it ends, and NFS passes it between hosts.
 *
 * Nothing here is fsynced: after a crash of the machine no container runs any more, and one whose
 * config.json is empty or missing is cleared away like one that was never finished. That keeps a
 * start short.
 *
 * A name is reserved by making the symlink names/NAME -> ID, after the directory is there: a link
 * that leads nowhere is what a removal or a crash left. Links are only taken away under a lock,
 * with their target looked at again, so that nobody removes the link of a successor.
 */
#include "container/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "container/state_impl.h"
#include "store/lock.h"

#define ID_TRIES 8
/* Of the command line, for people; the rest is cut, so that config.json stays within
 * LIMIT_STATE_SIZE. */
#define ARGV_KEPT (64 * LIMIT_KIB)

void container_state_release(struct container_state *c)
{
	free(c->name);
	free(c->image_name);
	free(c->image_id);
	free(c->mountpoint);
	free(c->upper);
	free(c->overlay);
	free(c->layers);
	strv_free(c->argv);
	*c = (struct container_state){0};
}

bool state_is_id(const char *text)
{
	return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static int make_directory(struct store *s, struct container_state *c, struct err *err)
{
	unsigned char random[32];

	for (int i = 0; i < ID_TRIES; i++) {
		if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
			return err_sys(err, errno, "cannot get random bytes");
		str_hex(random, sizeof(random), c->id);
		if (mkdirat(s->containers, c->id, 0700) == 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	return err_sys(err, errno, "cannot make a container's directory in '%s/containers'",
		       s->path);
}

static int name_is_taken(const char *name, const char *owner, struct err *err)
{
	return err_set(err, EEXIST,
		       "the name '%s' is taken by container %.12s; remove that one (strake rm %s) "
		       "or choose "
		       "another name",
		       name, owner, name);
}

static int reserve_name(struct store *s, const char *id, const char *name, struct err *err)
{
	char owner[65];
	int r;

	if (state_find_generated(s, name, owner, err) == 1)
		return name_is_taken(name, owner, err);
	r = state_name_link(s, name, id, err);
	if (r != -EEXIST)
		return r;
	if (state_name_read(s->containers, name, owner)) {
		if (faccessat(s->containers, owner, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return name_is_taken(name, owner, err);
		r = state_name_drop(s, name, owner, err);
		if (r < 0)
			return r;
	}
	r = state_name_link(s, name, id, err);
	return r == -EEXIST ? err_set(err, EEXIST, "the name '%s' was taken just now", name) : r;
}

static int open_and_name(struct store *s, struct container_state *c, int *ret_dir, struct err *err)
{
	_cleanup_fd_ int dir =
		openat(s->containers, c->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (dir < 0)
		return err_sys(err, errno, "cannot open the directory of container %.12s", c->id);
	r = c->name ? reserve_name(s, c->id, c->name, err) : 0;
	if (r == 0 && !c->name)
		c->name = state_name_make(c->id);
	if (r == 0)
		*ret_dir = steal_fd(&dir);
	return r;
}

int container_state_create(struct store *s, struct container_state *c, int *ret_dir,
			   struct err *err)
{
	int r;

	if (c->name && !state_name_is_valid(c->name))
		return err_set(
			err, EINVAL,
			"'%s' is no name for a container: it has 1 to 128 of a-z A-Z 0-9 _ . - and "
			"begins with a letter or digit",
			c->name);
	r = make_directory(s, c, err);
	if (r == 0) {
		r = open_and_name(s, c, ret_dir, err);
		if (r < 0)
			unlinkat(s->containers, c->id, AT_REMOVEDIR);
	}
	if (r < 0)
		c->id[0] = '\0';
	return r;
}

static json_t *argv_json(char *const *argv)
{
	json_t *array = json_array();
	size_t left = ARGV_KEPT;

	for (; argv && *argv; argv++) {
		const size_t len = strlen(*argv) + 1;

		if (len > left) {
			json_array_append_new(array, json_string("..."));
			break;
		}
		left -= len;
		json_array_append_new(array, json_string_lossy(*argv));
	}
	return array;
}

static json_t *config_json(const struct container_state *c)
{
	json_t *config = json_object(), *layers = json_array();

	for (size_t i = 0; i < c->n_layers; i++)
		json_array_append_new(layers, json_string(c->layers[i].text));
	json_object_set_new(config, "id", json_string(c->id));
	json_object_set_new(config, "name", json_string(c->name));
	json_object_set_new(config, "image", json_string_lossy(c->image_name ? c->image_name : ""));
	json_object_set_new(config, "imageId", json_string_lossy(c->image_id ? c->image_id : ""));
	json_object_set_new(config, "manifest", json_string(c->manifest.text));
	json_object_set_new(config, "layers", layers);
	json_object_set_new(config, "argv", argv_json(c->argv));
	json_object_set_new(config, "created", json_integer(c->created));
	json_object_set_new(config, "range", json_boolean(c->range));
	json_object_set_new(config, "remove", json_boolean(c->remove));
	if (c->mountpoint)
		json_object_set_new(config, "mountpoint", json_string_lossy(c->mountpoint));
	if (c->upper)
		json_object_set_new(config, "upper", json_string_lossy(c->upper));
	return config;
}

static int write_json(int fd, const json_t *value, const char *file, struct err *err)
{
	_cleanup_free_ char *text = json_text(value);
	const size_t len = strlen(text);
	int r;

	if (len > LIMIT_STATE_SIZE)
		return err_set(err, EFBIG, "the container's %s would be too long", file);
	r = fd_write_all(fd, text, len);
	return r < 0 ? err_sys(err, -r, "cannot write the container's %s", file) : 0;
}

int container_state_save(const struct container_state *c, int dir, int *ret_lock, struct err *err)
{
	static const char temporary[] = STATE_CONFIG ".new";
	_cleanup_json_ json_t *config = config_json(c);
	_cleanup_fd_ int fd = lock_file(dir, temporary, O_CREAT | O_EXCL, NULL, err);
	int r;

	if (fd < 0)
		return err_prefix(err, "container %.12s", c->id);
	r = write_json(fd, config, STATE_CONFIG, err);
	if (r < 0)
		return r;
	if (renameat(dir, temporary, dir, STATE_CONFIG) < 0)
		return err_sys(err, errno, "cannot write the container's " STATE_CONFIG);
	*ret_lock = steal_fd(&fd);
	return 0;
}

/* Only the holder of the lock writes state.json. */
static int write_process(int dir, const json_t *state, struct err *err)
{
	static const char temporary[] = STATE_PROCESS ".new";
	_cleanup_fd_ int fd =
		openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return err_sys(err, errno, "cannot write the container's " STATE_PROCESS);
	r = write_json(fd, state, STATE_PROCESS, err);
	if (r < 0)
		return r;
	if (renameat(dir, temporary, dir, STATE_PROCESS) < 0)
		return err_sys(err, errno, "cannot write the container's " STATE_PROCESS);
	return 0;
}

int container_state_started(int dir, int pid, const char *overlay, struct err *err)
{
	_cleanup_json_ json_t *state = json_object();
	unsigned long long start = 0;
	char boot[37];

	/* A process that ended already has none. */
	(void)proc_start_time(pid, &start);
	proc_boot_id(boot);
	json_object_set_new(state, "pid", json_integer(pid));
	json_object_set_new(state, "startTime", json_integer((json_int_t)start));
	json_object_set_new(state, "bootId", json_string(boot));
	json_object_set_new(state, "started", json_integer(time(NULL)));
	json_object_set_new(state, "overlay", json_string(overlay));
	return write_process(dir, state, err);
}

int container_state_ended(int dir, int exit_code, struct err *err)
{
	_cleanup_json_ json_t *state = NULL;
	struct err ignored = ERR_INIT;

	/* One that never started has no file; one that cannot be read is replaced. */
	if (state_read_json(dir, STATE_PROCESS, &state, &ignored) < 0)
		state = json_object();
	json_object_set_new(state, "exitCode", json_integer(exit_code));
	json_object_set_new(state, "finished", json_integer(time(NULL)));
	return write_process(dir, state, err);
}
