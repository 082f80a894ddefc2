/* posix: the table of system calls, what its files share.
 *
 * The table is run in one directory DIR, the current directory of the program: a mounted overlay of
 * two lower layers that `posix --prepare-lower A B` filled (A lies over B), or a plain directory
 * that `posix --prepare-plain DIR` gave the same content. Most rows are run on every kind of
 * object: new, in either layer, in both, copied up, below an opaque directory, over a whiteout. All
 * kinds of one type look the same from above, so one expectation serves them all.
 */
#ifndef STRAKE_TESTS_FUSE_POSIX_H
#define STRAKE_TESTS_FUSE_POSIX_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define TRY(call) ((call) == -1 ? errno : 0)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- posix.c: groups, checks and their count ---- */

enum layer { LAYER_B, LAYER_A }; /* B is below */

struct posix_group {
	const char *name;
	const char *about;
	/* the checks, in DIR */
	void (*run)(void);
	/* Makes what the group needs in a lower layer, the current directory. A plain directory is
	 * given B's content and then A's. May be NULL. */
	void (*prepare)(enum layer layer);
};

/* What the backing directory can do, seen when it was prepared; DIR is held to it. */
enum cap {
	CAP_PLAIN = 1 << 0, /* DIR is a plain directory */
	CAP_XATTR = 1 << 1,
	CAP_ACL = 1 << 2,
	CAP_TRUSTED = 1 << 3,  /* trusted.* may be written */
	CAP_DEVICES = 1 << 4,  /* devices may be made */
	CAP_IDS = 1 << 5,      /* files may be given to other ids */
	CAP_TMPFILE = 1 << 6,  /* O_TMPFILE */
	CAP_HOLES = 1 << 7,    /* SEEK_HOLE finds holes, and they take no blocks */
	CAP_PUNCH = 1 << 8,    /* FALLOC_FL_PUNCH_HOLE */
	CAP_ZERO = 1 << 9,     /* FALLOC_FL_ZERO_RANGE */
	CAP_FLAGS = 1 << 10,   /* FS_IOC_GETFLAGS */
	CAP_LINK4K = 1 << 11,  /* symlinks of 4095 bytes */
	CAP_ATIME = 1 << 12,   /* reading sets atime */
	CAP_FILECAPS = 1 << 13 /* security.capability may be written */
};
extern unsigned caps;

/* Count one check; false when it failed, and then it was printed. The rest of the arguments say
 * what was checked; ck_err() compares errnos, 0 for none. */
#define PRINTF(f, v) __attribute__((format(printf, f, v)))
bool ck(bool good, const char *format, ...) PRINTF(2, 3);
bool ck_err(int got, int want, const char *format, ...) PRINTF(3, 4);
bool ck_err2(int got, int want, int or_want, const char *format, ...) PRINTF(4, 5);
bool ck_num(long long got, long long want, const char *format, ...) PRINTF(3, 4);
bool ck_mode(mode_t got, mode_t want, const char *format, ...) PRINTF(3, 4);
bool ck_str(const char *got, const char *want, const char *format, ...) PRINTF(3, 4);

/* The test itself cannot go on: exit 2. */
_Noreturn void die(const char *format, ...) PRINTF(1, 2);

/* A string, good until 2000 more were made. */
const char *sf(const char *format, ...) PRINTF(1, 2);

/* Run fn(arg) in a child, whose checks count; the child's death is a failed check. */
void in_child(void (*fn)(const void *arg), const void *arg);
/* For a child: no capability from here on. */
void drop_caps(void);
/* For a child: another user, without groups. False when there is no such id here. */
bool become(uid_t uid, gid_t gid);

/* DIR is served through FUSE by a kernel older than MAJOR.MINOR. */
bool fuse_before(int major, int minor);

/* ---- posix_object.c: objects of every kind ---- */

