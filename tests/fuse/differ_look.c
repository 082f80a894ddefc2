/* differ_look: what can be seen of an object and of a tree, and whether two of them are the same.
 */
#include "differ.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The sum of all user.* attributes and ACLs, in the order of their names. PATH is not followed,
 * unless a link of /proc leads to the object (FOLLOW). */
static uint64_t sum_xattrs(const char *path, bool follow)
{
	char list[8192], value[8192];
	const char *names[256];
	size_t n = 0;
	uint64_t sum = 0;
	ssize_t len = (follow ? listxattr : llistxattr)(path, list, sizeof(list));

	if (len < 0)
		return (uint64_t)-errno;
	for (char *p = list; p < list + len && n < 256; p += strlen(p) + 1)
		if (strncmp(p, "user.", 5) == 0 || strncmp(p, "system.posix_acl", 16) == 0)
			names[n++] = p;
	qsort(names, n, sizeof(*names), compare_strings);
	for (size_t i = 0; i < n; i++) {
		ssize_t size =
			(follow ? getxattr : lgetxattr)(path, names[i], value, sizeof(value));

		sum = sum_add(sum, names[i], strlen(names[i]));
		if (size < 0)
			sum = sum_add(sum, &errno, sizeof(errno));
		else
			sum = sum_add(sum, value, (size_t)size);
	}
	return sum;
}

static uint64_t sum_data(int fd)
{
	static char buf[128 * 1024];
	uint64_t sum = 0;
	off_t offset = 0;
	ssize_t n;

	while ((n = pread_all(fd, buf, sizeof(buf), offset)) > 0) {
		sum = sum_add(sum, buf, (size_t)n);
		offset += n;
	}
	return n < 0 ? (uint64_t)n : sum;
}

static void look_stat(const struct stat *st, struct look *ret)
{
	*ret = (struct look){
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.time = -1,
		.dev = st->st_dev,
		.ino = st->st_ino,
	};
	if (st->st_mtim.tv_sec < TIME_SET_BEFORE)
		ret->time = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
	if (!S_ISDIR(st->st_mode)) {
		ret->nlink = st->st_nlink;
		ret->size = st->st_size;
	}
}

void look_at(const char *path, struct look *ret)
{
	char text[FULL_MAX];
	struct stat st;

	if (lstat(path, &st) < 0) {
		*ret = (struct look){.error = errno};
		return;
	}
	look_stat(&st, ret);
	ret->xattrs = sum_xattrs(path, false);
	if (S_ISREG(st.st_mode)) {
		int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

		ret->data = fd < 0 ? (uint64_t)-errno : sum_data(fd);
		if (fd >= 0)
			close(fd);
	} else if (S_ISLNK(st.st_mode)) {
		ssize_t len = readlink(path, text, sizeof(text));

		ret->text = len < 0 ? (uint64_t)-errno : sum_add(0, text, (size_t)len);
	}
}

void look_at_fd(int fd, struct look *ret)
{
	char path[64];
	struct stat st;

	if (fstat(fd, &st) < 0) {
		*ret = (struct look){.error = errno};
		return;
	}
	look_stat(&st, ret);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ret->xattrs = sum_xattrs(path, true);
	if (S_ISREG(st.st_mode))
		ret->data = sum_data(fd);
}

const char *look_differs(const struct look *a, const struct look *b, bool strict, char *buf,
			 size_t size)
{
	const struct {
		const char *name;
		uint64_t a, b;
		bool octal;
	} fields[] = {
		{"errno of lstat", (uint64_t)a->error, (uint64_t)b->error, false},
		{"type and mode", a->mode, b->mode, true},
		{"uid", a->uid, b->uid, false},
		{"gid", a->gid, b->gid, false},
		{"size", (uint64_t)a->size, (uint64_t)b->size, false},
		{"link count", a->nlink, b->nlink, false},
		{"text of the symlink", a->text, b->text, false},
		{"contents", a->data, b->data, false},
		{"extended attributes", a->xattrs, b->xattrs, false},
		{"modification time (-1: later than any that was set)", (uint64_t)a->time,
		 (uint64_t)b->time, false},
	};

	const size_t n = sizeof(fields) / sizeof(*fields);

	for (size_t i = 0; i < n; i++) {
		if (fields[i].a == fields[i].b || (!strict && i == n - 1 && S_ISDIR(a->mode)))
			continue;
		if (fields[i].octal)
			snprintf(buf, size, "%s: %06" PRIo64 " and %06" PRIo64, fields[i].name,
				 fields[i].a, fields[i].b);
		else
			snprintf(buf, size, "%s: %" PRId64 " and %" PRId64, fields[i].name,
				 (int64_t)fields[i].a, (int64_t)fields[i].b);
		return buf;
	}
	return NULL;
}

