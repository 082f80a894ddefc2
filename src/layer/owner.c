/* The sidecar "owners": the text "strake-owners 1\n", then per record the override_stat text, a
 * blank, the path below root/ and a NUL (a path may hold any other byte). In memory the records are
 * an array with an open-addressing index beside it; a removed record leaves its path NULL and its
 * index cell in place, so that probing stays simple, until the next growth sweeps both.
 */
#include "layer/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/vec.h"
#include "base/xattr.h"
#include "format/override_stat.h"

#define OWNERS_FILE "owners"
#define OWNERS_NEW "owners.new"
#define OWNERS_MAGIC "strake-owners 1\n"
#define OWNERS_WRITE 65536

struct record {
	char *path; /* NULL: removed */
	struct override_stat stat;
};

struct owners {
	struct record *records;
	size_t n, cap;
	uint32_t *index;   /* record number + 1; 0: free */
	size_t index_size; /* a power of two, at least twice n */
	uint64_t bytes;	   /* of all paths ever added */
};

struct owners *owners_new(void)
{
	return xcalloc(1, sizeof(struct owners));
}

void owners_free(struct owners *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->n; i++)
		free(o->records[i].path);
	free(o->records);
	free(o->index);
	free(o);
}

void owners_freep(struct owners **o)
{
	owners_free(*o);
	*o = NULL;
}

/* FNV-1a */
static uint32_t path_hash(const char *path)
{
	uint32_t h = 2166136261u;

	for (; *path; path++)
		h = (h ^ (unsigned char)*path) * 16777619u;
	return h;
}

static struct record *find(const struct owners *o, const char *path)
{
	if (!o->index_size)
		return NULL;
	for (size_t i = path_hash(path);; i++) {
		uint32_t cell = o->index[i & (o->index_size - 1)];

		if (!cell)
			return NULL;
		if (o->records[cell - 1].path && !strcmp(o->records[cell - 1].path, path))
			return &o->records[cell - 1];
	}
}

static void index_insert(struct owners *o, size_t n)
{
	size_t i = path_hash(o->records[n].path);

	while (o->index[i & (o->index_size - 1)])
		i++;
	o->index[i & (o->index_size - 1)] = (uint32_t)n + 1;
}

static void grow(struct owners *o)
{
	size_t kept = 0;

	for (size_t i = 0; i < o->n; i++)
		if (o->records[i].path)
			o->records[kept++] = o->records[i];
	o->n = kept;
	if (2 * (o->n + 1) > o->index_size)
		o->index_size = o->index_size ? 2 * o->index_size : 64;
	free(o->index);
	o->index = xcalloc(o->index_size, sizeof(*o->index));
	for (size_t i = 0; i < o->n; i++)
		index_insert(o, i);
}

void owners_add(struct owners *o, const char *path, const struct override_stat *stat)
{
	struct record *r = find(o, path);

	if (r) {
		r->stat = *stat;
		return;
	}
	if (2 * (o->n + 1) > o->index_size)
		grow(o);
	o->records = vec_grow(o->records, &o->cap, o->n + 1, sizeof(*o->records));
	o->records[o->n].path = xstrdup(path);
	o->records[o->n].stat = *stat;
	o->bytes += strlen(path);
	index_insert(o, o->n++);
}

void owners_remove(struct owners *o, const char *path)
{
	for (size_t i = 0; i < o->n; i++) {
		if (o->records[i].path && path_below(o->records[i].path, path)) {
			free(o->records[i].path);
			o->records[i].path = NULL;
		}
	}
}

const struct override_stat *owners_find(const struct owners *o, const char *path)
{
	const struct record *r = find(o, path);

	return r ? &r->stat : NULL;
}

bool owners_is_empty(const struct owners *o)
{
	return o->n == 0;
}

bool owners_is_full(const struct owners *o)
{
	return o->bytes + o->n * OVERRIDE_STAT_MAX > LIMIT_OWNERS_SIZE;
}

