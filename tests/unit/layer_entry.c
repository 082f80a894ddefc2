/* Ordinary entries: content, modes, times, owners, xattrs, holes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "layer_env.h"

START_TEST(files)
{
	struct tar t = {0};
	char big[300000];

	memset(big, 'b', sizeof(big));
	tar_file(&t, "hello", "world");
	tar_add(&t, (struct tar_item){.name = "empty"});
	tar_add(&t, (struct tar_item){.name = "big", .data = big, .size = sizeof(big)});
	tar_file(&t, "./dotted//./name", "d");
	env_good(&t);
	ck_assert_uint_eq(env_entries, 4);
	ck_assert_str_eq(env_content("hello"), "world");
	ck_assert_int_eq(env_stat("hello").st_mode, S_IFREG | 0644);
	ck_assert_int_eq(env_stat("hello").st_mtime, 1000000000);
	ck_assert_int_eq(env_stat("empty").st_size, 0);
	ck_assert_int_eq(env_stat("big").st_size, sizeof(big));
	ck_assert(!memcmp(env_content("big"), big, sizeof(big)));
	ck_assert_str_eq(env_content("dotted/name"), "d");
	ck_assert_int_eq(env_stat("hello").st_uid, getuid());
}
END_TEST

static void add_modes(struct tar *t)
{
	tar_add(t, (struct tar_item){.name = "plain", .mode = 0666});
	tar_add(t, (struct tar_item){.name = "suid", .mode = 04755, .data = "x"});
	tar_add(t, (struct tar_item){.name = "sgid", .mode = 02755, .data = "x"});
	tar_add(t, (struct tar_item){.name = "secret", .no_mode = 1, .data = "s"});
	tar_pax(t, "SCHILY.xattr.user.mime", "text", 4);
	tar_add(t, (struct tar_item){.name = "readonly", .mode = 0444, .uid = 5, .data = "s"});
	tar_add(t, (struct tar_item){.name = "d", .type = '5', .mode = 02775});
	tar_add(t, (struct tar_item){.name = "d/below", .type = '5', .mode = 0755});
	tar_add(t, (struct tar_item){.name = "d/file", .mode = 0644});
	tar_add(t, (struct tar_item){.name = "closed", .type = '5', .mode = 0111});
	tar_add(t, (struct tar_item){.name = "closed/inside", .data = "i"});
	tar_add(t, (struct tar_item){.name = "tmp", .type = '5', .mode = 01777});
	tar_file(t, "implicit/dir/file", "");
}

static void check_modes(void)
{
	ck_assert_int_eq(env_stat("plain").st_mode, S_IFREG | 0666);
	ck_assert_int_eq(env_stat("suid").st_mode, S_IFREG | 04755);
	ck_assert_int_eq(env_stat("sgid").st_mode, S_IFREG | 02755);
	ck_assert_int_eq(env_stat("secret").st_mode, S_IFREG | 0400);
	ck_assert_int_eq(env_owner("secret").st_mode, S_IFREG);
	ck_assert_int_eq(env_stat("readonly").st_mode, S_IFREG | 0444);
	ck_assert_int_eq(env_owner("readonly").st_uid, 5);
	if (env_has_xattrs())
		ck_assert_str_eq(env_xattr("readonly", "user.mime"), "text");
	ck_assert_int_eq(env_stat("d").st_mode, S_IFDIR | 02775);
	ck_assert_int_eq(env_stat("d/below").st_mode, S_IFDIR | 0755);
	ck_assert_int_eq(env_stat("d/file").st_mode, S_IFREG | 0644);
	ck_assert_int_eq(env_stat("closed").st_mode, S_IFDIR | 0711);
	ck_assert_int_eq(env_owner("closed").st_mode, S_IFDIR | 0111);
	ck_assert_int_eq(env_stat("tmp").st_mode, S_IFDIR | 01777);
	ck_assert_int_eq(env_stat("implicit").st_mode, S_IFDIR | 0755);
	ck_assert_int_eq(env_stat("implicit/dir").st_mode, S_IFDIR | 0755);
	ck_assert_int_eq(env_stat("").st_mode, S_IFDIR | 0755);
}

START_TEST(modes)
{
	struct tar t = {0};

	add_modes(&t);
	env_good(&t);
	check_modes();
}
END_TEST

START_TEST(modes_whatever_the_umask)
{
	struct tar t = {0};

	umask(077);
	add_modes(&t);
	env_good(&t);
	check_modes();
	umask(0);
	add_modes(&t);
	env_good(&t);
	check_modes();
}
END_TEST

START_TEST(directory_times)
{
	struct tar t = {0};
	char name[64];

	tar_add(&t, (struct tar_item){.name = "./", .type = '5', .mtime = 11});
	tar_add(&t, (struct tar_item){.name = "a", .type = '5', .mtime = 12});
	tar_add(&t, (struct tar_item){.name = "a/b", .type = '5', .mtime = 13});
	tar_file(&t, "a/b/file", "");
	/* more directories than are held open, then back to the first */
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "many/d%d", i);
		tar_add(&t, (struct tar_item){.name = name, .type = '5', .mtime = 100 + i});
		snprintf(name, sizeof(name), "many/d%d/file", i);
		tar_file(&t, name, "");
	}
	tar_file(&t, "a/b/later", "");
	tar_file(&t, "many/d0/later", "");
	tar_file(&t, "after/file", "");
	tar_add(&t, (struct tar_item){.name = "after", .type = '5', .mtime = 14});
	tar_file(&t, "after/more", "");
	env_good(&t);
	ck_assert_int_eq(env_stat("").st_mtime, 11);
	ck_assert_int_eq(env_stat("a").st_mtime, 12);
	ck_assert_int_eq(env_stat("a/b").st_mtime, 13);
	ck_assert_int_eq(env_stat("after").st_mtime, 14);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "many/d%d", i);
		ck_assert_int_eq(env_stat(name).st_mtime, 100 + i);
	}
}
END_TEST

