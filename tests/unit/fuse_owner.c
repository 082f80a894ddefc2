/* Whose files are: maps of ids, records in xattrs, and the ids within ACLs, honest and hostile. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "format/override_stat.h"
#include "fuse.h"
#include "fuse/owner.h"

/* --- maps */

START_TEST(map_good)
{
	struct id_map m;

	ck_assert_int_eq(id_map_parse("0:1000:1:1:100000:65536", &m), 0);
	ck_assert_uint_eq(m.n, 2);
	ck_assert(m.range[0].shown == 0 && m.range[0].disk == 1000 && m.range[0].count == 1);
	ck_assert(m.range[1].shown == 1 && m.range[1].disk == 100000 && m.range[1].count == 65536);
	free(m.range);
	ck_assert_int_eq(id_map_parse("0:0:4294967295", &m), 0);
	ck_assert_uint_eq(m.range[0].count, 4294967295U);
	free(m.range);
	ck_assert_int_eq(id_map_parse("4294967294:4294967294:1", &m), 0);
	ck_assert_uint_eq(m.range[0].disk, 4294967294U);
	free(m.range);
	ck_assert_int_eq(id_map_parse("007:010:09", &m), 0);
	ck_assert(m.range[0].shown == 7 && m.range[0].disk == 10 && m.range[0].count == 9);
	free(m.range);
}
END_TEST

START_TEST(map_bad)
{
	static const char *const cases[] = {
		"", ":", "::", "0", "0:", "0:1", "0:1:", "0::1", ":0:1", "0:1:0", "0:1:1:2",
		"0:1:1:2:3", "0:1:1::", "-1:0:1", "+1:0:1", " 0:0:1", "0: 0:1", "0:0:1 ", "0:0:1,",
		"a:0:1", "0x0:0:1", "0:0:1x", "0:0:1.5",
		/* no id is beyond 4294967294 */
		"0:0:4294967296", "0:1:4294967295", "1:0:4294967295", "4294967295:0:1",
		"0:4294967295:1", "4294967296:0:1", "18446744073709551616:0:1",
		"0:18446744073709551615:2", "99999999999999999999999:0:1",
		/* a good one before does not help */
		"0:0:1:5", "0:0:1:5:5:0", "0:0:1:x:5:1"};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct id_map m = {0};

		ck_assert_msg(id_map_parse(cases[i], &m) == -EINVAL, "%s", cases[i]);
		ck_assert_ptr_null(m.range);
	}
}
END_TEST

START_TEST(map_as_long_as_the_kernels)
{
	char text[ID_RANGES * 20 + 40];
	struct id_map m = {0};
	size_t at = 0;

	for (unsigned int i = 0; i < ID_RANGES; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%u:%u:1", i ? ":" : "", i,
				       i + 100000);
	ck_assert_int_eq(id_map_parse(text, &m), 0);
	ck_assert_uint_eq(m.n, ID_RANGES);
	ck_assert_uint_eq(m.range[ID_RANGES - 1].disk, ID_RANGES - 1 + 100000);
	free(m.range);
	m = (struct id_map){0};
	snprintf(text + at, sizeof(text) - at, ":1000:200000:1");
	ck_assert_int_eq(id_map_parse(text, &m), -EINVAL);
	ck_assert_ptr_null(m.range);
}
END_TEST

/* 0 is 1000, 1 to 10 are 100000 to 100009, 65534 is itself */
static struct id_range ranges[] = {{0, 1000, 1}, {1, 100000, 10}, {65534, 65534, 1}};
static const struct owner_config mapped = {.uid = {ranges, 3}, .gid = {ranges, 2}};

static struct stat shown(const struct owner_config *c, uid_t uid, gid_t gid)
{
	struct place *p = fake_place(false, false);
	struct stat st = {.st_mode = S_IFREG | 0644, .st_uid = uid, .st_gid = gid};

	owner_show(c, p, "file", &st);
	fake_release(p);
	ck_assert_uint_eq(st.st_mode, S_IFREG | 0644);
	return st;
}

