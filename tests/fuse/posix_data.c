/* truncate, fallocate and holes, copy_file_range and FICLONE. */
#include "posix.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOM (256 << 10) /* no file here is larger */

/* What a file should hold: a copy that is changed along with it. */
struct shadow {
	char data[ROOM];
	size_t size;
};
static struct shadow shadow;

static void shadow_begin(void)
{
	memset(shadow.data, 0, sizeof(shadow.data));
	memcpy(shadow.data, content, SIZE);
	shadow.size = SIZE;
}

static void shadow_size(size_t size)
{
	if (size < shadow.size)
		memset(shadow.data + size, 0, shadow.size - size);
	shadow.size = size;
}

static void shadow_write(size_t offset, const void *data, size_t len)
{
	memcpy(shadow.data + offset, data, len);
	if (offset + len > shadow.size)
		shadow.size = offset + len;
}

static void ck_shadow(int fd, const char *path, const char *what)
{
	ck_num(size_of(path), shadow.size, "size, %s", what);
	ck(holds_fd(fd, shadow.data, shadow.size), "content by the descriptor, %s", what);
	ck(holds(path, shadow.data, shadow.size), "content by the path, %s", what);
}

/* ---- truncate ---- */

static void truncate_file(enum kind kind, off_t size, bool by_fd)
{
	const char *path = take(kind);
	const char *what =
		sf("%struncate %s to %lld", by_fd ? "f" : "", kind_name(kind), (long long)size);
	int fd = open(path, (by_fd ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	ino_t ino = ino_of(path);

	shadow_begin();
	ck_err(by_fd ? TRY(ftruncate(fd, size)) : TRY(truncate(path, size)), 0, "%s", what);
	shadow_size(size);
	ck_shadow(fd, path, what);
	ck_num(ino_of(path), ino, "inode number, %s", what);
	ck_err(TRY(truncate(path, SIZE)), 0, "%s and back", what);
	shadow_size(SIZE);
	ck_shadow(fd, path, sf("%s and back", what));
	close(fd);
}

static void run_truncate(void)
{
	static const off_t sizes[] = {0, 1, 4095, 4096, 4097, SIZE, SIZE + 1, 8192, 100000};

	for (enum kind k = 0; k <= FILE_LAST; k++) {
		const char *path, *name = kind_name(k);
		int fd;

		for (size_t i = 0; i < COUNT(sizes); i++)
			truncate_file(k, sizes[i], i % 2);
		path = take(k);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		ck_err(TRY(truncate(path, -1)), EINVAL, "truncate %s to -1", name);
		ck_err(TRY(ftruncate(fd, 10)), EINVAL, "ftruncate of %s opened for reading", name);
		close(fd);
		fd = open(path, O_PATH | O_CLOEXEC);
		ck_err(TRY(ftruncate(fd, 10)), EBADF, "ftruncate of %s opened O_PATH", name);
		close(fd);
		ck(holds(path, content, SIZE), "content of %s after what failed", name);
	}
	for (enum kind k = DIR_NEW; k <= FULL_LAST; k++)
		ck_err(TRY(truncate(take(k), 0)), EISDIR, "truncate %s", kind_name(k));
	for (enum kind k = FIFO_NEW; k <= SOCK_LAST; k++)
		ck_err(TRY(truncate(take(k), 0)), EINVAL, "truncate %s", kind_name(k));
}

const struct posix_group truncate_group = {
	.name = "truncate",
	.about = "truncate and ftruncate",
	.run = run_truncate,
};

/* ---- fallocate, holes ---- */

struct alloc {
	const char *name;
	int mode;
	off_t offset, length;
	unsigned needs; /* of caps, else EOPNOTSUPP */
	int want;
};

static const struct alloc allocs[] = {
	{"plain, inside", 0, 0, 4096, 0, 0},
	{"plain, beyond", 0, 4096, 20000, 0, 0},
	{"plain, far beyond", 0, 100000, 1, 0, 0},
	{"KEEP_SIZE", FALLOC_FL_KEEP_SIZE, 0, 50000, 0, 0},
	{"PUNCH_HOLE", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096, CAP_PUNCH, 0},
	{"PUNCH_HOLE, odd", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 7, 100, CAP_PUNCH, 0},
	{"PUNCH_HOLE, beyond", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4000, 90000, CAP_PUNCH,
	 0},
	{"ZERO_RANGE", FALLOC_FL_ZERO_RANGE, 100, 3000, CAP_ZERO, 0},
	{"ZERO_RANGE, beyond", FALLOC_FL_ZERO_RANGE, 4000, 20000, CAP_ZERO, 0},
	{"ZERO_RANGE|KEEP_SIZE", FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 4000, 20000, CAP_ZERO,
	 0},
	{"length 0", 0, 0, 0, 0, EINVAL},
	{"offset -1", 0, -1, 10, 0, EINVAL},
	{"PUNCH_HOLE without KEEP_SIZE", FALLOC_FL_PUNCH_HOLE, 0, 4096, 0, EOPNOTSUPP},
	{"PUNCH_HOLE|ZERO_RANGE", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE | FALLOC_FL_ZERO_RANGE,
	 0, 4096, 0, EOPNOTSUPP},
	{"too large", 0, 0x7fffffffffffffff, 0x7fffffffffffffff, 0, EFBIG},
};

static void shadow_alloc(const struct alloc *a)
{
	size_t end = a->offset + a->length;
	bool keep = a->mode & FALLOC_FL_KEEP_SIZE;

	if (a->mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		memset(shadow.data + a->offset, 0, a->length);
	if (!keep && end > shadow.size)
		shadow.size = end;
}

static void alloc_file(enum kind kind, const struct alloc *a)
{
	const char *path = take(kind), *what = sf("%s of %s", a->name, kind_name(kind));
	int fd = open(path, O_RDWR | O_CLOEXEC), rc;

	shadow_begin();
	rc = TRY(fallocate(fd, a->mode, a->offset, a->length));
	if (a->want == 0 && (caps & a->needs) != a->needs) {
		ck_err2(rc, EOPNOTSUPP, 0, "fallocate %s", what);
	} else if (ck_err(rc, a->want, "fallocate %s", what)) {
		if (rc == 0)
			shadow_alloc(a);
		ck_shadow(fd, path, what);
		ck_num(pwrite(fd, "END", 3, shadow.size), 3, "write after %s", what);
		shadow_write(shadow.size, "END", 3);
		ck_shadow(fd, path, sf("%s and a write", what));
	}
	close(fd);
}

/* Ranges that move: whoever does them does them right. */
static void alloc_moving(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind);
	int fd = open(path, O_RDWR | O_CLOEXEC), rc;

	shadow_begin();
	ck_err(TRY(ftruncate(fd, 5 * 4096)), 0, "ftruncate %s", name);
	shadow_size(5 * 4096);
	rc = TRY(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096));
	ck_err2(rc, EOPNOTSUPP, 0, "COLLAPSE_RANGE of %s", name);
	if (rc == 0) {
		memmove(shadow.data, shadow.data + 4096, shadow.size - 4096);
		shadow_size(4 * 4096);
	}
	ck_shadow(fd, path, sf("COLLAPSE_RANGE of %s", name));
	rc = TRY(fallocate(fd, FALLOC_FL_INSERT_RANGE, 0, 4096));
	ck_err2(rc, EOPNOTSUPP, 0, "INSERT_RANGE of %s", name);
	if (rc == 0) {
		memmove(shadow.data + 4096, shadow.data, shadow.size);
		memset(shadow.data, 0, 4096);
		shadow.size += 4096;
	}
	ck_shadow(fd, path, sf("INSERT_RANGE of %s", name));
	close(fd);
}

static void prepare_sparse(enum layer layer)
{
	int fd;

	for (int i = 0; i < 4; i++) {
		fd = open(sf("%s/sparse-%d", layer == LAYER_B ? "low" : "top", i),
			  O_RDWR | O_CREAT | O_CLOEXEC, 0644);
		if (fd < 0 || ftruncate(fd, 4 << 20) != 0 || pwrite(fd, "begin", 5, 0) != 5 ||
		    pwrite(fd, "middle", 6, 2 << 20) != 6)
			die("cannot make a sparse file: %s", strerror(errno));
		close(fd);
	}
}

/* 4 MiB with one block at 0 and one at 2 MiB. */
static void ck_sparse(const char *path, const char *what)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char buf[6] = "";
	struct stat st;
	off_t at;

	ck_err(TRY(fd), 0, "open %s", what);
	ck_num(size_of(path), 4 << 20, "size of %s", what);
	ck(pread(fd, buf, 5, 0) == 5 && memcmp(buf, "begin", 5) == 0, "begin of %s", what);
	ck(pread(fd, buf, 6, 2 << 20) == 6 && memcmp(buf, "middle", 6) == 0, "middle of %s", what);
	ck_err(TRY(lseek(fd, 4 << 20, SEEK_DATA)), ENXIO, "SEEK_DATA at the end of %s", what);
	ck_err(TRY(lseek(fd, 4 << 20, SEEK_HOLE)), ENXIO, "SEEK_HOLE at the end of %s", what);
	ck_num(lseek(fd, 0, SEEK_DATA), 0, "first data of %s", what);
	if (caps & CAP_HOLES) {
		at = lseek(fd, 0, SEEK_HOLE);
		ck(at > 0 && at <= 1 << 20, "first hole of %s", what);
		at = lseek(fd, at, SEEK_DATA);
		ck(at > 1 << 20 && at <= 2 << 20, "second data of %s", what);
		at = lseek(fd, 2 << 20, SEEK_HOLE);
		ck(at > 2 << 20 && at < 4 << 20, "second hole of %s", what);
		ck_err(TRY(lseek(fd, 3 << 20, SEEK_DATA)), ENXIO,
		       "SEEK_DATA in the last hole of %s", what);
		ck(fstat(fd, &st) == 0 && st.st_blocks < 4096, "blocks of %s", what);
	}
	close(fd);
}

