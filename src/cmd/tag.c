#include <errno.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cmd/common.h"
#include "image/open.h"
#include "oci/reference.h"

static const struct option_spec options[] = {{0}};

static int run(const struct context *c, void *flags, char **args, struct err *err)
{
	_cleanup_store_ struct store store = STORE_INIT;
	_cleanup_tags_ struct tags tags = {0};
	_cleanup_fd_ int lease = -1;
	_cleanup_free_ char *name = NULL;
	struct reference to, at_localhost;
	size_t found = 0;
	int r;

	(void)flags;
	r = reference_parse(args[1], &to, err);
	if (r < 0)
		return r;
	if (digest_is_set(&to.digest))
		return err_set(err, EINVAL, "'%s' has a digest: a new name cannot choose one",
			       args[1]);
	reference_to_localhost(&to, &at_localhost);
	r = command_open_store_leased(c, &store, &lease, err);
	if (r == 0)
		r = tags_read(&store, &tags, err);
	if (r == 0)
		r = image_find(&store, &tags, args[0], &found, err);
	if (r < 0)
		return r;
	name = reference_store_name(to.has_domain ? &to : &at_localhost);
	return tag_set(&store, name, &tags.tags[found].manifest, err);
}

const struct command command_tag = {
	.name = "tag",
	.summary = "Give an image a further name",
	.usage = "IMAGE NAME[:TAG]",
	.options = options,
	.min_args = 2,
	.max_args = 2,
	.complete = COMPLETE_IMAGE,
	.run = run,
};
