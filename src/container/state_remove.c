#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "container/state_impl.h"
#include "ns/enter.h"
#include "ns/identity.h"

/* Files of a range container may belong to subordinate ids; those only the user namespace can
 * remove. */
static int remove_tree(struct store *s, const char *name, struct err *err)
{
	struct err plain = ERR_INIT;
	struct identity id;
	int r = fd_remove_tree(s->containers, name, &plain);

	if (r == -EACCES || r == -EPERM) {
		r = identity_choose(USERNS_RANGE, &id, err);
		if (r == 0)
			return ns_remove_tree(&id, s->containers, name, err);
		return err_prefix(err, "%s", plain.msg);
	}
	if (r < 0 && err)
		*err = plain;
	return r;
}

/* Renamed first: what a crash in the middle leaves is nobody's container any more. */
static int remove_directory(struct store *s, const char *id, struct err *err)
{
	char gone[sizeof(STATE_REMOVING) + 64];

	snprintf(gone, sizeof(gone), STATE_REMOVING "%s", id);
	if (renameat(s->containers, id, s->containers, gone) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot remove container %.12s", id);
	return remove_tree(s, gone, err);
}

/* A name that was made from the id reserved nothing. The name goes although some file would not:
 * the rest is garbage, not a container. */
static int give_name_back(struct store *s, const struct container_state *c, struct err *err)
{
	_cleanup_free_ char *made = state_name_make(c->id);

	return !c->name || str_eq(c->name, made) ? 0 : state_name_drop(s, c->name, c->id, err);
}

int container_remove(struct store *s, const struct container_state *c, struct err *err)
{
	_cleanup_fd_ int dir =
		openat(s->containers, c->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct err ignored = ERR_INIT;
	int r, dropped;

	if (dir >= 0 && state_is_locked(dir, &ignored) == 1)
		return err_set(err, EBUSY, "container '%s' is running; end it first",
			       c->name ? c->name : c->id);
	r = remove_directory(s, c->id, err);
	dropped = give_name_back(s, c, r < 0 ? &ignored : err);
	if (r < 0 || dropped < 0)
		err_prefix(err, "container '%s'", c->name ? c->name : c->id);
	return r < 0 ? r : dropped;
}

static bool lacks_config(struct store *s, const char *id)
{
	_cleanup_free_ char *path = xasprintf("%s/" STATE_CONFIG, id);
	struct stat st;

	if (fstatat(s->containers, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT;
	return st.st_size == 0;
}

/* Whether the directory's maker died before config.json was written. Makers hold a shared lease
 * until then, so whoever gets the exclusive one knows. */
static bool is_unfinished(struct store *s, const char *id)
{
	_cleanup_fd_ int lease = -1;
	struct err ignored = ERR_INIT;

	if (!lacks_config(s, id))
		return false;
	lease = store_lease(s, STORE_EXCLUSIVE, false, &ignored);
	return lease >= 0 && lacks_config(s, id);
}

/* 1: removed, 0: to be left alone, or -errno. */
static int clear_container(struct store *s, const char *id, struct err *err)
{
	struct container_state c = {0};
	struct err ignored = ERR_INIT;
	int r = state_load(s->containers, id, &c, &ignored);

	if (r == -ENOENT && is_unfinished(s, id)) {
		r = remove_directory(s, id, err);
		return r < 0 ? r : 1;
	}
	if (r < 0)
		return 0;
	if (c.remove && c.status == CONTAINER_EXITED) {
		r = container_remove(s, &c, err);
		/* Its own strake is at it. */
		r = r == -EBUSY ? 0 : r < 0 ? r : 1;
	}
	container_state_release(&c);
	return r;
}

/* What one name in containers/ needs. As clear_container(). */
static int clear_entry(struct store *s, const char *name, struct err *err)
{
	int r;

	if (state_is_id(name))
		return clear_container(s, name, err);
	if (!str_starts(name, STATE_REMOVING))
		return 0;
	r = remove_tree(s, name, err);
	return r < 0 ? r : 1;
}

static int clear_names(struct store *s, struct err *err)
{
	_cleanup_dir_ DIR *dir = NULL;
	struct dirent *entry;
	int fd =
		openat(s->containers, STATE_NAMES, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return errno == ENOENT ? 0
				       : err_sys(err, errno, "cannot open the containers' names");
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return err_sys(err, ENOMEM, "cannot read the containers' names");
	}
	while (r == 0 && (entry = readdir(dir)) != NULL) {
		char id[65];

		if (state_name_read(s->containers, entry->d_name, id) &&
		    faccessat(s->containers, id, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
			r = state_name_drop(s, entry->d_name, id, err);
	}
	return r;
}

int container_clear_stale(struct store *s, size_t *ret_removed, struct err *err)
{
	_cleanup_dir_ DIR *dir = NULL;
	struct err why = ERR_INIT, first = ERR_INIT;
	struct dirent *entry;
	int fd = openat(s->containers, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*ret_removed = 0;
	if (fd < 0)
		return err_sys(err, errno, "cannot read '%s/containers'", s->path);
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return err_sys(err, ENOMEM, "cannot read '%s/containers'", s->path);
	}
	/* The first failure is reported, after the rest was cleared. */
	while ((entry = readdir(dir)) != NULL) {
		const int r = clear_entry(s, entry->d_name, &why);

		*ret_removed += r > 0;
		if (r < 0 && first.code == 0)
			first = why;
	}
	if (clear_names(s, &why) < 0 && first.code == 0)
		first = why;
	if (first.code != 0 && err)
		*err = first;
	return -first.code;
}