START_TEST(ids)
{
	static const struct {
		uid_t shown, disk;
		bool uid, gid;
	} cases[] = {
		{0, 1000, true, true},	     {1, 100000, true, true},
		{10, 100009, true, true},    {11, 100010, false, false},
		{65534, 65534, true, false}, {4294967294U, 999, false, false},
	};
	const struct owner_config same = {0};
	uid_t uid = 5;
	gid_t gid = 6;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct stat st = shown(&mapped, cases[i].disk, cases[i].disk);

		ck_assert_uint_eq(st.st_uid, cases[i].uid ? cases[i].shown : 65534);
		ck_assert_uint_eq(st.st_gid, cases[i].gid ? cases[i].shown : 65534);
		uid = cases[i].shown;
		gid = (gid_t)-1;
		ck_assert_int_eq(owner_to_disk(&mapped, &uid, &gid), cases[i].uid ? 0 : -EINVAL);
		if (cases[i].uid)
			ck_assert_uint_eq(uid, cases[i].disk);
		ck_assert_uint_eq(gid, (gid_t)-1); /* "leave it" stays that */
		uid = (uid_t)-1;
		gid = cases[i].shown;
		ck_assert_int_eq(owner_to_disk(&mapped, &uid, &gid), cases[i].gid ? 0 : -EINVAL);
		if (cases[i].gid)
			ck_assert_uint_eq(gid, cases[i].disk);
	}
	uid = 5, gid = 6;
	ck_assert_int_eq(owner_to_disk(&same, &uid, &gid), 0);
	ck_assert(uid == 5 && gid == 6);
	ck_assert_uint_eq(shown(&same, 5, 4294967294U).st_gid, 4294967294U);
}
END_TEST

START_TEST(squashed)
{
	struct owner_config c = mapped;
	struct stat st;
	uid_t uid = 12345; /* not in the map, which is not asked */
	gid_t gid = 5;

	c.squash_uid = true;
	c.to_uid = 77;
	st = shown(&c, 1000, 1000);
	ck_assert(st.st_uid == 77 && st.st_gid == 0);
	ck_assert_uint_eq(shown(&c, 31337, 1000).st_uid, 77);
	ck_assert_int_eq(owner_to_disk(&c, &uid, &gid), 0);
	ck_assert(uid == (uid_t)-1 && gid == 100004);
	c.squash_gid = true;
	c.to_gid = 78;
	st = shown(&c, 1000, 31337);
	ck_assert(st.st_uid == 77 && st.st_gid == 78);
	gid = 12345;
	ck_assert_int_eq(owner_to_disk(&c, &uid, &gid), 0);
	ck_assert_uint_eq(gid, (gid_t)-1);
}
END_TEST

/* --- records */

static struct stat recorded(const struct owner_config *c, mode_t mode, const char *key,
			    const char *value, size_t size)
{
	const struct fake_xattr xattrs[] = {{key, value, size}, {0}};
	struct place *p = fake_place(false, false);
	struct stat st = {.st_mode = mode, .st_uid = 500, .st_gid = 501, .st_size = 9};

	fake_xattrs = xattrs;
	owner_show(c, p, "file", &st);
	fake_release(p);
	return st;
}

