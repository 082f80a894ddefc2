#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "codec.h"

enum { HCRC = 2, EXTRA = 4, NAME = 8, COMMENT = 16 };

struct recipe {
	int level;
	int strategy;
	unsigned int flags; /* optional header fields */
	size_t extra;	    /* bytes of the EXTRA field */
	size_t name;	    /* bytes of the NAME field without its NUL */
};

static void add_le(struct bytes *b, uint32_t v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)(v >> (8 * i));

		bytes_add(b, &c, 1);
	}
}

static void add_header(struct bytes *b, const struct recipe *r)
{
	struct bytes h = {.len = 0};
	const unsigned char base[10] = {0x1f, 0x8b, 8, (unsigned char)r->flags, 1, 2, 3, 4, 0, 255};

	bytes_add(&h, base, sizeof(base));
	if (r->flags & EXTRA) {
		add_le(&h, (uint32_t)r->extra, 2);
		for (size_t i = 0; i < r->extra; i++)
			bytes_add(&h, &i, 1);
	}
	if (r->flags & NAME) {
		for (size_t i = 0; i < r->name; i++)
			bytes_add(&h, "n", 1);
		bytes_add(&h, "", 1);
	}
	if (r->flags & COMMENT)
		bytes_add(&h, "a comment", 10);
	if (r->flags & HCRC)
		add_le(&h, (uint32_t)crc32(0, h.data, (uInt)h.len) & 0xffff, 2);
	bytes_add(b, h.data, h.len);
	bytes_free(&h);
}

/* Appends one member. */
static void add_member(struct bytes *b, const struct recipe *r, const struct bytes *plain)
{
	uLong bound = compressBound(plain->len) + 1024;
	unsigned char *body = malloc(bound);
	z_stream s;

	ck_assert_ptr_nonnull(body);
	memset(&s, 0, sizeof(s));
	ck_assert_int_eq(deflateInit2(&s, r->level, Z_DEFLATED, -15, 8, r->strategy), Z_OK);
	s.next_in = plain->data;
	s.avail_in = (uInt)plain->len;
	s.next_out = body;
	s.avail_out = (uInt)bound;
	ck_assert_int_eq(deflate(&s, Z_FINISH), Z_STREAM_END);
	add_header(b, r);
	bytes_add(b, body, s.total_out);
	deflateEnd(&s);
	free(body);
	add_le(b, (uint32_t)crc32(0, plain->data, (uInt)plain->len), 4);
	add_le(b, (uint32_t)plain->len, 4);
}

static struct bytes packed_text(const char *text)
{
	struct recipe r = {.level = 6};
	struct bytes plain = {.len = 0}, b = {.len = 0};

	bytes_add(&plain, text, strlen(text));
	add_member(&b, &r, &plain);
	bytes_free(&plain);
	return b;
}

START_TEST(every_block_type)
{
	static const struct recipe recipes[] = {
		{.level = 0},
		{.level = 1},
		{.level = 9},
		{.level = 6, .strategy = Z_FIXED},
		{.level = 6, .strategy = Z_HUFFMAN_ONLY},
		{.level = 6, .strategy = Z_RLE},
	};
	static const size_t sizes[] = {0, 1, 5, 1000, 65536, 70001};

	for (size_t r = 0; r < sizeof(recipes) / sizeof(*recipes); r++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			struct bytes plain = bytes_sample(sizes[i], (uint32_t)i + 1),
				     b = {.len = 0};

			add_member(&b, &recipes[r], &plain);
			check_inflates(&b, &plain, COMPRESSION_GZIP);
			bytes_free(&plain);
			bytes_free(&b);
		}
}
END_TEST

START_TEST(large)
{
	static const struct recipe r = {.level = 6};
	struct bytes plain = bytes_sample(3000000, 9), b = {.len = 0};

	add_member(&b, &r, &plain);
	check_inflates(&b, &plain, COMPRESSION_GZIP);
	bytes_free(&plain);
	bytes_free(&b);
}
END_TEST

START_TEST(optional_header_fields)
{
	for (unsigned int flags = 0; flags < 32; flags++) {
		struct recipe r = {
			.level = 6, .flags = flags, .extra = flags % 3 * 100, .name = flags};
		struct bytes plain = bytes_sample(2000, flags + 1), b = {.len = 0};

		add_member(&b, &r, &plain);
		check_inflates(&b, &plain, COMPRESSION_GZIP);
		bytes_free(&plain);
		bytes_free(&b);
	}
}
END_TEST

