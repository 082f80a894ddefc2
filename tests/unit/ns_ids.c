/* The pure part: /etc/subuid, and the layout of maps. */
#include "ns.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "ns/idmap.h"

/* Parses for alice (1000) as identity_choose() does: the own id is in the map already. */
static uint64_t parse(const char *text, struct idmap *map)
{
	idmap_one(map, 0, 1000);
	return subid_parse(text, "alice", 1000, 1, 65536, map);
}

static void check_range(const struct idmap *map, size_t i, uint32_t inside, uint32_t outside,
			uint32_t count)
{
	ck_assert_uint_lt(i, map->n);
	ck_assert_uint_eq(map->ranges[i].inside, inside);
	ck_assert_uint_eq(map->ranges[i].outside, outside);
	ck_assert_uint_eq(map->ranges[i].count, count);
}

/* What the kernel asks of a map: no overlap on either side, no id above 2^32 - 2. */
static void check_valid(const struct idmap *map)
{
	ck_assert_uint_le(map->n, IDMAP_MAX);
	for (size_t i = 0; i < map->n; i++) {
		const struct idmap_range *a = &map->ranges[i];

		ck_assert_uint_gt(a->count, 0);
		ck_assert_uint_le((uint64_t)a->inside + a->count, UINT32_MAX);
		ck_assert_uint_le((uint64_t)a->outside + a->count, UINT32_MAX);
		for (size_t k = 0; k < i; k++) {
			const struct idmap_range *b = &map->ranges[k];

			ck_assert(a->inside >= b->inside + b->count ||
				  b->inside >= a->inside + a->count);
			ck_assert(a->outside >= b->outside + b->count ||
				  b->outside >= a->outside + a->count);
		}
	}
}

START_TEST(subid_by_name_and_number)
{
	struct idmap map;

	ck_assert_uint_eq(parse("bob:1:2\nalice:100000:65536\ncarol:3:4\n", &map), 65536);
	ck_assert_uint_eq(map.n, 2);
	check_range(&map, 1, 1, 100000, 65536);

	ck_assert_uint_eq(parse("1000:200000:10", &map), 10);
	check_range(&map, 1, 1, 200000, 10);

	/* no newline at the end; several lines, in the order of the file */
	ck_assert_uint_eq(parse("alice:300000:5\n1000:200000:10\nalice:100000:7", &map), 22);
	check_range(&map, 1, 1, 300000, 5);
	check_range(&map, 2, 6, 200000, 10);
	check_range(&map, 3, 16, 100000, 7);
}
END_TEST

START_TEST(subid_other_users)
{
	static const char *const texts[] = {
		"",
		"\n\n\n",
		"alicex:1:2\n",
		"alic:1:2\n",
		"Alice:1:2\n",
		"10000:1:2\n",
		"100:1:2\n",
		"01000:1:2\n",
		" alice:1:2\n",
		"alice :1:2\n",
		"x:alice:1:2\n",
		"#alice:1:2\n",
	};
	struct idmap map;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		ck_assert_msg(parse(texts[i], &map) == 0, "'%s'", texts[i]);
		ck_assert_uint_eq(map.n, 1);
	}
	/* a user without a name has only the number, and "" is nobody's */
	idmap_one(&map, 0, 1000);
	ck_assert_uint_eq(subid_parse(":100000:5\n", "", 1000, 1, 65536, &map), 0);
	ck_assert_uint_eq(subid_parse("1000:100000:5\n", NULL, 1000, 1, 65536, &map), 5);
}
END_TEST

START_TEST(subid_bad_lines)
{
	static const char *const texts[] = {
		"alice",
		"alice:",
		"alice::",
		"alice:1",
		"alice:1:",
		"alice:1:0",
		"alice::5",
		"alice:-1:5",
		"alice:+1:5",
		"alice:1:-5",
		"alice: 1:5",
		"alice:1:5 ",
		"alice:1:5\r",
		"alice:1:5:6",
		"alice:0x10:5",
		"alice:1.5:5",
		"alice:4294967295:1",
		"alice:4294967296:5",
		"alice:18446744073709551616:5",
		"alice:1:18446744073709551617",
		"alice:99999999999999999999:1",
		"alice:1:4294967296",
		":",
		"::",
		":::",
		"alice:a:b",
	};
	struct idmap map;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_free_ char *text = xasprintf("%s\nalice:100000:3\n", texts[i]);

		ck_assert_msg(parse(text, &map) == 3, "'%s'", texts[i]);
		check_range(&map, 1, 1, 100000, 3);
	}
}
END_TEST

