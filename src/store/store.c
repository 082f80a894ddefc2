/* Theory of operation: `run` opens the store on its hot path, so that opening is one open per
 * directory and one look for oci-layout. Everything else, making directories and the two files,
 * happens only where something is found missing. oci-layout is written last: where it is, the rest
 * was made once, and a missing index.json is then damage that must not be papered over by an empty
 * one (gc would remove every image).
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "oci/media_type.h"
#include "store/lock.h"

/* image-spec image-layout.md */
#define LAYOUT_TEXT "{\"imageLayoutVersion\":\"1.0.0\"}"
#define INDEX_TEXT "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_INDEX "\",\"manifests\":[]}"

static int absolute(const char *path, char **ret, struct err *err)
{
	_cleanup_free_ char *cwd = NULL;
	_cleanup_free_ char *joined = NULL;

	if (path[0] == '/') {
		*ret = path_clean(path);
		return 0;
	}
	cwd = getcwd(NULL, 0);
	if (!cwd)
		return err_sys(err, errno, "cannot make the store's path '%s' absolute", path);
	joined = path_join(cwd, path);
	*ret = path_clean(joined);
	return 0;
}

/* A directory from the environment; the XDG base directory specification wants relative ones
 * ignored. */
static const char *absolute_env(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] == '/' ? value : NULL;
}

int store_locate(const char *path, char **ret, struct err *err)
{
	_cleanup_free_ char *under_home = NULL;
	const struct passwd *pw;
	const char *base;

	*ret = NULL;
	if (path && !path[0])
		return err_set(err, EINVAL, "the store's path is empty");
	if (path)
		return absolute(path, ret, err);
	base = getenv("STRAKE_STORE");
	if (!str_is_empty(base))
		return absolute(base, ret, err);
	base = absolute_env("XDG_DATA_HOME");
	if (base) {
		under_home = path_join(base, "strake");
		return absolute(under_home, ret, err);
	}
	base = absolute_env("HOME");
	if (!base) {
		errno = 0;
		pw = getpwuid(getuid());
		if (!pw || !pw->pw_dir || pw->pw_dir[0] != '/') {
			err_set(err, ENOENT,
				"no home directory: HOME is not set and user %u has no "
				"passwd entry",
				(unsigned int)getuid());
			return err_hint(err, "name the store with --store or STRAKE_STORE");
		}
		base = pw->pw_dir;
	}
	under_home = path_join(base, ".local/share/strake");
	return absolute(under_home, ret, err);
}

static int open_root(struct store *s, struct err *err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	struct stat st;
	int r;

	s->root = open(s->path, flags);
	if (s->root < 0 && errno == ENOENT) {
		r = fd_mkdir_p(AT_FDCWD, s->path, 0700, err);
		if (r < 0)
			return err_prefix(err, "cannot make the store '%s'", s->path);
		s->root = open(s->path, flags);
	}
	if (s->root < 0)
		return err_sys(err, errno, "cannot open the store '%s'", s->path);
	if (fstat(s->root, &st) < 0)
		return err_sys(err, errno, "cannot look at the store '%s'", s->path);
	if (st.st_uid != geteuid()) {
		err_set(err, EPERM, "the store '%s' belongs to user %u, not to %u", s->path,
			(unsigned int)st.st_uid, (unsigned int)geteuid());
		return err_hint(err, "use your own, with --store or STRAKE_STORE");
	}
	return 0;
}

/* A directory that need not be private itself. */
static int open_dir(struct store *s, const char *name, mode_t mode, struct err *err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd, r;

	fd = openat(s->root, name, flags);
	if (fd < 0 && errno == ENOENT) {
		r = fd_mkdir_p(s->root, name, mode, err);
		if (r < 0)
			return err_prefix(err, "the store '%s'", s->path);
		fd = openat(s->root, name, flags);
	}
	if (fd < 0)
		return err_sys(err, errno, "cannot open '%s/%s'", s->path, name);
	return fd;
}

static int open_private(struct store *s, const char *name, struct err *err)
{
	int fd = fd_open_private_dir(s->root, name, err);

	return fd < 0 ? err_prefix(err, "the store '%s'", s->path) : fd;
}

