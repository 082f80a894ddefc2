/* stress_names: names that several clients make, move and remove in directories they share.
 *
 * A client cannot know what the others did a moment ago, so most errors are allowed; those that say
 * that the file system itself is broken are not. A file is written once, with its own number in it,
 * when it is made: whatever name leads to it later, and after however many renames, it holds that,
 * or still nothing.
 */
#include "stress.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAMES 14
#define DIRS 8
#define RECORD 64
#define TEXT "made by stress "

/* A directory, or a directory in it, and perhaps a name in that. */
static void any_dir(struct rng *rng, const char *root, char *ret)
{
	char name[64];
	int n = (int)rng_below(rng, DIRS);

	if (rng_chance(rng, 50))
		snprintf(name, sizeof(name), "dir%d", n);
	else
		snprintf(name, sizeof(name), "dir%d/name%d", n, (int)rng_below(rng, NAMES));
	join(ret, root, name);
}

static void any_path(struct rng *rng, const char *root, char *ret)
{
	char dir[FULL_MAX], name[32];

	any_dir(rng, root, dir);
	snprintf(name, sizeof(name), "name%d", (int)rng_below(rng, NAMES));
	join(ret, dir, name);
}

/* VALUE is what a call gave. */
static void allow(struct client *client, long value, const char *what, const char *path)
{
	static const int impossible[] = {EIO,	 ENOTCONN, EFAULT, ENOMEM, EBADF, ESTALE,  ENODEV,
					 ENOSYS, EPROTO,   EINTR,  EAGAIN, EPERM, ENOTSUP, EUCLEAN};

	for (size_t i = 0; value < 0 && i < sizeof(impossible) / sizeof(*impossible); i++)
		if (errno == impossible[i])
			client_fail(client, "%s of '%s': %s", what, path, strerror(errno));
}

static void make_record(char *record, uint64_t number)
{
	memset(record, '.', RECORD);
	snprintf(record, RECORD, TEXT "%" PRIu64, number);
	record[strlen(record)] = '.';
	record[RECORD - 1] = '\n';
}

/* Whether a file's contents are those of some file that was made here. */
static bool record_good(const char *buf, ssize_t len)
{
	char record[RECORD];
	uint64_t made;

	if (len == 0)
		return true;
	if (len != RECORD || memcmp(buf, TEXT, strlen(TEXT)) != 0)
		return false;
	made = strtoull(buf + strlen(TEXT), NULL, 10);
	make_record(record, made);
	return memcmp(record, buf, RECORD) == 0;
}

static void make_lower_file(const char *path, uint64_t made)
{
	char record[RECORD];
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);

	make_record(record, made);
	if (fd < 0 || write(fd, record, RECORD) != RECORD)
		die("cannot make '%s': %s", path, strerror(errno));
	close(fd);
}

void names_make_lower(uint64_t seed, const char *dir)
{
	char path[FULL_MAX], inner[FULL_MAX], name[64];

	for (int i = 0; i < DIRS; i++) {
		snprintf(name, sizeof(name), "dir%d", i);
		join(path, dir, name);
		if (mkdir(path, 0755) < 0)
			die("cannot make '%s': %s", path, strerror(errno));
		for (int k = 0; k < NAMES / 2; k++) {
			snprintf(name, sizeof(name), "dir%d/name%d", i, k);
			join(path, dir, name);
			if (k % 3 != 0) {
				make_lower_file(path, seed + (uint64_t)(i * NAMES + k));
				continue;
			}
			join(inner, path, "name0");
			if (mkdir(path, 0755) < 0)
				die("cannot make '%s': %s", path, strerror(errno));
			make_lower_file(inner, seed + (uint64_t)(i * NAMES + k));
		}
	}
}

/* ---- operations */

static void op_create(struct client *client)
{
	char path[FULL_MAX], record[RECORD];
	int fd;

	any_path(&client->rng, client->dir, path);
	client_op(client, "create %s", path);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
	allow(client, fd, "create", path);
	if (fd < 0)
		return;
	make_record(record, rng_next(&client->rng));
	if (write(fd, record, RECORD) != RECORD)
		client_fail(client, "write of '%s': %s", path, strerror(errno));
	allow(client, close(fd), "close", path);
}

