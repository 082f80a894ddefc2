/* registry_fetch: large blobs into a stream: resuming, restarting, bounds, several at once. */
#include "registry_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/stream.h"
#include "registry/http.h"

#define BLOB_LEN 300000

struct blob_server {
	char *bytes;
	size_t len;
	size_t per_answer; /* the connection breaks after so many bytes; 0: never */
	bool no_ranges;
	bool no_length;
	const char *range;   /* instead of the right Content-Range */
	unsigned int refuse; /* 416 to so many ranges */
	bool longer;
};

static void answer_blob(struct heard *h, void *ctx)
{
	const struct blob_server *b = ctx;
	size_t from = 0, len;
	char head[512], length[64] = "", range[128] = "";
	int n;

	if (h->range[0] && !b->no_ranges)
		from = (size_t)strtoul(h->range + strlen("bytes="), NULL, 10);
	if (h->range[0] && h->number < b->refuse) {
		answer_text(h, 416, "", "");
		return;
	}
	len = b->len - from;
	if (!b->no_length)
		snprintf(length, sizeof(length), "Content-Length: %zu\r\n", len);
	if (from > 0 && b->range)
		snprintf(range, sizeof(range), "Content-Range: %s\r\n", b->range);
	else if (from > 0)
		snprintf(range, sizeof(range), "Content-Range: bytes %zu-%zu/%zu\r\n", from,
			 b->len - 1, b->len);
	n = snprintf(head, sizeof(head), "HTTP/1.1 %d X\r\n%s%sConnection: close\r\n\r\n",
		     from > 0 ? 206 : 200, length, range);
	answer_raw(h, head, (size_t)n);
	if (b->per_answer && len > b->per_answer)
		len = b->per_answer;
	answer_raw(h, b->bytes + from, len);
	if (b->longer)
		answer_raw(h, b->bytes, b->len);
}

struct fixture {
	struct blob_server b;
	struct server *s;
	struct registry_client *c;
	struct descriptor d;
	struct stream *stream;
	int fd;
};

/* `have` bytes of the blob are in the file already. */
static void begin(struct fixture *x, size_t have)
{
	x->b.bytes = some_bytes(BLOB_LEN);
	x->b.len = BLOB_LEN;
	describe_bytes(x->b.bytes, x->b.len, &x->d);
	x->s = server_start(answer_blob, &x->b);
	x->c = client_for(x->s, NULL);
	x->fd = memfd_create("blob", MFD_CLOEXEC);
	ck_assert_int_eq(fd_write_all(x->fd, x->b.bytes, have), 0);
	x->stream = stream_new(x->fd, have);
}

static void end(struct fixture *x)
{
	registry_client_free(x->c);
	server_stop(x->s);
	stream_free(x->stream);
	descriptor_release(&x->d);
	free(x->b.bytes);
	close(x->fd);
}

/* Turns the loop until the fetch has ended; its result. */
static int run_fetch(struct registry_client *c, struct registry_fetch *f, struct err *err)
{
	int r;

	while ((r = registry_fetch_result(f, err)) == 0) {
		r = registry_client_run(c, 100, err);
		if (r < 0)
			return r;
	}
	return r;
}

static void on_progress(void *ctx, uint64_t done)
{
	uint64_t *last = ctx;

	*last = done;
}

static int fetch(struct fixture *x, struct err *err)
{
	uint64_t reached = 0;
	struct registry_fetch *f;
	int r;

	*err = (struct err)ERR_INIT;
	f = registry_fetch_start(x->c, &x->d, x->stream, on_progress, &reached);
	r = run_fetch(x->c, f, err);
	if (r == 1 && reached > 0)
		ck_assert_uint_eq(reached, (uint64_t)x->d.size);
	registry_fetch_free(f);
	return r;
}

/* The file holds the blob, the reader sees its end. */
static void check_whole(struct fixture *x)
{
	char *got = xmalloc(BLOB_LEN + 1), last;

	ck_assert_int_eq(pread(x->fd, got, BLOB_LEN + 1, 0), BLOB_LEN);
	ck_assert_mem_eq(got, x->b.bytes, BLOB_LEN);
	ck_assert_int_eq(stream_read(x->stream, &last, 1, BLOB_LEN), 0);
	free(got);
}

