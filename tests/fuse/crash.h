/* crash: what its parts share. See crash.c for what it is.
 */
#ifndef STRAKE_TESTS_FUSE_CRASH_H
#define STRAKE_TESTS_FUSE_CRASH_H

#include "common.h"

#define PATH_SHORT 160
#define ENTRIES_ROOM 2048

/* What a file holds; never changed, only replaced, so that models can share it. */
struct content {
	unsigned refs;
	size_t size;
	unsigned char data[];
};

struct content *content_new(size_t size);
void content_drop(struct content *content);

struct inode {
	bool dir;
	mode_t mode;
	unsigned names;
	uint64_t mark; /* value of user.mark, 0 for none */
	struct content *content;
};

struct entry {
	char path[PATH_SHORT]; /* below the root */
	size_t inode;
};

/* A tree as it should be. */
struct model {
	size_t n;
	struct entry entries[ENTRIES_ROOM];
	size_t n_inodes;
	struct inode inodes[ENTRIES_ROOM];
};

/* Make a lower layer with files of known contents. */
void model_make_lower(uint64_t seed, const char *dir);
/* MODEL = what is in DIR, a plain directory. */
void model_read(struct model *model, const char *dir);
void model_copy(struct model *to, const struct model *from);
void model_clear(struct model *model);

/* The entry PATH, NULL when there is none. */
struct entry *model_find(struct model *model, const char *path);
/* Add PATH with a new inode, which is returned. */
struct inode *model_add(struct model *model, const char *path, bool dir, mode_t mode);
void model_link(struct model *model, const char *path, size_t inode);
void model_remove(struct model *model, const char *path);
/* FROM, and what is below it, is called TO from now on; TO is not there, or is replaced. */
void model_rename(struct model *model, const char *from, const char *to);
void model_exchange(struct model *model, const char *a, const char *b);
/* The file gets other contents. Takes CONTENT over. */
void model_set(struct model *model, size_t inode, struct content *content);

/* Whether DIR is as MODEL says. When not, WHY (of SIZE bytes) says how it differs. */
bool model_same(struct model *model, const char *dir, char *why, size_t size);

/* ---- crash_ops.c: what is done until the server dies */

#define LAST_OPS 12

struct run {
	struct rng rng;
	const char *mnt;
	char **server;
	const char *between;
	pid_t pid; /* the server's */
	uint64_t ops, kill_at;
	pid_t killer;
	/* before the operation, after it, and between, when it has such a state */
	struct model *now, *next, *half;
	bool has_half;
	char text[LAST_OPS][3 * PATH_SHORT];
};

/* One operation: noted in TEXT and made in the model NEXT before it is made for real, unless there
 * was nothing to do it with; then OPS stays what it was. 0 or -errno. */
int run_operation(struct run *run);

#endif
