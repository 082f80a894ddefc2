#include "cmd_test.h"

int main(void)
{
	Suite *suite = suite_create("cmd");

	suite_add_tcase(suite, cmd_main_case());
	suite_add_tcase(suite, cmd_options_case());
	suite_add_tcase(suite, cmd_tables_case());
	suite_add_tcase(suite, cmd_generated_case());
	suite_add_tcase(suite, cmd_views_case());
	return unit_run(suite);
}