/* Fields larger than the input window. */
START_TEST(huge_header_fields)
{
	static const struct recipe r = {
		.level = 6, .flags = EXTRA | NAME | HCRC, .extra = 65535, .name = 200000};
	struct bytes plain = bytes_sample(5000, 2), b = {.len = 0};

	add_member(&b, &r, &plain);
	check_inflates(&b, &plain, COMPRESSION_GZIP);
	bytes_free(&plain);
	bytes_free(&b);
}
END_TEST

/* Short members lie several in one window: the bytes the decoder read ahead must all come back. */
START_TEST(many_members)
{
	struct bytes whole = {.len = 0}, b = {.len = 0};

	for (unsigned int i = 0; i < 60; i++) {
		struct recipe r = {.level = (int)(i % 10),
				   .strategy = i % 3 ? Z_DEFAULT_STRATEGY : Z_FIXED,
				   .flags = i % 32,
				   .extra = i,
				   .name = 2 * i};
		struct bytes plain = bytes_sample(i % 7 * 31, i);

		bytes_add(&whole, plain.data, plain.len);
		add_member(&b, &r, &plain);
		bytes_free(&plain);
	}
	check_inflates(&b, &whole, COMPRESSION_GZIP);
	bytes_free(&whole);
	bytes_free(&b);
}
END_TEST

/* Members whose ends lie at every place around a refill of the 64 KiB window. */
START_TEST(member_ends_at_the_window)
{
	for (size_t shift = 0; shift < 24; shift++) {
		static const struct recipe stored = {.level = 0}, packed = {.level = 9};
		struct bytes first = bytes_sample(65535 - 45 + shift, 5),
			     second = bytes_sample(300, 6);
		struct source source = {.piece = 0};
		struct bytes b = {.len = 0}, out;

		add_member(&b, &stored, &first);
		add_member(&b, &packed, &second);
		bytes_add(&first, second.data, second.len);
		source.data = b.data;
		source.len = b.len;
		ck_assert_int_eq(inflate_all(&source, 70000, &out, NULL, NULL), 0);
		ck_assert_uint_eq(out.len, first.len);
		ck_assert_mem_eq(out.data, first.data, out.len);
		bytes_free(&out);
		bytes_free(&b);
		bytes_free(&first);
		bytes_free(&second);
	}
}
END_TEST

START_TEST(zero_padding_is_tolerated)
{
	static const size_t zeros[] = {1, 511, 70000};

	for (size_t i = 0; i < sizeof(zeros) / sizeof(*zeros); i++) {
		struct bytes b = packed_text("padded"), plain = {.len = 0};

		bytes_add(&plain, "padded", 6);
		for (size_t n = 0; n < zeros[i]; n++)
			bytes_add(&b, "", 1);
		check_inflates(&b, &plain, COMPRESSION_GZIP);
		bytes_free(&plain);
		bytes_free(&b);
	}
}
END_TEST

START_TEST(garbage_behind_is_refused)
{
	static const struct {
		const char *text;
		size_t len;
		const char *reason;
	} tails[] = {
		{"x", 1, "garbage behind the last member"},
		{"xy", 2, "garbage behind the last member"},
		{"\0\0x", 3, "garbage behind the last member"},
		{"\0\x1f\x8b\x08", 4, "garbage behind the last member"},
		{"\x1f", 1, "truncated"},
		{"\x1f\x8b", 2, "truncated"},
		{"\x1f\x8c garbage.", 11, "garbage behind the last member"},
		{"\x28\xb5\x2f\xfd more more", 14, "garbage behind the last member"},
	};

	for (size_t i = 0; i < sizeof(tails) / sizeof(*tails); i++) {
		struct bytes b = packed_text("followed");

		bytes_add(&b, tails[i].text, tails[i].len);
		check_refused(b.data, b.len, EBADMSG, tails[i].reason);
		bytes_free(&b);
	}
}
END_TEST