static void run_fallocate(void)
{
	static const enum kind kinds[] = {FILE_NEW,  FILE_LOW,	  FILE_TOP,  FILE_OVER,
					  FILE_HARD, FILE_COPIED, FILE_AGAIN};
	static const char *const dirs[] = {"low", "top"};
	int fd;

	for (size_t k = 0; k < COUNT(kinds); k++) {
		for (size_t i = 0; i < COUNT(allocs); i++)
			alloc_file(kinds[k], &allocs[i]);
		alloc_moving(kinds[k]);
		fd = open(take(kinds[k]), O_RDONLY | O_CLOEXEC);
		ck_err(TRY(fallocate(fd, 0, 0, 10)), EBADF, "fallocate of %s opened for reading",
		       kind_name(kinds[k]));
		close(fd);
	}
	for (enum kind k = FIFO_NEW; k <= FIFO_LAST; k++) {
		fd = open(take(k), O_RDWR | O_NONBLOCK | O_CLOEXEC);
		ck_err(TRY(fallocate(fd, 0, 0, 10)), ESPIPE, "fallocate of %s", kind_name(k));
		close(fd);
	}
	for (size_t i = 0; i < COUNT(dirs); i++) {
		const char *path[4];

		for (int j = 0; j < 4; j++) {
			path[j] = sf("%s/sparse-%d", dirs[i], j);
			ck_sparse(path[j], sf("sparse file %d of %s", j, dirs[i]));
		}
		ck_err(TRY(chmod(path[0], 0600)), 0, "chmod of a sparse file");
		ck_sparse(path[0], "a sparse file after chmod");
		fd = open(path[1], O_WRONLY | O_CLOEXEC);
		ck_num(pwrite(fd, "B", 1, 0), 1, "write to a sparse file");
		ck_num(pwrite(fd, "b", 1, 0), 1, "write to a sparse file again");
		close(fd);
		ck_sparse(path[1], "a sparse file after copy-up by a write");
		ck_err(TRY(link(path[2], sf("%s-link", path[2]))), 0, "link of a sparse file");
		ck_sparse(path[2], "a sparse file after link");
		ck_err(TRY(rename(path[3], "new/sparse")), 0, "rename of a sparse file");
		ck_sparse("new/sparse", "a sparse file after rename");
	}
}

