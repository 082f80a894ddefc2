#include <errno.h>

#include "cmd/command.h"
#include "cmd/registry_flags.h"

struct logout_flags {
	struct registry_flags registry;
	bool all;
};

static const struct option_spec options[] = {
	{"all", 'a', OPTION_BOOL, offsetof(struct logout_flags, all), .help = "Of every registry"},
	OPTION_AUTHFILE(offsetof(struct logout_flags, registry)),
	{0},
};

static int run(const struct context *c, void *flags_, char **args, struct err *err)
{
	const struct logout_flags *flags = flags_;
	struct reference ref;
	int r;

	(void)c;
	if (flags->all && args[0])
		return err_set(err, EINVAL, "--all and the name of a registry exclude each other");
	r = registry_name_parse(args[0], &ref, err);
	if (r == 0)
		r = auth_erase(flags->registry.authfile, flags->all ? NULL : ref.domain, NULL, err);
	if (r < 0)
		return r;
	if (flags->all)
		puts("Removed all login credentials");
	else
		printf("Removed login credentials for %s\n", ref.domain);
	return 0;
}

const struct command command_logout = {
	.name = "logout",
	.summary = "Forget the credentials of a registry",
	.usage = "[REGISTRY]",
	.options = options,
	.flags_size = sizeof(struct logout_flags),
	.max_args = 1,
	.run = run,
};