START_TEST(records)
{
	static const char *const keys[] = {OVERRIDE_STAT_XATTR, "user.fuseoverlayfs.override_stat",
					   "security.fuseoverlayfs.override_stat"};
	const struct owner_config c = {.override = OVERRIDE_STAT_XATTR}, none = {0};
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		/* 0600 is what 0200 is on disk, for its owner to read */
		st = recorded(&c, S_IFREG | 0600, keys[i], "3:4:0200", (size_t)-1);
		ck_assert(st.st_uid == 3 && st.st_gid == 4 && st.st_mode == (S_IFREG | 0200));
		ck_assert(owner_is_record(keys[i]));
		st = recorded(&none, S_IFREG | 0600, keys[i], "3:4:0200", (size_t)-1);
		ck_assert(st.st_uid == 500 && st.st_mode == (S_IFREG | 0600));
	}
	ck_assert(!owner_is_record("user.containers.override_sta"));
	ck_assert(!owner_is_record("user.containers.override_state"));
	/* chmod on disk: that counts then */
	st = recorded(&c, S_IFREG | 0640, keys[0], "3:4:0200", (size_t)-1);
	ck_assert(st.st_uid == 3 && st.st_mode == (S_IFREG | 0640));
	st = recorded(&c, S_IFDIR | 0755, keys[0], "3:4:1055:dir", (size_t)-1);
	ck_assert_uint_eq(st.st_mode, S_IFDIR | 0755);
	st = recorded(&c, S_IFDIR | 01755, keys[0], "3:4:1055:dir", (size_t)-1);
	ck_assert_uint_eq(st.st_mode, S_IFDIR | 01055);
	st = recorded(&c, S_IFREG | 0666, keys[0], "0:0:0666:char-1-3", (size_t)-1);
	ck_assert_uint_eq(st.st_mode, S_IFCHR | 0666);
	ck_assert_uint_eq(st.st_rdev, makedev(1, 3));
	ck_assert_int_eq(st.st_size, 0);
	st = recorded(&c, S_IFREG | 0777, keys[0], "0:0:0777:symlink", (size_t)-1);
	ck_assert_uint_eq(st.st_mode, S_IFLNK | 0777);
	ck_assert_int_eq(st.st_size, 9);
	/* a symlink or a device on disk has no record */
	st = recorded(&c, S_IFLNK | 0777, keys[0], "3:4:0200", (size_t)-1);
	ck_assert(st.st_uid == 500 && st.st_mode == (S_IFLNK | 0777));
}
END_TEST

/* The owner recorded is the client's: it is mapped as one on disk is. */
START_TEST(records_are_mapped)
{
	struct owner_config c = mapped;
	struct stat st;

	c.override = OVERRIDE_STAT_XATTR;
	st = recorded(&c, S_IFREG | 0644, c.override, "100004:31337:0644", (size_t)-1);
	ck_assert(st.st_uid == 5 && st.st_gid == 65534);
	c.squash_gid = true;
	c.to_gid = 1;
	st = recorded(&c, S_IFREG | 0644, c.override, "100004:31337:0644", (size_t)-1);
	ck_assert(st.st_uid == 5 && st.st_gid == 1);
}
END_TEST

START_TEST(records_that_are_none)
{
	static const char longest[OVERRIDE_STAT_MAX + 1] = "1:2:0644:file                     "
							   "                                      ";
	static const struct {
		const char *text;
		size_t size;
	} cases[] = {
		{"", 0},
		{"1", (size_t)-1},
		{"1:2", (size_t)-1},
		{"1:2:", (size_t)-1},
		{"1:2:9", (size_t)-1},
		{"-1:2:0644", (size_t)-1},
		{"4294967295:0:0644", (size_t)-1},
		{"0:4294967295:0644", (size_t)-1},
		{"1:2:0644:door", (size_t)-1},
		{"1:2:0644:char-1", (size_t)-1},
		{"1:2:0644:char-1-", (size_t)-1},
		{"1:2:0644:char-4294967296-1", (size_t)-1},
		{"1:2:0644\0:file", 14},
		{"1:2:0644\0", 9},
		{longest, OVERRIDE_STAT_MAX - 1},
		{longest, OVERRIDE_STAT_MAX},
		{longest, OVERRIDE_STAT_MAX + 1},
	};
	const struct owner_config c = {.override = OVERRIDE_STAT_XATTR};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct stat st =
			recorded(&c, S_IFREG | 0600, c.override, cases[i].text, cases[i].size);

		ck_assert_msg(st.st_uid == 500 && st.st_gid == 501 &&
				      st.st_mode == (S_IFREG | 0600),
			      "%zu: %s", i, cases[i].text);
	}
}
END_TEST

