/* Archives in other compressions become gzip. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "codec/inflate.h"
#include "layer/convert.h"
#include "layer_env.h"

struct pipe_ends {
	const unsigned char *in;
	size_t len, pos;
	struct tar out;
	int write_error, read_error;
};

static ssize_t read_in(void *ctx, void *buf, size_t len)
{
	struct pipe_ends *p = ctx;

	if (p->read_error && p->pos)
		return p->read_error;
	if (len > p->len - p->pos)
		len = p->len - p->pos;
	if (len > 1000)
		len = 1000;
	memcpy(buf, p->in + p->pos, len);
	p->pos += len;
	return (ssize_t)len;
}

static int write_out(void *ctx, const void *buf, size_t len)
{
	struct pipe_ends *p = ctx;

	if (p->write_error)
		return p->write_error;
	tar_raw(&p->out, buf, len);
	return 0;
}

static const struct {
	const char *name;
	int (*filter)(struct archive *a);
} filters[] = {
	{"xz", archive_write_add_filter_xz},
	{"bzip2", archive_write_add_filter_bzip2},
	{"lz4", archive_write_add_filter_lz4},
	{"lzip", archive_write_add_filter_lzip},
	{"compress", archive_write_add_filter_compress},
};

#define N_FILTERS ((int)(sizeof(filters) / sizeof(filters[0])))

static unsigned char packed[1 << 20];
static size_t packed_len;
static char content[700000];

static void pack(int i)
{
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();

	for (size_t k = 0; k < sizeof(content); k++)
		content[k] = (char)(k / 100 * k);
	archive_write_set_format_raw(a);
	ck_assert_int_eq(filters[i].filter(a), ARCHIVE_OK);
	archive_write_set_bytes_per_block(a, 0);
	ck_assert_int_eq(archive_write_open_memory(a, packed, sizeof(packed), &packed_len),
			 ARCHIVE_OK);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_write_header(a, e);
	ck_assert_int_eq(archive_write_data(a, content, sizeof(content)), sizeof(content));
	archive_entry_free(e);
	ck_assert_int_eq(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
}

START_TEST(each)
{
	struct pipe_ends p = {.in = packed}, again = {.in = packed}, back = {0};
	struct err err = ERR_INIT;
	struct inflate *z;
	static char text[sizeof(content) + 1];
	size_t n = 0;

	pack(_i);
	p.len = again.len = packed_len;
	ck_assert_msg(convert_needed(packed, packed_len), "%s", filters[_i].name);
	ck_assert_msg(convert_to_gzip(read_in, write_out, &p, &err) == 0, "%s", err.msg);
	ck_assert(!convert_needed(p.out.data, p.out.len));
	back.in = p.out.data;
	back.len = p.out.len;
	ck_assert_int_eq(inflate_new(read_in, &back, &z), 0);
	for (ssize_t got; (got = inflate_read(z, text + n, sizeof(text) - n)) != 0;
	     n += (size_t)got)
		ck_assert_msg(got > 0, "%s", inflate_reason(z));
	ck_assert_int_eq(inflate_compression(z), COMPRESSION_GZIP);
	ck_assert_uint_eq(n, sizeof(content));
	ck_assert(!memcmp(text, content, sizeof(content)));
	inflate_free(z);
	/* the same bytes each time */
	ck_assert_int_eq(convert_to_gzip(read_in, write_out, &again, &err), 0);
	ck_assert_uint_eq(again.out.len, p.out.len);
	ck_assert(!memcmp(again.out.data, p.out.data, p.out.len));
	tar_release(&p.out);
	tar_release(&again.out);
}
END_TEST

START_TEST(failures)
{
	struct pipe_ends p = {.in = packed};
	struct err err = ERR_INIT;

	pack(0);
	p.len = packed_len / 2;
	ck_assert_int_eq(convert_to_gzip(read_in, write_out, &p, &err), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(err.msg, "decompress"));
	tar_release(&p.out);
	memset(&err, 0, sizeof(err));
	p = (struct pipe_ends){.in = packed, .len = packed_len, .read_error = -EIO};
	ck_assert_int_eq(convert_to_gzip(read_in, write_out, &p, &err), -EIO);
	ck_assert_int_eq(err.code, EIO);
	tar_release(&p.out);
	memset(&err, 0, sizeof(err));
	p = (struct pipe_ends){.in = packed, .len = packed_len, .write_error = -ECANCELED};
	ck_assert_int_eq(convert_to_gzip(read_in, write_out, &p, &err), -ECANCELED);
	ck_assert_int_eq(err.code, 0);
}
END_TEST

START_TEST(not_needed)
{
	static const char tar_start[8] = "etc/pass";

	ck_assert(!convert_needed("\x1f\x8b\x08\0\0\0\0\0", 8));
	ck_assert(!convert_needed("\x28\xb5\x2f\xfd", 4));
	ck_assert(!convert_needed(tar_start, 8));
	ck_assert(!convert_needed("BZ", 2));
	ck_assert(!convert_needed("", 0));
}
END_TEST

TCase *layer_convert_case(void)
{
	TCase *c = tcase_create("convert");

	tcase_add_loop_test(c, each, 0, N_FILTERS);
	tcase_add_test(c, failures);
	tcase_add_test(c, not_needed);
	return c;
}
