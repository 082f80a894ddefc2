/* What is made from the tables agrees with them: the man pages' option lists and the completions.
 * With STRAKE_REGENERATE=1 in the environment (`make regenerate`) the files are rewritten instead.
 */
#include "cmd_test.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/generate.h"

#define BEGIN ".\\\" options: made by `make regenerate`\n"
#define END ".\\\" end of options\n"
#define MAX_FILE (1024 * 1024)

static char *source_path(const char *name)
{
	const char *srcdir = getenv("srcdir");

	return xasprintf("%s/%s", srcdir ? srcdir : ".", name);
}

static char *read_source(const char *name)
{
	_cleanup_free_ char *path = source_path(name);
	struct err err = ERR_INIT;
	char *text = NULL;

	ck_assert_msg(fd_read_file(AT_FDCWD, path, MAX_FILE, &text, NULL, &err) == 0, "%s",
		      err.msg);
	return text;
}

static bool regenerating(void)
{
	return str_eq(getenv("STRAKE_REGENERATE"), "1");
}

static void write_source(const char *name, const char *text)
{
	_cleanup_free_ char *path = source_path(name);
	FILE *file = fopen(path, "we");

	ck_assert_msg(file != NULL, "cannot write %s", path);
	fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
}

static void check_file(const char *name, char *(*make)(const struct command *const *))
{
	_cleanup_free_ char *want = make(all_commands);
	_cleanup_free_ char *have = NULL;

	if (regenerating()) {
		write_source(name, want);
		return;
	}
	have = read_source(name);
	ck_assert_msg(strcmp(have, want) == 0, "%s is not what the tables say: make regenerate",
		      name);
}

START_TEST(completions)
{
	check_file("contrib/completions/strake.bash", generate_bash);
	check_file("contrib/completions/_strake", generate_zsh);
	check_file("contrib/completions/strake.fish", generate_fish);
}
END_TEST

static void check_man(const char *page, const struct option_spec *options)
{
	_cleanup_free_ char *want = generate_man_options(options);
	_cleanup_free_ char *have = read_source(page), *fresh = NULL;
	char *begin = strstr(have, BEGIN), *end = strstr(have, END);

	if (!*want) {
		ck_assert_msg(!begin, "%s: the command has no options", page);
		return;
	}
	ck_assert_msg(begin && end > begin, "%s: the two marks are missing", page);
	begin += strlen(BEGIN);
	if (regenerating()) {
		fresh = xasprintf("%.*s%s%s", (int)(begin - have), have, want, end);
		write_source(page, fresh);
		return;
	}
	ck_assert_msg((size_t)(end - begin) == strlen(want) &&
			      memcmp(begin, want, strlen(want)) == 0,
		      "%s: the options are not what the table says: make regenerate", page);
}

START_TEST(man_pages)
{
	check_man("doc/man/strake.1", global_options);
	for (size_t i = 0; all_commands[i]; i++) {
		_cleanup_free_ char *page = xasprintf("doc/man/strake-%s.1", all_commands[i]->name);

		check_man(page, all_commands[i]->options);
	}
}
END_TEST

/* The overview names every command and refers to its page. */
START_TEST(overview)
{
	_cleanup_free_ char *text = read_source("doc/man/strake.1");

	for (size_t i = 0; all_commands[i]; i++) {
		_cleanup_free_ char *item =
			xasprintf(".It Xr strake-%s 1\n%s.\n", all_commands[i]->name,
				  all_commands[i]->summary);

		ck_assert_msg(strstr(text, item) != NULL, "strake.1 lacks:\n%s", item);
	}
}
END_TEST

START_TEST(makes_what_it_should)
{
	static const struct option_spec options[] = {
		{"all", 'a', OPTION_BOOL, .help = "Show 'all' of it: [x]"},
		{"pull", 0, OPTION_STRING, .value = "WHEN", .words = "a|b",
		 .help = "It's when. Not where"},
		{0},
	};
	static const struct command one = {
		.name = "one",
		.summary = "Do",
		.usage = "X",
		.options = options,
		.max_args = 1,
		.complete = COMPLETE_IMAGE,
	};
	const struct command *const commands[] = {&one, NULL};
	_cleanup_free_ char *man = generate_man_options(options);
	_cleanup_free_ char *bash = generate_bash(commands), *zsh = generate_zsh(commands);
	_cleanup_free_ char *fish = generate_fish(commands);

	ck_assert_str_eq(man, ".Bl -tag -width Ds\n.It Fl a , Fl -all\nShow 'all' of it: [x].\n"
			      ".It Fl -pull Ar WHEN\nIt's when.\nNot where.\nOne of a, b.\n.El\n");
	ck_assert_ptr_nonnull(strstr(bash, "\tone) echo '--all -a --pull --help' ;;\n"));
	ck_assert_ptr_nonnull(strstr(bash, "\tone,--pull) echo 'words a b' ;;\n"));
	ck_assert_ptr_null(strstr(bash, "one,--all"));
	ck_assert_ptr_nonnull(
		strstr(zsh, "'(-a --all)'{-a,--all}'[Show '\\''all'\\'' of it: \\[x\\]]'"));
	ck_assert_ptr_nonnull(strstr(zsh, "'--pull=[It'\\''s when. Not where]:WHEN:(a b)'"));
	ck_assert_ptr_nonnull(strstr(fish, "-l all -s a -d 'Show \\'all\\' of it: [x]'\n"));
	ck_assert_ptr_nonnull(strstr(fish, "-l pull -x -a 'a b' -d 'It\\'s when. Not where'\n"));
}
END_TEST

TCase *cmd_generated_case(void)
{
	TCase *tc = tcase_create("generated");

	tcase_add_test(tc, completions);
	tcase_add_test(tc, man_pages);
	tcase_add_test(tc, overview);
	tcase_add_test(tc, makes_what_it_should);
	return tc;
}
