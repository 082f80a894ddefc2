/* differ_lower: two lower layers made from a number, and the plain directory an overlay of both
 * must look like.
 *
 * The bottom layer holds files of every size, sparse ones, symlinks, fifos, directories, a deep
 * chain of them and, in "links", groups of hard links. The top layer merges with some of its
 * directories, hides others behind opaque ones, hides names behind whiteouts, and replaces objects
 * by others of the same or another type. "links" is not hidden in part: nobody can say how many
 * names of an inode a whiteout hides. All times are set, so that one that changes although it
 * should not is noticed.
 */
#include "differ.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define DEPTH 4
#define CHAIN 12
#define BLOCK 4096

struct maker {
	struct rng rng;
	unsigned ids;
};

static void must(bool good, const char *what, const char *path)
{
	if (!good)
		die("%s '%s': %s", what, path, strerror(errno));
}

/* ---- making
 * -------------------------------------------------------------------------------------------------
 */

/* Owner, mode, attributes and times of what was just made, or, for a directory, filled. */
static void make_attrs(struct maker *maker, const char *path, mode_t type)
{
	static const mode_t modes[] = {0644, 0755, 0600, 0444,	0666,
				       0700, 0751, 0000, 02755, 04755};
	mode_t mode = modes[rng_below(&maker->rng, sizeof(modes) / sizeof(*modes))];
	struct timespec time = {
		.tv_sec = (time_t)(100000000 + rng_below(&maker->rng, 800000000)),
		.tv_nsec = (long)rng_below(&maker->rng, 1000000000),
	};
	struct timespec times[2] = {time, time};
	char value[64];

	if (maker->ids > 1 && rng_chance(&maker->rng, 40))
		must(lchown(path, (uid_t)rng_below(&maker->rng, maker->ids),
			    (gid_t)rng_below(&maker->rng, maker->ids)) == 0,
		     "chown", path);
	if (type == S_IFDIR)
		mode |= 0700;
	if (type != S_IFLNK)
		must(chmod(path, mode) == 0, "chmod", path);
	if ((type == S_IFREG || type == S_IFDIR) && rng_chance(&maker->rng, 20)) {
		fill(value, sizeof(value), rng_next(&maker->rng));
		must(setxattr(path, rng_chance(&maker->rng, 50) ? "user.a" : "user.lower", value,
			      1 + rng_below(&maker->rng, sizeof(value)), 0) == 0,
		     "setxattr", path);
	}
	must(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) == 0, "utimensat", path);
}

static void make_file(struct maker *maker, const char *path)
{
	size_t len = rng_length(&maker->rng, FILE_MAX);
	uint64_t seed = rng_next(&maker->rng);
	bool sparse = rng_chance(&maker->rng, 15);
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	must(fd >= 0, "create", path);
	if (sparse) {
		len = (size_t)rng_below(&maker->rng, FILE_MAX);
		must(ftruncate(fd, (off_t)len) == 0, "truncate", path);
		for (size_t at = rng_below(&maker->rng, 100 * 1000); at + BLOCK < len;
		     at += rng_below(&maker->rng, 500 * 1000))
			must(pwrite_all(fd, bytes(BLOCK, seed + at), BLOCK, (off_t)at) == BLOCK,
			     "write", path);
	} else {
		must(pwrite_all(fd, bytes(len, seed), len, 0) == (ssize_t)len, "write", path);
	}
	close(fd);
	make_attrs(maker, path, S_IFREG);
}

static void make_dir(struct maker *maker, const char *path, unsigned depth);

/* An object of any type at a path where nothing is. */
static void make_any(struct maker *maker, const char *path, unsigned depth)
{
	unsigned dice = (unsigned)rng_below(&maker->rng, 100);

	if (dice < 35 && depth < DEPTH) {
		make_dir(maker, path, depth + 1);
	} else if (dice < 40) {
		must(symlink(pick_name(&maker->rng), path) == 0, "symlink", path);
		make_attrs(maker, path, S_IFLNK);
	} else if (dice < 44) {
		must(mkfifo(path, 0600) == 0, "mkfifo", path);
		make_attrs(maker, path, S_IFIFO);
	} else {
		make_file(maker, path);
	}
}

static void fill_dir(struct maker *maker, const char *path, unsigned depth, unsigned least)
{
	size_t n = least + rng_below(&maker->rng, 5);
	char child[FULL_MAX];
	struct stat st;

	while (n-- > 0) {
		join(child, path, pick_name(&maker->rng));
		if (lstat(child, &st) < 0)
			make_any(maker, child, depth);
	}
}

