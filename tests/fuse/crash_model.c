/* crash_model: a tree as it should be, and whether one is. */
#include "crash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define BIG (2 * 1024 * 1024)

struct content *content_new(size_t size)
{
	struct content *content = calloc(1, sizeof(*content) + size);

	if (!content)
		die("out of memory");
	content->refs = 1;
	content->size = size;
	return content;
}

void content_drop(struct content *content)
{
	if (content && --content->refs == 0)
		free(content);
}

/* ---- the lower layer */

static void make_file(struct rng *rng, const char *path, size_t size)
{
	struct content *content = content_new(size);
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);

	fill(content->data, size, rng_next(rng));
	if (fd < 0 || pwrite_all(fd, content->data, size, 0) != (ssize_t)size)
		die("cannot make '%s': %s", path, strerror(errno));
	close(fd);
	content_drop(content);
}

static void make_dir(struct rng *rng, const char *dir, int files)
{
	char path[FULL_MAX], twin[FULL_MAX], name[32];

	if (mkdir(dir, 0755) < 0)
		die("cannot make '%s': %s", dir, strerror(errno));
	for (int i = 0; i < files; i++) {
		bool big = rng_chance(rng, 12);

		snprintf(name, sizeof(name), "name%d", i);
		join(path, dir, name);
		make_file(rng, path, big ? BIG - rng_below(rng, BIG / 2) : rng_length(rng, 100000));
		if (!rng_chance(rng, 6))
			continue;
		snprintf(name, sizeof(name), "twin%d", i);
		join(twin, dir, name);
		if (link(path, twin) < 0)
			die("cannot link '%s': %s", twin, strerror(errno));
	}
}

void model_make_lower(uint64_t seed, const char *dir)
{
	char path[FULL_MAX], sub[FULL_MAX], name[32];
	struct rng rng;

	umask(022);
	rng_init(&rng, seed);
	for (int i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "dir%d", i);
		join(path, dir, name);
		make_dir(&rng, path, 20);
		for (int k = 0; k < 4; k++) {
			snprintf(name, sizeof(name), "sub%d", k);
			join(sub, path, name);
			make_dir(&rng, sub, k);
		}
	}
}

/* ---- models */

void model_copy(struct model *to, const struct model *from)
{
	model_clear(to);
	to->n = from->n;
	memcpy(to->entries, from->entries, from->n * sizeof(*from->entries));
	to->n_inodes = from->n_inodes;
	memcpy(to->inodes, from->inodes, from->n_inodes * sizeof(*from->inodes));
	for (size_t i = 0; i < to->n_inodes; i++)
		if (to->inodes[i].content)
			to->inodes[i].content->refs++;
}

void model_clear(struct model *model)
{
	for (size_t i = 0; i < model->n_inodes; i++)
		content_drop(model->inodes[i].content);
	model->n = model->n_inodes = 0;
}

struct entry *model_find(struct model *model, const char *path)
{
	for (size_t i = 0; i < model->n; i++)
		if (strcmp(model->entries[i].path, path) == 0)
			return &model->entries[i];
	return NULL;
}

void model_link(struct model *model, const char *path, size_t inode)
{
	struct entry *entry = &model->entries[model->n++];

	if (model->n == ENTRIES_ROOM || strlen(path) >= PATH_SHORT)
		die("the model has no room for '%s'", path);
	memcpy(entry->path, path, strlen(path) + 1);
	entry->inode = inode;
	model->inodes[inode].names++;
}

/* A place of an inode without names is used again. */
struct inode *model_add(struct model *model, const char *path, bool dir, mode_t mode)
{
	size_t at = 0;

	while (at < model->n_inodes && model->inodes[at].names > 0)
		at++;
	if (at == ENTRIES_ROOM)
		die("the model has no room for '%s'", path);
	if (at == model->n_inodes)
		model->n_inodes++;
	else
		content_drop(model->inodes[at].content);
	model->inodes[at] = (struct inode){.dir = dir, .mode = mode};
	if (!dir)
		model->inodes[at].content = content_new(0);
	model_link(model, path, at);
	return &model->inodes[at];
}