/* What is written is read again, by name and by descriptor. */
START_TEST(record_on_disk)
{
	static const struct stat cases[] = {
		{.st_mode = S_IFREG | 0, .st_uid = 0, .st_gid = 4294967294U},
		{.st_mode = S_IFREG | 07777, .st_uid = 1, .st_gid = 2},
		{.st_mode = S_IFLNK | 0777, .st_uid = 3, .st_gid = 4},
		{.st_mode = S_IFIFO | 0600, .st_uid = 3, .st_gid = 4},
		{.st_mode = S_IFSOCK | 0755, .st_uid = 3, .st_gid = 4},
		{.st_mode = S_IFBLK | 0660, .st_rdev = 0x12345},
		{.st_mode = S_IFCHR | 0666, .st_uid = 7},
	};
	const struct owner_config c = {.override = OVERRIDE_STAT_XATTR};
	struct stat st;
	int dirfd;

	if (env_lacks_xattrs())
		return;
	env_file("l0/file", "text");
	env_open(1, false);
	dirfd = place_pin(env_fs.layers[0].root);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_fd_ int fd = openat(dirfd, "file", O_RDWR | O_CLOEXEC);

		ck_assert_int_eq(owner_record(&c, dirfd, "file", &cases[i]), 0);
		ck_assert_int_eq(fchmod(fd, override_stat_disk_mode(cases[i].st_mode, false)), 0);
		for (int by_name = 0; by_name < 2; by_name++) {
			ck_assert_int_eq(fstat(fd, &st), 0);
			if (by_name)
				owner_show(&c, env_fs.layers[0].root, "file", &st);
			else
				owner_show_fd(&c, fd, &st);
			ck_assert_uint_eq(st.st_mode, cases[i].st_mode);
			ck_assert_uint_eq(st.st_uid, cases[i].st_uid);
			ck_assert_uint_eq(st.st_gid, cases[i].st_gid);
			if (S_ISCHR(cases[i].st_mode) || S_ISBLK(cases[i].st_mode))
				ck_assert_uint_eq(st.st_rdev, cases[i].st_rdev);
		}
	}
	place_unpin(env_fs.layers[0].root);
	ck_assert_int_eq(owner_record(&c, env_dir, "nothing", &cases[0]), -ENOENT);
}
END_TEST

/* --- ACLs */

struct acl_entry {
	uint16_t tag, perm;
	uint32_t id;
};

enum { USER_OBJ = 1, USER = 2, GROUP_OBJ = 4, GROUP = 8, MASK = 16, OTHER = 32 };

/* In memory that ends where the ACL does, at an address that is not aligned; *ret_base is to be
 * freed. */
static char *make_acl(uint32_t version, const struct acl_entry *e, size_t n, size_t *ret_size,
		      char **ret_base)
{
	size_t size = 4 + n * 8;
	char *base = xmalloc(size + 1), *acl = base + 1;
	uint32_t le = htole32(version);

	memcpy(acl, &le, 4);
	for (size_t i = 0; i < n; i++) {
		const struct acl_entry disk = {htole16(e[i].tag), htole16(e[i].perm),
					       htole32(e[i].id)};

		memcpy(acl + 4 + i * 8, &disk, 8);
	}
	*ret_size = size;
	*ret_base = base;
	return acl;
}

static uint32_t acl_id(const char *acl, size_t i)
{
	uint32_t le;

	memcpy(&le, acl + 4 + i * 8 + 4, 4);
	return le32toh(le);
}

