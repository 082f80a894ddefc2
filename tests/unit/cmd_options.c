/* The option engine: every syntax, and argument vectors that nobody would type. */
#include "cmd_test.h"

#include <errno.h>

#include "base/mem.h"
#include "base/str.h"

struct flags {
	bool it, tty, verify_off;
	int count;
	const char *name, *word;
	char **env, **called;
};

static int set_called(void *flags, const char *text, struct err *err)
{
	struct flags *f = flags;

	if (str_eq(text, "bad"))
		return err_set(err, EINVAL, "'%s' is bad", text);
	strv_add(&f->called, text);
	return 0;
}

#define AT(field) offsetof(struct flags, field)

static const struct option_spec options[] = {
	{"call", 'c', OPTION_CALL, 0, .value = "X", .set = set_called},
	{"count", 'v', OPTION_COUNT, AT(count), .help = "x"},
	{"env", 'e', OPTION_LIST, AT(env), .value = "KEY"},
	{"interactive", 'i', OPTION_BOOL, AT(it), .help = "x"},
	{"name", 'n', OPTION_STRING, AT(name), .value = "NAME"},
	{"tls-verify", 0, OPTION_NOT, AT(verify_off), .help = "x"},
	{"tty", 't', OPTION_BOOL, AT(tty), .help = "x"},
	{"word", 'w', OPTION_STRING, AT(word), .value = "W", .words = "always|missing|never"},
	{0},
};

static struct flags flags;
static struct err err;
static char *args[16];
static size_t n_args;

static void leave(void)
{
	options_release(options, &flags);
	strv_free(flags.called);
	flags = (struct flags){0};
}

static int parse(bool stop, const char *const *words)
{
	size_t n = 0;

	leave();
	err = (struct err)ERR_INIT;
	for (; words[n]; n++)
		args[n] = (char *)words[n];
	args[n] = NULL;
	return options_parse(options, &flags, stop, args, &n_args, &err);
}

#define PARSE(...) parse(false, (const char *const[]){__VA_ARGS__, NULL})
#define PARSE_STOP(...) parse(true, (const char *const[]){__VA_ARGS__, NULL})

/* The message names all of the words. */
static void fails(int r, const char *a, const char *b)
{
	ck_assert_int_eq(r, -EINVAL);
	ck_assert_msg(strstr(err.msg, a) && strstr(err.msg, b), "'%s' lacks '%s' or '%s'", err.msg,
		      a, b);
}

