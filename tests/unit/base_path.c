/* path: text operations. */
#include "base.h"

#include "base/mem.h"
#include "base/path.h"

#include <limits.h>

START_TEST(cleaning)
{
	static const char *const cases[][2] = {
		{"/", "/"},
		{"//", "/"},
		{"", "."},
		{".", "."},
		{"./", "."},
		{"..", "."},
		{"../../a", "a"},
		{"/..", "/"},
		{"/../../a", "/a"},
		{"/a/../..", "/"},
		{"/a/./b//c/", "/a/b/c"},
		{"a/b/../c", "a/c"},
		{"a/..", "."},
		{"a/../../b", "b"},
		{"/a/b/c/../../d", "/a/d"},
		{"...", "..."},
		{"/..a/.b/c..", "/..a/.b/c.."},
		{"a/b/../../..", "."},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_free_ char *out = path_clean(cases[i][0]);

		ck_assert_str_eq(out, cases[i][1]);
	}
}
END_TEST

START_TEST(joining)
{
	static const char *const cases[][3] = {
		{"/a", "b", "/a/b"}, {"/a/", "b", "/a/b"},    {"/", "b", "/b"}, {"", "b", "b"},
		{"/a", "/b", "/b"},  {"a", "../b", "a/../b"}, {"a", "", "a/"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_free_ char *out = path_join(cases[i][0], cases[i][1]);

		ck_assert_str_eq(out, cases[i][2]);
	}
}
END_TEST

START_TEST(names_of_archives)
{
	static const char *const good[][2] = {
		{"a/b", "a/b"},	    {"./a/b", "a/b"},
		{"/a/b", "a/b"},    {"//a//b//", "a/b"},
		{"./", ""},	    {"/", ""},
		{"", ""},	    {".", ""},
		{"a/./b", "a/b"},   {"..a/b..", "..a/b.."},
		{"a/...", "a/..."}, {".wh.x", ".wh.x"},
	};
	static const char *const bad[] = {"..", "../a", "/..", "a/..", "a/../b", "./../a", "a//.."};
	char out[PATH_MAX];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert(path_from_archive(good[i][0], out, sizeof(out)));
		ck_assert_str_eq(out, good[i][1]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!path_from_archive(bad[i], out, sizeof(out)), "%s", bad[i]);
}
END_TEST

START_TEST(long_names_of_archives)
{
	char name[PATH_MAX + 8], out[PATH_MAX], small[4];

	memset(name, 'a', sizeof(name));
	for (size_t i = 100; i < sizeof(name); i += 100)
		name[i] = '/';
	name[PATH_MAX - 1] = '\0';
	ck_assert(path_from_archive(name, out, sizeof(out)));
	ck_assert_str_eq(out, name);
	name[PATH_MAX - 1] = 'a';
	name[PATH_MAX] = '\0';
	ck_assert(!path_from_archive(name, out, sizeof(out)));
	ck_assert(path_from_archive("abc", small, sizeof(small)));
	ck_assert(path_from_archive("a/b", small, sizeof(small)));
	ck_assert_str_eq(small, "a/b");
	ck_assert(!path_from_archive("abcd", small, sizeof(small)));
	ck_assert(!path_from_archive("ab/c", small, sizeof(small)));
	ck_assert(!path_from_archive("", small, 0));
}
END_TEST

START_TEST(last_component)
{
	ck_assert_str_eq(path_base("/a/b"), "b");
	ck_assert_str_eq(path_base("b"), "b");
	ck_assert_str_eq(path_base("a/"), "");
	ck_assert_str_eq(path_base("/"), "");
}
END_TEST

START_TEST(below)
{
	ck_assert(path_below("/a/b", "/a") && path_below("/a", "/a") && path_below("/a", "/"));
	ck_assert(path_below("/", "/") && path_below("a/b", "a"));
	ck_assert(!path_below("/ab", "/a") && !path_below("/", "/a") && !path_below("a", "/"));
	ck_assert(!path_below("/b", "/a"));
}
END_TEST

TCase *base_path(void)
{
	TCase *tc = tcase_create("path");

	tcase_add_test(tc, cleaning);
	tcase_add_test(tc, joining);
	tcase_add_test(tc, names_of_archives);
	tcase_add_test(tc, long_names_of_archives);
	tcase_add_test(tc, last_component);
	tcase_add_test(tc, below);
	return tc;
}
