/* Theory of operation
 *
 * kernel: OverlayFS mounted inside the user namespace over the unpacked layers, which belong to the
 * caller and so to the container's root. The layers are opened here, in the container's mount
 * namespace, because the kernel takes layers only from the mounter's own namespace, and handed over
 * as descriptors: neither their number nor the length of their paths matters then.
 *
 * fuse: the same layers and the same upper, served by strake-overlayfs (overlay_server.c), for
 * kernels before 5.11, for file systems that the kernel's overlay refuses as upper (NFS, Lustre,
 * GPFS), and where layers hold ".wh." files. It is mounted here and served from outside, but with
 * the power over files that this user namespace gives: what is closed to its owner is not to its
 * root. With a range of ids it shows files with their true owners; with a single one everything as
 * the container's user's.
 *
 * copy: the layers flattened into the container's own directory, where there is no /dev/fuse
 * either. It gives the files their true owners on disk, when a range of ids is mapped.
 *
 * Below all layers lies one with the mount points that every container needs (mountpoints.h).
 *
 * The root is mounted on the container's own directory, over a small tmpfs: both hide what is there
 * from this namespace alone, and no directory has to be made and removed for them.
 *
 * auto takes them in this order and falls to the next when one is refused, whatever the reason:
 * trying is cheaper and more truthful than any list of kernels and file systems.
 */
#include "container/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "container/pass.h"
#include "layer/copy.h"
#include "ns/mount.h"

void rootfs_release(struct rootfs *r)
{
	free(r->dir);
	free(r->mountpoints);
	strv_free(r->layers);
	*r = (struct rootfs){0};
}

const char *overlay_mode_name(enum overlay_mode mode)
{
	switch (mode) {
	case OVERLAY_KERNEL:
		return "kernel";
	case OVERLAY_FUSE:
		return "fuse";
	case OVERLAY_COPY:
		return "copy";
	case OVERLAY_AUTO:
		break;
	}
	return "auto";
}

static void close_all(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fd_closep(&fds[i]);
}

/* Opens what the layers' directories hold under `name` ("root", or "." for the directory itself),
 * base first. */
static int open_layers(const struct rootfs *r, const char *name, int flags, int *fds,
		       struct err *err)
{
	size_t n = strv_len(r->layers);

	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", r->layers[i], name);

		fds[i] = open(path, flags | O_DIRECTORY | O_CLOEXEC);
		if (fds[i] < 0) {
			int code = errno;

			close_all(fds, i);
			return err_sys(err, code, "cannot open unpacked layer '%s'", path);
		}
	}
	return 0;
}

static int open_dir(int dirfd, const char *name, const struct rootfs *r, struct err *err)
{
	int fd;

	if (mkdirat(dirfd, name, 0755) < 0 && errno != EEXIST)
		return err_sys(err, errno, "cannot make '%s/%s'", r->dir, name);
	fd = openat(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "cannot open '%s/%s'", r->dir, name);
	return fd;
}

/* The merged root shows the upper's mode: it takes that of the topmost layer. */
static int match_root_mode(const struct rootfs *r, int dirfd, struct err *err)
{
	_cleanup_free_ char *top = xasprintf("%s/root", r->layers[strv_len(r->layers) - 1]);
	struct stat st;

	if (stat(top, &st) < 0)
		return err_sys(err, errno, "cannot look at unpacked layer '%s'", top);
	if ((st.st_mode & 07777) != 0755 && fchmodat(dirfd, "upper", st.st_mode & 07777, 0) < 0)
		return err_sys(err, errno, "cannot set the mode of the root directory");
	return 0;
}

static int kernel_layers_usable(const struct rootfs *r, struct err *err)
{
	for (char **layer = r->layers; layer && *layer; layer++) {
		_cleanup_free_ char *mark = xasprintf("%s/wh", *layer);

		if (access(mark, F_OK) == 0)
			return err_set(err, ENOTSUP, "layer '%s' holds its whiteouts as .wh. files",
				       *layer);
	}
	return 0;
}

