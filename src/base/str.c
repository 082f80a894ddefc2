#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <time.h>

bool str_eq(const char *a, const char *b)
{
	if (!a || !b)
		return a == b;
	return strcmp(a, b) == 0;
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t a = strlen(s), b = strlen(suffix);

	return a >= b && memcmp(s + a - b, suffix, b) == 0;
}

bool str_is_empty(const char *s)
{
	return !s || !*s;
}

static bool str_digit(char c)
{
	return c >= '0' && c <= '9';
}

int str_to_u64(const char *s, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;
	bool over = false;

	if (!s || !*s)
		return -EINVAL;
	for (; *s; s++) {
		if (!str_digit(*s))
			return -EINVAL;
		over |= __builtin_mul_overflow(v, (uint64_t)10, &v);
		over |= __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v);
	}
	if (over || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

/* The unit's shift behind a size, 0 for bytes; -EINVAL for anything else. */
static int str_size_unit(const char *s)
{
	static const char units[] = "bkmgt";
	const char *p;

	if (!*s)
		return 0;
	p = strchr(units, tolower((unsigned char)*s));
	if (!p)
		return -EINVAL;
	s++;
	if (p != units && (*s == 'b' || *s == 'B'))
		s++;
	return *s ? -EINVAL : 10 * (int)(p - units);
}

int str_to_size(const char *s, uint64_t *ret)
{
	uint64_t whole = 0, fraction = 0, scale = 1, v;
	bool over = false;
	int shift;

	if (!s || !str_digit(*s))
		return -EINVAL;
	for (; str_digit(*s); s++) {
		over |= __builtin_mul_overflow(whole, (uint64_t)10, &whole);
		over |= __builtin_add_overflow(whole, (uint64_t)(*s - '0'), &whole);
	}
	if (*s == '.') {
		if (!str_digit(*++s))
			return -EINVAL;
		/* six digits keep fraction << 40 within 64 bits; further ones weigh less than a
		 * millionth of the unit */
		for (; str_digit(*s); s++) {
			if (scale >= 1000000)
				continue;
			fraction = fraction * 10 + (uint64_t)(*s - '0');
			scale *= 10;
		}
	}
	shift = str_size_unit(s);
	if (shift < 0)
		return shift;
	over |= __builtin_mul_overflow(whole, (uint64_t)1 << shift, &v);
	over |= __builtin_add_overflow(v, (fraction << shift) / scale, &v);
	if (over)
		return -ERANGE;
	*ret = v;
	return 0;
}

char *str_size(uint64_t bytes, char out[16])
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	double v = (double)bytes;
	size_t u = 0;

	/* 999.5 would be printed as 1e+03 */
	while (v >= 999.5 && u + 1 < sizeof(units) / sizeof(units[0])) {
		v /= 1000;
		u++;
	}
	snprintf(out, 16, "%.3g %s", v, units[u]);
	return out;
}

/* The steps and words of github.com/docker/go-units, HumanDuration(). */
char *str_ago(int64_t seconds, char out[32])
{
	long long s = seconds, hours = s / 3600 + (s % 3600 >= 1800);

	if (s < 1)
		snprintf(out, 32, "Less than a second ago");
	else if (s == 1)
		snprintf(out, 32, "1 second ago");
	else if (s < 60)
		snprintf(out, 32, "%lld seconds ago", s);
	else if (s < 120)
		snprintf(out, 32, "About a minute ago");
	else if (s < 3600)
		snprintf(out, 32, "%lld minutes ago", s / 60);
	else if (hours == 1)
		snprintf(out, 32, "About an hour ago");
	else if (hours < 48)
		snprintf(out, 32, "%lld hours ago", hours);
	else if (hours < 24 * 7 * 2)
		snprintf(out, 32, "%lld days ago", hours / 24);
	else if (hours < 24 * 30 * 2)
		snprintf(out, 32, "%lld weeks ago", hours / 24 / 7);
	else if (hours < 24 * 365 * 2)
		snprintf(out, 32, "%lld months ago", hours / 24 / 30);
	else
		snprintf(out, 32, "%lld years ago", hours / 24 / 365);
	return out;
}

/* n digits at *p, moved past; -1 when they are not there. */
static int str_digits(const char **p, int n)
{
	int v = 0;

	while (n-- > 0) {
		if (!str_digit(**p))
			return -1;
		v = v * 10 + (*(*p)++ - '0');
	}
	return v;
}

/* Days from 1970-01-01 to a date of the proleptic Gregorian calendar. The year is made to begin in
 * March, so that the leap day is its last. */
static int64_t str_days(int year, int month, int day)
{
	int y = month <= 2 ? year - 1 : year;
	int era = (y >= 0 ? y : y - 399) / 400;
	int yoe = y - era * 400;
	int doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return (int64_t)era * 146097 + doe - 719468;
}

static int str_month_days(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* "Z" or "+hh:mm" at the end of s, as seconds east. Returns false when it is anything else. */
static bool str_zone(const char *s, int *ret)
{
	int sign, h, m;

	*ret = 0;
	if (*s == 'Z' || *s == 'z')
		return s[1] == '\0';
	if (*s != '+' && *s != '-')
		return false;
	sign = *s++ == '-' ? -1 : 1;
	h = str_digits(&s, 2);
	if (h < 0 || h > 23 || *s++ != ':')
		return false;
	m = str_digits(&s, 2);
	if (m < 0 || m > 59 || *s)
		return false;
	*ret = sign * (h * 3600 + m * 60);
	return true;
}

int str_to_time(const char *rfc3339, int64_t *ret)
{
	/* the character behind each field */
	static const char seps[] = "--T::";
	static const int widths[] = {4, 2, 2, 2, 2, 2};
	const char *p = rfc3339;
	int f[6], zone;

	if (!p)
		return -EINVAL;
	for (int i = 0; i < 6; i++) {
		f[i] = str_digits(&p, widths[i]);
		if (f[i] < 0)
			return -EINVAL;
		if (i < 5 && (seps[i] == 'T' ? *p != 'T' && *p != 't' : *p != seps[i]))
			return -EINVAL;
		if (i < 5)
			p++;
	}
	if (*p == '.') {
		if (!str_digit(*++p))
			return -EINVAL;
		while (str_digit(*p))
			p++;
	}
	if (f[1] < 1 || f[1] > 12 || f[2] < 1 || f[2] > str_month_days(f[0], f[1]) || f[3] > 23 ||
	    f[4] > 59 || f[5] > 60 || !str_zone(p, &zone))
		return -EINVAL;
	*ret = str_days(f[0], f[1], f[2]) * 86400 + f[3] * 3600 + f[4] * 60 + f[5] - zone;
	return 0;
}

char *str_time(int64_t t, char out[32])
{
	/* 0000-01-01 and 9999-12-31T23:59:59, the ends of RFC 3339 */
	const int64_t first = -62167219200LL, last = 253402300799LL;
	time_t clamped = (time_t)(t < first ? first : t > last ? last : t);
	struct tm tm;

	gmtime_r(&clamped, &tm);
	if (!strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		out[0] = '\0';
	/* %Y has no leading zeros below the year 1000 */
	if (tm.tm_year + 1900 < 1000)
		snprintf(out, 32, "%04d-%02d-%02dT%02d:%02d:%02dZ", (tm.tm_year + 1900) % 10000,
			 (tm.tm_mon + 1) % 100, tm.tm_mday % 100, tm.tm_hour % 100, tm.tm_min % 100,
			 tm.tm_sec % 100);
	return out;
}

void str_hex(const void *bytes, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = bytes;

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}