const struct posix_group fallocate_group = {
	.name = "fallocate",
	.about = "fallocate with every mode, SEEK_HOLE, SEEK_DATA, sparse copy-up",
	.run = run_fallocate,
	.prepare = prepare_sparse,
};

/* ---- copy_file_range, FICLONE ---- */

/* All of it, however many calls that takes. */
static long long copy_range(int from, off_t from_at, int to, off_t to_at, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = copy_file_range(from, &from_at, to, &to_at, len - done, 0);

		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += n;
	}
	return done;
}

static void copy_pair(enum kind from_kind, enum kind to_kind)
{
	const char *from = take(from_kind), *to = take(to_kind);
	const char *what = sf("%s to %s", kind_name(from_kind), kind_name(to_kind));
	int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_RDWR | O_CLOEXEC), rc;

	shadow_begin();
	ck_num(copy_range(in, 100, out, 3000, 4000), 4000, "copy_file_range %s", what);
	shadow_write(3000, content + 100, 4000);
	ck_shadow(out, to, what);
	ck_num(copy_range(in, 4990, out, 50000, 100), 10, "copy_file_range across the end, %s",
	       what);
	shadow_write(50000, content + 4990, 10);
	ck_shadow(out, to, sf("%s, across the end", what));
	ck_num(copy_range(in, SIZE, out, 0, 100), 0, "copy_file_range at the end, %s", what);
	ck_num(copy_range(out, 50000, out, 100, 10), 10, "copy_file_range inside one, %s", what);
	shadow_write(100, content + 4990, 10);
	ck_shadow(out, to, sf("%s, inside one", what));
	ck(holds(from, content, SIZE), "the source is as it was, %s", what);
	rc = TRY(ioctl(out, FICLONE, in));
	if (rc != 0)
		ck(rc == EOPNOTSUPP || rc == EXDEV || rc == EINVAL || rc == ENOTTY, "FICLONE, %s",
		   what);
	else
		shadow_begin();
	ck_shadow(out, to, sf("FICLONE, %s", what));
	close(in);
	close(out);
}

