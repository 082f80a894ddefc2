#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "format/override_stat.h"
#include "format/whiteout.h"
#include "unit.h"

START_TEST(whiteout_names)
{
	static const struct {
		const char *name;
		enum whiteout_kind kind;
		const char *target;
	} cases[] = {
		{"file", WHITEOUT_NONE, NULL},
		{"", WHITEOUT_NONE, NULL},
		{".", WHITEOUT_NONE, NULL},
		{".wh", WHITEOUT_NONE, NULL},
		{".whiteout", WHITEOUT_NONE, NULL},
		{".WH.file", WHITEOUT_NONE, NULL},
		{"a.wh.b", WHITEOUT_NONE, NULL},
		{".wh.file", WHITEOUT_FILE, "file"},
		{".wh..file", WHITEOUT_FILE, ".file"},
		{".wh....", WHITEOUT_FILE, "..."},
		{".wh..wh", WHITEOUT_FILE, ".wh"},
		{".wh.a b\n", WHITEOUT_FILE, "a b\n"},
		{".wh..wh..opq", WHITEOUT_DIR_OPAQUE, NULL},
		{".wh..wh..opq2", WHITEOUT_IGNORED, NULL},
		{".wh..wh.", WHITEOUT_IGNORED, NULL},
		{".wh..wh.plnk", WHITEOUT_IGNORED, NULL},
		{".wh..wh.aufs", WHITEOUT_IGNORED, NULL},
		{".wh..wh..wh.x", WHITEOUT_IGNORED, NULL},
		{".wh.", WHITEOUT_INVALID, NULL},
		{".wh..", WHITEOUT_INVALID, NULL},
		{".wh...", WHITEOUT_INVALID, NULL},
		{".wh.a/b", WHITEOUT_INVALID, NULL},
		{".wh../x", WHITEOUT_INVALID, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *target = "untouched";

		ck_assert_msg(whiteout_kind(cases[i].name, &target) == cases[i].kind, "%s",
			      cases[i].name);
		ck_assert_pstr_eq(target, cases[i].target);
		ck_assert_int_eq((int)whiteout_kind(cases[i].name, NULL), (int)cases[i].kind);
	}
}
END_TEST

START_TEST(xattr_names)
{
	static const struct {
		const char *name;
		bool reserved, settable;
	} cases[] = {
		{"user.overlay.opaque", true, false},
		{"user.overlay.whiteout", true, false},
		{"user.overlay.origin", true, false},
		{"user.fuseoverlayfs.opaque", true, false},
		{"user.containers.override_stat", true, false},
		{"user.containers.anything", true, false},
		{"trusted.overlay.opaque", true, false},
		{"trusted.x", true, false},
		{"security.selinux", true, false},
		{"security.ima", true, false},
		{"security.evm", true, false},
		{"security.apparmor", true, false},
		{"security.SMACK64EXEC", true, false},
		{"security.unheard_of", true, false},
		{"security.capability2", true, false},
		{"security.capability", false, false},
		{"system.posix_acl_access", false, false},
		{"user.mime_type", false, true},
		{"user.overlayx", false, true},
		{"user.containersx.y", false, true},
		{"user.", false, false},
		{"user", false, false},
		{"", false, false},
		{"users.x", false, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert_msg(xattr_is_reserved(cases[i].name) == cases[i].reserved, "%s",
			      cases[i].name);
		ck_assert_msg(xattr_is_settable(cases[i].name) == cases[i].settable, "%s",
			      cases[i].name);
	}
}
END_TEST

START_TEST(override_stat_accepts)
{
	static const struct {
		const char *text;
		struct override_stat o;
	} cases[] = {
		{"0:0:0755", {.mode = 0755}},
		{"0:0:755", {.mode = 0755}},
		{"1000:1001:4755:file", {1000, 1001, 04755, S_IFREG, 0, 0}},
		{"4294967294:4294967294:7777", {0xfffffffe, 0xfffffffe, 07777, 0, 0, 0}},
		{"0:0:0:dir", {.type = S_IFDIR}},
		{"0:0:777:symlink", {.mode = 0777, .type = S_IFLNK}},
		{"5:6:600:pipe", {5, 6, 0600, S_IFIFO, 0, 0}},
		{"5:6:600:socket", {5, 6, 0600, S_IFSOCK, 0, 0}},
		{"0:6:660:block-8-1", {0, 6, 0660, S_IFBLK, 8, 1}},
		{"0:0:666:char-1-3", {0, 0, 0666, S_IFCHR, 1, 3}},
		{"0:0:666:char-4294967295-4294967295",
		 {0, 0, 0666, S_IFCHR, UINT32_MAX, UINT32_MAX}},
		{"0:0:100644", {.mode = 0644}}, /* with the type's bits, as some writers do */
		{"00:00:00000000000000000000755", {.mode = 0755}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct override_stat *want = &cases[i].o;
		struct override_stat o, again;
		char text[OVERRIDE_STAT_MAX];
		size_t n = strlen(cases[i].text);
		/* without a NUL behind it, and nothing else a sanitizer would let us read */
		char *bare = malloc(n);

		ck_assert_ptr_nonnull(bare);
		memcpy(bare, cases[i].text, n);
		memset(&o, 0xff, sizeof(o));
		ck_assert_msg(override_stat_parse(bare, n, &o) == 0, "%s", cases[i].text);
		free(bare);
		ck_assert_uint_eq(o.uid, want->uid);
		ck_assert_uint_eq(o.gid, want->gid);
		ck_assert_uint_eq(o.mode, want->mode);
		ck_assert_uint_eq(o.type, want->type);
		ck_assert_uint_eq(o.major, want->major);
		ck_assert_uint_eq(o.minor, want->minor);
		n = override_stat_format(&o, text);
		ck_assert_uint_eq(n, strlen(text));
		ck_assert_int_eq(override_stat_parse(text, n, &again), 0);
		ck_assert_mem_eq(&again, &o, sizeof(o));
	}
}
END_TEST

START_TEST(override_stat_refuses)
{
	static const char *const cases[] = {
		"",
		":",
		"0",
		"0:0",
		"0:0:",
		":0:755",
		"0::755",
		"-1:0:755",
		"+1:0:755",
		" 1:0:755",
		"4294967295:0:755", /* "no id" */
		"0:4294967295:755",
		"4294967296:0:755",
		"99999999999999999999999999:0:755",
		"0:0:8",
		"0:0:0x1ff",
		"0:0:200000",
		"0:0:755 ",
		"0:0:755:",
		"0:0:755:directory",
		"0:0:755:dir:",
		"0:0:755:Dir",
		"0:0:755:block",
		"0:0:755:block-",
		"0:0:755:block-8",
		"0:0:755:block-8-",
		"0:0:755:block--1-2",
		"0:0:755:block-8-1x",
		"0:0:755:char-4294967296-0",
		"0:0:755:char-0-4294967296",
		"0,0,755",
		"root:root:755",
		/* as long as the longest and one byte more */
		"0:0:"
		"0000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		"0"
		"0000000755",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct override_stat o;

		ck_assert_msg(override_stat_parse(cases[i], strlen(cases[i]), &o) == -EINVAL, "%s",
			      cases[i]);
	}
}
END_TEST

START_TEST(override_stat_refuses_nul)
{
	struct override_stat o;

	ck_assert_int_eq(override_stat_parse("0:0:755\0:dir", 12, &o), -EINVAL);
	ck_assert_int_eq(override_stat_parse("0:0:755", 8, &o), -EINVAL);
}
END_TEST

START_TEST(override_stat_text)
{
	static const struct {
		struct override_stat o;
		const char *text;
	} cases[] = {
		{{0, 0, 0, 0, 0, 0}, "0:0:00"},
		{{1, 2, 01777, S_IFDIR, 0, 0}, "1:2:01777:dir"},
		{{1, 2, 0170644, S_IFREG, 9, 9}, "1:2:0644:file"},
		{{0, 6, 0660, S_IFBLK, 259, 7}, "0:6:0660:block-259-7"},
		{{0xffffffff, 0xffffffff, 07777, S_IFCHR, UINT32_MAX, UINT32_MAX},
		 "4294967295:4294967295:07777:char-4294967295-4294967295"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[OVERRIDE_STAT_MAX];

		ck_assert_uint_eq(override_stat_format(&cases[i].o, text), strlen(cases[i].text));
		ck_assert_str_eq(text, cases[i].text);
	}
}
END_TEST

START_TEST(disk_modes)
{
	ck_assert_uint_eq(override_stat_disk_mode(0644, false), 0644);
	ck_assert_uint_eq(override_stat_disk_mode(0, false), 0400);
	ck_assert_uint_eq(override_stat_disk_mode(04111, false), 04511);
	ck_assert_uint_eq(override_stat_disk_mode(0755, true), 0755);
	ck_assert_uint_eq(override_stat_disk_mode(0, true), 0700);
	ck_assert_uint_eq(override_stat_disk_mode(01555, true), 01755);
	ck_assert_uint_eq(override_stat_disk_mode(S_IFDIR | 0555, true), 0755);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("format");
	TCase *t = tcase_create("format");

	tcase_add_test(t, whiteout_names);
	tcase_add_test(t, xattr_names);
	tcase_add_test(t, override_stat_accepts);
	tcase_add_test(t, override_stat_refuses);
	tcase_add_test(t, override_stat_refuses_nul);
	tcase_add_test(t, override_stat_text);
	tcase_add_test(t, disk_modes);
	suite_add_tcase(s, t);
	return unit_run(s);
}
