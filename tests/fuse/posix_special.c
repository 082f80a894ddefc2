/* Programs, sockets, file system figures, O_PATH, statx, flags, handles; O_TMPFILE. */
#include "posix.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- programs ---- */

#define SCRIPT "#!/bin/sh\nexit 7\n"

static void special_prepare(enum layer layer)
{
	for (int i = 0; i < 2; i++) {
		const char *path = sf("%s/program-%d", layer == LAYER_B ? "low" : "top", i);

		if (put_text(path, SCRIPT) != 0 || chmod(path, 0755) != 0)
			die("cannot make a program: %s", strerror(errno));
	}
}

/* The program's exit status; 256 + errno when it cannot be executed. */
static int execute(const char *path)
{
	int ends[2], status = 0, code = 0;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		die("pipe: %s", strerror(errno));
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execl(path, path, (char *)NULL);
		code = errno;
		if (write(ends[1], &code, sizeof(code)) < 0)
			_exit(2);
		_exit(1);
	}
	close(ends[1]);
	if (read(ends[0], &code, sizeof(code)) != sizeof(code))
		code = 0;
	close(ends[0]);
	waitpid(pid, &status, 0);
	return code ? 256 + code : WEXITSTATUS(status);
}

static void programs(void)
{
	static const char *const paths[] = {"low/program-0", "top/program-0", "new/program"};

	ck_err(put_text("new/program", SCRIPT), 0, "create of a program");
	ck_num(execute("new/program"), 256 + EACCES, "executing what has no x");
	ck_err(TRY(chmod("new/program", 0755)), 0, "chmod of a program");
	for (size_t i = 0; i < COUNT(paths); i++) {
		ck_num(execute(paths[i]), 7, "executing %s", paths[i]);
		ck_err(TRY(chmod(paths[i], 0700)), 0, "chmod of %s", paths[i]);
		ck_num(execute(paths[i]), 7, "executing %s after copy-up", paths[i]);
		ck_err(put_text(paths[i], "#!/bin/sh\nexit 9\n"), 0, "write to %s", paths[i]);
		ck_num(execute(paths[i]), 9, "executing %s after a write", paths[i]);
	}
	ck_num(execute("low"), 256 + EACCES, "executing a directory");
}

/* ---- sockets ---- */

static int unix_socket(const char *path, struct sockaddr_un *ret_addr)
{
	*ret_addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(ret_addr->sun_path, sizeof(ret_addr->sun_path), "%s", path);
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void sockets(enum kind where)
{
	const char *path = take(where), *to = beside(where), *name = kind_name(where);
	struct sockaddr_un addr, other;
	int server = unix_socket(path, &addr), client = unix_socket(to, &other);

	ck_err(TRY(bind(server, (struct sockaddr *)&addr, sizeof(addr))), 0, "bind to %s", name);
	ck_err(TRY(listen(server, 3)), 0, "listen on %s", name);
	ck_mode(mode_of(path) & S_IFMT, S_IFSOCK, "type of a socket as %s", name);
	ck_err(TRY(bind(client, (struct sockaddr *)&addr, sizeof(addr))), EADDRINUSE,
	       "bind to %s again", name);
	ck_err(TRY(connect(client, (struct sockaddr *)&addr, sizeof(addr))), 0, "connect to %s",
	       name);
	close(client);
	ck_err(TRY(rename(path, to)), 0, "rename of a socket as %s", name);
	ck_err(TRY(chmod(to, 0700)), 0, "chmod of a socket as %s", name);
	client = unix_socket(to, &other);
	ck_err(TRY(connect(client, (struct sockaddr *)&other, sizeof(other))), 0,
	       "connect to the renamed %s", name);
	close(client);
	ck_err(TRY(unlink(to)), 0, "unlink of a socket as %s", name);
	client = unix_socket(to, &other);
	ck_err(TRY(connect(client, (struct sockaddr *)&other, sizeof(other))), ENOENT,
	       "connect to the unlinked %s", name);
	close(client);
	close(server);
}

/* ---- the file system ---- */

static void figures(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct statvfs a, b;

	ck_err(TRY(statvfs(path, &a)), 0, "statvfs of %s", name);
	ck_err(TRY(fstatvfs(fd, &b)), 0, "fstatvfs of %s", name);
	ck(a.f_bsize > 0 && a.f_frsize > 0, "block sizes by %s", name);
	ck(a.f_blocks > 0 && a.f_bfree <= a.f_blocks && a.f_bavail <= a.f_bfree, "blocks by %s",
	   name);
	ck(a.f_ffree <= a.f_files, "inodes by %s", name);
	ck_num(a.f_namemax, 255, "longest name by %s", name);
	ck(!(a.f_flag & ST_RDONLY), "%s is not read-only", name);
	ck_num(b.f_blocks, a.f_blocks, "blocks by fstatvfs of %s", name);
	ck_num(b.f_fsid, a.f_fsid, "file system number by fstatvfs of %s", name);
	close(fd);
}

static void path_descriptor(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind), *to = beside(kind);
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC), again;
	struct stat st;
	char buf[4];

	ck_err(TRY(fstat(fd, &st)), 0, "fstat of O_PATH %s", name);
	ck_num(st.st_ino, ino_of(path), "inode number of O_PATH %s", name);
	ck_err(TRY(read(fd, buf, 1)), EBADF, "read of O_PATH %s", name);
	ck_err(TRY(fchmod(fd, 0600)), EBADF, "fchmod of O_PATH %s", name);
	ck_err(TRY(fchown(fd, 0, 0)), EBADF, "fchown of O_PATH %s", name);
	ck_err(TRY(fsync(fd)), EBADF, "fsync of O_PATH %s", name);
	ck_err(TRY(ftruncate(fd, 0)), EBADF, "ftruncate of O_PATH %s", name);
	ck_err(TRY(fchownat(fd, "", 0, 0, AT_EMPTY_PATH)), 0, "fchownat of O_PATH %s", name);
	if (!S_ISDIR(kind_type(kind)))
		ck_err(TRY(rename(path, to)), 0, "rename of O_PATH %s", name);
	else
		to = path;
	if (S_ISREG(kind_type(kind))) {
		again = open(sf("/proc/self/fd/%d", fd), O_RDWR | O_CLOEXEC);
		ck_err(TRY(again), 0, "open of O_PATH %s by /proc", name);
		ck(holds_fd(again, content, SIZE), "content of O_PATH %s", name);
		ck_num(pwrite(again, "proc", 4, 0), 4, "write to O_PATH %s", name);
		close(again);
	}
	if (S_ISDIR(kind_type(kind))) {
		again = openat(fd, "made", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		ck_err(TRY(again), 0, "create in O_PATH %s", name);
		close(again);
	}
	ck_err(TRY(fstat(fd, &st)), 0, "fstat of O_PATH %s at the end", name);
	ck_num(st.st_ino, ino_of(to), "inode number of O_PATH %s at the end", name);
	close(fd);
}

