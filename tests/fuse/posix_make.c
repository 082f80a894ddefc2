/* mkdir and rmdir; mknod; symlink and readlink; umask. */
#include "posix.h"

#include <fcntl.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

/* The kinds a new name is tried over. */
static const enum kind taken_by[] = {FILE_NEW, FILE_LOW,   FILE_OVER,  FILE_WHITED, DIR_NEW,
				     DIR_LOW,  DIR_MERGED, DIR_OPAQUE, FULL_LOW,    FULL_AGAIN,
				     LINK_NEW, LINK_LOW,   FIFO_NEW,   FIFO_LOW,    FIFO_OVER,
				     SOCK_NEW, SOCK_LOW};

/* ---- mkdir, rmdir ---- */

static void new_dir(const char *path, const char *where)
{
	unsigned char type = DT_UNKNOWN;
	ino_t ino = 0;

	if (!ck_err(make_dir(path), 0, "mkdir %s", where))
		return;
	ck_mode(mode_of(path), S_IFDIR | 0755, "mode of a directory made %s", where);
	ck(nlink_of(path) >= 1, "links of a directory made %s", where);
	ck_str(names_in(path), "", "names in a directory made %s", where);
	ck_err(TRY(mkdir(path, 0755)), EEXIST, "mkdir again %s", where);
	ck(entry_of(path, &type, &ino), "readdir shows a directory made %s", where);
	ck_num(type, DT_DIR, "d_type of a directory made %s", where);
	ck_num(ino, ino_of(path), "d_ino of a directory made %s", where);
	ck_err(put_text(sf("%s/ghost", path), "mine"), 0, "create in a directory made %s", where);
	ck_err(make_dir(sf("%s/dir", path)), 0, "mkdir in a directory made %s", where);
	ck_str(names_in(sf("%s/dir", path)), "", "names in its directory %s", where);
	ck_str(names_in(path), "dir ghost", "names in a used directory made %s", where);
	ck_err(TRY(rmdir(path)), ENOTEMPTY, "rmdir of a used directory made %s", where);
}

static void remove_empty(enum kind kind, bool by_unlinkat)
{
	const char *path = take(kind), *name = kind_name(kind);
	unsigned char type;
	ino_t ino;

	ck_err(by_unlinkat ? TRY(unlinkat(AT_FDCWD, path, AT_REMOVEDIR)) : TRY(rmdir(path)), 0,
	       "rmdir %s", name);
	ck(!exists(path), "%s is gone", name);
	ck(!entry_of(path, &type, &ino), "readdir does not show %s any more", name);
	ck_err(TRY(rmdir(path)), ENOENT, "rmdir %s again", name);
	new_dir(path, sf("where %s was", name));
	ck_err(remove_tree(path), 0, "removing what was made where %s was", name);
	ck_err(put_text(path, "file"), 0, "a file where %s was", name);
	ck(holds(path, "file", 4), "content of a file where %s was", name);
	ck_err(TRY(unlink(path)), 0, "unlink of a file where %s was", name);
	ck(!exists(path), "nothing is where %s was", name);
}

static void remove_full(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind);

	ck_str(names_in(path), "dir file", "names in %s", name);
	ck_err(TRY(rmdir(path)), ENOTEMPTY, "rmdir %s", name);
	ck_err(TRY(rmdir(sf("%s/dir", path))), ENOTEMPTY, "rmdir %s/dir", name);
	ck_err(TRY(unlink(path)), EISDIR, "unlink %s", name);
	ck_err(TRY(unlink(sf("%s/file", path))), 0, "unlink %s/file", name);
	ck_str(names_in(path), "dir", "names in %s without file", name);
	ck_err(TRY(unlink(sf("%s/dir/leaf", path))), 0, "unlink %s/dir/leaf", name);
	ck_err(TRY(rmdir(path)), ENOTEMPTY, "rmdir %s with an empty directory in it", name);
	ck_err(TRY(rmdir(sf("%s/dir", path))), 0, "rmdir %s/dir", name);
	ck_str(names_in(path), "", "names in the emptied %s", name);
	ck_err(TRY(rmdir(path)), 0, "rmdir of the emptied %s", name);
	new_dir(path, sf("where %s was", name));
}

