/* differ_pick: what to do next, and to which object. Paths come from a random walk over the last
 * root, whose tree is the tree of all of them, so that no model of it is needed and a run can
 * follow on any other.
 */
#include "differ.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Below so many objects there is not enough to work with, beyond so many it is time to remove some,
 * and beyond such a depth to go no deeper. */
#define ENTRIES_MIN 200
#define ENTRIES_MAX 450
#define DEPTH_MAX 8

/* A name that is removed is soon made again: over a lower layer that is where whiteouts and opaque
 * directories go wrong. Some are hard to write into an option, a xattr or a list. */
static const char *const names[] = {
	"a",	    "b",     "c",     "d",    "e",     "f",	  "g",	     "h",
	"i",	    "k",     "l",     "m",    "data",  "etc",	  "lib",     "sub.dir",
	"new",	    "old",   " sp x", "n\nl", "-dash", ".hidden", "x,y:z\\", "na\xc3\xafve",
	"\xff\xfe", "#temp", "work",
};

static const char *long_name(size_t len)
{
	static char name[NAME_MAX + 2];

	memset(name, 'L', len);
	name[len] = '\0';
	return name;
}

const char *pick_name(struct rng *rng)
{
	size_t n = sizeof(names) / sizeof(*names);
	size_t at = (size_t)rng_below(rng, n + 1);

	return at == n ? long_name(NAME_MAX) : names[at];
}

static unsigned want_of(unsigned char type)
{
	switch (type) {
	case DT_DIR:
		return WANT_DIR;
	case DT_REG:
		return WANT_FILE;
	case DT_LNK:
		return WANT_LINK;
	default:
		return WANT_OTHER;
	}
}

/* RET_PATH = DIR/NAME below a root; false when that becomes too long */
static bool extend(char *ret_path, const char *dir, const char *name)
{
	char path[REL_MAX + NAME_MAX + 2];
	int n;

	n = snprintf(path, sizeof(path), "%s%s%s", dir, *dir ? "/" : "", name);
	if (n >= REL_MAX)
		return false;
	memcpy(ret_path, path, (size_t)n + 1);
	return true;
}

/* One walk from the root: goes down at random, and stops at something that may be of any type. */
static unsigned walk(struct world *world, unsigned want, char *ret_path)
{
	const char *root = world->roots[world->n_roots - 1].path;
	char full[FULL_MAX];
	unsigned depth = 0, type = 0;

	ret_path[0] = '\0';
	for (;;) {
		struct names here;
		size_t at;

		join(full, root, ret_path);
		names_read(&here, full);
		if (here.n == 0) {
			names_release(&here);
			return type;
		}
		at = (size_t)rng_below(&world->rng, here.n);
		/* a second throw: other types are rare */
		if (!(want & want_of(here.all[at].type)))
			at = (size_t)rng_below(&world->rng, here.n);
		type = want_of(here.all[at].type);
		if (!extend(ret_path, ret_path, here.all[at].name))
			type = WANT_NONDIR + 1;
		names_release(&here);
		if (type != WANT_DIR || ++depth == DEPTH_MAX)
			return type;
		if ((want & WANT_DIR) && rng_chance(&world->rng, 40))
			return type;
	}
}

bool pick(struct world *world, unsigned want, char *ret_path)
{
	for (int i = 0; i < 8; i++)
		if (walk(world, want, ret_path) & want)
			return true;
	ret_path[0] = '\0';
	return false;
}

void pick_new(struct world *world, char *ret_path)
{
	char dir[REL_MAX];
	const char *name = pick_name(&world->rng);

	if (rng_chance(&world->rng, 25) || !pick(world, WANT_DIR, dir))
		dir[0] = '\0';
	if (!extend(ret_path, dir, name))
		extend(ret_path, "", name);
}

/* Now and then a path is made odd, so that each error is asked for too. */
static void mangle(struct world *world, char *path)
{
	if (!*path || !rng_chance(&world->rng, 3))
		return;
	switch (rng_below(&world->rng, 4)) {
	case 0:
		extend(path, path, ""); /* a trailing slash */
		break;
	case 1:
		extend(path, path, "x"); /* mostly below what is no directory */
		break;
	case 2:
		extend(path, path, long_name(NAME_MAX + 1));
		break;
	default:
		extend(path, "", "nowhere/x");
		break;
	}
}

static unsigned weights(const struct op_kind *kinds)
{
	unsigned sum = 0;

	for (; kinds->name; kinds++)
		sum += kinds->weight;
	return sum;
}

static const struct op_kind *pick_kind(struct world *world)
{
	const struct op_kind *const tables[] = {kinds_names, kinds_data, kinds_attrs, kinds_held};
	size_t n = sizeof(tables) / sizeof(*tables);
	uint64_t all = 0, at;

	for (size_t i = 0; i < n; i++)
		all += weights(tables[i]);
	at = rng_below(&world->rng, all);
	for (size_t i = 0; i < n; i++)
		for (const struct op_kind *kind = tables[i]; kind->name; kind++) {
			if (at < kind->weight)
				return kind;
			at -= kind->weight;
		}
	die("no kind of operation was chosen");
}

static const struct op_kind *kind_named(const char *name)
{
	for (const struct op_kind *kind = kinds_names; kind->name; kind++)
		if (strcmp(kind->name, name) == 0)
			return kind;
	die("there is no operation '%s'", name);
}

void pick_op(struct world *world, struct op *ret)
{
	for (;;) {
		*ret = (struct op){.slot = -1};
		ret->kind = pick_kind(world);
		if (world->entries > ENTRIES_MAX && rng_chance(&world->rng, 30))
			ret->kind =
				kind_named(rng_chance(&world->rng, 60) ? "unlink" : "remove tree");
		if (world->entries < ENTRIES_MIN && ret->kind->removes &&
		    rng_chance(&world->rng, 70))
			continue;
		if (ret->kind->choose(world, ret))
			break;
	}
	if (strcmp(ret->kind->name, "remove tree") == 0)
		return;
	mangle(world, ret->a);
	mangle(world, ret->b);
}
