#include "fuse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "fuse/content.h"

int env_dir = -1;
struct overlay_config env_config;
struct overlay env_fs;
static char env_path[256];
static bool is_open;

/* A place whose file system has user xattrs, where there is one. */
static void make_env_dir(void)
{
	const char *tmp = getenv("TMPDIR");
	const char *const places[] = {tmp ? tmp : "/tmp", "/var/tmp", tmp ? tmp : "/tmp"};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(env_path, sizeof(env_path), "%s/strake-fuse-XXXXXX", places[i]);
		if (!mkdtemp(env_path))
			continue;
		if (i + 1 == ARRAY_SIZE(places) ||
		    setxattr(env_path, "user.strake-test", "y", 1, 0) == 0)
			return;
		rmdir(env_path);
	}
	ck_abort_msg("cannot make a directory: %s", strerror(errno));
}

void env_setup(void)
{
	make_env_dir();
	env_dir = open(env_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(env_dir, 0);
	env_config = (struct overlay_config){.redirect = true, .metacopy = true, .acl = true};
}

void env_teardown(void)
{
	struct err err = ERR_INIT;

	env_close();
	fd_closep(&env_dir);
	ck_assert_msg(fd_remove_tree(AT_FDCWD, env_path, &err) == 0, "%s", err.msg);
}

TCase *env_case(const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, env_setup, env_teardown);
	tcase_set_timeout(tc, 300);
	return tc;
}

void env_mkdir(const char *path)
{
	struct err err = ERR_INIT;

	ck_assert_msg(fd_mkdir_p(env_dir, path, 0755, &err) == 0, "%s", err.msg);
}

