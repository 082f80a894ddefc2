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

/* The arguments of `complete` that say what comes. */
static const char *values(enum complete complete)
{
	switch (complete) {
	case COMPLETE_FILE:
		return "-r -F";
	case COMPLETE_DIRECTORY:
		return "-x -a '(__fish_complete_directories)'";
	case COMPLETE_IMAGE:
		return "-x -a '(__strake_images)'";
	case COMPLETE_CONTAINER:
		return "-x -a '(__strake_containers)'";
	case COMPLETE_OBJECT:
		return "-x -a '(__strake_images; __strake_containers)'";
	case COMPLETE_COMMAND:
		return "-x -a '(__fish_complete_command)'";
	case COMPLETE_VERB:
	case COMPLETE_NONE:
	default:
		return "-x";
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
		} else if (option_takes_value(o)) {
			fprintf(out, " %s", values(o->complete));
		}
		fputs(" -d '", out);
		print_escaped(out, o->help);
		fputs("'\n", out);
	}
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
		if (commands[i]->max_args > 0 && commands[i]->complete != COMPLETE_NONE &&
		    commands[i]->complete != COMPLETE_VERB)
			fprintf(out, "complete -c strake -n '%s' %s\n", condition,
				values(commands[i]->complete));
	}
	fclose(out);
	return text;
}
