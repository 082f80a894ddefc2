#include <errno.h>

#include "base/mem.h"
#include "base/str.h"
#include "cmd/command.h"

static const struct option_spec options[] = {{0}};

/* The help of a verb that lives elsewhere is printed by its program: PROGRAM VERB --help. */
static int help_elsewhere(const struct verb *v, struct err *err)
{
	_cleanup_free_ char *name = xstrdup(v->name);
	char program[] = "strake", help[] = "--help";
	char *argv[] = {program, name, help, NULL};

	return command_exec(v->program, argv, err);
}

static int run(const struct context *c, void *flags, char **args, struct err *err)
{
	(void)flags;
	if (!args[0]) {
		command_print_verbs(c->verbs, stdout);
		return 0;
	}
	for (const struct verb *v = c->verbs; v->command || v->name; v++) {
		if (v->command && str_eq(v->command->name, args[0])) {
			command_print_help(v->command, stdout);
			return 0;
		}
		if (!v->command && str_eq(v->name, args[0]))
			return help_elsewhere(v, err);
	}
	return err_set(err, EINVAL, "'%s' is not a command; see 'strake help'", args[0]);
}

const struct command command_help = {
	.name = "help",
	.summary = "Show the commands, or the options of one",
	.usage = "[COMMAND]",
	.options = options,
	.max_args = 1,
	.complete = COMPLETE_VERB,
	.run = run,
};
