/* Theory of operation
 *
 * kernel: OverlayFS mounted inside the user namespace over the unpacked layers, which belong to the
 * caller and so to the container's root. The layers are opened here, in the container's mount
 * namespace, because the kernel takes layers only from the mounter's own namespace, and handed over
 * as descriptors: neither their number nor the length of their paths matters then.
 *
 * copy: the layers flattened into the container's own directory, for kernels before 5.11 and file
 * systems that the kernel's overlay refuses as upper (NFS, Lustre, GPFS), and where layers hold
 * ".wh." files. The only one that gives the files their true owners, when a range of ids is mapped.
 *
 * Below all layers lies one with the mount points that every container needs (mountpoints.h).
 *
 * The root is mounted on the container's own directory, over a small tmpfs: both hide what is there
 * from this namespace alone, and no directory has to be made and removed for them.
 *
 * auto takes the first and falls to the second when the kernel refuses, whatever the reason: trying
 * is cheaper and more truthful than any list of kernels and file systems.
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
static int match_root_mode(int top_layer, int dirfd, struct err *err)
{
	struct stat st;

	if (fstat(top_layer, &st) < 0)
		return err_sys(err, errno, "cannot stat the topmost layer");
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

static int stack_kernel(const struct rootfs *r, int dirfd, int target, struct err *err)
{
	_cleanup_free_ int *lowers = xcalloc(strv_len(r->layers) + 1, sizeof(int));
	_cleanup_fd_ int upper = -1, work = -1;
	int n, ret;

	if (kernel_layers_usable(r, err) < 0)
		return -err->code;
	upper = open_dir(dirfd, "upper", r, err);
	if (upper < 0)
		return upper;
	work = open_dir(dirfd, "work", r, err);
	if (work < 0)
		return work;
	n = open_lowers(r, lowers, err);
	if (n < 0)
		return n;
	ret = match_root_mode(lowers[0], dirfd, err);
	if (ret == 0)
		ret = mount_overlay(target, "the container's root", lowers, (unsigned int)n, upper,
				    work, r->throw_away ? "volatile" : NULL, err);
	close_all(lowers, (size_t)n);
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

static int stack(const struct rootfs *r, int dirfd, int target, struct err *err)
{
	const char *asked = r->mode == OVERLAY_AUTO ? "" : ", as asked";
	int ret;

	if (r->mode != OVERLAY_COPY) {
		ret = stack_kernel(r, dirfd, target, err);
		if (ret == 0)
			log_verbose("root file system: kernel overlay over %zu layers%s",
				    strv_len(r->layers), asked);
		if (ret == 0 || r->mode == OVERLAY_KERNEL)
			return ret;
		log_verbose("the kernel overlay does not work here: %s", err->msg);
		*err = (struct err)ERR_INIT;
	}
	log_verbose("root file system: copy of %zu layers%s", strv_len(r->layers), asked);
	return stack_copy(r, dirfd, target, err);
}

int rootfs_stack(const struct rootfs *r, int *ret_private, struct err *err)
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
	ret = stack(r, dirfd, private, err);
	if (ret < 0)
		return ret;

	ret = open(r->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (ret < 0)
		return err_sys(err, errno, "cannot open '%s'", r->dir);
	*ret_private = steal_fd(&private);
	return ret;
}