/* Topmost first, the mount points' layer last. Returns how many or -errno. */
static int open_lowers(const struct rootfs *r, int *lowers, struct err *err)
{
	size_t n = strv_len(r->layers);
	_cleanup_free_ int *base_first = xcalloc(n + 1, sizeof(int));
	_cleanup_free_ char *mountpoints = NULL;
	int ret = open_layers(r, "root", O_PATH, base_first, err);

	if (ret < 0)
		return ret;
	for (size_t i = 0; i < n; i++)
		lowers[i] = base_first[n - 1 - i];
	/* An image of as many layers as the kernel takes does without. */
	if (!r->mountpoints || n >= LIMIT_LAYERS)
		return (int)n;
	mountpoints = xasprintf("%s/root", r->mountpoints);
	lowers[n] = open(mountpoints, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (lowers[n] < 0) {
		ret = err_sys(err, errno, "cannot open '%s'", mountpoints);
		close_all(lowers, n);
		return ret;
	}
	return (int)n + 1;
}

static int open_upper(const struct rootfs *r, int dirfd, int *ret_upper, int *ret_work,
		      struct err *err)
{
	*ret_upper = open_dir(dirfd, "upper", r, err);
	if (*ret_upper < 0)
		return *ret_upper;
	*ret_work = open_dir(dirfd, "work", r, err);
	return *ret_work < 0 ? *ret_work : match_root_mode(r, dirfd, err);
}

static int stack_kernel(const struct rootfs *r, int dirfd, int target, struct err *err)
{
	_cleanup_free_ int *lowers = xcalloc(strv_len(r->layers) + 1, sizeof(int));
	_cleanup_fd_ int upper = -1, work = -1;
	int n, ret;

	if (kernel_layers_usable(r, err) < 0)
		return -err->code;
	ret = open_upper(r, dirfd, &upper, &work, err);
	if (ret < 0)
		return ret;
	n = open_lowers(r, lowers, err);
	if (n < 0)
		return n;
	ret = mount_overlay(target, "the container's root", lowers, (unsigned int)n, upper, work,
			    r->throw_away ? "volatile" : NULL, err);
	close_all(lowers, (size_t)n);
	return ret;
}

/* Hands the descriptor of the mount to the parent and waits until it is served. */
static int ask_for_server(int socket, int *fuse, struct err *err)
{
	_cleanup_fd_ int userns = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	const int fds[] = {*fuse, userns};
	int none[PASS_FDS_MAX], ret;
	enum pass_what what;

	if (userns < 0)
		return err_sys(err, errno, "cannot open '/proc/self/ns/user'");
	ret = pass_send(socket, PASS_FUSE, fds, ARRAY_SIZE(fds), err);
	/* A copy that stays here would keep a dead server's mount from failing. */
	fd_closep(fuse);
	if (ret == 0)
		ret = pass_receive(socket, &what, none, err);
	if (ret < 0 || what == PASS_GO)
		return ret;
	if (what == PASS_ERROR && err_receive(socket, err) == 1)
		return -err->code;
	return err_set(err, EPIPE, "there is nobody to start the overlay server");
}

static int stack_fuse(const struct rootfs *r, int dirfd, int target, int socket, struct err *err)
{
	_cleanup_fd_ int upper = -1, work = -1, fuse = -1;
	struct stat st;
	int ret = overlay_server_find(err);

	if (ret == 0)
		ret = open_upper(r, dirfd, &upper, &work, err);
	if (ret < 0)
		return ret;
	fuse = mount_fuse(target, "the container's root", err);
	if (fuse < 0)
		return fuse;
	ret = ask_for_server(socket, &fuse, err);
	/* One that died since is noticed here, and not by the container. */
	if (ret == 0 && stat(r->dir, &st) < 0) {
		err_sys(err, errno, "the overlay server does not answer");
		ret = err_exit(err, 125); /* no reason to try another way */
	}
	if (ret < 0)
		umount2(r->dir, MNT_DETACH | UMOUNT_NOFOLLOW);
	return ret;
}

static int stack_copy(const struct rootfs *r, int dirfd, int target, struct err *err)
{
	size_t n = strv_len(r->layers);
	_cleanup_free_ int *layers = xcalloc(n + 1, sizeof(int));
	_cleanup_fd_ int path = open_dir(dirfd, "root", r, err), dst = -1;
	int ret;

	if (path < 0)
		return path;
	dst = openat(path, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dst < 0)
		return err_sys(err, errno, "cannot open '%s/root'", r->dir);
	ret = open_layers(r, ".", O_RDONLY, layers, err);
	if (ret < 0)
		return ret;
	ret = layer_copy(dst, layers, n, r->owners, err);
	close_all(layers, n);
	if (ret < 0)
		return err_prefix(err, "cannot copy the image's layers");
	return mount_bind(dst, target, "the container's root", 0, false, MS_PRIVATE, err);
}

/* One way. For OVERLAY_AUTO see stack(). */
static int stack_by(enum overlay_mode mode, const struct rootfs *r, int dirfd, int target,
		    int socket, struct err *err)
{
	const char *asked = r->mode == OVERLAY_AUTO ? "" : ", as asked";
	const size_t n = strv_len(r->layers);
	int ret;

	if (mode == OVERLAY_COPY) {
		log_verbose("root file system: copy of %zu layers%s", n, asked);
		return stack_copy(r, dirfd, target, err);
	}
	ret = mode == OVERLAY_KERNEL ? stack_kernel(r, dirfd, target, err)
				     : stack_fuse(r, dirfd, target, socket, err);
	if (ret == 0)
		log_verbose("root file system: %s overlay over %zu layers%s",
			    overlay_mode_name(mode), n, asked);
	return ret;
}

static int stack(const struct rootfs *r, int dirfd, int target, int socket, struct err *err)
{
	static const enum overlay_mode order[] = {OVERLAY_KERNEL, OVERLAY_FUSE};

	if (r->mode != OVERLAY_AUTO)
		return stack_by(r->mode, r, dirfd, target, socket, err);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		if (stack_by(order[i], r, dirfd, target, socket, err) == 0)
			return 0;
		if (err->exit_status)
			return -err->code;
		log_verbose("the %s overlay does not work here: %s", overlay_mode_name(order[i]),
			    err->msg);
		*err = (struct err)ERR_INIT;
	}
	return stack_by(OVERLAY_COPY, r, dirfd, target, socket, err);
}