START_TEST(fetch_whole)
{
	struct fixture x = {.b = {.len = 0}};
	struct err err;

	begin(&x, 0);
	ck_assert_msg(fetch(&x, &err) == 1, "%s", err.msg);
	check_whole(&x);
	ck_assert_uint_eq(server_count(x.s), 1);
	ck_assert_str_eq(server_heard(x.s, 0)->range, "");
	end(&x);
}
END_TEST

START_TEST(fetch_resumes_a_prefix)
{
	struct fixture x = {.b = {.len = 0}};
	struct err err;

	begin(&x, 1234);
	ck_assert_msg(fetch(&x, &err) == 1, "%s", err.msg);
	check_whole(&x);
	ck_assert_uint_eq(server_count(x.s), 1);
	ck_assert_str_eq(server_heard(x.s, 0)->range, "bytes=1234-");
	end(&x);
}
END_TEST

START_TEST(fetch_of_nothing_missing)
{
	struct fixture x = {.b = {.len = 0}};
	struct err err;

	begin(&x, BLOB_LEN);
	ck_assert_int_eq(fetch(&x, &err), 1);
	check_whole(&x);
	ck_assert_uint_eq(server_count(x.s), 0);
	end(&x);
}
END_TEST

START_TEST(fetch_of_too_long_a_prefix)
{
	struct fixture x = {.b = {.len = 0}};
	struct err err;

	begin(&x, BLOB_LEN);
	ck_assert_int_eq(fd_write_all(x.fd, "more", 4), 0);
	stream_free(x.stream);
	x.stream = stream_new(x.fd, BLOB_LEN + 4);
	ck_assert_msg(fetch(&x, &err) == 1, "%s", err.msg);
	ck_assert_int_eq(stream_read(x.stream, &err, 1, BLOB_LEN), -ESTALE);
	check_whole(&x);
	end(&x);
}
END_TEST

START_TEST(fetch_over_a_bad_line)
{
	/* 15 breaks: more than the retries in a row, but each brings it further. */
	struct fixture x = {.b = {.per_answer = 20000}};
	struct err err;

	begin(&x, 0);
	ck_assert_msg(fetch(&x, &err) == 1, "%s", err.msg);
	check_whole(&x);
	ck_assert_uint_eq(server_count(x.s), BLOB_LEN / 20000);
	ck_assert_str_eq(server_heard(x.s, 2)->range, "bytes=40000-");
	end(&x);
}
END_TEST

START_TEST(fetch_over_a_bad_line_without_lengths)
{
	struct fixture x = {.b = {.per_answer = 50000, .no_length = true}};
	struct err err;

	begin(&x, 0);
	ck_assert_msg(fetch(&x, &err) == 1, "%s", err.msg);
	check_whole(&x);
	ck_assert_uint_eq(server_count(x.s), BLOB_LEN / 50000);
	end(&x);
}
END_TEST

START_TEST(fetch_restarts_where_ranges_are_unknown)
{
	struct fixture x = {.b = {.no_ranges = true}};
	struct err err;
	char c;

	begin(&x, 5000);
	ck_assert_msg(fetch(&x, &err) == 1, "%s", err.msg);
	ck_assert_int_eq(stream_read(x.stream, &c, 1, 5000), -ESTALE);
	check_whole(&x);
	end(&x);
}
END_TEST

START_TEST(fetch_gives_up_when_restarts_lead_nowhere)
{
	struct fixture x = {.b = {.no_ranges = true, .per_answer = 5000}};
	struct err err;
	char c;

	begin(&x, 0);
	ck_assert_int_eq(fetch(&x, &err), -ECONNRESET);
	ck_assert_msg(strstr(err.msg, x.d.digest.text) != NULL, "%s", err.msg);
	/* The first attempt got somewhere; then all retries in a row got no further. */
	ck_assert_uint_eq(server_count(x.s), 1 + LIMIT_RETRIES);
	while (stream_read(x.stream, &c, 1, 5000) == -ESTALE)
		continue;
	ck_assert_int_eq(stream_read(x.stream, &c, 1, 5000), -EIO);
	end(&x);
}
END_TEST

START_TEST(fetch_restarts_after_416)
{
	struct fixture x = {.b = {.refuse = 1}};
	struct err err;
	char c;

	begin(&x, 5000);
	ck_assert_msg(fetch(&x, &err) == 1, "%s", err.msg);
	ck_assert_int_eq(stream_read(x.stream, &c, 1, 5000), -ESTALE);
	check_whole(&x);
	ck_assert_uint_eq(server_count(x.s), 2);
	end(&x);
}
END_TEST

