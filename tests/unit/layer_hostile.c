/* Archives that mean harm, or are damaged. The teardown of every test looks at what lies outside.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/limits.h"
#include "layer_env.h"

START_TEST(absolute_names_stay_inside)
{
	struct tar t = {0};

	tar_file(&t, "/etc/evil", "e");
	tar_file(&t, "//double", "d");
	env_good(&t);
	ck_assert_str_eq(env_content("etc/evil"), "e");
	ck_assert_str_eq(env_content("double"), "d");
}
END_TEST

START_TEST(dotdot_is_refused)
{
	static const char *const names[] = {"../canary",      "../../x",    "/../canary",
					    "a/../../canary", "..",	    "./../canary",
					    "a/..",	      "../layer9/x"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct tar t = {0};

		tar_dir(&t, "a");
		tar_file(&t, names[i], "overwritten");
		env_bad(&t, EBADMSG, "name");
		tar_dir(&t, names[i]);
		env_bad(&t, EBADMSG, "name");
		tar_link(&t, "link", names[i]);
		env_bad(&t, EBADMSG, "hard link");
	}
}
END_TEST

START_TEST(symlinked_parents_stay_inside)
{
	static const char *const targets[] = {"..",  "../..",	    "/",
					      "/..", "../../../..", "/tmp/../.."};

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		struct tar t = {0};

		tar_symlink(&t, "way", targets[i]);
		tar_file(&t, "way/canary", "overwritten");
		tar_dir(&t, "way/dir");
		tar_symlink(&t, "way/dir/up", "../..");
		tar_file(&t, "way/dir/up/deep", "d");
		env_good(&t);
		ck_assert_str_eq(env_content("canary"), "overwritten");
		ck_assert(env_exists("dir"));
		ck_assert_str_eq(env_content("deep"), "d");
	}
}
END_TEST

START_TEST(symlink_as_last_component_is_replaced)
{
	struct tar t = {0};

	tar_symlink(&t, "file", "../../canary");
	tar_file(&t, "file", "own");
	tar_symlink(&t, "abs", "/etc/passwd");
	tar_add(&t, (struct tar_item){.name = "abs", .mode = 0600, .data = "own"});
	tar_symlink(&t, "dir", "..");
	tar_add(&t, (struct tar_item){.name = "dir", .type = '5', .mode = 0700});
	tar_symlink(&t, "fifo", "../../canary");
	tar_add(&t, (struct tar_item){.name = "fifo", .type = '6', .mode = 0777});
	env_good(&t);
	ck_assert_str_eq(env_content("file"), "own");
	ck_assert_str_eq(env_content("abs"), "own");
	ck_assert(S_ISDIR(env_stat("dir").st_mode));
	ck_assert(S_ISFIFO(env_stat("fifo").st_mode));
}
END_TEST

START_TEST(hard_links_stay_inside)
{
	struct tar t = {0};

	tar_symlink(&t, "up", "../..");
	tar_link(&t, "stolen", "up/canary");
	env_bad(&t, ENOENT, "hard link to 'up/canary'");
	tar_symlink(&t, "direct", "../../canary");
	tar_link(&t, "stolen", "direct");
	tar_file(&t, "stolen", "own");
	env_good(&t);
	ck_assert_str_eq(env_readlink("direct"), "../../canary");
	tar_symlink(&t, "up", "../..");
	tar_file(&t, "file", "x");
	tar_link(&t, "up/canary", "file");
	env_good(&t);
	ck_assert_str_eq(env_content("canary"), "x");
}
END_TEST

START_TEST(whiteouts_stay_inside)
{
	struct tar t = {0};

	tar_symlink(&t, "up", "../..");
	tar_file(&t, "up/.wh.canary", "");
	env_good(&t);
	ck_assert(env_is_whiteout("canary"));
	tar_file(&t, ".wh...", "");
	env_bad(&t, EBADMSG, "whiteout");
	tar_file(&t, ".wh..", "");
	env_bad(&t, EBADMSG, "whiteout");
	tar_file(&t, ".wh.", "");
	env_bad(&t, EBADMSG, "whiteout");
	tar_file(&t, ".wh.dir/file", "");
	env_bad(&t, EBADMSG, "below a whiteout");
}
END_TEST

START_TEST(symlink_loops)
{
	struct tar t = {0};

	tar_symlink(&t, "a", "b");
	tar_symlink(&t, "b", "a");
	tar_file(&t, "a/file", "");
	env_bad(&t, ELOOP, "'a/file'");
	tar_symlink(&t, "self", "self");
	tar_file(&t, "self/file", "");
	env_bad(&t, ELOOP, "'self/file'");
}
END_TEST

START_TEST(dangling_parent)
{
	struct tar t = {0};

	tar_symlink(&t, "way", "not/there");
	tar_file(&t, "way/file", "f");
	env_good(&t);
	ck_assert_str_eq(env_content("not/there/file"), "f");
	tar_symlink(&t, "way", "../../../outside");
	tar_file(&t, "way/file", "f");
	env_good(&t);
	ck_assert_str_eq(env_content("outside/file"), "f");
}
END_TEST

START_TEST(file_as_parent)
{
	struct tar t = {0};

	tar_file(&t, "file", "");
	tar_file(&t, "file/below", "");
	env_bad(&t, ENOTDIR, "'file' is not a directory");
	tar_add(&t, (struct tar_item){.name = "pipe", .type = '6'});
	tar_file(&t, "pipe/below", "");
	env_bad(&t, ENOTDIR, "'pipe' is not a directory");
	tar_add(&t, (struct tar_item){.name = "dev", .type = '3'});
	tar_file(&t, "dev/a/b", "");
	env_bad(&t, ENOTDIR, "'dev' is not a directory");
}
END_TEST

START_TEST(the_root_is_a_directory)
{
	struct tar t = {0};

	tar_file(&t, "./", "");
	/* readers take a file whose name ends in '/' for a directory */
	tar_end(&t);
	env_unpack_raw(&t);
	tar_symlink(&t, ".", "/etc");
	env_bad(&t, EBADMSG, "root is not a directory");
	tar_link(&t, "/", "/");
	env_bad(&t, EBADMSG, "");
	tar_add(&t, (struct tar_item){.name = "/", .type = '6'});
	env_bad(&t, EBADMSG, "root is not a directory");
	ck_assert(S_ISDIR(env_stat("").st_mode));
}
END_TEST