/* Opens a new file, the directories above it made. */
static int new_file(const char *path)
{
	const char *slash = strrchr(path, '/');
	char parent[4096];
	int fd;

	snprintf(parent, sizeof(parent), "%.*s", slash ? (int)(slash - path) : 0, path);
	if (*parent)
		env_mkdir(parent);
	fd = openat(env_dir, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	return fd;
}

void env_file(const char *path, const char *text)
{
	_cleanup_fd_ int fd = new_file(path);

	ck_assert_int_eq(fd_write_all(fd, text, strlen(text)), 0);
}

void env_hole(const char *path, off_t size)
{
	_cleanup_fd_ int fd = new_file(path);

	ck_assert_int_eq(ftruncate(fd, size), 0);
}

void env_mark(const char *path, const char *key, const char *value)
{
	_cleanup_fd_ int fd = openat(env_dir, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	ck_assert_msg(fsetxattr(fd, key, value, strlen(value), 0) == 0, "%s %s: %s", path, key,
		      strerror(errno));
}

void env_device(const char *path)
{
	int r = mknodat(env_dir, path, S_IFCHR, makedev(0, 0));

	ck_assert_msg(r == 0, "%s: %s", path, strerror(errno));
}

bool env_lacks_xattrs(void)
{
	bool lacks = fsetxattr(env_dir, "user.strake-test", "y", 1, 0) < 0;

	if (lacks)
		printf("skipped a test: no user xattrs in %s: %s\n", env_path, strerror(errno));
	return lacks;
}

bool env_lacks_devices(void)
{
	bool lacks = mknodat(env_dir, "device", S_IFCHR, makedev(0, 0)) < 0;

	if (lacks)
		printf("skipped a test: no 0:0 devices may be made in %s: %s\n", env_path,
		       strerror(errno));
	else
		ck_assert_int_eq(unlinkat(env_dir, "device", 0), 0);
	return lacks;
}

/* --- the overlay */

void env_open(unsigned int n_lower, bool writable)
{
	static char paths[8][300], upper[300], work[300];
	static char *lower[8];
	struct err err = ERR_INIT;

	ck_assert_uint_le(n_lower, ARRAY_SIZE(paths));
	for (unsigned int i = 0; i < n_lower; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s/l%u", env_path, i);
		lower[i] = paths[i];
		env_mkdir(strrchr(paths[i], '/') + 1);
	}
	env_config.lower = lower;
	env_config.n_lower = n_lower;
	env_config.upper = env_config.work = NULL;
	if (writable) {
		env_mkdir("u");
		env_mkdir("w");
		snprintf(upper, sizeof(upper), "%s/u", env_path);
		snprintf(work, sizeof(work), "%s/w", env_path);
		env_config.upper = upper;
		env_config.work = work;
	}
	ck_assert_msg(overlay_open(&env_fs, &env_config, &err) == 0, "%s", err.msg);
	is_open = true;
}

void env_close(void)
{
	if (!is_open)
		return;
	ck_assert_uint_eq(env_fs.count.nodes, 1);
	ck_assert_uint_eq(env_fs.root->count, 1);
	overlay_close(&env_fs);
	is_open = false;
}

void env_forget(struct node *n)
{
	if (n && n != env_fs.root)
		node_unref(&env_fs.nodes, n);
}

struct node *env_node(const char *path, int *ret_error)
{
	struct node *n = env_fs.root;

	while (*path) {
		size_t len = strcspn(path, "/");
		char name[256];
		struct file f;
		int r;

		ck_assert(len > 0 && len < sizeof(name));
		memcpy(name, path, len);
		name[len] = '\0';
		path += len + (path[len] == '/');
		r = S_ISDIR(n->type) ? overlay_lookup(&env_fs, n, name, &f) : -ENOTDIR;
		env_forget(n);
		if (r < 0) {
			*ret_error = -r;
			return NULL;
		}
		n = f.node;
	}
	return n;
}

static const char *error_name(int code)
{
	static char text[64];

	snprintf(text, sizeof(text), "!%s", strerrorname_np(code));
	return text;
}

struct names {
	char **name;
	size_t n, bytes;
};

static int take_name(void *arg, const char *name, uint64_t cookie, const struct file *f)
{
	struct names *names = arg;

	ck_assert_uint_gt(cookie, 0);
	if (f->node)
		env_forget(f->node);
	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return 0;
	names->name = xreallocarray(names->name, names->n + 1, sizeof(*names->name));
	names->name[names->n++] = xstrdup(name);
	names->bytes += strlen(name) + 1;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

const char *env_ls(const char *path)
{
	static char *text;
	struct names names = {0};
	struct node *n;
	size_t at = 0;
	int error, r;

	n = env_node(path, &error);
	if (!n)
		return error_name(error);
	r = S_ISDIR(n->type) ? overlay_readdir(&env_fs, n, 0, take_name, &names) : -ENOTDIR;
	env_forget(n);
	if (names.n)
		qsort(names.name, names.n, sizeof(*names.name), by_name);
	text = xrealloc(text, names.bytes + 1);
	text[0] = '\0';
	for (size_t i = 0; i < names.n; i++) {
		at += (size_t)snprintf(text + at, names.bytes + 1 - at, "%s%s", i ? " " : "",
				       names.name[i]);
		free(names.name[i]);
	}
	free(names.name);
	return r < 0 ? error_name(-r) : text;
}

const char *env_read(const char *path)
{
	static char text[4096];
	struct backing *b;
	struct node *n;
	ssize_t len;
	int error, r;

	n = env_node(path, &error);
	if (!n)
		return error_name(error);
	r = content_open(&env_fs, n, false, &b);
	if (r == 0) {
		len = pread(b->fd, text, sizeof(text) - 1, 0);
		ck_assert_int_ge(len, 0);
		text[len] = '\0';
		content_close(b);
	}
	env_forget(n);
	return r < 0 ? error_name(-r) : text;
}

static struct node *dir_node(const char *dir)
{
	int error = 0;
	struct node *n = env_node(dir, &error);

	ck_assert_msg(n != NULL, "%s: %s", dir, strerror(error));
	return n;
}

void env_create(const char *dir, const char *name)
{
	const struct caller who = {.uid = getuid(), .gid = getgid(), .umask = 022};
	struct node *n = dir_node(dir);
	struct file f;
	int r = overlay_mknod(&env_fs, n, name, S_IFREG | 0644, 0, &who, &f);

	ck_assert_msg(r == 0, "%s: %s", name, strerror(-r));
	env_forget(f.node);
	env_forget(n);
}

void env_unlink(const char *dir, const char *name)
{
	struct node *n = dir_node(dir);
	int r = overlay_unlink(&env_fs, n, name);

	ck_assert_msg(r == 0, "%s: %s", name, strerror(-r));
	env_forget(n);
}

/* --- a layer that is on no disk */

const struct fake_xattr *fake_xattrs;
int fake_error;

static size_t size_of(const struct fake_xattr *x)
{
	return x->size == (size_t)-1 ? strlen(x->value) : x->size;
}

static ssize_t fake_getxattr(struct place *dir, const char *name, const char *key, void *value,
			     size_t size)
{
	(void)dir;
	(void)name;
	for (const struct fake_xattr *x = fake_xattrs; x && x->key; x++) {
		if (strcmp(x->key, key) != 0)
			continue;
		if (size && size < size_of(x))
			return -ERANGE;
		if (size)
			memcpy(value, x->value, size_of(x));
		return (ssize_t)size_of(x);
	}
	return -ENODATA;
}

static ssize_t fake_listxattr(struct place *dir, const char *name, char *list, size_t size)
{
	size_t at = 0;

	(void)dir;
	(void)name;
	if (!fake_xattrs)
		return -fake_error;
	for (const struct fake_xattr *x = fake_xattrs; x->key; x++) {
		size_t len = strlen(x->key) + 1;

		if (size && at + len > size)
			return -ERANGE;
		if (size)
			memcpy(list + at, x->key, len);
		at += len;
	}
	return (ssize_t)at;
}

static const struct source fake_source = {.getxattr = fake_getxattr, .listxattr = fake_listxattr};

struct place *fake_place(bool trusted, bool upper)
{
	static struct overlay o;
	static struct layer layer;
	struct place *p;

	o = (struct overlay){.config = {.trusted = trusted},
			     .prefix = trusted ? "trusted.overlay." : "user.overlay.",
			     .layers = &layer,
			     .n_layers = 1};
	ck_assert_int_eq(place_cache_init(&o.places, 1), 0);
	layer = (struct layer){
		.overlay = &o, .source = &fake_source, .upper = upper, .wh_files = !upper};
	p = place_root(&layer, -1);
	ck_assert_ptr_nonnull(p);
	return p;
}

void fake_release(struct place *p)
{
	struct overlay *o = p->layer->overlay;

	place_unref(p);
	place_cache_release(&o->places);
	fake_xattrs = NULL;
}