static void copy_errors(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind);
	int read_only = open(path, O_RDONLY | O_CLOEXEC);
	int append = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	int rdwr = open(path, O_RDWR | O_CLOEXEC), dir = open("mix", O_RDONLY | O_CLOEXEC);
	loff_t a = 0, b = 10;

	ck_num(copy_range(rdwr, 0, read_only, 0, 10), -EBADF, "copy to %s opened to read", name);
	ck_num(copy_range(append, 0, rdwr, 0, 10), -EBADF, "copy from %s opened to write", name);
	ck_num(copy_range(rdwr, 0, append, 0, 10), -EBADF, "copy to %s opened to append", name);
	ck_num(copy_range(rdwr, 0, rdwr, 10, 100), -EINVAL, "overlapping copy in %s", name);
	ck_num(copy_range(dir, 0, rdwr, 10, 100), -EISDIR, "copy from a directory to %s", name);
	ck_err(TRY(copy_file_range(read_only, &a, rdwr, &b, 5, 1)), EINVAL, "copy with flags, %s",
	       name);
	ck(holds(path, content, SIZE), "%s after what failed", name);
	close(read_only);
	close(append);
	close(rdwr);
	close(dir);
}

static void run_copy(void)
{
	static const enum kind kinds[] = {FILE_NEW, FILE_LOW, FILE_OVER, FILE_COPIED, FILE_AGAIN};

	for (size_t i = 0; i < COUNT(kinds); i++) {
		for (size_t j = 0; j < COUNT(kinds); j++)
			copy_pair(kinds[i], kinds[j]);
		copy_errors(kinds[i]);
	}
}

const struct posix_group copy_group = {
	.name = "copy",
	.about = "copy_file_range and FICLONE",
	.run = run_copy,
};
