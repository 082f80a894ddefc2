#include <errno.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include "cmd/common.h"
#include "container/state.h"
#include "image/open.h"
#include "oci/reference.h"
#include "store/blob.h"
#include "store/gc.h"

struct rmi_flags {
	bool force;
};

static const struct option_spec options[] = {
	{"force", 'f', OPTION_BOOL, offsetof(struct rmi_flags, force),
	 .help = "Also when it has several names or a container uses it; a missing one is fine"},
	{0},
};

/* What one call works with. */
struct removal {
	struct store *store;
	bool force;
	struct container_list containers, mounts;
	struct removed {
		struct digest manifest, id;
	} * removed; /* images that lost their last name */
	size_t n, cap;
};

/* Whether the user named the tag, rather than the image by its id. */
static bool typed_name(const char *text, const struct tag *tag)
{
	struct reference ref, at_localhost;
	_cleanup_free_ char *full = NULL, *local = NULL;

	if (str_eq(text, tag->name))
		return true;
	if (reference_parse(text, &ref, NULL) < 0)
		return false;
	reference_to_localhost(&ref, &at_localhost);
	full = reference_store_name(&ref);
	local = reference_store_name(&at_localhost);
	return str_eq(full, tag->name) || (!ref.has_domain && str_eq(local, tag->name));
}

static size_t count_names(const struct tags *tags, const struct digest *manifest)
{
	size_t n = 0;

	for (size_t i = 0; i < tags->n; i++)
		n += digest_eq(&tags->tags[i].manifest.digest, manifest);
	return n;
}

static int check_unmounted(const struct removal *rm, const struct digest *manifest,
			   const char *text, struct err *err)
{
	for (size_t i = 0; i < rm->mounts.n && !rm->force; i++) {
		const struct container_state *c = &rm->mounts.items[i];

		if (digest_eq(&c->manifest, manifest) && c->status != CONTAINER_EXITED)
			return err_set(
				err, EBUSY,
				"image '%s' is mounted on '%s'; take that away with 'strake umount "
				"%s', or use -f",
				text, c->mountpoint, c->mountpoint);
	}
	return 0;
}

static int check_unused(const struct removal *rm, const struct digest *manifest, const char *text,
			struct err *err)
{
	for (size_t i = 0; i < rm->containers.n && !rm->force; i++) {
		const struct container_state *c = &rm->containers.items[i];

		if (digest_eq(&c->manifest, manifest))
			return err_set(
				err, EBUSY,
				"image '%s' is used by container '%s'; remove that with 'strake rm "
				"%s', or use -f",
				text, c->name, c->name);
	}
	return check_unmounted(rm, manifest, text, err);
}

static void remember(struct removal *rm, const struct digest *manifest, const struct digest *id)
{
	rm->removed = vec_grow(rm->removed, &rm->cap, rm->n + 1, sizeof(*rm->removed));
	rm->removed[rm->n].manifest = *manifest;
	rm->removed[rm->n++].id = *id;
}

/* Takes the name `tag`, or every name of its image, away. */
static int untag(struct removal *rm, const struct tags *tags, const struct tag *tag, bool one_name,
		 struct err *err)
{
	const struct digest *manifest = &tag->manifest.digest;
	int r = one_name ? tag_remove(rm->store, tag->name, err)
			 : tag_remove_manifest(rm->store, manifest, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < tags->n; i++) {
		const struct tag *other = &tags->tags[i];

		if (one_name ? other == tag : digest_eq(&other->manifest.digest, manifest)) {
			_cleanup_free_ char *name = log_printable(other->name);

			printf("Untagged: %s\n", *name ? name : manifest->text);
		}
	}
	return 0;
}

static int remove_one(struct removal *rm, const char *text, struct err *err)
{
	_cleanup_tags_ struct tags tags = {0};
	_cleanup_image_ struct image image = {0};
	const struct tag *tag;
	struct digest id;
	bool one_name, last;
	size_t at = 0;
	int r;

	r = tags_read(rm->store, &tags, err);
	if (r == 0)
		r = image_find(rm->store, &tags, text, &at, err);
	if (r < 0)
		return r;
	tag = &tags.tags[at];
	one_name = typed_name(text, tag);
	last = count_names(&tags, &tag->manifest.digest) == 1;
	if (!one_name && !last && !rm->force)
		return err_set(err, EBUSY,
			       "image '%s' has several names; remove them by name, or use -f",
			       text);
	last = last || !one_name;
	if (last && (r = check_unused(rm, &tag->manifest.digest, text, err)) < 0)
		return r;
	/* an image that cannot be read must be removable: it then goes by its manifest */
	id = image_load(rm->store, tag, &image, NULL) == 0 ? image.manifest.config.digest
							   : tag->manifest.digest;
	r = untag(rm, &tags, tag, one_name, err);
	if (r == 0 && last)
		remember(rm, &tag->manifest.digest, &id);
	return r;
}

/* Frees the disk now, unless somebody works with the store: a later gc does it then. */
static int sweep(struct removal *rm, struct err *err)
{
	struct gc_result result = {0};
	int r;

	if (rm->n == 0)
		return 0;
	r = store_gc(rm->store, false, false, INT64_MAX, &result, err);
	if (r == -EAGAIN) {
		log_notice("the store is in use: 'strake gc' will free the space later");
		*err = (struct err)ERR_INIT;
		return 0;
	}
	for (size_t i = 0; r == 0 && i < rm->n; i++)
		if (!blob_exists(rm->store, &rm->removed[i].manifest, NULL))
			printf("Deleted: %s\n", rm->removed[i].id.text);
	return r;
}

static int run(const struct context *c, void *flags_, char **args, struct err *err)
{
	const struct rmi_flags *flags = flags_;
	_cleanup_store_ struct store store = STORE_INIT;
	struct removal rm = {.store = &store, .force = flags->force};
	int r, status = 0;

	r = command_open_store(c, &store, err);
	if (r == 0)
		r = container_list(&store, &rm.containers, err);
	if (r == 0)
		r = container_list_mounts(&store, &rm.mounts, err);
	if (r < 0)
		return r;
	for (; *args; args++) {
		r = remove_one(&rm, *args, err);
		if (r == -ENOENT && flags->force)
			*err = (struct err)ERR_INIT;
		else if (r < 0)
			status = command_report(err);
	}
	r = sweep(&rm, err);
	container_list_release(&rm.containers);
	container_list_release(&rm.mounts);
	free(rm.removed);
	return r < 0 ? r : status;
}

const struct command command_rmi = {
	.name = "rmi",
	.summary = "Remove names of images, and images that lost their last one",
	.usage = "IMAGE...",
	.options = options,
	.flags_size = sizeof(struct rmi_flags),
	.min_args = 1,
	.max_args = ARGS_ANY,
	.complete = COMPLETE_IMAGE,
	.run = run,
};
