#include <sys/utsname.h>

#include "base/proc.h"
#include "cmd/common.h"

struct version_flags {
	const char *format;
};

static const struct option_spec options[] = {
	{"format", 0, OPTION_STRING, offsetof(struct version_flags, format), .value = "FORMAT",
	 .words = "json|text", .help = "Print as json or as text (default)"},
	{0},
};

static int run(const struct context *c, void *flags_, char **args, struct err *err)
{
	const struct version_flags *flags = flags_;
	struct utsname host = {0};

	(void)c;
	(void)args;
	(void)err;
	uname(&host);
	if (format_is_json(flags->format)) {
		json_t *object = json_object();

		json_add_text(object, "Version", PACKAGE_VERSION);
		json_add_text(object, "Kernel", host.release);
		json_add_text(object, "Machine", host.machine);
		json_add_text(object, "Libexec", proc_libexec());
		print_json(object);
		return 0;
	}
	printf("strake version %s\nkernel: %s (%s)\nlibexec: %s\n", PACKAGE_VERSION, host.release,
	       host.machine, proc_libexec());
	return 0;
}

const struct command command_version = {
	.name = "version",
	.summary = "Show the version",
	.usage = "",
	.options = options,
	.flags_size = sizeof(struct version_flags),
	.run = run,
};