/* Kinds of one type follow each other. */
enum kind {
	FILE_NEW,     /* in a new directory */
	FILE_MIX,     /* new, in a merged directory */
	FILE_LOW,     /* in B */
	FILE_TOP,     /* in A */
	FILE_MIX_LOW, /* in B, in a merged directory */
	FILE_MIX_TOP,
	FILE_OVER,   /* in A, and another one in B */
	FILE_HARD,   /* in B with two links, the second one named with a ~ */
	FILE_COPIED, /* of B, copied up by chmod */
	FILE_AGAIN,  /* of B, removed and made anew */
	FILE_WHITED, /* new, over a whiteout of A */
	FILE_OPAQUE, /* in A's opaque directory, and another one in B */
	DIR_NEW,     /* DIR_*: empty */
	DIR_LOW,
	DIR_TOP,
	DIR_MERGED, /* of B and A, which hides what B has */
	DIR_UPPER,  /* of B, copied up */
	DIR_OPAQUE,
	DIR_AGAIN, /* B's had content, was removed and made anew */
	DIR_OVER,  /* over a file of B */
	FULL_NEW,  /* FULL_*: with "file" and "dir/leaf" in it */
	FULL_LOW,
	FULL_TOP,
	FULL_MERGED,
	FULL_UPPER,
	FULL_OPAQUE,
	FULL_AGAIN,
	LINK_NEW, /* LINK_*: symbolic, to LINK_TARGET */
	LINK_LOW,
	LINK_TOP,
	LINK_OVER,
	FIFO_NEW,
	FIFO_LOW,
	FIFO_OVER,
	SOCK_NEW,
	SOCK_LOW,
	ABSENT_NEW, /* ABSENT_*: a name that nothing has, in a new directory */
	ABSENT_LOW, /* in a directory of B */
	ABSENT_MIX,
	ABSENT_WHITED, /* a whiteout of A over a file */
	ABSENT_WHITED_DIR,
	ABSENT_GONE,	 /* B's file was removed */
	ABSENT_GONE_DIR, /* B's directory was removed */
	ABSENT_HIDDEN,	 /* in B below an opaque directory */
	KINDS
};
#define FILE_LAST FILE_OPAQUE
#define DIR_LAST DIR_OVER
#define FULL_LAST FULL_AGAIN
#define LINK_LAST LINK_OVER
#define FIFO_LAST FIFO_OVER
#define SOCK_LAST SOCK_LOW
#define ABSENT_LAST ABSENT_HIDDEN

/* Every regular file has these bytes, mode 0644, times OLD and the xattr user.kept = "kept". */
#define SIZE 5000
extern char content[SIZE];
#define OLD 1000000000
#define OLD_NSEC 123456789
#define LINK_TARGET "nowhere/at all"

const char *kind_name(enum kind kind);
mode_t kind_type(enum kind kind); /* S_IFREG ...; 0 for ABSENT_* */
/* The path of an object of that kind that no check has had yet. */
const char *take(enum kind kind);
/* A new name in the directory where such objects lie. */
const char *beside(enum kind kind);

void object_prepare(enum layer layer);
/* Before the first take(); VERIFY: the table has run. */
void object_begin(bool verify);

/* ---- posix_tool.c: looking at files ---- */

#define ALL_TYPES (S_IFMT)
bool exists(const char *path);
ino_t ino_of(const char *path);	  /* of the object itself, no link followed; 0 when there is none */
mode_t mode_of(const char *path); /* type and permissions; 0 when there is none */
mode_t perm_of(const char *path); /* the lower 12 bits */
off_t size_of(const char *path);
nlink_t nlink_of(const char *path);

/* Whether the whole file is DATA. */
bool holds(const char *path, const void *data, size_t size);
bool holds_fd(int fd, const void *data, size_t size);
/* Make or replace a file; 0 or errno. */
int put(const char *path, const void *data, size_t size);
int put_text(const char *path, const char *text);
int make_dir(const char *path); /* mkdir, 0755 */
int make_fifo(const char *path);
/* What is at PATH and below, one line: two objects that look the same have the same. */
const char *sign(const char *path);
/* The names in a directory, sorted, blanks between. */
const char *names_in(const char *path);
/* readdir's d_type and d_ino of a path; false when it is not listed */
bool entry_of(const char *path, unsigned char *ret_type, ino_t *ret_ino);
int remove_tree(const char *path);
uint64_t hash(uint64_t sum, const void *data, size_t size);
/* Wait until the file system's clock is past this object's times. */
void let_pass(const char *path);

/* Bits of an object's times, as changes() returns them. */
enum { ATIME = 1, MTIME = 2, CTIME = 4 };
unsigned changes(const struct stat *before, const struct stat *after);

/* ---- the groups ---- */
extern const struct posix_group open_group, path_group, name_group, mkdir_group, mknod_group,
	symlink_group, link_group, unlink_group, rename_group, redirect_group, truncate_group,
	fallocate_group, copy_group, io_group, mmap_group, lock_group, xattr_group, acl_group,
	mode_group, kill_group, umask_group, time_group, inode_group, readdir_group, special_group,
	tmpfile_group, perm_group, owner_group, persist_group;
void persist_verify(void);
/* All of DIR into a file in it, and the comparison of DIR with that file. */
void list_write(void);
void list_verify(void);

#endif
