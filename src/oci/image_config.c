#include "oci/image_config.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"

/* A string member as a malloced copy; `otherwise` (may be NULL) when absent. */
static int copy_string(const json_t *obj, const char *key, const char *otherwise, char **ret,
		       struct err *err)
{
	const char *s;
	int r = json_get_string(obj, key, &s, err);

	if (r < 0)
		return r;
	if (!s)
		s = otherwise;
	*ret = s ? xstrdup(s) : NULL;
	return 0;
}

/* An array of strings; an empty one counts as absent. */
static int copy_strv(const json_t *obj, const char *key, char ***ret, struct err *err)
{
	int r = json_get_strv(obj, key, LIMIT_JSON_STRINGS, ret, err);

	if (r == 0 && *ret && !**ret)
		strv_freep(ret);
	return r;
}

static int parse_env(const json_t *config, struct image_config *c, struct err *err)
{
	int r = copy_strv(config, "Env", &c->env, err);

	if (r < 0)
		return r;
	if (!c->env)
		c->env = strv_copy(NULL);
	for (char **e = c->env; *e; e++) {
		if (!strchr(*e, '='))
			return err_set(err, EINVAL, "Env entry '%.200s' has no '='", *e);
		if (**e == '=')
			return err_set(err, EINVAL, "Env entry '%.200s' has an empty name", *e);
	}
	return 0;
}

static bool contains(char *const *v, const char *s)
{
	for (; *v; v++)
		if (str_eq(*v, s))
			return true;
	return false;
}

static int parse_volumes(const json_t *config, struct image_config *c, struct err *err)
{
	json_t *volumes, *value;
	const char *key;
	int r = json_get_object(config, "Volumes", &volumes, err);

	c->volumes = strv_copy(NULL);
	if (r < 0 || !volumes)
		return r;
	if (json_object_size(volumes) > LIMIT_VOLUMES)
		return err_set(err, EFBIG, "more than %d volumes", LIMIT_VOLUMES);
	json_object_foreach (volumes, key, value) {
		_cleanup_free_ char *rooted = xasprintf("/%s", key);
		_cleanup_free_ char *path = path_clean(rooted);

		(void)value;
		if (str_eq(path, "/"))
			return err_set(err, EINVAL, "volume '%.200s' would hide the whole root",
				       key);
		if (!contains(c->volumes, path))
			strv_take(&c->volumes, steal_ptr(&path));
	}
	return 0;
}

static int need_object_or_nothing(const json_t *obj, const char *key, struct err *err)
{
	json_t *ignored;

	return json_get_object(obj, key, &ignored, err);
}

static int parse_runtime(struct image_config *c, struct err *err)
{
	_cleanup_json_ json_t *none = NULL;
	json_t *config;
	int r = json_get_object(c->json, "config", &config, err);

	if (r < 0)
		return r;
	if (!config)
		config = none = json_object();
	r = copy_string(config, "User", "", &c->user, err);
	if (r == 0)
		r = copy_string(config, "WorkingDir", "", &c->working_dir, err);
	if (r == 0)
		r = copy_string(config, "StopSignal", "", &c->stop_signal, err);
	if (r == 0)
		r = parse_env(config, c, err);
	if (r == 0)
		r = copy_strv(config, "Entrypoint", &c->entrypoint, err);
	if (r == 0)
		r = copy_strv(config, "Cmd", &c->cmd, err);
	if (r == 0)
		r = parse_volumes(config, c, err);
	if (r == 0)
		r = need_object_or_nothing(config, "ExposedPorts", err);
	if (r == 0)
		r = need_object_or_nothing(config, "Labels", err);
	return r;
}

