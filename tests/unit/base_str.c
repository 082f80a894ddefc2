/* str: numbers, sizes, ages and times. */
#include "base.h"

#include "base/str.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>

START_TEST(comparisons)
{
	ck_assert(str_eq("a", "a") && !str_eq("a", "b") && str_eq(NULL, NULL));
	ck_assert(!str_eq(NULL, "") && !str_eq("", NULL));
	ck_assert(str_starts("abc", "ab") && str_starts("abc", "") && !str_starts("ab", "abc"));
	ck_assert(str_ends("abc", "bc") && str_ends("abc", "") && !str_ends("bc", "abc"));
	ck_assert(str_is_empty(NULL) && str_is_empty("") && !str_is_empty(" "));
}
END_TEST

START_TEST(numbers)
{
	static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "0x10", "1.0", "a", "1a"};
	uint64_t v = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(str_to_u64(bad[i], UINT64_MAX, &v) == -EINVAL, "'%s'", bad[i]);
	ck_assert_int_eq(str_to_u64(NULL, UINT64_MAX, &v), -EINVAL);
	ck_assert_int_eq(str_to_u64("18446744073709551616", UINT64_MAX, &v), -ERANGE);
	ck_assert_int_eq(str_to_u64("99999999999999999999999999", UINT64_MAX, &v), -ERANGE);
	/* not a number at all, though its beginning is out of range */
	ck_assert_int_eq(str_to_u64("99999999999999999999999999x", UINT64_MAX, &v), -EINVAL);
	ck_assert_int_eq(str_to_u64("101", 100, &v), -ERANGE);
	ck_assert_uint_eq(v, 7);
	ck_assert_int_eq(str_to_u64("18446744073709551615", UINT64_MAX, &v), 0);
	ck_assert(v == UINT64_MAX);
	ck_assert_int_eq(str_to_u64("0100", 100, &v), 0);
	ck_assert_uint_eq(v, 100);
	ck_assert_int_eq(str_to_u64("0", 0, &v), 0);
	ck_assert_uint_eq(v, 0);
}
END_TEST

START_TEST(sizes)
{
	static const struct {
		const char *text;
		int r;
		uint64_t bytes;
	} cases[] = {
		{"100", 0, 100},
		{"0", 0, 0},
		{"100b", 0, 100},
		{"64m", 0, 64ULL << 20},
		{"64M", 0, 64ULL << 20},
		{"64mb", 0, 64ULL << 20},
		{"64MB", 0, 64ULL << 20},
		{"2k", 0, 2048},
		{"1.5g", 0, 3ULL << 29},
		{"0.5t", 0, 1ULL << 39},
		{"1.000000001g", 0, 1ULL << 30},
		{"1.25k", 0, 1280},
		{"0.999999999999999999999999999k", 0, 1023},
		{"16777215t", 0, 16777215ULL << 40},
		{"16777216t", -ERANGE, 0},
		{"99999999999999999999", -ERANGE, 0},
		{"18446744073709551615", 0, UINT64_MAX},
		{"", -EINVAL, 0},
		{"m", -EINVAL, 0},
		{".5g", -EINVAL, 0},
		{"1.g", -EINVAL, 0},
		{"1..5g", -EINVAL, 0},
		{"-1m", -EINVAL, 0},
		{"+1m", -EINVAL, 0},
		{" 1m", -EINVAL, 0},
		{"1 m", -EINVAL, 0},
		{"1mm", -EINVAL, 0},
		{"1bb", -EINVAL, 0},
		{"1mbb", -EINVAL, 0},
		{"1x", -EINVAL, 0},
		{"0x10", -EINVAL, 0},
		{"1e3", -EINVAL, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t v = 0;
		int r = str_to_size(cases[i].text, &v);

		ck_assert_msg(r == cases[i].r && v == cases[i].bytes, "'%s': %d, %" PRIu64,
			      cases[i].text, r, v);
	}
	ck_assert_int_eq(str_to_size(NULL, NULL), -EINVAL);
}
END_TEST

START_TEST(shown_sizes)
{
	char out[16];

	ck_assert_str_eq(str_size(0, out), "0 B");
	ck_assert_str_eq(str_size(999, out), "999 B");
	ck_assert_str_eq(str_size(1000, out), "1 kB");
	ck_assert_str_eq(str_size(1500000, out), "1.5 MB");
	ck_assert_str_eq(str_size(77800000, out), "77.8 MB");
	ck_assert_str_eq(str_size(999499, out), "999 kB");
	ck_assert_str_eq(str_size(999500, out), "1 MB");
	ck_assert_str_eq(str_size(999999, out), "1 MB");
	ck_assert_str_eq(str_size(1234567890123ULL, out), "1.23 TB");
	ck_assert_str_eq(str_size(UINT64_MAX, out), "18.4 EB");
}
END_TEST

START_TEST(ages)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = {
		{-5, "Less than a second ago"},
		{0, "Less than a second ago"},
		{1, "1 second ago"},
		{59, "59 seconds ago"},
		{60, "About a minute ago"},
		{119, "About a minute ago"},
		{120, "2 minutes ago"},
		{3599, "59 minutes ago"},
		{3600, "About an hour ago"},
		{5399, "About an hour ago"},
		{5400, "2 hours ago"},
		{47 * 3600, "47 hours ago"},
		{48 * 3600, "2 days ago"},
		{3 * 86400, "3 days ago"},
		{14 * 86400, "2 weeks ago"},
		{60 * 86400, "2 months ago"},
		{365 * 86400, "12 months ago"},
		{730 * 86400, "2 years ago"},
		{INT64_MAX, "292471208677 years ago"},
		{INT64_MIN, "Less than a second ago"},
	};
	char out[32];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_str_eq(str_ago(cases[i].seconds, out), cases[i].text);
}
END_TEST

