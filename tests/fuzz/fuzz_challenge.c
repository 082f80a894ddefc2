/* Every input is taken for the value of each header that a registry's answers are judged by:
 * WWW-Authenticate, Location, Content-Range, Retry-After. What is understood must be so again when
 * it is written out in canonical form. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "registry/challenge.h"
#include "registry/retry.h"
#include "registry/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_challenge: %s\n", what);
	abort();
}

static void write_param(struct buf *out, const char *name, const char *value, const char **sep)
{
	if (!value)
		return;
	buf_addf(out, "%s%s=\"", *sep, name);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			buf_addch(out, '\\');
		buf_addch(out, *value);
	}
	buf_addch(out, '"');
	*sep = ",";
}

static void write_challenge(struct buf *out, const struct challenge *c)
{
	const char *sep = " ";

	buf_addf(out, "%s%s", out->len ? ", " : "", c->scheme[0] ? c->scheme : "x");
	write_param(out, "realm", c->realm, &sep);
	write_param(out, "service", c->service, &sep);
	write_param(out, "scope", c->scope, &sep);
	write_param(out, "error", c->error, &sep);
}

static void try_challenges(const char *text)
{
	struct challenges once = {.n = 0}, twice = {.n = 0};
	struct buf out;

	challenges_parse(&once, text);
	must(once.n <= CHALLENGES_MAX, "too many challenges");
	buf_init(&out, 1 << 24);
	for (size_t i = 0; i < once.n; i++)
		write_challenge(&out, &once.v[i]);
	must(challenges_parse(&twice, out.data) == 0, "the canonical form is not understood");
	must(twice.n == once.n, "the canonical form has another number of challenges");
	for (size_t i = 0; i < once.n; i++) {
		const struct challenge *a = &once.v[i], *b = &twice.v[i];

		must(str_eq(a->realm, b->realm) && str_eq(a->service, b->service) &&
			     str_eq(a->scope, b->scope) && str_eq(a->error, b->error),
		     "a parameter changed");
	}
	buf_release(&out);
	challenges_release(&once);
	challenges_release(&twice);
}

static void try_location(const char *text)
{
	static const char base[] = "https://registry.example:5000/v2/a/blobs/uploads/?q";
	char *url = NULL, *again = NULL;

	if (url_join(base, text, &url, NULL) < 0) {
		must(url == NULL, "a refused URL was returned");
		return;
	}
	must(str_starts(url, "https://") || str_starts(url, "http://"), "a URL of another scheme");
	must(url_join(NULL, url, &again, NULL) == 0, "a joined URL is refused");
	must(url_same_origin(url, again), "a URL lost its origin");
	free(url);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size);
	uint64_t first, last;
	int64_t total;

	try_challenges(text);
	try_location(text);
	if (content_range_parse(text, &first, &last, &total) == 0)
		must(first <= last && (total == -1 || (int64_t)last < total), "a senseless range");
	must(retry_after(text, 1000000000) >= -1, "a senseless delay");
	free(text);
	return 0;
}