START_TEST(subid_bounds)
{
	struct idmap map;

	/* at most 65536, over several lines */
	ck_assert_uint_eq(parse("alice:100000:65000\nalice:200000:65000\nalice:300000:9\n", &map),
			  65536);
	ck_assert_uint_eq(map.n, 3);
	check_range(&map, 2, 65001, 200000, 536);
	/* the last ids there are: 2^32 - 1 is none */
	ck_assert_uint_eq(parse("alice:4294967290:100\n", &map), 5);
	check_range(&map, 1, 1, 4294967290U, 5);
	ck_assert_uint_eq(parse("alice:0:4294967295\n", &map), 65536);
	check_valid(&map);
	/* more lines than a map has ranges */
	ck_assert_uint_eq(
		parse("alice:1:1\nalice:3:1\nalice:5:1\nalice:7:1\nalice:9:1\nalice:11:1\n"
		      "alice:13:1\nalice:15:1\nalice:17:1\n",
		      &map),
		IDMAP_MAX - 1);
	ck_assert_uint_eq(map.n, IDMAP_MAX);
	check_valid(&map);
	idmap_one(&map, 0, 1000);
	ck_assert_uint_eq(subid_parse("alice:1:5\n", "alice", 1000, 1, 0, &map), 0);
	ck_assert_uint_eq(subid_parse("alice:1:5\n", "alice", 1000, UINT32_MAX - 3, 65536, &map),
			  0);
}
END_TEST

START_TEST(subid_overlaps)
{
	struct idmap map;

	/* twice the same */
	ck_assert_uint_eq(parse("alice:100000:10\nalice:100000:10\n", &map), 10);
	ck_assert_uint_eq(map.n, 2);
	/* one end over another */
	ck_assert_uint_eq(parse("alice:100000:10\nalice:100005:10\n", &map), 15);
	check_range(&map, 2, 11, 100010, 5);
	ck_assert_uint_eq(parse("alice:100005:10\nalice:100000:10\n", &map), 15);
	check_range(&map, 2, 11, 100000, 5);
	/* around another, and around the own id */
	ck_assert_uint_eq(parse("alice:100005:2\nalice:100000:10\n", &map), 10);
	check_range(&map, 2, 3, 100000, 5);
	check_range(&map, 3, 8, 100007, 3);
	ck_assert_uint_eq(parse("alice:500:1000\n", &map), 999);
	check_range(&map, 1, 1, 500, 500);
	check_range(&map, 2, 501, 1001, 499);
	ck_assert_uint_eq(parse("alice:1000:1\n", &map), 0);
	check_valid(&map);
}
END_TEST

START_TEST(subid_hostile_text)
{
	static const char alphabet[] = "alice:1000:65536\n:\n0429496729516 #\t";
	char text[256];
	unsigned int seed = 1;

	for (int round = 0; round < 20000; round++) {
		struct idmap map;
		size_t n = 0;

		for (; n < sizeof(text) - 1; n++) {
			seed = seed * 1103515245 + 12345;
			/* mostly well formed */
			if ((seed >> 28) < 6 && n + 8 < sizeof(text)) {
				memcpy(text + n, "\nalice:", 7);
				n += 6;
				continue;
			}
			text[n] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
		}
		text[n] = '\0';
		ck_assert_uint_le(parse(text, &map), 65536);
		check_valid(&map);
		idmap_keep_own(&map);
		check_valid(&map);
		ck_assert(idmap_has(&map, 1000));
	}
}
END_TEST

START_TEST(keep_own_layout)
{
	struct idmap map;

	ck_assert_uint_eq(parse("alice:100000:65536\n", &map), 65536);
	idmap_keep_own(&map);
	ck_assert_uint_eq(map.n, 3);
	check_range(&map, 0, 1000, 1000, 1);
	check_range(&map, 1, 0, 100000, 1000);
	check_range(&map, 2, 1001, 101000, 64536);
	ck_assert(idmap_has(&map, 65536));
	ck_assert(!idmap_has(&map, 65537));

	/* two ranges, the own id in the second's place */
	parse("alice:100000:600\nalice:200000:600\n", &map);
	idmap_keep_own(&map);
	ck_assert_uint_eq(map.n, 4);
	check_range(&map, 1, 0, 100000, 600);
	check_range(&map, 2, 600, 200000, 400);
	check_range(&map, 3, 1001, 200400, 200);

	/* an own id above all of them */
	parse("alice:100000:10\n", &map);
	map.ranges[0].outside = 4000000000U;
	idmap_keep_own(&map);
	ck_assert_uint_eq(map.n, 2);
	check_range(&map, 0, 4000000000U, 4000000000U, 1);
	check_range(&map, 1, 0, 100000, 10);

	/* root, and nobody else's ids */
	idmap_one(&map, 0, 0);
	ck_assert_uint_eq(subid_parse("root:100000:10\n", "root", 0, 1, 65536, &map), 10);
	idmap_keep_own(&map);
	check_range(&map, 0, 0, 0, 1);
	check_range(&map, 1, 1, 100000, 10);
	idmap_one(&map, 0, 7);
	idmap_keep_own(&map);
	ck_assert_uint_eq(map.n, 1);
	check_range(&map, 0, 7, 7, 1);
}
END_TEST

