/* stress_ops: what is done with the files of a data client. Each operation changes the file and its
 * shadow. */
#include "stress_data.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* So many bytes around what was touched are read back too. */
#define AROUND 5000

static void verify_around(struct data *data, struct file *file, size_t offset, size_t len)
{
	size_t from = offset > AROUND ? offset - AROUND : 0;

	verify_part(data, file, from, offset + len + AROUND - from);
}

static void set_size(struct file *file, size_t size)
{
	if (size < file->size)
		memset(file->shadow + size, 0, file->size - size);
	file->size = size;
}

static size_t any_offset(struct data *data, const struct file *file)
{
	struct rng *rng = &data->client->rng;
	size_t offset = rng_below(rng, rng_chance(rng, 80) ? file->size + 1 : SIZE_MAX_FILE);

	return rng_chance(rng, 20) ? offset & ~(size_t)(PAGE - 1) : offset;
}

static size_t any_length(struct data *data, size_t offset)
{
	return rng_length(&data->client->rng, SIZE_MAX_FILE - offset);
}

static void wrote(struct file *file, size_t offset, size_t len)
{
	if (len > 0 && offset + len > file->size)
		file->size = offset + len;
}

static void op_pwrite(struct data *data, struct file *file)
{
	size_t offset = any_offset(data, file), len = any_length(data, offset);
	uint64_t seed = rng_next(&data->client->rng);
	ssize_t n;

	client_op(data->client, "pwrite %s %zu bytes at %zu", file->path, len, offset);
	fill(file->shadow + offset, len, seed);
	n = pwrite_all(any_fd(data, file), file->shadow + offset, len, (off_t)offset);
	if (n < 0)
		errno = (int)-n;
	must(data, file, n, "pwrite");
	wrote(file, offset, len);
	verify_around(data, file, offset, len);
}

static void op_append(struct data *data, struct file *file)
{
	size_t offset = file->size, len = any_length(data, offset);
	int fd;

	client_op(data->client, "append %s %zu bytes to %zu", file->path, len, offset);
	fd = open(file->path, O_WRONLY | O_APPEND | O_CLOEXEC);
	must(data, file, fd, "open for append");
	fill(file->shadow + offset, len, rng_next(&data->client->rng));
	if (write(fd, file->shadow + offset, len) != (ssize_t)len)
		client_fail(data->client, "append of %zu bytes to '%s': %s", len, file->path,
			    strerror(errno));
	must(data, file, close(fd), "close");
	wrote(file, offset, len);
	verify_around(data, file, offset, len);
}

static void op_map_write(struct data *data, struct file *file)
{
	size_t offset, len;

	if (file->size == 0)
		return;
	offset = rng_below(&data->client->rng, file->size);
	len = any_length(data, offset);
	if (len > file->size - offset)
		len = file->size - offset;
	client_op(data->client, "write through a mapping %s %zu bytes at %zu", file->path, len,
		  offset);
	fill(file->shadow + offset, len, rng_next(&data->client->rng));
	memcpy(file->map + offset, file->shadow + offset, len);
	if (rng_chance(&data->client->rng, 5))
		must(data, file, msync(file->map, SIZE_MAX_FILE, MS_SYNC), "msync");
	verify_around(data, file, offset, len);
}

static void op_truncate(struct data *data, struct file *file)
{
	size_t size = any_offset(data, file);

	client_op(data->client, "truncate %s from %zu to %zu", file->path, file->size, size);
	if (rng_chance(&data->client->rng, 50))
		must(data, file, truncate(file->path, (off_t)size), "truncate");
	else
		must(data, file, ftruncate(any_fd(data, file), (off_t)size), "ftruncate");
	set_size(file, size);
	verify_around(data, file, size, 0);
}

static void op_fallocate(struct data *data, struct file *file)
{
	static const int modes[] = {
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_ZERO_RANGE,
		FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_KEEP_SIZE,
		0,
	};
	int mode = modes[rng_below(&data->client->rng, 5)];
	size_t offset = any_offset(data, file), len = any_length(data, offset);

	if (len == 0)
		return;
	client_op(data->client, "fallocate %s mode %#x %zu bytes at %zu of %zu", file->path,
		  (unsigned)mode, len, offset, file->size);
	if (fallocate(any_fd(data, file), mode, (off_t)offset, (off_t)len) < 0) {
		/* not every file system below has all modes; nothing changed then */
		if (errno != EOPNOTSUPP)
			must(data, file, -1, "fallocate");
		return;
	}
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		memset(file->shadow + offset, 0, len);
	if (!(mode & FALLOC_FL_KEEP_SIZE))
		wrote(file, offset, len);
	verify_around(data, file, offset, len);
}

static void op_copy(struct data *data, struct file *file)
{
	struct file *from = &data->files[rng_below(&data->client->rng, DATA_FILES)];
	size_t in = rng_below(&data->client->rng, from->size + 1);
	size_t offset = any_offset(data, file), len = any_length(data, offset), done = 0;
	off_t in_off = (off_t)in, out_off = (off_t)offset;

	if (len > from->size - in)
		len = from->size - in;
	if (from == file && in < offset + len && offset < in + len)
		return;
	client_op(data->client, "copy_file_range %s at %zu to %s at %zu %zu bytes", from->path, in,
		  file->path, offset, len);
	while (done < len) {
		ssize_t n = copy_file_range(any_fd(data, from), &in_off, any_fd(data, file),
					    &out_off, len - done, 0);

		must(data, file, n, "copy_file_range");
		if (n == 0)
			client_fail(data->client,
				    "copy_file_range of %zu bytes of '%s' ends after %zu", len,
				    from->path, done);
		done += (size_t)n;
	}
	memcpy(file->shadow + offset, from->shadow + in, len);
	wrote(file, offset, len);
	verify_around(data, file, offset, len);
}

