/* The frame: from argv to the exit status, as main() runs it, in a child each. */
#include "cmd_test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"

static char out[8192];

/* Runs strake's main() in a child with both outputs in `out`, or stdout on the file `to`. Returns
 * the exit status. */
static int strake(const char *to, const char *const *words)
{
	FILE *file = tmpfile();
	char *argv[16] = {NULL};
	int argc = 0, status;
	ssize_t n;
	pid_t pid;

	for (; words[argc]; argc++)
		argv[argc] = (char *)words[argc];
	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		int fd = to ? open(to, O_WRONLY | O_CLOEXEC) : fileno(file);

		if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fileno(file), STDERR_FILENO) < 0)
			_exit(99);
		_exit(strake_main(argc, argv));
	}
	status = proc_wait(pid);
	n = pread(fileno(file), out, sizeof(out) - 1, 0);
	out[n > 0 ? n : 0] = '\0';
	fclose(file);
	return status;
}

#define STRAKE(...) strake(NULL, (const char *const[]){"strake", __VA_ARGS__, NULL})

/* One line on stderr that begins with the program's name and holds the word. */
static void complains(int status, const char *word)
{
	ck_assert_int_eq(status, EXIT_STRAKE);
	ck_assert_msg(str_starts(out, "strake: ") && strstr(out, word), "'%s' lacks '%s'", out,
		      word);
	ck_assert_ptr_eq(strchr(out, '\n'), out + strlen(out) - 1);
}

START_TEST(global_options_work)
{
	ck_assert_int_eq(STRAKE("--version"), 0);
	ck_assert(str_starts(out, "strake version "));
	ck_assert_int_eq(STRAKE("--help"), 0);
	ck_assert_ptr_nonnull(strstr(out, "\n  pull "));
	ck_assert_int_eq(STRAKE("-h"), 0);
	ck_assert_int_eq(STRAKE("-vv", "--store", "/nowhere", "version"), 0);
	ck_assert_int_eq(STRAKE("--", "version"), 0);
	complains(STRAKE("--store"), "'--store' needs a value; see 'strake --help'");
	complains(STRAKE("--nonsense", "version"), "'--nonsense'");
	complains(STRAKE("-q"), "no command");
	complains(strake(NULL, (const char *const[]){"strake", NULL}), "no command");
	complains(STRAKE(""), "'' is not a command");
	complains(STRAKE("nonsense", "--help"), "'nonsense' is not a command");
	complains(STRAKE("vers"), "'vers' is not a command"); /* no abbreviations */
	complains(STRAKE("nonsense\x1b[2J"), "nonsense\\x1b[2J");
}
END_TEST

START_TEST(an_empty_argv_is_refused)
{
	ck_assert_int_eq(strake(NULL, (const char *const[]){NULL}), EXIT_STRAKE);
}
END_TEST

START_TEST(arguments_are_counted)
{
	complains(STRAKE("tag", "one"), "IMAGE NAME[:TAG]; see 'strake tag --help'");
	complains(STRAKE("tag", "one", "two", "three"), "too many");
	complains(STRAKE("ps", "x"), "too many arguments: the arguments of 'ps' are: none");
	complains(STRAKE("run", "--rm"), "IMAGE [COMMAND [ARG...]]");
	complains(STRAKE("run", "--rm", "--nonsense", "x"), "; see 'strake run --help'");
	complains(STRAKE("images", "--format", "yaml"), "json|table");
}
END_TEST

START_TEST(help_of_a_command)
{
	_cleanup_free_ char *first = NULL;

	ck_assert_int_eq(STRAKE("help", "run"), 0);
	first = xstrdup(out);
	ck_assert(str_starts(first, "Usage: strake run [OPTION...] IMAGE [COMMAND [ARG...]]\n"));
	ck_assert_ptr_nonnull(strstr(first, "\n  -e, --env KEY[=VALUE] "));
	ck_assert_ptr_nonnull(strstr(first, "\n      --env-file FILE "));
	ck_assert_int_eq(STRAKE("run", "--rm", "--help", "--nonsense"), 0);
	ck_assert_str_eq(out, first);
	ck_assert_int_eq(STRAKE("help"), 0);
	complains(STRAKE("help", "nonsense"), "'nonsense' is not a command");
	complains(STRAKE("help", "a", "b"), "too many");
}
END_TEST

/* What could not be printed is no success. */
START_TEST(a_full_disk_is_noticed)
{
	ck_assert_int_eq(strake("/dev/full", (const char *const[]){"strake", "help", NULL}),
			 EXIT_STRAKE);
	ck_assert_ptr_nonnull(strstr(out, "cannot write to the standard output: No space left"));
}
END_TEST

/* A verb that lives elsewhere gets all arguments as they came, the options before it too. */
START_TEST(other_programs_get_everything)
{
	static const char script[] = "#!/bin/sh\nfor i; do printf '<%s>' \"$i\"; done\nexit 42\n";
	char dir[] = "/tmp/strake-cmd.XXXXXX";
	_cleanup_free_ char *program = NULL;
	_cleanup_fd_ int fd = -1;
	int r;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	program = xasprintf("%s/strake-image", dir);
	setenv("STRAKE_LIBEXEC", dir, 1);

	complains(STRAKE("pull", "x"), program);
	ck_assert_ptr_nonnull(strstr(out, "No such file"));
	ck_assert_ptr_nonnull(strstr(out, "STRAKE_LIBEXEC"));

	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = fd_write_file_atomic(fd, "strake-image", script, strlen(script), 0755, NULL);
	ck_assert_int_eq(r, 0);
	ck_assert_int_eq(STRAKE("--store", "a b", "-v", "pull", "--nonsense", "", "x", "--"), 42);
	ck_assert_str_eq(out, "<--store><a b><-v><pull><--nonsense><><x><-->");
	ck_assert_int_eq(STRAKE("--", "push", "--help"), 42);
	ck_assert_str_eq(out, "<--><push><--help>");
	ck_assert_int_eq(STRAKE("-v", "help", "login"), 42);
	ck_assert_str_eq(out, "<login><--help>");
	unlink(program);
	rmdir(dir);
}
END_TEST

TCase *cmd_main_case(void)
{
	TCase *tc = tcase_create("main");

	tcase_add_test(tc, global_options_work);
	tcase_add_test(tc, an_empty_argv_is_refused);
	tcase_add_test(tc, arguments_are_counted);
	tcase_add_test(tc, help_of_a_command);
	tcase_add_test(tc, a_full_disk_is_noticed);
	tcase_add_test(tc, other_programs_get_everything);
	return tc;
}
