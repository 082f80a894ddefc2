#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/common.h"
#include "cmd/size_option.h"
#include "image/import.h"
#include "store/tag.h"

struct import_flags {
	struct import_options options;
	char **changes;
	bool platform_set, quiet;
};

#define AT(field) offsetof(struct import_flags, field)

static int set_max(void *flags, const char *text, struct err *err)
{
	return size_option_parse(text, &((struct import_flags *)flags)->options.max_unpacked, err);
}

static int set_platform(void *flags, const char *text, struct err *err)
{
	struct import_flags *f = flags;

	f->platform_set = true;
	return platform_parse(text, &f->options.platform, err);
}

static const struct option_spec options[] = {
	{"change", 'c', OPTION_LIST, AT(changes), .value = "INSTRUCTION",
	 .help = "Apply CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME or WORKDIR"},
	OPTION_MAX_UNPACKED(set_max),
	{"message", 'm', OPTION_STRING, AT(options.message), .value = "TEXT",
	 .help = "Set the comment in the image's history"},
	{"platform", 0, OPTION_CALL, 0, .value = "OS/ARCH", .set = set_platform,
	 .help = "What the programs in it are for (default: this machine)"},
	{"quiet", 'q', OPTION_BOOL, AT(quiet), .help = "Show no progress"},
	{0},
};

/* An image without a name gets its digest for one: it is imported under a passing name, which the
 * tag localhost/import@DIGEST then replaces. */
static int import_unnamed(struct store *s, int fd, const struct import_options *o,
			  struct digest *ret_id, struct err *err)
{
	_cleanup_free_ char *passing = xasprintf("localhost/import:unnamed-%d", (int)getpid());
	_cleanup_free_ char *name = NULL;
	_cleanup_tags_ struct tags tags = {0};
	const struct tag *tag;
	struct reference ref;
	int r;

	r = reference_parse(passing, &ref, err);
	if (r == 0)
		r = image_import(s, fd, &ref, o, ret_id, err);
	if (r == 0)
		r = tags_read(s, &tags, err);
	if (r < 0)
		return r;
	tag = tags_find(&tags, passing);
	if (!tag)
		return err_set(err, ENOENT, "the image was removed while it was imported");
	name = xasprintf("localhost/import@%s", tag->manifest.digest.text);
	r = tag_set(s, name, &tag->manifest, err);
	return r < 0 ? r : tag_remove(s, passing, err);
}

static int run(const struct context *c, void *flags_, char **args, struct err *err)
{
	struct import_flags *flags = flags_;
	_cleanup_store_ struct store store = STORE_INIT;
	_cleanup_fd_ int file = -1;
	struct reference name;
	struct digest id;
	int fd = STDIN_FILENO, r;

	if (args[1] && (r = reference_parse(args[1], &name, err)) < 0)
		return r;
	if (args[1] && digest_is_set(&name.digest))
		return err_set(err, EINVAL, "'%s' has a digest: a new name cannot choose one",
			       args[1]);
	if (!str_eq(args[0], "-")) {
		fd = file = open(args[0], O_RDONLY | O_CLOEXEC);
		if (file < 0)
			return err_sys(err, errno, "cannot open '%s'", args[0]);
	} else if (isatty(STDIN_FILENO)) {
		return err_set(err, EINVAL, "the standard input is a terminal, not a tarball");
	}
	r = command_open_store(c, &store, err);
	if (r < 0)
		return r;
	if (!flags->platform_set)
		platform_host(&flags->options.platform);
	flags->options.changes = flags->changes;
	if (args[1])
		r = image_import(&store, fd, &name, &flags->options, &id, err);
	else
		r = import_unnamed(&store, fd, &flags->options, &id, err);
	if (r == 0)
		puts(id.text);
	return r;
}

const struct command command_import = {
	.name = "import",
	.summary = "Make an image from a root filesystem tarball",
	.usage = "TARBALL|- [NAME[:TAG]]",
	.options = options,
	.flags_size = sizeof(struct import_flags),
	.min_args = 1,
	.max_args = 2,
	.complete = COMPLETE_FILE,
	.run = run,
};