/* A directory that is open, or current, while it is removed. */
static void remove_open(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *e;
	struct stat st;
	DIR *dir;

	ck_err(TRY(rmdir(path)), 0, "rmdir of the open %s", name);
	ck_err(TRY(fstat(fd, &st)), 0, "fstat of the removed %s", name);
	ck_num(st.st_nlink, 0, "links of the removed %s", name);
	ck(S_ISDIR(st.st_mode), "the removed %s is a directory", name);
	ck_err(TRY(openat(fd, "x", O_CREAT | O_WRONLY, 0644)), ENOENT, "create in the removed %s",
	       name);
	ck_err(TRY(mkdirat(fd, "x", 0755)), ENOENT, "mkdir in the removed %s", name);
	ck_err(TRY(symlinkat("x", fd, "x")), ENOENT, "symlink in the removed %s", name);
	ck_err(TRY(fstatat(fd, "x", &st, 0)), ENOENT, "stat in the removed %s", name);
	ck_err(TRY(fchdir(fd)), 0, "fchdir to the removed %s", name);
	ck_err(TRY(stat(".", &st)), 0, "stat of . in the removed %s", name);
	ck_err(TRY(open("x", O_CREAT | O_WRONLY, 0644)), ENOENT, "create x in the removed %s",
	       name);
	ck_err(TRY(fchdir(back)), 0, "fchdir back from the removed %s", name);
	dir = fdopendir(fd);
	if (ck(dir != NULL, "opendir of the removed %s", name)) {
		while ((e = readdir(dir)))
			ck(e->d_name[0] == '.', "%s in the removed %s", e->d_name, name);
		closedir(dir);
	}
	close(back);
}

static void run_mkdir(void)
{
	for (enum kind k = ABSENT_NEW; k <= ABSENT_LAST; k++)
		new_dir(take(k), sf("as %s", kind_name(k)));
	for (enum kind k = DIR_NEW; k <= DIR_LAST; k++) {
		remove_empty(k, false);
		remove_empty(k, true);
		remove_open(k);
		new_dir(sf("%s/made", take(k)), sf("in %s", kind_name(k)));
	}
	for (enum kind k = FULL_NEW; k <= FULL_LAST; k++)
		remove_full(k);
	for (size_t i = 0; i < COUNT(taken_by); i++) {
		const char *path = take(taken_by[i]), *name = kind_name(taken_by[i]);
		const char *before = sign(path);

		ck_err(TRY(mkdir(path, 0755)), EEXIST, "mkdir over %s", name);
		ck_str(sign(path), before, "%s after mkdir over it", name);
		if (!S_ISDIR(kind_type(taken_by[i])))
			ck_err(TRY(rmdir(path)), ENOTDIR, "rmdir %s", name);
	}
	ck_err(TRY(rmdir(".")), EINVAL, "rmdir .");
	ck_err2(TRY(rmdir("new/..")), ENOTEMPTY, EBUSY, "rmdir new/..");
}

const struct posix_group mkdir_group = {
	.name = "mkdir",
	.about = "mkdir and rmdir of every kind of directory",
	.run = run_mkdir,
};

/* ---- mknod ---- */

static void nodes(enum kind where)
{
	static const struct {
		const char *name;
		mode_t mode;
		unsigned char type;
	} rows[] = {
		{"file", S_IFREG | 0640, DT_REG},	  {"file of type 0", 0640, DT_REG},
		{"fifo", S_IFIFO | 0640, DT_FIFO},	  {"socket", S_IFSOCK | 0640, DT_SOCK},
		{"setuid file", S_IFREG | 04751, DT_REG}, {"file of mode 0", S_IFREG, DT_REG},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *path = take(where), *name = rows[i].name;
		mode_t type = rows[i].mode & S_IFMT ? rows[i].mode & S_IFMT : S_IFREG;
		unsigned char d_type = DT_UNKNOWN;
		ino_t ino = 0;

		if (!ck_err(TRY(mknod(path, rows[i].mode, 0)), 0, "mknod %s as %s", name,
			    kind_name(where)))
			continue;
		ck_mode(mode_of(path), type | (rows[i].mode & 07777), "mode of %s as %s", name,
			kind_name(where));
		ck_num(nlink_of(path), 1, "links of %s", name);
		ck(entry_of(path, &d_type, &ino), "readdir shows %s as %s", name, kind_name(where));
		ck_num(d_type, rows[i].type, "d_type of %s as %s", name, kind_name(where));
		ck_num(ino, ino_of(path), "d_ino of %s as %s", name, kind_name(where));
		ck_err(TRY(mknod(path, rows[i].mode, 0)), EEXIST, "mknod %s again", name);
		ck_err(TRY(chmod(path, 0600)), 0, "chmod %s", name);
		ck_mode(mode_of(path), type | 0600, "mode of %s after chmod", name);
		ck_err(TRY(rename(path, sf("%s.moved", path))), 0, "rename %s", name);
		ck_mode(mode_of(sf("%s.moved", path)), type | 0600, "mode of %s after rename",
			name);
	}
}

