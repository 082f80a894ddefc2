/* Compressed layers. The same bytes must give the same result however they are cut into pieces on
 * either side: that is where the decoders' own state is easily lost. */
#include <errno.h>
#include <string.h>

#include "codec/inflate.h"
#include "fuzz.h"

#define OUTPUT_MAX (512 * 1024) /* enough to turn every window over; a bomb is cut here */
#define GUARD 64		/* bytes behind the buffer: no sanitizer watches ISA-L's assembly */

struct source {
	const uint8_t *data;
	size_t len;
	size_t piece;
};

struct result {
	uint8_t *data;
	size_t len;
	int code; /* 0: the end; 1: there is more; else what failed */
	enum compression compression;
};

static ssize_t source_read(void *ctx, void *buf, size_t len)
{
	struct source *s = ctx;
	size_t n = s->len < s->piece ? s->len : s->piece;

	n = n < len ? n : len;
	memcpy(buf, s->data, n);
	s->data += n;
	s->len -= n;
	return (ssize_t)n;
}

static struct result inflate_in(const uint8_t *data, size_t size, size_t in_piece, size_t out_piece)
{
	struct source source = {data, size, in_piece};
	struct result r = {.code = 1};
	uint8_t guard[GUARD];
	struct inflate *z;

	memset(guard, 0xa5, GUARD);
	r.data = malloc(OUTPUT_MAX + GUARD);
	fuzz_promise(r.data && inflate_new(source_read, &source, &z) == 0);
	while (r.len < OUTPUT_MAX) {
		size_t want = OUTPUT_MAX - r.len < out_piece ? OUTPUT_MAX - r.len : out_piece;
		ssize_t n;

		memcpy(r.data + r.len + want, guard, GUARD);
		n = inflate_read(z, r.data + r.len, want);
		fuzz_promise(memcmp(r.data + r.len + want, guard, GUARD) == 0);
		if (n <= 0) {
			r.code = (int)n;
			break;
		}
		fuzz_promise((size_t)n <= want);
		r.len += (size_t)n;
	}
	r.compression = inflate_compression(z);
	if (r.code == -EBADMSG || r.code == -EOVERFLOW)
		fuzz_promise(inflate_reason(z)[0]);
	else
		fuzz_promise(r.code >= 0 && !inflate_reason(z)[0]);
	inflate_free(z);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t pieces[][2] = {{1, 65536}, {3, 4099}, {1021, 777}, {65536, 40000}};
	struct result whole = inflate_in(data, size, SIZE_MAX, OUTPUT_MAX);

	fuzz_promise(whole.compression != COMPRESSION_NONE || whole.code == 1 || whole.len == size);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		struct result r = inflate_in(data, size, pieces[i][0], pieces[i][1]);
		size_t common = r.len < whole.len ? r.len : whole.len;

		fuzz_promise(r.compression == whole.compression);
		/* a failure may come with fewer bytes before it, or behind where a bomb is cut */
		if (r.code >= 0 && whole.code >= 0)
			fuzz_promise(r.code == whole.code && r.len == whole.len);
		else
			fuzz_promise(r.code == whole.code || r.code == 1 || whole.code == 1);
		fuzz_promise(memcmp(r.data, whole.data, common) == 0);
		free(r.data);
	}
	free(whole.data);
	return 0;
}
