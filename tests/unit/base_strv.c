/* strv: arrays of strings. */
#include "base.h"

#include "base/mem.h"
#include "base/str.h"

static void expect(char *const *v, const char *joined)
{
	_cleanup_free_ char *text = strv_join(v, "|");

	ck_assert_str_eq(text, joined);
}

START_TEST(growing)
{
	_cleanup_strv_ char **v = NULL;
	_cleanup_strv_ char **empty = strv_copy(NULL), **copy = NULL;

	ck_assert_uint_eq(strv_len(NULL), 0);
	ck_assert_ptr_nonnull(empty);
	ck_assert_uint_eq(strv_len(empty), 0);
	strv_add(&v, "a");
	strv_take(&v, xstrdup("b"));
	strv_extend(&v, empty);
	strv_extend(&v, NULL);
	expect(v, "a|b");
	/* by itself: the array moves while it is read */
	strv_extend(&v, v);
	expect(v, "a|b|a|b");
	copy = strv_copy(v);
	ck_assert_ptr_ne(copy[0], v[0]);
	expect(copy, "a|b|a|b");
	strv_freep(&copy);
	ck_assert_ptr_null(copy);
	strv_free(NULL);
}
END_TEST

START_TEST(environment)
{
	_cleanup_strv_ char **env = NULL;

	ck_assert_ptr_null(strv_env_get(NULL, "A"));
	strv_env_set(&env, "PATH", "/bin");
	strv_env_set(&env, "PATHS", "x");
	strv_env_set(&env, "EMPTY", "");
	strv_env_set(&env, "PATH", "/usr/bin");
	expect(env, "PATH=/usr/bin|PATHS=x|EMPTY=");
	ck_assert_str_eq(strv_env_get(env, "PATH"), "/usr/bin");
	ck_assert_str_eq(strv_env_get(env, "EMPTY"), "");
	ck_assert_ptr_null(strv_env_get(env, "PAT"));
	ck_assert_ptr_null(strv_env_get(env, "HOME"));
}
END_TEST

START_TEST(splitting)
{
	static const struct {
		const char *text;
		size_t n;
	} cases[] = {{"a:b:c", 3}, {"", 1}, {":", 2}, {"a::", 3}, {"no", 1}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_strv_ char **v = strv_split(cases[i].text, ':');
		_cleanup_free_ char *again = strv_join(v, ":");

		ck_assert_uint_eq(strv_len(v), cases[i].n);
		ck_assert_str_eq(again, cases[i].text);
	}
}
END_TEST

START_TEST(joining)
{
	const char *const v[] = {"a", "", "b", NULL};
	_cleanup_free_ char *joined = strv_join((char *const *)v, ", ");
	_cleanup_free_ char *none = strv_join(NULL, ",");

	ck_assert_str_eq(joined, "a, , b");
	ck_assert_str_eq(none, "");
}
END_TEST

TCase *base_strv(void)
{
	TCase *tc = tcase_create("strv");

	tcase_add_test(tc, growing);
	tcase_add_test(tc, environment);
	tcase_add_test(tc, splitting);
	tcase_add_test(tc, joining);
	return tc;
}
