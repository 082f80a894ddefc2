/* generate: what is made from the option tables at development time and kept in the source tree:
 * the option lists of the man pages and the completions of three shells. tests/unit/cmd_generated.c
 * compares them with what is in the tree; `make regenerate` rewrites that. No installed program
 * contains this. */
#ifndef STRAKE_CMD_GENERATE_H
#define STRAKE_CMD_GENERATE_H

#include "cmd/command.h"

/* An mdoc list of the options, "" for a command without any. malloced. */
char *generate_man_options(const struct option_spec *options);

/* commands: in the order of their names, ended by NULL. malloced. */
char *generate_bash(const struct command *const *commands);
char *generate_zsh(const struct command *const *commands);
char *generate_fish(const struct command *const *commands);

/* Shared by the generators: a stream into *text, which is complete after fclose(); the words of an
 * option with `sep` between; and the shell commands that list the names of what there is. */
FILE *generate_begin(char **text, size_t *len);
char *generate_words(const struct option_spec *o, const char *sep);
#define GENERATE_IMAGES                                                                            \
	"strake images 2>/dev/null |\n"                                                            \
	"\t\tawk 'NR > 1 { print ($2 == \"<none>\" ? $3 : $1 \":\" $2) }'"
#define GENERATE_CONTAINERS "strake ps -a 2>/dev/null | awk 'NR > 1 { print $NF }'"

#endif
