/* open: every flag on every kind of object, and what the descriptor may then do. */
#include "posix.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct row {
	const char *name;
	int flags;
	int want;
	bool truncates;
};
#define ROW(flags, ...)                                                                            \
	{                                                                                          \
#flags, flags, __VA_ARGS__                                                         \
	}

static const struct row on_file[] = {
	ROW(O_RDONLY, 0, false),
	ROW(O_WRONLY, 0, false),
	ROW(O_RDWR, 0, false),
	ROW(O_RDONLY | O_CREAT, 0, false),
	ROW(O_RDWR | O_CREAT, 0, false),
	ROW(O_RDWR | O_CREAT | O_EXCL, EEXIST, false),
	ROW(O_RDONLY | O_CREAT | O_EXCL | O_TRUNC, EEXIST, false),
	ROW(O_RDONLY | O_DIRECTORY, ENOTDIR, false),
	ROW(O_WRONLY | O_DIRECTORY, ENOTDIR, false),
	ROW(O_RDONLY | O_NOFOLLOW, 0, false),
	ROW(O_WRONLY | O_NOFOLLOW, 0, false),
	ROW(O_RDONLY | O_TRUNC, 0, true),
	ROW(O_WRONLY | O_TRUNC, 0, true),
	ROW(O_RDWR | O_TRUNC, 0, true),
	ROW(O_WRONLY | O_CREAT | O_TRUNC, 0, true),
	ROW(O_WRONLY | O_APPEND, 0, false),
	ROW(O_RDWR | O_APPEND, 0, false),
	ROW(O_RDWR | O_APPEND | O_TRUNC, 0, true),
	ROW(O_RDWR | O_SYNC, 0, false),
	ROW(O_RDWR | O_DSYNC, 0, false),
	ROW(O_RDONLY | O_NOATIME, 0, false),
	ROW(O_PATH, 0, false),
	ROW(O_PATH | O_NOFOLLOW, 0, false),
	ROW(O_PATH | O_DIRECTORY, ENOTDIR, false),
	ROW(O_TMPFILE | O_RDWR, ENOTDIR, false),
};

static const struct row on_dir[] = {
	ROW(O_RDONLY, 0, false),
	ROW(O_RDONLY | O_DIRECTORY, 0, false),
	ROW(O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, false),
	ROW(O_RDONLY | O_NOATIME, 0, false),
	ROW(O_WRONLY, EISDIR, false),
	ROW(O_RDWR, EISDIR, false),
	ROW(O_WRONLY | O_DIRECTORY, EISDIR, false),
	ROW(O_RDONLY | O_TRUNC, EISDIR, false),
	ROW(O_RDWR | O_TRUNC, EISDIR, false),
	ROW(O_RDONLY | O_CREAT, EISDIR, false),
	ROW(O_RDWR | O_CREAT, EISDIR, false),
	ROW(O_RDWR | O_CREAT | O_EXCL, EEXIST, false),
	ROW(O_PATH, 0, false),
	ROW(O_PATH | O_DIRECTORY, 0, false),
	ROW(O_TMPFILE | O_RDONLY, EINVAL, false),
};

/* Reading and writing as the access mode says. */
static void use_fd(int fd, const struct row *row, const char *kind)
{
	int mode = row->flags & O_ACCMODE;
	bool path_only = row->flags & O_PATH, append = row->flags & O_APPEND;
	bool may_read = mode != O_WRONLY && !path_only, may_write = mode != O_RDONLY && !path_only;
	off_t size = row->truncates ? 0 : SIZE;
	struct stat st;
	char c;

	ck_err(TRY(fstat(fd, &st)), 0, "fstat of %s opened %s", kind, row->name);
	ck_num(st.st_size, size, "size of %s opened %s", kind, row->name);
	ck_mode(st.st_mode, S_IFREG | 0644, "mode of %s opened %s", kind, row->name);
	ck_err(TRY(pread(fd, &c, 1, 0)), may_read ? 0 : EBADF, "reading %s opened %s", kind,
	       row->name);
	if (may_read && size > 0)
		ck_num(c, content[0], "first byte of %s opened %s", kind, row->name);
	ck_err(TRY(write(fd, "Z", 1)), may_write ? 0 : EBADF, "writing %s opened %s", kind,
	       row->name);
	if (!may_write)
		return;
	ck_err(TRY(fstat(fd, &st)), 0, "fstat of %s after a write", kind);
	if (append)
		size++;
	else if (size == 0)
		size = 1;
	ck_num(st.st_size, size, "size of %s opened %s after a write", kind, row->name);
}

