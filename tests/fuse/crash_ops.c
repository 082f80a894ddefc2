/* crash_ops: the operations during which a server is killed. Each is noted, made in the next model,
 * and then for real; 0 or -errno. One that finds nothing to work on is not noted.
 */
#include "crash.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define PAGE 4096
#define ENTRIES_MAX 600

static void note(struct run *run, const char *what, const char *a, const char *b, uint64_t n)
{
	snprintf(run->text[run->ops++ % LAST_OPS], sizeof(*run->text), "%s %s %s (%" PRIu64 ")",
		 what, a, b, n);
	model_copy(run->next, run->now);
	run->has_half = false;
}

static const char *at(const struct run *run, const char *path, int which)
{
	static char full[2][FULL_MAX];

	join(full[which], run->mnt, path);
	return full[which];
}

static int outcome(long value)
{
	return value < 0 ? -errno : 0;
}

/* A random entry that is a directory or not; NULL when the dice found none. */
static struct entry *pick(struct run *run, bool dir)
{
	for (int i = 0; i < 200; i++) {
		struct entry *entry = &run->now->entries[rng_below(&run->rng, run->now->n)];

		if (run->now->inodes[entry->inode].dir == dir)
			return entry;
	}
	return NULL;
}

/* A path in some directory, at most four levels deep. */
static void pick_path(struct run *run, char *ret)
{
	const struct entry *dir = pick(run, true);
	const char *kinds[] = {"name", "sub", "new"};
	unsigned levels = 1;

	for (const char *p = dir ? dir->path : ""; *p; p++)
		levels += *p == '/';
	if (!dir || levels > 3)
		snprintf(ret, PATH_SHORT, "dir%d", (int)rng_below(&run->rng, 9));
	else
		snprintf(ret, PATH_SHORT, "%.100s/%s%d", dir->path, kinds[rng_below(&run->rng, 3)],
			 (int)rng_below(&run->rng, 22));
}

