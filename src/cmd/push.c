#include "cmd/common.h"
#include "cmd/registry_flags.h"
#include "image/push.h"

struct push_flags {
	struct registry_flags registry;
	bool quiet;
};

#define REGISTRY offsetof(struct push_flags, registry)

static const struct option_spec options[] = {
	OPTION_AUTHFILE(REGISTRY),
	OPTION_CERT_DIR(REGISTRY),
	OPTION_CREDS(REGISTRY),
	{"quiet", 'q', OPTION_BOOL, offsetof(struct push_flags, quiet), .help = "Show no progress"},
	OPTION_TLS_VERIFY(REGISTRY),
	{0},
};

static int run(const struct context *c, void *flags_, char **args, struct err *err)
{
	struct push_flags *flags = flags_;
	_cleanup_store_ struct store store = STORE_INIT;
	_cleanup_image_ struct image image = {0};
	struct registry_options registry;
	struct reference to;
	struct digest digest;
	int r;

	if (args[1] && (r = reference_parse(args[1], &to, err)) < 0)
		return r;
	r = registry_flags_options(&flags->registry, &registry, err);
	if (r == 0)
		r = command_open_store(c, &store, err);
	if (r == 0)
		r = image_open(&store, args[0], &image, err);
	if (r == 0 && !args[1]) {
		r = reference_parse(image.name, &to, err);
		if (r < 0)
			return err_hint(err, "say where to push '%s' to", args[0]);
	}
	if (r == 0)
		r = image_push(&store, &image, &to, &registry, flags->quiet || c->quiet, &digest,
			       err);
	if (r == 0)
		puts(digest.text);
	return r;
}

static void release(void *flags)
{
	registry_flags_release(&((struct push_flags *)flags)->registry);
}

const struct command command_push = {
	.name = "push",
	.summary = "Push an image to a registry",
	.usage = "IMAGE [DESTINATION]",
	.options = options,
	.flags_size = sizeof(struct push_flags),
	.min_args = 1,
	.max_args = 2,
	.complete = COMPLETE_IMAGE,
	.run = run,
	.release = release,
};
