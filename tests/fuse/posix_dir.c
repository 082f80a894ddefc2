/* readdir: each name exactly once, also while the directory changes; telldir and seekdir; many
 * names. inode: numbers are those readdir gives, they are unique, and copying up keeps them. */
#include "posix.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

/* ---- many names: the first 60 % are in B, the last 60 % in A ---- */

#define MANY 5000
#define SOME 1500
static const int bigs[] = {MANY, SOME, SOME, SOME};

static const char *big_name(int i)
{
	return sf("entry-%04d", i);
}

static void prepare(enum layer layer)
{
	for (size_t d = 0; d < COUNT(bigs); d++) {
		int first = layer == LAYER_B ? 0 : bigs[d] * 4 / 10;
		int last = layer == LAYER_B ? bigs[d] * 6 / 10 : bigs[d];
		char dir[16];

		snprintf(dir, sizeof(dir), "big-%zu", d);
		if (mkdir(dir, 0755) != 0 && errno != EEXIST)
			die("cannot make %s", dir);
		for (int i = first; i < last; i++) {
			const char *path = sf("%s/%s", dir, big_name(i));

			if (TRY(mknod(path, S_IFREG | 0644, 0)) != 0 && errno != EEXIST)
				die("cannot make %s: %s", path, strerror(errno));
		}
	}
}

/* What was seen of the names of a big directory. */
struct seen {
	unsigned char times[MANY + 1000]; /* by number */
	int others;
};

static void see(struct seen *s, const char *name)
{
	int i;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return;
	if (strlen(name) == 10 && sscanf(name, "entry-%d", &i) == 1 && i >= 0 && i < MANY + 1000)
		s->times[i]++;
	else
		s->others++;
}

/* Names first to last-1: how many were seen another number of times than WANT. */
static int wrong(const struct seen *s, int first, int last, int want)
{
	int n = 0;

	for (int i = first; i < last; i++)
		n += s->times[i] != want;
	return n;
}

static void see_all(struct seen *s, DIR *dir)
{
	struct dirent *e;

	memset(s, 0, sizeof(*s));
	while ((e = readdir(dir)))
		see(s, e->d_name);
}

static void big_whole(const char *path)
{
	struct seen s;
	DIR *dir = opendir(path);

	if (!ck(dir != NULL, "opendir %s", path))
		return;
	see_all(&s, dir);
	ck_num(wrong(&s, 0, MANY, 1), 0, "names of %s not seen once", path);
	ck_num(s.others, 0, "other names of %s", path);
	rewinddir(dir);
	see_all(&s, dir);
	ck_num(wrong(&s, 0, MANY, 1), 0, "names of %s not seen once after rewinddir", path);
	for (int i = MANY; i < MANY + 1000; i++)
		put_text(sf("%s/%s", path, big_name(i)), "");
	for (int i = 0; i < MANY; i += 5)
		unlink(sf("%s/%s", path, big_name(i)));
	rewinddir(dir);
	see_all(&s, dir);
	for (int i = 0; i < MANY; i += 5)
		s.times[i] = s.times[i] ? 9 : 1;
	ck_num(wrong(&s, 0, MANY + 1000, 1), 0, "names of %s wrong after changes and rewinddir",
	       path);
	closedir(dir);
}

/* Positions are places to go back to, in any order. */
static void big_positions(const char *path, int names_in_it)
{
	static long at[MANY + 3];
	static char names[MANY + 2][32];
	DIR *dir = opendir(path);
	struct dirent *e;
	int n = 0, bad = 0;

	for (at[0] = telldir(dir); n < MANY + 2 && (e = readdir(dir)); at[++n] = telldir(dir))
		snprintf(names[n], sizeof(names[n]), "%.31s", e->d_name);
	ck_num(n, names_in_it + 2, "names with positions in %s", path);
	for (int i = 0; i < 300; i++) {
		int j = (i * 7919) % n;

		seekdir(dir, at[j]);
		e = readdir(dir);
		bad += !e || strcmp(e->d_name, names[j]) != 0;
		/* and what comes after it */
		e = readdir(dir);
		bad += j + 1 < n && (!e || strcmp(e->d_name, names[j + 1]) != 0);
	}
	ck_num(bad, 0, "seekdir in %s led elsewhere", path);
	closedir(dir);
}

