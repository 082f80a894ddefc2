/* differ_names: the operations that make, move and remove names, and those that read directories.
 */
#include "differ.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *below(const struct root *root, const char *rel, int which)
{
	static char paths[2][FULL_MAX];

	join(paths[which], root->path, rel);
	return paths[which];
}

long outcome(long value)
{
	return value < 0 ? -errno : value;
}

static const mode_t masks[] = {022, 0, 077, 027, 0177};

static uint64_t any_mask(struct world *world)
{
	return masks[rng_below(&world->rng, sizeof(masks) / sizeof(*masks))];
}

static uint64_t any_mode(struct world *world)
{
	static const mode_t modes[] = {0644, 0755,  0600,  0666,  0777, 0400,
				       0,    01777, 02755, 04755, 06711};

	return modes[rng_below(&world->rng, sizeof(modes) / sizeof(*modes))];
}

/* ---- mkdir, mknod, symlink: n = mode, umask */

static bool choose_new(struct world *world, struct op *op)
{
	pick_new(world, op->a);
	op->n[0] = any_mode(world);
	op->n[1] = any_mask(world);
	world->entries++;
	return true;
}

static void run_mkdir(struct root *root, const struct op *op, struct result *ret)
{
	umask((mode_t)op->n[1]);
	ret->value = outcome(mkdir(below(root, op->a, 0), (mode_t)op->n[0]));
}

static bool choose_mknod(struct world *world, struct op *op)
{
	choose_new(world, op);
	op->n[0] |= rng_chance(&world->rng, 70) ? S_IFIFO : S_IFSOCK;
	return true;
}

static void run_mknod(struct root *root, const struct op *op, struct result *ret)
{
	umask((mode_t)op->n[1]);
	ret->value = outcome(mknod(below(root, op->a, 0), (mode_t)op->n[0], 0));
}

/* B is the text; it never leads out of the root */
static bool choose_symlink(struct world *world, struct op *op)
{
	choose_new(world, op);
	if (rng_chance(&world->rng, 10))
		snprintf(op->b, sizeof(op->b), "/no such file/%s", pick_name(&world->rng));
	else if (rng_chance(&world->rng, 50))
		snprintf(op->b, sizeof(op->b), "%s", pick_name(&world->rng));
	else
		snprintf(op->b, sizeof(op->b), "%s/%s", pick_name(&world->rng),
			 pick_name(&world->rng));
	return true;
}

static void run_symlink(struct root *root, const struct op *op, struct result *ret)
{
	ret->value = outcome(symlink(op->b, below(root, op->a, 0)));
}

/* ---- link: from A to B; n = flags */

/* The kernel's overlay in a user namespace keeps two inodes for two names of a file that was copied
 * up, and what one learns of sizes and modes the other does not. There, only a file that has two
 * names from its birth gets more. */
static bool can_link(const struct world *world, const char *path)
{
	struct stat st;

	return !world->tolerate ||
	       lstat(below(&world->roots[world->n_roots - 1], path, 0), &st) < 0 ||
	       S_ISDIR(st.st_mode) || st.st_nlink > 1;
}

static bool choose_link(struct world *world, struct op *op)
{
	if (!pick(world, rng_chance(&world->rng, 5) ? WANT_ANY : WANT_NONDIR, op->a) ||
	    !can_link(world, op->a))
		return false;
	pick_new(world, op->b);
	op->n[0] = rng_chance(&world->rng, 20) ? AT_SYMLINK_FOLLOW : 0;
	world->entries++;
	return true;
}

static void run_link(struct root *root, const struct op *op, struct result *ret)
{
	ret->value = outcome(linkat(AT_FDCWD, below(root, op->a, 0), AT_FDCWD,
				    below(root, op->b, 1), (int)op->n[0]));
}

/* A new file with two names. */
static bool choose_twins(struct world *world, struct op *op)
{
	choose_new(world, op);
	pick_new(world, op->b);
	return true;
}

static void run_twins(struct root *root, const struct op *op, struct result *ret)
{
	const char *path = below(root, op->a, 0);
	int fd;

	umask((mode_t)op->n[1]);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, (mode_t)op->n[0]);
	ret->value = outcome(fd);
	if (fd < 0)
		return;
	close(fd);
	ret->value = outcome(link(path, below(root, op->b, 1)));
}

/* ---- unlink, rmdir */

static bool choose_unlink(struct world *world, struct op *op)
{
	world->entries--;
	return pick(world, rng_chance(&world->rng, 4) ? WANT_ANY : WANT_NONDIR, op->a);
}

