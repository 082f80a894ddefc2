#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <zstd.h>

#include "base/limits.h"
#include "codec.h"

struct recipe {
	int level;
	bool checksum;
	bool unsized; /* the content size is not in the frame */
	int window_log;
};

static void add_frame(struct bytes *b, const struct recipe *r, const struct bytes *plain)
{
	size_t bound = ZSTD_compressBound(plain->len);
	unsigned char *packed = malloc(bound);
	ZSTD_CCtx *c = ZSTD_createCCtx();
	ZSTD_inBuffer in = {plain->data, plain->len, 0};
	ZSTD_outBuffer out = {packed, bound, 0};

	ck_assert_ptr_nonnull(packed);
	ck_assert_ptr_nonnull(c);
	ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, r->level);
	ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, r->checksum);
	ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, !r->unsized);
	if (r->window_log)
		ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, r->window_log);
	if (!r->unsized)
		ZSTD_CCtx_setPledgedSrcSize(c, plain->len);
	ck_assert_uint_eq(ZSTD_compressStream2(c, &out, &in, ZSTD_e_end), 0);
	bytes_add(b, packed, out.pos);
	ZSTD_freeCCtx(c);
	free(packed);
}

static void add_skippable(struct bytes *b, unsigned int number, uint32_t len)
{
	const unsigned char head[8] = {(unsigned char)(0x50 + number),
				       0x2a,
				       0x4d,
				       0x18,
				       (unsigned char)len,
				       (unsigned char)(len >> 8),
				       (unsigned char)(len >> 16),
				       0};

	bytes_add(b, head, sizeof(head));
	for (uint32_t i = 0; i < len; i++)
		bytes_add(b, "S", 1);
}

/* A frame of one raw block that asks for a window of 2^log bytes. */
static void add_windowed(struct bytes *b, unsigned int log, const char *text)
{
	uint32_t block = (uint32_t)strlen(text) << 3 | 1;
	const unsigned char head[9] = {0x28,
				       0xb5,
				       0x2f,
				       0xfd,
				       0,
				       (unsigned char)((log - 10) << 3),
				       (unsigned char)block,
				       (unsigned char)(block >> 8),
				       (unsigned char)(block >> 16)};

	bytes_add(b, head, sizeof(head));
	bytes_add(b, text, strlen(text));
}

/* The header of a frame that declares its content's size in four bytes; its window is described by
 * a byte, or is the content where `window` is negative (a single segment). */
static void add_sized_head(struct bytes *b, int window, uint32_t size)
{
	const unsigned char magic[5] = {0x28, 0xb5, 0x2f, 0xfd, window < 0 ? 0xa0 : 0x80},
			    descriptor = (unsigned char)window,
			    content[4] = {(unsigned char)size, (unsigned char)(size >> 8),
					  (unsigned char)(size >> 16), (unsigned char)(size >> 24)};

	bytes_add(b, magic, sizeof(magic));
	if (window >= 0)
		bytes_add(b, &descriptor, 1);
	bytes_add(b, content, sizeof(content));
}

/* A single segment of `size` times 'r'. */
static void add_run(struct bytes *b, uint32_t size)
{
	add_sized_head(b, -1, size);
	do {
		uint32_t len = size < 128 << 10 ? size : 128 << 10;
		uint32_t block = len << 3 | 1 << 1 | (size == len);
		const unsigned char run[4] = {(unsigned char)block, (unsigned char)(block >> 8),
					      (unsigned char)(block >> 16), 'r'};

		bytes_add(b, run, sizeof(run));
		size -= len;
	} while (size > 0);
}

START_TEST(levels_and_sizes)
{
	static const struct recipe recipes[] = {
		{.level = 1},
		{.level = 3, .checksum = true},
		{.level = 19, .unsized = true},
		{.level = 3, .checksum = true, .unsized = true, .window_log = 23},
	};
	static const size_t sizes[] = {0, 1, 1000, 65536, 200001};

	for (size_t r = 0; r < sizeof(recipes) / sizeof(*recipes); r++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			struct bytes plain = bytes_sample(sizes[i], (uint32_t)i + 1),
				     b = {.len = 0};

			add_frame(&b, &recipes[r], &plain);
			check_inflates(&b, &plain, COMPRESSION_ZSTD);
			bytes_free(&plain);
			bytes_free(&b);
		}
}
END_TEST

