/* Theory of operation: the exclusive lease keeps out whoever uses blobs or layers that nothing
 * names yet, so what is not marked is garbage. Each removal leaves a store that is whole: a blob
 * goes in one unlink, an unpacked layer is first renamed into cache/tmp (half a layer under its
 * final name would be taken for the layer), and lock files go with their lock held. A killed gc is
 * finished by the next.
 */
#include "store/gc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/blob.h"
#include "store/lock.h"
#include "store/mark.h"
#include "store/scratch.h"

struct sweep {
	struct store *store;
	const struct marks *marks;
	bool dry_run;
	int64_t keep_partials;
	struct gc_result *result;
	struct scratch grave; /* where layers go on their way out */
};

typedef int (*sweep_fn)(struct sweep *sw, const char *name, struct err *err);

/* Calls fn for every name in a directory, read to its end first: fn removes. */
static int for_each(int dirfd, const char *what, sweep_fn fn, struct sweep *sw, struct err *err)
{
	_cleanup_strv_ char **names = NULL;
	_cleanup_dir_ DIR *dir = NULL;
	const struct dirent *entry;
	int fd, r = 0;

	fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return err_sys(err, errno, "cannot read '%s/%s'", sw->store->path, what);
	for (errno = 0; (entry = readdir(dir)); errno = 0)
		if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, ".."))
			strv_add(&names, entry->d_name);
	if (errno)
		return err_sys(err, errno, "cannot read '%s/%s'", sw->store->path, what);
	for (size_t i = 0; r == 0 && names && names[i]; i++)
		r = fn(sw, names[i], err);
	return r;
}

/* ---- blobs */

static int sweep_digest(struct sweep *sw, const char *algorithm, const char *name, struct err *err)
{
	char text[LIMIT_DIGEST + 1];
	struct digest digest;
	int64_t size = 0;
	int n;

	n = snprintf(text, sizeof(text), "%s:%s", algorithm, name);
	/* Not a blob: another tool's file. */
	if (n < 0 || (size_t)n >= sizeof(text) || digest_parse(text, &digest, NULL) < 0)
		return 0;
	if (marks_has(sw->marks->blobs, text) || !blob_exists(sw->store, &digest, &size))
		return 0;
	sw->result->blobs++;
	sw->result->bytes += (uint64_t)size;
	return sw->dry_run ? 0 : blob_remove(sw->store, &digest, err);
}

static int sweep_sha256(struct sweep *sw, const char *name, struct err *err)
{
	return sweep_digest(sw, "sha256", name, err);
}

static int sweep_sha512(struct sweep *sw, const char *name, struct err *err)
{
	return sweep_digest(sw, "sha512", name, err);
}