START_TEST(truncation_anywhere)
{
	static const struct recipe r = {
		.level = 6, .flags = HCRC | EXTRA | NAME | COMMENT, .extra = 9, .name = 5};
	struct bytes plain = bytes_sample(600, 4), b = {.len = 0};

	add_member(&b, &r, &plain);
	for (size_t len = 2; len < b.len; len++)
		check_refused(b.data, len, EBADMSG, "gzip: truncated");
	bytes_free(&plain);
	bytes_free(&b);
}
END_TEST

/* A failure in the middle of the compressed bytes is the reader's, not the data's. */
START_TEST(reader_failure_anywhere)
{
	static const struct recipe r = {
		.level = 6, .flags = NAME | EXTRA | HCRC, .extra = 9, .name = 5};
	struct bytes plain = bytes_sample(600, 4), b = {.len = 0};

	add_member(&b, &r, &plain);
	for (size_t len = 0; len <= b.len; len++) {
		struct source source = {b.data, len, .error = -EIO, .piece = 3};
		struct bytes out;
		char reason[128];

		ck_assert_int_eq(inflate_all(&source, 64, &out, NULL, reason), -EIO);
		ck_assert_str_eq(reason, "");
		bytes_free(&out);
	}
	bytes_free(&plain);
	bytes_free(&b);
}
END_TEST

/* A changed bit never gives other content: the checksum notices at the latest. */
START_TEST(corruption_anywhere)
{
	static const struct recipe r = {.level = 6};
	struct bytes plain = bytes_sample(300, 8), b = {.len = 0};

	add_member(&b, &r, &plain);
	for (size_t i = 10; i < b.len; i++) {
		b.data[i] ^= (unsigned char)(1U << i % 8);
		check_no_other_content(&b, &plain);
		b.data[i] ^= (unsigned char)(1U << i % 8);
	}
	bytes_free(&plain);
	bytes_free(&b);
}
END_TEST

START_TEST(named_reasons)
{
	struct bytes b = packed_text("named reasons");
	struct bytes h = {.len = 0};
	struct recipe r = {.level = 6, .flags = HCRC};
	struct bytes plain = {.len = 0};

	b.data[b.len - 8] ^= 1;
	check_refused(b.data, b.len, EBADMSG, "gzip: wrong checksum");
	b.data[b.len - 8] ^= 1;
	b.data[b.len - 1] ^= 1;
	check_refused(b.data, b.len, EBADMSG, "gzip: wrong length");
	b.data[b.len - 1] ^= 1;
	b.data[2] = 7;
	check_refused(b.data, b.len, EBADMSG, "gzip: unknown compression method");
	b.data[2] = 8;
	b.data[3] = 0x20;
	check_refused(b.data, b.len, EBADMSG, "gzip: reserved flags are set");
	bytes_free(&b);

	add_member(&h, &r, &plain);
	h.data[4] ^= 1;
	check_refused(h.data, h.len, EBADMSG, "gzip: wrong header checksum");
	bytes_free(&h);
}
END_TEST

/* A distance that reaches in front of the member must not find the member before it. */
START_TEST(members_share_no_history)
{
	/* fixed block: a match of length 3 at distance 1, end of block: nothing lies before it */
	static const unsigned char body[] = {0x03, 0x02, 0x00};
	static const struct recipe r = {.level = 6};
	struct bytes plain = bytes_sample(5000, 3), b = {.len = 0};

	add_member(&b, &r, &plain);
	add_header(&b, &r);
	bytes_add(&b, body, sizeof(body));
	add_le(&b, 0, 4);
	add_le(&b, 3, 4);
	check_refused(b.data, b.len, EBADMSG, "too far back");
	bytes_free(&plain);
	bytes_free(&b);
}
END_TEST

TCase *codec_gzip_tests(void)
{
	TCase *t = tcase_create("gzip");

	tcase_set_timeout(t, 240);
	tcase_add_test(t, every_block_type);
	tcase_add_test(t, large);
	tcase_add_test(t, optional_header_fields);
	tcase_add_test(t, huge_header_fields);
	tcase_add_test(t, many_members);
	tcase_add_test(t, member_ends_at_the_window);
	tcase_add_test(t, zero_padding_is_tolerated);
	tcase_add_test(t, garbage_behind_is_refused);
	tcase_add_test(t, truncation_anywhere);
	tcase_add_test(t, reader_failure_anywhere);
	tcase_add_test(t, corruption_anywhere);
	tcase_add_test(t, named_reasons);
	tcase_add_test(t, members_share_no_history);
	return t;
}