/* Frames and skippable frames in any order, as zstd:chunked and pzstd write them. */
START_TEST(frames_and_skippable_frames)
{
	struct bytes whole = {.len = 0}, b = {.len = 0};

	add_skippable(&b, 0, 0);
	for (unsigned int i = 0; i < 16; i++) {
		struct recipe r = {.level = 1 + (int)i, .checksum = i % 2, .unsized = i % 3};
		struct bytes plain = bytes_sample(i * 97, i + 1);

		bytes_add(&whole, plain.data, plain.len);
		add_frame(&b, &r, &plain);
		add_skippable(&b, i, i * 1000);
		bytes_free(&plain);
	}
	check_inflates(&b, &whole, COMPRESSION_ZSTD);
	bytes_free(&whole);
	bytes_free(&b);
}
END_TEST

START_TEST(only_skippable)
{
	struct bytes none = {.len = 0}, b = {.len = 0};

	add_skippable(&b, 5, 10);
	check_inflates(&b, &none, COMPRESSION_ZSTD);
	bytes_free(&b);
}
END_TEST

START_TEST(window_bound)
{
	struct bytes plain = {.len = 0}, b = {.len = 0};

	bytes_add(&plain, "windowed", 8);
	add_windowed(&b, LIMIT_ZSTD_WINDOW_LOG, "windowed");
	check_inflates(&b, &plain, COMPRESSION_ZSTD);
	bytes_free(&b);
	for (unsigned int log = LIMIT_ZSTD_WINDOW_LOG + 1; log <= 41; log++) {
		add_windowed(&b, log, "windowed");
		check_refused(b.data, b.len, EOVERFLOW, "zstd: the frame's window is too large");
		bytes_free(&b);
	}
	bytes_free(&plain);
}
END_TEST

/* A frame that is there whole can be decoded without its window: the bound holds all the same. */
START_TEST(window_bound_of_a_whole_frame)
{
	const int bound = (LIMIT_ZSTD_WINDOW_LOG - 10) << 3;
	static const unsigned char block[3] = {8 << 3 | 1};

	for (int window = 0; window < 256; window++) {
		struct source source = {.piece = 0};
		struct bytes b = {.len = 0}, out;

		add_sized_head(&b, window, 8);
		bytes_add(&b, block, sizeof(block));
		bytes_add(&b, "windowed", 8);
		source.data = b.data;
		source.len = b.len;
		if (window > bound) {
			check_refused(b.data, b.len, EOVERFLOW,
				      "zstd: the frame's window is too large");
		} else {
			ck_assert_int_eq(inflate_all(&source, 100, &out, NULL, NULL), 0);
			ck_assert_uint_eq(out.len, 8);
			bytes_free(&out);
		}
		bytes_free(&b);
	}
}
END_TEST

/* A single segment's window is its content, with room for all of it or without. */
START_TEST(window_bound_of_a_single_segment)
{
	static const uint32_t bound = 1U << LIMIT_ZSTD_WINDOW_LOG;
	static const size_t rooms[] = {1 << 20, bound + 1};
	unsigned char *out = malloc(bound + 1);

	ck_assert_ptr_nonnull(out);
	for (size_t i = 0; i < 2 * sizeof(rooms) / sizeof(*rooms); i++) {
		size_t room = rooms[i / 2];
		bool within = i % 2 == 0;
		struct bytes b = {.len = 0};
		struct source source = {.piece = 0};
		struct inflate *z;

		add_run(&b, within ? bound : bound + 1);
		source.data = b.data;
		source.len = b.len;
		ck_assert_int_eq(inflate_new(source_read, &source, &z), 0);
		if (within) {
			ck_assert_int_eq(inflate_read(z, out, room), room < bound ? room : bound);
		} else {
			ck_assert_int_eq(inflate_read(z, out, room), -EOVERFLOW);
			ck_assert_str_eq(inflate_reason(z),
					 "zstd: the frame's window is too large");
		}
		inflate_free(z);
		bytes_free(&b);
	}
	free(out);
}
END_TEST