static void make_dir(struct maker *maker, const char *path, unsigned depth)
{
	must(mkdir(path, 0700) == 0, "mkdir", path);
	fill_dir(maker, path, depth, depth < DEPTH ? 4 : 0);
	make_attrs(maker, path, S_IFDIR);
}

static void make_links(struct maker *maker, const char *bottom)
{
	char dir[FULL_MAX], sub[FULL_MAX], first[FULL_MAX], other[FULL_MAX], name[32];

	join(dir, bottom, "links");
	join(sub, dir, "sub");
	must(mkdir(dir, 0755) == 0 && mkdir(sub, 0755) == 0, "mkdir", dir);
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "file%d", i);
		join(first, dir, name);
		make_file(maker, first);
		for (int k = 0; k <= i % 3; k++) {
			snprintf(name, sizeof(name), "link%d.%d", i, k);
			join(other, k == 1 ? sub : dir, name);
			must(link(first, other) == 0, "link", other);
		}
	}
	make_attrs(maker, sub, S_IFDIR);
	make_attrs(maker, dir, S_IFDIR);
}

static void make_chain(struct maker *maker, const char *bottom)
{
	char paths[CHAIN][FULL_MAX];

	join(paths[0], bottom, "chain");
	for (int i = 0; i < CHAIN - 1; i++) {
		must(mkdir(paths[i], 0755) == 0, "mkdir", paths[i]);
		join(paths[i + 1], paths[i], "chain");
	}
	make_file(maker, paths[CHAIN - 1]);
	for (int i = CHAIN - 2; i >= 0; i--)
		make_attrs(maker, paths[i], S_IFDIR);
}

static void make_opaque(const char *path)
{
	/* root of the initial namespace has the one, everybody else the other */
	if (setxattr(path, "trusted.overlay.opaque", "y", 1, 0) < 0)
		must(setxattr(path, "user.overlay.opaque", "y", 1, 0) == 0, "make opaque", path);
}

/* Something else than a directory of the lower layer, or a directory over what is none. */
static void make_other(struct maker *maker, const char *path, unsigned char type)
{
	if (type == DT_DIR || rng_chance(&maker->rng, 60))
		make_file(maker, path);
	else
		make_dir(maker, path, DEPTH);
}

/* Change what is seen of the bottom's directory BELOW through the top's OVER, which exists. */
static void cover(struct maker *maker, const char *beneath, const char *over, unsigned depth)
{
	char lower[FULL_MAX], upper[FULL_MAX];
	struct names names;

	names_read(&names, beneath);
	for (size_t i = 0; i < names.n; i++) {
		unsigned dice = (unsigned)rng_below(&maker->rng, 100);

		if (depth == 0 && strcmp(names.all[i].name, "links") == 0)
			continue;
		join(lower, beneath, names.all[i].name);
		join(upper, over, names.all[i].name);
		if (dice < 12) {
			must(mknod(upper, S_IFCHR, makedev(0, 0)) == 0, "make whiteout", upper);
		} else if (names.all[i].type == DT_DIR && dice < 28) {
			make_dir(maker, upper, depth + 1);
			make_opaque(upper);
		} else if (dice < 36) {
			make_other(maker, upper, names.all[i].type);
		} else if (names.all[i].type == DT_DIR && dice < 85) {
			must(mkdir(upper, 0700) == 0, "mkdir", upper);
			cover(maker, lower, upper, depth + 1);
			make_attrs(maker, upper, S_IFDIR);
		}
	}
	names_release(&names);
	if (rng_chance(&maker->rng, 60)) {
		join(upper, over, "of the top layer");
		make_file(maker, upper);
	}
}

void lower_make(uint64_t seed, const char *bottom, const char *top, bool links, unsigned ids)
{
	struct maker maker = {.ids = ids};

	rng_init(&maker.rng, seed);
	umask(0);
	fill_dir(&maker, bottom, 0, 20);
	make_chain(&maker, bottom);
	if (links)
		make_links(&maker, bottom);
	cover(&maker, bottom, top, 0);
}

/* ---- flattening */

static bool is_opaque(const char *path)
{
	char value;

	return getxattr(path, "trusted.overlay.opaque", &value, 1) == 1 ||
	       getxattr(path, "user.overlay.opaque", &value, 1) == 1;
}

