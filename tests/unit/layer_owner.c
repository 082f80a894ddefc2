/* The sidecar of owners. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "layer/owner.h"
#include "layer_env.h"

static const struct override_stat one = {.uid = 1, .gid = 2, .mode = 0640};
static const struct override_stat two = {
	.uid = 3, .gid = 4, .mode = 0600, .type = S_IFCHR, .major = 5, .minor = 6};

START_TEST(add_find_remove)
{
	struct owners *o = owners_new();

	ck_assert(owners_is_empty(o));
	ck_assert_ptr_null(owners_find(o, "a"));
	owners_add(o, "a", &one);
	owners_add(o, "a/b", &one);
	owners_add(o, "ab", &one);
	owners_add(o, "a", &two);
	ck_assert(!owners_is_empty(o));
	ck_assert_int_eq(owners_find(o, "a")->uid, 3);
	ck_assert_int_eq(owners_find(o, "a/b")->uid, 1);
	owners_remove(o, "a");
	ck_assert_ptr_null(owners_find(o, "a"));
	ck_assert_ptr_null(owners_find(o, "a/b"));
	ck_assert_ptr_nonnull(owners_find(o, "ab"));
	owners_add(o, "a", &one);
	ck_assert_int_eq(owners_find(o, "a")->uid, 1);
	ck_assert(!owners_is_full(o));
	owners_free(o);
}
END_TEST

START_TEST(many)
{
	struct owners *o = owners_new(), *again = NULL;
	struct err err = ERR_INIT;
	char path[64];

	for (unsigned int i = 0; i < 5000; i++) {
		struct override_stat s = {.uid = i, .mode = 0644};

		snprintf(path, sizeof(path), "dir%u/a\nname %u", i % 7, i);
		owners_add(o, path, &s);
		if (i % 7 == 3)
			owners_remove(o, path);
	}
	env_new_layer();
	ck_assert_int_eq(owners_save(o, env_layer, &err), 0);
	ck_assert_int_eq(owners_load(env_layer, &again, &err), 0);
	for (unsigned int i = 0; i < 5000; i++) {
		const struct override_stat *s;

		snprintf(path, sizeof(path), "dir%u/a\nname %u", i % 7, i);
		s = owners_find(again, path);
		ck_assert(i % 7 == 3 ? s == NULL : s != NULL && s->uid == i);
	}
	owners_free(o);
	owners_free(again);
}
END_TEST

START_TEST(nothing_to_save)
{
	struct owners *o = owners_new(), *again = NULL;
	struct err err = ERR_INIT;

	env_new_layer();
	ck_assert_int_eq(owners_save(o, env_layer, &err), 0);
	ck_assert_int_lt(faccessat(env_layer, "owners", F_OK, 0), 0);
	ck_assert_int_eq(owners_load(env_layer, &again, &err), 0);
	ck_assert(owners_is_empty(again));
	owners_free(o);
	owners_free(again);
}
END_TEST

START_TEST(damaged_file)
{
	static const char *const texts[] = {
		"", "strake-owners 2\n0:0:644 a", "strake-owners 1\n0:0:644 a",
		"strake-owners 1\n0:0:644", "strake-owners 1\nx:0:644 a"};
	static const size_t lens[] = {0, 25, 25, 23, 25};

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct owners *o = NULL;
		struct err err = ERR_INIT;
		int fd;

		env_new_layer();
		fd = openat(env_layer, "owners", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		ck_assert_int_eq(fd_write_all(fd, texts[i], lens[i]), 0);
		close(fd);
		ck_assert_int_eq(owners_load(env_layer, &o, &err), -EBADMSG);
		ck_assert_ptr_null(o);
		ck_assert_ptr_nonnull(strstr(err.msg, "damaged"));
	}
}
END_TEST

TCase *layer_owner_case(void)
{
	TCase *c = tcase_create("owners");

	tcase_add_checked_fixture(c, env_setup, env_teardown);
	tcase_add_test(c, add_find_remove);
	tcase_add_test(c, many);
	tcase_add_test(c, nothing_to_save);
	tcase_add_test(c, damaged_file);
	return c;
}