static void op_mkdir(struct client *client)
{
	char path[FULL_MAX];

	any_path(&client->rng, client->dir, path);
	if (rng_chance(&client->rng, 30))
		any_dir(&client->rng, client->dir, path);
	client_op(client, "mkdir %s", path);
	allow(client, mkdir(path, 0755), "mkdir", path);
}

static void op_remove(struct client *client)
{
	char path[FULL_MAX];
	bool dir = rng_chance(&client->rng, 30);

	any_path(&client->rng, client->dir, path);
	client_op(client, "%s %s", dir ? "rmdir" : "unlink", path);
	/* Linux says EISDIR for unlink of a directory */
	allow(client, dir ? rmdir(path) : unlink(path), dir ? "rmdir" : "unlink", path);
}

/* Sometimes a whole directory goes, while others work in it. */
static void op_remove_tree(struct client *client)
{
	char path[FULL_MAX];
	long n;

	any_dir(&client->rng, client->dir, path);
	client_op(client, "remove all of %s", path);
	n = remove_tree(path, true);
	errno = (int)-n;
	allow(client, n, "remove_tree", path);
}

static void op_rename(struct client *client)
{
	static const unsigned flags[] = {0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE};
	unsigned flag = flags[rng_below(&client->rng, 5)];
	char from[FULL_MAX], to[FULL_MAX];
	long value;

	any_path(&client->rng, client->dir, from);
	any_path(&client->rng, client->dir, to);
	if (rng_chance(&client->rng, 30)) {
		any_dir(&client->rng, client->dir, from);
		any_dir(&client->rng, client->dir, to);
	}
	client_op(client, "rename %s to %s flags %u", from, to, flag);
	value = syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flag);
	allow(client, value, "rename", from);
}

static void op_link(struct client *client)
{
	char from[FULL_MAX], to[FULL_MAX];
	long value;

	any_path(&client->rng, client->dir, from);
	any_path(&client->rng, client->dir, to);
	if (rng_chance(&client->rng, 30)) {
		client_op(client, "symlink %s", to);
		allow(client, symlink("name1/name2", to), "symlink", to);
		return;
	}
	client_op(client, "link %s to %s", from, to);
	value = link(from, to);
	/* EPERM: it is a directory */
	if (value == 0 || errno != EPERM)
		allow(client, value, "link", from);
}

static void op_chmod(struct client *client)
{
	char path[FULL_MAX];

	any_path(&client->rng, client->dir, path);
	client_op(client, "chmod %s", path);
	allow(client, chmod(path, 0700 | (mode_t)rng_below(&client->rng, 0100)), "chmod", path);
}

static void op_look(struct client *client)
{
	char path[FULL_MAX], buf[RECORD + 1];
	struct stat st;
	ssize_t n;
	int fd;

	any_path(&client->rng, client->dir, path);
	client_op(client, "look at %s", path);
	allow(client, lstat(path, &st), "lstat", path);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	allow(client, fd, "open", path);
	if (fd < 0)
		return;
	n = read(fd, buf, sizeof(buf));
	if (n < 0 && errno != EISDIR)
		client_fail(client, "read of '%s': %s", path, strerror(errno));
	/* its maker may be about to write it: nothing yet, or all */
	if (n > 0 && !record_good(buf, n))
		client_fail(client, "'%s' holds %zd bytes of something else", path, n);
	close(fd);
}

static void op_list(struct client *client)
{
	char path[FULL_MAX], child[FULL_MAX];
	struct dirent *entry;
	struct stat st;
	DIR *dir;

	any_dir(&client->rng, client->dir, path);
	client_op(client, "list %s", path);
	dir = opendir(path);
	allow(client, dir ? 0 : -1, "opendir", path);
	if (!dir)
		return;
	while (errno = 0, (entry = readdir(dir)) != NULL) {
		join(child, path, entry->d_name);
		allow(client, lstat(child, &st), "lstat", child);
	}
	allow(client, errno ? -1 : 0, "readdir", path);
	closedir(dir);
}

