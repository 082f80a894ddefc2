/* differ: run the same random operations on several directories and compare all that can be seen of
 * them.
 *
 *   differ [--seed S] [--ops N] [--tolerate exdev] [--stable-ino] [--verbose] ROOT ROOT [ROOT]
 *   differ --make-lower SEED [--no-links] BOTTOM TOP
 *   differ --flatten-lower BOTTOM TOP DIRECTORY
 *
 * The roots hold the same tree at the start: an overlay, another one, a plain directory that
 * --flatten-lower made. After each operation its result and errno, the objects it is about, their
 * directories and every open file are compared; every 250 operations and at the end, the whole
 * trees. At the first difference the last operations are printed. A run begins with what it finds:
 * unmount, mount again and run with another seed to see whether what was done lasts.
 *
 * --tolerate exdev: the last root is asked first, and what it refuses as the kernel's overlay does
 * in a user namespace (EXDEV for a directory that is in a lower layer) is not asked of the others.
 * Where such an overlay is not what a directory is (inode numbers after a copy-up, times of
 * directories when a rename failed, link counts of files without a name) it is not compared.
 * --stable-ino: a file of the first root keeps its inode number whatever is done to it.
 *
 * Times are compared when they were set on purpose, which is when they lie before the year 2001; a
 * program that sets nothing has later ones. What directories have for size and link count is each
 * file system's own.
 */
#include "differ.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LAST_OPS 20
#define WHOLE_EVERY 250

/* The operations before this one, as they are printed. */
static char last_ops[LAST_OPS][2 * REL_MAX];
static uint64_t op_number;

static void describe(const struct op *op, char *ret, size_t size)
{
	char a[REL_MAX], b[REL_MAX], slot[32] = "";

	if (op->slot >= 0)
		snprintf(slot, sizeof(slot), " held %d", op->slot);
	snprintf(ret, size, "%s%s", op->kind->name, slot);
	if (*op->a)
		snprintf(ret + strlen(ret), size - strlen(ret), " %s",
			 printable(a, sizeof(a), op->a));
	if (*op->b)
		snprintf(ret + strlen(ret), size - strlen(ret), " %s",
			 printable(b, sizeof(b), op->b));
	snprintf(ret + strlen(ret), size - strlen(ret), " (");
	for (size_t i = 0; i < NUMBERS; i++)
		snprintf(ret + strlen(ret), size - strlen(ret), "%s%#" PRIx64, i ? " " : "",
			 op->n[i]);
	snprintf(ret + strlen(ret), size - strlen(ret), ")");
}

/* A difference: say what, after which operations, and end. */
static _Noreturn void differs(const char *format, ...) __attribute__((format(printf, 1, 2)));

static _Noreturn void differs(const char *format, ...)
{
	uint64_t first = op_number >= LAST_OPS ? op_number - LAST_OPS + 1 : 1;
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\nat operation %" PRIu64 ", the last one of:\n", op_number);
	for (uint64_t i = first; i <= op_number; i++)
		printf("%6" PRIu64 " %s\n", i, last_ops[i % LAST_OPS]);
	exit(1);
}

static const char *result_text(long value, char *buf, size_t size)
{
	if (value >= 0)
		snprintf(buf, size, "%ld", value);
	else
		snprintf(buf, size, "%s", strerror((int)-value));
	return buf;
}

/* Whether the kernel's overlay may refuse this although a plain directory does not. */
static bool tolerated(const struct world *world, const struct op *op, const struct result *result)
{
	const char *root = world->roots[world->n_roots - 1].path;
	char path[FULL_MAX];
	struct stat a, b;

	if (!world->tolerate)
		return false;
	if (result->value == -EOPNOTSUPP)
		return strstr(op->kind->name, "tmpfile") != NULL;
	/* an open file of a lower layer is copied up by its name, which may be another's by now */
	if (result->value == -EEXIST)
		return strcmp(op->kind->name, "held attr") == 0;
	if (result->value != -EXDEV || strcmp(op->kind->name, "rename") != 0)
		return false;
	join(path, root, op->a);
	if (lstat(path, &a) < 0)
		return false;
	join(path, root, op->b);
	return S_ISDIR(a.st_mode) || (lstat(path, &b) == 0 && S_ISDIR(b.st_mode));
}

