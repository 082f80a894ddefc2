/* Whiteouts and opaque directories: they hide what lower layers have, never what this layer brings.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layer_env.h"

START_TEST(alone)
{
	struct tar t = {0};

	tar_add(&t, (struct tar_item){.name = "etc", .type = '5', .mtime = 33});
	tar_file(&t, "etc/.wh.passwd", "");
	tar_file(&t, ".wh.top", "");
	tar_file(&t, "deep/er/.wh.gone", "");
	tar_file(&t, "etc/.wh.passwd", "");
	env_good(&t);
	ck_assert(env_is_whiteout("etc/passwd"));
	ck_assert(env_is_whiteout("top"));
	ck_assert(env_is_whiteout("deep/er/gone"));
	ck_assert_int_eq(env_stat("etc").st_mtime, 33);
	ck_assert_int_eq(env_stat("deep").st_mode, S_IFDIR | 0755);
	if (env_has_whiteouts()) {
		ck_assert(!env_exists("etc/.wh.passwd"));
		ck_assert_int_lt(faccessat(env_layer, "wh", F_OK, 0), 0);
	} else {
		ck_assert(env_exists("etc/.wh.passwd"));
		ck_assert(!env_exists("etc/passwd"));
	}
}
END_TEST

START_TEST(a_file_of_the_same_layer_stays)
{
	struct tar t = {0};

	tar_file(&t, ".wh.before", "");
	tar_file(&t, "before", "b");
	tar_file(&t, "after", "a");
	tar_file(&t, ".wh.after", "");
	tar_file(&t, ".wh.link", "");
	tar_symlink(&t, "link", "x");
	tar_file(&t, ".wh.pipe", "");
	tar_add(&t, (struct tar_item){.name = "pipe", .type = '6'});
	tar_file(&t, ".wh.hard", "");
	tar_link(&t, "hard", "after");
	env_good(&t);
	ck_assert_str_eq(env_content("before"), "b");
	ck_assert_str_eq(env_content("after"), "a");
	ck_assert_str_eq(env_readlink("link"), "x");
	ck_assert(S_ISFIFO(env_stat("pipe").st_mode));
	ck_assert_str_eq(env_content("hard"), "a");
	ck_assert(!env_exists(".wh.before"));
	ck_assert(!env_exists(".wh.link"));
	ck_assert(!env_exists(".wh.hard"));
}
END_TEST

START_TEST(a_directory_of_the_same_layer_becomes_opaque)
{
	struct tar t = {0};

	tar_file(&t, ".wh.before", "");
	tar_dir(&t, "before");
	tar_file(&t, "before/file", "b");
	tar_dir(&t, "after");
	tar_file(&t, "after/file", "a");
	tar_file(&t, ".wh.after", "");
	tar_file(&t, ".wh.implied", "");
	tar_file(&t, "implied/x/file", "i");
	tar_file(&t, "implied2/file", "i");
	tar_file(&t, ".wh.implied2", "");
	tar_dir(&t, "plain");
	env_good(&t);
	ck_assert(env_is_opaque("before"));
	ck_assert(env_is_opaque("after"));
	ck_assert(env_is_opaque("implied"));
	ck_assert(env_is_opaque("implied2"));
	ck_assert(!env_is_opaque("implied/x"));
	ck_assert(!env_is_opaque("plain"));
	ck_assert_str_eq(env_content("before/file"), "b");
	ck_assert_str_eq(env_content("after/file"), "a");
	ck_assert_str_eq(env_content("implied/x/file"), "i");
}
END_TEST

START_TEST(opaque_anywhere)
{
	struct tar t = {0};

	tar_dir(&t, "first");
	tar_file(&t, "first/.wh..wh..opq", "");
	tar_file(&t, "first/file", "1");
	tar_dir(&t, "last");
	tar_file(&t, "last/file", "2");
	tar_file(&t, "last/.wh..wh..opq", "");
	tar_file(&t, "implied/dir/.wh..wh..opq", "");
	tar_file(&t, "kept/.wh..wh..opq", "");
	tar_add(&t, (struct tar_item){.name = "kept", .type = '5', .mode = 0700, .mtime = 44});
	tar_file(&t, "first/.wh.other", "");
	env_good(&t);
	ck_assert(env_is_opaque("first"));
	ck_assert(env_is_opaque("last"));
	ck_assert(env_is_opaque("implied/dir"));
	ck_assert(!env_is_opaque("implied"));
	ck_assert(env_is_opaque("kept"));
	ck_assert_int_eq(env_stat("kept").st_mtime, 44);
	ck_assert_str_eq(env_content("first/file"), "1");
	ck_assert_str_eq(env_content("last/file"), "2");
	ck_assert(env_is_whiteout("first/other"));
	tar_file(&t, ".wh..wh..opq", "");
	env_good(&t);
	ck_assert(env_is_opaque(""));
}
END_TEST

START_TEST(names_of_aufs_are_ignored)
{
	struct tar t = {0};

	tar_dir(&t, ".wh..wh.plnk");
	tar_file(&t, ".wh..wh.plnk/1.2", "");
	tar_file(&t, ".wh..wh.aufs", "");
	tar_file(&t, ".whale", "w");
	tar_file(&t, "x.wh.y", "xy");
	env_good(&t);
	ck_assert(!env_exists(".wh..wh.plnk"));
	ck_assert(!env_exists(".wh..wh.aufs"));
	ck_assert_str_eq(env_content(".whale"), "w");
	ck_assert_str_eq(env_content("x.wh.y"), "xy");
}
END_TEST

START_TEST(whiteout_of_a_whiteout_or_any_type)
{
	struct tar t = {0};

	tar_dir(&t, ".wh.asdir");
	tar_symlink(&t, ".wh.aslink", "x");
	tar_add(&t, (struct tar_item){.name = ".wh.withdata", .data = "data"});
	tar_file(&t, "file", "f");
	env_good(&t);
	ck_assert(env_is_whiteout("asdir"));
	ck_assert(env_is_whiteout("aslink"));
	ck_assert(env_is_whiteout("withdata"));
	ck_assert_str_eq(env_content("file"), "f");
	tar_file(&t, ".wh..wh.x", "");
	env_good(&t);
	ck_assert(!env_exists(".wh.x"));
}
END_TEST

TCase *layer_whiteout_case(void)
{
	TCase *c = tcase_create("whiteouts");

	tcase_add_checked_fixture(c, env_setup, env_teardown);
	tcase_add_test(c, alone);
	tcase_add_test(c, a_file_of_the_same_layer_stays);
	tcase_add_test(c, a_directory_of_the_same_layer_becomes_opaque);
	tcase_add_test(c, opaque_anywhere);
	tcase_add_test(c, names_of_aufs_are_ignored);
	tcase_add_test(c, whiteout_of_a_whiteout_or_any_type);
	return c;
}
