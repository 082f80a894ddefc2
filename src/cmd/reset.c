#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "cmd/common.h"
#include "container/state.h"
#include "ns/enter.h"

struct reset_flags {
	bool force;
};

static const struct option_spec options[] = {
	{"force", 'f', OPTION_BOOL, offsetof(struct reset_flags, force), .help = "Do not ask"},
	{0},
};

/* What a store consists of; oci-layout, by which it is known to be one, goes last. */
static const char *const members[] = {"index.json",   "blobs",	 "cache",
				      "containers",   "volumes", "uploads",
				      "repositories", "lock",	 "oci-layout"};

static int confirm(const char *path, struct err *err)
{
	char answer[8] = "";

	if (!isatty(STDIN_FILENO))
		return err_set(
			err, EINVAL,
			"the standard input is no terminal to ask on; use 'strake reset -f'");
	fprintf(stderr, "This deletes all images and containers in %s. Are you sure? [y/N] ", path);
	if (!fgets(answer, sizeof(answer), stdin) || (answer[0] != 'y' && answer[0] != 'Y'))
		return err_set(err, ECANCELED, "nothing was deleted");
	return 0;
}

/* 1: a store; 0: nothing is there; an error: something else is. */
static int look(const char *path, struct err *err)
{
	_cleanup_free_ char *layout = path_join(path, "oci-layout");
	_cleanup_dir_ DIR *dir = NULL;
	const struct dirent *entry;

	if (faccessat(AT_FDCWD, layout, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	if (errno != ENOENT || (!(dir = opendir(path)) && errno != ENOENT))
		return err_sys(err, errno, "cannot look into the store '%s'", path);
	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return err_set(err, EINVAL, "'%s' is not a store: it has no oci-layout",
				       path);
	return 0;
}

static int check_nothing_runs(struct store *s, struct err *err)
{
	struct container_list list = {0};
	int r = container_list(s, &list, err);

	for (size_t i = 0; r == 0 && i < list.n; i++)
		if (list.items[i].status == CONTAINER_RUNNING)
			r = err_set(err, EBUSY,
				    "container '%s' runs; remove it with 'strake rm -f %s'",
				    list.items[i].name, list.items[i].name);
	container_list_release(&list);
	if (r == 0)
		r = container_list_mounts(s, &list, err);
	for (size_t i = 0; r == 0 && i < list.n; i++)
		if (list.items[i].status != CONTAINER_EXITED)
			r = err_set(err, EBUSY,
				    "an image is mounted on '%s'; take it away with 'strake umount "
				    "%s'",
				    list.items[i].mountpoint, list.items[i].mountpoint);
	container_list_release(&list);
	return r;
}

/* Only what a store has is deleted: with a wrong --store nobody loses a home directory. */
static int remove_members(struct store *s, struct err *err)
{
	struct identity id;
	int r = identity_choose(USERNS_AUTO, &id, err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(members); i++)
		r = ns_remove_tree(&id, s->root, members[i], err);
	if (r < 0)
		return r;
	if (rmdir(s->path) < 0 && (errno == ENOTEMPTY || errno == EEXIST))
		log_notice("%s stays: it holds files that are not strake's", s->path);
	else if (access(s->path, F_OK) == 0)
		log_verbose("the empty directory %s stays", s->path);
	return 0;
}

static int run(const struct context *c, void *flags_, char **args, struct err *err)
{
	const struct reset_flags *flags = flags_;
	_cleanup_store_ struct store store = STORE_INIT;
	_cleanup_free_ char *path = NULL;
	_cleanup_fd_ int lease = -1;
	int r;

	(void)args;
	r = store_locate(c->store_path, &path, err);
	if (r < 0)
		return r;
	r = look(path, err);
	if (r == 0)
		log_notice("there is no store in %s", path);
	if (r <= 0)
		return r;
	if (!flags->force && (r = confirm(path, err)) < 0)
		return r;
	r = store_open(path, &store, err);
	if (r < 0)
		return r;
	lease = store_lease(&store, STORE_EXCLUSIVE, false, err);
	if (lease == -EAGAIN)
		return err_set(err, EAGAIN, "the store %s is in use by another strake", path);
	if (lease < 0)
		return lease;
	r = check_nothing_runs(&store, err);
	return r < 0 ? r : remove_members(&store, err);
}

const struct command command_reset = {
	.name = "reset",
	.summary = "Delete all images and containers",
	.usage = "",
	.options = options,
	.flags_size = sizeof(struct reset_flags),
	.run = run,
};
