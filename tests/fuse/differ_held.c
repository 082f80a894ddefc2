/* differ_held: files and directories that stay open over many operations, whatever becomes of their
 * names. */
#include "differ.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define PAGE 4096

static void drop(struct root *root, int slot)
{
	if (root->map[slot])
		munmap(root->map[slot], PAGE);
	if (root->held[slot] >= 0)
		close(root->held[slot]);
	root->map[slot] = NULL;
	root->held[slot] = -1;
}

static void hold(struct root *root, const struct op *op, int fd, bool map, struct result *ret)
{
	struct stat st;

	ret->value = fd < 0 ? -errno : 0;
	drop(root, op->slot);
	root->held[op->slot] = fd;
	if (fd < 0 || !map || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
		return;
	root->map[op->slot] =
		mmap(NULL, PAGE, op->n[0] == O_RDONLY ? PROT_READ : PROT_READ | PROT_WRITE,
		     MAP_SHARED, fd, 0);
	if (root->map[op->slot] == MAP_FAILED) {
		root->map[op->slot] = NULL;
		ret->value = -errno;
	}
}

/* ---- hold: n = flags, whether a page of it is mapped, whether it is unlinked at once */

static bool choose_hold(struct world *world, struct op *op)
{
	bool write = rng_chance(&world->rng, 60);

	op->slot = (int)rng_below(&world->rng, HELD_MAX);
	op->n[0] = write ? O_RDWR : O_RDONLY;
	/* the kernel's overlay says itself that a mapping made before a copy-up does not follow it
	 */
	op->n[1] = rng_chance(&world->rng, 50) && (write || !world->tolerate);
	op->n[2] = rng_chance(&world->rng, 40);
	if (!pick(world, WANT_FILE, op->a))
		return false;
	world->held[op->slot] = write ? HELD_WRITE : HELD_READ;
	return true;
}

static void run_hold(struct root *root, const struct op *op, struct result *ret)
{
	const char *path = below(root, op->a, 0);
	int fd = open(path, (int)op->n[0] | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	hold(root, op, fd, op->n[1], ret);
	if (op->n[2] && ret->value == 0)
		ret->value = outcome(unlink(path));
}

static bool choose_hold_dir(struct world *world, struct op *op)
{
	op->slot = (int)rng_below(&world->rng, HELD_MAX);
	op->n[2] = rng_chance(&world->rng, 20);
	if (!pick(world, WANT_DIR, op->a))
		return false;
	world->held[op->slot] = HELD_DIR;
	return true;
}

static void run_hold_dir(struct root *root, const struct op *op, struct result *ret)
{
	const char *path = below(root, op->a, 0);

	hold(root, op, open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), false, ret);
	if (op->n[2] && ret->value == 0)
		ret->sum = (uint64_t)remove_tree(path, true);
}

static bool choose_hold_tmpfile(struct world *world, struct op *op)
{
	op->slot = (int)rng_below(&world->rng, HELD_MAX);
	if (!pick(world, WANT_DIR, op->a))
		op->a[0] = '\0';
	world->held[op->slot] = HELD_WRITE;
	return true;
}

static void run_hold_tmpfile(struct root *root, const struct op *op, struct result *ret)
{
	hold(root, op, open(below(root, op->a, 0), O_TMPFILE | O_RDWR | O_CLOEXEC, 0640), false,
	     ret);
}

/* ---- what is done with a held one */

static bool choose_slot(struct world *world, struct op *op, enum held_kind least,
			enum held_kind most)
{
	for (int i = 0; i < 2 * HELD_MAX; i++) {
		int slot = (int)rng_below(&world->rng, HELD_MAX);

		if (world->held[slot] >= least && world->held[slot] <= most &&
		    world->roots[world->n_roots - 1].held[slot] >= 0) {
			op->slot = slot;
			return true;
		}
	}
	return false;
}

static bool choose_held(struct world *world, struct op *op)
{
	op->n[0] = rng_below(&world->rng, 8);
	op->n[1] = rng_below(&world->rng, 20000);
	op->n[2] = rng_length(&world->rng, 100 * 1000);
	op->n[3] = rng_next(&world->rng);
	return choose_slot(world, op, HELD_READ, HELD_DIR);
}

static bool choose_held_file(struct world *world, struct op *op)
{
	choose_held(world, op);
	return choose_slot(world, op, HELD_READ, HELD_WRITE);
}

static bool choose_held_written(struct world *world, struct op *op)
{
	choose_held(world, op);
	return choose_slot(world, op, HELD_WRITE, HELD_WRITE);
}

static bool choose_held_dir(struct world *world, struct op *op)
{
	choose_held(world, op);
	snprintf(op->b, sizeof(op->b), "%s", pick_name(&world->rng));
	return choose_slot(world, op, HELD_DIR, HELD_DIR);
}

static bool choose_held_link(struct world *world, struct op *op)
{
	struct stat st;

	pick_new(world, op->b);
	if (!choose_slot(world, op, HELD_READ, HELD_WRITE))
		return false;
	/* see can_link() in differ_names.c */
	return !world->tolerate ||
	       (fstat(world->roots[world->n_roots - 1].held[op->slot], &st) == 0 &&
		st.st_nlink != 1);
}

static void run_held_write(struct root *root, const struct op *op, struct result *ret)
{
	int fd = root->held[op->slot];

	switch (op->n[0]) {
	case 0:
		ret->value = outcome(ftruncate(fd, (off_t)op->n[2]));
		break;
	case 1:
		ret->value = outcome(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					       (off_t)op->n[1], (off_t)op->n[2]));
		break;
	default:
		ret->value = pwrite_all(fd, bytes(op->n[2], op->n[3]), op->n[2], (off_t)op->n[1]);
	}
}

