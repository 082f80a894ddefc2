#include "layer/convert.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"

#define CONVERT_BUF (256 * 1024)
#define GZIP_LEVEL 6
#define GZIP_WINDOW (15 + 16) /* zlib: 32 KiB, gzip header (no name, no time) */
#define GZIP_MEMORY 8

bool convert_needed(const void *head, size_t len)
{
	static const struct {
		const char *magic;
		size_t len;
	} known[] = {
		{"\xfd"
		 "7zXZ\0",
		 6},
		{"BZh", 3},
		{"LZIP", 4},
		{"\x04\x22\x4d\x18", 4},
		{"\x1f\x9d", 2},
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (len >= known[i].len && !memcmp(head, known[i].magic, known[i].len))
			return true;
	return false;
}

struct conversion {
	convert_read_fn read;
	convert_write_fn write;
	void *ctx;
	int error; /* of read */
	z_stream z;
	unsigned char in[CONVERT_BUF], out[CONVERT_BUF];
};

static la_ssize_t read_source(struct archive *a, void *ctx, const void **ret)
{
	struct conversion *c = ctx;
	ssize_t n = c->read(c->ctx, c->in, sizeof(c->in));

	if (n < 0) {
		c->error = (int)n;
		archive_set_error(a, (int)-n, "%s", strerror((int)-n));
		return ARCHIVE_FATAL;
	}
	*ret = c->in;
	return n;
}

/* Compresses len bytes; with Z_FINISH also all that is left. */
static int deflate_some(struct conversion *c, const void *data, size_t len, int flush)
{
	int r;

	c->z.next_in = (unsigned char *)(uintptr_t)data;
	c->z.avail_in = (uInt)len;
	do {
		c->z.next_out = c->out;
		c->z.avail_out = sizeof(c->out);
		deflate(&c->z, flush); /* cannot fail: the state is ours and there is room */
		r = c->write(c->ctx, c->out, sizeof(c->out) - c->z.avail_out);
		if (r < 0)
			return r;
	} while (!c->z.avail_out);
	return 0;
}

static int bad(struct archive *a, const struct conversion *c, struct err *err)
{
	const char *text = archive_error_string(a);

	if (c->error)
		return err_sys(err, -c->error, "cannot read the archive");
	return err_set(err, EBADMSG, "cannot decompress the archive: %s",
		       text ? text : "unknown format");
}

static int copy_data(struct archive *a, struct conversion *c, struct err *err)
{
	for (;;) {
		la_int64_t offset;
		const void *data;
		size_t len;
		int r = archive_read_data_block(a, &data, &len, &offset);

		if (r == ARCHIVE_EOF)
			return deflate_some(c, NULL, 0, Z_FINISH);
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return bad(a, c, err);
		for (const char *p = data; len;) {
			size_t part = len < CONVERT_BUF ? len : CONVERT_BUF;

			r = deflate_some(c, p, part, Z_NO_FLUSH);
			if (r < 0)
				return r;
			p += part;
			len -= part;
		}
	}
}

int convert_to_gzip(convert_read_fn read, convert_write_fn write, void *ctx, struct err *err)
{
	struct conversion *c = xcalloc(1, sizeof(*c));
	struct archive *a = archive_read_new();
	struct archive_entry *entry;
	int r;

	c->read = read;
	c->write = write;
	c->ctx = ctx;
	if (!a || deflateInit2(&c->z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
			       Z_DEFAULT_STRATEGY) != Z_OK) {
		r = err_set(err, ENOMEM, "out of memory");
		goto out;
	}
	archive_read_support_filter_xz(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_filter_lzip(a);
	archive_read_support_filter_lz4(a);
	archive_read_support_filter_compress(a);
	archive_read_support_format_raw(a);
	if (archive_read_open(a, c, NULL, read_source, NULL) != ARCHIVE_OK ||
	    archive_read_next_header(a, &entry) != ARCHIVE_OK)
		r = bad(a, c, err);
	else
		r = copy_data(a, c, err);
	deflateEnd(&c->z);
out:
	archive_read_free(a);
	free(c);
	return r;
}