START_TEST(long_names)
{
	struct tar t = {0};
	char name[8192];

	memset(name, 'n', 256);
	name[256] = '\0';
	tar_file(&t, name, "");
	env_bad(&t, ENAMETOOLONG, "");
	tar_dir(&t, name);
	env_bad(&t, ENAMETOOLONG, "");
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = i % 2 ? '/' : 'n';
	name[4097] = '\0';
	tar_file(&t, name, "");
	env_bad(&t, EBADMSG, "name");
	tar_file(&t, "file", "");
	tar_link(&t, "link", name);
	env_bad(&t, EBADMSG, "hard link");
	memset(name, 't', 4096);
	name[4096] = '\0';
	tar_symlink(&t, "link", name);
	env_bad(&t, EBADMSG, "symlink");
	tar_add(&t, (struct tar_item){.name = "link", .type = '2'});
	env_bad(&t, EBADMSG, "symlink");
	tar_file(&t, "", "");
	env_bad(&t, EBADMSG, "name");
}
END_TEST

START_TEST(impossible_numbers)
{
	struct tar t = {0};
	size_t at;

	tar_pax(&t, "uid", "4294967295", 10);
	tar_file(&t, "file", "");
	env_bad(&t, EBADMSG, "impossible owner");
	tar_pax(&t, "gid", "-1", 2);
	tar_file(&t, "file", "");
	env_bad(&t, EBADMSG, "impossible group");
	tar_pax(&t, "uid", "99999999999999999999", 20);
	tar_file(&t, "file", "");
	env_bad(&t, EBADMSG, "impossible owner");
	tar_pax(&t, "size", "-5", 2);
	tar_file(&t, "file", "12345");
	ck_assert_int_lt(env_unpack(&t), 0);
	tar_pax(&t, "size", "9223372036854775807", 19);
	tar_file(&t, "file", "12345");
	ck_assert_int_lt(env_unpack(&t), 0);
	at = t.len;
	tar_file(&t, "file", "12345");
	memset(t.data + at + 124, 0xff, 12); /* a negative base-256 size */
	tar_checksum(&t, at);
	ck_assert_int_lt(env_unpack(&t), 0);
}
END_TEST

START_TEST(huge_holes)
{
	struct tar t = {0};

	tar_pax(&t, "GNU.sparse.major", "1", 1);
	tar_pax(&t, "GNU.sparse.minor", "0", 1);
	tar_pax(&t, "GNU.sparse.name", "hole", 4);
	tar_pax(&t, "GNU.sparse.realsize", "9223372036854775807", 19);
	tar_add(&t, (struct tar_item){.name = "x", .data = "1\n0\n0\n"});
	ck_assert_int_lt(env_unpack(&t), 0);
}
END_TEST

START_TEST(too_much)
{
	struct tar t = {0};
	static char data[100000];

	env_options.max_bytes = sizeof(data);
	tar_add(&t, (struct tar_item){.name = "fits", .data = data, .size = sizeof(data)});
	env_good(&t);
	tar_add(&t, (struct tar_item){.name = "fits", .data = data, .size = sizeof(data)});
	tar_file(&t, "more", "m");
	env_bad(&t, EFBIG, "--max-unpacked-size");
	env_options.max_bytes = 0;
	env_options.reserve = UINT64_MAX;
	tar_file(&t, "file", "x");
	env_bad(&t, ENOSPC, "no space");
}
END_TEST