static void devices(void)
{
	static const enum kind where[] = {ABSENT_NEW, ABSENT_WHITED, ABSENT_GONE};
	struct stat st;

	for (size_t i = 0; i < COUNT(where); i++) {
		const char *path = take(where[i]), *name = kind_name(where[i]);
		int want = caps & CAP_DEVICES ? 0 : EPERM;

		ck_err(TRY(mknod(path, S_IFCHR | 0600, makedev(1, 3))), want, "mknod c 1 3 as %s",
		       name);
		if (want == 0 && ck_err(TRY(lstat(path, &st)), 0, "stat c 1 3 as %s", name)) {
			ck_mode(st.st_mode, S_IFCHR | 0600, "mode of c 1 3 as %s", name);
			ck_num(st.st_rdev, makedev(1, 3), "rdev of c 1 3 as %s", name);
			ck_err(TRY(chmod(path, 0644)), 0, "chmod c 1 3 as %s", name);
			ck_err(TRY(rename(path, sf("%s-to", path))), 0, "rename c 1 3 as %s", name);
		}
		path = take(where[i]);
		ck_err(TRY(mknod(path, S_IFBLK | 0600, makedev(7, 99))), want, "mknod b 7 99 as %s",
		       name);
		if (want == 0 && ck_err(TRY(lstat(path, &st)), 0, "stat b 7 99 as %s", name))
			ck_num(st.st_rdev, makedev(7, 99), "rdev of b 7 99 as %s", name);
		/* a client must not make whiteouts */
		path = take(where[i]);
		if (!(caps & CAP_PLAIN)) {
			ck_err(TRY(mknod(path, S_IFCHR | 0600, 0)), EPERM, "mknod c 0 0 as %s",
			       name);
			ck(!exists(path), "mknod c 0 0 as %s leaves nothing", name);
		}
		ck_err(TRY(mknod(path, S_IFDIR | 0755, 0)), EPERM, "mknod of a directory as %s",
		       name);
	}
}

static void run_mknod(void)
{
	for (enum kind k = ABSENT_NEW; k <= ABSENT_LAST; k++)
		nodes(k);
	for (size_t i = 0; i < COUNT(taken_by); i++) {
		const char *path = take(taken_by[i]), *name = kind_name(taken_by[i]);

		ck_err(TRY(mknod(path, S_IFREG | 0644, 0)), EEXIST, "mknod file over %s", name);
		ck_err(TRY(mkfifo(path, 0644)), EEXIST, "mkfifo over %s", name);
	}
	devices();
}

const struct posix_group mknod_group = {
	.name = "mknod",
	.about = "mknod and mkfifo",
	.run = run_mknod,
};

/* ---- symlink, readlink ---- */

static void targets(enum kind where)
{
	static const size_t lengths[] = {1, 2, 59, 60, 100, 255, 256, 1000, 1023, 4095, 4096};
	char target[4200], got[4200];

	for (size_t i = 0; i < COUNT(lengths); i++) {
		size_t len = lengths[i];
		const char *path = take(where);
		int want = len > 4095 ? ENAMETOOLONG : 0;

		if (len == 4095 && !(caps & CAP_LINK4K))
			continue;
		memset(target, 't', len);
		target[len / 2] = '/';
		target[len] = '\0';
		ck_err(TRY(symlink(target, path)), want, "symlink of %zu bytes as %s", len,
		       kind_name(where));
		if (want != 0)
			continue;
		ck_num(size_of(path), len, "size of a symlink of %zu bytes", len);
		ck_mode(mode_of(path), S_IFLNK | 0777, "mode of a symlink");
		ck_num(readlink(path, got, sizeof(got)), len, "readlink of %zu bytes", len);
		ck(memcmp(got, target, len) == 0, "what readlink of %zu bytes gives", len);
		ck_num(readlink(path, got, 1), 1, "readlink of %zu bytes, 1 wanted", len);
		ck_err(TRY(readlink(path, got, 0)), EINVAL, "readlink, 0 wanted");
	}
}

