#include "layer_env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/xattr.h"
#include "layer/owner.h"

int env_dir = -1, env_layer = -1, env_root = -1;
struct err env_err;
uint64_t env_entries;
struct unpack_options env_options;
static char dir_path[4096], layer_name[32];
static unsigned int n_layers;
static struct stat canary;

static const char canary_text[] = "nothing outside a layer changes";

void env_setup(void)
{
	const char *tmp = getenv("TMPDIR");
	int fd;

	snprintf(dir_path, sizeof(dir_path), "%s/strake-layer-XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir_path));
	env_dir = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(env_dir, 0);
	fd = openat(env_dir, "canary", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_write_all(fd, canary_text, sizeof(canary_text)), 0);
	ck_assert_int_eq(fstat(fd, &canary), 0);
	close(fd);
	n_layers = 0;
	memset(&env_options, 0, sizeof(env_options));
}

static void check_outside(void)
{
	struct stat st;
	DIR *d = fdopendir(openat(env_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));

	ck_assert_ptr_nonnull(d);
	for (struct dirent *de; (de = readdir(d));)
		ck_assert_msg(de->d_name[0] == '.' || !strncmp(de->d_name, "layer", 5) ||
				      !strcmp(de->d_name, "canary"),
			      "'%s' appeared outside", de->d_name);
	closedir(d);
	ck_assert_int_eq(fstatat(env_dir, "canary", &st, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert(st.st_ino == canary.st_ino && st.st_size == canary.st_size);
	ck_assert(st.st_nlink == 1 && st.st_mode == canary.st_mode);
	ck_assert(st.st_ctim.tv_sec == canary.st_ctim.tv_sec &&
		  st.st_ctim.tv_nsec == canary.st_ctim.tv_nsec);
}

void env_teardown(void)
{
	struct err err = ERR_INIT;

	check_outside();
	fd_closep(&env_root);
	fd_closep(&env_layer);
	fd_closep(&env_dir);
	ck_assert_msg(fd_remove_tree(AT_FDCWD, dir_path, &err) == 0, "%s", err.msg);
}

int env_new_layer(void)
{
	fd_closep(&env_root);
	fd_closep(&env_layer);
	snprintf(layer_name, sizeof(layer_name), "layer%u", n_layers++);
	ck_assert_int_eq(mkdirat(env_dir, layer_name, 0700), 0);
	env_layer = openat(env_dir, layer_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(env_layer, 0);
	return env_layer;
}

struct source {
	const struct tar *tar;
	size_t pos;
};

/* Blocks of 10 KiB, as tar writes them, so that a test's archive comes in several. */
static ssize_t read_tar(void *ctx, const void **ret)
{
	struct source *s = ctx;
	size_t n = s->tar->len - s->pos;

	if (n > 10240)
		n = 10240;
	*ret = s->tar->data + s->pos;
	s->pos += n;
	return (ssize_t)n;
}

int env_unpack_raw(struct tar *t)
{
	struct source s = {.tar = t};
	int r;

	env_new_layer();
	memset(&env_err, 0, sizeof(env_err));
	env_entries = 0;
	r = layer_unpack(read_tar, &s, env_layer, &env_options, &env_entries, &env_err);
	ck_assert_int_eq(r < 0 ? -r : 0, env_err.code);
	env_root = openat(env_layer, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tar_release(t);
	return r;
}

int env_unpack(struct tar *t)
{
	tar_end(t);
	return env_unpack_raw(t);
}

void env_good(struct tar *t)
{
	ck_assert_msg(env_unpack(t) == 0, "%s", env_err.msg);
}

void env_bad(struct tar *t, int code, const char *text)
{
	int r = env_unpack(t);

	ck_assert_msg(r == -code, "%d instead of %d: %s", r, -code, env_err.msg);
	ck_assert_msg(strstr(env_err.msg, text) != NULL, "no '%s' in: %s", text, env_err.msg);
}

bool env_exists(const char *path)
{
	struct stat st;

	return fstatat(env_root, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

struct stat env_stat(const char *path)
{
	struct stat st;

	ck_assert_msg(fstatat(env_root, path, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) == 0,
		      "%s: %s", path, strerror(errno));
	return st;
}

const char *env_content(const char *path)
{
	static char *text;
	struct err err = ERR_INIT;

	free(text);
	text = NULL;
	ck_assert_msg(fd_read_file(env_root, path, 64 << 20, &text, NULL, &err) >= 0, "%s",
		      err.msg);
	return text;
}

const char *env_readlink(const char *path)
{
	static char target[4096];
	ssize_t n = readlinkat(env_root, path, target, sizeof(target) - 1);

	ck_assert_msg(n >= 0, "%s: %s", path, strerror(errno));
	target[n] = '\0';
	return target;
}

static int open_path(const char *path)
{
	int fd = openat(env_root, *path ? path : ".", O_PATH | O_NOFOLLOW | O_CLOEXEC);

	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	return fd;
}

const char *env_xattr(const char *path, const char *name)
{
	static char value[4097];
	int fd = open_path(path);
	ssize_t n = xattr_get(fd, name, value, sizeof(value) - 1);

	close(fd);
	if (n < 0)
		return NULL;
	value[n] = '\0';
	return value;
}

static bool is_file_there(const char *dir, const char *prefix, const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s%s%s%s", dir, *dir ? "/" : "", prefix, name);
	return env_exists(path) && faccessat(env_layer, "wh", F_OK, 0) == 0;
}

bool env_is_whiteout(const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[4096] = "";
	struct stat st;

	if (fstatat(env_root, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0);
	if (slash)
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	return is_file_there(dir, ".wh.", slash ? slash + 1 : path);
}

bool env_is_opaque(const char *path)
{
	const char *value = env_xattr(path, "user.overlay.opaque");

	return (value && !strcmp(value, "y")) || is_file_there(path, "", ".wh..wh..opq");
}

struct stat env_owner(const char *path)
{
	struct owners *o = NULL;
	struct stat st = env_stat(path);
	struct err err = ERR_INIT;
	int fd = open_path(path);

	ck_assert_msg(owners_load(env_layer, &o, &err) == 0, "%s", err.msg);
	ck_assert_int_eq(owner_resolve(fd, path, o, &st), 0);
	owners_free(o);
	close(fd);
	return st;
}

bool env_has_xattrs(void)
{
	return fsetxattr(env_dir, "user.test", "y", 1, 0) == 0 && !getenv("STRAKE_NO_XATTR");
}

bool env_has_whiteouts(void)
{
	bool ok = mknodat(env_dir, "layer-wh", S_IFCHR, makedev(0, 0)) == 0;

	unlinkat(env_dir, "layer-wh", 0);
	return ok && !getenv("STRAKE_NO_MKNOD");
}