static void file_row(enum kind kind, const struct row *row)
{
	const char *path = take(kind), *name = kind_name(kind);
	int mode = row->flags & O_ACCMODE;
	ino_t ino = ino_of(path);
	char want[SIZE + 1];
	size_t size = SIZE;
	int fd;

	fd = open(path, row->flags | O_CLOEXEC, 0600);
	ck_err(TRY(fd), row->want, "open %s %s", name, row->name);
	if (fd >= 0) {
		use_fd(fd, row, name);
		close(fd);
	}
	ck(ino != 0 && ino_of(path) == ino, "inode number of %s after open %s", name, row->name);
	memcpy(want, content, SIZE);
	if (row->truncates)
		size = 0;
	if (fd >= 0 && mode != O_RDONLY) {
		want[row->flags & O_APPEND ? size : 0] = 'Z';
		size += (row->flags & O_APPEND) || size == 0;
	}
	ck(holds(path, want, size), "content of %s after open %s", name, row->name);
}

static void dir_row(enum kind kind, const struct row *row)
{
	const char *path = take(kind), *name = kind_name(kind);
	struct stat st;
	int fd;

	fd = open(path, row->flags | O_CLOEXEC, 0600);
	ck_err(TRY(fd), row->want, "open %s %s", name, row->name);
	if (fd >= 0) {
		ck_err(TRY(fstat(fd, &st)), 0, "fstat of %s", name);
		ck_mode(st.st_mode, S_IFDIR | 0755, "mode of %s opened %s", name, row->name);
		ck_num(st.st_ino, ino_of(path), "inode number of %s opened %s", name, row->name);
		close(fd);
	}
	ck_str(names_in(path), "", "names in %s after open %s", name, row->name);
}

/* ---- symbolic links to each type of thing ---- */

enum target { TO_FILE, TO_DIR, TO_NOTHING, TO_ITSELF, TARGETS };

static const struct {
	const char *name;
	int flags;
	int want[TARGETS];
} on_link[] = {
	ROW(O_RDONLY, {0, 0, ENOENT, ELOOP}),
	ROW(O_RDWR, {0, EISDIR, ENOENT, ELOOP}),
	ROW(O_RDONLY | O_NOFOLLOW, {ELOOP, ELOOP, ELOOP, ELOOP}),
	ROW(O_RDONLY | O_DIRECTORY, {ENOTDIR, 0, ENOENT, ELOOP}),
	ROW(O_RDONLY | O_DIRECTORY | O_NOFOLLOW, {ENOTDIR, ENOTDIR, ENOTDIR, ENOTDIR}),
	ROW(O_RDWR | O_CREAT | O_EXCL, {EEXIST, EEXIST, EEXIST, EEXIST}),
	ROW(O_RDWR | O_CREAT | O_NOFOLLOW, {ELOOP, ELOOP, ELOOP, ELOOP}),
	ROW(O_PATH | O_NOFOLLOW, {0, 0, 0, 0}),
	ROW(O_PATH, {0, 0, ENOENT, ELOOP}),
	ROW(O_RDWR | O_CREAT, {0, EISDIR, 0, ELOOP}),
};
static const char *const link_dirs[] = {"low", "top", "mix", "new"};

static void make_links(const char *dir)
{
	static const char *const targets[] = {"open-file", "open-dir", "open-nothing", "open-3"};

	if (put_text(sf("%s/open-file", dir), "target") != 0 ||
	    make_dir(sf("%s/open-dir", dir)) != 0)
		die("cannot make what links lead to: %s", strerror(errno));
	for (int t = 0; t < TARGETS; t++)
		if (symlink(targets[t], sf("%s/open-%d", dir, t)) != 0)
			die("cannot make symbolic links: %s", strerror(errno));
}

static void open_prepare(enum layer layer)
{
	make_links(layer == LAYER_B ? "low" : "top");
	if (layer == LAYER_B)
		make_links("mix");
}

static void link_rows(const char *dir)
{
	struct stat st;

	for (size_t i = 0; i < COUNT(on_link); i++) {
		for (int t = 0; t < TARGETS; t++) {
			const char *path = sf("%s/open-%d", dir, t);
			int want = on_link[i].want[t];
			int fd = open(path, on_link[i].flags | O_CLOEXEC, 0644);

			ck_err(TRY(fd), want, "open %s %s", path, on_link[i].name);
			if (fd >= 0 && (on_link[i].flags & O_NOFOLLOW))
				ck(fstat(fd, &st) == 0 && S_ISLNK(st.st_mode),
				   "%s opened %s is a link", path, on_link[i].name);
			close(fd);
		}
	}
	ck(exists(sf("%s/open-nothing", dir)), "O_CREAT makes what a link of %s leads to", dir);
}

