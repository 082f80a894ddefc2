/* Hard links, and entries that replace earlier ones. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "layer_env.h"

START_TEST(hard_links)
{
	struct tar t = {0};

	tar_file(&t, "dir/file", "text");
	tar_link(&t, "other/name", "dir/file");
	tar_link(&t, "dotted", "./dir//file");
	tar_link(&t, "absolute", "/dir/file");
	tar_symlink(&t, "sym", "dangling");
	tar_link(&t, "sym2", "sym");
	env_good(&t);
	ck_assert_uint_eq(env_stat("dir/file").st_nlink, 4);
	ck_assert_uint_eq(env_stat("other/name").st_ino, env_stat("dir/file").st_ino);
	ck_assert_uint_eq(env_stat("absolute").st_ino, env_stat("dir/file").st_ino);
	ck_assert_str_eq(env_readlink("sym2"), "dangling");
}
END_TEST

START_TEST(hard_links_keep_owners)
{
	struct tar t = {0};

	tar_add(&t, (struct tar_item){.name = "file", .uid = 7, .data = "x"});
	tar_link(&t, "link", "file");
	tar_add(&t, (struct tar_item){.name = "sym", .type = '2', .link = "x", .uid = 8});
	tar_link(&t, "sym2", "sym");
	env_good(&t);
	ck_assert_int_eq(env_owner("link").st_uid, 7);
	ck_assert_int_eq(env_owner("sym2").st_uid, 8);
}
END_TEST

START_TEST(hard_link_to_itself)
{
	struct tar t = {0};

	tar_file(&t, "file", "text");
	tar_link(&t, "file", "file");
	tar_link(&t, "file", "./file");
	tar_symlink(&t, "here", ".");
	tar_link(&t, "here/file", "file");
	tar_link(&t, "twice", "file");
	tar_link(&t, "twice", "file");
	env_good(&t);
	ck_assert_str_eq(env_content("file"), "text");
	ck_assert_uint_eq(env_stat("file").st_nlink, 2);
}
END_TEST

START_TEST(hard_link_without_target)
{
	struct tar t = {0};

	tar_link(&t, "link", "missing");
	env_bad(&t, ENOENT, "hard link to 'missing'");
	tar_link(&t, "link", "link");
	env_bad(&t, ENOENT, "hard link to 'link'");
	tar_dir(&t, "dir");
	tar_link(&t, "link", "dir");
	env_bad(&t, EBADMSG, "hard link to the directory");
	tar_dir(&t, "dir");
	tar_link(&t, "link", ".");
	env_bad(&t, EBADMSG, "hard link to");
	tar_file(&t, "dir/.wh.file", "");
	tar_link(&t, "link", "dir/.wh.file");
	env_bad(&t, EBADMSG, "hard link to");
	tar_file(&t, "file", "");
	tar_link(&t, "file/below", "file");
	env_bad(&t, ENOTDIR, "not a directory");
	/* the link's place holds its target */
	tar_file(&t, "dir/file", "");
	tar_link(&t, "dir", "dir/file");
	env_bad(&t, ENOENT, "hard link to 'dir/file'");
}
END_TEST

START_TEST(hard_link_to_a_removed_name)
{
	struct tar t = {0};

	tar_file(&t, ".wh.gone", "");
	tar_link(&t, "link", "gone");
	ck_assert_int_lt(env_unpack(&t), 0);
	ck_assert_ptr_nonnull(strstr(env_err.msg, "hard link to 'gone'"));
	ck_assert(!env_exists("link"));
}
END_TEST

START_TEST(file_replaces_file)
{
	struct tar t = {0};

	tar_file(&t, "file", "first, and longer");
	tar_link(&t, "link", "file");
	tar_add(&t, (struct tar_item){.name = "file", .data = "second", .mode = 0600, .uid = 4});
	tar_add(&t, (struct tar_item){.name = "owned", .data = "a", .uid = 4});
	tar_add(&t, (struct tar_item){.name = "owned", .data = "b"});
	env_good(&t);
	ck_assert_str_eq(env_content("file"), "second");
	ck_assert_int_eq(env_stat("file").st_mode, S_IFREG | 0600);
	ck_assert_str_eq(env_content("link"), "first, and longer");
	ck_assert_int_eq(env_owner("file").st_uid, 4);
	ck_assert_int_eq(env_owner("link").st_uid, 0);
	ck_assert_int_eq(env_owner("owned").st_uid, 0);
}
END_TEST