static void statx_is_stat(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind);
	struct statx sx;
	struct stat st;

	ck_err(TRY(lstat(path, &st)), 0, "lstat of %s", name);
	ck_err(TRY(statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &sx)), 0,
	       "statx of %s", name);
	ck_num(sx.stx_ino, st.st_ino, "statx' inode number of %s", name);
	ck_num(sx.stx_mode, st.st_mode, "statx' mode of %s", name);
	ck_num(sx.stx_size, st.st_size, "statx' size of %s", name);
	ck_num(sx.stx_nlink, st.st_nlink, "statx' links of %s", name);
	ck_num(sx.stx_blocks, st.st_blocks, "statx' blocks of %s", name);
	ck_num(sx.stx_mtime.tv_sec, st.st_mtim.tv_sec, "statx' mtime of %s", name);
	ck_err(TRY(statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_STATX_FORCE_SYNC,
			 STATX_BASIC_STATS, &sx)),
	       0, "statx of %s, synced", name);
	ck_num(sx.stx_size, st.st_size, "statx' size of %s, synced", name);
	ck((sx.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS, "statx' mask of %s", name);
}

static void flags(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind);
	int fd = open(path, O_RDONLY | O_CLOEXEC), value = 0, set;

	if (!(caps & CAP_FLAGS))
		return;
	ck_err(TRY(ioctl(fd, FS_IOC_GETFLAGS, &value)), 0, "FS_IOC_GETFLAGS of %s", name);
	set = value | FS_NODUMP_FL;
	if (ck_err(TRY(ioctl(fd, FS_IOC_SETFLAGS, &set)), 0, "FS_IOC_SETFLAGS of %s", name)) {
		ck_err(TRY(ioctl(fd, FS_IOC_GETFLAGS, &value)), 0, "FS_IOC_GETFLAGS of %s", name);
		ck(value & FS_NODUMP_FL, "the flag set on %s", name);
	}
	if (!S_ISDIR(kind_type(kind)))
		ck(holds(path, content, SIZE), "content of %s after the flags", name);
	close(fd);
}

static void handles(enum kind kind)
{
	const char *path = take(kind);
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u;
	int mount_id;

	memset(&u, 0, sizeof(u));
	u.h.handle_bytes = MAX_HANDLE_SZ;
	ck_err2(TRY(name_to_handle_at(AT_FDCWD, path, &u.h, &mount_id, 0)), 0, EOPNOTSUPP,
		"name_to_handle_at of %s", kind_name(kind));
}

