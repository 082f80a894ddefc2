/* command: what a verb is, and the frame that runs one.
 *
 * A file of this room holds one `struct command`: its option table, and run(), which turns the
 * parsed flags into one call of a lower room and prints the result. Two programs are made of them:
 * `strake` and libexec/strake/strake-image; each has a table of verbs in its main file.
 */
#ifndef STRAKE_CMD_COMMAND_H
#define STRAKE_CMD_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"
#include "cmd/options.h"

#define EXIT_STRAKE 125 /* strake itself failed (docker's code) */

struct command;

/* Where a verb lives: here (command) or in another program of the libexec directory, which is then
 * executed with the same arguments; in that case its summary is repeated here, for `strake help`.
 */
struct verb {
	const struct command *command;
	const char *name;
	const char *program;
	const char *summary;
};

/* What holds for every verb: the options before it. */
struct context {
	const char *store_path;	  /* --store or NULL */
	int verbosity;		  /* how many -v */
	bool quiet;		  /* -q */
	const struct verb *verbs; /* the table, ended by an empty entry */
	char **argv;		  /* of the process, for passing it on */
	size_t verb_at;		  /* where the verb is in it */
};

struct command {
	const char *name;
	const char *summary; /* "Run a command in a new container" */
	const char *usage;   /* behind the options: "IMAGE [COMMAND [ARG...]]" */
	const struct option_spec *options;
	size_t flags_size;	   /* bytes of the flags struct, zeroed before parsing */
	size_t min_args, max_args; /* what is left after the options; ARGS_ANY: no maximum */
	bool stop;		   /* the first argument ends the options */
	enum complete complete;	   /* of the arguments */
	/* args is a NULL terminated strv that belongs to argv. Returns the exit status or a
	 * negative errno (err filled), which ends in err->exit_status, else EXIT_STRAKE. */
	int (*run)(const struct context *c, void *flags, char **args, struct err *err);
	void (*release)(void *flags); /* frees what OPTION_CALL options made; may be NULL */
};

#define ARGS_ANY ((size_t)-1)

extern const struct option_spec global_options[];

/* Runs the verb that argv names; main()'s return value. */
int command_main(int argc, char **argv, const struct verb *verbs);

/* Replaces this process by `program` of the libexec directory. Only returns on failure. */
int command_exec(const char *program, char **argv, struct err *err);

/* What --help prints. */
void command_print_help(const struct command *command, FILE *out);
void command_print_verbs(const struct verb *verbs, FILE *out);

/* Every verb of both programs. */
extern const struct command command_doctor, command_gc, command_help, command_images,
	command_import, command_inspect, command_login, command_logout, command_mount, command_ps,
	command_pull, command_push, command_reset, command_rm, command_rmi, command_run,
	command_tag, command_umount, command_unpack, command_unshare, command_version;

#endif
