#include "cmd/common.h"
#include "cmd/size_option.h"
#include "image/unpack.h"

struct unpack_flags {
	uint64_t max_unpacked;
};

static int set_max(void *flags, const char *text, struct err *err)
{
	return size_option_parse(text, &((struct unpack_flags *)flags)->max_unpacked, err);
}

static const struct option_spec options[] = {
	OPTION_MAX_UNPACKED(set_max),
	{0},
};

static int run(const struct context *c, void *flags_, char **args, struct err *err)
{
	const struct unpack_flags *flags = flags_;
	_cleanup_store_ struct store store = STORE_INIT;
	_cleanup_image_ struct image image = {0};
	int r;

	r = command_open_store(c, &store, err);
	if (r == 0)
		r = image_open(&store, args[0], &image, err);
	return r < 0 ? r : image_unpack(&store, &image, flags->max_unpacked, err);
}

const struct command command_unpack = {
	.name = "unpack",
	.summary = "Unpack the layers of an image",
	.usage = "IMAGE",
	.options = options,
	.flags_size = sizeof(struct unpack_flags),
	.min_args = 1,
	.max_args = 1,
	.complete = COMPLETE_IMAGE,
	.run = run,
};
