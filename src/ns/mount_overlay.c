/* Theory of operation
 *
 * mount(2) takes its options in one page, and an overlay of an image names each layer in them:
 * store paths of a hundred bytes would end at 40 layers. So the layers are opened, the working
 * directory becomes /proc/self/fd, and a layer's name is the number of its descriptor:
 * "lowerdir=5:6:7". 500 layers, the kernel's own bound, need 2,000 bytes, and no path can be too
 * long or hold a character that would have to be escaped. The kernel follows the links of
 * /proc/self/fd to the very mounts the caller opened; they must be of the present mount namespace.
 *
 * Should the numbers not fit (descriptors above 99,999,999), fsconfig("lowerdir+") takes one layer
 * a call; Linux has it since 6.8.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "ns/mount.h"
#include "ns/mount_tree.h"
#include "ns/sys.h"

/* The kernel copies one page and makes its last byte NUL; the smallest page of any architecture. */
#define OPTIONS_MAX 4095
#define OVERLAY_LAYERS_MAX 500 /* OVL_MAX_STACK */

/* Returns 0 or -EFBIG. */
static int format_options(struct buf *b, const int *lower, unsigned int n_lower, int upper,
			  int work, const char *data)
{
	int r = buf_addstr(b, "userxattr");

	if (r == 0 && data && *data != '\0')
		r = buf_addf(b, ",%s", data);
	if (r == 0 && upper >= 0)
		r = buf_addf(b, ",upperdir=%d,workdir=%d", upper, work);
	for (unsigned int i = 0; i < n_lower && r == 0; i++)
		r = buf_addf(b, "%s%d", i == 0 ? ",lowerdir=" : ":", lower[i]);
	return r;
}

static const char *file_system_name(int fd)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} names[] = {
		{0x794c7630, "overlay"}, {0x6969, "NFS"},	{0x65735546, "FUSE"},
		{0x0bd00bd0, "Lustre"},	 {0x47504653, "GPFS"},	{0xff534d42, "CIFS"},
		{0xfe534d42, "SMB"},	 {0xf15f, "eCryptfs"},	{0x4d44, "FAT"},
		{0x2011bab0, "exFAT"},	 {0x01021994, "tmpfs"}, {0x19830326, "BeeGFS"},
		{0x01021997, "9p"},	 {0x5346544e, "NTFS"},	{0x00c36400, "Ceph"},
		{0x5346414f, "AFS"},	 {0x2fc12fc1, "ZFS"},
	};
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if ((unsigned long)fs.f_type == names[i].magic)
			return names[i].name;
	}
	return NULL;
}

/* Whether the running kernel is older than major.minor. */
static bool kernel_before(int major, int minor, struct utsname *u)
{
	int have_major, have_minor;

	if (uname(u) < 0 || sscanf(u->release, "%d.%d", &have_major, &have_minor) != 2)
		return false;
	return have_major < major || (have_major == major && have_minor < minor);
}

static int overlay_error(struct err *err, int code, const char *target, unsigned int n_lower,
			 int upper)
{
	const char *fs = upper >= 0 ? file_system_name(upper) : NULL;
	struct utsname u;

	err_sys(err, code, "cannot mount an overlay of %u layers on '%s'", n_lower, target);
	if (code == ENODEV)
		return err_hint(err, "the kernel has no overlayfs; as root: modprobe overlay");
	if (code == ENOENT && access("/proc/self/fd", F_OK) < 0)
		return err_hint(err, "/proc is not mounted here");
	if (code != EINVAL && code != EPERM && code != EOPNOTSUPP)
		return -code;
	if (kernel_before(5, 11, &u))
		return err_hint(
			err, "Linux %.32s is older than 5.11 and has no overlay in user namespaces",
			u.release);
	if (code == EPERM)
		return err_hint(
			err, "a security module may forbid it, or the upper directory has owners "
			     "that are not mapped");
	if (fs)
		return err_hint(
			err,
			"the upper directory is on %s, which the kernel may refuse as an upper; "
			"put the store on a local file system",
			fs);
	return err_hint(
		err,
		"the upper directory's file system may be refused, overlays may be stacked more "
		"than two deep, or a layer is not in this mount namespace");
}

