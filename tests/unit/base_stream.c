/* stream: one thread writes, another reads behind it. */
#include "base.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#define TOTAL (4 << 20)

static int fd = -1;
static struct stream *stream;

static void begin(uint64_t start)
{
	fd = openat(tmp, "blob", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	stream = stream_new(fd, start);
}

static void end(void)
{
	stream_free(stream);
	fd_closep(&fd);
}

static unsigned char byte_at(uint64_t offset, int version)
{
	return (unsigned char)(offset * 31 + offset / 4093 + (uint64_t)version * 101);
}

/* Writes `total` bytes of a version in chunks of many sizes. */
static int write_version(uint64_t total, int version)
{
	unsigned char chunk[5000];
	uint64_t at = stream_watermark(stream);
	unsigned int step = 1;

	while (at < total) {
		size_t len = step = (step * 75 + 74) % 4999 + 1;
		int r;

		if (len > total - at)
			len = (size_t)(total - at);
		for (size_t i = 0; i < len; i++)
			chunk[i] = byte_at(at + i, version);
		r = stream_write(stream, chunk, len);
		if (r < 0)
			return r;
		at += len;
	}
	return 0;
}

static void *write_whole(void *arg)
{
	int r = write_version(TOTAL, 0);

	(void)arg;
	stream_finish(stream, false);
	return (void *)(intptr_t)r;
}

static void *write_with_restarts(void *arg)
{
	int r = 0;

	(void)arg;
	for (int version = 0; r == 0 && version < 20; version++) {
		r = write_version(TOTAL / 8, version);
		if (r == 0)
			r = stream_restart(stream);
	}
	if (r == 0)
		r = write_version(TOTAL, 20);
	stream_finish(stream, false);
	return (void *)(intptr_t)r;
}

static void *write_for_ever(void *arg)
{
	int r;

	(void)arg;
	do
		r = stream_write(stream, "x", 1);
	while (r == 0);
	return (void *)(intptr_t)r;
}

static void *write_and_fail(void *arg)
{
	int r = write_version(100000, 0);

	(void)arg;
	stream_finish(stream, true);
	return (void *)(intptr_t)r;
}

/* Reads as ingest does: from the start again after each restart. All bytes of one pass must be of
 * one version, the one found first. Returns the end's result; the bytes of the last pass in
 * *ret_len. */
static ssize_t read_all(uint64_t *ret_len, int *ret_version, int *ret_restarts)
{
	unsigned char buf[7000];
	int version = -1, wrong;

	*ret_len = 0;
	*ret_restarts = 0;
	for (;;) {
		ssize_t n = stream_read(stream, buf, sizeof(buf), *ret_len);

		if (n == -ESTALE) {
			*ret_len = 0;
			version = -1;
			++*ret_restarts;
			continue;
		}
		if (n <= 0) {
			*ret_version = version;
			return n;
		}
		for (int v = 0; version < 0 && v <= 20; v++)
			if (buf[0] == byte_at(0, v))
				version = v;
		wrong = 0;
		for (ssize_t i = 0; i < n; i++)
			wrong += buf[i] != byte_at(*ret_len + (uint64_t)i, version);
		ck_assert_int_eq(wrong, 0);
		*ret_len += (uint64_t)n;
	}
}

static pthread_t start(void *(*f)(void *))
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, f, NULL), 0);
	return thread;
}

static int join(pthread_t thread)
{
	void *r;

	ck_assert_int_eq(pthread_join(thread, &r), 0);
	return (int)(intptr_t)r;
}

START_TEST(all_bytes_arrive)
{
	pthread_t writer;
	uint64_t len;
	int version, restarts;

	begin(0);
	writer = start(write_whole);
	ck_assert_int_eq(read_all(&len, &version, &restarts), 0);
	ck_assert_uint_eq(len, TOTAL);
	ck_assert_int_eq(version, 0);
	ck_assert_int_eq(restarts, 0);
	ck_assert_int_eq(join(writer), 0);
	ck_assert_uint_eq(stream_watermark(stream), TOTAL);
	end();
}
END_TEST

START_TEST(restarts)
{
	pthread_t writer;
	uint64_t len;
	int version, seen;

	begin(0);
	writer = start(write_with_restarts);
	ck_assert_int_eq(read_all(&len, &version, &seen), 0);
	ck_assert_uint_eq(len, TOTAL);
	ck_assert_int_eq(version, 20);
	/* those that came while the reader was away count as one */
	ck_assert(seen >= 1 && seen <= 20);
	ck_assert_int_eq(join(writer), 0);
	end();
}
END_TEST