int rootfs_stack(const struct rootfs *r, int socket, int *ret_private, struct err *err)
{
	_cleanup_fd_ int dirfd = -1, private = -1;
	int ret;

	if (!strv_len(r->layers))
		return err_set(err, EINVAL, "the image has no layers: there is nothing to run");
	dirfd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return err_sys(err, errno, "cannot open '%s'", r->dir);
	ret = mount_on(dirfd, r->dir, "tmpfs", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		       "mode=700,size=16m", err);
	if (ret < 0)
		return ret;
	private = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (private < 0)
		return err_sys(err, errno, "cannot open '%s'", r->dir);
	ret = stack(r, dirfd, private, socket, err);
	if (ret < 0)
		return ret;

	ret = open(r->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (ret < 0)
		return err_sys(err, errno, "cannot open '%s'", r->dir);
	*ret_private = steal_fd(&private);
	return ret;
}

static char **lower_dirs(const struct rootfs *r)
{
	char **lowers = strv_copy(NULL);

	for (size_t i = strv_len(r->layers); i > 0; i--)
		strv_take(&lowers, xasprintf("%s/root", r->layers[i - 1]));
	if (r->mountpoints)
		strv_take(&lowers, xasprintf("%s/root", r->mountpoints));
	return lowers;
}

/* What else the server is told: whose files they are, and whether they must survive. */
static char *server_options(const struct rootfs *r, const struct identity *id)
{
	_cleanup_free_ char *owners = NULL;

	if (id->range)
		owners = xstrdup("");
	else if (id->keep_id)
		owners = xasprintf(",squash_to_uid=%u,squash_to_gid=%u", (unsigned int)id->uid,
				   (unsigned int)id->gid);
	else
		owners = xstrdup(",squash_to_root");
	return xasprintf("default_permissions%s%s", owners, r->throw_away ? ",volatile" : "");
}

int rootfs_serve(const struct rootfs *r, const struct identity *id, int fuse, int userns,
		 struct overlay_server *ret, struct err *err)
{
	_cleanup_strv_ char **lowers = lower_dirs(r);
	_cleanup_free_ char *upper = xasprintf("%s/upper", r->dir);
	_cleanup_free_ char *work = xasprintf("%s/work", r->dir);
	_cleanup_free_ char *more = server_options(r, id);
	_cleanup_free_ char *options = overlay_server_options(lowers, upper, work, more);
	const struct overlay_spawn spawn = {
		.options = options,
		.fuse = fuse,
		.userns = userns,
		.input = -1,
	};

	return overlay_server_start(&spawn, ret, err);
}

enum overlay_mode rootfs_stacked(const struct rootfs *r, int dir,
				 const struct overlay_server *server)
{
	if (server->pid > 0)
		return OVERLAY_FUSE;
	if (r->mode != OVERLAY_AUTO)
		return r->mode;
	/* Only a copy needs this directory (stack_copy). */
	return faccessat(dir, "root", F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? OVERLAY_COPY
								      : OVERLAY_KERNEL;
}