START_TEST(directory_times_through_a_symlink)
{
	struct tar t = {0};

	tar_add(&t, (struct tar_item){.name = "real", .type = '5', .mtime = 21});
	tar_symlink(&t, "alias", "real");
	tar_file(&t, "real/one", "");
	tar_file(&t, "alias/two", "");
	tar_file(&t, "real/three", "");
	env_good(&t);
	ck_assert(env_exists("real/two"));
	ck_assert_int_eq(env_stat("real").st_mtime, 21);
}
END_TEST

START_TEST(odd_times)
{
	struct tar t = {0};
	const char *huge = "99999999999999999999", *fraction = "1000000000.123456789";

	tar_add(&t, (struct tar_item){.name = "before", .mtime = -1000});
	tar_pax(&t, "mtime", huge, strlen(huge));
	tar_file(&t, "huge", "h");
	tar_pax(&t, "mtime", fraction, strlen(fraction));
	tar_file(&t, "fraction", "f");
	env_good(&t);
	ck_assert_int_eq(env_stat("before").st_mtime, -1000);
	ck_assert_str_eq(env_content("huge"), "h");
	ck_assert_int_eq(env_stat("fraction").st_mtim.tv_sec, 1000000000);
	ck_assert_int_eq(env_stat("fraction").st_mtim.tv_nsec, 123456789);
}
END_TEST

START_TEST(root_attributes)
{
	struct tar t = {0};

	tar_add(&t, (struct tar_item){.name = ".", .type = '5', .mode = 0555, .uid = 7, .gid = 8});
	tar_file(&t, "file", "");
	env_good(&t);
	ck_assert_int_eq(env_stat("").st_mode, S_IFDIR | 0755);
	ck_assert_int_eq(env_owner("").st_mode, S_IFDIR | 0555);
	ck_assert_int_eq(env_owner("").st_uid, 7);
	ck_assert_int_eq(env_owner("").st_gid, 8);
	ck_assert_int_eq(env_stat("").st_mtime, 1000000000);
}
END_TEST

START_TEST(symlinks)
{
	struct tar t = {0};
	char target[4096];

	memset(target, 't', 4094);
	target[4094] = '\0';
	tar_symlink(&t, "link", "../../etc/passwd");
	tar_symlink(&t, "absolute", "/etc/shadow");
	tar_symlink(&t, "long", target);
	tar_add(&t,
		(struct tar_item){.name = "owned", .type = '2', .link = "x", .uid = 5, .gid = 6});
	env_good(&t);
	ck_assert_str_eq(env_readlink("link"), "../../etc/passwd");
	ck_assert_str_eq(env_readlink("absolute"), "/etc/shadow");
	ck_assert_str_eq(env_readlink("long"), target);
	ck_assert_int_eq(env_stat("link").st_mtime, 1000000000);
	ck_assert_int_eq(env_owner("owned").st_uid, 5);
	ck_assert_int_eq(env_owner("owned").st_gid, 6);
	ck_assert_int_eq(env_owner("link").st_uid, 0);
}
END_TEST