/* ---- directories */

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->name, ((const struct name *)b)->name);
}

static void names_fill(struct names *names, DIR *dir)
{
	struct dirent *entry;

	while (errno = 0, (entry = readdir(dir)) != NULL) {
		struct name *name;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
			names->dots++;
			continue;
		}
		if (names->n == names->room) {
			names->room = names->room ? names->room * 2 : 32;
			names->all = realloc(names->all, names->room * sizeof(*names->all));
			if (!names->all)
				die("out of memory");
		}
		name = &names->all[names->n++];
		name->name = strdup(entry->d_name);
		name->type = entry->d_type;
		name->ino = entry->d_ino;
	}
	names->error = errno;
	if (names->n)
		qsort(names->all, names->n, sizeof(*names->all), compare_names);
}

void names_read(struct names *names, const char *path)
{
	DIR *dir = opendir(path);

	*names = (struct names){.error = errno};
	if (!dir)
		return;
	names_fill(names, dir);
	closedir(dir);
}

void names_read_fd(struct names *names, int fd)
{
	int copy = dup(fd);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);

	*names = (struct names){.error = errno};
	if (!dir) {
		if (copy >= 0)
			close(copy);
		return;
	}
	rewinddir(dir);
	names_fill(names, dir);
	closedir(dir);
}

uint64_t names_sum(const struct names *names)
{
	uint64_t sum = sum_add(0, &names->error, sizeof(names->error));

	sum = sum_add(sum, &names->dots, sizeof(names->dots));
	for (size_t i = 0; i < names->n; i++) {
		sum = sum_add(sum, names->all[i].name, strlen(names->all[i].name));
		sum = sum_add(sum, &names->all[i].type, 1);
	}
	return sum;
}

void names_release(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->all[i].name);
	free(names->all);
	*names = (struct names){0};
}

/* ---- trees */

struct tree {
	const char *root;
	size_t n, room;
	struct seen {
		char *path; /* below the root; "" for itself */
		struct look look;
		size_t first; /* the first object with the same inode, in the order of paths */
	} * all;
	bool strict, bad;
};

static void tree_add(struct tree *tree, const char *path, const struct look *look)
{
	if (tree->n == tree->room) {
		tree->room = tree->room ? tree->room * 2 : 256;
		tree->all = realloc(tree->all, tree->room * sizeof(*tree->all));
		if (!tree->all)
			die("out of memory");
	}
	tree->all[tree->n++] = (struct seen){.path = strdup(path), .look = *look};
}

/* Add PATH (below the root) and all that is below it. */
static void tree_scan(struct tree *tree, const char *path)
{
	char full[FULL_MAX], child[FULL_MAX], shown[REL_MAX];
	struct look look;
	struct names names;

	join(full, tree->root, path);
	look_at(full, &look);
	tree_add(tree, path, &look);
	if (look.error != 0 || !S_ISDIR(look.mode))
		return;
	names_read(&names, full);
	for (size_t i = 0; i < names.n; i++) {
		struct name *name = &names.all[i];
		const struct look *seen;
		size_t at = tree->n;

		if (*path)
			join(child, path, name->name);
		else
			snprintf(child, sizeof(child), "%s", name->name);
		tree_scan(tree, child);
		seen = &tree->all[at].look;
		if (i > 0 && strcmp(name->name, names.all[i - 1].name) == 0) {
			printf("%s: readdir gives the name '%s' twice\n", tree->root,
			       printable(shown, sizeof(shown), child));
			tree->bad = true;
		} else if (name->type != IFTODT(seen->mode) ||
			   (tree->strict && name->ino != seen->ino)) {
			printf("%s: readdir says type %d inode %ju of '%s', lstat type %d inode "
			       "%ju\n",
			       tree->root, name->type, (uintmax_t)name->ino,
			       printable(shown, sizeof(shown), child), IFTODT(seen->mode),
			       (uintmax_t)seen->ino);
			tree->bad = true;
		}
	}
	if (names.error != 0) {
		printf("%s: reading the directory '%s': %s\n", tree->root, path,
		       strerror(names.error));
		tree->bad = true;
	}
	names_release(&names);
}