static int parse_diff_ids(const json_t *rootfs, struct image_config *c, struct err *err)
{
	json_t *ids, *id;
	size_t i;
	int r = json_get_array(rootfs, "diff_ids", LIMIT_LAYERS, &ids, err);

	if (r < 0 || !ids || json_array_size(ids) == 0)
		return r;
	c->diff_ids = xcalloc(json_array_size(ids), sizeof(*c->diff_ids));
	json_array_foreach (ids, i, id) {
		if (!json_is_string(id))
			return err_set(err, EINVAL, "diff id %zu is not a string", i + 1);
		r = digest_parse(json_string_value(id), &c->diff_ids[i], err);
		if (r < 0) {
			err_prefix(err, "diff id %zu", i + 1);
			return r;
		}
		c->n_diff_ids++;
	}
	return 0;
}

static int parse_rootfs(struct image_config *c, struct err *err)
{
	const char *type;
	json_t *rootfs;
	int r = json_get_object(c->json, "rootfs", &rootfs, err);

	if (r < 0 || !rootfs)
		return r;
	r = json_get_string(rootfs, "type", &type, err);
	if (r < 0)
		return r;
	if (type && !str_eq(type, "layers"))
		return err_set(err, EINVAL, "rootfs type '%.100s' is not 'layers'", type);
	return parse_diff_ids(rootfs, c, err);
}

int image_config_parse(const char *text, size_t len, struct image_config *ret, struct err *err)
{
	struct image_config c = {.json = NULL};
	json_t *history;
	int r;

	memset(ret, 0, sizeof(*ret));
	r = json_parse_object(text, len, LIMIT_CONFIG_SIZE, "image config", &c.json, err);
	if (r < 0)
		return r;
	r = platform_from_json(c.json, &c.platform, err);
	if (r == 0)
		r = copy_string(c.json, "created", NULL, &c.created, err);
	if (r == 0)
		r = parse_runtime(&c, err);
	if (r == 0)
		r = parse_rootfs(&c, err);
	if (r == 0)
		r = json_get_array(c.json, "history", LIMIT_HISTORY, &history, err);
	if (r < 0) {
		image_config_release(&c);
		err_prefix(err, "image config");
		return r;
	}
	*ret = c;
	return 0;
}

void image_config_release(struct image_config *c)
{
	json_decref(c->json);
	free(c->created);
	free(c->user);
	strv_free(c->env);
	strv_free(c->entrypoint);
	strv_free(c->cmd);
	strv_free(c->volumes);
	free(c->working_dir);
	free(c->stop_signal);
	free(c->diff_ids);
	memset(c, 0, sizeof(*c));
}

static int64_t creation_time(int64_t created)
{
	const char *epoch;
	uint64_t v;

	if (created >= 0)
		return created;
	epoch = getenv("SOURCE_DATE_EPOCH");
	if (epoch && str_to_u64(epoch, INT32_MAX * 100LL, &v) == 0)
		return (int64_t)v;
	return (int64_t)time(NULL);
}

json_t *image_config_new(const struct platform *platform, const struct digest *diff_id,
			 const char *created_by, int64_t created)
{
	json_t *doc = json_object(), *rootfs = json_object(), *ids = json_array();
	json_t *history = json_array(), *entry = json_object();
	char when[32];

	str_time(creation_time(created), when);
	json_object_set_new(doc, "created", json_string(when));
	json_object_set_new(doc, "architecture", json_string_lossy(platform->arch));
	json_object_set_new(doc, "os", json_string_lossy(platform->os));
	if (platform->os_version[0])
		json_object_set_new(doc, "os.version", json_string_lossy(platform->os_version));
	if (platform->variant[0])
		json_object_set_new(doc, "variant", json_string_lossy(platform->variant));
	json_object_set_new(doc, "config", json_object());
	json_array_append_new(ids, json_string(diff_id->text));
	json_object_set_new(rootfs, "type", json_string("layers"));
	json_object_set_new(rootfs, "diff_ids", ids);
	json_object_set_new(doc, "rootfs", rootfs);
	json_object_set_new(entry, "created", json_string(when));
	if (!str_is_empty(created_by))
		json_object_set_new(entry, "created_by", json_string_lossy(created_by));
	json_array_append_new(history, entry);
	json_object_set_new(doc, "history", history);
	return doc;
}