START_TEST(values)
{
	static const char *const forms[][3] = {
		{"--name", "x=y", NULL}, {"--name=x=y", NULL}, {"-n", "x=y", NULL},
		{"-nx=y", NULL},	 {"-n=x=y", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		ck_assert_int_eq(parse(false, forms[i]), 0);
		ck_assert_str_eq(flags.name, "x=y");
		ck_assert_uint_eq(n_args, 0);
	}
	ck_assert_int_eq(PARSE("--name="), 0);
	ck_assert_str_eq(flags.name, "");
	ck_assert_int_eq(PARSE("--name", ""), 0);
	ck_assert_str_eq(flags.name, "");
	ck_assert_int_eq(PARSE("--name", "--tty"), 0); /* a value may look like an option */
	ck_assert_str_eq(flags.name, "--tty");
	ck_assert(!flags.tty);
	ck_assert_int_eq(PARSE("--name", "--", "a"), 0);
	ck_assert_str_eq(flags.name, "--");
	ck_assert_int_eq(PARSE("--name=a", "-n", "b"), 0);
	ck_assert_str_eq(flags.name, "b");
}
END_TEST

START_TEST(switches)
{
	ck_assert_int_eq(PARSE("-it"), 0);
	ck_assert(flags.it && flags.tty);
	ck_assert_int_eq(PARSE("-i=false", "--tty=true"), 0);
	ck_assert(!flags.it && flags.tty);
	ck_assert_int_eq(PARSE("-it=false"), 0);
	ck_assert(flags.it && !flags.tty);
	ck_assert_int_eq(PARSE("--tty", "--tty=0"), 0);
	ck_assert(!flags.tty);
	ck_assert_int_eq(PARSE("--tty", "false"), 0); /* not a value: docker's rule */
	ck_assert(flags.tty);
	ck_assert_str_eq(args[0], "false");
	ck_assert_int_eq(PARSE("-tin", "x", "y"), 0); /* a bundle may end in one with a value */
	ck_assert(flags.it && flags.tty);
	ck_assert_str_eq(flags.name, "x");
	ck_assert_str_eq(args[0], "y");
	ck_assert_int_eq(PARSE("-ntx"), 0);
	ck_assert_str_eq(flags.name, "tx");
	ck_assert(!flags.tty);
}
END_TEST

START_TEST(inverse_and_count)
{
	ck_assert_int_eq(PARSE("--tls-verify=false"), 0);
	ck_assert(flags.verify_off);
	ck_assert_int_eq(PARSE("--tls-verify=false", "--tls-verify"), 0);
	ck_assert(!flags.verify_off);
	ck_assert_int_eq(PARSE("-vv", "--count"), 0);
	ck_assert_int_eq(flags.count, 3);
	ck_assert_int_eq(PARSE("-vv", "--count=false"), 0);
	ck_assert_int_eq(flags.count, 0);
}
END_TEST

START_TEST(lists_and_calls)
{
	_cleanup_free_ char *joined = NULL;

	ck_assert_int_eq(PARSE("-e", "A=1", "x", "--env=B", "-eC=", "-e="), 0);
	ck_assert_uint_eq(strv_len(flags.env), 4);
	ck_assert_str_eq(flags.env[0], "A=1");
	ck_assert_str_eq(flags.env[1], "B");
	ck_assert_str_eq(flags.env[2], "C=");
	ck_assert_str_eq(flags.env[3], "");
	ck_assert_int_eq(PARSE("-c", "1", "--call=2", "-c3"), 0);
	joined = strv_join(flags.called, ";");
	ck_assert_str_eq(joined, "1;2;3");
	fails(PARSE("--call=bad"), "--call", "'bad' is bad");
	leave();
}
END_TEST

START_TEST(arguments)
{
	ck_assert_int_eq(PARSE("a", "-t", "b", "-", "--name=n", "c"), 0);
	ck_assert_uint_eq(n_args, 4);
	ck_assert_str_eq(args[0], "a");
	ck_assert_str_eq(args[1], "b");
	ck_assert_str_eq(args[2], "-");
	ck_assert_str_eq(args[3], "c");
	ck_assert_ptr_null(args[4]);
	ck_assert(flags.tty);
	ck_assert_int_eq(PARSE("-t", "--", "-i", "--", "--nonsense"), 0);
	ck_assert_uint_eq(n_args, 3);
	ck_assert_str_eq(args[0], "-i");
	ck_assert_str_eq(args[1], "--");
	ck_assert_str_eq(args[2], "--nonsense");
	ck_assert(!flags.it);
	ck_assert_int_eq(parse(false, (const char *const[]){NULL}), 0);
	ck_assert_uint_eq(n_args, 0);
	ck_assert_int_eq(PARSE(""), 0);
	ck_assert_uint_eq(n_args, 1);
}
END_TEST

START_TEST(stops_at_the_first)
{
	ck_assert_int_eq(PARSE_STOP("-i", "image", "-t", "--nonsense", "--", "--help"), 0);
	ck_assert_uint_eq(n_args, 5);
	ck_assert(flags.it && !flags.tty);
	ck_assert_str_eq(args[0], "image");
	ck_assert_str_eq(args[3], "--");
	ck_assert_int_eq(PARSE_STOP("--", "-image", "-t"), 0);
	ck_assert_uint_eq(n_args, 2);
	ck_assert_str_eq(args[0], "-image");
	ck_assert(!flags.tty);
}
END_TEST

START_TEST(words)
{
	ck_assert_int_eq(PARSE("--word=missing"), 0);
	ck_assert_str_eq(flags.word, "missing");
	ck_assert_int_eq(PARSE("-w", "never"), 0);
	ck_assert_int_eq(PARSE("-walways"), 0);
	fails(PARSE("--word=sometimes"), "--word", "always|missing|never");
	fails(PARSE("--word=miss"), "'miss'", "--word");
	fails(PARSE("--word=missing|never"), "--word", "always");
	fails(PARSE("--word="), "--word", "always");
	ck_assert_ptr_null(flags.word);
}
END_TEST

START_TEST(help)
{
	ck_assert_int_eq(PARSE("--help"), OPTIONS_HELP);
	ck_assert_int_eq(PARSE("-h"), OPTIONS_HELP);
	ck_assert_int_eq(PARSE("-ith"), OPTIONS_HELP);
	ck_assert_int_eq(PARSE("a", "--help", "--nonsense"), OPTIONS_HELP);
	ck_assert_int_eq(PARSE("--name", "--help"), 0);
	ck_assert_int_eq(PARSE("--", "--help"), 0);
	ck_assert_int_eq(PARSE_STOP("a", "--help"), 0);
	fails(PARSE("--help=yes"), "--help", "unknown");
}
END_TEST

START_TEST(refusals)
{
	fails(PARSE("--nonsense"), "unknown option", "'--nonsense'");
	fails(PARSE("--nonsense=x"), "unknown option", "'--nonsense'");
	fails(PARSE("--nam=x"), "unknown option", "'--nam'"); /* no abbreviations */
	fails(PARSE("--names=x"), "unknown option", "'--names'");
	fails(PARSE("---name"), "unknown option", "'---name'");
	fails(PARSE("--=x"), "unknown option", "'--'");
	fails(PARSE("-x"), "unknown option", "'-x'");
	fails(PARSE("-itx"), "'-x'", "'-itx'");
	fails(PARSE("-it-"), "'--'", "'-it-'");
	fails(PARSE("-="), "'-='", "unknown");
	fails(PARSE("--name"), "'--name'", "needs a value");
	fails(PARSE("-n"), "'-n'", "needs a value");
	fails(PARSE("-itn"), "'-n'", "needs a value");
	fails(PARSE("--tty=maybe"), "--tty", "true or false");
	fails(PARSE("-t="), "--tty", "true or false");
	fails(PARSE("-tfalse"), "'-f'", "unknown");
	fails(PARSE("--\x1b[31m"), "unknown", "\x1b[31m"); /* log_error() makes it printable */
}
END_TEST

START_TEST(long_words)
{
	_cleanup_free_ char *word = xmalloc(100001);

	memset(word, 'a', 100000);
	word[100000] = '\0';
	word[0] = word[1] = '-';
	fails(PARSE(word), "unknown option", "--aaa");
	memset(word, 't', 100000);
	word[0] = '-';
	ck_assert_int_eq(PARSE(word), 0);
	ck_assert(flags.tty);
	word[1] = 'v';
	memset(word + 1, 'v', 99999);
	ck_assert_int_eq(PARSE(word), 0);
	ck_assert_int_eq(flags.count, 99999);
}
END_TEST

START_TEST(booleans)
{
	static const char *const neither[] = {"",  "yes", "no",	   "on",    "tRUE",
					      "2", "-1",  "true ", " true", "01"};
	bool b = false;

	ck_assert(option_bool("T", &b) == 0 && b);
	ck_assert(option_bool("False", &b) == 0 && !b);
	ck_assert(option_bool("1", &b) == 0 && b);
	ck_assert(option_bool("0", &b) == 0 && !b);
	for (size_t i = 0; i < ARRAY_SIZE(neither); i++)
		ck_assert_int_eq(option_bool(neither[i], &b), -EINVAL);
}
END_TEST

TCase *cmd_options_case(void)
{
	TCase *tc = tcase_create("options");

	tcase_add_test(tc, values);
	tcase_add_test(tc, switches);
	tcase_add_test(tc, inverse_and_count);
	tcase_add_test(tc, lists_and_calls);
	tcase_add_test(tc, arguments);
	tcase_add_test(tc, stops_at_the_first);
	tcase_add_test(tc, words);
	tcase_add_test(tc, help);
	tcase_add_test(tc, refusals);
	tcase_add_test(tc, long_words);
	tcase_add_test(tc, booleans);
	return tc;
}