START_TEST(file_replaces_directory)
{
	struct tar t = {0};

	tar_file(&t, "d/e/f/file", "");
	tar_add(&t, (struct tar_item){.name = "d/e/owned", .type = '2', .link = "x", .uid = 3});
	tar_file(&t, "d", "now a file");
	tar_symlink(&t, "s", "d");
	tar_file(&t, "x/file", "");
	tar_symlink(&t, "x", "s");
	tar_file(&t, "p/file", "");
	tar_add(&t, (struct tar_item){.name = "p", .type = '6'});
	env_good(&t);
	ck_assert_str_eq(env_content("d"), "now a file");
	ck_assert_str_eq(env_readlink("x"), "s");
	ck_assert(S_ISFIFO(env_stat("p").st_mode));
	ck_assert_int_eq(env_owner("d").st_uid, 0);
}
END_TEST

START_TEST(directory_replaces_file)
{
	struct tar t = {0};

	tar_file(&t, "d", "file");
	tar_dir(&t, "d");
	tar_file(&t, "d/file", "inside");
	tar_dir(&t, "real");
	tar_symlink(&t, "s", "real");
	tar_dir(&t, "s");
	tar_file(&t, "s/file", "in s");
	env_good(&t);
	ck_assert_str_eq(env_content("d/file"), "inside");
	ck_assert(S_ISDIR(env_stat("s").st_mode));
	ck_assert_str_eq(env_content("s/file"), "in s");
	ck_assert(!env_exists("real/file"));
	/* the file hid what lower layers have there; the directory must too */
	ck_assert(env_is_opaque("d"));
	ck_assert(env_is_opaque("s"));
	ck_assert(!env_is_opaque("real"));
}
END_TEST

START_TEST(directory_over_directory)
{
	struct tar t = {0};

	tar_pax(&t, "SCHILY.xattr.user.old", "1", 1);
	tar_add(&t, (struct tar_item){.name = "d", .type = '5', .mode = 0700, .uid = 5});
	tar_file(&t, "d/kept", "k");
	tar_pax(&t, "SCHILY.xattr.user.new", "1", 1);
	tar_add(&t, (struct tar_item){.name = "d", .type = '5', .mode = 0751, .mtime = 77});
	env_good(&t);
	ck_assert_str_eq(env_content("d/kept"), "k");
	ck_assert_int_eq(env_stat("d").st_mode, S_IFDIR | 0751);
	ck_assert_int_eq(env_owner("d").st_uid, 0);
	ck_assert_int_eq(env_owner("d").st_mode, S_IFDIR | 0751);
	ck_assert_int_eq(env_stat("d").st_mtime, 77);
	ck_assert_ptr_null(env_xattr("d", "user.old"));
	if (env_has_xattrs())
		ck_assert_str_eq(env_xattr("d", "user.new"), "1");
	ck_assert(!env_is_opaque("d"));
}
END_TEST

START_TEST(symlink_replaced_while_used)
{
	struct tar t = {0};

	tar_dir(&t, "one");
	tar_dir(&t, "two");
	tar_symlink(&t, "way", "one");
	tar_file(&t, "way/first", "");
	tar_symlink(&t, "way", "two");
	tar_file(&t, "way/second", "");
	env_good(&t);
	ck_assert(env_exists("one/first"));
	ck_assert(env_exists("two/second"));
	ck_assert(!env_exists("one/second"));
}
END_TEST

START_TEST(directory_replaced_while_used)
{
	struct tar t = {0};

	tar_file(&t, "a/b/first", "");
	tar_file(&t, "a", "file");
	tar_dir(&t, "a");
	tar_file(&t, "a/b/second", "");
	env_good(&t);
	ck_assert(env_exists("a/b/second"));
	ck_assert(!env_exists("a/b/first"));
}
END_TEST

START_TEST(owners_behind_a_symlink)
{
	struct tar t = {0};

	tar_dir(&t, "usr/lib");
	tar_symlink(&t, "lib", "usr/lib");
	tar_add(&t, (struct tar_item){.name = "lib/owned", .uid = 12, .data = "x"});
	tar_add(&t, (struct tar_item){.name = "lib/s", .type = '2', .link = "x", .uid = 13});
	env_good(&t);
	ck_assert_int_eq(env_owner("usr/lib/owned").st_uid, 12);
	ck_assert_int_eq(env_owner("usr/lib/s").st_uid, 13);
}
END_TEST

TCase *layer_link_case(void)
{
	TCase *c = tcase_create("links and replacements");

	tcase_add_checked_fixture(c, env_setup, env_teardown);
	tcase_add_test(c, hard_links);
	tcase_add_test(c, hard_links_keep_owners);
	tcase_add_test(c, hard_link_to_itself);
	tcase_add_test(c, hard_link_without_target);
	tcase_add_test(c, hard_link_to_a_removed_name);
	tcase_add_test(c, file_replaces_file);
	tcase_add_test(c, file_replaces_directory);
	tcase_add_test(c, directory_replaces_file);
	tcase_add_test(c, directory_over_directory);
	tcase_add_test(c, symlink_replaced_while_used);
	tcase_add_test(c, directory_replaced_while_used);
	tcase_add_test(c, owners_behind_a_symlink);
	return c;
}
