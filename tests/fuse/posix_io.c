/* Reading and writing; mappings; locks. */
#include "posix.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1 << 20)

static char big[MIB], big_back[MIB];

static void fill_big(void)
{
	for (size_t i = 0; i < MIB; i++)
		big[i] = (char)(i * 131 + (i >> 12) * 7);
}

/* ---- read and write ---- */

/* Descriptors opened before the copy-up, and after: all see the same file. */
static void before_and_after(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind);
	int reader = open(path, O_RDONLY | O_CLOEXEC), writer, append;
	char want[SIZE + 8], c;
	struct stat st;

	memcpy(want, content, SIZE);
	ck_num(read(reader, &c, 1), 1, "read of %s before a write", name);
	writer = open(path, O_WRONLY | O_CLOEXEC);
	append = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	ck_num(write(writer, "HEAD", 4), 4, "write to %s", name);
	memcpy(want, "HEAD", 4);
	ck(holds_fd(reader, want, SIZE), "what a reader opened before sees of %s", name);
	ck_num(lseek(reader, 0, SEEK_CUR), 1, "its offset in %s", name);
	ck_num(write(append, "TAIL", 4), 4, "append to %s", name);
	memcpy(want + SIZE, "TAIL", 4);
	ck_num(pwrite(writer, "MIDDLE", 6, 2000), 6, "pwrite to %s", name);
	memcpy(want + 2000, "MIDDLE", 6);
	ck(holds_fd(reader, want, SIZE + 4), "what it sees of %s after more writes", name);
	ck(holds(path, want, SIZE + 4), "what a new reader sees of %s", name);
	ck_err(TRY(fstat(reader, &st)), 0, "fstat of %s by the first reader", name);
	ck_num(st.st_size, SIZE + 4, "size of %s by the first reader", name);
	ck_num(st.st_ino, ino_of(path), "inode number of %s by the first reader", name);
	/* pwrite to a descriptor opened to append appends; that is Linux */
	ck_num(pwrite(append, "x", 1, 0), 1, "pwrite to %s opened to append", name);
	want[SIZE + 4] = 'x';
	ck(holds(path, want, SIZE + 5), "where that wrote in %s", name);
	ck_num(write(writer, "", 0), 0, "write of nothing to %s", name);
	close(reader);
	close(writer);
	close(append);
}

static void vectors(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char a[3] = "", b[5] = "";
	struct iovec out[2] = {{big, 3}, {big + 100, 5}}, in[2] = {{a, 3}, {b, 5}};

	ck_num(pwritev(fd, out, 2, SIZE + 100), 8, "pwritev to %s", name);
	ck_num(size_of(path), SIZE + 108, "size of %s after pwritev", name);
	ck_num(preadv(fd, in, 2, SIZE + 100), 8, "preadv from %s", name);
	ck(memcmp(a, big, 3) == 0 && memcmp(b, big + 100, 5) == 0, "what preadv gives of %s", name);
	ck_num(pread(fd, a, 3, SIZE + 10), 3, "pread in the gap of %s", name);
	ck(memcmp(a, "\0\0\0", 3) == 0, "the gap of %s is zero", name);
	ck_num(pwritev2(fd, out, 1, 0, RWF_APPEND), 3, "pwritev2 RWF_APPEND to %s", name);
	ck_num(size_of(path), SIZE + 111, "size of %s after RWF_APPEND", name);
	ck_num(pread(fd, a, 3, SIZE + 111), 0, "pread at the end of %s", name);
	ck_num(pread(fd, a, 3, MIB), 0, "pread beyond the end of %s", name);
	ck_err(TRY(pread(fd, a, 3, -1)), EINVAL, "pread at -1 of %s", name);
	ck_err(TRY(pwrite(fd, a, 3, -1)), EINVAL, "pwrite at -1 of %s", name);
	ck_num(lseek(fd, 0, SEEK_END), SIZE + 111, "SEEK_END of %s", name);
	ck_num(lseek(fd, -11, SEEK_CUR), SIZE + 100, "SEEK_CUR of %s", name);
	ck_err(TRY(lseek(fd, -1, SEEK_SET)), EINVAL, "SEEK_SET -1 of %s", name);
	ck_err(TRY(lseek(fd, 0, 99)), EINVAL, "lseek of %s from nowhere", name);
	close(fd);
}