START_TEST(too_many_or_long_xattrs)
{
	struct tar t = {0};
	static char value[LIMIT_XATTR_VALUE + 1];
	char name[400];

	tar_pax(&t, "SCHILY.xattr.user.x", value, sizeof(value));
	tar_file(&t, "file", "");
	env_bad(&t, EFBIG, "xattr");
	memset(name, 'n', sizeof(name));
	memcpy(name, "SCHILY.xattr.user.", 18);
	name[sizeof(name) - 1] = '\0';
	tar_pax(&t, name, "v", 1);
	tar_file(&t, "file", "");
	env_bad(&t, EFBIG, "xattr");
	for (int i = 0; i <= LIMIT_XATTRS_PER_ENTRY; i++) {
		snprintf(name, sizeof(name), "SCHILY.xattr.user.n%d", i);
		tar_pax(&t, name, "v", 1);
	}
	tar_file(&t, "file", "");
	env_bad(&t, EFBIG, "xattrs");
}
END_TEST

START_TEST(not_a_tar)
{
	struct tar t = {0};
	static const char text[] = "this is not an archive of any kind\n";
	size_t at;

	tar_raw(&t, text, sizeof(text));
	ck_assert_int_eq(env_unpack_raw(&t), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(env_err.msg, "bad tar"));
	for (int i = 0; i < 100; i++)
		tar_raw(&t, text, sizeof(text));
	env_bad(&t, EBADMSG, "bad tar");
	/* damaged in the middle */
	tar_file(&t, "good", "");
	at = t.len;
	tar_file(&t, "bad", "");
	t.data[at + 5] = 'x';
	env_bad(&t, EBADMSG, "bad tar");
	ck_assert(!env_exists("bad"));
}
END_TEST

START_TEST(truncated)
{
	struct tar whole = {0};
	static char data[5000];

	memset(data, 'x', sizeof(data));
	tar_pax(&whole, "comment", "c", 1);
	tar_add(&whole, (struct tar_item){.name = "file", .data = data, .size = sizeof(data)});
	/* anywhere but at the start, and in the padding or behind it */
	for (size_t cut = 1; cut < 3 * 512 + sizeof(data); cut += cut % 512 == 511 ? 1 : 170) {
		struct tar t = {0};

		tar_raw(&t, whole.data, cut);
		ck_assert_msg(env_unpack_raw(&t) == -EBADMSG, "cut at %zu: %s", cut, env_err.msg);
	}
	tar_release(&whole);
}
END_TEST

/* tests/data/reject/layer: NAME.tar is refused with an error that holds the line in NAME.err. */
START_TEST(reject_data)
{
	const char *srcdir = getenv("srcdir");
	char dir[3000], path[4000], *text, *want;
	struct err err = ERR_INIT;
	size_t len;
	int n = 0;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/tests/data/reject/layer", srcdir ? srcdir : ".");
	d = opendir(dir);
	ck_assert_msg(d != NULL, "%s: %s", dir, strerror(errno));
	for (struct dirent *de; (de = readdir(d));) {
		struct tar t = {0};
		int base = (int)strlen(de->d_name) - 4;

		if (base <= 0 || strcmp(de->d_name + base, ".tar"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, de->d_name);
		ck_assert_int_eq(fd_read_file(AT_FDCWD, path, 1 << 20, &text, &len, &err), 0);
		snprintf(path, sizeof(path), "%s/%.*s.err", dir, base, de->d_name);
		ck_assert_int_eq(fd_read_file(AT_FDCWD, path, 4096, &want, NULL, &err), 0);
		want[strcspn(want, "\n")] = '\0';
		tar_raw(&t, text, len);
		ck_assert_msg(env_unpack_raw(&t) < 0, "%s was accepted", de->d_name);
		ck_assert_msg(strstr(env_err.msg, want) != NULL, "%s: no '%s' in: %s", de->d_name,
			      want, env_err.msg);
		free(text);
		free(want);
		n++;
	}
	closedir(d);
	ck_assert_int_gt(n, 25);
}
END_TEST

TCase *layer_hostile_case(void)
{
	TCase *c = tcase_create("hostile archives");

	tcase_add_checked_fixture(c, env_setup, env_teardown);
	tcase_add_test(c, absolute_names_stay_inside);
	tcase_add_test(c, dotdot_is_refused);
	tcase_add_test(c, symlinked_parents_stay_inside);
	tcase_add_test(c, symlink_as_last_component_is_replaced);
	tcase_add_test(c, hard_links_stay_inside);
	tcase_add_test(c, whiteouts_stay_inside);
	tcase_add_test(c, symlink_loops);
	tcase_add_test(c, dangling_parent);
	tcase_add_test(c, file_as_parent);
	tcase_add_test(c, the_root_is_a_directory);
	tcase_add_test(c, long_names);
	tcase_add_test(c, impossible_numbers);
	tcase_add_test(c, huge_holes);
	tcase_add_test(c, too_much);
	tcase_add_test(c, too_many_or_long_xattrs);
	tcase_add_test(c, not_a_tar);
	tcase_add_test(c, truncated);
	tcase_add_test(c, reject_data);
	return c;
}
