#include "base/mem.h"
#include "base/str.h"
#include "cmd/common.h"
#include "cmd/container_view.h"
#include "cmd/table.h"
#include "container/state.h"

#define COMMAND_WIDTH 20 /* docker's, without the quotes */
#define SHORT_ID 12

struct ps_flags {
	const char *format;
	bool all, no_trunc, quiet;
};

#define AT(field) offsetof(struct ps_flags, field)

static const struct option_spec options[] = {
	{"all", 'a', OPTION_BOOL, AT(all), .help = "Show containers that ended, too"},
	OPTION_FORMAT(AT(format)),
	{"no-trunc", 0, OPTION_BOOL, AT(no_trunc), .help = "Show whole ids and commands"},
	{"quiet", 'q', OPTION_BOOL, AT(quiet), .help = "Show only the ids"},
	{0},
};

static bool shown(const struct ps_flags *flags, const struct container_state *c)
{
	return flags->all || c->status == CONTAINER_RUNNING;
}

static char *short_container_id(const struct container_state *c, bool whole)
{
	return xstrndup(c->id, whole ? sizeof(c->id) : SHORT_ID);
}

/* As docker shows it: arguments with blanks in quotes, all of it in others. */
static char *command_text(const struct container_state *c, bool whole)
{
	_cleanup_strv_ char **words = strv_copy(NULL);
	_cleanup_free_ char *joined = NULL, *cut = NULL;

	for (size_t i = 0; c->argv && c->argv[i]; i++)
		strv_take(&words, xasprintf(strchr(c->argv[i], ' ') ? "'%s'" : "%s", c->argv[i]));
	joined = strv_join(words, " ");
	cut = whole ? xstrdup(joined) : text_shorten(joined, COMMAND_WIDTH);
	return xasprintf("\"%s\"", cut);
}

static void print_table(const struct ps_flags *flags, const struct container_list *list)
{
	static const char *const heads[] = {"CONTAINER ID", "IMAGE", "COMMAND", "CREATED",
					    "STATUS",	    "NAMES", NULL};
	_cleanup_table_ struct table table = TABLE_INIT;

	table_heads(&table, heads);
	for (size_t i = 0; i < list->n; i++) {
		const struct container_state *c = &list->items[i];

		if (!shown(flags, c))
			continue;
		table_take(&table, short_container_id(c, flags->no_trunc));
		table_add(&table, c->image_name);
		table_take(&table, command_text(c, flags->no_trunc));
		table_take(&table, age_text(c->created));
		table_take(&table, container_status_text(c));
		table_add(&table, c->name);
	}
	table_print(&table);
}

static void print_json_list(const struct ps_flags *flags, const struct container_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->n; i++)
		if (shown(flags, &list->items[i]))
			json_array_append_new(array, container_ps_json(&list->items[i]));
	print_json(array);
}

static void print_ids(const struct ps_flags *flags, const struct container_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		_cleanup_free_ char *id = short_container_id(&list->items[i], flags->no_trunc);

		if (shown(flags, &list->items[i]))
			puts(id);
	}
}

static int run(const struct context *c, void *flags_, char **args, struct err *err)
{
	const struct ps_flags *flags = flags_;
	_cleanup_store_ struct store store = STORE_INIT;
	struct container_list list = {0};
	int r;

	(void)args;
	r = command_open_store(c, &store, err);
	if (r == 0)
		r = container_list(&store, &list, err);
	if (r < 0)
		return r;
	if (flags->quiet)
		print_ids(flags, &list);
	else if (format_is_json(flags->format))
		print_json_list(flags, &list);
	else
		print_table(flags, &list);
	container_list_release(&list);
	return 0;
}

const struct command command_ps = {
	.name = "ps",
	.summary = "List containers",
	.usage = "",
	.options = options,
	.flags_size = sizeof(struct ps_flags),
	.run = run,
};
