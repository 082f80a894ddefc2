#include "store/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/lock.h"

#define SCRATCH_LOCK ".lock"

/* Layers are sha256 or sha512 diff ids; the names of both cannot collide, their lengths differ. */
static const char *layer_name(const struct digest *diff_id)
{
	return digest_encoded(diff_id);
}

int scratch_new(struct store *s, struct scratch *ret, struct err *err)
{
	_cleanup_free_ char *lock_name = NULL;
	int r;

	*ret = (struct scratch)SCRATCH_INIT;
	/* The lock first: a directory without one is garbage to gc. */
	ret->lock_fd = lock_file_new(s->scratch, "", SCRATCH_LOCK, &lock_name, err);
	if (ret->lock_fd < 0) {
		r = ret->lock_fd;
		ret->lock_fd = -1;
		err_prefix(err, "cannot make a scratch directory in '%s/cache/tmp'", s->path);
		return r;
	}
	ret->name = xstrndup(lock_name, strlen(lock_name) - strlen(SCRATCH_LOCK));
	if (mkdirat(s->scratch, ret->name, 0700) == 0)
		ret->fd = openat(s->scratch, ret->name,
				 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (ret->fd < 0) {
		r = err_sys(err, errno, "cannot make the scratch directory '%s/cache/tmp/%s'",
			    s->path, ret->name);
		scratch_discard(s, ret);
		return r;
	}
	return 0;
}

/* Drops everything but the directory itself. */
static void release(struct store *s, struct scratch *scratch)
{
	_cleanup_free_ char *lock_name = NULL;

	if (scratch->lock_fd >= 0 && scratch->name) {
		lock_name = xasprintf("%s" SCRATCH_LOCK, scratch->name);
		unlinkat(s->scratch, lock_name, 0);
	}
	fd_closep(&scratch->fd);
	fd_closep(&scratch->lock_fd);
	freep(&scratch->name);
	*scratch = (struct scratch)SCRATCH_INIT;
}

void scratch_discard(struct store *s, struct scratch *scratch)
{
	/* What cannot be removed stays for gc. */
	if (scratch->name)
		fd_remove_tree(s->scratch, scratch->name, NULL);
	release(s, scratch);
}

int scratch_publish_layer(struct store *s, struct scratch *scratch, const struct digest *diff_id,
			  struct err *err)
{
	const char *name = layer_name(diff_id);

	if (renameat(s->scratch, scratch->name, s->layers, name) < 0) {
		if (errno != EEXIST && errno != ENOTEMPTY)
			return err_sys(err, errno, "cannot publish the layer %s", diff_id->text);
		scratch_discard(s, scratch);
		return 0;
	}
	release(s, scratch);
	if (fsync(s->layers) < 0 && errno != EINVAL && errno != ENOTSUP)
		return err_sys(err, errno, "cannot write '%s/cache/layers' to disk", s->path);
	return 0;
}

bool layer_dir_exists(struct store *s, const struct digest *diff_id)
{
	return faccessat(s->layers, layer_name(diff_id), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

char *layer_dir_path(struct store *s, const struct digest *diff_id)
{
	return xasprintf("%s/cache/layers/%s", s->path, layer_name(diff_id));
}

int layer_dir_open(struct store *s, const struct digest *diff_id, struct err *err)
{
	int fd;

	fd = openat(s->layers, layer_name(diff_id),
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		err_set(err, ENOENT, "the layer %s is not unpacked", diff_id->text);
		err_hint(err, "'strake unpack' makes it again");
		return -ENOENT;
	}
	if (fd < 0)
		return err_sys(err, errno, "cannot open the unpacked layer %s", diff_id->text);
	return fd;
}
