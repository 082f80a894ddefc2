#include "cmd/common.h"
#include "container/image_mount.h"

static const struct option_spec options[] = {
	{0},
};

static int run(const struct context *c, void *flags, char **args, struct err *err)
{
	_cleanup_store_ struct store store = STORE_INIT;
	int r, status = 0;

	(void)flags;
	r = command_open_store(c, &store, err);
	if (r < 0)
		return r;
	for (; *args; args++) {
		if (image_unmount(&store, *args, err) < 0)
			status = command_report(err);
		else
			puts(*args);
	}
	return status;
}

const struct command command_umount = {
	.name = "umount",
	.summary = "Unmount images",
	.usage = "DIR...",
	.options = options,
	.min_args = 1,
	.max_args = ARGS_ANY,
	.complete = COMPLETE_DIRECTORY,
	.run = run,
};