START_TEST(acl_both_ways)
{
	static const struct acl_entry entries[] = {
		{USER_OBJ, 7, (uint32_t)-1},
		{USER, 6, 0},
		{USER, 5, 10},
		{USER, 4, 65534},
		{GROUP_OBJ, 5, 999},
		{GROUP, 4, 3},
		{MASK, 7, (uint32_t)-1},
		{OTHER, 0, 12345},
	};
	size_t size;
	char *base, *acl = make_acl(2, entries, ARRAY_SIZE(entries), &size, &base), *copy;

	copy = xmemdup(acl, size);
	ck_assert_int_eq(owner_acl_to_disk(&mapped, acl, size), 0);
	ck_assert_uint_eq(acl_id(acl, 0), (uint32_t)-1);
	ck_assert_uint_eq(acl_id(acl, 1), 1000);
	ck_assert_uint_eq(acl_id(acl, 2), 100009);
	ck_assert_uint_eq(acl_id(acl, 3), 65534);
	ck_assert_uint_eq(acl_id(acl, 4), 999); /* ids of these mean nothing */
	ck_assert_uint_eq(acl_id(acl, 5), 100002);
	ck_assert_uint_eq(acl_id(acl, 7), 12345);
	ck_assert_int_eq(owner_acl_to_shown(&mapped, acl, size), 0);
	ck_assert_mem_eq(acl, copy, size);
	free(copy);
	free(base);
}
END_TEST

START_TEST(acl_hostile)
{
	static const struct acl_entry unmapped_user[] = {{USER, 7, 11}},
				      unmapped_group[] = {{GROUP, 7, 65534}},
				      nobody[] = {{USER, 7, (uint32_t)-1}},
				      odd[] = {
					      {0, 0xffff, 7}, {0xffff, 0, 7}, {USER | GROUP, 1, 7}};
	static const struct {
		const struct acl_entry *e;
		size_t n;
	} refused[] = {{unmapped_user, 1}, {unmapped_group, 1}, {nobody, 1}};
	const struct owner_config same = {0};
	size_t size;
	char *base, *acl;

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		acl = make_acl(2, refused[i].e, refused[i].n, &size, &base);
		ck_assert_int_eq(owner_acl_to_disk(&mapped, acl, size), -EINVAL);
		ck_assert_int_eq(owner_acl_to_shown(&mapped, acl, size), -EINVAL);
		/* without a map nothing is looked at: the kernel does that */
		ck_assert_int_eq(owner_acl_to_disk(&same, acl, size), 0);
		free(base);
	}
	/* cut anywhere but between entries */
	acl = make_acl(2, odd, ARRAY_SIZE(odd), &size, &base);
	free(base);
	for (size_t cut = 0; cut <= size; cut++) {
		char *part = xmalloc(cut ? cut : 1);
		bool whole = cut >= 4 && (cut - 4) % 8 == 0;

		acl = make_acl(2, odd, ARRAY_SIZE(odd), &size, &base);
		memcpy(part, acl, cut);
		ck_assert_int_eq(owner_acl_to_disk(&mapped, part, cut), whole ? 0 : -EINVAL);
		ck_assert_int_eq(owner_acl_to_shown(&mapped, part, cut), whole ? 0 : -EINVAL);
		/* ids of tags that are neither a user's nor a group's stay */
		ck_assert(!whole || !memcmp(part, acl, cut));
		free(base);
		free(part);
	}
	for (uint32_t version = 0; version < 4; version++) {
		acl = make_acl(version, odd, 1, &size, &base);
		ck_assert_int_eq(owner_acl_to_disk(&mapped, acl, size), version == 2 ? 0 : -EINVAL);
		free(base);
	}
	acl = make_acl(0x02000000, odd, 1, &size, &base);
	ck_assert_int_eq(owner_acl_to_disk(&mapped, acl, size), -EINVAL);
	free(base);
}
END_TEST

TCase *fuse_owner_case(void)
{
	TCase *tc = tcase_create("owner");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, map_good);
	tcase_add_test(tc, map_bad);
	tcase_add_test(tc, map_as_long_as_the_kernels);
	tcase_add_test(tc, ids);
	tcase_add_test(tc, squashed);
	tcase_add_test(tc, records);
	tcase_add_test(tc, records_are_mapped);
	tcase_add_test(tc, records_that_are_none);
	tcase_add_test(tc, acl_both_ways);
	tcase_add_test(tc, acl_hostile);
	return tc;
}

TCase *fuse_owner_disk_case(void)
{
	TCase *tc = env_case("owner on disk");

	tcase_add_test(tc, record_on_disk);
	return tc;
}
