/* json: reading hostile JSON with jansson under our bounds, and small typed accessors.
 *
 * Accessors take the object, a key and the error; a missing key or null yields "absent" (0 and the
 * default); a present value of the wrong type is -EINVAL with a message that names the key.
 */
#ifndef STRAKE_BASE_JSON_H
#define STRAKE_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define _cleanup_json_ __attribute__((cleanup(json_decrefp_)))
static inline void json_decrefp_(json_t **p)
{
	json_decref(*p);
}

/* Parses one object (anything else is -EINVAL). Refuses: more than max bytes (-EFBIG), duplicate
 * keys, NUL in strings, nesting beyond LIMIT_JSON_DEPTH, bytes behind the value. `what` names it in
 * errors. */
int json_parse_object(const char *text, size_t len, size_t max, const char *what, json_t **ret,
		      struct err *err);

/* *ret: borrowed string or NULL when absent. */
int json_get_string(const json_t *obj, const char *key, const char **ret, struct err *err);
/* As json_get_string(); absent or empty is -EINVAL. */
int json_need_string(const json_t *obj, const char *key, const char **ret, struct err *err);
/* Integers in [min, max]; -ERANGE outside; absent leaves *ret alone and returns 0. */
int json_get_int(const json_t *obj, const char *key, int64_t min, int64_t max, int64_t *ret,
		 struct err *err);
int json_get_bool(const json_t *obj, const char *key, bool *ret, struct err *err);
/* *ret: borrowed array/object or NULL when absent. An array longer than max_len is -EFBIG. */
int json_get_array(const json_t *obj, const char *key, size_t max_len, json_t **ret,
		   struct err *err);
int json_get_object(const json_t *obj, const char *key, json_t **ret, struct err *err);
/* An array of strings as a malloced strv (NULL when absent). */
int json_get_strv(const json_t *obj, const char *key, size_t max_len, char ***ret, struct err *err);

/* A new string value. JSON is UTF-8, a command line or a file name is bytes: where text is not
 * UTF-8, each byte from 0x80 on becomes '?'. */
json_t *json_string_lossy(const char *text);

/* Compact text, keys in insertion order, NUL terminated; malloced, aborts when out of memory. */
char *json_text(const json_t *value);
/* Indented by four blanks (as docker inspect), with a final newline. */
char *json_text_pretty(const json_t *value);

#endif
