/* Theory of operation
 *
 * strake-overlayfs mounts on the directory by itself, through fusermount3, and serves in a session
 * of its own. What is known of the mount is a record like a container's (state.h): it names the
 * image's layers, so that gc leaves them alone, and its config.json is locked while the server
 * lives. The lock is on the open file that is the server's standard input: it lasts exactly as long
 * as the server, whoever kills whom.
 *
 * All files show as the caller's: it is he who looks at them, and with the owners that the image
 * names he could not read them all.
 *
 * A record that lost its server is garbage, which gc or the next umount clears away. The mount
 * itself may outlive both: so whether something is mounted is asked of the kernel, and never by
 * looking at it.
 */
#include "container/image_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/fusermount.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "container/overlay_server.h"
#include "container/rootfs.h"
#include "container/state.h"
#include "container/state_impl.h"
#include "ns/mountinfo.h"

#define FSNAME "strake" /* as in overlay_server_options() */
#define WAIT_MS 10000	/* for a server to end */
#define LINGER_MS 500	/* before it is asked who keeps it */
#define POLL_MS 10

/* What a record says of a path: JSON has no words for every file name. */
static bool is_recorded(const char *recorded, const char *path)
{
	_cleanup_json_ json_t *value = json_string_lossy(path);

	return recorded && str_eq(recorded, json_string_value(value));
}

static int need_directory(const char *typed, char **ret, struct stat *ret_st, struct err *err)
{
	_cleanup_free_ char *path = realpath(typed, NULL);

	if (!path || stat(path, ret_st) < 0)
		return err_sys(err, errno, "cannot mount on '%s'", typed);
	if (!S_ISDIR(ret_st->st_mode))
		return err_set(err, ENOTDIR, "cannot mount on '%s': it is not a directory", typed);
	*ret = steal_ptr(&path);
	return 0;
}

/* Whether another mount that lives has the same directory, or the same upper. The own record is on
 * disk by now: of two at the same time one sees the other. */
static int check_alone(struct store *s, const struct container_state *own, struct err *err)
{
	struct container_list list = {0};
	int r = container_list_mounts(s, &list, err);

	for (size_t i = 0; r == 0 && i < list.n; i++) {
		const struct container_state *c = &list.items[i];

		if (str_eq(c->id, own->id) || c->status == CONTAINER_EXITED)
			continue;
		if (own->upper && is_recorded(c->upper, own->upper))
			r = err_set(err, EBUSY, "'%s' takes what is written on '%s' already",
				    own->upper, c->mountpoint);
		else if (is_recorded(c->mountpoint, own->mountpoint))
			r = err_set(err, EBUSY, "image '%s' is being mounted on '%s' already",
				    c->image_name, c->mountpoint);
	}
	container_list_release(&list);
	return r;
}

/* upper/upper and upper/work: an overlay wants both on one file system. */
static int make_upper(const char *upper, struct err *err)
{
	static const char *const names[] = {"upper", "work"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = path_join(upper, names[i]);

		if (fd_mkdir_p(AT_FDCWD, path, 0755, err) < 0)
			return err_prefix(err, "cannot keep what is written in '%s'", upper);
	}
	return 0;
}

static char *server_options(const struct container_state *c, char *const *layers, bool keep)
{
	_cleanup_strv_ char **lowers = strv_copy(NULL);
	_cleanup_free_ char *upper = c->upper ? path_join(c->upper, "upper") : NULL;
	_cleanup_free_ char *work = c->upper ? path_join(c->upper, "work") : NULL;
	_cleanup_free_ char *more =
		xasprintf("default_permissions,squash_to_uid=%u,squash_to_gid=%u%s%s",
			  (unsigned int)geteuid(), (unsigned int)getegid(), c->upper ? "" : ",ro",
			  c->upper && !keep ? ",volatile" : "");

	for (size_t i = strv_len(layers); i > 0; i--)
		strv_take(&lowers, path_join(layers[i - 1], "root"));
	return overlay_server_options(lowers, upper, work, more);
}

