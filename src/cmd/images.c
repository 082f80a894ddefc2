#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/common.h"
#include "cmd/image_view.h"
#include "cmd/table.h"
#include "oci/reference.h"

struct images_flags {
	const char *format;
	bool digests, no_trunc, quiet;
};

#define AT(field) offsetof(struct images_flags, field)

static const struct option_spec options[] = {
	{"digests", 0, OPTION_BOOL, AT(digests),
	 .help = "Show the digest each name has in its registry"},
	OPTION_FORMAT(AT(format)),
	{"no-trunc", 0, OPTION_BOOL, AT(no_trunc), .help = "Show whole ids"},
	{"quiet", 'q', OPTION_BOOL, AT(quiet), .help = "Show only the ids"},
	{0},
};

struct row {
	const struct tag *tag;
	struct image image;
	int64_t created;
};

/* Whether `name` is what the argument asks for: a repository, or one name of it. */
static bool name_matches(const char *name, const struct reference *wanted)
{
	struct reference at_localhost;
	const struct reference *const candidates[] = {&at_localhost, wanted};
	_cleanup_free_ char *repository = NULL, *tag = NULL;

	name_split(name, &repository, &tag);
	reference_to_localhost(wanted, &at_localhost);
	for (size_t i = wanted->has_domain ? 1 : 0; i < ARRAY_SIZE(candidates); i++) {
		_cleanup_free_ char *full =
			xasprintf("%s/%s", candidates[i]->domain, candidates[i]->path);

		if (str_eq(repository, full) && (!wanted->has_tag || str_eq(tag, wanted->tag)))
			return true;
	}
	return false;
}

static int newest_first(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->created != y->created)
		return x->created < y->created ? 1 : -1;
	return strcmp(x->tag->name, y->tag->name);
}

/* One row for each tag whose image can be read; others get a warning. */
static size_t read_rows(struct store *s, const struct tags *tags, const struct reference *wanted,
			struct row *rows)
{
	size_t n = 0;

	for (size_t i = 0; i < tags->n; i++) {
		const struct tag *tag = &tags->tags[i];
		struct row *row = &rows[n];
		struct err err = ERR_INIT;

		if (wanted && !name_matches(tag->name, wanted))
			continue;
		if (image_load(s, tag, &row->image, &err) < 0) {
			log_warning("image '%s' is left out: %s", tag->name, err.msg);
			continue;
		}
		row->tag = tag;
		row->created = image_created(&row->image);
		n++;
	}
	if (n > 0)
		qsort(rows, n, sizeof(*rows), newest_first);
	return n;
}

/* Whether an earlier row shows the same image. */
static bool seen(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (digest_eq(&rows[i].tag->manifest.digest, &rows[n].tag->manifest.digest))
			return true;
	return false;
}

static json_t *row_json(const struct tags *tags, const struct row *row)
{
	const struct image *image = &row->image;
	json_t *object = json_object(), *labels;
	char time[32];

	json_add_text(object, "Id", image->manifest.config.digest.text);
	json_object_set_new(object, "RepoTags", image_repo_tags(tags, &row->tag->manifest.digest));
	json_object_set_new(object, "RepoDigests",
			    image_repo_digests(tags, &row->tag->manifest.digest));
	json_object_set_new(object, "Names", image_repo_tags(tags, &row->tag->manifest.digest));
	json_add_text(object, "Digest", row->tag->manifest.digest.text);
	json_object_set_new(object, "Created", json_integer(row->created));
	json_add_text(object, "CreatedAt", row->created ? str_time(row->created, time) : "");
	json_object_set_new(object, "Size", json_integer((json_int_t)image_size(image)));
	labels = json_object_get(json_object_get(image->config.json, "config"), "Labels");
	json_object_set(object, "Labels", json_is_object(labels) ? labels : json_null());
	return object;
}

static void print_rows_json(const struct tags *tags, const struct row *rows, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		if (!seen(rows, i))
			json_array_append_new(array, row_json(tags, &rows[i]));
	print_json(array);
}

static void print_rows_table(const struct images_flags *flags, const struct row *rows, size_t n)
{
	static const char *const plain[] = {"REPOSITORY", "TAG",  "IMAGE ID",
					    "CREATED",	  "SIZE", NULL};
	static const char *const digests[] = {"REPOSITORY", "TAG",  "DIGEST", "IMAGE ID",
					      "CREATED",    "SIZE", NULL};
	_cleanup_table_ struct table table = TABLE_INIT;

	table_heads(&table, flags->digests ? digests : plain);
	for (size_t i = 0; i < n; i++) {
		char *repository, *tag, size[16];

		name_split(rows[i].tag->name, &repository, &tag);
		table_take(&table, repository);
		table_take(&table, tag);
		if (flags->digests)
			table_add(&table, tag_repo_digest(rows[i].tag));
		table_take(&table, id_text(&rows[i].image.manifest.config.digest, flags->no_trunc));
		table_take(&table, age_text(rows[i].created));
		table_add(&table, str_size(image_size(&rows[i].image), size));
	}
	table_print(&table);
}

static void print_ids(const struct images_flags *flags, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *id =
			id_text(&rows[i].image.manifest.config.digest, flags->no_trunc);

		if (!seen(rows, i))
			puts(id);
	}
}

static int run(const struct context *c, void *flags_, char **args, struct err *err)
{
	const struct images_flags *flags = flags_;
	_cleanup_store_ struct store store = STORE_INIT;
	_cleanup_tags_ struct tags tags = {0};
	_cleanup_free_ struct row *rows = NULL;
	struct reference wanted;
	size_t n;
	int r;

	if (args[0] && (r = reference_parse(args[0], &wanted, err)) < 0)
		return r;
	r = command_open_store(c, &store, err);
	if (r == 0)
		r = tags_read(&store, &tags, err);
	if (r < 0)
		return r;
	rows = xcalloc(tags.n + 1, sizeof(*rows));
	n = read_rows(&store, &tags, args[0] ? &wanted : NULL, rows);
	if (flags->quiet)
		print_ids(flags, rows, n);
	else if (format_is_json(flags->format))
		print_rows_json(&tags, rows, n);
	else
		print_rows_table(flags, rows, n);
	for (size_t i = 0; i < n; i++)
		image_release(&rows[i].image);
	return 0;
}

const struct command command_images = {
	.name = "images",
	.summary = "List images",
	.usage = "[REPOSITORY[:TAG]]",
	.options = options,
	.flags_size = sizeof(struct images_flags),
	.max_args = 1,
	.complete = COMPLETE_IMAGE,
	.run = run,
};
