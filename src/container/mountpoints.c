#include "container/mountpoints.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "store/scratch.h"

/* A new name when the content changes: containers that run keep the old one. */
#define NAME "mountpoints-1"

static const char *const dirs[] = {
	"root", "root/proc", "root/sys", "root/dev", "root/etc",
};
static const char *const files[] = {
	"root/etc/hosts",
	"root/etc/hostname",
	"root/etc/resolv.conf",
};

static int fill(int dir, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		if (mkdirat(dir, dirs[i], 0755) < 0 || fchmodat(dir, dirs[i], 0755, 0) < 0)
			return err_sys(err, errno, "cannot make '%s'", dirs[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_fd_ int fd =
			openat(dir, files[i], O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);

		if (fd < 0 || fchmod(fd, 0644) < 0)
			return err_sys(err, errno, "cannot make '%s'", files[i]);
	}
	return 0;
}

static int make(struct store *s, struct err *err)
{
	struct scratch scratch;
	int ret = scratch_new(s, &scratch, err);

	if (ret < 0)
		return ret;
	ret = fill(scratch.fd, err);
	/* Another process may be faster: its directory is as good. */
	if (ret == 0 && renameat(s->scratch, scratch.name, s->cache, NAME) < 0 && errno != EEXIST &&
	    errno != ENOTEMPTY)
		ret = err_sys(err, errno, "cannot make '%s/cache/" NAME "'", s->path);
	scratch_discard(s, &scratch);
	return ret;
}

int mountpoints_layer(struct store *s, char **ret, struct err *err)
{
	if (faccessat(s->cache, NAME, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && make(s, err) < 0)
		return err_prefix(err, "cannot make the layer of mount points");
	*ret = xasprintf("%s/cache/" NAME, s->path);
	return 0;
}
