#include "fuse/owner.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/mem.h"
#include "base/str.h"
#include "format/override_stat.h"
#include "fuse/layer.h"
#include "fuse/xat.h"

enum { OVERFLOW_ID = 65534 };

enum direction { TO_DISK, TO_SHOWN };

/* False when the map has no word for it. */
static bool map_id(const struct id_map *m, enum direction way, uint32_t *id)
{
	for (unsigned int i = 0; i < m->n; i++) {
		const struct id_range *r = &m->range[i];
		const uint32_t from = way == TO_DISK ? r->shown : r->disk;
		const uint32_t to = way == TO_DISK ? r->disk : r->shown;

		if (*id >= from && *id - from < r->count) {
			*id = to + (*id - from);
			return true;
		}
	}
	return !m->n;
}

int owner_to_disk(const struct owner_config *c, uid_t *uid, gid_t *gid)
{
	if (c->squash_uid)
		*uid = (uid_t)-1;
	else if (*uid != (uid_t)-1 && !map_id(&c->uid, TO_DISK, uid))
		return -EINVAL;
	if (c->squash_gid)
		*gid = (gid_t)-1;
	else if (*gid != (gid_t)-1 && !map_id(&c->gid, TO_DISK, gid))
		return -EINVAL;
	return 0;
}

static void show(const struct owner_config *c, struct stat *st, const char *record, ssize_t len)
{
	struct override_stat o;

	if (len > 0 && override_stat_parse(record, (size_t)len, &o) == 0) {
		mode_t disk = override_stat_disk_mode(o.mode, S_ISDIR(st->st_mode));
		mode_t perm = st->st_mode & 07777;

		if (perm == disk)
			perm = o.mode;
		if (o.type)
			st->st_mode = o.type;
		st->st_mode = (st->st_mode & S_IFMT) | perm;
		st->st_uid = o.uid;
		st->st_gid = o.gid;
		if (S_ISCHR(o.type) || S_ISBLK(o.type)) {
			st->st_rdev = makedev(o.major, o.minor);
			st->st_size = 0;
		}
	}
	if (!map_id(&c->uid, TO_SHOWN, &st->st_uid))
		st->st_uid = OVERFLOW_ID;
	if (!map_id(&c->gid, TO_SHOWN, &st->st_gid))
		st->st_gid = OVERFLOW_ID;
	if (c->squash_uid)
		st->st_uid = c->to_uid;
	if (c->squash_gid)
		st->st_gid = c->to_gid;
}

static const char *const records[] = {OVERRIDE_STAT_XATTR, "user.fuseoverlayfs.override_stat",
				      "security.fuseoverlayfs.override_stat"};

bool owner_is_record(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(records); i++)
		if (str_eq(key, records[i]))
			return true;
	return false;
}

static bool may_have_record(const struct owner_config *c, const struct stat *st)
{
	return c->override && (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode));
}

void owner_show(const struct owner_config *c, struct place *dir, const char *name, struct stat *st)
{
	char record[OVERRIDE_STAT_MAX];
	ssize_t n = -1;

	if (may_have_record(c, st)) {
		n = dir->layer->source->getxattr(dir, name, c->override, record, sizeof(record));
		for (size_t i = 0; n == -ENODATA && i < ARRAY_SIZE(records); i++)
			n = dir->layer->source->getxattr(dir, name, records[i], record,
							 sizeof(record));
	}
	show(c, st, record, n);
}

void owner_show_fd(const struct owner_config *c, int fd, struct stat *st)
{
	char record[OVERRIDE_STAT_MAX];
	ssize_t n = -1;

	if (may_have_record(c, st)) {
		n = xat_get(fd, "", c->override, record, sizeof(record));
		for (size_t i = 0; n == -ENODATA && i < ARRAY_SIZE(records); i++)
			n = xat_get(fd, "", records[i], record, sizeof(record));
	}
	show(c, st, record, n);
}

int owner_record(const struct owner_config *c, int dirfd, const char *name, const struct stat *st)
{
	struct override_stat o = {.uid = st->st_uid,
				  .gid = st->st_gid,
				  .mode = st->st_mode & 07777,
				  .type = st->st_mode & S_IFMT,
				  .major = major(st->st_rdev),
				  .minor = minor(st->st_rdev)};
	char text[OVERRIDE_STAT_MAX];
	size_t n = override_stat_format(&o, text);

	return xat_set(dirfd, name, c->override, text, n, 0);
}

/* --- ACLs: include/uapi/linux/posix_acl_xattr.h */

struct acl_entry {
	uint16_t tag;
	uint16_t perm;
	uint32_t id;
};

enum { ACL_VERSION = 2, ACL_TAG_USER = 0x02, ACL_TAG_GROUP = 0x08 };

static int map_acl(const struct owner_config *c, enum direction way, void *acl, size_t size)
{
	char *at = acl;
	uint32_t version;

	if (!c->uid.n && !c->gid.n)
		return 0;
	if (size < sizeof(version) || (size - sizeof(version)) % sizeof(struct acl_entry))
		return -EINVAL;
	memcpy(&version, at, sizeof(version));
	if (le32toh(version) != ACL_VERSION)
		return -EINVAL;
	for (size_t i = sizeof(version); i < size; i += sizeof(struct acl_entry)) {
		struct acl_entry e;
		uint32_t id;

		memcpy(&e, at + i, sizeof(e));
		id = le32toh(e.id);
		if ((le16toh(e.tag) == ACL_TAG_USER && !map_id(&c->uid, way, &id)) ||
		    (le16toh(e.tag) == ACL_TAG_GROUP && !map_id(&c->gid, way, &id)))
			return -EINVAL;
		e.id = htole32(id);
		memcpy(at + i, &e, sizeof(e));
	}
	return 0;
}

int owner_acl_to_disk(const struct owner_config *c, void *acl, size_t size)
{
	return map_acl(c, TO_DISK, acl, size);
}

int owner_acl_to_shown(const struct owner_config *c, void *acl, size_t size)
{
	return map_acl(c, TO_SHOWN, acl, size);
}

/* --- the option */

int id_map_parse(const char *text, struct id_map *ret)
{
	struct id_map m = {0};

	while (*text) {
		unsigned long v[3];

		for (int i = 0; i < 3; i++) {
			char *end;

			errno = 0;
			v[i] = strtoul(text, &end, 10);
			if (*text < '0' || *text > '9' || errno || v[i] > UINT32_MAX ||
			    (*end && *end != ':') || (!*end && i < 2))
				goto bad;
			text = *end ? end + 1 : end;
		}
		struct id_range *more =
			m.n < ID_RANGES ? reallocarray(m.range, m.n + 1, sizeof(*more)) : NULL;

		if (!more || !v[2] || v[0] + v[2] > UINT32_MAX || v[1] + v[2] > UINT32_MAX) {
			m.range = more ? more : m.range;
			goto bad;
		}
		m.range = more;
		m.range[m.n++] = (struct id_range){(uint32_t)v[0], (uint32_t)v[1], (uint32_t)v[2]};
	}
	*ret = m;
	return m.n ? 0 : -EINVAL;
bad:
	free(m.range);
	return -EINVAL;
}