START_TEST(fetch_restarts_after_a_wrong_range)
{
	static const char *const ranges[] = {"bytes 0-299999/300000", "bytes 5001-299999/300000",
					     "bytes 4000-299999/*"};
	struct fixture x = {.b = {.range = ranges[_i]}};
	struct err err;
	char c;

	begin(&x, 5000);
	ck_assert_msg(fetch(&x, &err) == 1, "%s", err.msg);
	ck_assert_int_eq(stream_read(x.stream, &c, 1, 5000), -ESTALE);
	check_whole(&x);
	ck_assert_uint_eq(server_count(x.s), 2);
	ck_assert_str_eq(server_heard(x.s, 1)->range, "");
	end(&x);
}
END_TEST

START_TEST(fetch_refuses_wrong_ranges)
{
	static const char *const ranges[] = {"bytes 5000-299999/300001", "bytes 5000-300000/*",
					     "bytes 5000-", "x"};
	struct fixture x = {.b = {.range = ranges[_i]}};
	struct err err;

	begin(&x, 5000);
	ck_assert_int_eq(fetch(&x, &err), -EBADMSG);
	ck_assert_uint_eq(server_count(x.s), 1);
	ck_assert_uint_eq(stream_watermark(x.stream), 5000);
	end(&x);
}
END_TEST

START_TEST(fetch_refuses_more_than_declared)
{
	/* With a length it shows at once, without one when the bytes come. */
	struct fixture x = {.b = {.no_length = _i == 1, .longer = true}};
	struct stat st;
	struct err err;

	begin(&x, 0);
	if (_i == 0)
		x.d.size--;
	ck_assert_int_eq(fetch(&x, &err), -EBADMSG);
	ck_assert_msg(strstr(err.msg, "the manifest says") != NULL, "%s", err.msg);
	ck_assert_uint_eq(server_count(x.s), 1);
	ck_assert_int_eq(fstat(x.fd, &st), 0);
	ck_assert_int_le(st.st_size, x.d.size);
	end(&x);
}
END_TEST

START_TEST(fetch_refuses_mad_sizes)
{
	struct fixture x = {.b = {.len = 0}};
	struct err err;

	begin(&x, 0);
	x.d.size = INT64_MAX;
	ck_assert_int_eq(fetch(&x, &err), -EFBIG);
	ck_assert_uint_eq(server_count(x.s), 0);
	end(&x);
}
END_TEST

START_TEST(fetch_stops_with_its_reader)
{
	struct fixture x = {.b = {.len = 0}};
	struct err err;

	begin(&x, 0);
	stream_cancel(x.stream);
	ck_assert_int_eq(fetch(&x, &err), -ECANCELED);
	ck_assert_uint_eq(server_count(x.s), 1);
	end(&x);
}
END_TEST

START_TEST(fetch_in_parallel)
{
	struct fixture x = {.b = {.per_answer = 100000}};
	struct registry_fetch *f[4];
	struct stream *streams[4];
	struct err err = ERR_INIT;
	int fds[4], going = 1;

	begin(&x, 0);
	for (int i = 0; i < 4; i++) {
		fds[i] = memfd_create("blob", MFD_CLOEXEC);
		streams[i] = stream_new(fds[i], 0);
		f[i] = registry_fetch_start(x.c, &x.d, streams[i], NULL, NULL);
	}
	while (going > 0) {
		going = registry_client_run(x.c, 100, &err);
		ck_assert_msg(going >= 0, "%s", err.msg);
	}
	for (int i = 0; i < 4; i++) {
		ck_assert_msg(registry_fetch_result(f[i], &err) == 1, "%s", err.msg);
		ck_assert_uint_eq(stream_watermark(streams[i]), BLOB_LEN);
		registry_fetch_free(f[i]);
		stream_free(streams[i]);
		close(fds[i]);
	}
	ck_assert_uint_eq(server_count(x.s), 12);
	end(&x);
}
END_TEST

