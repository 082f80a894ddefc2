#include "cmd/generate.h"

#include "base/mem.h"
#include "base/str.h"

/* Text within single quotes; what `escaped` lists gets a backslash. */
static void print_quoted(FILE *out, const char *text, const char *escaped)
{
	for (; *text; text++) {
		if (*text == '\'') {
			fputs("'\\''", out);
			continue;
		}
		if (strchr(escaped, *text))
			fputc('\\', out);
		fputc(*text, out);
	}
}

static const char *zsh_action(enum complete complete)
{
	switch (complete) {
	case COMPLETE_FILE:
		return "_files";
	case COMPLETE_DIRECTORY:
		return "_files -/";
	case COMPLETE_IMAGE:
		return "_strake_images";
	case COMPLETE_CONTAINER:
		return "_strake_containers";
	case COMPLETE_OBJECT:
		return "_strake_objects";
	case COMPLETE_COMMAND:
		return "_normal -P";
	case COMPLETE_VERB:
		return "_strake_verbs";
	case COMPLETE_NONE:
	default:
		return "";
	}
}

static void zsh_option(FILE *out, const struct option_spec *o)
{
	_cleanup_free_ char *words = o->words ? generate_words(o, " ") : NULL;
	const char *equals = option_takes_value(o) ? "=" : "";
	bool repeats = o->kind == OPTION_LIST || o->kind == OPTION_CALL || o->kind == OPTION_COUNT;

	fputs(" \\\n\t\t\t'", out);
	if (repeats)
		fputc('*', out);
	else if (o->letter)
		fprintf(out, "(-%c --%s)", o->letter, o->name);
	if (o->letter)
		fprintf(out, "'{-%c,--%s%s}'[", o->letter, o->name, equals);
	else
		fprintf(out, "--%s%s[", o->name, equals);
	print_quoted(out, o->help, "[]\\");
	fputc(']', out);
	if (option_takes_value(o)) {
		fputc(':', out);
		print_quoted(out, o->value, ":\\");
		if (words)
			fprintf(out, ":(%s)", words);
		else
			fprintf(out, ":%s", zsh_action(o->complete));
	}
	fputc('\'', out);
}

static void zsh_verb(FILE *out, const struct command *c)
{
	fprintf(out, "\t%s)\n\t\t_arguments -s %s", c->name, c->stop ? "-A '-*'" : "-S");
	for (const struct option_spec *o = c->options; o->name; o++)
		zsh_option(out, o);
	fputs(" \\\n\t\t\t'--help[Show the options]'", out);
	if (c->max_args > 0 && c->stop && c->complete == COMPLETE_IMAGE)
		fprintf(out, " \\\n\t\t\t'1:argument:%s' '*:argument:_files'",
			zsh_action(c->complete));
	else if (c->max_args > 0)
		fprintf(out, " \\\n\t\t\t'*:argument:%s'", zsh_action(c->complete));
	fputs("\n\t\t;;\n", out);
}

char *generate_zsh(const struct command *const *commands)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = generate_begin(&text, &len);

	fputs("#compdef strake\n# zsh completion for strake. Made from the option tables in "
	      "src/cmd by "
	      "`make regenerate`.\n\n",
	      out);
	fprintf(out,
		"_strake_images() {\n\tlocal -a names\n\tnames=(${(f)\"$(%s)\"})\n\tcompadd -a "
		"names\n}\n",
		GENERATE_IMAGES);
	fprintf(out,
		"_strake_containers() {\n\tlocal -a names\n\tnames=(${(f)\"$(%s)\"})\n\tcompadd -a "
		"names\n}\n",
		GENERATE_CONTAINERS);
	fputs("_strake_objects() {\n\t_strake_images\n\t_strake_containers\n}\n"
	      "_strake_verbs() {\n\tlocal -a verbs\n\tverbs=(\n",
	      out);
	for (size_t i = 0; commands[i]; i++) {
		fprintf(out, "\t\t'%s:", commands[i]->name);
		print_quoted(out, commands[i]->summary, ":\\");
		fputs("'\n", out);
	}
	fputs("\t)\n\t_describe command verbs\n}\n\n_strake() {\n"
	      "\tlocal curcontext=$curcontext state line\n\t_arguments -C -s -A '-*'",
	      out);
	for (const struct option_spec *o = global_options; o->name; o++)
		zsh_option(out, o);
	fputs(" \\\n\t\t\t'--help[Show the commands]' \\\n\t\t\t'1:command:_strake_verbs' \\\n"
	      "\t\t\t'*::argument:->verb'\n\t[[ $state == verb ]] || return\n\tcase $words[1] in\n",
	      out);
	for (size_t i = 0; commands[i]; i++)
		zsh_verb(out, commands[i]);
	fputs("\tesac\n}\n\n_strake \"$@\"\n", out);
	fclose(out);
	return text;
}