START_TEST(times)
{
	static const struct {
		const char *text;
		int64_t t;
	} good[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"2024-01-02T03:04:05Z", 1704164645},
		{"2024-01-02T03:04:05.123456789Z", 1704164645},
		{"2024-01-02T05:04:05+02:00", 1704164645},
		{"2024-01-01T19:34:05-07:30", 1704164645},
		{"2024-01-02t03:04:05z", 1704164645},
		{"2024-02-29T00:00:00Z", 1709164800},
		{"2000-02-29T23:59:60Z", 951868800},
		{"0001-01-01T00:00:00Z", -62135596800},
		{"9999-12-31T23:59:59Z", 253402300799},
		{"1969-12-31T23:59:59Z", -1},
	};
	static const char *const bad[] = {
		"",
		"2024",
		"2024-01-02",
		"2024-01-02T03:04:05",
		"2024-01-02 03:04:05Z",
		"2024-13-02T03:04:05Z",
		"2024-00-02T03:04:05Z",
		"2024-01-32T03:04:05Z",
		"2024-01-00T03:04:05Z",
		"2023-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z",
		"2024-01-02T24:04:05Z",
		"2024-01-02T03:60:05Z",
		"2024-01-02T03:04:61Z",
		"2024-01-02T03:04:05.Z",
		"2024-01-02T03:04:05Zx",
		"2024-01-02T03:04:05+0200",
		"2024-01-02T03:04:05+02:60",
		"2024-01-02T03:04:05+24:00",
		"-024-01-02T03:04:05Z",
		"24-01-02T03:04:05Z",
	};
	int64_t t;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_msg(str_to_time(good[i].text, &t) == 0, "%s", good[i].text);
		ck_assert_msg(t == good[i].t, "%s: %" PRId64, good[i].text, t);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(str_to_time(bad[i], &t) == -EINVAL, "'%s'", bad[i]);
	ck_assert_int_eq(str_to_time(NULL, &t), -EINVAL);
}
END_TEST

/* The C library's calendar agrees on every day of four centuries. */
START_TEST(calendar)
{
	for (int64_t day = -800; day < 400 * 366; day += 1) {
		time_t t = (time_t)(day * 86400 + 12345);
		char text[64], ours[32];
		struct tm tm;
		int64_t back;

		gmtime_r(&t, &tm);
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
		ck_assert_int_eq(str_to_time(text, &back), 0);
		ck_assert_int_eq(back, t);
		ck_assert_str_eq(str_time(t, ours), text);
	}
}
END_TEST

START_TEST(shown_times)
{
	char out[32];

	ck_assert_str_eq(str_time(0, out), "1970-01-01T00:00:00Z");
	ck_assert_str_eq(str_time(-62135596800, out), "0001-01-01T00:00:00Z");
	ck_assert_str_eq(str_time(INT64_MAX, out), "9999-12-31T23:59:59Z");
	ck_assert_str_eq(str_time(INT64_MIN, out), "0000-01-01T00:00:00Z");
}
END_TEST

START_TEST(hex)
{
	char out[9];

	str_hex("\x00\x9f\xff\x0a", 4, out);
	ck_assert_str_eq(out, "009fff0a");
	str_hex("", 0, out);
	ck_assert_str_eq(out, "");
}
END_TEST

TCase *base_str(void)
{
	TCase *tc = tcase_create("str");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, comparisons);
	tcase_add_test(tc, numbers);
	tcase_add_test(tc, sizes);
	tcase_add_test(tc, shown_sizes);
	tcase_add_test(tc, ages);
	tcase_add_test(tc, times);
	tcase_add_test(tc, calendar);
	tcase_add_test(tc, shown_times);
	tcase_add_test(tc, hex);
	return tc;
}