START_TEST(special_files)
{
	struct tar t = {0};
	struct stat st;

	tar_add(&t, (struct tar_item){
			    .name = "null", .type = '3', .mode = 0666, .major = 1, .minor = 3});
	tar_add(&t,
		(struct tar_item){.name = "disk", .type = '4', .mode = 0660, .gid = 6, .major = 8});
	tar_add(&t, (struct tar_item){.name = "zero", .type = '3', .mode = 0600});
	tar_add(&t, (struct tar_item){.name = "pipe", .type = '6', .mode = 0662, .uid = 9});
	env_good(&t);
	ck_assert_int_eq(env_stat("null").st_mode, S_IFREG | 0666);
	ck_assert_int_eq(env_stat("null").st_size, 0);
	st = env_owner("null");
	ck_assert_int_eq(st.st_mode, S_IFCHR | 0666);
	ck_assert_uint_eq(st.st_rdev, makedev(1, 3));
	st = env_owner("disk");
	ck_assert_int_eq(st.st_mode, S_IFBLK | 0660);
	ck_assert_uint_eq(st.st_rdev, makedev(8, 0));
	ck_assert_int_eq(st.st_gid, 6);
	ck_assert(!env_is_whiteout("zero"));
	ck_assert_int_eq(env_owner("zero").st_mode, S_IFCHR | 0600);
	ck_assert_int_eq(env_stat("pipe").st_mode, S_IFIFO | 0662);
	ck_assert_int_eq(env_owner("pipe").st_mode, S_IFIFO | 0662);
	ck_assert_int_eq(env_owner("pipe").st_uid, 9);
	ck_assert_int_eq(env_stat("pipe").st_mtime, 1000000000);
}
END_TEST

START_TEST(owners)
{
	struct tar t = {0};
	const char *large = "4000000000";

	tar_add(&t, (struct tar_item){.name = "game", .uid = 5, .gid = 60, .mode = 02755});
	tar_add(&t, (struct tar_item){.name = "mail", .type = '5', .gid = 8, .mode = 02775});
	tar_file(&t, "mail/root", "");
	tar_pax(&t, "uid", large, strlen(large));
	tar_file(&t, "large", "");
	env_good(&t);
	ck_assert_int_eq(env_owner("game").st_uid, 5);
	ck_assert_int_eq(env_owner("game").st_gid, 60);
	ck_assert_int_eq(env_owner("game").st_mode, S_IFREG | 02755);
	ck_assert_int_eq(env_owner("mail").st_gid, 8);
	ck_assert_int_eq(env_owner("mail/root").st_gid, 0);
	ck_assert_uint_eq(env_owner("large").st_uid, 4000000000u);
	if (env_has_xattrs()) {
		ck_assert_str_eq(env_xattr("game", "user.containers.override_stat"), "5:60:02755");
		ck_assert_int_lt(faccessat(env_layer, "owners", F_OK, 0), 0);
	} else {
		ck_assert_int_eq(faccessat(env_layer, "owners", F_OK, 0), 0);
	}
	/* a later chmod wins over the recorded bits, not over the owner */
	ck_assert_int_eq(fchmodat(env_root, "game", 0700, 0), 0);
	ck_assert_int_eq(env_owner("game").st_mode, S_IFREG | 0700);
	ck_assert_int_eq(env_owner("game").st_uid, 5);
}
END_TEST

START_TEST(xattrs)
{
	struct tar t = {0};

	tar_pax(&t, "SCHILY.xattr.user.mime", "text", 4);
	tar_pax(&t, "SCHILY.xattr.user.overlay.opaque", "y", 1);
	tar_pax(&t, "SCHILY.xattr.user.containers.override_stat", "1:1:0644", 8);
	tar_pax(&t, "SCHILY.xattr.trusted.overlay.opaque", "y", 1);
	tar_pax(&t, "SCHILY.xattr.security.capability", "\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
		20);
	tar_file(&t, "file", "x");
	tar_pax(&t, "LIBARCHIVE.xattr.user.base64", "aGVsbG8", 7);
	tar_pax(&t, "SCHILY.xattr.user.overlay.opaque", "y", 1);
	tar_dir(&t, "dir");
	env_good(&t);
	if (env_has_xattrs()) {
		ck_assert_str_eq(env_xattr("file", "user.mime"), "text");
		ck_assert_str_eq(env_xattr("dir", "user.base64"), "hello");
	}
	ck_assert_ptr_null(env_xattr("file", "user.overlay.opaque"));
	ck_assert_ptr_null(env_xattr("file", "user.containers.override_stat"));
	ck_assert_ptr_null(env_xattr("file", "security.capability"));
	ck_assert_int_eq(env_owner("file").st_uid, 0);
	ck_assert(!env_is_opaque("dir"));
}
END_TEST

START_TEST(xattrs_that_fill_the_inode_leave_the_owner)
{
	struct tar t = {0};
	_Alignas(8) char value[60000];

	memset(value, 'v', sizeof(value));
	tar_pax(&t, "SCHILY.xattr.user.large", value, sizeof(value));
	tar_add(&t, (struct tar_item){.name = "file", .uid = 3, .data = "x"});
	env_good(&t);
	ck_assert_int_eq(env_owner("file").st_uid, 3);
	ck_assert_str_eq(env_content("file"), "x");
}
END_TEST

