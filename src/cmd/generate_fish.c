#include "cmd/generate.h"

#include "base/mem.h"
#include "base/str.h"

static void print_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
}

/* A command that prints what can come, or NULL. */
static const char *names(enum complete complete)
{
	switch (complete) {
	case COMPLETE_DIRECTORY:
		return "(__fish_complete_directories)";
	case COMPLETE_IMAGE:
		return "(__strake_images)";
	case COMPLETE_CONTAINER:
		return "(__strake_containers)";
	case COMPLETE_OBJECT:
		return "(__strake_images; __strake_containers)";
	case COMPLETE_COMMAND:
		return "(__fish_complete_command)";
	case COMPLETE_FILE:
	case COMPLETE_VERB:
	case COMPLETE_NONE:
	default:
		return NULL;
	}
}

static void print_options(FILE *out, const char *condition, const struct option_spec *options)
{
	for (const struct option_spec *o = options; o->name; o++) {
		fprintf(out, "complete -c strake -n '%s' -l %s", condition, o->name);
		if (o->letter)
			fprintf(out, " -s %c", o->letter);
		if (o->words) {
			_cleanup_free_ char *list = generate_words(o, " ");

			fprintf(out, " -x -a '%s'", list);
		} else if (option_takes_value(o) && names(o->complete)) {
			fprintf(out, " -x -a '%s'", names(o->complete));
		} else if (option_takes_value(o)) {
			fputs(o->complete == COMPLETE_FILE ? " -r -F" : " -x", out);
		}
		fputs(" -d '", out);
		print_escaped(out, o->help);
		fputs("'\n", out);
	}
}

static void print_arguments(FILE *out, const char *condition, const struct command *c)
{
	const char *list = names(c->complete);

	if (c->max_args > 0 && list)
		fprintf(out, "complete -c strake -n '%s' -f -a '%s'\n", condition, list);
	else if (c->max_args > 0 && c->complete == COMPLETE_FILE)
		fprintf(out, "complete -c strake -n '%s' -F\n", condition);
}

char *generate_fish(const struct command *const *commands)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = generate_begin(&text, &len);

	fprintf(out,
		"# fish completion for strake. Made from the option tables in src/cmd by `make "
		"regenerate`.\n\n"
		"function __strake_images\n\t%s\nend\nfunction __strake_containers\n\t%s\nend\n\n"
		"complete -c strake -f\n",
		GENERATE_IMAGES, GENERATE_CONTAINERS);
	print_options(out, "__fish_use_subcommand", global_options);
	for (size_t i = 0; commands[i]; i++) {
		fprintf(out, "complete -c strake -n '__fish_use_subcommand' -a %s -d '",
			commands[i]->name);
		print_escaped(out, commands[i]->summary);
		fputs("'\n", out);
	}
	for (size_t i = 0; commands[i]; i++) {
		_cleanup_free_ char *condition =
			xasprintf("__fish_seen_subcommand_from %s", commands[i]->name);

		print_options(out, condition, commands[i]->options);
		print_arguments(out, condition, commands[i]);
	}
	fclose(out);
	return text;
}
