/* The tables themselves: what the engine, the help, the man pages and the completions take for
 * granted. */
#include "cmd_test.h"

#include <ctype.h>

#include "base/mem.h"
#include "base/str.h"

/* Both programs' tables of verbs, as they are. */
int strake_image_main(int argc, char **argv);
#define main strake_main
#define verbs verbs_of_strake
#include "../../src/main.c"
#undef main
#undef verbs
#define main strake_image_main
#define verbs verbs_of_image
#include "../../src/image_main.c"
#undef main
#undef verbs

const struct verb *const strake_verbs = verbs_of_strake;

const struct command *const all_commands[] = {
	&command_doctor,  &command_gc,	  &command_help,   &command_images, &command_import,
	&command_inspect, &command_login, &command_logout, &command_mount,  &command_ps,
	&command_pull,	  &command_push,  &command_reset,  &command_rm,	    &command_rmi,
	&command_run,	  &command_tag,	  &command_umount, &command_unpack, &command_unshare,
	&command_version, NULL,
};

static void check_line(const char *where, const char *what, const char *text)
{
	ck_assert_msg(!str_is_empty(text), "%s %s: no text", where, what);
	ck_assert_msg(strlen(text) < 90, "%s %s: too long", where, what);
	ck_assert_msg(!str_ends(text, "."), "%s %s: ends in a full stop", where, what);
	ck_assert_msg(!strchr(text, '\n'), "%s %s: has two lines", where, what);
}

static void check_value(const char *where, const struct option_spec *o)
{
	if (!option_takes_value(o)) {
		ck_assert_msg(!o->value && !o->words, "%s --%s: a switch with a value", where,
			      o->name);
		return;
	}
	ck_assert_msg(!str_is_empty(o->value), "%s --%s: its value has no name", where, o->name);
	ck_assert_msg((o->kind == OPTION_CALL) == (o->set != NULL), "%s --%s: set()", where,
		      o->name);
	if (o->words) {
		_cleanup_strv_ char **words = strv_split(o->words, '|');

		ck_assert_msg(strv_len(words) >= 1, "%s --%s", where, o->name);
		for (size_t i = 0; words[i]; i++)
			ck_assert_msg(*words[i], "%s --%s: an empty word", where, o->name);
	}
}

static void check_options(const char *where, const struct option_spec *options, size_t flags_size)
{
	bool letters[256] = {false};

	for (const struct option_spec *o = options; o->name; o++) {
		ck_assert_msg(o == options || strcmp(o[-1].name, o->name) < 0,
			      "%s: --%s is not in the order of names, or twice there", where,
			      o->name);
		for (const char *s = o->name; *s; s++)
			ck_assert_msg(islower(*s) || (*s == '-' && s > o->name), "%s --%s: letters",
				      where, o->name);
		ck_assert_msg(!str_eq(o->name, "help"), "%s: --help is the engine's", where);
		if (o->letter) {
			ck_assert_msg(isalpha(o->letter), "%s --%s: -%c", where, o->name,
				      o->letter);
			ck_assert_msg(!letters[(unsigned char)o->letter], "%s: -%c twice", where,
				      o->letter);
			letters[(unsigned char)o->letter] = true;
		}
		ck_assert_msg(o->kind == OPTION_CALL || o->offset < flags_size,
			      "%s --%s: its field is outside the flags", where, o->name);
		check_line(where, o->name, o->help);
		check_value(where, o);
	}
}

START_TEST(options_are_sound)
{
	check_options("strake", global_options, (size_t)-1);
	for (size_t i = 0; all_commands[i]; i++)
		check_options(all_commands[i]->name, all_commands[i]->options,
			      all_commands[i]->flags_size);
}
END_TEST

START_TEST(commands_are_sound)
{
	for (size_t i = 0; all_commands[i]; i++) {
		const struct command *c = all_commands[i];

		ck_assert_msg(i == 0 || strcmp(all_commands[i - 1]->name, c->name) < 0,
			      "%s is not in the order of names", c->name);
		check_line(c->name, "summary", c->summary);
		ck_assert_msg(isupper(*c->summary), "%s: the summary begins small", c->name);
		ck_assert_msg(c->min_args <= c->max_args, "%s: arguments", c->name);
		ck_assert_msg((c->max_args == 0) == str_is_empty(c->usage), "%s: usage", c->name);
		ck_assert_ptr_nonnull(c->run);
	}
}
END_TEST

static const struct command *find_in(const struct verb *table, const char *name)
{
	for (const struct verb *v = table; v->command || v->name; v++)
		if (v->command && str_eq(v->command->name, name))
			return v->command;
	return NULL;
}

/* Each verb is in strake's table, in order; those that live elsewhere are there, with the same
 * summary. */
START_TEST(every_verb_has_its_place)
{
	size_t i = 0, elsewhere = 0;

	for (const struct verb *v = verbs_of_strake; v->command || v->name; v++, i++) {
		const struct command *c = v->command;

		if (!c) {
			c = find_in(verbs_of_image, v->name);
			ck_assert_msg(c != NULL, "strake-image has no '%s'", v->name);
			ck_assert_str_eq(v->program, "strake-image");
			ck_assert_str_eq(v->summary, c->summary);
			elsewhere++;
		}
		ck_assert_ptr_eq(c, all_commands[i]);
	}
	ck_assert_ptr_null(all_commands[i]);
	i = 0;
	for (const struct verb *v = verbs_of_image; v->command || v->name; v++)
		i++;
	ck_assert_uint_eq(i, elsewhere);
}
END_TEST

/* What docker users type for `run` (issue: the commands and their flags). */
START_TEST(run_has_its_flags)
{
	static const char *const names[] = {
		"dry-run",     "entrypoint", "env",    "env-file",     "hostname",
		"interactive", "mount",	     "name",   "overlay",      "platform",
		"pull",	       "read-only",  "rm",     "security-opt", "tmpfs",
		"tty",	       "user",	     "userns", "volume",       "workdir",
	};
	static const char letters[] = "eituvwh";

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct option_spec *o = command_run.options;

		while (o->name && !str_eq(o->name, names[i]))
			o++;
		ck_assert_msg(o->name != NULL, "run has no --%s", names[i]);
	}
	for (const char *s = letters; *s; s++) {
		const struct option_spec *o = command_run.options;

		while (o->name && o->letter != *s)
			o++;
		ck_assert_msg(o->name != NULL, "run has no -%c", *s);
	}
}
END_TEST

TCase *cmd_tables_case(void)
{
	TCase *tc = tcase_create("tables");

	tcase_add_test(tc, options_are_sound);
	tcase_add_test(tc, commands_are_sound);
	tcase_add_test(tc, every_verb_has_its_place);
	tcase_add_test(tc, run_has_its_flags);
	return tc;
}
