#include <errno.h>
#include <time.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/common.h"

bool format_is_json(const char *format)
{
	return str_eq(format, "json");
}

int command_open_store(const struct context *c, struct store *ret, struct err *err)
{
	return store_open(c->store_path, ret, err);
}

int command_open_store_leased(const struct context *c, struct store *ret, int *ret_lease,
			      struct err *err)
{
	int r = store_open(c->store_path, ret, err);

	if (r < 0)
		return r;
	r = store_lease(ret, STORE_SHARED, false, err);
	if (r == -EAGAIN) {
		log_verbose("waiting for gc or reset to finish with the store");
		*err = (struct err)ERR_INIT;
		r = store_lease(ret, STORE_SHARED, true, err);
	}
	if (r < 0)
		return r;
	*ret_lease = r;
	return 0;
}

int command_report(struct err *err)
{
	log_error("%s", err->msg);
	*err = (struct err)ERR_INIT;
	return EXIT_STRAKE;
}

void print_json(json_t *value)
{
	_cleanup_free_ char *text = json_text_pretty(value);

	fputs(text, stdout);
	json_decref(value);
}

static json_t *text_value(const char *text)
{
	json_t *value = json_string(text);

	if (!value) {
		_cleanup_free_ char *printable = log_printable(text);

		value = json_string(printable);
	}
	return value ? value : json_string("");
}

void json_add_text(json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, text_value(text ? text : ""));
}

json_t *json_from_strv(char *const *v)
{
	json_t *array = json_array();

	for (size_t i = 0; v && v[i]; i++)
		json_array_append_new(array, text_value(v[i]));
	return array;
}

char *id_text(const struct digest *digest, bool whole)
{
	char out[13];

	return xstrdup(whole ? digest->text : digest_short(digest, out));
}

char *age_text(int64_t when)
{
	int64_t now = (int64_t)time(NULL);
	char out[32];

	if (when <= 0)
		return xstrdup("N/A");
	return xstrdup(str_ago(now > when ? now - when : 0, out));
}