/* options: server_options(); before: the directory, when nothing was mounted on it. */
static int serve(const struct container_state *c, const char *options, int lock, int dir,
		 const struct stat *before, struct err *err)
{
	const struct overlay_spawn spawn = {
		.options = options,
		.mountpoint = c->mountpoint,
		.fuse = -1,
		.userns = -1,
		.input = lock,
		.silent = true,
	};
	struct overlay_server server = {0};
	struct stat after;
	int r = overlay_server_start(&spawn, &server, err);

	if (r < 0)
		return r;
	if (stat(c->mountpoint, &after) < 0)
		r = err_sys(err, errno, "the overlay server does not answer");
	else if (after.st_dev == before->st_dev)
		r = err_set(err, EIO, "the overlay server mounted nothing");
	else
		r = container_state_started(dir, server.pid, overlay_mode_name(OVERLAY_FUSE), err);
	if (r < 0) {
		struct err ignored = ERR_INIT;

		overlay_server_end(&server, true);
		overlay_server_verdict(&server, c->mountpoint, err);
		if (fusermount_is_mounted(c->mountpoint, FSNAME))
			fusermount_unmount(c->mountpoint, false, &ignored);
	}
	return r;
}

static void fill(struct container_state *c, const struct image *image,
		 const struct image_mount_request *request)
{
	*c = (struct container_state){
		.image_name = xstrdup(request->image_name),
		.image_id = xstrdup(image->manifest.config.digest.text),
		.manifest = image->descriptor.digest,
		.layers = xmemdup(image->config.diff_ids,
				  image->config.n_diff_ids * sizeof(struct digest)),
		.n_layers = image->config.n_diff_ids,
		.created = time(NULL),
		.remove = true,
	};
}

/* Where what is written goes, when it is to be kept. */
static int find_upper(const struct image_mount_request *request, struct container_state *c,
		      struct err *err)
{
	if (!request->upper)
		return 0;
	if (make_upper(request->upper, err) < 0)
		return -err->code;
	c->upper = realpath(request->upper, NULL);
	return c->upper ? 0 : err_sys(err, errno, "cannot find '%s'", request->upper);
}

static int record(struct store *s, const struct image_mount_request *request,
		  struct container_state *c, int *ret_dir, int *ret_lock, struct err *err)
{
	int r = container_state_create(s, c, ret_dir, err);

	if (r == 0 && request->writable && !request->upper) {
		c->upper = xasprintf("%s/containers/%s", s->path, c->id);
		r = make_upper(c->upper, err);
	}
	if (r == 0)
		r = container_state_save(c, *ret_dir, ret_lock, err);
	return r == 0 ? check_alone(s, c, err) : r;
}

int image_mount(struct store *s, const struct image *image, char *const *layers,
		const struct image_mount_request *request, int lease, char **ret_dir,
		struct err *err)
{
	_cleanup_fd_ int held = lease, dir = -1, lock = -1;
	struct err ignored = ERR_INIT;
	struct container_state c;
	struct stat st;
	int r;

	fill(&c, image, request);
	r = strv_len(layers) ? need_directory(request->dir, &c.mountpoint, &st, err)
			     : err_set(err, EINVAL,
				       "the image has no layers: there is nothing to "
				       "mount");
	if (r == 0 && fusermount_is_mounted(c.mountpoint, FSNAME))
		r = err_set(err, EBUSY,
			    "an image is mounted on '%s' already; take it away with 'strake umount "
			    "%s'",
			    request->dir, request->dir);
	if (r == 0)
		r = overlay_server_find(err);
	/* Root, be it of a user namespace, mounts without. */
	if (r == 0 && geteuid() != 0)
		r = fusermount_check(err);
	if (r == 0)
		r = find_upper(request, &c, err);
	if (r == 0)
		r = record(s, request, &c, &dir, &lock, err);
	fd_closep(&held);
	if (r == 0) {
		_cleanup_free_ char *options = server_options(&c, layers, request->upper != NULL);

		r = serve(&c, options, lock, dir, &st, err);
	}
	fd_closep(&lock);
	if (r == 0)
		*ret_dir = xstrdup(c.mountpoint);
	else if (dir >= 0)
		container_remove(s, &c, &ignored);
	container_state_release(&c);
	return r;
}

/* ---- and away */

/* The directory's path, of which the last component is not looked at when its server is dead. */
static int find_mountpoint(const char *typed, char **ret, struct err *err)
{
	_cleanup_free_ char *path = realpath(typed, NULL), *parent = NULL, *real = NULL;
	const int code = errno;
	const char *base;

	if (!path && code == ENOTCONN) {
		path = path_clean(typed);
		base = path_base(path);
		parent = xstrndup(path, (size_t)(base - path));
		real = realpath(*parent ? parent : ".", NULL);
		freep(&path);
		if (real)
			path = path_join(real, base);
	}
	if (!path)
		return err_sys(err, code, "cannot find '%s'", typed);
	*ret = steal_ptr(&path);
	return 0;
}

