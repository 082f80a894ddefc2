/* options: the one description of a command's options. It drives parsing, --help, the option list
 * of the man page and shell completion (generate.h).
 *
 * The syntax is docker's: --name=value or --name value; -n value, -nvalue or -n=value; -it is -i
 * -t; a boolean takes a value only behind "=" (--rm=false); the last of several wins, except for
 * lists; "--" ends the options.
 */
#ifndef STRAKE_CMD_OPTIONS_H
#define STRAKE_CMD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

enum option_kind {
	OPTION_BOOL,   /* bool: true, or what is behind "=" */
	OPTION_NOT,    /* bool: false for a given "true": --tls-verify=false sets tls_no_verify */
	OPTION_COUNT,  /* int: how often */
	OPTION_STRING, /* const char *: borrowed from argv */
	OPTION_LIST,   /* char **: an owned strv, in order */
	OPTION_CALL,   /* set() */
};

enum complete {
	COMPLETE_NONE,
	COMPLETE_FILE,
	COMPLETE_DIRECTORY,
	COMPLETE_IMAGE,
	COMPLETE_CONTAINER,
	COMPLETE_OBJECT,  /* image or container */
	COMPLETE_COMMAND, /* a program of this machine and its arguments */
	COMPLETE_VERB,
};

struct option_spec {
	const char *name; /* long, without dashes; NULL ends a table */
	char letter;	  /* or 0 */
	enum option_kind kind;
	size_t offset;	   /* of the field in the command's flags */
	const char *value; /* what the value is called, "FILE"; NULL for those that take none */
	const char *words; /* "json|table": the only values allowed; or NULL */
	enum complete complete; /* of the value */
	const char *help;	/* one line, no full stop */
	/* OPTION_CALL: flags is the command's whole struct. The error gets the option's name in
	 * front. */
	int (*set)(void *flags, const char *text, struct err *err);
};

/* Sets the fields of `flags` from argv and moves what is no option to its front, NULL terminated;
 * *ret_n is their number. stop: the first such argument ends the options (run, unshare). Returns 0,
 * OPTIONS_HELP for --help (and -h where no option has that letter), or -EINVAL with a message that
 * names the option. */
#define OPTIONS_HELP 1
int options_parse(const struct option_spec *options, void *flags, bool stop, char **argv,
		  size_t *ret_n, struct err *err);

/* Frees the lists. */
void options_release(const struct option_spec *options, void *flags);

/* Whether it takes a value: then it has a `value`. */
bool option_takes_value(const struct option_spec *o);

/* "true" and "false" in the forms docker takes (strconv.ParseBool). Returns 0 or -EINVAL. */
int option_bool(const char *text, bool *ret);

/* Two columns: "  -e, --env KEY[=VALUE]   Set an environment variable". */
void options_print_help(const struct option_spec *options, FILE *out);

#endif