void model_remove(struct model *model, const char *path)
{
	struct entry *entry = model_find(model, path);

	if (!entry)
		die("the model has no '%s'", path);
	model->inodes[entry->inode].names--;
	*entry = model->entries[--model->n];
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static void move_prefix(struct model *model, const char *from, const char *to)
{
	char path[2 * PATH_SHORT];

	for (size_t i = 0; i < model->n; i++) {
		struct entry *entry = &model->entries[i];

		if (!is_below(entry->path, from))
			continue;
		snprintf(path, sizeof(path), "%s%s", to, entry->path + strlen(from));
		if (strlen(path) >= PATH_SHORT)
			die("a path of the model is too long: %s", path);
		memcpy(entry->path, path, strlen(path) + 1);
	}
}

void model_rename(struct model *model, const char *from, const char *to)
{
	if (model_find(model, to))
		model_remove(model, to);
	move_prefix(model, from, to);
}

void model_exchange(struct model *model, const char *a, const char *b)
{
	move_prefix(model, a, "\1");
	move_prefix(model, b, a);
	move_prefix(model, "\1", b);
}

void model_set(struct model *model, size_t inode, struct content *content)
{
	content_drop(model->inodes[inode].content);
	model->inodes[inode].content = content;
}

/* ---- reading a tree */

/* What WALK() calls for each object; false to end. */
typedef bool visit(void *arg, const char *path, const char *full, const struct stat *st);

static bool walk(const char *root, const char *below, visit *visit_one, void *arg)
{
	char dir[FULL_MAX], full[FULL_MAX], path[FULL_MAX];
	struct dirent *entry;
	bool good = true;
	struct stat st;
	DIR *open_dir;

	join(dir, root, below);
	open_dir = opendir(dir);
	if (!open_dir)
		return false;
	while (good && (errno = 0, entry = readdir(open_dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		join(full, dir, entry->d_name);
		if (*below)
			join(path, below, entry->d_name);
		else
			snprintf(path, sizeof(path), "%s", entry->d_name);
		good = lstat(full, &st) == 0 && visit_one(arg, path, full, &st);
		if (good && S_ISDIR(st.st_mode))
			good = walk(root, path, visit_one, arg);
	}
	good = good && errno == 0;
	closedir(open_dir);
	return good;
}

static struct content *read_content(const char *full, size_t size)
{
	struct content *content = content_new(size);
	int fd = open(full, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : pread_all(fd, content->data, size, 0);

	if (fd >= 0)
		close(fd);
	if (n == (ssize_t)size)
		return content;
	content_drop(content);
	return NULL;
}

struct reading {
	struct model *model;
	ino_t inos[ENTRIES_ROOM]; /* of the model's inodes */
};

static bool read_one(void *arg, const char *path, const char *full, const struct stat *st)
{
	struct reading *reading = arg;
	struct inode *inode;

	for (size_t i = 0; i < reading->model->n_inodes; i++)
		if (reading->inos[i] == st->st_ino) {
			model_link(reading->model, path, i);
			return true;
		}
	inode = model_add(reading->model, path, S_ISDIR(st->st_mode), st->st_mode & 07777);
	reading->inos[inode - reading->model->inodes] = st->st_ino;
	if (inode->dir)
		return true;
	content_drop(inode->content);
	inode->content = read_content(full, (size_t)st->st_size);
	return inode->content != NULL;
}

void model_read(struct model *model, const char *dir)
{
	static struct reading reading;

	reading.model = model;
	if (!walk(dir, "", read_one, &reading))
		die("cannot read '%s'", dir);
}

/* ---- comparing */

struct comparing {
	struct model *model;
	size_t seen;
	ino_t inos[ENTRIES_ROOM]; /* of the model's inodes, 0 when not seen yet */
	char *why;
	size_t size;
};

static bool other(struct comparing *comparing, const char *path, const char *what)
{
	snprintf(comparing->why, comparing->size, "'%s' %s", path, what);
	return false;
}

static bool same_file(struct comparing *comparing, const char *path, const char *full,
		      const struct stat *st, const struct inode *want)
{
	struct content *got;
	size_t at = 0;

	if (st->st_nlink != want->names) {
		snprintf(comparing->why, comparing->size, "'%s' says it has %ju names, not %u",
			 path, (uintmax_t)st->st_nlink, want->names);
		return false;
	}
	if ((size_t)st->st_size != want->content->size) {
		snprintf(comparing->why, comparing->size, "'%s' has %jd bytes, not %zu", path,
			 (intmax_t)st->st_size, want->content->size);
		return false;
	}
	got = read_content(full, want->content->size);
	if (!got)
		return other(comparing, path, "cannot be read");
	while (at < got->size && got->data[at] == want->content->data[at])
		at++;
	if (at < got->size)
		snprintf(comparing->why, comparing->size, "'%s' holds %02x at %zu of %zu, not %02x",
			 path, got->data[at], at, got->size, want->content->data[at]);
	content_drop(got);
	return at == want->content->size;
}

static bool compare_one(void *arg, const char *path, const char *full, const struct stat *st)
{
	struct comparing *comparing = arg;
	struct entry *entry = model_find(comparing->model, path);
	const struct inode *want;
	uint64_t mark = 0;
	ino_t *ino;

	if (!entry)
		return other(comparing, path, "should not be there");
	comparing->seen++;
	want = &comparing->model->inodes[entry->inode];
	ino = &comparing->inos[entry->inode];
	if (want->dir != S_ISDIR(st->st_mode))
		return other(comparing, path, "has another type");
	if ((st->st_mode & 07777) != want->mode)
		return other(comparing, path, "has another mode");
	if (*ino != 0 && *ino != st->st_ino)
		return other(comparing, path, "is another inode than its other name");
	*ino = st->st_ino;
	if (getxattr(full, "user.mark", &mark, sizeof(mark)) < 0 && errno != ENODATA)
		return other(comparing, path, "does not give its attributes");
	if (mark != want->mark)
		return other(comparing, path, "has another extended attribute");
	return want->dir || same_file(comparing, path, full, st, want);
}

bool model_same(struct model *model, const char *dir, char *why, size_t size)
{
	static struct comparing comparing;

	comparing = (struct comparing){.model = model, .why = why, .size = size};
	snprintf(why, size, "reading the tree: ");
	if (!walk(dir, "", compare_one, &comparing)) {
		if (strcmp(why, "reading the tree: ") == 0)
			snprintf(why, size, "reading the tree: %s", strerror(errno));
		return false;
	}
	if (comparing.seen == model->n)
		return true;
	for (size_t i = 0; i < model->n; i++) {
		char full[FULL_MAX];
		struct stat st;

		join(full, dir, model->entries[i].path);
		if (lstat(full, &st) < 0)
			return other(&comparing, model->entries[i].path, "is gone");
	}
	snprintf(why, size, "%zu names are listed, and there are %zu", comparing.seen, model->n);
	return false;
}