static int op_write(struct run *run)
{
	struct entry *entry = pick(run, false);
	const struct content *old;
	struct content *content;
	size_t offset, len;
	int fd, closed;
	ssize_t n;

	if (!entry)
		return 0;
	old = run->now->inodes[entry->inode].content;
	offset = rng_below(&run->rng, old->size + 1);
	len = 1 + rng_below(&run->rng, PAGE - offset % PAGE);
	note(run, "write", entry->path, "at", offset);
	content = content_new(offset + len > old->size ? offset + len : old->size);
	memcpy(content->data, old->data, old->size);
	fill(content->data + offset, len, rng_next(&run->rng));
	model_set(run->next, entry->inode, content);

	fd = open(at(run, entry->path, 0), O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = pwrite_all(fd, content->data + offset, len, (off_t)offset);
	closed = close(fd);
	return n < 0 ? (int)n : outcome(closed);
}

static int op_truncate(struct run *run)
{
	struct entry *entry = pick(run, false);
	const struct content *old;
	struct content *content;
	size_t size;

	if (!entry)
		return 0;
	old = run->now->inodes[entry->inode].content;
	size = rng_below(&run->rng, old->size + 5000);
	note(run, "truncate", entry->path, "to", size);
	content = content_new(size);
	memcpy(content->data, old->data, size < old->size ? size : old->size);
	model_set(run->next, entry->inode, content);
	return outcome(truncate(at(run, entry->path, 0), (off_t)size));
}

static int op_chmod(struct run *run)
{
	struct entry *entry = pick(run, rng_chance(&run->rng, 20));
	mode_t mode = 0700 | (mode_t)rng_below(&run->rng, 0100);

	if (!entry)
		return 0;
	note(run, "chmod", entry->path, "to", mode);
	run->next->inodes[entry->inode].mode = mode;
	return outcome(chmod(at(run, entry->path, 0), mode));
}

static int op_mark(struct run *run)
{
	struct entry *entry = pick(run, rng_chance(&run->rng, 20));
	uint64_t mark = rng_next(&run->rng);

	if (!entry)
		return 0;
	note(run, "setxattr", entry->path, "to", mark);
	run->next->inodes[entry->inode].mark = mark;
	return outcome(setxattr(at(run, entry->path, 0), "user.mark", &mark, sizeof(mark), 0));
}

/* A new file may be there without contents, and without all of its mode. */
static int op_create(struct run *run)
{
	char path[PATH_SHORT];
	size_t len = rng_below(&run->rng, PAGE + 1);
	struct content *content;
	struct inode *inode;
	int fd, closed;
	ssize_t n;

	pick_path(run, path);
	if (model_find(run->now, path) || run->now->n > ENTRIES_MAX)
		return 0;
	note(run, "create", path, "of", len);
	inode = model_add(run->next, path, false, 0640);
	model_copy(run->half, run->next);
	run->has_half = true;
	content = content_new(len);
	fill(content->data, len, rng_next(&run->rng));
	model_set(run->next, (size_t)(inode - run->next->inodes), content);

	fd = open(at(run, path, 0), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	n = pwrite_all(fd, content->data, len, 0);
	closed = close(fd);
	return n < 0 ? (int)n : outcome(closed);
}

static int op_mkdir(struct run *run)
{
	char path[PATH_SHORT];

	pick_path(run, path);
	if (model_find(run->now, path) || run->now->n > ENTRIES_MAX)
		return 0;
	note(run, "mkdir", path, "", 0);
	model_add(run->next, path, true, 0750);
	return outcome(mkdir(at(run, path, 0), 0750));
}

static int op_unlink(struct run *run)
{
	struct entry *entry = pick(run, false);

	if (!entry)
		return 0;
	note(run, "unlink", entry->path, "", 0);
	model_remove(run->next, entry->path);
	return outcome(unlink(at(run, entry->path, 0)));
}

/* How many entries are below DIR, and one of them. */
static size_t children(struct model *model, const char *dir, struct entry **ret_one)
{
	size_t n = 0, len = strlen(dir);

	for (size_t i = 0; i < model->n; i++)
		if (strncmp(model->entries[i].path, dir, len) == 0 &&
		    model->entries[i].path[len] == '/') {
			*ret_one = &model->entries[i];
			n++;
		}
	return n;
}

/* Take a file from a small directory, remove an empty one. */
static int op_clear(struct run *run)
{
	struct entry *dir = pick(run, true), *child = NULL;
	size_t n = dir ? children(run->now, dir->path, &child) : 0;

	if (!dir || n > 4)
		return 0;
	if (n == 0) {
		note(run, "rmdir", dir->path, "", 0);
		model_remove(run->next, dir->path);
		return outcome(rmdir(at(run, dir->path, 0)));
	}
	if (run->now->inodes[child->inode].dir)
		return 0;
	note(run, "unlink", child->path, "", 0);
	model_remove(run->next, child->path);
	return outcome(unlink(at(run, child->path, 0)));
}

static int op_link(struct run *run)
{
	struct entry *entry = pick(run, false);
	char path[PATH_SHORT];

	pick_path(run, path);
	if (!entry || model_find(run->now, path) || run->now->n > ENTRIES_MAX)
		return 0;
	note(run, "link", entry->path, path, 0);
	model_link(run->next, path, entry->inode);
	return outcome(link(at(run, entry->path, 0), at(run, path, 1)));
}

static bool starts(const char *path, const char *with)
{
	return strncmp(path, with, strlen(with)) == 0;
}

static int op_rename(struct run *run)
{
	bool dir = rng_chance(&run->rng, 40);
	struct entry *from = pick(run, dir), *to, *child;
	char path[PATH_SHORT];

	if (!from)
		return 0;
	pick_path(run, path);
	if (rng_chance(&run->rng, 30) && (to = pick(run, dir)) != NULL)
		memcpy(path, to->path, sizeof(path));
	to = model_find(run->now, path);
	/* into itself, onto a directory that is not empty or of another type, or onto itself: no
	 * change */
	if (starts(path, from->path) || starts(from->path, path))
		return 0;
	if (to && (run->now->inodes[to->inode].dir != dir || to->inode == from->inode ||
		   (dir && children(run->now, path, &child) > 0)))
		return 0;
	note(run, dir ? "rename directory" : "rename", from->path, path, 0);
	model_rename(run->next, from->path, path);
	return outcome(rename(at(run, from->path, 0), at(run, path, 1)));
}

static int op_exchange(struct run *run)
{
	struct entry *a = pick(run, rng_chance(&run->rng, 40)),
		     *b = pick(run, rng_chance(&run->rng, 40));

	if (!a || !b || starts(a->path, b->path) || starts(b->path, a->path))
		return 0;
	note(run, "exchange", a->path, b->path, 0);
	model_exchange(run->next, a->path, b->path);
	return outcome(syscall(SYS_renameat2, AT_FDCWD, at(run, a->path, 0), AT_FDCWD,
			       at(run, b->path, 1), RENAME_EXCHANGE));
}

int run_operation(struct run *run)
{
	static const struct {
		int (*op)(struct run *);
		unsigned weight;
	} ops[] = {
		{op_write, 18},	 {op_truncate, 8}, {op_chmod, 10},   {op_mark, 6},
		{op_create, 12}, {op_mkdir, 5},	   {op_unlink, 8},   {op_clear, 6},
		{op_link, 6},	 {op_rename, 17},  {op_exchange, 4},
	};

	unsigned dice = (unsigned)rng_below(&run->rng, 100);
	size_t i = 0;

	while (dice >= ops[i].weight)
		dice -= ops[i++].weight;
	return ops[i].op(run);
}