static void op_read(struct data *data, struct file *file)
{
	size_t offset = any_offset(data, file), len = any_length(data, offset);

	client_op(data->client, "read %s %zu bytes at %zu", file->path, len, offset);
	verify_part(data, file, offset, len);
}

static void op_sync(struct data *data, struct file *file)
{
	client_op(data->client, "fsync %s", file->path);
	if (rng_chance(&data->client->rng, 50))
		must(data, file, fsync(any_fd(data, file)), "fsync");
	else
		must(data, file, fdatasync(any_fd(data, file)), "fdatasync");
}

static void op_reopen(struct data *data, struct file *file)
{
	client_op(data->client, "reopen %s", file->path);
	close_file(file);
	open_file(data, file);
	verify_part(data, file, 0, SIZE_MAX_FILE);
}

/* Give it another name, by rename or by link and unlink, while it is open and mapped. */
static void op_rename(struct data *data, struct file *file)
{
	char old[FULL_MAX];

	memcpy(old, file->path, sizeof(old));
	file->generation++;
	name_file(file, data->client->dir, (int)(file - data->files));
	client_op(data->client, "rename %s to %s", old, file->path);
	if (rng_chance(&data->client->rng, 50)) {
		must(data, file, rename(old, file->path), "rename");
	} else {
		must(data, file, link(old, file->path), "link");
		verify_part(data, file, 0, SIZE_MAX_FILE);
		must(data, file, unlink(old), "unlink");
	}
	verify_part(data, file, 0, SIZE_MAX_FILE);
}

/* Unlink it, go on with what is open, and make a new one of the same name with the same contents.
 */
static void op_unlink(struct data *data, struct file *file)
{
	struct stat st;
	int fd;

	client_op(data->client, "unlink %s, make it anew", file->path);
	must(data, file, unlink(file->path), "unlink");
	op_pwrite(data, file);
	verify_part(data, file, 0, SIZE_MAX_FILE);
	must(data, file, fstat(file->fd[0], &st), "fstat");
	if (st.st_nlink != 0)
		client_fail(data->client, "'%s' has %ju names after unlink", file->path,
			    (uintmax_t)st.st_nlink);
	close_file(file);
	fd = open(file->path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
	must(data, file, fd, "create");
	if (pwrite_all(fd, file->shadow, file->size, 0) != (ssize_t)file->size)
		client_fail(data->client, "writing '%s' anew", file->path);
	must(data, file, close(fd), "close");
	open_file(data, file);
	verify_part(data, file, 0, SIZE_MAX_FILE);
}

static void op_chmod(struct data *data, struct file *file)
{
	struct stat st;
	mode_t mode = 0600 | (mode_t)rng_below(&data->client->rng, 0100);

	client_op(data->client, "chmod %s %04o", file->path, mode);
	must(data, file, chmod(file->path, mode), "chmod");
	must(data, file, fstat(any_fd(data, file), &st), "fstat");
	if ((st.st_mode & 07777) != mode)
		client_fail(data->client, "'%s' has mode %04o, wanted %04o", file->path,
			    st.st_mode & 07777, mode);
	verify_part(data, file, 0, PAGE);
}

/* Whatever is called a hole is zero, and data and holes follow each other up to the end. */
static void op_seek(struct data *data, struct file *file)
{
	static const unsigned char zeros[SIZE_MAX_FILE];
	int fd = any_fd(data, file);
	off_t at = 0, hole;

	client_op(data->client, "seek holes of %s", file->path);
	while (at < (off_t)file->size) {
		off_t next = lseek(fd, at, SEEK_DATA);

		if (next < 0 && errno != ENXIO)
			must(data, file, -1, "SEEK_DATA");
		hole = next < 0 ? (off_t)file->size : next;
		if (hole < at || hole > (off_t)file->size)
			client_fail(data->client, "'%s': SEEK_DATA from %jd gives %jd of %zu",
				    file->path, (intmax_t)at, (intmax_t)hole, file->size);
		compare(data, file, zeros, (size_t)(hole - at), (size_t)at, "a hole by SEEK_DATA");
		if (next < 0)
			break;
		at = lseek(fd, next, SEEK_HOLE);
		if (at <= next || at > (off_t)file->size)
			client_fail(data->client, "'%s': SEEK_HOLE from %jd gives %jd of %zu",
				    file->path, (intmax_t)next, (intmax_t)at, file->size);
	}
}

void data_operation(struct data *data)
{
	static const struct {
		void (*op)(struct data *, struct file *);
		unsigned weight;
	} ops[] = {
		{op_pwrite, 20},    {op_append, 6}, {op_map_write, 14}, {op_truncate, 10},
		{op_fallocate, 10}, {op_copy, 10},  {op_read, 14},	{op_sync, 1},
		{op_reopen, 4},	    {op_rename, 4}, {op_unlink, 2},	{op_chmod, 3},
		{op_seek, 2},
	};
	struct rng *rng = &data->client->rng;
	struct file *file = &data->files[rng_below(rng, DATA_FILES)];
	unsigned at = (unsigned)rng_below(rng, 100);
	size_t i = 0;

	while (at >= ops[i].weight)
		at -= ops[i++].weight;
	ops[i].op(data, file);
	if (rng_chance(rng, 5)) {
		file = &data->files[rng_below(rng, DATA_FILES)];
		verify_part(data, file, 0, SIZE_MAX_FILE);
	}
}
