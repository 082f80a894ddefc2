#include "ns/idmap.h"

#include <inttypes.h>
#include <stdio.h>

bool idmap_has(const struct idmap *map, uint32_t inside)
{
	for (size_t i = 0; i < map->n; i++) {
		const struct idmap_range *r = &map->ranges[i];

		if (inside >= r->inside && inside - r->inside < r->count)
			return true;
	}
	return false;
}

void idmap_one(struct idmap *map, uint32_t inside, uint32_t outside)
{
	map->n = 1;
	map->ranges[0] = (struct idmap_range){inside, outside, 1};
}

static void add(struct idmap *map, uint32_t inside, uint32_t outside, uint32_t count)
{
	if (count > 0 && map->n < IDMAP_MAX)
		map->ranges[map->n++] = (struct idmap_range){inside, outside, count};
}

void idmap_keep_own(struct idmap *map)
{
	const struct idmap old = *map;
	const uint32_t own = old.ranges[0].outside;

	/* The own id comes first, so that it is never the range that does not fit. */
	idmap_one(map, own, own);
	for (size_t i = 1; i < old.n; i++) {
		const struct idmap_range *r = &old.ranges[i];
		const uint32_t inside = r->inside - 1;
		uint32_t below = 0;

		if (inside < own)
			below = r->count < own - inside ? r->count : own - inside;
		add(map, inside, r->outside, below);
		add(map, inside + below + 1, r->outside + below, r->count - below);
	}
}

/* Reads one number and the blanks before it; *p moves behind. */
static bool read_number(const char **p, uint64_t *ret)
{
	uint64_t v = 0;
	const char *s = *p;

	while (*s == ' ' || *s == '\t')
		s++;
	if (*s < '0' || *s > '9')
		return false;
	for (; *s >= '0' && *s <= '9'; s++) {
		v = v * 10 + (uint64_t)(*s - '0');
		if (v > UINT32_MAX)
			return false;
	}
	*p = s;
	*ret = v;
	return true;
}

/* The end of the run of mapped ids that id `at` lies in; `at` itself when it is not mapped. */
static uint64_t mapped_until(const char *text, uint64_t at)
{
	const char *p = text;

	while (*p != '\0') {
		uint64_t inside, outside, count;

		if (read_number(&p, &inside) && read_number(&p, &outside) &&
		    read_number(&p, &count) && at >= inside && at - inside < count)
			return inside + count;
		while (*p != '\0' && *p++ != '\n')
			;
	}
	return at;
}

bool idmap_within(const struct idmap *map, const char *text)
{
	for (size_t i = 0; i < map->n; i++) {
		uint64_t at = map->ranges[i].outside;
		const uint64_t end = at + map->ranges[i].count;

		while (at < end) {
			const uint64_t next = mapped_until(text, at);

			if (next == at)
				return false;
			at = next;
		}
	}
	return true;
}

size_t idmap_text(const struct idmap *map, char out[IDMAP_TEXT_MAX])
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < map->n; i++) {
		const struct idmap_range *r = &map->ranges[i];

		len += (size_t)snprintf(out + len, IDMAP_TEXT_MAX - len,
					"%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", r->inside,
					r->outside, r->count);
	}
	return len;
}