/* ---- fifos, sockets ---- */

static void special_rows(void)
{
	for (enum kind k = FIFO_NEW; k <= FIFO_LAST; k++) {
		const char *path = take(k), *name = kind_name(k);
		int fd;

		fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		ck_err(TRY(fd), 0, "open %s O_RDONLY|O_NONBLOCK", name);
		close(fd);
		fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
		ck_err(TRY(fd), ENXIO, "open %s O_WRONLY|O_NONBLOCK", name);
		close(fd);
		ck_err(TRY(open(path, O_RDONLY | O_DIRECTORY)), ENOTDIR, "open %s O_DIRECTORY",
		       name);
		ck_err(TRY(open(path, O_RDWR | O_CREAT | O_EXCL, 0600)), EEXIST,
		       "open %s O_CREAT|O_EXCL", name);
		fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (ck_err(TRY(fd), 0, "open %s O_RDWR", name)) {
			char buf[4] = "";

			ck_num(write(fd, "abc", 3), 3, "writing into %s", name);
			ck_num(read(fd, buf, 3), 3, "reading from %s", name);
			ck_str(buf, "abc", "what came through %s", name);
			close(fd);
		}
		ck_mode(mode_of(path), S_IFIFO | 0644, "mode of %s", name);
	}
	for (enum kind k = SOCK_NEW; k <= SOCK_LAST; k++) {
		const char *path = take(k);

		ck_err(TRY(open(path, O_RDONLY)), ENXIO, "open %s", kind_name(k));
		ck_err(TRY(open(path, O_RDWR)), ENXIO, "open %s O_RDWR", kind_name(k));
		ck_mode(mode_of(path), S_IFSOCK | 0644, "mode of %s", kind_name(k));
	}
}

/* ---- names that nothing has ---- */

static void absent_rows(enum kind kind)
{
	static const struct row rows[] = {
		ROW(O_RDONLY, ENOENT, false),
		ROW(O_RDWR, ENOENT, false),
		ROW(O_RDWR | O_TRUNC, ENOENT, false),
		ROW(O_PATH, ENOENT, false),
		ROW(O_RDONLY | O_DIRECTORY, ENOENT, false),
		ROW(O_RDONLY | O_CREAT, 0, false),
		ROW(O_RDWR | O_CREAT, 0, false),
		ROW(O_WRONLY | O_CREAT | O_EXCL, 0, false),
		ROW(O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0, false),
		ROW(O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0, false),
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *path = take(kind), *name = kind_name(kind);
		int fd = open(path, rows[i].flags | O_CLOEXEC, 0640);

		ck_err(TRY(fd), rows[i].want, "open %s %s", name, rows[i].name);
		ck(exists(path) == (rows[i].want == 0), "%s exists as it should after open %s",
		   name, rows[i].name);
		if (fd < 0)
			continue;
		ck_mode(mode_of(path), S_IFREG | 0640, "mode of %s made by open %s", name,
			rows[i].name);
		ck_num(size_of(path), 0, "size of %s made by open %s", name, rows[i].name);
		ck_num(nlink_of(path), 1, "links of %s made by open %s", name, rows[i].name);
		if ((rows[i].flags & O_ACCMODE) != O_RDONLY)
			ck_num(write(fd, "new", 3), 3, "write to %s made by open %s", name,
			       rows[i].name);
		close(fd);
	}
}

static void run(void)
{
	for (enum kind k = 0; k <= FILE_LAST; k++)
		for (size_t i = 0; i < COUNT(on_file); i++)
			file_row(k, &on_file[i]);
	for (enum kind k = DIR_NEW; k <= DIR_LAST; k++)
		for (size_t i = 0; i < COUNT(on_dir); i++)
			dir_row(k, &on_dir[i]);
	make_links("new");
	for (size_t i = 0; i < COUNT(link_dirs); i++)
		link_rows(link_dirs[i]);
	special_rows();
	for (enum kind k = ABSENT_NEW; k <= ABSENT_LAST; k++)
		absent_rows(k);
}

const struct posix_group open_group = {
	.name = "open",
	.about = "flags of open on every kind of object",
	.run = run,
	.prepare = open_prepare,
};
