#include "registry/retry.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "base/mem.h"
#include "base/str.h"

#define DELAY_MAX_MS 30000

bool retry_status(long status)
{
	return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
	       status == 504;
}

int64_t retry_delay(unsigned int failures, int64_t base_ms)
{
	int64_t delay = base_ms;
	uint16_t random = 0;

	for (unsigned int i = 1; i < failures && delay < DELAY_MAX_MS; i++)
		delay *= 2;
	if (delay > DELAY_MAX_MS)
		delay = DELAY_MAX_MS;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = (uint16_t)time(NULL);
	return delay / 2 + (delay - delay / 2) * random / UINT16_MAX;
}

int64_t retry_after(const char *value, time_t now)
{
	uint64_t seconds;
	time_t date;
	int r;

	r = str_to_u64(value, INT32_MAX, &seconds);
	if (r == 0)
		return (int64_t)seconds;
	if (r == -ERANGE)
		return INT32_MAX;
	/* curl's date parser takes every form of RFC 9110, 5.6.7, and more: digits alone are no
	 * date. */
	if (!strchr(value, ' '))
		return -1;
	date = curl_getdate(value, NULL);
	if (date == (time_t)-1)
		return -1;
	return date > now ? (int64_t)(date - now) : 0;
}

/* Digits from *p up to `end`, which must follow them; moves *p behind it. */
static int take_number(const char **p, char end, uint64_t *ret)
{
	const char *stop = strchr(*p, end);
	_cleanup_free_ char *digits = NULL;
	int r;

	if (!stop)
		return -EINVAL;
	digits = xstrndup(*p, (size_t)(stop - *p));
	r = str_to_u64(digits, INT64_MAX, ret);
	if (r < 0)
		return -EINVAL;
	*p = end ? stop + 1 : stop;
	return 0;
}

int content_range_parse(const char *value, uint64_t *ret_first, uint64_t *ret_last,
			int64_t *ret_total)
{
	const char *p = value;
	uint64_t total = 0;

	if (strncasecmp(p, "bytes ", 6))
		return -EINVAL;
	p += 6;
	while (*p == ' ')
		p++;
	if (take_number(&p, '-', ret_first) < 0 || take_number(&p, '/', ret_last) < 0)
		return -EINVAL;
	if (*ret_last < *ret_first)
		return -EINVAL;
	if (str_eq(p, "*")) {
		*ret_total = -1;
		return 0;
	}
	if (take_number(&p, '\0', &total) < 0 || total <= *ret_last)
		return -EINVAL;
	*ret_total = (int64_t)total;
	return 0;
}