/* Run OP on every root; false when the last one was excused from it. */
static bool run(struct world *world, const struct op *op)
{
	struct result results[ROOTS_MAX] = {0};
	char left[64], right[64];

	for (size_t i = world->n_roots; i-- > 0;) {
		op->kind->run(&world->roots[i], op, &results[i]);
		if (i == world->n_roots - 1 && tolerated(world, op, &results[i]))
			return false;
	}
	for (size_t i = 1; i < world->n_roots; i++) {
		if (results[0].value != results[i].value)
			differs("%s gives %s below %s and %s below %s", op->kind->name,
				result_text(results[0].value, left, sizeof(left)),
				world->roots[0].path,
				result_text(results[i].value, right, sizeof(right)),
				world->roots[i].path);
		if (results[0].sum != results[i].sum)
			differs("%s shows one thing below %s and another below %s (sums %" PRIx64
				" and %" PRIx64 ")",
				op->kind->name, world->roots[0].path, world->roots[i].path,
				results[0].sum, results[i].sum);
	}
	return true;
}

/* Whether root I is held to everything. */
static bool strict(const struct world *world, size_t i)
{
	return !world->tolerate || i < world->n_roots - 1;
}

static void compare_path(const struct world *world, const char *path)
{
	struct look looks[ROOTS_MAX];
	char why[256], shown[REL_MAX];

	for (size_t i = 0; i < world->n_roots; i++) {
		look_at(below(&world->roots[i], path, 0), &looks[i]);
		if (i > 0 && look_differs(&looks[0], &looks[i], strict(world, i), why, sizeof(why)))
			differs("'%s' differs below %s and %s: %s",
				printable(shown, sizeof(shown), path), world->roots[0].path,
				world->roots[i].path, why);
	}
}

/* What an operation was about: the object, and the directory that holds it. */
static void compare_touched(const struct world *world, const char *path)
{
	char parent[REL_MAX], *slash;

	if (!*path)
		return;
	compare_path(world, path);
	memcpy(parent, path, sizeof(parent));
	slash = strrchr(parent, '/');
	*(slash ? slash : parent) = '\0';
	compare_path(world, parent);
}

/* One of what is held: the one that was used, or each in turn. */
static void compare_held(const struct world *world, int used)
{
	struct look looks[ROOTS_MAX];
	char why[256];

	for (int slot = 0; slot < HELD_MAX; slot++) {
		if (world->roots[0].held[slot] < 0 ||
		    (slot != used && slot != (int)(op_number % HELD_MAX)))
			continue;
		for (size_t i = 0; i < world->n_roots; i++) {
			look_at_fd(world->roots[i].held[slot], &looks[i]);
			/* the kernel's overlay has the link count of the lower file, whose name is
			 * still there */
			if (!strict(world, i))
				looks[i].nlink = looks[0].nlink;
			if (i > 0 &&
			    look_differs(&looks[0], &looks[i], strict(world, i), why, sizeof(why)))
				differs("what is held as %d differs below %s and %s: %s", slot,
					world->roots[0].path, world->roots[i].path, why);
		}
	}
}

static ino_t inode_of(const struct world *world, const struct op *op)
{
	struct stat st;

	if (!world->stable_ino || !op->kind->keeps || !*op->a ||
	    lstat(below(&world->roots[0], op->a, 0), &st) < 0)
		return 0;
	return st.st_ino;
}

static void compare_trees(struct world *world)
{
	const char *paths[ROOTS_MAX];

	for (size_t i = 0; i < world->n_roots; i++)
		paths[i] = world->roots[i].path;
	world->entries = trees_compare(paths, world->n_roots, world->n_roots - world->tolerate);
	if (world->entries < 0)
		differs("the trees differ");
}