START_TEST(fetch_abandoned)
{
	struct fixture x = {.b = {.len = 0}};
	struct registry_fetch *f;
	char c;

	begin(&x, 0);
	f = registry_fetch_start(x.c, &x.d, x.stream, NULL, NULL);
	registry_fetch_free(f);
	ck_assert_int_eq(stream_read(x.stream, &c, 1, 0), -EIO);
	end(&x);
}
END_TEST

static void answer_missing(struct heard *h, void *ctx)
{
	(void)ctx;
	answer_text(h, 404, "", "");
}

START_TEST(fetch_of_a_foreign_layer)
{
	struct fixture x = {.b = {.len = 0}};
	struct server *registry = server_start(answer_missing, NULL);
	_cleanup_free_ char *url = NULL;
	struct err err;

	begin(&x, 100);
	registry_client_free(x.c);
	x.c = client_for(registry, NULL);
	url = xasprintf("http://127.0.0.1:%d/layer", server_port(x.s));
	strv_add(&x.d.urls, "/v2/other");
	strv_add(&x.d.urls, "ftp://x/");
	strv_add(&x.d.urls, url);
	ck_assert_int_eq(fetch(&x, &err), -ENOENT);
	ck_assert_uint_eq(server_count(x.s), 0);
	free(x.d.media_type);
	x.d.media_type = xstrdup("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip");
	stream_free(x.stream);
	x.stream = stream_new(x.fd, 100);
	ck_assert_msg(fetch(&x, &err) == 1, "%s", err.msg);
	check_whole(&x);
	ck_assert_uint_eq(server_count(registry), 2);
	ck_assert_str_eq(server_heard(x.s, 0)->path, "/layer");
	ck_assert_str_eq(server_heard(x.s, 0)->range, "bytes=100-");
	end(&x);
	server_stop(registry);
}
END_TEST

/* curl measures the speed over the last five seconds or so. */
static void answer_and_stall(struct heard *h, void *ctx)
{
	char c;

	(void)ctx;
	answer_raw_text(h, "HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\nabc");
	recv(h->fd, &c, 1, 0); /* until the client goes away */
}

START_TEST(a_stalled_transfer_is_lost)
{
	struct server *s = server_start(answer_and_stall, NULL);
	_cleanup_free_ char *url = xasprintf("http://127.0.0.1:%d/", server_port(s));
	const struct http_options options = {.host = "127.0.0.1", .stall_seconds = 1};
	const struct http_request request = {
		.method = "GET", .url = url, .body_fd = -1, .max_body = 1000};
	struct err err = ERR_INIT;
	struct http_transfer *t;
	struct http *h = NULL;
	int turns = 0;

	ck_assert_int_eq(http_new(&options, &h, &err), 0);
	t = http_start(h, &request);
	while (http_outcome(t) == HTTP_PENDING && turns++ < 110)
		ck_assert_int_eq(http_turn(h, 100, &err), 0);
	ck_assert_int_eq(http_outcome(t), HTTP_LOST);
	ck_assert_int_eq(http_error(t, &err), -ETIMEDOUT);
	http_transfer_free(t);
	http_free(h);
	server_stop(s);
}
END_TEST

TCase *registry_client_fetch(void)
{
	TCase *t = tcase_create("fetch");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, fetch_whole);
	tcase_add_test(t, fetch_resumes_a_prefix);
	tcase_add_test(t, fetch_of_nothing_missing);
	tcase_add_test(t, fetch_of_too_long_a_prefix);
	tcase_add_test(t, fetch_over_a_bad_line);
	tcase_add_test(t, fetch_over_a_bad_line_without_lengths);
	tcase_add_test(t, fetch_restarts_where_ranges_are_unknown);
	tcase_add_test(t, fetch_gives_up_when_restarts_lead_nowhere);
	tcase_add_test(t, fetch_restarts_after_416);
	tcase_add_loop_test(t, fetch_restarts_after_a_wrong_range, 0, 3);
	tcase_add_loop_test(t, fetch_refuses_wrong_ranges, 0, 4);
	tcase_add_loop_test(t, fetch_refuses_more_than_declared, 0, 2);
	tcase_add_test(t, fetch_refuses_mad_sizes);
	tcase_add_test(t, fetch_stops_with_its_reader);
	tcase_add_test(t, fetch_in_parallel);
	tcase_add_test(t, fetch_abandoned);
	tcase_add_test(t, fetch_of_a_foreign_layer);
	tcase_add_test(t, a_stalled_transfer_is_lost);

	return t;
}