static void run_held_read(struct root *root, const struct op *op, struct result *ret)
{
	static char buf[100 * 1000];

	ret->value = pread_all(root->held[op->slot], buf, op->n[2], (off_t)op->n[1]);
	if (ret->value > 0)
		ret->sum = sum_add(0, buf, (size_t)ret->value);
}

static void run_held_attr(struct root *root, const struct op *op, struct result *ret)
{
	struct timespec time = {.tv_sec = (time_t)(op->n[1] * 1000), .tv_nsec = 5};
	struct timespec times[2] = {time, time};
	int fd = root->held[op->slot];

	switch (op->n[0] / 2) {
	case 0:
		ret->value = outcome(fchmod(fd, 0700 | (mode_t)(op->n[3] % 01000)));
		break;
	case 1:
		ret->value = outcome(futimens(fd, times));
		break;
	case 2:
		ret->value = outcome(fsetxattr(fd, "user.held", &op->n[3], 8, 0));
		break;
	default:
		ret->value = outcome(fchown(fd, 0, (gid_t)-1));
	}
}

/* Through the mapped page: read it, or write to it too. When that sets the modification time
 * depends on when the page was last written back, so the time is set at once. */
static void run_held_map(struct root *root, const struct op *op, struct result *ret)
{
	struct timespec time = {.tv_sec = (time_t)(op->n[1] * 1000), .tv_nsec = 7};
	struct timespec times[2] = {time, time};
	char *map = root->map[op->slot];
	struct stat st;
	size_t len;
	int flags = fcntl(root->held[op->slot], F_GETFL);

	if (!map || fstat(root->held[op->slot], &st) < 0)
		return;
	len = st.st_size < PAGE ? (size_t)st.st_size : PAGE;
	ret->sum = sum_add(0, map, len);
	ret->value = (long)len;
	if ((flags & O_ACCMODE) != O_RDWR || op->n[0] < 4)
		return;
	fill(map, len, op->n[3]);
	if (op->n[0] == 4)
		ret->value = outcome(msync(map, PAGE, MS_SYNC));
	if (ret->value >= 0)
		ret->value = outcome(futimens(root->held[op->slot], times));
}

static void run_held_link(struct root *root, const struct op *op, struct result *ret)
{
	char self[64];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", root->held[op->slot]);
	ret->value =
		outcome(linkat(AT_FDCWD, self, AT_FDCWD, below(root, op->b, 0), AT_SYMLINK_FOLLOW));
}

/* B is one name in the held directory. */
static void run_held_dir(struct root *root, const struct op *op, struct result *ret)
{
	int fd = root->held[op->slot];
	struct names names;
	struct stat st;
	int file;

	umask(022);
	switch (op->n[0]) {
	case 0:
		ret->value = outcome(mkdirat(fd, op->b, 0755));
		break;
	case 1:
		file = openat(fd, op->b, O_CREAT | O_WRONLY | O_NONBLOCK | O_CLOEXEC, 0644);
		ret->value = file < 0 ? -errno : 0;
		if (file >= 0)
			close(file);
		break;
	case 2:
		ret->value = outcome(unlinkat(fd, op->b, 0));
		break;
	case 3:
		ret->value = outcome(unlinkat(fd, op->b, AT_REMOVEDIR));
		break;
	case 4:
		ret->value = outcome(fstatat(fd, op->b, &st, AT_SYMLINK_NOFOLLOW));
		break;
	default:
		names_read_fd(&names, fd);
		ret->value = names.error ? -names.error : (long)names.n;
		ret->sum = names_sum(&names);
		names_release(&names);
	}
}

static void run_held_close(struct root *root, const struct op *op, struct result *ret)
{
	drop(root, op->slot);
	ret->value = 0;
}

const struct op_kind kinds_held[] = {
	{"hold", 25, choose_hold, run_hold, true, true},
	{"hold dir", 8, choose_hold_dir, run_hold_dir, true, true},
	{"hold tmpfile", 4, choose_hold_tmpfile, run_hold_tmpfile, true, false},
	{"held write", 30, choose_held_written, run_held_write, false, false},
	{"held read", 10, choose_held_file, run_held_read, false, false},
	{"held attr", 15, choose_held, run_held_attr, false, false},
	{"held map", 20, choose_held_file, run_held_map, false, false},
	{"held link", 5, choose_held_link, run_held_link, false, false},
	{"held dir", 20, choose_held_dir, run_held_dir, false, false},
	{"held close", 6, choose_held, run_held_close, false, false},
	{0},
};
