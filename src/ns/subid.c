#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ns/idmap.h"

/* Source of the format: subuid(5): "name-or-number:first:count", one a line. A line that is not
 * like that is passed over, as newuidmap does; so is what lies beyond the largest id, 2^32 - 2
 * (2^32 - 1 means "no id"). */

#define ID_MAX UINT32_MAX /* exclusive */

struct subid {
	const char *owner;
	size_t owner_len;
	uint64_t start, count;
};

static const char *parse_number(const char *p, const char *end, uint64_t *ret)
{
	uint64_t v = 0;

	if (p == end || *p < '0' || *p > '9')
		return NULL;
	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		v = v * 10 + (uint64_t)(*p - '0');
		if (v > UINT32_MAX)
			return NULL;
	}
	*ret = v;
	return p;
}

static bool parse_line(const char *line, const char *end, struct subid *ret)
{
	const char *colon = memchr(line, ':', (size_t)(end - line));
	const char *p;

	if (!colon || colon == line || *line == '#')
		return false;
	ret->owner = line;
	ret->owner_len = (size_t)(colon - line);
	p = parse_number(colon + 1, end, &ret->start);
	if (!p || p == end || *p != ':')
		return false;
	p = parse_number(p + 1, end, &ret->count);
	if (p != end || ret->count == 0 || ret->start >= ID_MAX)
		return false;
	if (ret->count > ID_MAX - ret->start)
		ret->count = ID_MAX - ret->start;
	return true;
}

/* Finds the next good line; *text moves behind it. */
static bool next_line(const char **text, struct subid *ret)
{
	while (**text != '\0') {
		const char *line = *text;
		const char *end = strchr(line, '\n');

		if (!end)
			end = line + strlen(line);
		*text = *end == '\n' ? end + 1 : end;
		if (parse_line(line, end, ret))
			return true;
	}
	return false;
}

/* Adds what of [start, start + count) the map does not have yet: the kernel refuses a map with
 * overlapping ranges, and files with a range twice, or with the user's own id in it, do exist.
 * Returns the ids added. */
static uint64_t add_range(struct idmap *map, uint64_t start, uint64_t count, uint32_t inside,
			  uint64_t max)
{
	uint64_t added;

	for (size_t i = 0; i < map->n; i++) {
		const uint64_t begin = map->ranges[i].outside;
		const uint64_t end = begin + map->ranges[i].count;

		if (start >= end || start + count <= begin)
			continue;
		added = 0;
		if (start < begin)
			added = add_range(map, start, begin - start, inside, max);
		if (start + count > end)
			added += add_range(map, end, start + count - end, inside + (uint32_t)added,
					   max - added);
		return added;
	}
	if (count > max)
		count = max;
	if (count == 0 || map->n == IDMAP_MAX || inside >= ID_MAX - count)
		return 0;
	map->ranges[map->n++] = (struct idmap_range){inside, (uint32_t)start, (uint32_t)count};
	return count;
}

uint64_t subid_parse(const char *text, const char *user, uid_t uid, uint32_t first_inside,
		     uint64_t max, struct idmap *ret)
{
	char number[16];
	struct subid line;
	uint64_t found = 0;
	const size_t user_len = user ? strlen(user) : 0;
	const size_t number_len =
		(size_t)snprintf(number, sizeof(number), "%" PRIu32, (uint32_t)uid);

	while (found < max && next_line(&text, &line)) {
		const bool by_name = user_len > 0 && line.owner_len == user_len &&
				     memcmp(line.owner, user, user_len) == 0;
		const bool by_number =
			line.owner_len == number_len && memcmp(line.owner, number, number_len) == 0;

		if (by_name || by_number)
			found += add_range(ret, line.start, line.count,
					   first_inside + (uint32_t)found, max - found);
	}
	return found;
}

uint32_t subid_next_free(const char *text)
{
	struct subid line;
	uint64_t free_from = 100000;

	while (next_line(&text, &line)) {
		if (line.start + line.count > free_from)
			free_from = line.start + line.count;
	}
	return free_from <= ID_MAX - 65536 ? (uint32_t)free_from : 0;
}
