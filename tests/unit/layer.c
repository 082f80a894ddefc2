/* The room layer, once as this machine is and once for each thing that a file system or kernel may
 * lack. */
#include <stdio.h>
#include <stdlib.h>

#include "layer_env.h"
#include "unit.h"

static int run(const char *name)
{
	Suite *s = suite_create(name);

	suite_add_tcase(s, layer_entry_case());
	suite_add_tcase(s, layer_link_case());
	suite_add_tcase(s, layer_hostile_case());
	suite_add_tcase(s, layer_whiteout_case());
	suite_add_tcase(s, layer_owner_case());
	suite_add_tcase(s, layer_copy_case());
	suite_add_tcase(s, layer_lower_case());
	suite_add_tcase(s, layer_ingest_case());
	suite_add_tcase(s, layer_convert_case());
	return unit_run(s);
}

int main(void)
{
	int failed = run("layer");

	setenv("STRAKE_NO_OPENAT2", "1", 1);
	failed |= run("layer without openat2");
	unsetenv("STRAKE_NO_OPENAT2");
	setenv("STRAKE_NO_XATTR", "1", 1);
	failed |= run("layer without xattrs");
	setenv("STRAKE_NO_MKNOD", "1", 1);
	failed |= run("layer without xattrs and whiteout devices");
	return failed;
}
