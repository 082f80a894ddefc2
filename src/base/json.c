#include "base/json.h"

#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

/* Nesting is bounded before the parser, which recurses, sees the text: jansson's own bound is 2048.
 */
static bool too_deep(const char *text, size_t len)
{
	unsigned int depth = 0;
	bool string = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				string = false;
		} else if (c == '"') {
			string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > LIMIT_JSON_DEPTH)
				return true;
		} else if ((c == '}' || c == ']') && depth) {
			depth--;
		}
	}
	return false;
}

int json_parse_object(const char *text, size_t len, size_t max, const char *what, json_t **ret,
		      struct err *err)
{
	_cleanup_json_ json_t *value = NULL;
	json_error_t error;

	if (len > max)
		return err_set(err, EFBIG, "%s is %zu bytes long, more than the %zu allowed", what,
			       len, max);
	if (too_deep(text, len))
		return err_set(err, EINVAL, "%s is nested more than %d levels deep", what,
			       LIMIT_JSON_DEPTH);
	value = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!value)
		return err_set(err, EINVAL, "%s is not valid JSON: %s (line %d)", what, error.text,
			       error.line);
	if (!json_is_object(value))
		return err_set(err, EINVAL, "%s is not a JSON object", what);
	*ret = json_incref(value);
	return 0;
}

/* The member, NULL when it is missing or null; anything but `type` is an error. */
static int get(const json_t *obj, const char *key, json_type type, const char *wanted, json_t **ret,
	       struct err *err)
{
	json_t *value = json_object_get(obj, key);

	*ret = NULL;
	if (!value || json_is_null(value))
		return 0;
	if (json_typeof(value) != type)
		return err_set(err, EINVAL, "'%s' is not %s", key, wanted);
	*ret = value;
	return 0;
}

int json_get_string(const json_t *obj, const char *key, const char **ret, struct err *err)
{
	json_t *value;
	int r = get(obj, key, JSON_STRING, "a string", &value, err);

	*ret = r == 0 && value ? json_string_value(value) : NULL;
	return r;
}

int json_need_string(const json_t *obj, const char *key, const char **ret, struct err *err)
{
	int r = json_get_string(obj, key, ret, err);

	if (r == 0 && (!*ret || !**ret))
		return err_set(err, EINVAL, "'%s' is missing", key);
	return r;
}

int json_get_int(const json_t *obj, const char *key, int64_t min, int64_t max, int64_t *ret,
		 struct err *err)
{
	json_t *value;
	json_int_t n;
	int r = get(obj, key, JSON_INTEGER, "an integer", &value, err);

	if (r < 0 || !value)
		return r;
	n = json_integer_value(value);
	if (n < min || n > max)
		return err_set(err, ERANGE, "'%s' is %lld, not between %lld and %lld", key,
			       (long long)n, (long long)min, (long long)max);
	*ret = n;
	return 0;
}

int json_get_bool(const json_t *obj, const char *key, bool *ret, struct err *err)
{
	json_t *value = json_object_get(obj, key);

	if (!value || json_is_null(value))
		return 0;
	if (!json_is_boolean(value))
		return err_set(err, EINVAL, "'%s' is not true or false", key);
	*ret = json_is_true(value);
	return 0;
}

int json_get_array(const json_t *obj, const char *key, size_t max_len, json_t **ret,
		   struct err *err)
{
	int r = get(obj, key, JSON_ARRAY, "an array", ret, err);

	if (r == 0 && *ret && json_array_size(*ret) > max_len)
		return err_set(err, EFBIG, "'%s' has %zu elements, more than the %zu allowed", key,
			       json_array_size(*ret), max_len);
	return r;
}

int json_get_object(const json_t *obj, const char *key, json_t **ret, struct err *err)
{
	return get(obj, key, JSON_OBJECT, "an object", ret, err);
}

int json_get_strv(const json_t *obj, const char *key, size_t max_len, char ***ret, struct err *err)
{
	json_t *array;
	char **strv;
	size_t n;
	int r = json_get_array(obj, key, max_len, &array, err);

	*ret = NULL;
	if (r < 0 || !array)
		return r;
	n = json_array_size(array);
	for (size_t i = 0; i < n; i++) {
		if (!json_is_string(json_array_get(array, i)))
			return err_set(err, EINVAL, "'%s' holds something that is not a string",
				       key);
	}
	strv = xcalloc(n + 1, sizeof(*strv));
	for (size_t i = 0; i < n; i++)
		strv[i] = xstrdup(json_string_value(json_array_get(array, i)));
	*ret = strv;
	return 0;
}

static char *must(char *text)
{
	if (!text)
		abort();
	return text;
}

char *json_text(const json_t *value)
{
	return must(json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY));
}

char *json_text_pretty(const json_t *value)
{
	char *text = must(json_dumps(value, JSON_INDENT(4) | JSON_ENCODE_ANY));
	char *line = xasprintf("%s\n", text);

	free(text);
	return line;
}
