#include <errno.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "cmd/command.h"

struct global_flags {
	const char *store;
	int verbosity;
	bool quiet, version;
};

#define AT(field) offsetof(struct global_flags, field)

const struct option_spec global_options[] = {
	{"quiet", 'q', OPTION_BOOL, AT(quiet), .help = "Show nothing but errors and results"},
	{"store", 0, OPTION_STRING, AT(store), .value = "DIR", .complete = COMPLETE_DIRECTORY,
	 .help = "Keep images and containers in DIR (default: $STRAKE_STORE)"},
	{"verbose", 'v', OPTION_COUNT, AT(verbosity),
	 .help = "Say what is chosen and why; twice: each step"},
	{"version", 0, OPTION_BOOL, AT(version), .help = "Show the version and exit"},
	{0},
};

void command_print_verbs(const struct verb *verbs, FILE *out)
{
	fputs("Usage: strake [OPTION...] COMMAND [ARG...]\n\n"
	      "Run, pull, store and push OCI containers as an ordinary user\n\nCommands:\n",
	      out);
	for (const struct verb *v = verbs; v->command || v->name; v++)
		fprintf(out, "  %-10s %s\n", v->command ? v->command->name : v->name,
			v->command ? v->command->summary : v->summary);
	fputs("\nOptions before the command:\n", out);
	options_print_help(global_options, out);
	fputs("\n'strake COMMAND --help' shows the options of a command.\n", out);
}

void command_print_help(const struct command *command, FILE *out)
{
	fprintf(out, "Usage: strake %s%s%s%s\n\n%s\n", command->name,
		command->options[0].name ? " [OPTION...]" : "", *command->usage ? " " : "",
		command->usage, command->summary);
	if (command->options[0].name) {
		fputs("\nOptions:\n", out);
		options_print_help(command->options, out);
	}
}

int command_exec(const char *program, char **argv, struct err *err)
{
	_cleanup_free_ char *path = path_join(proc_libexec(), program);

	execv(path, argv);
	err_sys(err, errno, "cannot run '%s'", path);
	return err_hint(err, "the environment variable STRAKE_LIBEXEC can name its directory");
}

static int check_args(const struct command *command, size_t n, struct err *err)
{
	if (n >= command->min_args && n <= command->max_args)
		return 0;
	return err_set(err, EINVAL, "%s: the arguments of '%s' are: %s",
		       n < command->min_args ? "an argument is missing" : "too many arguments",
		       command->name, *command->usage ? command->usage : "none");
}

static int run_command(const struct context *c, const struct command *command, char **args,
		       struct err *err)
{
	void *flags = xcalloc(1, command->flags_size ? command->flags_size : 1);
	size_t n = 0;
	int r;

	r = options_parse(command->options, flags, command->stop, args, &n, err);
	if (r == 0)
		r = check_args(command, n, err);
	if (r < 0)
		err_hint(err, "see 'strake %s --help'", command->name);
	else if (r == OPTIONS_HELP)
		command_print_help(command, stdout), r = 0;
	else
		r = command->run(c, flags, args, err);
	if (command->release)
		command->release(flags);
	options_release(command->options, flags);
	free(flags);
	return r;
}

static int run_verb(const struct context *c, struct err *err)
{
	const char *name = c->argv[c->verb_at];

	for (const struct verb *v = c->verbs; v->command || v->name; v++) {
		if (v->command && str_eq(v->command->name, name))
			return run_command(c, v->command, c->argv + c->verb_at + 1, err);
		if (!v->command && str_eq(v->name, name))
			return command_exec(v->program, c->argv, err);
	}
	return err_set(err, EINVAL, "'%s' is not a command; see 'strake help'", name);
}

/* The options before the verb. Returns 0 when a verb is to be run, 1 when all is done. */
static int parse_global(int argc, char **argv, struct context *c, struct err *err)
{
	/* a copy: the original goes on to a program that parses it again */
	_cleanup_free_ char **words = xmemdup(argv, ((size_t)argc + 1) * sizeof(*argv));
	struct global_flags flags = {0};
	size_t n = 0;
	int r;

	r = options_parse(global_options, &flags, true, words + 1, &n, err);
	if (r < 0)
		return err_hint(err, "see 'strake --help'"), r;
	c->store_path = flags.store;
	c->verbosity = flags.verbosity;
	c->quiet = flags.quiet;
	if (flags.quiet)
		log_set_level(LOG_QUIET);
	else if (flags.verbosity > 0)
		log_set_level(flags.verbosity > 1 ? LOG_DEBUG : LOG_VERBOSE);
	if (r == OPTIONS_HELP)
		command_print_verbs(c->verbs, stdout);
	else if (flags.version)
		puts("strake version " PACKAGE_VERSION);
	else if (n > 0)
		c->verb_at = (size_t)argc - n;
	else
		return err_set(err, EINVAL, "no command given; see 'strake --help'");
	return r == OPTIONS_HELP || flags.version;
}

/* Results that could not be written are a failure, whatever the verb says. */
static int finish_stdout(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	log_error("cannot write to the standard output: %s", strerror(errno));
	return status == 0 ? EXIT_STRAKE : status;
}

int command_main(int argc, char **argv, const struct verb *verbs)
{
	struct context c = {.verbs = verbs, .argv = argv};
	struct err err = ERR_INIT;
	int r;

	fd_guard_stdio();
	if (argc < 1)
		return EXIT_STRAKE;
	r = parse_global(argc, argv, &c, &err);
	if (r == 0)
		r = run_verb(&c, &err);
	else if (r > 0)
		r = 0;
	if (r < 0) {
		log_error("%s", err.msg);
		r = err.exit_status ? err.exit_status : EXIT_STRAKE;
	}
	return finish_stdout(r);
}
