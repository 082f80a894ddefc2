/* Whether FUSE file systems can be mounted: inside a user namespace, for containers, and outside of
 * one, for `strake mount`. Both are tried. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/fusermount.h"
#include "base/mem.h"
#include "ns/enter.h"
#include "ns/mount.h"
#include "ns/probe_impl.h"

/* Nobody serves it and nobody looks at it: it goes with the namespace. */
static int try_mount(void *ctx, struct err *err)
{
	_cleanup_fd_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), fuse = -1;

	(void)ctx;
	if (root < 0)
		return err_sys(err, errno, "cannot open '/'");
	fuse = mount_fuse(root, "/", err);
	return fuse < 0 ? fuse : 0;
}

void probe_dev_fuse(struct probe_result *ret)
{
	struct err err = ERR_INIT;
	struct identity id;

	if (probe_single(&id, &err) == 0 && ns_run(&id, CLONE_NEWNS, try_mount, NULL, &err) == 0)
		probe_works(ret, "/dev/fuse works in a user namespace");
	else
		probe_fails(ret, PROBE_WARN, &err,
			    "ask the administrator to allow FUSE in user namespaces");
}

/* With the descriptor closed nothing waits for an answer any more. */
static int try_fusermount(const char *place, struct err *err)
{
	int r = fusermount_check(err), fuse;

	if (r < 0)
		return r;
	fuse = fusermount_mount(place, "fsname=strake-doctor", err);
	if (fuse < 0)
		return fuse;
	close(fuse);
	return fusermount_unmount(place, false, err);
}

void probe_fusermount(int dirfd, const char *path, struct probe_result *ret)
{
	_cleanup_free_ char *place = NULL;
	struct err err = ERR_INIT;
	char name[PROBE_NAME_MAX];
	int r;

	probe_name(name);
	place = xasprintf("%s/%s", path, name);
	if (mkdirat(dirfd, name, 0700) < 0)
		r = err_sys(&err, errno, "cannot make a directory");
	else
		r = try_fusermount(place, &err);
	if (r == 0)
		probe_works(ret, "fusermount3 mounts: 'strake mount' works");
	else
		probe_fails(ret, PROBE_WARN, &err,
			    "only 'strake mount' needs it; 'strake unshare' can mount without");
	unlinkat(dirfd, name, AT_REMOVEDIR);
}