static int overlay_by_fsconfig(int target_fd, const int *lower, unsigned int n_lower, int upper,
			       int work, const char *data)
{
	_cleanup_fd_ int fs = -1;
	_cleanup_fd_ int tree = -1;
	char name[16];

	/* Options of the caller's would have to be taken apart; none of those in use come with so
	 * many layers. */
	if (data && *data != '\0')
		return -EFBIG;
	fs = sys_fsopen("overlay", FSOPEN_CLOEXEC);
	if (fs < 0)
		return errno == ENOSYS ? -EFBIG : -errno;
	if (sys_fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0)
		return -errno;
	for (unsigned int i = 0; i < n_lower; i++) {
		snprintf(name, sizeof(name), "%d", lower[i]);
		if (sys_fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir+", name, 0) < 0)
			return errno == EINVAL && i == 0 ? -EFBIG : -errno;
	}
	if (upper >= 0) {
		snprintf(name, sizeof(name), "%d", upper);
		if (sys_fsconfig(fs, FSCONFIG_SET_STRING, "upperdir", name, 0) < 0)
			return -errno;
		snprintf(name, sizeof(name), "%d", work);
		if (sys_fsconfig(fs, FSCONFIG_SET_STRING, "workdir", name, 0) < 0)
			return -errno;
	}
	if (sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	tree = sys_fsmount(fs, FSMOUNT_CLOEXEC, 0);
	if (tree < 0)
		return -errno;
	if (sys_move_mount(tree, "", target_fd, "",
			   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

/* With the working directory in /proc/self/fd. Returns 0 or -errno; -EFBIG: the options do not fit.
 */
static int overlay_here(int target_fd, const int *lower, unsigned int n_lower, int upper, int work,
			const char *data)
{
	_cleanup_buf_ struct buf options;
	char target[16];

	buf_init(&options, OPTIONS_MAX);
	if (getenv("STRAKE_OVERLAY_FSCONFIG") ||
	    format_options(&options, lower, n_lower, upper, work, data) < 0)
		return overlay_by_fsconfig(target_fd, lower, n_lower, upper, work, data);
	snprintf(target, sizeof(target), "%d", target_fd);
	return mount("overlay", target, "overlay", 0, options.data) < 0 ? -errno : 0;
}

int mount_overlay(int target_fd, const char *target, const int *lower, unsigned int n_lower,
		  int upper, int work, const char *data, struct err *err)
{
	_cleanup_fd_ int cwd = -1;
	int r;

	if (n_lower == 0 || n_lower > OVERLAY_LAYERS_MAX)
		return err_set(err, EINVAL, "an overlay has 1 to %d layers, not %u",
			       OVERLAY_LAYERS_MAX, n_lower);
	if (n_lower == 1 && upper < 0)
		return err_set(err, EINVAL,
			       "a read-only overlay has two layers at least; bind a single one");
	cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (cwd < 0)
		return err_sys(err, errno, "cannot open the working directory");
	if (chdir("/proc/self/fd") < 0)
		return err_sys(err, errno,
			       "cannot enter '/proc/self/fd', which an overlay mount needs");
	r = overlay_here(target_fd, lower, n_lower, upper, work, data);
	if (fchdir(cwd) < 0 && r == 0)
		return err_sys(err, errno, "cannot return to the working directory");
	if (r == -EFBIG)
		return err_set(err, EFBIG,
			       "the names of %u layers do not fit one page of mount options, and "
			       "this kernel does not take them singly (lowerdir+, Linux 6.8)",
			       n_lower);
	return r < 0 ? overlay_error(err, -r, target, n_lower, upper) : 0;
}