static void copy_data(const char *from, const char *to)
{
	static char buf[BLOCK], zeros[BLOCK];
	int in = open(from, O_RDONLY | O_CLOEXEC),
	    out = open(to, O_CREAT | O_EXCL | O_WRONLY, 0600);
	off_t offset = 0;
	ssize_t n;

	must(in >= 0, "open", from);
	must(out >= 0, "create", to);
	while ((n = pread_all(in, buf, sizeof(buf), offset)) > 0) {
		if (memcmp(buf, zeros, (size_t)n) != 0)
			must(pwrite_all(out, buf, (size_t)n, offset) == n, "write", to);
		offset += n;
	}
	must(n == 0 && ftruncate(out, offset) == 0, "copy", to);
	close(in);
	close(out);
}

static void copy_xattrs(const char *from, const char *to)
{
	char list[4096], value[4096];
	ssize_t len;

	/* the directory may have been the lower layer's before */
	len = llistxattr(to, list, sizeof(list));
	for (char *p = list; p < list + len; p += strlen(p) + 1)
		if (strncmp(p, "user.", 5) == 0)
			must(lremovexattr(to, p) == 0, "removexattr", to);
	len = llistxattr(from, list, sizeof(list));
	for (char *p = list; p < list + len; p += strlen(p) + 1) {
		ssize_t size = lgetxattr(from, p, value, sizeof(value));

		if (strncmp(p, "user.", 5) == 0 && strncmp(p, "user.overlay.", 13) != 0)
			must(size >= 0 && lsetxattr(to, p, value, (size_t)size, 0) == 0,
			     "copy attribute", to);
	}
}

static void copy_attrs(const char *from, const char *to, const struct stat *st)
{
	struct timespec times[2] = {st->st_atim, st->st_mtim};

	must(lchown(to, st->st_uid, st->st_gid) == 0, "chown", to);
	if (!S_ISLNK(st->st_mode))
		must(chmod(to, st->st_mode & 07777) == 0, "chmod", to);
	copy_xattrs(from, to);
	must(utimensat(AT_FDCWD, to, times, AT_SYMLINK_NOFOLLOW) == 0, "utimensat", to);
}

/* The first name of each inode with several, in the layer that is being copied. */
struct linked {
	ino_t ino;
	char *path;
};
static struct linked linked[64];
static size_t n_linked;

static bool copy_as_link(const char *to, const struct stat *st)
{
	for (size_t i = 0; i < n_linked; i++)
		if (linked[i].ino == st->st_ino)
			return link(linked[i].path, to) == 0;
	if (n_linked == sizeof(linked) / sizeof(*linked))
		die("too many hard links");
	linked[n_linked++] = (struct linked){st->st_ino, strdup(to)};
	return false;
}

static void apply_layer(const char *from, const char *to);

static void apply_dir(const char *from, const char *to, bool there)
{
	if (there && is_opaque(from))
		must(remove_tree(to, false) >= 0, "remove", to);
	if (!there)
		must(mkdir(to, 0700) == 0, "mkdir", to);
	apply_layer(from, to);
}

static void apply_any(const char *from, const char *to)
{
	struct stat st, old;
	bool there = lstat(to, &old) == 0;
	char text[FULL_MAX];

	must(lstat(from, &st) == 0, "stat", from);
	if (there && !(S_ISDIR(st.st_mode) && S_ISDIR(old.st_mode))) {
		must(remove_tree(to, true) > 0, "remove", to);
		there = false;
	}
	if (S_ISCHR(st.st_mode))
		return;
	if (S_ISDIR(st.st_mode)) {
		apply_dir(from, to, there);
	} else if (S_ISLNK(st.st_mode)) {
		ssize_t len = readlink(from, text, sizeof(text) - 1);

		must(len >= 0, "readlink", from);
		text[len] = '\0';
		must(symlink(text, to) == 0, "symlink", to);
	} else if (S_ISFIFO(st.st_mode)) {
		must(mkfifo(to, 0600) == 0, "mkfifo", to);
	} else {
		if (st.st_nlink > 1 && copy_as_link(to, &st))
			return;
		copy_data(from, to);
	}
	copy_attrs(from, to, &st);
}

static void apply_layer(const char *from, const char *to)
{
	char source[FULL_MAX], target[FULL_MAX];
	struct names names;

	names_read(&names, from);
	must(names.error == 0, "read", from);
	for (size_t i = 0; i < names.n; i++) {
		join(source, from, names.all[i].name);
		join(target, to, names.all[i].name);
		apply_any(source, target);
	}
	names_release(&names);
}

void lower_flatten(const char *bottom, const char *top, const char *to)
{
	umask(0);
	apply_layer(bottom, to);
	n_linked = 0;
	apply_layer(top, to);
}