/* Somebody watches: what happens is told, whoever serves. */
static void watch(enum kind kind)
{
	const char *dir = take(kind), *name = kind_name(kind);
	char buf[2048];
	unsigned got = 0;
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return; /* the user has used them all up */
	ck_err(TRY(inotify_add_watch(fd, dir, IN_ALL_EVENTS)), 0, "inotify of %s", name);
	ck_err(put_text(sf("%s/watched", dir), "x"), 0, "create in the watched %s", name);
	ck_err(TRY(rename(sf("%s/watched", dir), sf("%s/w", dir))), 0, "rename in %s", name);
	ck_err(TRY(unlink(sf("%s/w", dir))), 0, "unlink in the watched %s", name);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0; at < n;) {
			struct inotify_event e;

			memcpy(&e, buf + at, sizeof(e));
			got |= e.mask;
			at += sizeof(e) + e.len;
		}
	ck((got & IN_CREATE) && (got & IN_DELETE) && (got & IN_MOVED_FROM) && (got & IN_MODIFY),
	   "what inotify tells of %s", name);
	close(fd);
}

static void run_special(void)
{
	programs();
	for (enum kind k = ABSENT_NEW; k <= ABSENT_LAST; k++)
		sockets(k);
	for (enum kind k = 0; k <= FULL_LAST; k++) {
		figures(k);
		flags(k);
		handles(k);
	}
	for (enum kind k = 0; k < ABSENT_NEW; k++) {
		path_descriptor(k);
		statx_is_stat(k);
	}
	for (enum kind k = DIR_NEW; k <= FULL_LAST; k++)
		watch(k);
}

const struct posix_group special_group = {
	.name = "special",
	.about = "programs, sockets, statfs, O_PATH, statx, flags, handles, inotify",
	.run = run_special,
	.prepare = special_prepare,
};

/* ---- O_TMPFILE ---- */

static int link_fd(int fd, const char *to)
{
	return TRY(linkat(AT_FDCWD, sf("/proc/self/fd/%d", fd), AT_FDCWD, to, AT_SYMLINK_FOLLOW));
}

static void tmpfile_in(enum kind kind)
{
	const char *dir = take(kind), *name = kind_name(kind), *to = sf("%s/linked", dir);
	const char *before = names_in(dir);
	struct stat st;
	int fd, second;

	umask(027);
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
	umask(022);
	if (!ck_err(TRY(fd), 0, "O_TMPFILE in %s", name))
		return;
	ck_err(TRY(fstat(fd, &st)), 0, "fstat of a temporary file in %s", name);
	ck_mode(st.st_mode, S_IFREG | 0640, "mode of a temporary file in %s", name);
	ck_num(st.st_nlink, 0, "links of a temporary file in %s", name);
	ck_num(write(fd, content, SIZE), SIZE, "write to a temporary file in %s", name);
	ck(holds_fd(fd, content, SIZE), "content of a temporary file in %s", name);
	ck_str(names_in(dir), before, "names in %s beside a temporary file", name);
	ck_err(TRY(fchmod(fd, 0604)), 0, "fchmod of a temporary file in %s", name);
	ck_err(link_fd(fd, to), 0, "link of a temporary file in %s", name);
	ck(holds(to, content, SIZE), "content of the linked one in %s", name);
	ck_mode(perm_of(to), 0604, "mode of the linked one in %s", name);
	ck_err(TRY(fstat(fd, &st)), 0, "fstat of the linked one in %s", name);
	ck_num(st.st_nlink, 1, "links of the linked one in %s", name);
	ck_num(st.st_ino, ino_of(to), "inode number of the linked one in %s", name);
	ck_num(pwrite(fd, "more", 4, SIZE), 4, "write to the linked one in %s", name);
	ck_num(size_of(to), SIZE + 4, "size of the linked one in %s", name);
	ck_err(link_fd(fd, to), EEXIST, "link of it again in %s", name);
	close(fd);
	fd = open(dir, O_TMPFILE | O_WRONLY | O_EXCL | O_CLOEXEC, 0600);
	ck_err(TRY(fd), 0, "O_TMPFILE|O_EXCL in %s", name);
	ck_err(link_fd(fd, sf("%s/never", dir)), ENOENT, "link of an exclusive one in %s", name);
	second = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	ck_err(TRY(second), 0, "a second one in %s", name);
	ck_num(write(second, "x", 1), 1, "write to a second one in %s", name);
	close(fd);
	close(second);
	ck_err(TRY(unlink(to)), 0, "unlink of the linked one in %s", name);
	ck_str(names_in(dir), before, "names in %s at the end", name);
}

static void run_tmpfile(void)
{
	static const enum kind not_in[] = {FILE_LOW, FIFO_LOW, SOCK_LOW};

	if (!(caps & CAP_TMPFILE) || fuse_before(6, 2))
		return;
	for (enum kind k = DIR_NEW; k <= FULL_LAST; k++)
		tmpfile_in(k);
	for (size_t i = 0; i < COUNT(not_in); i++)
		ck_err(TRY(open(take(not_in[i]), O_TMPFILE | O_RDWR, 0600)), ENOTDIR,
		       "O_TMPFILE in %s", kind_name(not_in[i]));
	ck_err(TRY(open("new/none", O_TMPFILE | O_RDWR, 0600)), ENOENT, "O_TMPFILE in nothing");
}

const struct posix_group tmpfile_group = {
	.name = "tmpfile",
	.about = "O_TMPFILE, and linkat of such files",
	.run = run_tmpfile,
};