static void one_link(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind);
	const struct timespec times[2] = {{.tv_sec = 5}, {.tv_sec = 7, .tv_nsec = 9}};
	ino_t ino = ino_of(path);
	char got[100] = "";
	struct stat st;

	ck_num(readlink(path, got, sizeof(got)), sizeof(LINK_TARGET) - 1, "readlink %s", name);
	ck_str(got, LINK_TARGET, "what readlink %s gives", name);
	ck_err(TRY(lchown(path, 0, 0)), 0, "lchown %s", name);
	ck_err(TRY(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW)), 0, "utimensat %s", name);
	ck_err(TRY(lstat(path, &st)), 0, "lstat %s", name);
	ck_num(st.st_mtim.tv_sec, 7, "mtime of %s", name);
	ck_num(st.st_mtim.tv_nsec, 9, "nanoseconds of the mtime of %s", name);
	ck_num(st.st_ino, ino, "inode number of %s after utimensat", name);
	ck_num(st.st_size, sizeof(LINK_TARGET) - 1, "size of %s", name);
	ck_str(sign(path), "link:" LINK_TARGET, "%s after all that", name);
	ck_err(TRY(chmod(path, 0600)), ENOENT, "chmod through %s", name);
	ck_err(TRY(symlink("x", path)), EEXIST, "symlink over %s", name);
	ck_err(TRY(unlink(path)), 0, "unlink %s", name);
	ck(!exists(path), "%s is gone", name);
}

static void run_symlink(void)
{
	for (enum kind k = ABSENT_NEW; k <= ABSENT_LAST; k++)
		targets(k);
	for (enum kind k = LINK_NEW; k <= LINK_LAST; k++)
		one_link(k);
	for (size_t i = 0; i < COUNT(taken_by); i++) {
		const char *path = take(taken_by[i]), *name = kind_name(taken_by[i]);
		char buf[100];

		ck_err(TRY(symlink("x", path)), EEXIST, "symlink over %s", name);
		if (!S_ISLNK(kind_type(taken_by[i])))
			ck_err(TRY(readlink(path, buf, sizeof(buf))), EINVAL, "readlink %s", name);
	}
	ck_err(TRY(symlink("", "new/symlink-empty")), ENOENT, "symlink of nothing");
}

const struct posix_group symlink_group = {
	.name = "symlink",
	.about = "symlink and readlink",
	.run = run_symlink,
};

/* ---- umask ---- */

static int make_open(const char *path, mode_t mode)
{
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, mode);

	close(fd);
	return fd < 0 ? errno : 0;
}

static int make_mkdir(const char *path, mode_t mode)
{
	return TRY(mkdir(path, mode));
}

static int make_mknod(const char *path, mode_t mode)
{
	return TRY(mknod(path, S_IFREG | mode, 0));
}

static int make_mkfifo(const char *path, mode_t mode)
{
	return TRY(mkfifo(path, mode));
}

static int make_socket(const char *path, mode_t mode)
{
	return TRY(mknod(path, S_IFSOCK | mode, 0));
}

static int make_bind(const char *path, mode_t mode)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	rc = TRY(fchmod(fd, mode)); /* a socket is made with the mode of its descriptor */
	if (rc == 0)
		rc = TRY(bind(fd, (struct sockaddr *)&a, sizeof(a)));
	close(fd);
	return rc;
}

static void run_umask(void)
{
	static const struct {
		const char *name;
		int (*fn)(const char *path, mode_t mode);
	} makers[] = {{"open", make_open},     {"mkdir", make_mkdir},	{"mknod", make_mknod},
		      {"mkfifo", make_mkfifo}, {"socket", make_socket}, {"bind", make_bind}};
	static const mode_t modes[] = {0777, 0666, 0640, 0, 01777, 04755, 02755};
	static const mode_t masks[] = {0, 022, 077, 027, 0777};
	static const enum kind where[] = {ABSENT_NEW, ABSENT_LOW, ABSENT_MIX};

	for (size_t m = 0; m < COUNT(makers); m++)
		for (size_t i = 0; i < COUNT(modes); i++)
			for (size_t j = 0; j < COUNT(masks); j++)
				for (size_t w = 0; w < COUNT(where); w++) {
					const char *path = take(where[w]);
					mode_t keep = makers[m].fn == make_mkdir ? 01777 : 07777;
					int rc;

					umask(masks[j]);
					rc = makers[m].fn(path, modes[i]);
					umask(022);
					ck_err(rc, 0, "%s %o with umask %o", makers[m].name,
					       modes[i], masks[j]);
					ck_mode(perm_of(path), modes[i] & keep & ~masks[j],
						"mode by %s %o with umask %o in %s", makers[m].name,
						modes[i], masks[j], kind_name(where[w]));
				}
}

const struct posix_group umask_group = {
	.name = "umask",
	.about = "modes of new objects under an umask",
	.run = run_umask,
};
