/* Theory of operation
 *
 * The rules are BuildKit's word processing: in single quotes nothing is special; in double quotes a
 * backslash escapes only '"', '$' and itself; elsewhere it escapes any character, and vanishes at
 * the end of the text. A '$' that begins no name stays. What a variable holds is not looked at
 * again.
 */
#include "oci/config_word.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"

const char *word_skip_blanks(const char *s)
{
	return s + strspn(s, " \t\r\n\v\f");
}

const char *word_end(const char *s)
{
	char quote = '\0';

	for (; *s; s++) {
		if (*s == '\\' && quote != '\'') {
			if (s[1] == '\0')
				return s + 1;
			s++;
		} else if (quote) {
			if (*s == quote)
				quote = '\0';
		} else if (*s == '"' || *s == '\'') {
			quote = *s;
		} else if (strchr(" \t\r\n\v\f", *s)) {
			break;
		}
	}
	return s;
}

static const char *lookup(const json_t *env, const char *name, size_t len)
{
	const json_t *entry;
	size_t i;

	json_array_foreach (env, i, entry) {
		const char *s = json_string_value(entry);

		if (s && strncmp(s, name, len) == 0 && s[len] == '=')
			return s + len + 1;
	}
	return "";
}

static size_t name_length(const char *s, const char *end)
{
	const char *p = s;

	if (p < end && (isdigit((unsigned char)*p) || strchr("@*#?-$!", *p)))
		return 1; /* a shell's own parameters: never set */
	while (p < end && (isalnum((unsigned char)*p) || *p == '_'))
		p++;
	return (size_t)(p - s);
}

/* Replaces the variable at *s (a '$'), moving *s behind it. */
static int expand_variable(const char **s, const char *end, const json_t *env, struct buf *out,
			   struct err *err)
{
	const char *p = *s + 1;
	bool braces = p < end && *p == '{';
	size_t n;

	if (braces)
		p++;
	n = name_length(p, end);
	if (!braces && n == 0) {
		*s += 1;
		return buf_addch(out, '$');
	}
	if (braces && (n == 0 || p + n == end || p[n] != '}'))
		return err_set(err, EINVAL, "only $NAME and ${NAME} are expanded here, not '%.60s'",
			       *s);
	*s = p + n + (braces ? 1 : 0);
	return buf_addstr(out, lookup(env, p, n));
}

static int expand(const char *s, const char *end, const json_t *env, struct buf *out,
		  struct err *err)
{
	char quote = '\0';

	while (s < end) {
		int r = 0;

		if (quote && *s == quote) {
			quote = '\0';
			s++;
		} else if (!quote && (*s == '"' || *s == '\'')) {
			quote = *s++;
		} else if (*s == '\\' && quote != '\'') {
			s++;
			if (quote && (s == end || !strchr("\"$\\", *s)))
				r = buf_addch(out, '\\');
			else if (s < end)
				r = buf_addch(out, *s++);
		} else if (*s == '$' && quote != '\'') {
			r = expand_variable(&s, end, env, out, err);
			if (r == -EINVAL)
				return r;
		} else {
			r = buf_addch(out, *s++);
		}
		if (r < 0)
			return err_set(err, EFBIG, "the expanded text is longer than %d bytes",
				       LIMIT_INSTRUCTION);
	}
	if (quote)
		return err_set(err, EINVAL, "a %c quote is not closed", quote);
	return 0;
}

int word_expand(const char *s, size_t len, const json_t *env, char **ret, struct err *err)
{
	_cleanup_buf_ struct buf out;
	int r;

	buf_init(&out, LIMIT_INSTRUCTION);
	r = expand(s, s + len, env, &out, err);
	if (r < 0)
		return r;
	*ret = buf_steal(&out);
	return 0;
}
