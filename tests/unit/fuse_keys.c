/* Keys of xattrs: what clients call them, and what they are on disk. */
#include <string.h>

#include "base/mem.h"
#include "format/override_stat.h"
#include "fuse.h"
#include "fuse/marks.h"

static struct overlay of_user(bool trusted)
{
	return (struct overlay){.config = {.trusted = trusted},
				.prefix = trusted ? "trusted.overlay." : "user.overlay."};
}

START_TEST(keys)
{
	static const struct {
		bool trusted;
		const char *client, *disk; /* NULL: has none */
	} cases[] = {
		{false, "user.a", "user.a"},
		{false, "user.overlay", "user.overlay"},
		{false, "user.overlayX", "user.overlayX"},
		{false, "user.overlay.", "user.overlay.overlay."},
		{false, "user.overlay.opaque", "user.overlay.overlay.opaque"},
		{false, "user.overlay.overlay.opaque", "user.overlay.overlay.overlay.opaque"},
		{false, "user.overlay.overlay.", "user.overlay.overlay.overlay."},
		{false, "user.overlay.overlay", "user.overlay.overlay.overlay"},
		{false, NULL, "user.overlay."},
		{false, NULL, "user.overlay.opaque"},
		{false, NULL, "user.overlay.strake.ino"},
		{false, NULL, "user.overlay.overlay"},
		{false, NULL, "user.overlay.overlayX"},
		{false, "user.fuseoverlayfs.opaque", NULL},
		{false, NULL, "user.fuseoverlayfs.opaque"},
		{false, NULL, "user.fuseoverlayfs."},
		{false, "user.fuseoverlayfs", "user.fuseoverlayfs"},
		{false, "trusted.overlay.opaque", "trusted.overlay.opaque"},
		{false, "security.capability", "security.capability"},
		{false, OVERRIDE_STAT_XATTR, OVERRIDE_STAT_XATTR},
		{true, "user.overlay.opaque", "user.overlay.opaque"},
		{true, "trusted.overlay.opaque", "trusted.overlay.overlay.opaque"},
		{true, "trusted.overlay.overlay.x", "trusted.overlay.overlay.overlay.x"},
		{true, NULL, "trusted.overlay.redirect"},
		{true, NULL, "user.fuseoverlayfs.opaque"},
		{true, "user.fuseoverlayfs.opaque", NULL},
	};
	char out[256];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct overlay o = of_user(cases[i].trusted);

		if (cases[i].client)
			ck_assert_pstr_eq(mark_escape(&o, cases[i].client, out), cases[i].disk);
		if (cases[i].disk) {
			ck_assert_pstr_eq(mark_unescape(&o, cases[i].disk, out), cases[i].client);
			ck_assert_int_eq(mark_is_private(&o, cases[i].disk), !cases[i].client);
		}
	}
}
END_TEST

/* Records of owners are hidden when they are in use. */
START_TEST(keys_of_records)
{
	static const char *const records[] = {OVERRIDE_STAT_XATTR,
					      "user.fuseoverlayfs.override_stat",
					      "security.fuseoverlayfs.override_stat"};
	struct overlay o = of_user(false);
	char out[256];

	o.config.owner.override = OVERRIDE_STAT_XATTR;
	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		ck_assert_ptr_null(mark_escape(&o, records[i], out));
		ck_assert_ptr_null(mark_unescape(&o, records[i], out));
	}
	ck_assert_ptr_nonnull(mark_escape(&o, "user.containers.other", out));
}
END_TEST

/* As long as the kernel lets a key be: 255 bytes. What would be longer on disk is refused, never
 * cut. */
START_TEST(keys_of_any_length)
{
	for (int trusted = 0; trusted < 2; trusted++) {
		const struct overlay o = of_user(trusted);
		const size_t prefix = strlen(o.prefix), escape = strlen("overlay.");

		for (size_t len = prefix + 1; len <= 255; len++) {
			char key[256], disk[256], back[256];
			const char *on_disk;

			memset(key, 'k', len);
			memcpy(key, o.prefix, prefix);
			key[len] = '\0';
			on_disk = mark_escape(&o, key, disk);
			if (len + escape > 255) {
				ck_assert_ptr_null(on_disk);
			} else {
				ck_assert_uint_eq(strlen(on_disk), len + escape);
				ck_assert_str_eq(mark_unescape(&o, on_disk, back), key);
			}
			/* as it is on disk it is private, and a long one escaped is not cut */
			ck_assert(mark_is_private(&o, key));
			memcpy(key, "user.", 5);
			memset(key + 5, 'k', len - 5);
			ck_assert_str_eq(mark_escape(&o, key, disk), key);
			ck_assert_str_eq(mark_unescape(&o, key, back), key);
		}
	}
}
END_TEST

TCase *fuse_keys_case(void)
{
	TCase *tc = tcase_create("keys");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, keys);
	tcase_add_test(tc, keys_of_records);
	tcase_add_test(tc, keys_of_any_length);
	return tc;
}