static const struct tree *ordering;

static int compare_inodes(const void *a, const void *b)
{
	size_t i = *(const size_t *)a, k = *(const size_t *)b;
	const struct look *left = &ordering->all[i].look, *right = &ordering->all[k].look;

	if (left->dev != right->dev)
		return left->dev < right->dev ? -1 : 1;
	if (left->ino != right->ino)
		return left->ino < right->ino ? -1 : 1;
	return i < k ? -1 : i > k;
}

/* Give each object the first one of the same inode. */
static void tree_group(struct tree *tree)
{
	size_t *order = malloc(tree->n * sizeof(*order));

	if (!order)
		die("out of memory");
	for (size_t i = 0; i < tree->n; i++)
		order[i] = i;
	ordering = tree;
	qsort(order, tree->n, sizeof(*order), compare_inodes);
	for (size_t i = 0; i < tree->n; i++) {
		struct seen *seen = &tree->all[order[i]];
		const struct seen *before = i ? &tree->all[order[i - 1]] : NULL;

		seen->first = order[i];
		if (before && before->look.dev == seen->look.dev &&
		    before->look.ino == seen->look.ino)
			seen->first = before->first;
	}
	free(order);
}

/* The order in which tree_scan() comes to two paths. */
static int compare_paths(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	if (*a == '/' || *b == '/')
		return *a == *b ? 0 : *a == '\0' || (*a == '/' && *b) ? -1 : 1;
	return (unsigned char)*a - (unsigned char)*b;
}

static bool trees_same(const struct tree *a, const struct tree *b, bool strict)
{
	char why[256], shown[REL_MAX], other[REL_MAX];

	for (size_t i = 0; i < a->n || i < b->n; i++) {
		const struct seen *left = &a->all[i], *right = &b->all[i];
		int order;

		order = i == a->n ? 1 : i == b->n ? -1 : compare_paths(left->path, right->path);
		if (order != 0) {
			printf("'%s' is only below %s\n",
			       printable(shown, sizeof(shown),
					 order < 0 ? left->path : right->path),
			       order < 0 ? a->root : b->root);
			return false;
		}
		printable(shown, sizeof(shown), left->path);
		if (look_differs(&left->look, &right->look, strict, why, sizeof(why))) {
			printf("'%s' differs below %s and %s: %s\n", shown, a->root, b->root, why);
			return false;
		}
		if (strict && left->first != right->first) {
			const struct tree *tree = left->first != i ? a : b;
			size_t first = left->first != i ? left->first : right->first;

			printf("'%s' and '%s' are one inode below %s, and not below %s\n", shown,
			       printable(other, sizeof(other), tree->all[first].path), tree->root,
			       tree == a ? b->root : a->root);
			return false;
		}
	}
	return true;
}

static void tree_release(struct tree *tree)
{
	for (size_t i = 0; i < tree->n; i++)
		free(tree->all[i].path);
	free(tree->all);
}

long trees_compare(const char *const *roots, size_t n, size_t strict)
{
	struct tree trees[ROOTS_MAX] = {0};
	bool good = true;
	long seen;

	for (size_t i = 0; i < n; i++) {
		trees[i].root = roots[i];
		trees[i].strict = i < strict;
		tree_scan(&trees[i], "");
		tree_group(&trees[i]);
		good = good && !trees[i].bad;
	}
	for (size_t i = 1; good && i < n; i++)
		good = trees_same(&trees[0], &trees[i], i < strict);
	seen = (long)trees[0].n;
	for (size_t i = 0; i < n; i++)
		tree_release(&trees[i]);
	return good ? seen : -1;
}
