#include "base/mem.h"
#include "base/str.h"
#include "cmd/common.h"
#include "cmd/image_view.h"

#define NONE "<none>"

void name_split(const char *name, char **ret_repository, char **ret_tag)
{
	const char *slash = strrchr(name, '/');
	const char *digest = strchr(name, '@');
	const char *colon = strchr(slash ? slash : name, ':');
	size_t len = strlen(name);

	if (digest) {
		len = (size_t)(digest - name);
		if (colon && colon > digest)
			colon = NULL;
	}
	*ret_tag = colon ? xstrndup(colon + 1, (size_t)(name + len - colon - 1)) : xstrdup(NONE);
	if (colon)
		len = (size_t)(colon - name);
	*ret_repository = len > 0 ? xstrndup(name, len) : xstrdup(NONE);
}

uint64_t image_size(const struct image *image)
{
	uint64_t sum = (uint64_t)image->descriptor.size + (uint64_t)image->manifest.config.size;

	for (size_t i = 0; i < image->manifest.n_layers; i++)
		sum += (uint64_t)image->manifest.layers[i].size;
	return sum;
}

int64_t image_created(const struct image *image)
{
	int64_t when = 0;

	if (!image->config.created || str_to_time(image->config.created, &when) < 0 || when < 0)
		return 0;
	return when;
}

const char *tag_repo_digest(const struct tag *tag)
{
	const char *index = descriptor_annotation(&tag->manifest, TAG_ANNOTATION_INDEX);

	return index ? index : tag->manifest.digest.text;
}

json_t *image_repo_tags(const struct tags *tags, const struct digest *manifest)
{
	json_t *array = json_array();

	for (size_t i = 0; i < tags->n; i++) {
		const struct tag *tag = &tags->tags[i];

		if (digest_eq(&tag->manifest.digest, manifest) && *tag->name &&
		    !strchr(tag->name, '@'))
			json_array_append_new(array, json_string(tag->name));
	}
	return array;
}

static void append_digest(json_t *array, const char *repository, const char *digest)
{
	_cleanup_free_ char *text = xasprintf("%s@%s", repository, digest);
	size_t i;
	json_t *other;

	json_array_foreach (array, i, other)
		if (str_eq(json_string_value(other), text))
			return;
	json_array_append_new(array, json_string(text));
}

json_t *image_repo_digests(const struct tags *tags, const struct digest *manifest)
{
	json_t *array = json_array();

	for (size_t i = 0; i < tags->n; i++) {
		const struct tag *tag = &tags->tags[i];
		_cleanup_free_ char *repository = NULL, *word = NULL;

		if (!digest_eq(&tag->manifest.digest, manifest) || !*tag->name)
			continue;
		name_split(tag->name, &repository, &word);
		append_digest(array, repository, tag_repo_digest(tag));
		append_digest(array, repository, manifest->text);
	}
	return array;
}