START_TEST(told_once)
{
	char c;

	begin(0);
	ck_assert_int_eq(stream_write(stream, "old", 3), 0);
	ck_assert_int_eq(stream_read(stream, &c, 1, 0), 1);
	ck_assert_int_eq(stream_restart(stream), 0);
	ck_assert_uint_eq(stream_watermark(stream), 0);
	ck_assert_int_eq(stream_restart(stream), 0);
	ck_assert_int_eq(stream_write(stream, "NEW", 3), 0);
	ck_assert_int_eq(stream_read(stream, &c, 1, 1), -ESTALE);
	ck_assert_int_eq(stream_read(stream, &c, 1, 0), 1);
	ck_assert_int_eq(c, 'N');
	/* even at the end */
	stream_finish(stream, false);
	ck_assert_int_eq(stream_read(stream, &c, 1, 3), 0);
	ck_assert_int_eq(stream_restart(stream), 0);
	stream_finish(stream, false);
	ck_assert_int_eq(stream_read(stream, &c, 1, 3), -ESTALE);
	ck_assert_int_eq(stream_read(stream, &c, 1, 0), 0);
	end();
}
END_TEST

START_TEST(a_failed_writer)
{
	pthread_t writer;
	uint64_t len;
	int version, seen;
	char c;

	begin(0);
	writer = start(write_and_fail);
	ck_assert_int_eq(read_all(&len, &version, &seen), -EIO);
	ck_assert_uint_eq(len, 100000);
	ck_assert_int_eq(join(writer), 0);
	ck_assert_int_eq(stream_read(stream, &c, 1, len), -EIO);
	end();
}
END_TEST

START_TEST(a_cancelled_writer)
{
	pthread_t writer;
	char c;

	begin(0);
	writer = start(write_for_ever);
	ck_assert_int_eq(stream_read(stream, &c, 1, 0), 1);
	stream_cancel(stream);
	ck_assert_int_eq(join(writer), -ECANCELED);
	ck_assert_int_eq(stream_write(stream, "x", 1), -ECANCELED);
	ck_assert_int_eq(stream_restart(stream), -ECANCELED);
	end();
}
END_TEST

START_TEST(a_resumed_prefix)
{
	char buf[16];

	make_file(tmp, "blob", "already");
	begin(7);
	ck_assert_uint_eq(stream_watermark(stream), 7);
	ck_assert_int_eq(stream_read(stream, buf, sizeof(buf), 0), 7);
	ck_assert_int_eq(memcmp(buf, "already", 7), 0);
	ck_assert_int_eq(stream_write(stream, " here", 5), 0);
	ck_assert_int_eq(stream_read(stream, buf, sizeof(buf), 7), 5);
	ck_assert_int_eq(memcmp(buf, " here", 5), 0);
	stream_finish(stream, false);
	ck_assert_int_eq(stream_read(stream, buf, sizeof(buf), 12), 0);
	ck_assert_int_eq(stream_read(stream, buf, sizeof(buf), 1000), 0);
	end();
}
END_TEST

START_TEST(bytes_above_the_watermark)
{
	char buf[16];

	/* left by a writer that died: not part of the stream */
	make_file(tmp, "blob", "good garbage");
	begin(4);
	stream_finish(stream, false);
	ck_assert_int_eq(stream_read(stream, buf, sizeof(buf), 0), 4);
	ck_assert_int_eq(stream_read(stream, buf, sizeof(buf), 4), 0);
	end();
}
END_TEST

START_TEST(a_file_cut_by_others)
{
	char c;

	begin(0);
	ck_assert_int_eq(stream_write(stream, "abc", 3), 0);
	ck_assert_int_eq(ftruncate(fd, 1), 0);
	ck_assert_int_eq(stream_read(stream, &c, 1, 2), -EIO);
	end();
}
END_TEST

START_TEST(writes_that_fail)
{
	char c;

	fd = open("/dev/full", O_RDWR | O_CLOEXEC);
	stream = stream_new(fd, 0);
	ck_assert_int_eq(stream_write(stream, "x", 1), -ENOSPC);
	ck_assert_uint_eq(stream_watermark(stream), 0);
	stream_finish(stream, true);
	ck_assert_int_eq(stream_read(stream, &c, 1, 0), -EIO);
	/* no regular file: cannot be truncated */
	ck_assert_int_eq(stream_restart(stream), -EINVAL);
	end();
	stream_free(NULL);
}
END_TEST

TCase *base_stream(void)
{
	TCase *tc = tmp_case("stream");

	tcase_add_test(tc, all_bytes_arrive);
	tcase_add_test(tc, restarts);
	tcase_add_test(tc, told_once);
	tcase_add_test(tc, a_failed_writer);
	tcase_add_test(tc, a_cancelled_writer);
	tcase_add_test(tc, a_resumed_prefix);
	tcase_add_test(tc, bytes_above_the_watermark);
	tcase_add_test(tc, a_file_cut_by_others);
	tcase_add_test(tc, writes_that_fail);
	return tc;
}
