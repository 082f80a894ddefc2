/* The whole pass: digests, compressions, limits, streams that fail or begin again. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/fd.h"
#include "base/sha256.h"
#include "layer/ingest.h"
#include "layer_env.h"

static struct tar blob; /* the compressed layer */
static struct digest digest, diff_id;
static size_t tar_len;

static void digest_of(const void *data, size_t len, struct digest *ret)
{
	char hex[65];

	sha256_hex(data, len, hex);
	digest_from_hex(hex, ret);
}

static void compress_gzip(const struct tar *t)
{
	z_stream z = {0};
	size_t max = t->len + t->len / 2 + 1024;
	unsigned char *out = malloc(max);

	ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = t->data;
	z.avail_in = (uInt)t->len;
	z.next_out = out;
	z.avail_out = (uInt)max;
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	tar_raw(&blob, out, max - z.avail_out);
	deflateEnd(&z);
	free(out);
}

static void compress_zstd(const struct tar *t)
{
	size_t max = ZSTD_compressBound(t->len), n;
	unsigned char *out = malloc(max);

	n = ZSTD_compress(out, max, t->data, t->len, 3);
	ck_assert(!ZSTD_isError(n));
	tar_raw(&blob, out, n);
	free(out);
}

/* A layer of some files, the last of them not compressible. */
static void make_blob(enum compression compression)
{
	static char noise[900000];
	struct tar t = {0};
	char name[32];

	srandom(1);
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (char)random();
	tar_dir(&t, "dir");
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "dir/file%d", i);
		tar_file(&t, name, name);
	}
	tar_add(&t, (struct tar_item){.name = "noise", .data = noise, .size = sizeof(noise)});
	tar_end(&t);
	tar_raw(&t, "trailing bytes count for the diff id", 36);
	tar_release(&blob);
	digest_of(t.data, t.len, &diff_id);
	tar_len = t.len;
	if (compression == COMPRESSION_GZIP)
		compress_gzip(&t);
	else if (compression == COMPRESSION_ZSTD)
		compress_zstd(&t);
	else
		tar_raw(&blob, t.data, t.len);
	digest_of(blob.data, blob.len, &digest);
	tar_release(&t);
}

static void teardown(void)
{
	tar_release(&blob);
	env_teardown();
}

static int blob_fd(size_t len)
{
	int fd = openat(env_dir, "layer.blob", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_write_all(fd, blob.data, len), 0);
	return fd;
}

static struct layer_request request_for_blob(void)
{
	return (struct layer_request){
		.digest = digest,
		.diff_id = diff_id,
		.size = (int64_t)blob.len,
		.dir = env_new_layer(),
		.what = digest.text,
	};
}

