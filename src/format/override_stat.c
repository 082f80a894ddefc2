#include "format/override_stat.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

#define ID_MAX 0xfffffffeU /* 0xffffffff means "no id" to chown(2) */

static const struct {
	const char *name;
	mode_t type;
} plain_types[] = {
	{"file", S_IFREG}, {"dir", S_IFDIR},	 {"symlink", S_IFLNK},
	{"pipe", S_IFIFO}, {"socket", S_IFSOCK},
};

static const struct {
	const char *prefix;
	mode_t type;
} device_types[] = {
	{"block-", S_IFBLK},
	{"char-", S_IFCHR},
};

/* Reads digits of the base from *p, moving it behind them. Returns false without any or beyond max.
 */
static bool number(const char **p, unsigned int base, uint64_t max, uint64_t *ret)
{
	const char *start = *p;
	uint64_t v = 0;

	for (; **p >= '0' && **p < (char)('0' + base); (*p)++) {
		v = v * base + (uint64_t)(**p - '0');
		if (v > max)
			return false;
	}
	*ret = v;
	return *p != start;
}

static int parse_type(const char *p, struct override_stat *o)
{
	uint64_t major, minor;

	for (size_t i = 0; i < ARRAY_SIZE(plain_types); i++)
		if (strcmp(p, plain_types[i].name) == 0) {
			o->type = plain_types[i].type;
			return 0;
		}
	for (size_t i = 0; i < ARRAY_SIZE(device_types); i++) {
		size_t n = strlen(device_types[i].prefix);

		if (strncmp(p, device_types[i].prefix, n) != 0)
			continue;
		p += n;
		if (!number(&p, 10, UINT32_MAX, &major) || *p++ != '-' ||
		    !number(&p, 10, UINT32_MAX, &minor) || *p != '\0')
			return -EINVAL;
		o->type = device_types[i].type;
		o->major = (unsigned int)major;
		o->minor = (unsigned int)minor;
		return 0;
	}
	return -EINVAL;
}

int override_stat_parse(const char *text, size_t len, struct override_stat *ret)
{
	struct override_stat o = {0};
	char copy[OVERRIDE_STAT_MAX];
	const char *p = copy;
	uint64_t uid, gid, mode;
	int r;

	if (len >= sizeof(copy) || memchr(text, '\0', len))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (!number(&p, 10, ID_MAX, &uid) || *p++ != ':')
		return -EINVAL;
	if (!number(&p, 10, ID_MAX, &gid) || *p++ != ':')
		return -EINVAL;
	/* some writers leave the type's bits in the mode; the TYPE field decides */
	if (!number(&p, 8, S_IFMT | 07777, &mode))
		return -EINVAL;
	if (*p == ':') {
		r = parse_type(p + 1, &o);
		if (r < 0)
			return r;
	} else if (*p != '\0') {
		return -EINVAL;
	}
	o.uid = (uid_t)uid;
	o.gid = (gid_t)gid;
	o.mode = (mode_t)mode & 07777;
	*ret = o;
	return 0;
}

size_t override_stat_format(const struct override_stat *o, char out[OVERRIDE_STAT_MAX])
{
	int n = snprintf(out, OVERRIDE_STAT_MAX, "%u:%u:0%o", o->uid, o->gid, o->mode & 07777);

	for (size_t i = 0; i < ARRAY_SIZE(plain_types); i++)
		if (o->type == plain_types[i].type)
			n += snprintf(out + n, OVERRIDE_STAT_MAX - (size_t)n, ":%s",
				      plain_types[i].name);
	for (size_t i = 0; i < ARRAY_SIZE(device_types); i++)
		if (o->type == device_types[i].type)
			n += snprintf(out + n, OVERRIDE_STAT_MAX - (size_t)n, ":%s%u-%u",
				      device_types[i].prefix, o->major, o->minor);
	return (size_t)n;
}

mode_t override_stat_disk_mode(mode_t mode, bool directory)
{
	return (mode & 07777) | (directory ? 0700 : 0400);
}