static void large(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind), *copy = beside(kind);
	int fd = open(path, O_RDWR | O_TRUNC | O_CLOEXEC), to, ends[2];
	off_t offset = 0;

	ck_num(write(fd, big, MIB), MIB, "write of 1 MiB to %s", name);
	ck(holds(path, big, MIB), "1 MiB of %s", name);
	for (int i = 0; i < 64; i++) {
		size_t at = (i * 104729) % (MIB - 5000), len = 1 + (i * 577) % 5000;

		memset(big_back, i, len);
		memcpy(big + at, big_back, len);
		if (pwrite(fd, big_back, len, at) != (ssize_t)len)
			ck_err(errno, 0, "pwrite %d to %s", i, name);
	}
	ck(holds_fd(fd, big, MIB), "%s after 64 pwrites", name);
	ck(holds(path, big, MIB), "%s after 64 pwrites, opened anew", name);
	ck_err(TRY(fsync(fd)), 0, "fsync of %s", name);
	to = open(copy, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	while (offset < MIB && sendfile(to, fd, &offset, MIB - offset) > 0)
		;
	ck(holds(copy, big, MIB), "sendfile of %s", name);
	if (pipe(ends) == 0) {
		loff_t from = 1000, at = 5;

		ck_num(splice(fd, &from, ends[1], NULL, 3000, 0), 3000, "splice from %s", name);
		ck_num(splice(ends[0], NULL, to, &at, 3000, 0), 3000, "splice to %s", name);
		ck_num(pread(to, big_back, 3000, 5), 3000, "read of what was spliced to %s", name);
		ck(memcmp(big_back, big + 1000, 3000) == 0, "what was spliced to %s", name);
		close(ends[0]);
		close(ends[1]);
	}
	close(to);
	close(fd);
	fill_big();
}

static void syncs(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind);
	bool dir = S_ISDIR(kind_type(kind));
	int fd = open(path, (dir ? O_RDONLY : O_RDWR) | O_CLOEXEC);

	if (!dir)
		ck_num(pwrite(fd, "sync", 4, 0), 4, "pwrite to %s", name);
	ck_err(TRY(fsync(fd)), 0, "fsync of %s", name);
	ck_err(TRY(fdatasync(fd)), 0, "fdatasync of %s", name);
	ck_err(TRY(syncfs(fd)), 0, "syncfs by %s", name);
	close(fd);
	fd = open(take(kind), O_RDONLY | O_CLOEXEC);
	ck_err(TRY(fsync(fd)), 0, "fsync of %s opened to read", name);
	ck_err(TRY(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED)), 0, "fadvise of %s", name);
	close(fd);
}

static void run_io(void)
{
	char buf[10];
	int fd;

	fill_big();
	for (enum kind k = 0; k <= FILE_LAST; k++) {
		before_and_after(k);
		vectors(k);
		large(k);
		syncs(k);
	}
	for (enum kind k = DIR_NEW; k <= FULL_LAST; k++) {
		syncs(k);
		fd = open(take(k), O_RDONLY | O_CLOEXEC);
		ck_err(TRY(read(fd, buf, sizeof(buf))), EISDIR, "read of %s", kind_name(k));
		ck_err(TRY(pread(fd, buf, sizeof(buf), 0)), EISDIR, "pread of %s", kind_name(k));
		ck_err(TRY(write(fd, buf, 1)), EBADF, "write to %s", kind_name(k));
		ck_err(TRY(ftruncate(fd, 0)), EINVAL, "ftruncate of %s", kind_name(k));
		close(fd);
	}
}

const struct posix_group io_group = {
	.name = "io",
	.about = "reading and writing, over copy-up; sync",
	.run = run_io,
};

/* ---- mappings ---- */