static int ingest_file(const struct layer_request *request, struct layer_result *result)
{
	int fd = blob_fd(blob.len), r;

	memset(&env_err, 0, sizeof(env_err));
	r = layer_ingest_file(fd, request, result, &env_err);
	ck_assert_int_eq(r < 0 ? -r : 0, env_err.code);
	close(fd);
	env_root = openat(env_layer, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return r;
}

static void bad_file(const struct layer_request *request, int code, const char *text)
{
	int r = ingest_file(request, NULL);

	ck_assert_msg(r == -code, "%d instead of %d: %s", r, -code, env_err.msg);
	ck_assert_msg(strstr(env_err.msg, text) != NULL, "no '%s' in: %s", text, env_err.msg);
	ck_assert_msg(strstr(env_err.msg, request->what) != NULL, "%s", env_err.msg);
}

START_TEST(every_compression)
{
	struct layer_result result;
	struct layer_request request;

	make_blob((enum compression)_i);
	request = request_for_blob();
	ck_assert_msg(ingest_file(&request, &result) == 0, "%s", env_err.msg);
	ck_assert(digest_eq(&result.digest, &digest));
	ck_assert(digest_eq(&result.diff_id, &diff_id));
	ck_assert_int_eq(result.size, blob.len);
	ck_assert_uint_eq(result.unpacked, tar_len);
	ck_assert_uint_eq(result.entries, 52);
	ck_assert_int_eq(result.compression, _i);
	ck_assert_str_eq(env_content("dir/file49"), "dir/file49");
	ck_assert_int_eq(env_stat("noise").st_size, 900000);
}
END_TEST

START_TEST(computes_what_is_not_given)
{
	struct layer_request request = {.size = -1, .what = "layer"};
	struct layer_result result;

	make_blob(COMPRESSION_GZIP);
	request.dir = env_new_layer();
	ck_assert_msg(ingest_file(&request, &result) == 0, "%s", env_err.msg);
	ck_assert(digest_eq(&result.digest, &digest));
	ck_assert(digest_eq(&result.diff_id, &diff_id));
}
END_TEST

START_TEST(only_verifies)
{
	struct layer_request request;
	struct layer_result result;

	make_blob(COMPRESSION_GZIP);
	request = request_for_blob();
	request.dir = -1;
	ck_assert_msg(ingest_file(&request, &result) == 0, "%s", env_err.msg);
	ck_assert_uint_eq(result.unpacked, tar_len);
	request.diff_id = digest;
	bad_file(&request, EBADMSG, "diff id mismatch: got");
}
END_TEST

START_TEST(wrong_digests_and_sizes)
{
	struct layer_request request;
	struct digest sha512;
	struct err err = ERR_INIT;
	char text[140];

	make_blob(COMPRESSION_GZIP);
	request = request_for_blob();
	request.digest = diff_id;
	request.what = request.digest.text;
	bad_file(&request, EBADMSG, "digest mismatch: got");
	request = request_for_blob();
	request.diff_id = digest;
	bad_file(&request, EBADMSG, "diff id mismatch: got");
	request = request_for_blob();
	request.size--;
	bad_file(&request, EBADMSG, "larger than its declared size");
	request = request_for_blob();
	request.size++;
	bad_file(&request, EBADMSG, "wrong size");
	memcpy(text, "sha512:", 7);
	memset(text + 7, 'a', 128);
	text[135] = '\0';
	ck_assert_int_eq(digest_parse(text, &sha512, &err), 0);
	request = request_for_blob();
	request.digest = sha512;
	bad_file(&request, ENOTSUP, "sha512");
}
END_TEST

START_TEST(damaged)
{
	struct layer_request request;

	make_blob((enum compression)_i);
	blob.data[blob.len / 2] ^= 0x10;
	request = request_for_blob();
	bad_file(&request, EBADMSG, "");
	make_blob((enum compression)_i);
	blob.len -= 700;
	request = request_for_blob();
	request.size = -1;
	bad_file(&request, EBADMSG, "");
	make_blob((enum compression)_i);
	tar_raw(&blob, "more", 4);
	request = request_for_blob();
	bad_file(&request, EBADMSG, "");
}
END_TEST

START_TEST(bomb)
{
	struct tar t = {0};
	struct layer_request request;
	static char zeros[32 << 20];

	tar_add(&t, (struct tar_item){.name = "zeros", .data = zeros, .size = sizeof(zeros)});
	tar_end(&t);
	digest_of(t.data, t.len, &diff_id);
	compress_gzip(&t);
	tar_release(&t);
	digest_of(blob.data, blob.len, &digest);
	request = request_for_blob();
	request.max_unpacked = 1 << 20;
	bad_file(&request, EFBIG, "--max-unpacked-size");
	ck_assert(!env_exists("zeros") || env_stat("zeros").st_size <= 2 << 20);
	request = request_for_blob();
	request.max_unpacked = 33 << 20;
	ck_assert_msg(ingest_file(&request, NULL) == 0, "%s", env_err.msg);
}
END_TEST

START_TEST(bad_tar_inside)
{
	struct tar t = {0};
	struct layer_request request;
	static char noise[2 << 20];

	tar_symlink(&t, "a", "..");
	tar_file(&t, "../escape", "x");
	tar_add(&t, (struct tar_item){.name = "rest", .data = noise, .size = sizeof(noise)});
	tar_end(&t);
	digest_of(t.data, t.len, &diff_id);
	compress_gzip(&t);
	tar_release(&t);
	digest_of(blob.data, blob.len, &digest);
	request = request_for_blob();
	bad_file(&request, EBADMSG, "../escape");
	request.dir = -1;
	ck_assert_int_eq(ingest_file(&request, NULL), 0);
}
END_TEST

/* ---- streams */

struct download {
	struct stream *stream;
	size_t restart_at; /* begin again here, with other bytes before; 0: never */
	size_t fail_at;	   /* 0: never */
	size_t slow_at;	   /* from here a byte a millisecond; 0: never */
	int r;
};

static void *download_main(void *arg)
{
	struct download *d = arg;
	size_t pos = stream_watermark(d->stream);

	if (d->restart_at) {
		d->r = stream_write(d->stream, blob.data, d->restart_at);
		usleep(50000);
		ck_assert_int_eq(stream_restart(d->stream), 0);
		pos = 0;
	}
	while (pos < blob.len && d->r == 0) {
		size_t n = blob.len - pos < 5000 ? blob.len - pos : 5000;

		if (d->slow_at && pos >= d->slow_at) {
			usleep(1000);
			n = 1;
		}

		if (d->fail_at && pos >= d->fail_at) {
			stream_finish(d->stream, true);
			return NULL;
		}
		d->r = stream_write(d->stream, blob.data + pos, n);
		pos += n;
		if (pos % 100000 < 5000)
			usleep(1000);
	}
	stream_finish(d->stream, d->r < 0); /* as the registry's client ends one */
	return NULL;
}

/* Ingests while a thread downloads; prefix: bytes there already. */
static int ingest_stream(struct download *d, size_t prefix, struct layer_request request)
{
	int fd = blob_fd(prefix), r;
	struct layer_ingest *ingest;
	pthread_t thread;

	memset(&env_err, 0, sizeof(env_err));
	d->stream = stream_new(fd, prefix);
	request.stream = d->stream;
	ck_assert_int_eq(layer_ingest_start(&request, &ingest, &env_err), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, download_main, d), 0);
	pthread_join(thread, NULL);
	r = layer_ingest_join(ingest, NULL, &env_err);
	stream_free(d->stream);
	close(fd);
	env_root = openat(env_layer, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return r;
}

START_TEST(follows_a_download)
{
	struct download d = {0};

	make_blob(COMPRESSION_GZIP);
	ck_assert_msg(ingest_stream(&d, (size_t)_i, request_for_blob()) == 0, "%s", env_err.msg);
	ck_assert_int_eq(d.r, 0);
	ck_assert_str_eq(env_content("dir/file0"), "dir/file0");
}
END_TEST

START_TEST(begins_again)
{
	struct download d = {.restart_at = (size_t)_i};

	make_blob(COMPRESSION_GZIP);
	ck_assert_msg(ingest_stream(&d, 0, request_for_blob()) == 0, "%s", env_err.msg);
	ck_assert_str_eq(env_content("dir/file0"), "dir/file0");
	ck_assert_int_eq(env_stat("noise").st_size, 900000);
}
END_TEST

START_TEST(download_fails)
{
	struct download d = {.fail_at = 200000};

	make_blob(COMPRESSION_GZIP);
	ck_assert_int_eq(ingest_stream(&d, 0, request_for_blob()), -EIO);
	ck_assert_ptr_nonnull(strstr(env_err.msg, digest.text));
}
END_TEST

START_TEST(failure_cancels_the_download)
{
	struct download d = {.slow_at = 400000};
	struct layer_request request;

	make_blob(COMPRESSION_NONE);
	blob.data[0] ^= 1;
	request = request_for_blob();
	ck_assert_int_eq(ingest_stream(&d, 0, request), -EBADMSG);
	ck_assert_int_eq(d.r, -ECANCELED);
}
END_TEST

START_TEST(done_is_told)
{
	struct layer_request request;
	struct layer_ingest *ingest;
	int fd;

	make_blob(COMPRESSION_ZSTD);
	fd = blob_fd(blob.len);
	request = request_for_blob();
	request.stream = stream_new(fd, blob.len);
	ck_assert_int_eq(layer_ingest_start(&request, &ingest, &env_err), 0);
	ck_assert(!layer_ingest_done(ingest)); /* it waits for the end of the stream */
	stream_finish(request.stream, false);
	while (!layer_ingest_done(ingest))
		usleep(1000);
	ck_assert_int_eq(layer_ingest_join(ingest, NULL, &env_err), 0);
	stream_free(request.stream);
	close(fd);
}
END_TEST

TCase *layer_ingest_case(void)
{
	TCase *c = tcase_create("ingest");

	tcase_add_checked_fixture(c, env_setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, every_compression, COMPRESSION_NONE, COMPRESSION_ZSTD + 1);
	tcase_add_test(c, computes_what_is_not_given);
	tcase_add_test(c, only_verifies);
	tcase_add_test(c, wrong_digests_and_sizes);
	tcase_add_loop_test(c, damaged, COMPRESSION_NONE, COMPRESSION_ZSTD + 1);
	tcase_add_test(c, bomb);
	tcase_add_test(c, bad_tar_inside);
	tcase_add_loop_test(c, follows_a_download, 0, 1);
	tcase_add_loop_test(c, follows_a_download, 300001, 300002);
	tcase_add_loop_test(c, begins_again, 10, 11);
	tcase_add_loop_test(c, begins_again, 500000, 500001);
	tcase_add_test(c, download_fails);
	tcase_add_test(c, failure_cancels_the_download);
	tcase_add_test(c, done_is_told);
	return c;
}
