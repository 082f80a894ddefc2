/* link: names of one inode, over copy-up; unlink of files that are open. */
#include "posix.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* ---- link ---- */

static void same(const char *a, const char *b, nlink_t links, const char *what)
{
	struct stat x, y;

	if (!ck_err(TRY(lstat(a, &x)), 0, "lstat of the first name, %s", what) ||
	    !ck_err(TRY(lstat(b, &y)), 0, "lstat of the second name, %s", what))
		return;
	ck_num(y.st_ino, x.st_ino, "inode number of the second name, %s", what);
	ck_num(x.st_nlink, links, "links of the first name, %s", what);
	ck_num(y.st_nlink, links, "links of the second name, %s", what);
	ck_mode(y.st_mode, x.st_mode, "mode of the second name, %s", what);
	ck_num(y.st_size, x.st_size, "size of the second name, %s", what);
	ck_num(y.st_dev, x.st_dev, "device of the second name, %s", what);
}

/* What is done through one name shows through the other. */
static void change_both(const char *a, const char *b, const char *name)
{
	int fd = open(a, O_WRONLY | O_APPEND | O_CLOEXEC), fd_b = open(b, O_RDONLY | O_CLOEXEC);

	ck_num(write(fd, "more", 4), 4, "append to the first name of %s", name);
	ck_num(size_of(b), SIZE + 4, "size of the second name of %s after an append", name);
	ck_err(TRY(ftruncate(fd, 10)), 0, "ftruncate of the first name of %s", name);
	ck(holds(b, content, 10), "content of the second name of %s", name);
	ck(holds_fd(fd_b, content, 10), "content of the second name of %s, opened before", name);
	ck_err(TRY(chmod(b, 0640)), 0, "chmod of the second name of %s", name);
	ck_mode(perm_of(a), 0640, "mode of the first name of %s after chmod", name);
	if (caps & CAP_XATTR) {
		char buf[8];

		ck_err(TRY(setxattr(a, "user.first", "1", 1, 0)), 0, "setxattr by name one of %s",
		       name);
		ck_num(getxattr(b, "user.first", buf, sizeof(buf)), 1, "getxattr by name two of %s",
		       name);
	}
	close(fd);
	close(fd_b);
}

static void link_file(enum kind kind, enum kind where)
{
	const char *a = take(kind), *b = take(where);
	const char *name = sf("%s linked to %s", kind_name(kind), kind_name(where));
	nlink_t links = kind == FILE_HARD ? 2 : 1;
	ino_t ino = ino_of(a);

	if (!ck_err(TRY(link(a, b)), 0, "link, %s", name))
		return;
	ck_num(ino_of(a), ino, "inode number after link, %s", name);
	same(a, b, links + 1, name);
	if (kind == FILE_HARD)
		same(sf("%s~", a), b, links + 1, sf("%s and its other name", name));
	ck_str(sign(b), sign(a), "content of the second name, %s", name);
	ck_err(TRY(link(a, b)), EEXIST, "link again, %s", name);
	change_both(a, b, name);
	if (kind == FILE_HARD)
		ck_str(sign(sf("%s~", a)), sign(a), "the other name's content, %s", name);
	same(a, b, links + 1, sf("%s, changed", name));
	ck_err(TRY(rename(a, sf("%s.moved", a))), 0, "rename of the first name, %s", name);
	same(sf("%s.moved", a), b, links + 1, sf("%s, renamed", name));
	ck_err(TRY(unlink(sf("%s.moved", a))), 0, "unlink of the first name, %s", name);
	ck_num(nlink_of(b), links, "links after unlink, %s", name);
	ck(holds(b, content, 10), "content after unlink, %s", name);
	ck_num(ino_of(b), ino, "inode number after unlink, %s", name);
	ck_err(TRY(unlink(b)), 0, "unlink of the second name, %s", name);
	ck(!exists(a) && !exists(b), "both names are gone, %s", name);
}