void names_run(struct client *client)
{
	static const struct {
		void (*op)(struct client *);
		unsigned weight;
	} ops[] = {
		{op_create, 20},     {op_mkdir, 14},  {op_remove, 12},
		{op_remove_tree, 1}, {op_rename, 20}, {op_link, 10},
		{op_chmod, 5},	     {op_look, 12},   {op_list, 6},
	};

	while (!client_done(client)) {
		unsigned at = (unsigned)rng_below(&client->rng, 100);
		size_t i = 0;

		while (at >= ops[i].weight)
			at -= ops[i++].weight;
		ops[i].op(client);
	}
}

/* ---- the verdict */

struct inode {
	ino_t ino;
	nlink_t nlink, seen;
	char *path;
};

struct verdict {
	struct inode *all;
	size_t n, room;
	long names;
	bool bad;
};

static void wrong(struct verdict *verdict, const char *path, const char *what)
{
	printf("'%s': %s\n", path, what);
	verdict->bad = true;
}

static void count_inode(struct verdict *verdict, const char *path, const struct stat *st)
{
	for (size_t i = 0; i < verdict->n; i++)
		if (verdict->all[i].ino == st->st_ino) {
			verdict->all[i].seen++;
			return;
		}
	if (verdict->n == verdict->room) {
		verdict->room = verdict->room ? verdict->room * 2 : 256;
		verdict->all = realloc(verdict->all, verdict->room * sizeof(*verdict->all));
		if (!verdict->all)
			die("out of memory");
	}
	verdict->all[verdict->n++] = (struct inode){st->st_ino, st->st_nlink, 1, strdup(path)};
}

static void verify_file(struct verdict *verdict, const char *path, const struct stat *st)
{
	char buf[RECORD + 1];
	bool shared = strstr(path, "/shared/") != NULL;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : pread_all(fd, buf, sizeof(buf), 0);

	if (n < 0)
		wrong(verdict, path, "cannot be read");
	else if (shared && !record_good(buf, n))
		wrong(verdict, path, "does not hold what any file was made with");
	else if (shared && n != st->st_size)
		wrong(verdict, path, "has another size than contents");
	if (fd >= 0)
		close(fd);
	count_inode(verdict, path, st);
}

static void verify_dir(struct verdict *verdict, const char *path);

static void verify_name(struct verdict *verdict, const char *path)
{
	char text[RECORD];
	struct stat st;

	verdict->names++;
	if (lstat(path, &st) < 0)
		wrong(verdict, path, "is listed and not there");
	else if (S_ISDIR(st.st_mode))
		verify_dir(verdict, path);
	else if (S_ISREG(st.st_mode))
		verify_file(verdict, path, &st);
	else if (S_ISLNK(st.st_mode) && readlink(path, text, sizeof(text)) != strlen("name1/name2"))
		wrong(verdict, path, "is another symlink than any that was made");
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void verify_dir(struct verdict *verdict, const char *path)
{
	char child[FULL_MAX], *names[4096];
	struct dirent *entry;
	size_t n = 0;
	DIR *dir = opendir(path);

	if (!dir) {
		wrong(verdict, path, "cannot be opened");
		return;
	}
	while (errno = 0, n < 4096 && (entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			names[n++] = strdup(entry->d_name);
	if (errno != 0)
		wrong(verdict, path, "cannot be listed");
	closedir(dir);
	qsort(names, n, sizeof(*names), by_name);
	for (size_t i = 0; i < n; i++) {
		join(child, path, names[i]);
		if (i > 0 && strcmp(names[i], names[i - 1]) == 0)
			wrong(verdict, child, "is listed twice");
		verify_name(verdict, child);
	}
	while (n > 0)
		free(names[--n]);
}

long names_verify(const char *dir)
{
	struct verdict verdict = {0};

	verify_dir(&verdict, dir);
	for (size_t i = 0; i < verdict.n; i++) {
		struct inode *inode = &verdict.all[i];

		if (inode->seen != inode->nlink) {
			printf("'%s' says it has %ju names and has %ju\n", inode->path,
			       (uintmax_t)inode->nlink, (uintmax_t)inode->seen);
			verdict.bad = true;
		}
		free(inode->path);
	}
	free(verdict.all);
	return verdict.bad ? -1 : verdict.names;
}
