/* The unit tests of base. */
#include "base/err.h"
#include "unit.h"

#include <errno.h>

START_TEST(test_err_set)
{
	struct err err = ERR_INIT;

	ck_assert_int_eq(err_set(&err, ENOENT, "cannot open '%s'", "x"), -ENOENT);
	ck_assert_str_eq(err.msg, "cannot open 'x'");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base");
	TCase *tc = tcase_create("err");

	tcase_add_test(tc, test_err_set);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
