#include "cmd/common.h"
#include "cmd/registry_flags.h"
#include "cmd/size_option.h"
#include "image/pull.h"

struct pull_flags {
	struct registry_flags registry;
	struct pull_options options;
};

#define REGISTRY offsetof(struct pull_flags, registry)
#define AT(field) offsetof(struct pull_flags, options.field)

static int set_max(void *flags, const char *text, struct err *err)
{
	return size_option_parse(text, &((struct pull_flags *)flags)->options.max_unpacked, err);
}

static int set_platform(void *flags, const char *text, struct err *err)
{
	struct pull_options *options = &((struct pull_flags *)flags)->options;

	options->platform_explicit = true;
	return platform_parse(text, &options->platform, err);
}

static const struct option_spec options[] = {
	OPTION_AUTHFILE(REGISTRY),
	OPTION_CERT_DIR(REGISTRY),
	OPTION_CREDS(REGISTRY),
	OPTION_MAX_UNPACKED(set_max),
	{"platform", 0, OPTION_CALL, 0, .value = "OS/ARCH", .set = set_platform,
	 .help = "Pull the image of this platform (default: this machine's)"},
	{"quiet", 'q', OPTION_BOOL, AT(quiet), .help = "Show no progress"},
	OPTION_TLS_VERIFY(REGISTRY),
	{0},
};

static int run(const struct context *c, void *flags_, char **args, struct err *err)
{
	struct pull_flags *flags = flags_;
	_cleanup_store_ struct store store = STORE_INIT;
	struct reference ref;
	struct digest id;
	int r;

	r = reference_parse(args[0], &ref, err);
	if (r == 0)
		r = registry_flags_options(&flags->registry, &flags->options.registry, err);
	if (r == 0)
		r = command_open_store(c, &store, err);
	if (r < 0)
		return r;
	if (!flags->options.platform_explicit)
		platform_host(&flags->options.platform);
	flags->options.quiet = flags->options.quiet || c->quiet;
	r = image_pull(&store, &ref, &flags->options, &id, err);
	if (r == 0)
		puts(id.text);
	return r;
}

static void release(void *flags)
{
	registry_flags_release(&((struct pull_flags *)flags)->registry);
}

const struct command command_pull = {
	.name = "pull",
	.summary = "Pull an image from a registry",
	.usage = "IMAGE",
	.options = options,
	.flags_size = sizeof(struct pull_flags),
	.min_args = 1,
	.max_args = 1,
	.complete = COMPLETE_IMAGE,
	.run = run,
	.release = release,
};