int owners_save(const struct owners *o, int dir, struct err *err)
{
	_cleanup_fd_ int fd = -1;
	_cleanup_buf_ struct buf b;
	int r;

	buf_init(&b, OWNERS_WRITE + 2 * LIMIT_TAR_NAME + OVERRIDE_STAT_MAX);
	if (!o->n)
		return 0;
	fd = openat(dir, OWNERS_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, errno, "cannot create the layer's owners file");
	buf_addstr(&b, OWNERS_MAGIC);
	for (size_t i = 0; i < o->n; i++) {
		const struct record *rec = &o->records[i];
		char text[OVERRIDE_STAT_MAX];

		if (!rec->path)
			continue;
		override_stat_format(&rec->stat, text);
		r = buf_addf(&b, "%s %s", text, rec->path);
		if (!r)
			r = buf_add(&b, "", 1);
		if (!r && b.len >= OWNERS_WRITE) {
			r = fd_write_all(fd, b.data, b.len);
			buf_reset(&b);
		}
		if (r)
			return err_sys(err, -r, "cannot write the layer's owners file");
	}
	r = fd_write_all(fd, b.data, b.len);
	if (r == 0 && renameat(dir, OWNERS_NEW, dir, OWNERS_FILE) < 0)
		r = -errno;
	if (r)
		return err_sys(err, -r, "cannot write the layer's owners file");
	return 0;
}

static int parse(struct owners *o, const char *p, const char *end)
{
	if ((size_t)(end - p) < strlen(OWNERS_MAGIC) ||
	    memcmp(p, OWNERS_MAGIC, strlen(OWNERS_MAGIC)))
		return -EBADMSG;
	p += strlen(OWNERS_MAGIC);
	while (p < end) {
		struct override_stat stat;
		const char *nul = memchr(p, '\0', (size_t)(end - p));
		const char *blank = nul ? memchr(p, ' ', (size_t)(nul - p)) : NULL;

		if (!blank || override_stat_parse(p, (size_t)(blank - p), &stat) < 0)
			return -EBADMSG;
		owners_add(o, blank + 1, &stat);
		p = nul + 1;
	}
	return 0;
}

int owners_load(int dir, struct owners **ret, struct err *err)
{
	_cleanup_(owners_freep) struct owners *o = owners_new();
	_cleanup_free_ char *text = NULL;
	struct err e = ERR_INIT;
	size_t len;
	int r;

	r = fd_read_file(dir, OWNERS_FILE, 2 * LIMIT_OWNERS_SIZE, &text, &len, &e);
	if (r < 0 && r != -ENOENT) {
		if (err)
			*err = e;
		return r;
	}
	if (r >= 0 && parse(o, text, text + len) < 0)
		return err_set(err, EBADMSG, "the layer's owners file is damaged");
	*ret = steal_ptr(&o);
	return 0;
}

/* The xattr's record: 1 when there is one, 0 when not, or -errno. */
static int read_xattr(int fd, struct override_stat *ret)
{
	char text[OVERRIDE_STAT_MAX];
	ssize_t n = xattr_get(fd, OVERRIDE_STAT_XATTR, text, sizeof(text));

	if (n == -ENODATA || n == -ENOTSUP || n == -EPERM || n == -ERANGE)
		return 0;
	if (n < 0)
		return (int)n;
	return override_stat_parse(text, (size_t)n, ret) == 0;
}

int owner_resolve(int fd, const char *path, const struct owners *o, struct stat *st)
{
	const struct override_stat *rec = NULL;
	struct override_stat from_xattr;
	bool directory = S_ISDIR(st->st_mode);

	if (directory || S_ISREG(st->st_mode)) {
		int r = read_xattr(fd, &from_xattr);

		if (r < 0)
			return r;
		if (r)
			rec = &from_xattr;
	}
	if (!rec && o)
		rec = owners_find(o, path);
	if (!rec) {
		st->st_uid = 0;
		st->st_gid = 0;
		return 0;
	}
	st->st_uid = rec->uid;
	st->st_gid = rec->gid;
	if (override_stat_disk_mode(rec->mode, directory) == (st->st_mode & 07777))
		st->st_mode = (st->st_mode & S_IFMT) | rec->mode;
	if (S_ISREG(st->st_mode) && (S_ISCHR(rec->type) || S_ISBLK(rec->type))) {
		st->st_mode = rec->type | (st->st_mode & 07777);
		st->st_rdev = makedev(rec->major, rec->minor);
	}
	return 0;
}