START_TEST(map_questions)
{
	struct idmap map;
	char text[IDMAP_TEXT_MAX];

	parse("alice:100000:10\nalice:4294967290:4\n", &map);
	ck_assert(idmap_has(&map, 0));
	ck_assert(idmap_has(&map, 14));
	ck_assert(!idmap_has(&map, 15));
	ck_assert(!idmap_has(&map, UINT32_MAX));
	ck_assert_uint_eq(idmap_text(&map, text), strlen(text));
	ck_assert_str_eq(text, "0 1000 1\n1 100000 10\n11 4294967290 4\n");

	ck_assert(idmap_within(&map, "         0          0 4294967295\n"));
	ck_assert(idmap_within(&map, "0 0 100003\n100003 5 4294867292\n"));
	ck_assert(idmap_within(&map, "100003 5 4294867292\n0 0 100003\n"));
	ck_assert(!idmap_within(&map, "0 0 100003\n100004 5 4294867291\n"));
	ck_assert(!idmap_within(&map, "0 1000 1\n"));
	ck_assert(!idmap_within(&map, ""));
	ck_assert(!idmap_within(&map, "nonsense\n0 0"));
	map.n = 0;
	ck_assert(idmap_within(&map, ""));
	ck_assert_uint_eq(idmap_text(&map, text), 0);
	ck_assert_str_eq(text, "");

	/* the longest text there can be */
	map.n = IDMAP_MAX;
	for (size_t i = 0; i < IDMAP_MAX; i++)
		map.ranges[i] = (struct idmap_range){UINT32_MAX, UINT32_MAX, UINT32_MAX};
	ck_assert_uint_eq(idmap_text(&map, text), IDMAP_TEXT_MAX - 1);
}
END_TEST

START_TEST(next_free)
{
	ck_assert_uint_eq(subid_next_free(""), 100000);
	ck_assert_uint_eq(subid_next_free("a:1:2\nnonsense\n"), 100000);
	ck_assert_uint_eq(subid_next_free("a:165536:65536\nb:100000:65536\n"), 231072);
	ck_assert_uint_eq(subid_next_free("a:100000:4294867295\n"), 0);
}
END_TEST

START_TEST(mode_words)
{
	enum userns_mode mode;
	struct err err = ERR_INIT;

	ck_assert_int_eq(userns_mode_parse("auto", &mode, &err), 0);
	ck_assert_int_eq(mode, USERNS_AUTO);
	ck_assert_int_eq(userns_mode_parse("range", &mode, &err), 0);
	ck_assert_int_eq(mode, USERNS_RANGE);
	ck_assert_int_eq(userns_mode_parse("single", &mode, &err), 0);
	ck_assert_int_eq(mode, USERNS_SINGLE);
	ck_assert_int_eq(userns_mode_parse("keep-id", &mode, &err), 0);
	ck_assert_int_eq(mode, USERNS_KEEP_ID);
	ck_assert_int_eq(userns_mode_parse("host", &mode, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "'host'"));
	ck_assert_ptr_nonnull(strstr(err.msg, "keep-id"));
	ck_assert_int_eq(userns_mode_parse("", &mode, &err), -EINVAL);
}
END_TEST

TCase *ns_case_ids(void)
{
	TCase *c = tcase_create("ids");

	tcase_add_test(c, subid_by_name_and_number);
	tcase_add_test(c, subid_other_users);
	tcase_add_test(c, subid_bad_lines);
	tcase_add_test(c, subid_bounds);
	tcase_add_test(c, subid_overlaps);
	tcase_add_test(c, subid_hostile_text);
	tcase_add_test(c, keep_own_layout);
	tcase_add_test(c, map_questions);
	tcase_add_test(c, next_free);
	tcase_add_test(c, mode_words);
	return c;
}