static void run_unlink(struct root *root, const struct op *op, struct result *ret)
{
	ret->value = outcome(unlink(below(root, op->a, 0)));
}

static bool choose_rmdir(struct world *world, struct op *op)
{
	return pick(world, rng_chance(&world->rng, 4) ? WANT_ANY : WANT_DIR, op->a);
}

static void run_rmdir(struct root *root, const struct op *op, struct result *ret)
{
	ret->value = outcome(rmdir(below(root, op->a, 0)));
}

static void run_remove_tree(struct root *root, const struct op *op, struct result *ret)
{
	ret->value = remove_tree(below(root, op->a, 0), true);
}

/* ---- rename: from A to B; n = flags */

static bool choose_rename(struct world *world, struct op *op)
{
	unsigned want = rng_chance(&world->rng, 50) ? WANT_DIR : WANT_NONDIR;
	unsigned dice = (unsigned)rng_below(&world->rng, 100);

	if (!pick(world, want, op->a))
		return false;
	if (rng_chance(&world->rng, 10))
		want = WANT_ANY;
	if (dice < 20)
		op->n[0] = RENAME_EXCHANGE;
	else if (dice < 30)
		op->n[0] = RENAME_NOREPLACE;
	if (op->n[0] == RENAME_EXCHANGE || rng_chance(&world->rng, 40))
		return pick(world, want, op->b);
	pick_new(world, op->b);
	return true;
}

static void run_rename(struct root *root, const struct op *op, struct result *ret)
{
	ret->value = outcome(syscall(SYS_renameat2, AT_FDCWD, below(root, op->a, 0), AT_FDCWD,
				     below(root, op->b, 1), (unsigned)op->n[0]));
}

/* ---- directories */

static bool choose_readdir(struct world *world, struct op *op)
{
	return pick(world, rng_chance(&world->rng, 5) ? WANT_ANY : WANT_DIR, op->a);
}

static void run_readdir(struct root *root, const struct op *op, struct result *ret)
{
	struct names names;

	names_read(&names, below(root, op->a, 0));
	ret->value = names.error ? -names.error : (long)names.n;
	ret->sum = names_sum(&names);
	names_release(&names);
}

struct linux_dirent64 {
	uint64_t ino;
	int64_t offset;
	unsigned short len;
	unsigned char type;
	char name[];
};

/* Which names go is decided by the name alone: the order of names is the file system's own. */
static void take_names(int fd, const char *buf, long len, uint64_t seed, struct result *ret)
{
	for (long at = 0; at < len;) {
		const struct linux_dirent64 *entry = (const void *)(buf + at);
		uint64_t sum = sum_add(seed, entry->name, strlen(entry->name));

		at += entry->len;
		ret->value++;
		ret->sum += sum;
		if (entry->type != DT_DIR && sum % 4 == 0)
			ret->sum += (uint64_t)(unlinkat(fd, entry->name, 0) < 0 ? errno : 0);
	}
}

/* Read a directory in small portions and remove some of what came. Each name that stays, or was not
 * yet read when it went, comes exactly once: the sum over all names does not depend on their order.
 */
static void run_readdir_unlink(struct root *root, const struct op *op, struct result *ret)
{
	_Alignas(8) char buf[640];
	int fd = open(below(root, op->a, 0), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	long n;

	ret->value = fd < 0 ? -errno : 0;
	if (fd < 0)
		return;
	while ((n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0)
		take_names(fd, buf, n, op->n[0], ret);
	if (n < 0)
		ret->value = -errno;
	close(fd);
}

static bool choose_readdir_unlink(struct world *world, struct op *op)
{
	op->n[0] = rng_next(&world->rng);
	return pick(world, WANT_DIR, op->a);
}

const struct op_kind kinds_names[] = {
	{"mkdir", 60, choose_new, run_mkdir, false, false},
	{"mknod", 12, choose_mknod, run_mknod, false, false},
	{"symlink", 20, choose_symlink, run_symlink, false, false},
	{"link", 35, choose_link, run_link, true, false},
	{"twins", 10, choose_twins, run_twins, false, false},
	{"unlink", 50, choose_unlink, run_unlink, false, true},
	{"rmdir", 30, choose_rmdir, run_rmdir, false, true},
	{"remove tree", 6, choose_rmdir, run_remove_tree, false, true},
	{"rename", 130, choose_rename, run_rename, false, false},
	{"readdir", 25, choose_readdir, run_readdir, true, false},
	{"readdir+unlink", 3, choose_readdir_unlink, run_readdir_unlink, true, true},
	{0},
};
