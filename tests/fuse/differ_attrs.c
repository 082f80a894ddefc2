/* differ_attrs: the operations on what inodes carry beside contents, and those that only look. */
#include "differ.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* ---- chmod: n = mode */

static bool choose_chmod(struct world *world, struct op *op)
{
	op->n[0] = rng_chance(&world->rng, 60) ? 0700 | rng_below(&world->rng, 0100)
					       : rng_below(&world->rng, 010000);
	return pick(world, WANT_ANY, op->a);
}

static void run_chmod(struct root *root, const struct op *op, struct result *ret)
{
	ret->value = outcome(chmod(below(root, op->a, 0), (mode_t)op->n[0]));
}

/* ---- chown: n = uid, gid, whether a symlink is followed */

static uint64_t any_id(struct world *world)
{
	return rng_chance(&world->rng, 20) ? (uint64_t)-1 : rng_below(&world->rng, world->ids);
}

static bool choose_chown(struct world *world, struct op *op)
{
	op->n[0] = any_id(world);
	op->n[1] = any_id(world);
	op->n[2] = rng_below(&world->rng, 2);
	return pick(world, WANT_ANY, op->a);
}

static void run_chown(struct root *root, const struct op *op, struct result *ret)
{
	ret->value = outcome(fchownat(AT_FDCWD, below(root, op->a, 0), (uid_t)op->n[0],
				      (gid_t)op->n[1], op->n[2] ? 0 : AT_SYMLINK_NOFOLLOW));
}

/* ---- utimens: n = seconds, nanoseconds, or nanoseconds UTIME_OMIT or UTIME_NOW */

static bool choose_utimens(struct world *world, struct op *op)
{
	op->n[0] = rng_below(&world->rng, TIME_SET_BEFORE);
	op->n[1] = rng_below(&world->rng, 1000000000);
	if (rng_chance(&world->rng, 20))
		op->n[1] = rng_chance(&world->rng, 50) ? UTIME_OMIT : UTIME_NOW;
	return pick(world, WANT_ANY, op->a);
}

static void run_utimens(struct root *root, const struct op *op, struct result *ret)
{
	struct timespec time = {.tv_sec = (time_t)op->n[0], .tv_nsec = (long)op->n[1]};
	struct timespec times[2] = {time, time};

	ret->value =
		outcome(utimensat(AT_FDCWD, below(root, op->a, 0), times, AT_SYMLINK_NOFOLLOW));
}

/* ---- setxattr: n = which name, length, seed, flags; removexattr: n = which name */

static const char *xattr_name(uint64_t which)
{
	static const char *const names[] = {"user.a", "user.b", "user.Long.name.with.dots",
					    "user.overlaid", "other.x"};

	return names[which];
}

static bool choose_setxattr(struct world *world, struct op *op)
{
	op->n[0] = rng_below(&world->rng, rng_chance(&world->rng, 95) ? 4 : 5);
	op->n[1] = rng_below(&world->rng, 60);
	op->n[2] = rng_next(&world->rng);
	op->n[3] = rng_chance(&world->rng, 60) ? 0 : 1 + rng_below(&world->rng, 2);
	return pick(world, WANT_ANY, op->a);
}

static void run_setxattr(struct root *root, const struct op *op, struct result *ret)
{
	ret->value = outcome(lsetxattr(below(root, op->a, 0), xattr_name(op->n[0]),
				       bytes(op->n[1], op->n[2]), op->n[1], (int)op->n[3]));
}

static void run_removexattr(struct root *root, const struct op *op, struct result *ret)
{
	ret->value = outcome(lremovexattr(below(root, op->a, 0), xattr_name(op->n[0])));
}

/* Sizes asked for first, then a buffer that may be too small. */
static void run_getxattr(struct root *root, const struct op *op, struct result *ret)
{
	const char *path = below(root, op->a, 0);
	char buf[8192];
	long size = outcome(lgetxattr(path, xattr_name(op->n[0]), NULL, 0));

	ret->value = outcome(lgetxattr(path, xattr_name(op->n[0]), buf, op->n[1] + 1));
	if (ret->value > 0)
		ret->sum = sum_add(0, buf, (size_t)ret->value);
	ret->sum = sum_add(ret->sum, &size, sizeof(size));
}

/* ---- ACLs: n = which, the group's permissions, the mask's; as the kernel takes them in the xattr
 */