static void link_other(enum kind kind)
{
	const char *a = take(kind), *b = beside(kind), *name = kind_name(kind);
	const char *before = sign(a);

	if (!ck_err(TRY(linkat(AT_FDCWD, a, AT_FDCWD, b, 0)), 0, "link %s", name))
		return;
	same(a, b, 2, name);
	ck_str(sign(b), before, "second name of %s", name);
	ck_err(TRY(unlink(a)), 0, "unlink first name of %s", name);
	ck_num(nlink_of(b), 1, "links of %s after unlink", name);
	ck_str(sign(b), before, "%s after unlink", name);
}

/* Two names of a lower file: whatever copies it up, they stay one file. */
static void lower_links(void)
{
	enum { BY_CHMOD, BY_WRITE, BY_TRUNCATE, BY_RENAME, BY_UNLINK, BY_UTIMES, WAYS };
	static const char *const ways[] = {"chmod",  "write",  "truncate",
					   "rename", "unlink", "utimens"};

	for (int way = 0; way < WAYS; way++) {
		const char *a = take(FILE_HARD), *b = sf("%s~", a), *what = ways[way];
		int old = open(b, O_RDONLY | O_CLOEXEC), fd = -1;
		nlink_t links = 2;
		struct stat st;

		same(a, b, 2, sf("lower links before %s", what));
		if (way == BY_CHMOD)
			ck_err(TRY(chmod(a, 0600)), 0, "chmod of a lower link");
		else if (way == BY_WRITE)
			ck_err(put(a, content, 100), 0, "write to a lower link");
		else if (way == BY_TRUNCATE)
			ck_err(TRY(truncate(a, 77)), 0, "truncate of a lower link");
		else if (way == BY_RENAME)
			ck_err(TRY(rename(a, sf("%s.moved", a))), 0, "rename of a lower link");
		else if (way == BY_UNLINK)
			ck_err(TRY(unlink(a)), 0, "unlink of a lower link");
		else
			ck_err(TRY(utimensat(AT_FDCWD, a, NULL, 0)), 0, "utimens of a lower link");
		if (way == BY_RENAME)
			a = sf("%s.moved", a);
		if (way == BY_UNLINK)
			links = 1;
		else
			ck_str(sign(b), sign(a), "two lower links after %s", what);
		same(way == BY_UNLINK ? b : a, b, links, sf("lower links after %s", what));
		ck_err(TRY(fstat(old, &st)), 0, "fstat of a lower link opened before %s", what);
		ck_num(st.st_nlink, links, "its links after %s", what);
		ck_num(st.st_ino, ino_of(b), "its inode number after %s", what);
		ck_num(st.st_size, size_of(b), "its size after %s", what);
		fd = open(b, O_RDWR | O_CLOEXEC);
		ck_num(pwrite(fd, "through b", 9, 0), 9, "write by the other name after %s", what);
		if (way != BY_UNLINK)
			ck_str(sign(a), sign(b), "two lower links, both changed, after %s", what);
		close(fd);
		close(old);
	}
}

static void link_errors(void)
{
	const char *file = take(FILE_LOW);
	static const enum kind over[] = {FILE_NEW, FILE_LOW, DIR_LOW,  FULL_MERGED,
					 LINK_LOW, FIFO_LOW, DIR_AGAIN};
	int fd;

	for (enum kind k = DIR_NEW; k <= FULL_LAST; k++)
		ck_err(TRY(link(take(k), "new/link-dir")), EPERM, "link of %s", kind_name(k));
	for (size_t i = 0; i < COUNT(over); i++)
		ck_err(TRY(link(file, take(over[i]))), EEXIST, "link over %s", kind_name(over[i]));
	ck_num(nlink_of(file), 1, "links after what failed");
	for (enum kind k = 0; k <= FILE_LAST; k++) {
		const char *path = take(k), *name = kind_name(k);
		const char *to = beside(k);

		/* by its descriptor */
		fd = open(path, O_RDONLY | O_CLOEXEC);
		ck_err(TRY(linkat(AT_FDCWD, sf("/proc/self/fd/%d", fd), AT_FDCWD, to,
				  AT_SYMLINK_FOLLOW)),
		       0, "link of an open %s", name);
		ck_num(ino_of(to), ino_of(path), "inode number of an open %s and its link", name);
		ck_err(TRY(unlink(to)), 0, "unlink of an open %s's link", name);
		close(fd);
	}
	/* a symbolic link is followed only when asked */
	ck_err(TRY(symlink("link-target", "new/link-sym")), 0, "symlink");
	ck_err(put_text("new/link-target", "t"), 0, "create of what it leads to");
	ck_err(TRY(linkat(AT_FDCWD, "new/link-sym", AT_FDCWD, "new/link-a", 0)), 0, "linkat");
	ck_mode(mode_of("new/link-a"), S_IFLNK | 0777, "mode of a linked symlink");
	ck_err(TRY(linkat(AT_FDCWD, "new/link-sym", AT_FDCWD, "new/link-b", AT_SYMLINK_FOLLOW)), 0,
	       "linkat AT_SYMLINK_FOLLOW");
	ck_num(ino_of("new/link-b"), ino_of("new/link-target"), "what was followed");
	ck_err(TRY(linkat(AT_FDCWD, "new/link-sym", AT_FDCWD, "new/link-c", 0x20)), EINVAL,
	       "linkat with a flag that is none");
}

