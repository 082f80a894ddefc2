/* The list of everything in DIR: the table writes it into DIR at its end, and --verify compares it
 * with what is there then. One line for each object: its path, type, mode, owner, mtime, xattrs,
 * links, size, content, and for one of several links the path that was seen first. */
#include "posix.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define LIST ".list-of-all"

struct first {
	ino_t ino;
	uint64_t path; /* its hash */
};
static struct first *firsts;
static size_t n_firsts;

static uint64_t first_path(ino_t ino, const char *path)
{
	for (size_t i = 0; i < n_firsts; i++)
		if (firsts[i].ino == ino)
			return firsts[i].path;
	firsts = realloc(firsts, (n_firsts + 1) * sizeof(*firsts));
	if (!firsts)
		die("out of memory");
	firsts[n_firsts] = (struct first){ino, hash(0, path, strlen(path))};
	return firsts[n_firsts++].path;
}

/* PATH/NAME, what is not printable as %xx; free it */
static char *join(const char *path, const char *name)
{
	char *joined = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&joined, &size);

	if (!f)
		die("out of memory");
	fprintf(f, "%s/", path);
	for (; *name; name++)
		if (*name <= ' ' || *name == '%' || *name == 0x7f)
			fprintf(f, "%%%02x", (unsigned char)*name);
		else
			fputc(*name, f);
	fclose(f);
	return joined;
}

static uint64_t hash_data(int at, const char *name)
{
	static char buf[65536];
	int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	uint64_t sum = 0;
	ssize_t n;

	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0)
		sum = hash(sum, buf, n);
	close(fd);
	return fd < 0 ? (uint64_t)errno : sum;
}

static uint64_t hash_xattrs(int at, const char *name)
{
	int fd = openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	const char *path = sf("/proc/self/fd/%d", fd);
	char list[8192], value[8192];
	ssize_t n = listxattr(path, list, sizeof(list));
	uint64_t sum = 0;

	for (char *p = list; n > 0 && p < list + n; p += strlen(p) + 1) {
		ssize_t size = getxattr(path, p, value, sizeof(value));

		/* their order is nobody's promise */
		sum += hash(hash(0, p, strlen(p)), value, size > 0 ? size : 0);
	}
	close(fd);
	return sum;
}

static void list_object(FILE *f, int at, const char *name, const char *path)
{
	char target[4096];
	struct stat st;
	ssize_t n;

	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		fprintf(f, "%s errno %d\n", path, errno);
		return;
	}
	fprintf(f, "%s %o %u:%u mtime=%lld.%09ld", path, st.st_mode, st.st_uid, st.st_gid,
		(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
		fprintf(f, " xattrs=%llx", (unsigned long long)hash_xattrs(at, name));
	if (!S_ISDIR(st.st_mode))
		fprintf(f, " links=%d size=%lld rdev=%llx", (int)st.st_nlink, (long long)st.st_size,
			(unsigned long long)st.st_rdev);
	if (!S_ISDIR(st.st_mode) && st.st_nlink > 1)
		fprintf(f, " first=%llx", (unsigned long long)first_path(st.st_ino, path));
	if (S_ISREG(st.st_mode))
		fprintf(f, " data=%llx", (unsigned long long)hash_data(at, name));
	if (S_ISLNK(st.st_mode)) {
		n = readlinkat(at, name, target, sizeof(target));
		fprintf(f, " target=%llx", (unsigned long long)hash(0, target, n > 0 ? n : 0));
	}
	fputc('\n', f);
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int listed(const struct dirent *e)
{
	return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
	       strcmp(e->d_name, LIST) != 0;
}

static void list_tree(FILE *f, int at, const char *name, const char *path)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct dirent **list = NULL;
	int n = fd < 0 ? -1 : scandirat(fd, ".", &list, listed, by_bytes);

	if (n < 0)
		fprintf(f, "%s cannot be read: errno %d\n", path, errno);
	for (int i = 0; i < n; i++) {
		char *below = join(path, list[i]->d_name);

		list_object(f, fd, list[i]->d_name, below);
		if (list[i]->d_type == DT_DIR)
			list_tree(f, fd, list[i]->d_name, below);
		free(below);
		free(list[i]);
	}
	free(list);
	close(fd);
}

/* ---- lists of lines ---- */

struct lines {
	char *text;
	char **line;
	size_t n;
};

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Owns TEXT from here on. */
static void cut(struct lines *l, char *text)
{
	*l = (struct lines){.text = text};
	for (char *p = strtok_r(text, "\n", &text); p; p = strtok_r(NULL, "\n", &text)) {
		if (l->n % 4096 == 0)
			l->line = realloc(l->line, (l->n + 4096) * sizeof(*l->line));
		if (!l->line)
			die("out of memory");
		l->line[l->n++] = p;
	}
	qsort(l->line, l->n, sizeof(*l->line), by_text);
}

static void cut_free(struct lines *l)
{
	free(l->line);
	free(l->text);
}

static char *list_all(size_t *ret_size)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, ret_size);

	if (!f)
		die("out of memory");
	list_tree(f, AT_FDCWD, ".", ".");
	fclose(f);
	free(firsts);
	firsts = NULL;
	n_firsts = 0;
	return text;
}

void list_write(void)
{
	size_t size = 0;
	char *text = list_all(&size);

	ck_err(put(LIST, text, size), 0, "writing the list of everything");
	free(text);
}

static char *read_list(void)
{
	int fd = open(LIST, O_RDONLY | O_CLOEXEC);
	size_t done = 0;
	struct stat st;
	ssize_t n = 1;
	char *text;

	if (fd < 0 || fstat(fd, &st) != 0)
		die("there is no list of everything: %s", strerror(errno));
	text = malloc(st.st_size + 1);
	if (!text)
		die("out of memory");
	while (done < (size_t)st.st_size && (n = read(fd, text + done, st.st_size - done)) > 0)
		done += n;
	text[done] = '\0';
	close(fd);
	return text;
}

/* The end of a long line: what is in it, and the last part of the path. */
static const char *tail(const char *line, size_t max)
{
	size_t len = strlen(line);

	return len > max ? line + len - max : line;
}

void list_verify(void)
{
	struct lines then, now;
	size_t size = 0, i = 0, j = 0;

	cut(&then, read_list());
	cut(&now, list_all(&size));
	while (i < then.n || j < now.n) {
		char *a = i < then.n ? then.line[i] : NULL, *b = j < now.n ? now.line[j] : NULL;
		size_t a_len = a ? strcspn(a, " ") : 0, b_len = b ? strcspn(b, " ") : 0;
		bool one = a && b && a_len == b_len && memcmp(a, b, a_len) == 0;

		if (one)
			ck_str(strcmp(a, b) == 0 ? "the same" : b + b_len,
			       strcmp(a, b) == 0 ? "the same" : a + a_len, "%s",
			       tail(sf("%.*s", (int)a_len, a), 300));
		else if (!b || (a && strcmp(a, b) < 0))
			ck(false, "%s is lost", tail(a, 400));
		else
			ck(false, "%s has come", tail(b, 400));
		i += one || !b || (a && strcmp(a, b) < 0);
		j += one || !(!b || (a && strcmp(a, b) < 0));
	}
	ck(then.n > 500, "the list has many objects");
	cut_free(&then);
	cut_free(&now);
}
