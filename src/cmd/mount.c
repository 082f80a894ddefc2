#include <errno.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/common.h"
#include "cmd/image_obtain.h"
#include "cmd/table.h"
#include "container/image_mount.h"
#include "container/state.h"

struct mount_flags {
	const char *format, *upper;
	bool writable;
};

#define AT(field) offsetof(struct mount_flags, field)

static const struct option_spec options[] = {
	OPTION_FORMAT(AT(format)),
	{"rw", 0, OPTION_BOOL, AT(writable),
	 .help = "Let it be written to; that goes with the mount"},
	{"upper", 0, OPTION_STRING, AT(upper), .value = "UPPER", .complete = COMPLETE_DIRECTORY,
	 .help = "Let it be written to, and keep that in UPPER"},
	{0},
};

static const char *status_word(const struct container_state *c)
{
	return c->status == CONTAINER_EXITED ? "dead" : "mounted";
}

static void print_table(const struct container_list *list)
{
	static const char *const heads[] = {"IMAGE",  "MODE",	   "MOUNTED",
					    "STATUS", "DIRECTORY", NULL};
	_cleanup_table_ struct table table = TABLE_INIT;

	table_heads(&table, heads);
	for (size_t i = 0; i < list->n; i++) {
		const struct container_state *c = &list->items[i];

		table_add(&table, c->image_name);
		table_add(&table, c->upper ? "rw" : "ro");
		table_take(&table, age_text(c->created));
		table_add(&table, status_word(c));
		table_add(&table, c->mountpoint);
	}
	table_print(&table);
}

static void print_json_list(const struct container_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->n; i++) {
		const struct container_state *c = &list->items[i];
		json_t *object = json_object();

		json_object_set_new(object, "Created", json_integer(c->created));
		json_add_text(object, "Directory", c->mountpoint);
		json_add_text(object, "Image", c->image_name);
		json_add_text(object, "ImageID", c->image_id);
		json_object_set_new(object, "Pid", json_integer(c->pid));
		json_object_set_new(object, "ReadOnly", json_boolean(!c->upper));
		json_add_text(object, "Status", status_word(c));
		if (c->upper)
			json_add_text(object, "Upper", c->upper);
		json_array_append_new(array, object);
	}
	print_json(array);
}

static int list_mounts(const struct context *c, const struct mount_flags *flags, struct err *err)
{
	_cleanup_store_ struct store store = STORE_INIT;
	struct container_list list = {0};
	int r = command_open_store(c, &store, err);

	if (r == 0)
		r = container_list_mounts(&store, &list, err);
	if (r < 0)
		return r;
	if (format_is_json(flags->format))
		print_json_list(&list);
	else
		print_table(&list);
	container_list_release(&list);
	return 0;
}

static int run(const struct context *c, void *flags_, char **args, struct err *err)
{
	const struct mount_flags *flags = flags_;
	const struct image_wish wish = {.name = args[0], .local = true};
	_cleanup_store_ struct store store = STORE_INIT;
	_cleanup_image_ struct image image = {0};
	_cleanup_strv_ char **layers = NULL;
	_cleanup_free_ char *dir = NULL;
	_cleanup_fd_ int lease = -1;
	struct image_mount_request request = {
		.image_name = args[0],
		.writable = flags->writable || flags->upper,
		.upper = flags->upper,
	};
	int r;

	if (!args[0])
		return list_mounts(c, flags, err);
	if (!args[1])
		return err_set(err, EINVAL,
			       "the directory to mount on is missing; see 'strake mount --help'");
	request.dir = args[1];
	r = command_open_store_leased(c, &store, &lease, err);
	if (r == 0)
		r = image_obtain(c, &store, &wish, &image, &layers, err);
	if (r == 0)
		r = image_mount(&store, &image, layers, &request, steal_fd(&lease), &dir, err);
	if (r == 0)
		puts(dir);
	return r;
}

const struct command command_mount = {
	.name = "mount",
	.summary = "Mount an image on a directory, or list what is mounted",
	.usage = "[IMAGE DIR]",
	.options = options,
	.flags_size = sizeof(struct mount_flags),
	.min_args = 0,
	.max_args = 2,
	.complete = COMPLETE_IMAGE,
	.run = run,
};
