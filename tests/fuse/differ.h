/* differ: what its parts share. See differ.c for what it is.
 */
#ifndef STRAKE_TESTS_FUSE_DIFFER_H
#define STRAKE_TESTS_FUSE_DIFFER_H

#include "common.h"

#define ROOTS_MAX 3
#define HELD_MAX 8
/* No file grows beyond this by more than one operation. */
#define FILE_MAX (2 * 1024 * 1024)
#define NUMBERS 5
/* A time before this one was set on purpose and is compared; later ones are only known to be later.
 */
#define TIME_SET_BEFORE 1000000000

/* ---- differ_look.c: what can be seen of an object and of a tree */

/* What is compared of an object. Only what lasts over a remount and does not depend on when it
 * happened. */
struct look {
	int error; /* errno of lstat, else 0 */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	nlink_t nlink;	 /* 0 for directories: file systems count them differently */
	off_t size;	 /* 0 for directories */
	int64_t time;	 /* nanoseconds when set on purpose, else -1 */
	uint64_t text;	 /* sum of a symlink's text */
	uint64_t data;	 /* sum of a file's contents, or -errno */
	uint64_t xattrs; /* sum of user.* names and values */
	/* not compared between roots */
	dev_t dev;
	ino_t ino;
};

void look_at(const char *path, struct look *ret);
/* The same of an open file or directory. */
void look_at_fd(int fd, struct look *ret);
/* NULL when both are the same, else which field differs, and both values, in BUF. STRICT: the times
 * of directories too. */
const char *look_differs(const struct look *a, const struct look *b, bool strict, char *buf,
			 size_t size);

/* The names in a directory, sorted. Not "." and "..". */
struct names {
	size_t n, room;
	struct name {
		char *name;
		unsigned char type; /* DT_* */
		ino_t ino;
	} * all;
	unsigned dots; /* how often "." and ".." were seen */
	int error;     /* errno of the directory's opening or reading */
};

void names_read(struct names *names, const char *path);
/* As names_read, of an open directory, from its start. */
void names_read_fd(struct names *names, int fd);
uint64_t names_sum(const struct names *names);
void names_release(struct names *names);

/* Every object below N roots is the same; below the first STRICT of them so are the groups of
 * hard links, what readdir says of inode numbers, and the times of directories. The number of
 * objects; -1 when they differ, which was printed. */
long trees_compare(const char *const *roots, size_t n, size_t strict);

/* ---- differ_pick.c: what to do next */

enum want {
	WANT_FILE = 1,
	WANT_DIR = 2,
	WANT_LINK = 4,
	WANT_OTHER = 8,
	WANT_NONDIR = WANT_FILE | WANT_LINK | WANT_OTHER,
	WANT_ANY = WANT_NONDIR | WANT_DIR,
};

struct world;

/* One operation with all its arguments: the same for every root. */
struct op {
	const struct op_kind *kind;
	char a[REL_MAX], b[REL_MAX]; /* paths below a root; "" for none */
	uint64_t n[NUMBERS];	     /* what the kind's run() takes them for */
	int slot;		     /* the held file it is about, -1 for none */
};

/* What an operation gave. */
struct result {
	long value; /* >= 0, or -errno */
	uint64_t sum;
};

struct root {
	const char *path;
	int held[HELD_MAX];
	void *map[HELD_MAX]; /* a page, NULL for none */
};

struct op_kind {
	const char *name;
	unsigned weight;
	/* Fill in the arguments; false when there is nothing to do it with. */
	bool (*choose)(struct world *world, struct op *op);
	void (*run)(struct root *root, const struct op *op, struct result *ret);
	/* Object A is the same file after it, when it succeeds. */
	bool keeps;
	/* There may be much less after it. */
	bool removes;
};

enum held_kind { HELD_NONE, HELD_READ, HELD_WRITE, HELD_DIR };

struct world {
	struct rng rng;
	struct root roots[ROOTS_MAX];
	size_t n_roots;
	bool tolerate;	 /* the last root may refuse what an overlay of the kernel refuses */
	bool stable_ino; /* the first root keeps inode numbers over every change of a file */
	unsigned ids;	 /* owners 0..ids-1 can be given */
	long entries;	 /* about so many objects in each root */
	enum held_kind held[HELD_MAX];
};

/* A path to something that exists and is one of WANT; false when the dice did not find one. */
bool pick(struct world *world, unsigned want, char *ret_path);
/* A path in an existing directory; something may be there already. */
void pick_new(struct world *world, char *ret_path);
/* Choose the next operation. */
void pick_op(struct world *world, struct op *ret);
/* One of the names that are used over and over. */
const char *pick_name(struct rng *rng);

/* ---- differ_ops*.c: the kinds of operations */

/* Tables that end with a kind without a name. */
extern const struct op_kind kinds_names[], kinds_data[], kinds_attrs[], kinds_held[];

/* The path of REL below ROOT, in one of two buffers (WHICH is 0 or 1). */
const char *below(const struct root *root, const char *rel, int which);
/* VALUE as a result, -errno when it is -1. */
long outcome(long value);
/* LEN bytes (at most FILE_MAX) made from SEED, valid until the next call. */
const void *bytes(size_t len, uint64_t seed);

/* ---- differ_lower.c: lower layers */

/* Make two lower layers in empty directories. LINKS: with hard links in the lower one. IDS as in a
 * world. */
void lower_make(uint64_t seed, const char *bottom, const char *top, bool links, unsigned ids);
/* Make in the empty directory TO what an overlay of both shows. */
void lower_flatten(const char *bottom, const char *top, const char *to);

#endif