/* Somebody's own directory, named by mistake, must not become a store: `reset` deletes stores.
 * Hidden files and lost+found are what file systems themselves put there; our own names are what
 * another process makes at this moment. */
static int check_foreign(struct store *s, struct err *err)
{
	static const char *const ours[] = {"blobs",	 "cache",  "containers", "oci-layout",
					   "index.json", "lock",   "lost+found", "repositories",
					   "uploads",	 "volumes"};
	_cleanup_dir_ DIR *dir = NULL;
	_cleanup_fd_ int fd = -1;
	const struct dirent *entry;

	fd = openat(s->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return err_sys(err, errno, "cannot read the directory '%s'", s->path);
	fd = -1;
	for (errno = 0; (entry = readdir(dir)); errno = 0) {
		size_t i = 0;

		while (i < ARRAY_SIZE(ours) && !str_eq(ours[i], entry->d_name))
			i++;
		if (i < ARRAY_SIZE(ours) || entry->d_name[0] == '.')
			continue;
		err_set(err, ENOTEMPTY, "'%s' is not a store and not empty: it has '%s'", s->path,
			entry->d_name);
		return err_hint(err, "name an empty or a new directory");
	}
	if (errno)
		return err_sys(err, errno, "cannot read the directory '%s'", s->path);
	return 0;
}

static int write_missing(struct store *s, const char *name, const char *text, struct err *err)
{
	if (faccessat(s->root, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (fd_write_file_atomic(s->root, name, text, strlen(text), 0644, err) < 0)
		return err_prefix(err, "cannot make the store '%s'", s->path);
	return 0;
}

static int initialise(struct store *s, struct err *err)
{
	_cleanup_fd_ int lock = -1;
	int r;

	lock = lock_store(s, LOCK_TAGS, true, true, err);
	if (lock < 0)
		return lock;
	r = write_missing(s, "index.json", INDEX_TEXT, err);
	if (r < 0)
		return r;
	return write_missing(s, "oci-layout", LAYOUT_TEXT, err);
}

static int open_dirs(struct store *s, struct err *err)
{
	if ((s->blobs = open_dir(s, "blobs/sha256", 0755, err)) < 0)
		return s->blobs;
	if ((s->cache = open_private(s, "cache", err)) < 0)
		return s->cache;
	if ((s->layers = open_dir(s, "cache/layers", 0700, err)) < 0)
		return s->layers;
	if ((s->scratch = open_dir(s, "cache/tmp", 0700, err)) < 0)
		return s->scratch;
	if ((s->uploads = open_private(s, "uploads", err)) < 0)
		return s->uploads;
	if ((s->containers = open_private(s, "containers", err)) < 0)
		return s->containers;
	return 0;
}

int store_open(const char *path, struct store *ret, struct err *err)
{
	_cleanup_store_ struct store s = STORE_INIT;
	bool made;
	int r;

	*ret = (struct store)STORE_INIT;
	r = store_locate(path, &s.path, err);
	if (r < 0)
		return r;
	r = open_root(&s, err);
	if (r < 0)
		return r;
	made = faccessat(s.root, "oci-layout", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	if (!made) {
		r = check_foreign(&s, err);
		if (r < 0)
			return r;
	}
	r = open_dirs(&s, err);
	if (r < 0)
		return r;
	if (!made) {
		r = initialise(&s, err);
		if (r < 0)
			return r;
	}
	*ret = s;
	s = (struct store)STORE_INIT;
	return 0;
}

void store_close(struct store *s)
{
	freep(&s->path);
	fd_closep(&s->root);
	fd_closep(&s->blobs);
	fd_closep(&s->cache);
	fd_closep(&s->layers);
	fd_closep(&s->scratch);
	fd_closep(&s->uploads);
	fd_closep(&s->containers);
	*s = (struct store)STORE_INIT;
}

int store_lease(struct store *s, enum store_lease kind, bool wait, struct err *err)
{
	return lock_store(s, LOCK_LEASE, kind == STORE_EXCLUSIVE, wait, err);
}
