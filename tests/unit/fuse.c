/* The room fuse, in one process and without a mount: as this machine is, and what touches files
 * once more for each thing that a file system or kernel may lack. */
#include <stdio.h>
#include <stdlib.h>

#include "fuse.h"
#include "unit.h"

static void add_files(Suite *s)
{
	suite_add_tcase(s, fuse_owner_disk_case());
	suite_add_tcase(s, fuse_marks_disk_case());
	suite_add_tcase(s, fuse_listing_case());
	suite_add_tcase(s, fuse_walk_case());
	suite_add_tcase(s, fuse_redirect_case());
	suite_add_tcase(s, fuse_metacopy_case());
	suite_add_tcase(s, fuse_copy_case());
}

int main(void)
{
	Suite *s = suite_create("fuse");
	int failed;

	suite_add_tcase(s, fuse_options_case());
	suite_add_tcase(s, fuse_owner_case());
	suite_add_tcase(s, fuse_keys_case());
	suite_add_tcase(s, fuse_marks_case());
	suite_add_tcase(s, fuse_listing_big_case());
	suite_add_tcase(s, fuse_place_case());
	suite_add_tcase(s, fuse_node_case());
	suite_add_tcase(s, fuse_node_files_case());
	add_files(s);
	failed = unit_run(s);

	setenv("STRAKE_NO_XATTRAT", "1", 1);
	s = suite_create("fuse without getxattrat");
	add_files(s);
	failed |= unit_run(s);
	unsetenv("STRAKE_NO_XATTRAT");

	setenv("STRAKE_NO_MKNOD", "1", 1);
	s = suite_create("fuse without whiteout devices");
	add_files(s);
	failed |= unit_run(s);
	return failed;
}