/* Entries come and go while it is read; what is not touched is seen once. */
static void big_changes(const char *path)
{
	struct seen s = {.others = 0};
	DIR *dir = opendir(path);
	struct dirent *e;
	int n = 0, name;

	if (!ck(dir != NULL, "opendir %s", path))
		return;
	while ((e = readdir(dir))) {
		see(&s, e->d_name);
		n++;
		if (n % 10 == 0 && (name = n / 2) < SOME) {
			/* only names whose number ends in 3 or 4 are touched */
			name = name / 10 * 10;
			unlink(sf("%s/%s", path, big_name(name + 3)));
			rename(sf("%s/%s", path, big_name(name + 4)),
			       sf("%s/%s.moved", path, big_name(name + 4)));
			put_text(sf("%s/new-%d", path, n), "");
		}
		if (n > 3 * SOME)
			break;
	}
	ck(n <= 3 * SOME, "reading of the changing %s ends", path);
	for (int i = 0; i < SOME; i++)
		if ((i % 10 == 3 || i % 10 == 4) && s.times[i] == 0)
			s.times[i] = 1;
	ck_num(wrong(&s, 0, SOME, 1), 0,
	       "untouched names of the changing %s not seen once, or others twice", path);
	closedir(dir);
}

/* As rm -r does it: read and unlink, then rmdir. */
static void big_removed(const char *path, int names_in_it)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	int n = 0, rc = 0;

	while ((e = readdir(dir)) && rc == 0) {
		if (e->d_name[0] == '.')
			continue;
		rc = TRY(unlinkat(dirfd(dir), e->d_name, 0));
		n++;
	}
	ck_err(rc, 0, "unlink while %s is read", path);
	ck_num(n, names_in_it, "names unlinked while %s was read", path);
	ck_err(TRY(rmdir(path)), 0, "rmdir of the emptied %s", path);
	ck_err(make_dir(path), 0, "mkdir of it");
	ck_str(names_in(path), "", "what comes back in %s", path);
	closedir(dir);
}

/* ---- small ones ---- */

static void read_small(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind);
	bool full = kind >= FULL_NEW;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), dots = 0;
	DIR *a = opendir(path), *b = opendir(path);
	struct dirent *e;
	char tiny[8];

	ck_str(names_in(path), full ? "dir file" : "", "names in %s", name);
	while ((e = readdir(a)))
		dots += strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	ck_num(dots, 2, "dots in %s", name);
	ck_err(put_text(sf("%s/added", path), ""), 0, "create in the open %s", name);
	rewinddir(a);
	for (dots = 0; (e = readdir(a));)
		dots += strcmp(e->d_name, "added") == 0;
	ck_num(dots, 1, "what was added to the open %s, after rewinddir", name);
	while ((e = readdir(b)))
		dots += e->d_name[0] != '.';
	ck(dots >= (full ? 3 : 1), "a second stream of %s is at its own place", name);
	ck_err(TRY(syscall(SYS_getdents64, fd, tiny, sizeof(tiny))), EINVAL,
	       "getdents of %s into 8 bytes", name);
	ck_err(TRY(unlink(sf("%s/added", path))), 0, "unlink in the open %s", name);
	rewinddir(a);
	for (dots = 0; (e = readdir(a));)
		dots += strcmp(e->d_name, "added") == 0;
	ck_num(dots, 0, "what was removed from the open %s, after rewinddir", name);
	closedir(a);
	closedir(b);
	close(fd);
}

static void run_readdir(void)
{
	for (enum kind k = DIR_NEW; k <= FULL_LAST; k++)
		read_small(k);
	big_whole("big-0");
	big_positions("big-1", bigs[1]);
	big_changes("big-2");
	big_removed("big-3", bigs[3]);
	ck_err(make_dir("new/big"), 0, "mkdir");
	for (int i = 0; i < SOME; i++)
		mknod(sf("new/big/%s", big_name(i)), S_IFREG | 0644, 0);
	big_positions("new/big", SOME);
	big_changes("new/big");
	ck_err(remove_tree("new/big"), 0, "removing a big new directory");
}

const struct posix_group readdir_group = {
	.name = "readdir",
	.about = "readdir of big and changing directories, telldir, seekdir",
	.run = run_readdir,
	.prepare = prepare,
};

/* ---- inode numbers ---- */

struct number {
	dev_t dev;
	ino_t ino;
	nlink_t links; /* 0 for directories */
};

static struct number *numbers;
static size_t n_numbers;

static void note_number(const struct stat *st)
{
	if (n_numbers % 1024 == 0)
		numbers = realloc(numbers, (n_numbers + 1024) * sizeof(*numbers));
	if (!numbers)
		die("out of memory");
	numbers[n_numbers++] =
		(struct number){st->st_dev, st->st_ino, S_ISDIR(st->st_mode) ? 0 : st->st_nlink};
}