/* Whether the record's server ended within that time. */
static bool ends_within(int dir, int ms)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
	struct err ignored = ERR_INIT;

	for (int waited = 0; state_is_locked(dir, &ignored) == 1; waited += POLL_MS) {
		if (waited >= ms)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

/* The pid is the server's as long as the lock is held: looked at when the pidfd is there. */
static void ask_to_end(int dir, int pid)
{
	_cleanup_fd_ int process = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	struct err ignored = ERR_INIT;

	if (process >= 0 && state_is_locked(dir, &ignored) == 1)
		(void)syscall(SYS_pidfd_send_signal, process, SIGTERM, NULL, 0);
}

/* A server ends when its file system is mounted nowhere; its upper is not to be removed below it.
 * Where a container was given the directory, that goes on. A mount namespace that was made
 * meanwhile and has a copy of the mount, not known to it, may last for days: then the server is
 * told. */
static int wait_for_end(struct store *s, const struct container_state *c, const char *path,
			const struct mountinfo_mount *m, struct err *err)
{
	_cleanup_fd_ int dir =
		openat(s->containers, c->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_free_ char *name = NULL;
	pid_t holder;

	if (dir < 0 || ends_within(dir, LINGER_MS))
		return 0;
	holder = mountinfo_holder(path, m, &name);
	if (holder) {
		err_set(err, EBUSY, "'%s' is unmounted here, but process %d (%s) has it elsewhere",
			c->mountpoint, holder, name);
		return err_hint(err, "when that has ended, 'strake gc' removes what is left");
	}
	ask_to_end(dir, c->pid);
	if (ends_within(dir, WAIT_MS))
		return 0;
	return err_set(err, EBUSY, "the overlay server of '%s' (process %d) does not end",
		       c->mountpoint, c->pid);
}

static int forget(struct store *s, const struct container_list *list, const char *dir,
		  const struct mountinfo_mount *m, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < list->n; i++) {
		if (!is_recorded(list->items[i].mountpoint, dir))
			continue;
		r = wait_for_end(s, &list->items[i], dir, m, err);
		if (r == 0)
			r = container_remove(s, &list->items[i], err);
	}
	return r;
}

/* What was written reaches the server also where a copy of the mount keeps the file system; that
 * writes to no disk. A dead server's has nothing to say. */
static int unmount(const char *path, struct mountinfo_mount *ret, struct err *err)
{
	int r = mountinfo_find(path, ret, err), fd;

	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		(void)syncfs(fd);
		close(fd);
	}
	return fusermount_unmount(path, false, err);
}

/* The records of that directory: how many there are, and whether one has its server. */
static size_t count_records(const struct container_list *list, const char *dir, bool *ret_alive)
{
	size_t n = 0;

	*ret_alive = false;
	for (size_t i = 0; i < list->n; i++) {
		if (!is_recorded(list->items[i].mountpoint, dir))
			continue;
		n++;
		*ret_alive = *ret_alive || list->items[i].status != CONTAINER_EXITED;
	}
	return n;
}

int image_unmount(struct store *s, const char *dir, struct err *err)
{
	_cleanup_free_ char *path = NULL;
	struct container_list list = {0};
	bool mounted, alive;
	struct mountinfo_mount m = {0};
	size_t n;
	int r = find_mountpoint(dir, &path, err);

	if (r == 0)
		r = container_list_mounts(s, &list, err);
	if (r < 0)
		return r;
	mounted = fusermount_is_mounted(path, FSNAME);
	n = count_records(&list, path, &alive);
	if (n == 0 && !mounted)
		r = err_set(err, ENOENT, "'%s' is not where strake mounted an image", dir);
	else if (mounted)
		r = unmount(path, &m, err);
	else if (alive)
		r = err_set(err, EBUSY,
			    "the image on '%s' is mounted in another mount namespace or on another "
			    "machine",
			    dir);
	if (r == -EBUSY && mounted)
		err_hint(err, "end what uses it, or leave it, and try again");
	if (r == 0)
		r = forget(s, &list, path, &m, err);
	container_list_release(&list);
	return r;
}