static void map_shared(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char buf[8] = "", *map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (!ck(map != MAP_FAILED, "mmap shared of %s", name))
		return;
	ck(memcmp(map, content, SIZE) == 0, "what the mapping of %s shows", name);
	memcpy(map + 10, "MAPPED", 6);
	ck_num(pread(fd, buf, 6, 10), 6, "pread of the mapped %s", name);
	ck_str(buf, "MAPPED", "what pread gives of the mapped %s", name);
	ck_num(pwrite(fd, "WRITE", 5, 4500), 5, "pwrite to the mapped %s", name);
	ck(memcmp(map + 4500, "WRITE", 5) == 0, "pwrite shows in the mapping of %s", name);
	ck_err(TRY(msync(map, SIZE, MS_SYNC)), 0, "msync of %s", name);
	close(fd);
	memcpy(map + 100, "CLOSED", 6);
	ck_err(TRY(rename(path, sf("%s.moved", path))), 0, "rename of the mapped %s", name);
	memcpy(map + 200, "MOVED", 5);
	ck_err(TRY(msync(map, SIZE, MS_SYNC)), 0, "msync of the renamed %s", name);
	fd = open(sf("%s.moved", path), O_RDONLY | O_CLOEXEC);
	ck(pread(fd, buf, 6, 100) == 6 && memcmp(buf, "CLOSED", 6) == 0,
	   "what was written by the mapping of the closed %s", name);
	ck(pread(fd, buf, 5, 200) == 5 && memcmp(buf, "MOVED", 5) == 0,
	   "what was written by the mapping of the renamed %s", name);
	close(fd);
	ck_err(TRY(unlink(sf("%s.moved", path))), 0, "unlink of the mapped %s", name);
	map[300] = '!';
	ck_num(map[300], '!', "the mapping of the unlinked %s", name);
	ck_err(TRY(msync(map, SIZE, MS_SYNC)), 0, "msync of the unlinked %s", name);
	munmap(map, SIZE);
}

static void map_private(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

	if (!ck(map != MAP_FAILED, "mmap private of %s", name))
		return;
	memcpy(map, "PRIVATE", 7);
	ck(holds_fd(fd, content, SIZE), "%s is not changed by a private mapping", name);
	munmap(map, SIZE);
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck(map == MAP_FAILED && errno == EACCES, "writable shared mapping of %s opened to read",
	   name);
	map = mmap(NULL, SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	ck(map != MAP_FAILED && memcmp(map, content, SIZE) == 0, "executable mapping of %s", name);
	close(fd);
}

/* A mapping made before the copy-up, by a descriptor that only reads. */
static void map_reader(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind);
	int fd = open(path, O_RDONLY | O_CLOEXEC), writer;
	const char *map = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);

	if (!ck(map != MAP_FAILED, "read-only shared mapping of %s", name))
		return;
	ck_num(map[4999], content[4999], "last byte of it");
	writer = open(path, O_WRONLY | O_CLOEXEC);
	ck_num(pwrite(writer, "WRITER", 6, 50), 6, "pwrite beside the mapping of %s", name);
	ck(memcmp(map + 50, "WRITER", 6) == 0, "a shared mapping made before copy-up of %s", name);
	close(writer);
	close(fd);
}

static void touch_beyond(const void *arg)
{
	const char *path = arg;
	int fd = open(path, O_RDWR | O_CLOEXEC), status = 0;
	volatile char *map = mmap(NULL, 2 * 4096, PROT_READ, MAP_SHARED, fd, 0);
	pid_t pid;

	ck_err(TRY(ftruncate(fd, 100)), 0, "ftruncate of a mapped file");
	ck_num(map[99], content[99], "last byte of what is left");
	ck_num(map[100], 0, "the rest of its page");
	pid = fork();
	if (pid == 0) {
		signal(SIGBUS, SIG_DFL);
		(void)map[4096];
		_exit(0);
	}
	waitpid(pid, &status, 0);
	ck(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS, "SIGBUS beyond the end of a mapping");
}

static void run_mmap(void)
{
	for (enum kind k = 0; k <= FILE_LAST; k++) {
		map_shared(k);
		map_private(k);
		map_reader(k);
		in_child(touch_beyond, take(k));
	}
}

