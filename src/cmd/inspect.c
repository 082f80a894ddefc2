#include <errno.h>

#include "base/mem.h"
#include "base/str.h"
#include "cmd/common.h"
#include "cmd/container_view.h"
#include "cmd/image_view.h"
#include "container/state.h"

struct inspect_flags {
	const char *format;
};

static const struct option_spec options[] = {
	{"format", 0, OPTION_STRING, offsetof(struct inspect_flags, format), .value = "FORMAT",
	 .words = "json", .help = "Print as json (default)"},
	{0},
};

static void add_if_set(json_t *object, const char *key, const char *text)
{
	if (!str_is_empty(text))
		json_add_text(object, key, text);
}

static json_t *root_fs(const struct image_config *config)
{
	json_t *layers = json_array();

	for (size_t i = 0; i < config->n_diff_ids; i++)
		json_array_append_new(layers, json_string(config->diff_ids[i].text));
	return json_pack("{s:s, s:o}", "Type", "layers", "Layers", layers);
}

static json_t *image_json(const struct tags *tags, const struct image *image)
{
	const struct image_config *config = &image->config;
	const struct digest *manifest = &image->descriptor.digest;
	json_t *object = json_object(), *inner = json_object_get(config->json, "config");

	json_add_text(object, "Id", image->manifest.config.digest.text);
	json_add_text(object, "Digest", manifest->text);
	json_object_set_new(object, "RepoTags", image_repo_tags(tags, manifest));
	json_object_set_new(object, "RepoDigests", image_repo_digests(tags, manifest));
	json_add_text(object, "Created", config->created);
	add_if_set(object, "Author", json_string_value(json_object_get(config->json, "author")));
	json_add_text(object, "Architecture", config->platform.arch);
	add_if_set(object, "Variant", config->platform.variant);
	json_add_text(object, "Os", config->platform.os);
	add_if_set(object, "OsVersion", config->platform.os_version);
	json_object_set_new(object, "Size", json_integer((json_int_t)image_size(image)));
	if (json_is_object(inner))
		json_object_set(object, "Config", inner);
	else
		json_object_set_new(object, "Config", json_object());
	json_object_set_new(object, "RootFS", root_fs(config));
	return object;
}

/* Docker's order: a container of that name, else an image. */
static int inspect_one(struct store *s, const struct tags *tags, const char *name, json_t *array,
		       struct err *err)
{
	struct container_state container = {0};
	_cleanup_image_ struct image image = {0};
	int r = container_find(s, name, &container, err);

	if (r == 0) {
		json_array_append_new(array, container_inspect_json(&container));
		container_state_release(&container);
		return 0;
	}
	if (r != -ENOENT)
		return r;
	*err = (struct err)ERR_INIT;
	r = image_open(s, name, &image, err);
	if (r == -ENOENT)
		return *err = (struct err)ERR_INIT,
		       err_set(err, ENOENT, "no such image or container '%s'", name);
	if (r == 0)
		json_array_append_new(array, image_json(tags, &image));
	return r;
}

static int run(const struct context *c, void *flags, char **args, struct err *err)
{
	_cleanup_store_ struct store store = STORE_INIT;
	_cleanup_tags_ struct tags tags = {0};
	json_t *array;
	int r, status = 0;

	(void)flags;
	r = command_open_store(c, &store, err);
	if (r == 0)
		r = tags_read(&store, &tags, err);
	if (r < 0)
		return r;
	array = json_array();
	for (; *args; args++)
		if (inspect_one(&store, &tags, *args, array, err) < 0)
			status = command_report(err);
	print_json(array);
	return status;
}

const struct command command_inspect = {
	.name = "inspect",
	.summary = "Show all that is known of images and containers",
	.usage = "NAME...",
	.options = options,
	.flags_size = sizeof(struct inspect_flags),
	.min_args = 1,
	.max_args = ARGS_ANY,
	.complete = COMPLETE_OBJECT,
	.run = run,
};
