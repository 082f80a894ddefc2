/* Theory of operation: the grammar is ambiguous to a parser that only looks ahead by one token,
 * because challenges and their parameters are separated by the same comma. The rule that decides: a
 * word followed by '=' is a parameter of the challenge at hand, any other word opens a new
 * challenge. The one exception is token68 ("Negotiate oWEw=="), opaque data right behind a scheme:
 * it is recognised by being followed by a comma or the end, and skipped.
 */
#include "registry/challenge.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

static bool is_token_char(char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c != '\0' && strchr("!#$%&'*+-.^_`|~", c);
}

static bool is_token68_char(char c)
{
	return is_token_char(c) || c == '/';
}

static const char *skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

static size_t token_length(const char *p)
{
	size_t n = 0;

	while (is_token_char(p[n]))
		n++;
	return n;
}

/* Behind a scheme: the end of a token68 that begins at p, or p when there is none. */
static const char *skip_token68(const char *p)
{
	const char *q = p, *end;

	while (is_token68_char(*q))
		q++;
	if (q == p)
		return p;
	while (*q == '=')
		q++;
	end = skip_blanks(q);
	return *end == ',' || *end == '\0' ? end : p;
}

/* A quoted string or a token at *pos; malloced. NULL: a quote is not closed. */
static char *take_value(const char **pos)
{
	const char *p = *pos;
	char *value;
	size_t n = 0;

	if (*p != '"') {
		/* Beyond the grammar, whatever comes before a separator: seen with bare URLs. */
		while (p[n] != '\0' && p[n] != ',' && p[n] != ' ' && p[n] != '\t')
			n++;
		*pos = p + n;
		return xstrndup(p, n);
	}
	p++;
	value = xmalloc(strlen(p) + 1);
	while (*p != '"') {
		if (*p == '\\' && p[1] != '\0')
			p++;
		if (*p == '\0') {
			free(value);
			return NULL;
		}
		value[n++] = *p++;
	}
	value[n] = '\0';
	*pos = p + 1;
	return value;
}

/* Takes ownership of value. */
static void set_param(struct challenge *c, const char *name, size_t len, char *value)
{
	const struct {
		const char *name;
		char **at;
	} known[] = {
		{"realm", &c->realm},
		{"service", &c->service},
		{"scope", &c->scope},
		{"error", &c->error},
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strlen(known[i].name) == len && !strncasecmp(name, known[i].name, len) &&
		    !*known[i].at) {
			*known[i].at = value;
			return;
		}
	free(value);
}

/* Opens a challenge; NULL when there is no room left. */
static struct challenge *add_challenge(struct challenges *c, const char *scheme, size_t len)
{
	struct challenge *new;

	if (c->n == CHALLENGES_MAX)
		return NULL;
	new = &c->v[c->n++];
	memset(new, 0, sizeof(*new));
	/* A longer scheme is none that we know: an empty name never matches. */
	for (size_t i = 0; len < sizeof(new->scheme) && i < len; i++)
		new->scheme[i] =
			scheme[i] >= 'A' && scheme[i] <= 'Z' ? (char)(scheme[i] | 32) : scheme[i];
	return new;
}

int challenges_parse(struct challenges *c, const char *header)
{
	struct challenge *current = NULL;
	const char *p = header;

	for (;;) {
		const char *word, *after;
		size_t len;
		char *value;

		while (*p == ',' || *p == ' ' || *p == '\t')
			p++;
		if (*p == '\0')
			return 0;
		word = p;
		len = token_length(p);
		if (len == 0)
			return -EINVAL;
		p += len;
		after = skip_blanks(p);
		if (*after != '=') {
			if (*p != ',' && *p != '\0' && after == p)
				return -EINVAL;
			current = add_challenge(c, word, len);
			if (!current)
				return 0;
			p = skip_token68(after);
			continue;
		}
		if (!current)
			return -EINVAL;
		p = skip_blanks(after + 1);
		value = take_value(&p);
		if (!value)
			return -EINVAL;
		set_param(current, word, len, value);
		p = skip_blanks(p);
		/* A missing comma between parameters is forgiven; anything glued to a value is not.
		 */
		if (*p != ',' && *p != '\0' && p[-1] != ' ' && p[-1] != '\t')
			return -EINVAL;
	}
}

void challenges_release(struct challenges *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i].realm);
		free(c->v[i].service);
		free(c->v[i].scope);
		free(c->v[i].error);
	}
	memset(c, 0, sizeof(*c));
}

const struct challenge *challenges_find(const struct challenges *c, const char *scheme)
{
	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->v[i].scheme, scheme))
			return &c->v[i];
	return NULL;
}
