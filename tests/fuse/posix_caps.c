/* What the backing directory can do. It is tried while the layers are prepared, next to where the
 * upper directory will be, and noted in a file that shows in DIR: an overlay has to do all of it.
 */
#include "posix.h"
#include "posix_caps.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "posix_acl.h"
#include "posix_xattr.h"

#define NOTE ".what-the-backing-can"
#define TRIAL ".trial"

unsigned caps;

const char *opaque_xattr(void)
{
	return caps & CAP_TRUSTED ? "trusted.overlay.opaque" : "user.overlay.opaque";
}

static unsigned try_xattrs(void)
{
	struct acl acl = {0};
	unsigned can = 0;
	int one = 1;

	if (setxattr(TRIAL, "user.trial", "x", 1, 0) == 0)
		can |= CAP_XATTR;
	acl_add(&acl, ACL_USER_OBJ, 6, 0);
	acl_add(&acl, ACL_USER, 4, 0);
	acl_add(&acl, ACL_GROUP_OBJ, 4, 0);
	acl_add(&acl, ACL_MASK, 4, 0);
	acl_add(&acl, ACL_OTHER, 4, 0);
	if (acl_set(TRIAL, ACL_ACCESS, &acl) == 0)
		can |= CAP_ACL;
	if (setxattr(TRIAL, "trusted.trial", &one, sizeof(one), 0) == 0)
		can |= CAP_TRUSTED;
	if (setxattr(TRIAL, FILECAPS, filecaps, sizeof(filecaps), 0) == 0)
		can |= CAP_FILECAPS;
	return can;
}

static unsigned try_data(int fd)
{
	unsigned can = 0;
	struct stat st;
	int flags;

	if (ftruncate(fd, 1 << 20) == 0 && pwrite(fd, "x", 1, 512 << 10) == 1 && fsync(fd) == 0 &&
	    fstat(fd, &st) == 0 && lseek(fd, 0, SEEK_DATA) > 0 && st.st_blocks < 1024)
		can |= CAP_HOLES;
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0)
		can |= CAP_PUNCH;
	if (fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 4096) == 0)
		can |= CAP_ZERO;
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0)
		can |= CAP_FLAGS;
	return can;
}

static unsigned try_names(void)
{
	char target[4096];
	unsigned can = 0;
	int fd;

	fd = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		can |= CAP_TMPFILE;
	close(fd);
	memset(target, 't', sizeof(target) - 1);
	target[sizeof(target) - 1] = '\0';
	if (symlink(target, TRIAL "-link") == 0)
		can |= CAP_LINK4K;
	unlink(TRIAL "-link");
	if (mknod(TRIAL "-device", S_IFCHR | 0600, makedev(1, 3)) == 0)
		can |= CAP_DEVICES;
	unlink(TRIAL "-device");
	if (chown(TRIAL, 1001, 1002) == 0)
		can |= CAP_IDS;
	return can;
}

static unsigned try_atime(int fd)
{
	struct timespec old[2] = {{.tv_sec = OLD}, {.tv_sec = OLD}};
	struct stat st;
	char c;

	if (futimens(fd, old) != 0 || pread(fd, &c, 1, 0) != 1 || fstat(fd, &st) != 0)
		return 0;
	return st.st_atim.tv_sec != OLD ? CAP_ATIME : 0;
}

void caps_prepare(void)
{
	char text[32];
	int fd = open(TRIAL, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		die("cannot make a file: %s", strerror(errno));
	caps &= CAP_PLAIN;
	caps |= try_data(fd) | try_xattrs() | try_atime(fd) | try_names();
	close(fd);
	unlink(TRIAL);
	snprintf(text, sizeof(text), "%x\n", caps);
	if (put_text(NOTE, text) != 0)
		die("cannot write %s: %s", NOTE, strerror(errno));
}

void caps_read(void)
{
	FILE *f = fopen(NOTE, "re");

	if (!f || fscanf(f, "%x", &caps) != 1)
		die("was this directory prepared? cannot read %s", NOTE);
	fclose(f);
}