#ifndef STRAKE_SANITIZED
/* A window within the bound that memory cannot hold is an error like another, never an abort. */
START_TEST(window_without_memory)
{
	struct rlimit limit = {64 << 20, 64 << 20};
	struct bytes b = {.len = 0}, out;
	struct source source = {.piece = 0};
	char reason[128];

	add_windowed(&b, LIMIT_ZSTD_WINDOW_LOG, "windowed");
	source.data = b.data;
	source.len = b.len;
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
	ck_assert_int_eq(inflate_all(&source, 4, &out, NULL, reason), -ENOMEM);
	ck_assert_str_eq(reason, "");
	bytes_free(&out);
	bytes_free(&b);
}
END_TEST
#endif

START_TEST(truncation_anywhere)
{
	static const struct recipe r = {.level = 3, .checksum = true, .unsized = true};
	struct bytes plain = bytes_sample(700, 2), b = {.len = 0};

	add_frame(&b, &r, &plain);
	add_frame(&b, &r, &plain);
	for (size_t len = 4; len < b.len; len++)
		if (len != b.len / 2)
			check_refused(b.data, len, EBADMSG, "zstd: truncated");
	bytes_free(&plain);
	bytes_free(&b);
}
END_TEST

START_TEST(reader_failure_anywhere)
{
	static const struct recipe r = {.level = 3, .checksum = true};
	struct bytes plain = bytes_sample(700, 2), b = {.len = 0};

	add_frame(&b, &r, &plain);
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

/* A changed bit never gives other content, when there is a checksum. */
START_TEST(corruption_anywhere)
{
	static const struct recipe r = {.level = 3, .checksum = true};
	struct bytes plain = bytes_sample(300, 8), b = {.len = 0};

	add_frame(&b, &r, &plain);
	for (size_t i = 5; i < b.len; i++) {
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
	static const struct recipe r = {.level = 3, .checksum = true};
	/* a frame that names dictionary 7 */
	static const unsigned char dictionary[] = {0x28, 0xb5, 0x2f, 0xfd, 0x01, 0x50, 7, 1, 0, 0};
	/* the magic of zstd 0.7: libzstd may read it, we do not */
	static const unsigned char legacy[] = {0x27, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0};
	/* 49 bytes declared, an empty last block: libzstd sees it only when the frame comes whole
	 */
	static const unsigned char length[] = {0x28, 0xb5, 0x2f, 0xfd, 0x24, 0x31, 0x01,
					       0x00, 0x00, 0x99, 0xe9, 0xd8, 0x51};
	struct bytes plain = bytes_sample(300, 8), b = {.len = 0};

	check_refused(length, sizeof(length), EBADMSG, "zstd: ");
	check_refused(dictionary, sizeof(dictionary), EBADMSG, "zstd: needs a dictionary");
	add_frame(&b, &r, &plain);
	b.data[b.len - 1] ^= 1;
	check_refused(b.data, b.len, EBADMSG, "zstd: wrong checksum");
	b.data[b.len - 1] ^= 1;
	bytes_add(&b, legacy, sizeof(legacy));
	check_refused(b.data, b.len, EBADMSG, "zstd: garbage behind the last frame");
	b.len -= sizeof(legacy);
	bytes_add(&b, "\0\0\0\0", 4);
	check_refused(b.data, b.len, EBADMSG, "zstd: garbage behind the last frame");
	b.len -= 2;
	check_refused(b.data, b.len, EBADMSG, "garbage behind the last frame");
	bytes_free(&plain);
	bytes_free(&b);
}
END_TEST

TCase *codec_zstd_tests(void)
{
	TCase *t = tcase_create("zstd");

	tcase_set_timeout(t, 240);
	tcase_add_test(t, levels_and_sizes);
	tcase_add_test(t, frames_and_skippable_frames);
	tcase_add_test(t, only_skippable);
	tcase_add_test(t, window_bound);
	tcase_add_test(t, window_bound_of_a_whole_frame);
	tcase_add_test(t, window_bound_of_a_single_segment);
#ifndef STRAKE_SANITIZED
	tcase_add_test(t, window_without_memory);
#endif
	tcase_add_test(t, truncation_anywhere);
	tcase_add_test(t, reader_failure_anywhere);
	tcase_add_test(t, corruption_anywhere);
	tcase_add_test(t, named_reasons);
	return t;
}
