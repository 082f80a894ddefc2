#include "codec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void bytes_add(struct bytes *b, const void *p, size_t len)
{
	if (b->len + len >= b->cap) {
		b->cap = 2 * (b->len + len) + 64;
		b->data = realloc(b->data, b->cap);
		ck_assert_ptr_nonnull(b->data);
	}
	memcpy(b->data + b->len, p, len);
	b->len += len;
}

void bytes_free(struct bytes *b)
{
	free(b->data);
	b->data = NULL;
	b->len = 0;
	b->cap = 0;
}

struct bytes bytes_sample(size_t len, uint32_t seed)
{
	struct bytes b = {malloc(len + 1), len, len + 1};
	uint32_t x = seed * 2654435761U + 1;
	size_t i = 0;

	ck_assert_ptr_nonnull(b.data);
	while (i < len) {
		size_t n, back;

		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		n = 1 + x % 97;
		back = 1 + (x >> 8) % 40000;
		for (size_t j = 0; j < n && i < len; j++, i++)
			switch (x >> 30) {
			case 0:
				b.data[i] = (unsigned char)(x >> (j % 24));
				break;
			case 1:
				b.data[i] = (unsigned char)(x >> 16);
				break;
			default:
				b.data[i] = i >= back ? b.data[i - back]
						      : (unsigned char)('a' + j % 26);
			}
	}
	return b;
}

ssize_t source_read(void *ctx, void *buf, size_t len)
{
	struct source *s = ctx;
	size_t n = s->len - s->pos;

	s->calls++;
	if (s->overrun)
		return (ssize_t)len + 1;
	if (n > len)
		n = len;
	if (s->piece && n > s->piece)
		n = s->piece;
	if (n == 0)
		return s->error;
	memcpy(buf, s->data + s->pos, n);
	s->pos += n;
	return (ssize_t)n;
}

int inflate_all(struct source *source, size_t out_piece, struct bytes *ret,
		enum compression *ret_kind, char reason[128])
{
	/* of the exact size, so that a sanitizer sees a byte too many */
	unsigned char *piece = malloc(out_piece);
	struct inflate *z = NULL;
	ssize_t n;

	ck_assert_ptr_nonnull(piece);
	memset(ret, 0, sizeof(*ret));
	ck_assert_int_eq(inflate_new(source_read, source, &z), 0);
	for (;;) {
		n = inflate_read(z, piece, out_piece);
		if (n <= 0)
			break;
		ck_assert_uint_le((size_t)n, out_piece);
		bytes_add(ret, piece, (size_t)n);
	}
	/* an end or a failure is for good, and nothing is read after a failure */
	if (n < 0) {
		unsigned int calls = source->calls;

		ck_assert_int_eq(inflate_read(z, piece, out_piece), n);
		ck_assert_uint_eq(source->calls, calls);
	} else {
		ck_assert_int_eq(inflate_read(z, piece, out_piece), 0);
	}
	if (ret_kind)
		*ret_kind = inflate_compression(z);
	if (reason)
		snprintf(reason, 128, "%s", inflate_reason(z));
	free(piece);
	inflate_freep(&z);
	ck_assert_ptr_null(z);
	return (int)n;
}

void check_inflates(const struct bytes *packed, const struct bytes *plain, enum compression kind)
{
	static const size_t in_pieces[] = {0, 1, 2, 3, 5, 7, 11, 255, 4096, 65535};
	static const size_t out_pieces[] = {1, 13, 4096, 32768, 65536, 300000};

	for (size_t i = 0; i < sizeof(in_pieces) / sizeof(*in_pieces); i++)
		for (size_t o = 0; o < sizeof(out_pieces) / sizeof(*out_pieces); o++) {
			struct source source = {packed->data, packed->len, .piece = in_pieces[i]};
			enum compression got;
			struct bytes out;
			char reason[128];

			/* small pieces matter at the seams, which short data has as well */
			if (plain->len > 2500 && (in_pieces[i] == 1 || out_pieces[o] == 1) &&
			    i != o)
				continue;
			if (plain->len > 100000 && (in_pieces[i] - 1 < 254 || out_pieces[o] < 4096))
				continue;
			ck_assert_msg(inflate_all(&source, out_pieces[o], &out, &got, reason) == 0,
				      "in %zu out %zu: %s", in_pieces[i], out_pieces[o], reason);
			ck_assert_str_eq(reason, "");
			ck_assert_uint_eq(out.len, plain->len);
			ck_assert(out.len == 0 || memcmp(out.data, plain->data, out.len) == 0);
			ck_assert_int_eq((int)got, (int)kind);
			ck_assert_uint_eq(source.pos, packed->len);
			bytes_free(&out);
		}
}

