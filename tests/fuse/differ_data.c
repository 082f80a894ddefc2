/* differ_data: the operations on what files contain. */
#include "differ.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const void *bytes(size_t len, uint64_t seed)
{
	static unsigned char buf[FILE_MAX];

	fill(buf, len, seed);
	return buf;
}

/* The size of what PATH leads to, as far as it has one. */
static uint64_t size_of(struct world *world, const char *path)
{
	struct stat st;

	if (stat(below(&world->roots[world->n_roots - 1], path, 0), &st) < 0)
		return 0;
	return S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

/* An offset in a file of SIZE bytes, or a little after its end. */
static uint64_t any_offset(struct world *world, uint64_t size)
{
	uint64_t room = rng_chance(&world->rng, 70) ? size : size + 10000;

	if (room > FILE_MAX)
		room = FILE_MAX;
	return rng_below(&world->rng, room + 1);
}

static bool choose_file(struct world *world, char *ret_path)
{
	return pick(world, rng_chance(&world->rng, 10) ? WANT_ANY : WANT_FILE, ret_path);
}

/* Close FD and report the first error. */
static void finish(int fd, long value, struct result *ret)
{
	int closed = close(fd);

	ret->value = value < 0 ? value : closed < 0 ? -errno : value;
}

/* ---- create: n = flags, mode, umask, length, seed */

static bool choose_create(struct world *world, struct op *op)
{
	static const int flags[] = {O_EXCL, O_EXCL, O_TRUNC, 0, O_APPEND};
	static const mode_t modes[] = {0644, 0666, 0777, 0600, 0444, 0, 02755, 04711};
	static const mode_t masks[] = {022, 0, 077, 0137};

	pick_new(world, op->a);
	op->n[0] = (uint64_t)flags[rng_below(&world->rng, 5)];
	op->n[1] = modes[rng_below(&world->rng, 8)];
	op->n[2] = masks[rng_below(&world->rng, 4)];
	op->n[3] = rng_length(&world->rng, FILE_MAX);
	op->n[4] = rng_next(&world->rng);
	if (op->n[0] == O_TRUNC && size_of(world, op->a) == 0)
		op->n[0] = 0;
	world->entries++;
	return true;
}

static void run_create(struct root *root, const struct op *op, struct result *ret)
{
	int fd;

	umask((mode_t)op->n[2]);
	fd = open(below(root, op->a, 0), O_CREAT | O_RDWR | O_NONBLOCK | O_CLOEXEC | (int)op->n[0],
		  (mode_t)op->n[1]);
	ret->value = fd < 0 ? -errno : 0;
	if (fd >= 0)
		finish(fd, pwrite_all(fd, bytes(op->n[3], op->n[4]), op->n[3], 0), ret);
}

/* ---- write: n = offset, length, seed, flags */

static bool choose_write(struct world *world, struct op *op)
{
	static const int flags[] = {0, 0, 0, O_APPEND, O_APPEND, O_TRUNC, O_NOFOLLOW};

	if (!choose_file(world, op->a))
		return false;
	op->n[0] = any_offset(world, size_of(world, op->a));
	op->n[1] = rng_length(&world->rng, 300 * 1000);
	op->n[2] = rng_next(&world->rng);
	op->n[3] = (uint64_t)flags[rng_below(&world->rng, 7)];
	if (rng_chance(&world->rng, 1))
		op->n[3] = O_DSYNC;
	if (op->n[3] == O_APPEND && size_of(world, op->a) > FILE_MAX)
		op->n[3] = O_TRUNC;
	if (op->n[3] == O_TRUNC && size_of(world, op->a) == 0)
		op->n[3] = 0;
	return true;
}

static void run_write(struct root *root, const struct op *op, struct result *ret)
{
	static char again[300 * 1000];
	int fd = open(below(root, op->a, 0), O_RDWR | O_NONBLOCK | O_CLOEXEC | (int)op->n[3]);
	ssize_t n;
	long written;

	ret->value = fd < 0 ? -errno : 0;
	if (fd < 0)
		return;
	written = pwrite_all(fd, bytes(op->n[1], op->n[2]), op->n[1], (off_t)op->n[0]);
	n = pread_all(fd, again, op->n[1], (off_t)op->n[0]);
	ret->sum = n < 0 ? (uint64_t)n : sum_add(0, again, (size_t)n);
	finish(fd, written, ret);
}

/* ---- read: n = offset, length */

static bool choose_read(struct world *world, struct op *op)
{
	if (!choose_file(world, op->a))
		return false;
	op->n[0] = any_offset(world, size_of(world, op->a));
	op->n[1] = rng_length(&world->rng, FILE_MAX);
	return true;
}

static void run_read(struct root *root, const struct op *op, struct result *ret)
{
	static char buf[FILE_MAX];
	int fd = open(below(root, op->a, 0), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t n;

	ret->value = fd < 0 ? -errno : 0;
	if (fd < 0)
		return;
	n = pread_all(fd, buf, op->n[1], (off_t)op->n[0]);
	if (n > 0)
		ret->sum = sum_add(0, buf, (size_t)n);
	finish(fd, n, ret);
}

/* ---- truncate: n = size. Never the size it has: a FUSE file system with a writeback cache does
 * not learn that this, too, sets the modification time. */

static bool choose_truncate(struct world *world, struct op *op)
{
	if (!choose_file(world, op->a))
		return false;
	op->n[0] = rng_chance(&world->rng, 60) ? any_offset(world, size_of(world, op->a))
					       : rng_length(&world->rng, FILE_MAX);
	if (op->n[0] == size_of(world, op->a))
		op->n[0]++;
	return true;
}

static void run_truncate(struct root *root, const struct op *op, struct result *ret)
{
	ret->value = outcome(truncate(below(root, op->a, 0), (off_t)op->n[0]));
}

/* ---- fallocate: n = mode, offset, length */

static bool choose_fallocate(struct world *world, struct op *op)
{
	static const int modes[] = {
		0,
		FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_ZERO_RANGE,
		FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
	};

	if (!choose_file(world, op->a))
		return false;
	op->n[0] = (uint64_t)modes[rng_below(&world->rng, 6)];
	op->n[1] = any_offset(world, size_of(world, op->a));
	op->n[2] = rng_length(&world->rng, 200 * 1000);
	return true;
}

static void run_fallocate(struct root *root, const struct op *op, struct result *ret)
{
	int fd = open(below(root, op->a, 0), O_RDWR | O_NONBLOCK | O_CLOEXEC);

	ret->value = fd < 0 ? -errno : 0;
	if (fd >= 0)
		finish(fd, outcome(fallocate(fd, (int)op->n[0], (off_t)op->n[1], (off_t)op->n[2])),
		       ret);
}

/* ---- copy_file_range: from A to B; n = offset in A, offset in B, length */

static bool choose_copy(struct world *world, struct op *op)
{
	if (!choose_file(world, op->a) || !choose_file(world, op->b))
		return false;
	op->n[0] = any_offset(world, size_of(world, op->a));
	op->n[1] = any_offset(world, size_of(world, op->b));
	op->n[2] = rng_length(&world->rng, 400 * 1000);
	return true;
}

static long copy_range(int from, int to, const struct op *op)
{
	off_t in = (off_t)op->n[0], out = (off_t)op->n[1];
	size_t done = 0;

	while (done < op->n[2]) {
		ssize_t n = copy_file_range(from, &in, to, &out, op->n[2] - done, 0);

		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (long)done;
}

static void run_copy(struct root *root, const struct op *op, struct result *ret)
{
	int from = open(below(root, op->a, 0), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int to;

	ret->value = outcome(from);
	if (from < 0)
		return;
	to = open(below(root, op->b, 1), O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (to < 0)
		ret->value = -errno;
	else
		finish(to, copy_range(from, to, op), ret);
	close(from);
}

/* ---- write through a shared mapping: n = offset, length, seed, whether msync */

static bool choose_mmap(struct world *world, struct op *op)
{
	uint64_t size;

	if (!choose_file(world, op->a))
		return false;
	size = size_of(world, op->a);
	if (size == 0)
		return false;
	op->n[0] = rng_below(&world->rng, size);
	op->n[1] = 1 + rng_below(&world->rng, rng_length(&world->rng, size - op->n[0]) + 1);
	if (op->n[1] > size - op->n[0])
		op->n[1] = size - op->n[0];
	op->n[2] = rng_next(&world->rng);
	op->n[3] = rng_chance(&world->rng, 15);
	return true;
}

static void run_mmap(struct root *root, const struct op *op, struct result *ret)
{
	int fd = open(below(root, op->a, 0), O_RDWR | O_NONBLOCK | O_CLOEXEC);
	size_t len = op->n[0] + op->n[1];
	struct stat st;
	char *map;

	ret->value = outcome(fd);
	if (fd < 0)
		return;
	/* another operation's difference would end this one with SIGBUS */
	if (fstat(fd, &st) < 0 || (size_t)st.st_size < len) {
		ret->value = -EFBIG;
		close(fd);
		return;
	}
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ret->value = map == MAP_FAILED ? -errno : 0;
	close(fd);
	if (map == MAP_FAILED)
		return;
	ret->sum = sum_add(0, map + op->n[0], op->n[1]);
	fill(map + op->n[0], op->n[1], op->n[2]);
	if (op->n[3])
		ret->value = outcome(msync(map, len, MS_SYNC));
	munmap(map, len);
}

/* ---- O_TMPFILE in A, then linked to B; n = mode, umask, length, seed, what else */

static bool choose_tmpfile(struct world *world, struct op *op)
{
	if (!choose_create(world, op))
		return false;
	memcpy(op->b, op->a, sizeof(op->b));
	if (!pick(world, WANT_DIR, op->a))
		op->a[0] = '\0';
	op->n[0] = op->n[1];
	op->n[1] = op->n[2];
	op->n[2] = op->n[3];
	op->n[3] = op->n[4];
	op->n[4] = rng_below(&world->rng, 8);
	return true;
}

static void run_tmpfile(struct root *root, const struct op *op, struct result *ret)
{
	int flags = O_TMPFILE | O_RDWR | O_CLOEXEC | (op->n[4] == 0 ? O_EXCL : 0);
	char self[64];
	struct stat st;
	long value;
	int fd;

	umask((mode_t)op->n[1]);
	fd = open(below(root, op->a, 0), flags, (mode_t)op->n[0]);
	ret->value = outcome(fd);
	if (fd < 0)
		return;
	value = pwrite_all(fd, bytes(op->n[2], op->n[3]), op->n[2], 0);
	if (fstat(fd, &st) == 0)
		ret->sum = st.st_nlink * 1000000 + st.st_mode;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (value >= 0)
		value = outcome(
			linkat(AT_FDCWD, self, AT_FDCWD, below(root, op->b, 1), AT_SYMLINK_FOLLOW));
	if (fstat(fd, &st) == 0)
		ret->sum += st.st_nlink * 1000;
	finish(fd, value, ret);
}

/* ---- fsync: n = which way
 * ----------------------------------------------------------------------------------------------------
 */

static bool choose_sync(struct world *world, struct op *op)
{
	op->n[0] = rng_below(&world->rng, 4);
	return pick(world, op->n[0] == 2 ? WANT_DIR : WANT_FILE, op->a);
}

static void run_sync(struct root *root, const struct op *op, struct result *ret)
{
	int fd = open(below(root, op->a, 0), O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	ret->value = outcome(fd);
	if (fd < 0)
		return;
	if (op->n[0] == 1)
		finish(fd, outcome(fdatasync(fd)), ret);
	else if (op->n[0] == 3)
		finish(fd, outcome(syncfs(fd)), ret);
	else
		finish(fd, outcome(fsync(fd)), ret);
}

const struct op_kind kinds_data[] = {
	{"create", 120, choose_create, run_create, false, false},
	{"write", 80, choose_write, run_write, true, false},
	{"read", 30, choose_read, run_read, true, false},
	{"truncate", 30, choose_truncate, run_truncate, true, false},
	{"fallocate", 25, choose_fallocate, run_fallocate, true, false},
	{"copy_file_range", 25, choose_copy, run_copy, true, false},
	{"mmap", 30, choose_mmap, run_mmap, true, false},
	{"tmpfile", 15, choose_tmpfile, run_tmpfile, false, false},
	{"fsync", 2, choose_sync, run_sync, true, false},
	{0},
};
