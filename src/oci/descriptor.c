#include "oci/descriptor.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static int parse_annotations(const json_t *obj, struct descriptor *d, struct err *err)
{
	json_t *annotations;
	const char *key;
	json_t *value;
	int r = json_get_object(obj, "annotations", &annotations, err);

	if (r < 0 || !annotations)
		return r;
	json_object_foreach (annotations, key, value)
		if (!json_is_string(value))
			return err_set(err, EINVAL, "annotation '%.200s' is not a string", key);
	d->annotations = json_copy(annotations);
	return 0;
}

static int parse_platform(const json_t *obj, struct descriptor *d, struct err *err)
{
	json_t *platform;
	int r = json_get_object(obj, "platform", &platform, err);

	if (r < 0 || !platform)
		return r;
	d->has_platform = true;
	return platform_from_json(platform, &d->platform, err);
}

static int parse(const json_t *obj, int64_t max_size, struct descriptor *d, struct err *err)
{
	const char *s;
	int r;

	if (!json_is_object(obj))
		return err_set(err, EINVAL, "not an object");
	r = json_need_string(obj, "mediaType", &s, err);
	if (r < 0)
		return r;
	d->media_type = xstrdup(s);
	r = json_need_string(obj, "digest", &s, err);
	if (r < 0)
		return r;
	r = digest_parse(s, &d->digest, err);
	if (r < 0)
		return r;
	d->size = -1;
	r = json_get_int(obj, "size", 0, max_size, &d->size, err);
	if (r < 0)
		return r;
	if (d->size < 0)
		return err_set(err, EINVAL, "'size' is missing");
	r = json_get_strv(obj, "urls", LIMIT_JSON_STRINGS, &d->urls, err);
	if (r < 0)
		return r;
	r = json_get_string(obj, "artifactType", &s, err);
	if (r < 0)
		return r;
	if (s)
		d->artifact_type = xstrdup(s);
	r = parse_annotations(obj, d, err);
	if (r < 0)
		return r;
	return parse_platform(obj, d, err);
}

int descriptor_parse(const json_t *obj, int64_t max_size, const char *what, struct descriptor *ret,
		     struct err *err)
{
	struct descriptor d = {.size = 0};
	int r = parse(obj, max_size, &d, err);

	if (r < 0) {
		if (digest_is_set(&d.digest))
			err_prefix(err, "%s %s", what, d.digest.text);
		else
			err_prefix(err, "%s", what);
		descriptor_release(&d);
		memset(ret, 0, sizeof(*ret));
		return r;
	}
	*ret = d;
	return 0;
}

void descriptor_release(struct descriptor *d)
{
	free(d->media_type);
	free(d->artifact_type);
	strv_free(d->urls);
	json_decref(d->annotations);
	memset(d, 0, sizeof(*d));
}

void descriptor_copy(const struct descriptor *from, struct descriptor *to)
{
	*to = *from;
	to->media_type = from->media_type ? xstrdup(from->media_type) : NULL;
	to->artifact_type = from->artifact_type ? xstrdup(from->artifact_type) : NULL;
	to->urls = from->urls ? strv_copy(from->urls) : NULL;
	to->annotations = from->annotations ? json_copy(from->annotations) : NULL;
}

static json_t *platform_json(const struct platform *p)
{
	json_t *j = json_object();

	json_object_set_new(j, "architecture", json_string(p->arch));
	json_object_set_new(j, "os", json_string(p->os));
	if (p->os_version[0])
		json_object_set_new(j, "os.version", json_string(p->os_version));
	if (p->variant[0])
		json_object_set_new(j, "variant", json_string(p->variant));
	return j;
}

json_t *descriptor_json(const struct descriptor *d)
{
	json_t *j = json_object();

	json_object_set_new(j, "mediaType", json_string(d->media_type));
	json_object_set_new(j, "digest", json_string(d->digest.text));
	json_object_set_new(j, "size", json_integer(d->size));
	if (d->has_platform)
		json_object_set_new(j, "platform", platform_json(&d->platform));
	if (d->urls) {
		json_t *urls = json_array();

		for (char **u = d->urls; *u; u++)
			json_array_append_new(urls, json_string(*u));
		json_object_set_new(j, "urls", urls);
	}
	if (d->artifact_type)
		json_object_set_new(j, "artifactType", json_string(d->artifact_type));
	if (d->annotations)
		json_object_set_new(j, "annotations", json_copy(d->annotations));
	return j;
}

const char *descriptor_annotation(const struct descriptor *d, const char *key)
{
	return json_string_value(json_object_get(d->annotations, key));
}

void descriptor_annotate(struct descriptor *d, const char *key, const char *value)
{
	if (!value) {
		json_object_del(d->annotations, key);
		return;
	}
	if (!d->annotations)
		d->annotations = json_object();
	json_object_set_new(d->annotations, key, json_string(value));
}