static int by_number(const void *a, const void *b)
{
	const struct number *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* One directory: what readdir gives is what stat gives. */
static void walk(int at, const char *name, const char *path, int depth)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	int bad_ino = 0, bad_type = 0, unseen = 0;
	char first_bad[256] = "";
	struct dirent *e;
	struct stat st;

	if (!ck(dir != NULL, "reading %s", path))
		return;
	while ((e = readdir(dir))) {
		if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
			unseen++;
			continue;
		}
		/* above DIR another file system may begin */
		if (strcmp(e->d_name, "..") == 0 && depth == 0)
			continue;
		if (e->d_ino != st.st_ino && bad_ino++ == 0)
			snprintf(first_bad, sizeof(first_bad), "%s", e->d_name);
		bad_type += e->d_type != IFTODT(st.st_mode);
		if (is_dots(e->d_name))
			continue;
		note_number(&st);
		if (S_ISDIR(st.st_mode) && depth < 40)
			walk(fd, e->d_name, depth < 4 ? sf("%s/%s", path, e->d_name) : path,
			     depth + 1);
	}
	ck_num(bad_ino, 0, "d_ino that are not st_ino in %s, such as %s", path, first_bad);
	ck_num(bad_type, 0, "d_type that are wrong in %s", path);
	ck_num(unseen, 0, "names without an object in %s", path);
	closedir(dir);
}

/* Every number is there as often as its object has links; no other. */
static void unique(void)
{
	int twice = 0, links = 0;

	qsort(numbers, n_numbers, sizeof(*numbers), by_number);
	for (size_t i = 0, j; i < n_numbers; i = j) {
		for (j = i; j < n_numbers && by_number(&numbers[i], &numbers[j]) == 0; j++)
			;
		if (numbers[i].links == 0)
			twice += j - i > 1;
		else
			links += j - i != numbers[i].links;
	}
	ck(n_numbers > 1000, "the tree has objects");
	ck_num(twice, 0, "directories that share an inode number");
	ck_num(links, 0, "inode numbers that are not there as often as they have links");
}

/* Whatever is done to an object, its number stays. */
static void stable(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind), *parent;
	mode_t type = kind_type(kind);
	struct stat st = {0}, fst;
	unsigned char d_type = 0;
	ino_t d_ino = 0;
	int fd = open(path, (S_ISREG(type) || S_ISDIR(type) ? O_RDONLY : O_PATH | O_NOFOLLOW) |
				    O_CLOEXEC);

	ck_err(TRY(lstat(path, &st)), 0, "lstat of %s", name);
	ck(entry_of(path, &d_type, &d_ino), "readdir of %s", name);
	ck_num(d_ino, st.st_ino, "d_ino of %s", name);
	ck_num(d_type, IFTODT(type), "d_type of %s", name);
	if (!S_ISLNK(type))
		ck_err(TRY(chmod(path, 0700)), 0, "chmod of %s", name);
	ck_num(ino_of(path), st.st_ino, "inode number of %s after chmod", name);
	ck_err(TRY(lchown(path, 0, 0)), 0, "chown of %s", name);
	ck_num(ino_of(path), st.st_ino, "inode number of %s after chown", name);
	if (S_ISREG(type)) {
		ck_err(put_text(path, "x"), 0, "write to %s", name);
		ck_num(ino_of(path), st.st_ino, "inode number of %s after a write", name);
	}
	if (S_ISDIR(type)) {
		ck_err(put_text(sf("%s/made", path), "x"), 0, "create in %s", name);
		ck_num(ino_of(path), st.st_ino, "inode number of %s after create", name);
		ck_num(ino_of(sf("%s/.", path)), st.st_ino, "inode number of %s/.", name);
		parent = sf("%.*s", (int)(strchr(path, '/') - path), path);
		ck_num(ino_of(sf("%s/..", path)), ino_of(parent), "inode number of %s/..", name);
	} else {
		ck_err(TRY(rename(path, sf("%s.to", path))), 0, "rename of %s", name);
		path = sf("%s.to", path);
	}
	ck_num(ino_of(path), st.st_ino, "inode number of %s at the end", name);
	ck_err(TRY(fstat(fd, &fst)), 0, "fstat of %s", name);
	ck_num(fst.st_ino, st.st_ino, "inode number of %s by fstat", name);
	ck_num(fst.st_dev, st.st_dev, "device of %s by fstat", name);
	ck(entry_of(path, &d_type, &d_ino), "readdir of %s at the end", name);
	ck_num(d_ino, st.st_ino, "d_ino of %s at the end", name);
	close(fd);
}

static void run_inode(void)
{
	for (enum kind k = 0; k < ABSENT_NEW; k++)
		stable(k);
	walk(AT_FDCWD, ".", ".", 0);
	unique();
	free(numbers);
}

const struct posix_group inode_group = {
	.name = "inode",
	.about = "inode numbers: stable, unique, the same in readdir and stat",
	.run = run_inode,
};