static bool choose_acl(struct world *world, struct op *op)
{
	op->n[0] = rng_below(&world->rng, 3);
	op->n[1] = rng_below(&world->rng, 8);
	op->n[2] = rng_below(&world->rng, 8);
	if (!pick(world, op->n[0] == 1 ? WANT_DIR : WANT_DIR | WANT_FILE, op->a))
		return false;
	/* file systems do not agree whether there must be one to remove */
	return op->n[0] != 2 || getxattr(below(&world->roots[world->n_roots - 1], op->a, 0),
					 "system.posix_acl_access", NULL, 0) > 0;
}

static void run_acl(struct root *root, const struct op *op, struct result *ret)
{
	const struct {
		uint32_t version;
		struct {
			uint16_t tag, perm;
			uint32_t id;
		} entries[5];
	} acl = {
		2,
		{
			{0x01, 6, UINT32_MAX},			/* the owner */
			{0x04, (uint16_t)op->n[1], UINT32_MAX}, /* the group */
			{0x08, 5, 0},				/* group 0 by name */
			{0x10, (uint16_t)op->n[2], UINT32_MAX}, /* the mask */
			{0x20, 4, UINT32_MAX},			/* others */
		},
	};
	const char *path = below(root, op->a, 0);

	if (op->n[0] == 2)
		ret->value = outcome(removexattr(path, "system.posix_acl_access"));
	else
		ret->value = outcome(setxattr(
			path, op->n[0] ? "system.posix_acl_default" : "system.posix_acl_access",
			&acl, sizeof(acl), 0));
}

/* ---- looks: n = how
 * ---------------------------------------------------------------------------------------------------
 */

static bool choose_any(struct world *world, struct op *op)
{
	op->n[0] = rng_below(&world->rng, 8);
	return pick(world, WANT_ANY, op->a);
}

static bool choose_readlink(struct world *world, struct op *op)
{
	return pick(world, rng_chance(&world->rng, 90) ? WANT_LINK : WANT_ANY, op->a);
}

static void run_readlink(struct root *root, const struct op *op, struct result *ret)
{
	char text[FULL_MAX];

	ret->value = outcome(readlink(below(root, op->a, 0), text, sizeof(text)));
	if (ret->value > 0)
		ret->sum = sum_add(0, text, (size_t)ret->value);
}

static void run_stat(struct root *root, const struct op *op, struct result *ret)
{
	struct stat st;

	ret->value = outcome(stat(below(root, op->a, 0), &st));
	if (ret->value == 0 && !S_ISDIR(st.st_mode))
		ret->sum = (uint64_t)st.st_size * 1000 + st.st_nlink;
	if (ret->value == 0)
		ret->sum = ret->sum * 100000 + st.st_mode;
}

static void run_access(struct root *root, const struct op *op, struct result *ret)
{
	ret->value = outcome(access(below(root, op->a, 0), (int)op->n[0]));
}

/* Opened in odd ways: what it is decides. */
static void run_open(struct root *root, const struct op *op, struct result *ret)
{
	static const int flags[] = {
		O_RDONLY | O_DIRECTORY,
		O_WRONLY,
		O_RDONLY | O_NOFOLLOW,
		O_PATH | O_NOFOLLOW,
		O_RDWR | O_CREAT | O_EXCL,
		O_RDONLY | O_CREAT,
		O_PATH | O_DIRECTORY | O_NOFOLLOW,
		O_RDWR,
	};
	struct stat st;
	int fd;

	umask(022);
	fd = open(below(root, op->a, 0), O_CLOEXEC | O_NONBLOCK | flags[op->n[0]], 0644);
	ret->value = fd < 0 ? -errno : 0;
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0)
		ret->sum = st.st_mode;
	close(fd);
}

const struct op_kind kinds_attrs[] = {
	{"chmod", 40, choose_chmod, run_chmod, true, false},
	{"chown", 20, choose_chown, run_chown, true, false},
	{"utimens", 40, choose_utimens, run_utimens, true, false},
	{"setxattr", 35, choose_setxattr, run_setxattr, true, false},
	{"removexattr", 15, choose_setxattr, run_removexattr, true, false},
	{"getxattr", 10, choose_setxattr, run_getxattr, true, false},
	{"acl", 10, choose_acl, run_acl, true, false},
	{"readlink", 8, choose_readlink, run_readlink, true, false},
	{"stat", 10, choose_any, run_stat, true, false},
	{"access", 8, choose_any, run_access, true, false},
	{"open", 15, choose_any, run_open, true, false},
	{0},
};
