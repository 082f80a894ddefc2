#include "cmd/generate.h"

#include "base/mem.h"
#include "base/str.h"

static const char kinds[][16] = {
	[COMPLETE_NONE] = "none",	    [COMPLETE_FILE] = "file",
	[COMPLETE_DIRECTORY] = "directory", [COMPLETE_IMAGE] = "image",
	[COMPLETE_CONTAINER] = "container", [COMPLETE_OBJECT] = "object",
	[COMPLETE_COMMAND] = "command",	    [COMPLETE_VERB] = "verb",
};

static void bash_options(FILE *out, const char *verb, const struct option_spec *options)
{
	if (!options[0].name)
		return;
	fprintf(out, "\t%s) echo '", *verb ? verb : "''");
	for (const struct option_spec *o = options; o->name; o++) {
		fprintf(out, "--%s ", o->name);
		if (o->letter)
			fprintf(out, "-%c ", o->letter);
	}
	fputs("--help' ;;\n", out);
}

static void bash_values(FILE *out, const char *verb, const struct option_spec *options)
{
	for (const struct option_spec *o = options; o->name; o++) {
		_cleanup_free_ char *words = o->words ? generate_words(o, " ") : NULL;

		if (!option_takes_value(o))
			continue;
		fputc('\t', out);
		if (o->letter)
			fprintf(out, "%s,-%c | ", verb, o->letter);
		fprintf(out, "%s,--%s) echo '%s%s' ;;\n", verb, o->name, words ? "words " : "",
			words ? words : kinds[o->complete]);
	}
}

static const char bash_tail[] =
	"_strake() {\n"
	"\tlocal cur prev words cword verb='' i kind\n"
	"\tif declare -F _get_comp_words_by_ref >/dev/null; then\n"
	"\t\t_get_comp_words_by_ref -n =: cur prev words cword\n"
	"\telse\n"
	"\t\tcur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
	"\t\twords=(\"${COMP_WORDS[@]}\") cword=$COMP_CWORD\n"
	"\tfi\n"
	"\tfor ((i = 1; i < cword; i++)); do\n"
	"\t\tif [[ ${words[i]} != -* ]]; then\n"
	"\t\t\tverb=${words[i]}\n"
	"\t\t\tbreak\n"
	"\t\telif [[ -n $(_strake_value ,\"${words[i]}\") ]]; then\n"
	"\t\t\t((i++))\n"
	"\t\tfi\n"
	"\tdone\n"
	"\tlocal typed=$cur\n"
	"\tif [[ $cur == --*=* ]]; then\n"
	"\t\tkind=$(_strake_value \"$verb,${cur%%=*}\")\n"
	"\t\tcur=${cur#*=}\n"
	"\telse\n"
	"\t\tkind=$(_strake_value \"$verb,$prev\")\n"
	"\tfi\n"
	"\tif [[ -z $kind && $cur == -* ]]; then\n"
	"\t\tkind=\"words $(_strake_options \"$verb\")\"\n"
	"\telif [[ -z $kind && -z $verb ]]; then\n"
	"\t\tkind=verb\n"
	"\telif [[ -z $kind ]]; then\n"
	"\t\tkind=$(_strake_arguments \"$verb\")\n"
	"\tfi\n"
	"\tcase $kind in\n"
	"\tfile) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
	"\tdirectory) mapfile -t COMPREPLY < <(compgen -d -- \"$cur\") ;;\n"
	"\tcommand) mapfile -t COMPREPLY < <(compgen -c -- \"$cur\") ;;\n"
	"\timage) mapfile -t COMPREPLY < <(compgen -W \"$(_strake_images)\" -- \"$cur\") ;;\n"
	"\tcontainer) mapfile -t COMPREPLY < <(compgen -W \"$(_strake_containers)\" -- \"$cur\") "
	";;\n"
	"\tobject)\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$(_strake_images) $(_strake_containers)\" -- "
	"\"$cur\")\n"
	"\t\t;;\n"
	"\tverb) mapfile -t COMPREPLY < <(compgen -W \"$_strake_verbs\" -- \"$cur\") ;;\n"
	"\twords\\ *) mapfile -t COMPREPLY < <(compgen -W \"${kind#words }\" -- \"$cur\") ;;\n"
	"\tesac\n"
	"\tif declare -F __ltrim_colon_completions >/dev/null && [[ $typed == \"$cur\" ]]; then\n"
	"\t\t__ltrim_colon_completions \"$cur\"\n"
	"\tfi\n"
	"}\n"
	"complete -o default -F _strake strake\n";

char *generate_bash(const struct command *const *commands)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = generate_begin(&text, &len);

	fputs("# bash completion for strake. Made from the option tables in src/cmd by "
	      "`make regenerate`.\n# shellcheck shell=bash\n\n_strake_verbs='",
	      out);
	for (size_t i = 0; commands[i]; i++)
		fprintf(out, "%s%s", i > 0 ? " " : "", commands[i]->name);
	fprintf(out, "'\n\n_strake_images() {\n\t%s\n}\n", GENERATE_IMAGES);
	fprintf(out, "_strake_containers() {\n\t%s\n}\n\n", GENERATE_CONTAINERS);

	fputs("# VERB: its options\n_strake_options() {\n\tcase $1 in\n", out);
	bash_options(out, "", global_options);
	for (size_t i = 0; commands[i]; i++)
		bash_options(out, commands[i]->name, commands[i]->options);
	fputs("\t*) echo '--help' ;;\n\tesac\n}\n\n"
	      "# VERB,OPTION: what its value is; nothing for an option that takes none\n"
	      "_strake_value() {\n\tcase $1 in\n",
	      out);
	bash_values(out, "", global_options);
	for (size_t i = 0; commands[i]; i++)
		bash_values(out, commands[i]->name, commands[i]->options);
	fputs("\tesac\n}\n\n# VERB: what its arguments are\n_strake_arguments() {\n\tcase $1 in\n",
	      out);
	for (size_t i = 0; commands[i]; i++)
		if (commands[i]->max_args > 0)
			fprintf(out, "\t%s) echo '%s' ;;\n", commands[i]->name,
				kinds[commands[i]->complete]);
	fprintf(out, "\tesac\n}\n\n%s", bash_tail);
	fclose(out);
	return text;
}