static void many_links(void)
{
	const char *path = take(FILE_LOW);

	for (int i = 0; i < 200; i++)
		if (link(path, sf("%s-%d", path, i)) != 0) {
			ck_err(errno, 0, "link %d of one file", i);
			return;
		}
	ck_num(nlink_of(path), 201, "links of a file with 201 names");
	ck_err(TRY(chmod(path, 0611)), 0, "chmod of it");
	for (int i = 0; i < 200; i += 20)
		ck_mode(perm_of(sf("%s-%d", path, i)), 0611, "mode of name %d", i);
	for (int i = 0; i < 200; i++)
		unlink(sf("%s-%d", path, i));
	ck_num(nlink_of(path), 1, "links when the others are gone");
}

static void run_link(void)
{
	static const enum kind where[] = {ABSENT_NEW, ABSENT_LOW, ABSENT_MIX, ABSENT_GONE,
					  ABSENT_WHITED};

	for (enum kind k = 0; k <= FILE_LAST; k++)
		for (size_t i = 0; i < COUNT(where); i++)
			link_file(k, where[i]);
	for (enum kind k = LINK_NEW; k <= SOCK_LAST; k++)
		link_other(k);
	lower_links();
	link_errors();
	many_links();
}

const struct posix_group link_group = {
	.name = "link",
	.about = "hard links, over copy-up as well",
	.run = run_link,
};

/* ---- unlink ---- */

/* The file has no name any more, and everything else. */
static void use_nameless(int fd, bool writable, const char *name)
{
	struct stat st;
	char *map;

	ck_err(TRY(fstat(fd, &st)), 0, "fstat of the unlinked %s", name);
	ck_num(st.st_nlink, 0, "links of the unlinked %s", name);
	ck_num(st.st_size, SIZE, "size of the unlinked %s", name);
	ck(holds_fd(fd, content, SIZE), "content of the unlinked %s", name);
	map = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, fd, 0);
	ck(map != MAP_FAILED && memcmp(map, content, SIZE) == 0, "mapping of the unlinked %s",
	   name);
	if (map != MAP_FAILED)
		munmap(map, SIZE);
	ck_err(TRY(fchmod(fd, 0600)), 0, "fchmod of the unlinked %s", name);
	ck_err(TRY(fstat(fd, &st)), 0, "fstat of the unlinked %s", name);
	ck_mode(st.st_mode, S_IFREG | 0600, "mode of the unlinked %s", name);
	ck_num(st.st_nlink, 0, "links of the unlinked %s after fchmod", name);
	if (caps & CAP_XATTR) {
		char buf[8];

		ck_err(TRY(fsetxattr(fd, "user.x", "y", 1, 0)), 0, "fsetxattr of the unlinked %s",
		       name);
		ck_num(fgetxattr(fd, "user.x", buf, sizeof(buf)), 1, "fgetxattr of the unlinked %s",
		       name);
	}
	ck_err(TRY(linkat(AT_FDCWD, sf("/proc/self/fd/%d", fd), AT_FDCWD, "new/unlink-back",
			  AT_SYMLINK_FOLLOW)),
	       ENOENT, "link of the unlinked %s", name);
	if (!writable)
		return;
	ck_num(pwrite(fd, "tail", 4, SIZE), 4, "write to the unlinked %s", name);
	ck_err(TRY(ftruncate(fd, SIZE + 2)), 0, "ftruncate of the unlinked %s", name);
	ck_err(TRY(fsync(fd)), 0, "fsync of the unlinked %s", name);
	ck_err(TRY(fstat(fd, &st)), 0, "fstat of the unlinked %s", name);
	ck_num(st.st_size, SIZE + 2, "size of the unlinked %s after ftruncate", name);
}