static int sweep_blobs(struct sweep *sw, struct err *err)
{
	_cleanup_fd_ int sha512 = -1;
	int r;

	r = for_each(sw->store->blobs, "blobs/sha256", sweep_sha256, sw, err);
	if (r < 0)
		return r;
	sha512 = openat(sw->store->root, "blobs/sha512",
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return sha512 < 0 ? 0 : for_each(sha512, "blobs/sha512", sweep_sha512, sw, err);
}

/* ---- cache */

static int sweep_layer(struct sweep *sw, const char *name, struct err *err)
{
	if (marks_has(sw->marks->layers, name))
		return 0;
	sw->result->layers++;
	if (!sw->dry_run && renameat(sw->store->layers, name, sw->grave.fd, name) < 0)
		return err_sys(err, errno, "cannot remove the unpacked layer %s", name);
	return 0;
}

static int sweep_layers(struct sweep *sw, struct err *err)
{
	struct store *s = sw->store;
	int r;

	if (sw->dry_run)
		return for_each(s->layers, "cache/layers", sweep_layer, sw, err);
	r = scratch_new(s, &sw->grave, err);
	if (r < 0)
		return r;
	r = for_each(s->layers, "cache/layers", sweep_layer, sw, err);
	if (r == 0)
		r = fd_remove_tree(s->scratch, sw->grave.name, err);
	scratch_discard(s, &sw->grave);
	return r;
}

/* A directory and its lock file are both in the list: the directory's turn removes both. */
static int sweep_scratch(struct sweep *sw, const char *name, struct err *err)
{
	struct store *s = sw->store;
	const bool is_lock = str_ends(name, ".lock");
	_cleanup_free_ char *base = xstrndup(name, strlen(name) - (is_lock ? strlen(".lock") : 0));
	_cleanup_free_ char *lock_name = xasprintf("%s.lock", base);
	_cleanup_fd_ int lock = -1;
	struct err why = ERR_INIT;
	int r;

	if (is_lock && faccessat(s->scratch, base, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	lock = lock_file(s->scratch, lock_name, 0, NULL, &why);
	if (lock == -EAGAIN || (lock == -ENOENT && is_lock))
		return 0;
	if (lock < 0 && lock != -ENOENT)
		return err_set(err, -lock, "cannot clear '%s/cache/tmp': %s", s->path, why.msg);
	sw->result->scratches++;
	if (sw->dry_run)
		return 0;
	r = fd_remove_tree(s->scratch, base, err);
	if (r < 0)
		return err_prefix(err, "cannot clear '%s/cache/tmp'", s->path);
	if (lock >= 0)
		unlinkat(s->scratch, lock_name, 0);
	return 0;
}

/* ---- uploads */

/* Whether an unlocked partial is of no more use. */
static bool partial_is_garbage(struct sweep *sw, const char *name, const struct stat *st)
{
	_cleanup_free_ char *hex = NULL;
	char text[LIMIT_DIGEST + 1];
	struct digest digest;

	if (str_starts(name, "new-"))
		return true;
	if (!str_starts(name, "sha256-"))
		return false;
	hex = xstrndup(name + strlen("sha256-"),
		       strlen(name) - strlen("sha256-") - strlen(".partial"));
	if (strlen(hex) != 64)
		return false;
	snprintf(text, sizeof(text), "sha256:%s", hex);
	if (digest_parse(text, &digest, NULL) < 0)
		return false;
	if (blob_exists(sw->store, &digest, NULL) || sw->keep_partials <= 0)
		return true;
	return time(NULL) - st->st_mtime >= sw->keep_partials;
}

static int sweep_partial(struct sweep *sw, const char *name, struct err *err)
{
	struct store *s = sw->store;
	_cleanup_fd_ int lock = -1;
	struct err why = ERR_INIT;
	struct stat st;

	if (!str_ends(name, ".partial"))
		return 0;
	lock = lock_file(s->uploads, name, 0, &st, &why);
	if (lock == -EAGAIN || lock == -ENOENT)
		return 0;
	if (lock < 0)
		return err_set(err, -lock, "cannot clear '%s/uploads': %s", s->path, why.msg);
	if (!partial_is_garbage(sw, name, &st))
		return 0;
	sw->result->partials++;
	sw->result->bytes += (uint64_t)st.st_size;
	if (!sw->dry_run && unlinkat(s->uploads, name, 0) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot remove '%s/uploads/%s'", s->path, name);
	return 0;
}

/* ---- the root: what a killed fd_write_file_atomic() left of index.json */

static int sweep_temporary(struct sweep *sw, const char *name, struct err *err)
{
	if (!str_starts(name, ".tmp-") || strlen(name) != strlen(".tmp-") + 16)
		return 0;
	if (unlinkat(sw->store->root, name, 0) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot remove '%s/%s'", sw->store->path, name);
	return 0;
}

static int sweep_root(struct sweep *sw, struct err *err)
{
	_cleanup_fd_ int lock = -1;

	/* Whoever writes index.json holds this lock, and perhaps no lease. */
	lock = lock_store(sw->store, LOCK_TAGS, true, true, err);
	return lock < 0 ? lock : for_each(sw->store->root, ".", sweep_temporary, sw, err);
}

int store_gc(struct store *s, bool wait, bool dry_run, int64_t keep_partials, struct gc_result *ret,
	     struct err *err)
{
	_cleanup_marks_ struct marks marks = {0};
	_cleanup_fd_ int lease = -1;
	struct sweep sw = {
		.store = s,
		.marks = &marks,
		.dry_run = dry_run,
		.keep_partials = keep_partials,
		.result = ret,
		.grave = SCRATCH_INIT,
	};
	int r;

	*ret = (struct gc_result){0};
	lease = store_lease(s, STORE_EXCLUSIVE, wait, err);
	if (lease < 0)
		return lease;
	r = marks_collect(s, &marks, err);
	if (r < 0) {
		err_prefix(err, "nothing was removed");
		return r;
	}
	r = sweep_layers(&sw, err);
	if (r == 0)
		r = for_each(s->scratch, "cache/tmp", sweep_scratch, &sw, err);
	if (r == 0)
		r = for_each(s->uploads, "uploads", sweep_partial, &sw, err);
	if (r == 0)
		r = sweep_blobs(&sw, err);
	if (r == 0 && !dry_run)
		r = sweep_root(&sw, err);
	return r;
}
