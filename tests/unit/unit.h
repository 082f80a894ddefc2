/* unit: what the unit test programs share. */
#ifndef STRAKE_TESTS_UNIT_H
#define STRAKE_TESTS_UNIT_H

#include <check.h>
#include <stdlib.h>

/* Runs a suite under check (CK_FORK=no in the environment debugs it). Use as main()'s return value.
 */
static inline int unit_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
