/* retry: what is worth another attempt, and when. Pure functions. */
#ifndef STRAKE_REGISTRY_RETRY_H
#define STRAKE_REGISTRY_RETRY_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* 408, 429, 500, 502, 503, 504. */
bool retry_status(long status);
/* Milliseconds before attempt n + 1 (n >= 1 failures so far): base doubled n - 1 times, at most 30
 * s, then a random part between the half and the whole, so that many clients do not come back at
 * once. */
int64_t retry_delay(unsigned int failures, int64_t base_ms);
/* Retry-After (RFC 9110, 10.2.3): seconds or an HTTP date. Returns the seconds from now on, 0 for a
 * date that has passed, or -1 when it is neither. */
int64_t retry_after(const char *value, time_t now);
/* "bytes 10-19/100" or "bytes 10-19/x" with x = "*" (*ret_total -1 then). Returns 0 or -EINVAL. */
int content_range_parse(const char *value, uint64_t *ret_first, uint64_t *ret_last,
			int64_t *ret_total);

#endif
