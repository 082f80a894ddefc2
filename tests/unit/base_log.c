/* log: levels, and text that is not trusted. */
#include "base.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>

static void log_all(void)
{
	log_error("e");
	log_warning("w");
	log_notice("n");
	log_verbose("v");
	log_debug("d");
}

START_TEST(levels)
{
	static const char *const expected[] = {
		"prog: e\n",
		"prog: e\nprog: warning: w\nn\n",
		"prog: e\nprog: warning: w\nn\nprog: v\n",
		"prog: e\nprog: warning: w\nn\nprog: v\nprog: debug: d\n",
	};

	log_set_name("prog");
	for (int level = LOG_QUIET; level <= LOG_DEBUG; level++) {
		_cleanup_free_ char *text = NULL;

		capture_begin();
		log_set_level((enum log_level)level);
		log_all();
		text = capture_end();
		ck_assert_int_eq((int)log_level(), level);
		ck_assert_str_eq(text, expected[level]);
	}
}
END_TEST

START_TEST(printable)
{
	static const char *const cases[][2] = {
		{"plain \xc3\xa4\xe2\x82\xac\xf0\x9f\x9a\xa2",
		 "plain \xc3\xa4\xe2\x82\xac\xf0\x9f\x9a\xa2"},
		{"\033[2J", "\\x1b[2J"},
		{"a\nstrake: b\r\t\x7f", "a\\x0astrake: b\\x0d\\x09\\x7f"},
		/* C1: as a character, and as a bare byte */
		{"\xc2\x9b"
		 "2J",
		 "\\xc2\\x9b2J"},
		{"\x9b"
		 "2J",
		 "\\x9b2J"},
		/* no UTF-8: cut short, overlong, a surrogate, beyond the last character */
		{"\xc3", "\\xc3"},
		{"\xe2\x82", "\\xe2\\x82"},
		{"\xc1\x9b", "\\xc1\\x9b"},
		{"\xe0\x82\x9b", "\\xe0\\x82\\x9b"},
		{"\xed\xa0\x80", "\\xed\\xa0\\x80"},
		{"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
		{"\xff\xfe", "\\xff\\xfe"},
		/* what turns the reading direction, and the line separator */
		{"\xe2\x80\xae"
		 "x",
		 "\\xe2\\x80\\xaex"},
		{"\xe2\x81\xa6", "\\xe2\\x81\\xa6"},
		{"\xe2\x80\xa8", "\\xe2\\x80\\xa8"},
		{"", ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_free_ char *out = log_printable(cases[i][0]);

		ck_assert_str_eq(out, cases[i][1]);
	}
}
END_TEST

START_TEST(hostile_text)
{
	_cleanup_free_ char *text = NULL;

	log_set_name("strake");
	capture_begin();
	errno = EXDEV;
	log_error("layer '%s'", "\033]0;title\a\nstrake: all is well");
	ck_assert_int_eq(errno, EXDEV);
	text = capture_end();
	ck_assert_str_eq(text, "strake: layer '\\x1b]0;title\\x07\\x0astrake: all is well'\n");
}
END_TEST

static char calls[32];

static void hide(void *arg)
{
	snprintf(calls + strlen(calls), sizeof(calls) - strlen(calls), "h%s", (char *)arg);
}

static void show(void *arg)
{
	snprintf(calls + strlen(calls), sizeof(calls) - strlen(calls), "s%s", (char *)arg);
}

START_TEST(display)
{
	char arg[] = "1";

	capture_begin();
	log_set_display(hide, show, arg);
	log_error("x");
	log_debug("not shown");
	log_set_display(NULL, NULL, NULL);
	log_error("y");
	free(capture_end());
	ck_assert_str_eq(calls, "h1s1");
}
END_TEST

TCase *base_log(void)
{
	TCase *tc = tmp_case("log");

	tcase_add_test(tc, levels);
	tcase_add_test(tc, printable);
	tcase_add_test(tc, hostile_text);
	tcase_add_test(tc, display);
	return tc;
}