static void unlink_open(enum kind kind, int flags)
{
	const char *path = take(kind), *name = kind_name(kind);
	int fd = open(path, flags | O_CLOEXEC), second;
	struct stat old, new;

	if (kind == FILE_HARD)
		unlink(sf("%s~", path));
	ck_err(TRY(unlink(path)), 0, "unlink of the open %s", name);
	ck(!exists(path), "the open %s has no name", name);
	use_nameless(fd, flags == O_RDWR, name);
	ck_err(put_text(path, "second"), 0, "another file where %s was", name);
	second = open(path, O_RDONLY | O_CLOEXEC);
	ck(fstat(fd, &old) == 0 && fstat(second, &new) == 0 && old.st_ino != new.st_ino,
	   "%s and its successor are two inodes", name);
	ck(holds(path, "second", 6), "content of %s's successor", name);
	ck_num(old.st_nlink, 0, "links of %s beside its successor", name);
	close(second);
	close(fd);
}

static void unlink_one_of_two(enum kind kind)
{
	const char *path = take(kind), *other = beside(kind), *name = kind_name(kind);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	ck_err(TRY(link(path, other)), 0, "link of the open %s", name);
	ck_err(TRY(unlink(path)), 0, "unlink of one name of %s", name);
	ck_err(TRY(fstat(fd, &st)), 0, "fstat of %s, one name gone", name);
	ck_num(st.st_nlink, kind == FILE_HARD ? 2 : 1, "links of %s, one name gone", name);
	ck_num(st.st_ino, ino_of(other), "inode number of %s's other name", name);
	ck(holds(other, content, SIZE), "content of %s's other name", name);
	close(fd);
}

static void unlink_closed(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind);
	unsigned char type;
	ino_t ino;

	ck_err(TRY(unlink(path)), 0, "unlink %s", name);
	ck(!exists(path), "%s is gone", name);
	ck(!entry_of(path, &type, &ino), "readdir does not show %s any more", name);
	ck_err(TRY(unlink(path)), ENOENT, "unlink %s again", name);
	ck_err(TRY(open(path, O_RDONLY)), ENOENT, "open %s after unlink", name);
	ck_err(make_dir(path), 0, "a directory where %s was", name);
	ck_str(names_in(path), "", "what is in it where %s was", name);
	ck_err(TRY(rmdir(path)), 0, "rmdir where %s was", name);
	ck_err(put_text(path, "new"), 0, "a file where %s was", name);
	ck(holds(path, "new", 3), "its content where %s was", name);
	ck_err(TRY(unlink(path)), 0, "unlink where %s was", name);
	ck(!exists(path), "nothing comes back where %s was", name);
}

static void run_unlink(void)
{
	for (enum kind k = 0; k <= FILE_LAST; k++) {
		unlink_open(k, O_RDONLY);
		unlink_open(k, O_RDWR);
		unlink_one_of_two(k);
		unlink_closed(k);
	}
	for (enum kind k = LINK_NEW; k <= SOCK_LAST; k++)
		unlink_closed(k);
	for (enum kind k = DIR_NEW; k <= FULL_LAST; k++)
		ck_err(TRY(unlink(take(k))), EISDIR, "unlink %s", kind_name(k));
}

const struct posix_group unlink_group = {
	.name = "unlink",
	.about = "unlink, of open files as well",
	.run = run_unlink,
};