void check_refused(const void *packed, size_t len, int code, const char *reason)
{
	static const size_t in_pieces[] = {0, 3};

	for (size_t i = 0; i < sizeof(in_pieces) / sizeof(*in_pieces); i++) {
		struct source source = {packed, len, .piece = in_pieces[i]};
		struct bytes out;
		char got[128];

		ck_assert_int_eq(inflate_all(&source, 100, &out, NULL, got), -code);
		ck_assert_msg(strstr(got, reason) != NULL, "'%s' lacks '%s'", got, reason);
		bytes_free(&out);
	}
}

void check_no_other_content(const struct bytes *packed, const struct bytes *plain)
{
	struct source source = {packed->data, packed->len, .piece = 64};
	struct bytes out;
	int r = inflate_all(&source, 100, &out, NULL, NULL);

	if (r == 0) {
		ck_assert_uint_eq(out.len, plain->len);
		ck_assert(out.len == 0 || memcmp(out.data, plain->data, out.len) == 0);
	} else {
		ck_assert_int_eq(r, -EBADMSG);
	}
	bytes_free(&out);
}

START_TEST(plain)
{
	static const size_t sizes[] = {0, 1, 2, 3, 4, 5, 511, 65535, 65536, 65537, 200000};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct bytes b = bytes_sample(sizes[i], 3);

		check_inflates(&b, &b, COMPRESSION_NONE);
		bytes_free(&b);
	}
}
END_TEST

START_TEST(plain_that_begins_like_a_magic)
{
	static const char *const texts[] = {
		"\x1f",		"\x1f\x8c",	    "\x28\xb5\x2f", "\x28\xb5\x2f\xfc tail",
		"\x50\x2a\x4d", "\x60\x2a\x4d\x18", "BZh9",	    "\xfd\x37zXZ"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct bytes b = {.len = 0};

		bytes_add(&b, texts[i], strlen(texts[i]));
		check_inflates(&b, &b, COMPRESSION_NONE);
		bytes_free(&b);
	}
}
END_TEST

START_TEST(reader_failure_follows_the_bytes)
{
	struct bytes b = bytes_sample(1000, 1);

	for (size_t len = 0; len <= b.len; len += 250) {
		struct source source = {b.data, len, .error = -ESTALE, .piece = 100};
		struct bytes out;
		char reason[128];

		ck_assert_int_eq(inflate_all(&source, 77, &out, NULL, reason), -ESTALE);
		ck_assert_uint_eq(out.len, len);
		ck_assert_str_eq(reason, "");
		bytes_free(&out);
	}
	bytes_free(&b);
}
END_TEST

START_TEST(reader_that_claims_too_much)
{
	struct source source = {.overrun = true};
	struct bytes out;

	ck_assert_int_eq(inflate_all(&source, 100, &out, NULL, NULL), -EIO);
	ck_assert_uint_eq(out.len, 0);
	bytes_free(&out);
}
END_TEST

/* Plain data goes from the reader to the caller directly: there, too, a wrong count is caught. */
START_TEST(reader_that_claims_too_much_later)
{
	struct source source = {.data = (const unsigned char *)"some bytes", .len = 10};
	struct inflate *z = NULL;
	char buf[10];

	ck_assert_int_eq(inflate_new(source_read, &source, &z), 0);
	ck_assert_int_eq(inflate_read(z, buf, 4), 4);
	ck_assert_int_eq(inflate_read(z, buf, 0), 0);
	ck_assert_int_eq(inflate_read(z, buf, 6), 6);
	source.overrun = true;
	ck_assert_int_eq(inflate_read(z, buf, 6), -EIO);
	inflate_free(z);
	inflate_free(NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("codec");
	TCase *t = tcase_create("plain");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, plain);
	tcase_add_test(t, plain_that_begins_like_a_magic);
	tcase_add_test(t, reader_failure_follows_the_bytes);
	tcase_add_test(t, reader_that_claims_too_much);
	tcase_add_test(t, reader_that_claims_too_much_later);
	suite_add_tcase(s, t);
	suite_add_tcase(s, codec_gzip_tests());
	suite_add_tcase(s, codec_zstd_tests());
	return unit_run(s);
}
