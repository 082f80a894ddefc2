/* clock: time that only goes on, for how long things take; from no particular moment. */
#ifndef STRAKE_BASE_CLOCK_H
#define STRAKE_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds. */
static inline int64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Milliseconds. */
static inline int64_t clock_ms(void)
{
	return clock_ns() / 1000000;
}

#endif
