#include "oci/digest.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static const struct {
	const char *prefix;
	size_t digits;
} algorithms[] = {
	{"sha256:", 64},
	{"sha512:", 128},
};

static bool lower_hex(const char *s, size_t n)
{
	return strspn(s, "0123456789abcdef") == n && s[n] == '\0';
}

int digest_parse(const char *text, struct digest *ret, struct err *err)
{
	if (!strchr(text, ':'))
		return err_set(err, EINVAL, "invalid digest '%.160s': expected ALGORITHM:HEX",
			       text);
	for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++) {
		size_t prefix = strlen(algorithms[i].prefix);

		if (!str_starts(text, algorithms[i].prefix))
			continue;
		if (!lower_hex(text + prefix, algorithms[i].digits))
			return err_set(
				err, EINVAL,
				"invalid digest '%.160s': expected %zu lower-case hexadecimal "
				"digits behind '%s'",
				text, algorithms[i].digits, algorithms[i].prefix);
		memset(ret, 0, sizeof(*ret));
		memcpy(ret->text, text, prefix + algorithms[i].digits);
		return 0;
	}
	return err_set(err, EINVAL,
		       "digest '%.160s': unsupported algorithm (sha256 and sha512 are read)", text);
}

void digest_from_hex(const char hex[65], struct digest *ret)
{
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->text, "sha256:", 7);
	memcpy(ret->text + 7, hex, 64);
}

bool digest_is_set(const struct digest *d)
{
	return d->text[0] != '\0';
}

bool digest_eq(const struct digest *a, const struct digest *b)
{
	return strcmp(a->text, b->text) == 0;
}

const char *digest_encoded(const struct digest *d)
{
	const char *colon = strchr(d->text, ':');

	return colon ? colon + 1 : d->text;
}

const char *digest_algorithm(const struct digest *d)
{
	return str_starts(d->text, "sha512:") ? "sha512" : "sha256";
}

char *digest_short(const struct digest *d, char out[13])
{
	size_t n = strnlen(digest_encoded(d), 12);

	memcpy(out, digest_encoded(d), n);
	out[n] = '\0';
	return out;
}
