#include <errno.h>

#include "base/log.h"
#include "base/str.h"
#include "cmd/common.h"
#include "container/state.h"
#include "store/gc.h"

struct gc_flags {
	bool dry_run;
};

static const struct option_spec options[] = {
	{"dry-run", 0, OPTION_BOOL, offsetof(struct gc_flags, dry_run),
	 .help = "Only say what would be removed"},
	{0},
};

static void print_count(size_t n, const char *one, const char *many)
{
	if (n > 0)
		printf("%zu %s\n", n, n == 1 ? one : many);
}

static int run(const struct context *c, void *flags_, char **args, struct err *err)
{
	const struct gc_flags *flags = flags_;
	_cleanup_store_ struct store store = STORE_INIT;
	struct gc_result result = {0};
	size_t containers = 0;
	char size[16];
	int r;

	(void)args;
	r = command_open_store(c, &store, err);
	if (r == 0 && !flags->dry_run)
		r = container_clear_stale(&store, &containers, err);
	if (r < 0)
		return r;
	r = store_gc(&store, false, flags->dry_run, 0, &result, err);
	if (r == -EAGAIN) {
		log_notice("waiting for other strake processes to finish with the store");
		*err = (struct err)ERR_INIT;
		r = store_gc(&store, true, flags->dry_run, 0, &result, err);
	}
	if (r < 0)
		return r;
	print_count(containers, "container that ended", "containers that ended");
	print_count(result.blobs, "blob", "blobs");
	print_count(result.layers, "unpacked layer", "unpacked layers");
	print_count(result.partials, "partial download", "partial downloads");
	print_count(result.scratches, "unfinished directory", "unfinished directories");
	printf("%s %s of blobs\n", flags->dry_run ? "would free" : "freed",
	       str_size(result.bytes, size));
	return 0;
}

const struct command command_gc = {
	.name = "gc",
	.summary = "Remove what no image and no container needs",
	.usage = "",
	.options = options,
	.flags_size = sizeof(struct gc_flags),
	.run = run,
};