/* The old GNU form: type 'S', the map in the header. */
static void add_gnu_sparse(struct tar *t, const char *name)
{
	size_t at = t->len;
	char data[512];

	memset(data, 'd', sizeof(data));
	tar_add(t,
		(struct tar_item){.name = name, .type = 'S', .data = data, .size = sizeof(data)});
	memcpy(t->data + at + 257, "ustar  ", 8);
	memcpy(t->data + at + 386, "00004000000\0", 12); /* offset 1 MiB */
	memcpy(t->data + at + 398, "00000001000\0", 12); /* 512 bytes */
	memcpy(t->data + at + 483, "00020000000\0", 12); /* real size 4 MiB */
	tar_checksum(t, at);
}

static void check_sparse(const char *name)
{
	struct stat st = env_stat(name);
	const char *text;

	ck_assert_int_eq(st.st_size, 4 << 20);
	ck_assert_int_lt(st.st_blocks * 512, 1 << 20);
	text = env_content(name);
	ck_assert_int_eq(text[(1 << 20) - 1], 0);
	ck_assert_int_eq(text[1 << 20], 'd');
	ck_assert_int_eq(text[(1 << 20) + 511], 'd');
	ck_assert_int_eq(text[(1 << 20) + 512], 0);
}

START_TEST(sparse)
{
	struct tar t = {0};
	char data[1024] = "1\n1048576\n512\n";

	add_gnu_sparse(&t, "gnu");
	tar_pax(&t, "GNU.sparse.major", "1", 1);
	tar_pax(&t, "GNU.sparse.minor", "0", 1);
	tar_pax(&t, "GNU.sparse.name", "pax", 3);
	tar_pax(&t, "GNU.sparse.realsize", "4194304", 7);
	memset(data + 512, 'd', 512);
	tar_add(&t, (struct tar_item){.name = "GNUSparseFile.0/pax", .data = data, .size = 1024});
	tar_file(&t, "after", "a");
	env_good(&t);
	check_sparse("gnu");
	check_sparse("pax");
	ck_assert_str_eq(env_content("after"), "a");
}
END_TEST

START_TEST(names_are_bytes)
{
	struct tar t = {0};
	char component[256], path[4096] = "";

	memset(component, 'c', 255);
	component[255] = '\0';
	for (int i = 0; i < 15; i++)
		snprintf(path + strlen(path), sizeof(path) - strlen(path), "%s/", component);
	snprintf(path + strlen(path), sizeof(path) - strlen(path), "%.255s", component);
	ck_assert_uint_eq(strlen(path), 4095);
	tar_file(&t, "latin\xfc", "l");
	tar_pax(&t, "path", "\xc3\xbcmlaut\xff", 8);
	tar_file(&t, "x", "u");
	tar_pax(&t, "path", "new\nline\tand\x1b[31m", 18);
	tar_file(&t, "x", "n");
	component[0] = 'C';
	tar_file(&t, component, "255");
	tar_file(&t, path, "4095");
	env_good(&t);
	ck_assert_str_eq(env_content("latin\xfc"), "l");
	ck_assert_str_eq(env_content("\xc3\xbcmlaut\xff"), "u");
	ck_assert_str_eq(env_content("new\nline\tand\x1b[31m"), "n");
	ck_assert(env_exists(component));
	ck_assert(env_exists(path));
}
END_TEST

START_TEST(empty_archives)
{
	struct tar t = {0};

	env_good(&t);
	ck_assert_uint_eq(env_entries, 0);
	ck_assert_int_eq(env_unpack_raw(&t), 0); /* not one byte */
	ck_assert_uint_eq(env_entries, 0);
	ck_assert(S_ISDIR(env_stat("").st_mode));
}
END_TEST

START_TEST(ends_without_end_blocks)
{
	struct tar t = {0};

	tar_file(&t, "file", "text");
	ck_assert_int_eq(env_unpack_raw(&t), 0);
	ck_assert_str_eq(env_content("file"), "text");
}
END_TEST

TCase *layer_entry_case(void)
{
	TCase *c = tcase_create("entries");

	tcase_add_checked_fixture(c, env_setup, env_teardown);
	tcase_add_test(c, files);
	tcase_add_test(c, modes);
	tcase_add_test(c, modes_whatever_the_umask);
	tcase_add_test(c, directory_times);
	tcase_add_test(c, directory_times_through_a_symlink);
	tcase_add_test(c, odd_times);
	tcase_add_test(c, root_attributes);
	tcase_add_test(c, symlinks);
	tcase_add_test(c, special_files);
	tcase_add_test(c, owners);
	tcase_add_test(c, xattrs);
	tcase_add_test(c, xattrs_that_fill_the_inode_leave_the_owner);
	tcase_add_test(c, sparse);
	tcase_add_test(c, names_are_bytes);
	tcase_add_test(c, empty_archives);
	tcase_add_test(c, ends_without_end_blocks);
	return c;
}
