#include "base/json.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>

/* Whether brackets outside of strings nest deeper than LIMIT_JSON_DEPTH. jansson's own bound is
 * 2048 and fixed when it is compiled; every caller that walks a document may recurse to this depth.
 * Text that is no JSON may be judged wrongly here: the parser refuses it anyway. */
static bool json_too_deep(const char *text, size_t len)
{
	bool quoted = false;
	int depth = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
		} else if (c == '"') {
			quoted = true;
		} else if (c == '{' || c == '[') {
			if (++depth > LIMIT_JSON_DEPTH)
				return true;
		} else if (depth > 0 && (c == '}' || c == ']')) {
			depth--;
		}
	}
	return false;
}

int json_parse_object(const char *text, size_t len, size_t max, const char *what, json_t **ret,
		      struct err *err)
{
	_cleanup_json_ json_t *value = NULL;
	json_error_t why;

	if (len > max)
		return err_set(err, EFBIG, "%s is larger than %zu bytes", what, max);
	if (json_too_deep(text, len))
		return err_set(err, EINVAL, "%s nests deeper than %d levels", what,
			       LIMIT_JSON_DEPTH);
	value = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	if (!value)
		return err_set(err, EINVAL, "%s is not valid JSON: line %d: %s", what, why.line,
			       why.text);
	if (!json_is_object(value))
		return err_set(err, EINVAL, "%s is not a JSON object", what);
	*ret = steal_ptr(&value);
	return 0;
}

/* The value of key; NULL when it is missing or null. */
static json_t *json_find(const json_t *obj, const char *key)
{
	json_t *v = json_object_get(obj, key);

	return json_is_null(v) ? NULL : v;
}

int json_get_string(const json_t *obj, const char *key, const char **ret, struct err *err)
{
	json_t *v = json_find(obj, key);

	*ret = NULL;
	if (v && !json_is_string(v))
		return err_set(err, EINVAL, "'%s' is not a string", key);
	*ret = json_string_value(v);
	return 0;
}

int json_need_string(const json_t *obj, const char *key, const char **ret, struct err *err)
{
	int r = json_get_string(obj, key, ret, err);

	if (r < 0)
		return r;
	if (str_is_empty(*ret))
		return err_set(err, EINVAL, "'%s' is missing or empty", key);
	return 0;
}

int json_get_int(const json_t *obj, const char *key, int64_t min, int64_t max, int64_t *ret,
		 struct err *err)
{
	json_t *v = json_find(obj, key);
	int64_t n;

	if (!v)
		return 0;
	if (!json_is_integer(v))
		return err_set(err, EINVAL, "'%s' is not an integer", key);
	n = json_integer_value(v);
	if (n < min || n > max)
		return err_set(err, ERANGE, "'%s' is %lld, not between %lld and %lld", key,
			       (long long)n, (long long)min, (long long)max);
	*ret = n;
	return 0;
}

int json_get_bool(const json_t *obj, const char *key, bool *ret, struct err *err)
{
	json_t *v = json_find(obj, key);

	if (!v)
		return 0;
	if (!json_is_boolean(v))
		return err_set(err, EINVAL, "'%s' is not true or false", key);
	*ret = json_is_true(v);
	return 0;
}

int json_get_array(const json_t *obj, const char *key, size_t max_len, json_t **ret,
		   struct err *err)
{
	json_t *v = json_find(obj, key);

	*ret = NULL;
	if (!v)
		return 0;
	if (!json_is_array(v))
		return err_set(err, EINVAL, "'%s' is not an array", key);
	if (json_array_size(v) > max_len)
		return err_set(err, EFBIG, "'%s' has %zu entries, more than %zu", key,
			       json_array_size(v), max_len);
	*ret = v;
	return 0;
}

int json_get_object(const json_t *obj, const char *key, json_t **ret, struct err *err)
{
	json_t *v = json_find(obj, key);

	*ret = NULL;
	if (v && !json_is_object(v))
		return err_set(err, EINVAL, "'%s' is not an object", key);
	*ret = v;
	return 0;
}

int json_get_strv(const json_t *obj, const char *key, size_t max_len, char ***ret, struct err *err)
{
	_cleanup_strv_ char **v = NULL;
	json_t *array;
	size_t n;
	int r;

	*ret = NULL;
	r = json_get_array(obj, key, max_len, &array, err);
	if (r < 0 || !array)
		return r;
	n = json_array_size(array);
	v = xcalloc(n + 1, sizeof(*v));
	for (size_t i = 0; i < n; i++) {
		const char *s = json_string_value(json_array_get(array, i));

		if (!s)
			return err_set(err, EINVAL, "'%s' holds something that is not a string",
				       key);
		v[i] = xstrdup(s);
	}
	*ret = steal_ptr(&v);
	return 0;
}

/* json_dumps() fails for want of memory only: every value here came from jansson. */
static char *json_dump(const json_t *value, size_t flags)
{
	char *text = json_dumps(value, flags | JSON_ENCODE_ANY);

	if (!text) {
		fprintf(stderr, "strake: out of memory\n");
		abort();
	}
	return text;
}

json_t *json_string_lossy(const char *text)
{
	json_t *value = json_string(text);
	_cleanup_free_ char *ascii = NULL;

	if (value)
		return value;
	ascii = xstrdup(text);
	for (char *p = ascii; *p; p++) {
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	}
	return json_string(ascii);
}

char *json_text(const json_t *value)
{
	return json_dump(value, JSON_COMPACT);
}

char *json_text_pretty(const json_t *value)
{
	_cleanup_free_ char *text = json_dump(value, JSON_INDENT(4));

	return xasprintf("%s\n", text);
}