const struct posix_group mmap_group = {
	.name = "mmap",
	.about = "mappings, shared and private, over copy-up",
	.run = run_mmap,
};

/* ---- locks ---- */

static int lock_range(int fd, int cmd, int type, off_t start, off_t len)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};

	return TRY(fcntl(fd, cmd, &l));
}

struct lock_case {
	const char *path, *name;
};

/* In another process than the one that holds a lock on bytes 0 to 9. */
static void other_process(const void *arg)
{
	const struct lock_case *c = arg;
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 100};
	int fd = open(c->path, O_RDWR | O_CLOEXEC);

	ck_err2(lock_range(fd, F_SETLK, F_WRLCK, 0, 5), EAGAIN, EACCES, "lock held by another, %s",
		c->name);
	ck_err2(lock_range(fd, F_SETLK, F_RDLCK, 9, 1), EAGAIN, EACCES, "its last byte, %s",
		c->name);
	ck_err(lock_range(fd, F_SETLK, F_WRLCK, 10, 5), 0, "behind it, %s", c->name);
	ck_err(TRY(fcntl(fd, F_GETLK, &l)), 0, "F_GETLK, %s", c->name);
	ck_num(l.l_type, F_WRLCK, "type F_GETLK gives, %s", c->name);
	ck_num(l.l_pid, getppid(), "process F_GETLK gives, %s", c->name);
	ck_num(l.l_len, 10, "length F_GETLK gives, %s", c->name);
	close(fd);
}

static void locks(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind);
	int a = open(path, O_RDONLY | O_CLOEXEC), b, c;
	struct lock_case other = {path, name};

	/* the lock is taken by a descriptor opened before the copy-up */
	ck_err(TRY(flock(a, LOCK_EX)), 0, "flock of %s", name);
	b = open(path, O_RDWR | O_CLOEXEC);
	ck_num(pwrite(b, "x", 1, 0), 1, "write to the locked %s", name);
	c = open(path, O_RDONLY | O_CLOEXEC);
	ck_err(TRY(flock(b, LOCK_EX | LOCK_NB)), EWOULDBLOCK, "flock of %s by another", name);
	ck_err(TRY(flock(c, LOCK_SH | LOCK_NB)), EWOULDBLOCK, "shared flock of %s by another",
	       name);
	ck_err(TRY(flock(a, LOCK_SH)), 0, "flock of %s made shared", name);
	ck_err(TRY(flock(c, LOCK_SH | LOCK_NB)), 0, "shared flock of %s by two", name);
	ck_err(TRY(flock(c, LOCK_UN)), 0, "unlock of %s", name);
	close(a);
	ck_err(TRY(flock(b, LOCK_EX | LOCK_NB)), 0, "flock of %s after a close", name);
	ck_err(TRY(flock(b, LOCK_UN)), 0, "unlock of %s again", name);

	ck_err(lock_range(b, F_SETLK, F_WRLCK, 0, 10), 0, "record lock of %s", name);
	in_child(other_process, &other);
	ck_err(lock_range(b, F_SETLK, F_UNLCK, 0, 10), 0, "record unlock of %s", name);

	ck_err(lock_range(b, F_OFD_SETLK, F_WRLCK, 0, 10), 0, "OFD lock of %s", name);
	ck_err2(lock_range(c, F_OFD_SETLK, F_RDLCK, 5, 1), EAGAIN, EACCES, "OFD lock of %s by two",
		name);
	ck_err(lock_range(c, F_OFD_SETLK, F_RDLCK, 10, 1), 0, "OFD lock of %s behind it", name);
	ck_err(lock_range(c, F_OFD_SETLK, F_WRLCK, 20, 1), EBADF, "write lock of %s opened to read",
	       name);
	close(b);
	ck_err(lock_range(c, F_OFD_SETLK, F_RDLCK, 5, 1), 0, "OFD lock of %s after a close", name);
	close(c);
}

static void run_lock(void)
{
	for (enum kind k = 0; k <= FILE_LAST; k++)
		locks(k);
}

const struct posix_group lock_group = {
	.name = "lock",
	.about = "flock, record locks, OFD locks, over copy-up",
	.run = run_lock,
};
