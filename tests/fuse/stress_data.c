/* stress_data: files of one client, with a copy of each in memory.
 *
 * Each file is open twice and mapped once, for as long as nothing makes it anew, so that what goes
 * in one way must come out of the others. What an operation touched is read back at once, all of a
 * file now and then, and everything at the end, after all descriptors were closed.
 */
#include "stress_data.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned char scratch[SIZE_MAX_FILE];

/* ---- what is there at the start */

void name_file(struct file *file, const char *dir, int i)
{
	char name[64];

	snprintf(name, sizeof(name), "file%d.%u", i, file->generation);
	join(file->path, dir, name);
}

/* The first contents of file I: the same for the lower layer's maker and for the client that finds
 * it. Files with odd numbers are not in the lower layer. */
static size_t lower_contents(uint64_t seed, unsigned number, int i, unsigned char *buf)
{
	struct rng rng;
	size_t size;

	rng_init(&rng, seed * 7919 + number * 31 + (uint64_t)i);
	size = rng_length(&rng, SIZE_MAX_FILE);
	fill(buf, size, rng_next(&rng));
	/* one of them with holes */
	for (size_t at = 0; i == 4 && at + PAGE <= size; at += 3 * PAGE)
		memset(buf + at, 0, PAGE);
	return size;
}

void data_make_lower(uint64_t seed, unsigned number, const char *dir)
{
	struct file file = {0};

	for (int i = 0; i < DATA_FILES; i += 2) {
		size_t size = lower_contents(seed, number, i, scratch);
		int fd;

		name_file(&file, dir, i);
		fd = open(file.path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
		if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
			die("cannot make '%s': %s", file.path, strerror(errno));
		for (size_t at = 0; at < size; at += PAGE) {
			size_t n = size - at < PAGE ? size - at : PAGE;

			if (scratch[at] && pwrite_all(fd, scratch + at, n, (off_t)at) != (ssize_t)n)
				die("cannot write '%s'", file.path);
		}
		close(fd);
	}
}

/* ---- opening and verifying */

void must(struct data *data, struct file *file, long value, const char *what)
{
	if (value < 0)
		client_fail(data->client, "%s of '%s': %s", what, file->path, strerror(errno));
}

void close_file(struct file *file)
{
	if (file->map)
		munmap(file->map, SIZE_MAX_FILE);
	for (int i = 0; i < 2; i++)
		if (file->fd[i] >= 0)
			close(file->fd[i]);
	file->map = NULL;
	file->fd[0] = file->fd[1] = -1;
}

void open_file(struct data *data, struct file *file)
{
	for (int i = 0; i < 2; i++) {
		file->fd[i] = open(file->path, O_RDWR | O_CLOEXEC);
		must(data, file, file->fd[i], "open");
	}
	file->map = mmap(NULL, SIZE_MAX_FILE, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd[1], 0);
	if (file->map == MAP_FAILED)
		client_fail(data->client, "mmap of '%s': %s", file->path, strerror(errno));
}

int any_fd(struct data *data, const struct file *file)
{
	return file->fd[rng_below(&data->client->rng, 2)];
}

void compare(struct data *data, const struct file *file, const void *buf, size_t len, size_t offset,
	     const char *how)
{
	const unsigned char *got = buf, *want = file->shadow + offset;
	size_t first = 0, last = len;

	if (len == 0 || memcmp(got, want, len) == 0)
		return;
	while (got[first] == want[first])
		first++;
	while (got[last - 1] == want[last - 1])
		last--;
	client_fail(data->client,
		    "'%s' of %zu bytes, %s: at offset %zu (%#zx) got %02x, wanted %02x; the last "
		    "difference is at %zu (%#zx)",
		    file->path, file->size, how, offset + first, offset + first, got[first],
		    want[first], offset + last - 1, offset + last - 1);
}

void verify_part(struct data *data, struct file *file, size_t offset, size_t len)
{
	struct stat st;
	int fd = any_fd(data, file);
	ssize_t n;

	must(data, file, fstat(fd, &st), "fstat");
	if ((size_t)st.st_size != file->size)
		client_fail(data->client, "'%s' has %jd bytes, wanted %zu", file->path,
			    (intmax_t)st.st_size, file->size);
	if (offset + len > SIZE_MAX_FILE)
		len = SIZE_MAX_FILE - offset;
	if (rng_chance(&data->client->rng, 30)) {
		if (offset < file->size)
			compare(data, file, file->map + offset,
				len < file->size - offset ? len : file->size - offset, offset,
				"read through a mapping");
		return;
	}
	n = pread_all(fd, scratch, len, (off_t)offset);
	if (n < 0)
		client_fail(data->client, "pread of '%s': %s", file->path, strerror((int)-n));
	if ((size_t)n != (offset >= file->size	      ? 0
			  : len < file->size - offset ? len
						      : file->size - offset))
		client_fail(data->client, "pread of %zu bytes of '%s' at %zu of %zu gives %zd", len,
			    file->path, offset, file->size, n);
	compare(data, file, scratch, (size_t)n, offset, "read");
}

/* ---- the whole */

static void set_up(struct data *data, uint64_t seed)
{
	for (int i = 0; i < DATA_FILES; i++) {
		struct file *file = &data->files[i];
		int fd;

		file->shadow = calloc(1, SIZE_MAX_FILE);
		if (!file->shadow)
			die("out of memory");
		file->fd[0] = file->fd[1] = -1;
		name_file(file, data->client->dir, i);
		client_op(data->client, "first open of %s", file->path);
		fd = open(file->path, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
		must(data, file, fd, "first open");
		if (lseek(fd, 0, SEEK_END) > 0)
			file->size = lower_contents(seed, data->client->number, i, file->shadow);
		close(fd);
		open_file(data, file);
		verify_part(data, file, 0, SIZE_MAX_FILE);
	}
}

void data_run(struct client *client, uint64_t seed)
{
	struct data *data = calloc(1, sizeof(*data));

	if (!data)
		die("out of memory");
	data->client = client;
	set_up(data, seed);
	while (!client_done(client))
		data_operation(data);
	for (int i = 0; i < DATA_FILES; i++) {
		struct file *file = &data->files[i];

		client_op(client, "the last look at %s", file->path);
		verify_part(data, file, 0, SIZE_MAX_FILE);
		close_file(file);
		open_file(data, file);
		verify_part(data, file, 0, SIZE_MAX_FILE);
		close_file(file);
		free(file->shadow);
	}
	free(data);
}