static void one_operation(struct world *world, bool verbose, uint64_t *excused)
{
	ino_t before, after;
	struct op op;

	pick_op(world, &op);
	op_number++;
	describe(&op, last_ops[op_number % LAST_OPS], sizeof(*last_ops));
	if (verbose)
		printf("%6" PRIu64 " %s\n", op_number, last_ops[op_number % LAST_OPS]);
	before = inode_of(world, &op);
	if (!run(world, &op))
		++*excused;
	after = inode_of(world, &op);
	if (before != after && before != 0 && after != 0)
		differs("the inode number changed from %ju to %ju below %s", (uintmax_t)before,
			(uintmax_t)after, world->roots[0].path);
	compare_touched(world, op.a);
	compare_touched(world, op.b);
	compare_held(world, op.slot);
}

/* How many owners can be given here: those that the namespace maps, as long as 0 is among them. */
static unsigned count_ids(void)
{
	FILE *map = fopen("/proc/self/uid_map", "re");
	unsigned long inside, outside, n;
	unsigned long ids = 1;

	if (!map)
		return 1;
	while (fscanf(map, "%lu %lu %lu", &inside, &outside, &n) == 3)
		if (inside <= ids && inside + n > ids)
			ids = inside + n;
	fclose(map);
	if (geteuid() != 0)
		return 1;
	return ids > 1000 ? 1000 : (unsigned)ids;
}

static void set_up(struct world *world, char **paths, int n)
{
	if (n < 2 || n > ROOTS_MAX)
		die("two or three roots are needed");
	world->n_roots = (size_t)n;
	world->ids = count_ids();
	for (size_t i = 0; i < world->n_roots; i++) {
		struct stat st;

		if (stat(paths[i], &st) < 0 || !S_ISDIR(st.st_mode))
			die("'%s' is no directory", paths[i]);
		world->roots[i].path = paths[i];
		for (int slot = 0; slot < HELD_MAX; slot++)
			world->roots[i].held[slot] = -1;
	}
}

static int run_all(struct world *world, uint64_t ops, bool verbose)
{
	uint64_t excused = 0;

	compare_trees(world);
	for (uint64_t i = 1; i <= ops; i++) {
		one_operation(world, verbose, &excused);
		if (i % WHOLE_EVERY == 0)
			compare_trees(world);
	}
	compare_trees(world);
	printf("%" PRIu64 " operations without a difference, %" PRIu64 " excused, %ld objects\n",
	       ops, excused, world->entries);
	return 0;
}

static _Noreturn void usage(void)
{
	die("usage: differ [--seed S] [--ops N] [--tolerate exdev] [--stable-ino] [--verbose] ROOT "
	    "ROOT "
	    "[ROOT]\n"
	    "       differ --make-lower SEED [--no-links] BOTTOM TOP\n"
	    "       differ --flatten-lower BOTTOM TOP DIRECTORY");
}

int main(int argc, char **argv)
{
	static struct world world;
	uint64_t seed = 1, ops = 1000;
	bool make = false, flatten = false, links = true, verbose = false;
	int i;

	for (i = 1; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
		const char *option = argv[i] + 2, *value = i + 1 < argc ? argv[i + 1] : "";

		if (strcmp(option, "seed") == 0) {
			seed = number(value), i++;
		} else if (strcmp(option, "ops") == 0) {
			ops = number(value), i++;
		} else if (strcmp(option, "tolerate") == 0 && strcmp(value, "exdev") == 0) {
			world.tolerate = true, i++;
		} else if (strcmp(option, "make-lower") == 0) {
			make = true, seed = number(value), i++;
		} else if (strcmp(option, "flatten-lower") == 0) {
			flatten = true;
		} else if (strcmp(option, "no-links") == 0) {
			links = false;
		} else if (strcmp(option, "stable-ino") == 0) {
			world.stable_ino = true;
		} else if (strcmp(option, "verbose") == 0) {
			verbose = true;
		} else {
			usage();
		}
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (make && argc - i == 2) {
		lower_make(seed, argv[i], argv[i + 1], links, count_ids());
		return 0;
	}
	if (flatten && argc - i == 3) {
		lower_flatten(argv[i], argv[i + 1], argv[i + 2]);
		return 0;
	}
	if (make || flatten)
		usage();
	rng_init(&world.rng, seed);
	set_up(&world, argv + i, argc - i);
	return run_all(&world, ops, verbose);
}
