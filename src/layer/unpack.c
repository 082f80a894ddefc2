/* Theory of operation
 *
 * libarchive reads the tar and nothing else: only its tar format is enabled, no filter, no seeking;
 * what it hands out are pointers into the caller's buffers (no copy of the content). It never
 * touches the file system: where an entry goes is decided in unpack_tree.c, how it is made in
 * unpack_entry.c.
 *
 * What it calls a warning (a name that is not UTF-8, an odd pax keyword) is accepted: names are
 * kept as the bytes they are. Everything else it complains about refuses the layer. A tar may end
 * without its two blocks of zeros, but not inside an entry.
 *
 * Nothing is synced here: see ingest.c.
 */
#include "layer/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "format/whiteout.h"
#include "layer/lower.h"
#include "layer/unpack_impl.h"

#define CHECK_SPACE_EVERY (64 * LIMIT_MIB) /* of content; an entry counts as one block */
#define ENTRY_COST 4096
#define TIME_MAX (1LL << 36) /* seconds: beyond what file systems keep */

/* The caller's read function as libarchive wants it; the first block is read ahead, to see whether
 * there is anything at all. */
struct source {
	unpack_read_fn read;
	void *ctx;
	const void *first;
	ssize_t first_len;
	int error;
};

static la_ssize_t source_read(struct archive *a, void *ctx, const void **ret)
{
	struct source *s = ctx;
	ssize_t n;

	if (s->first) {
		*ret = s->first;
		s->first = NULL;
		return s->first_len;
	}
	n = s->read(s->ctx, ret);
	if (n < 0) {
		s->error = (int)n;
		archive_set_error(a, (int)-n, "%s", strerror((int)-n));
		return ARCHIVE_FATAL;
	}
	return n;
}

static int archive_failed(struct archive *a, const struct source *s, struct err *err)
{
	const char *text = archive_error_string(a);

	if (s && s->error)
		return err_sys(err, -s->error, "cannot read it");
	if (archive_errno(a) == ENOMEM)
		return err_set(err, ENOMEM, "out of memory");
	return err_set(err, EBADMSG, "bad tar: %s", text ? text : "not a tar archive");
}

int unpack_write_failed(int code, const char *what, struct err *err)
{
	if (code == ENOSPC || code == EDQUOT)
		return err_sys(err, code, "no space: %s", what);
	return err_sys(err, code, "%s", what);
}

/* Counts bytes that are about to be written and looks at the free space now and then. */
static int account(struct unpack *u, uint64_t content, uint64_t cost, struct err *err)
{
	uint64_t max = u->options->max_bytes ? u->options->max_bytes : LIMIT_LAYER_UNPACKED;
	struct statvfs fs;

	if (content > max - u->content)
		return err_set(err, EFBIG,
			       "unpacks to more than %llu bytes; --max-unpacked-size raises this",
			       (unsigned long long)max);
	u->content += content;
	u->unchecked += cost;
	if (u->unchecked < CHECK_SPACE_EVERY)
		return 0;
	u->unchecked = 0;
	if (fstatvfs(u->dir, &fs) < 0)
		return err_sys(err, errno, "cannot learn the free space");
	if ((uint64_t)fs.f_bavail * fs.f_frsize < u->options->reserve)
		return err_set(err, ENOSPC, "no space: fewer than %llu bytes are left free",
			       (unsigned long long)u->options->reserve);
	return 0;
}

int unpack_content(struct unpack *u, const struct unpack_entry *e, int fd, struct err *err)
{
	uint64_t pos = 0;

	for (;;) {
		la_int64_t offset;
		const void *data;
		size_t len;
		int r = archive_read_data_block(e->archive, &data, &len, &offset);

		if (r == ARCHIVE_EOF)
			break;
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return archive_failed(e->archive, NULL, err);
		if (!len)
			continue;
		if (offset < 0 || (uint64_t)offset > (uint64_t)INT64_MAX - len)
			return err_set(err, EBADMSG, "bad tar: an impossible offset");
		r = account(u, len, len, err);
		if (r < 0)
			return r;
		/* write() continues where the last one ended; only sparse files jump */
		if ((uint64_t)offset != pos && lseek(fd, offset, SEEK_SET) < 0)
			return err_sys(err, errno, "cannot seek");
		r = fd_write_all(fd, data, len);
		if (r < 0)
			return unpack_write_failed(-r, "cannot write", err);
		pos = (uint64_t)offset + len;
	}
	if (e->size > 0 && (uint64_t)e->size > pos && ftruncate(fd, e->size) < 0)
		return unpack_write_failed(errno, "cannot set the size", err);
	return 0;
}

static int set_xattr(struct unpack *u, int fd, const char *name, const void *value, size_t size,
		     struct err *err)
{
	if (fsetxattr(fd, name, value, size, 0) == 0)
		return 0;
	if (errno == ENOTSUP || errno == EPERM) {
		u->no_xattr = true;
		return 0;
	}
	if (errno != ENOSPC && errno != E2BIG && errno != ERANGE)
		return err_sys(err, errno, "cannot set the xattr '%s'", name);
	if (!u->warned_xattr)
		log_warning("the file system has no room for the xattr '%s' and maybe others",
			    name);
	u->warned_xattr = true;
	return 0;
}

int unpack_xattrs(struct unpack *u, const struct unpack_entry *e, int fd, struct err *err)
{
	const char *name;
	const void *value;
	size_t size;
	int n = archive_entry_xattr_reset(e->raw);

	if (n > LIMIT_XATTRS_PER_ENTRY)
		return err_set(err, EFBIG, "more than %d xattrs", LIMIT_XATTRS_PER_ENTRY);
	while (n > 0 && archive_entry_xattr_next(e->raw, &name, &value, &size) == ARCHIVE_OK) {
		int r;

		if (strlen(name) > LIMIT_XATTR_NAME || size > LIMIT_XATTR_VALUE)
			return err_set(err, EFBIG, "an xattr that is too long");
		if (!xattr_is_settable(name)) {
			log_debug("xattr '%s' of '%s' is dropped", name, e->path);
			continue;
		}
		if (u->no_xattr)
			continue;
		r = set_xattr(u, fd, name, value, size, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int to_id(la_int64_t id, const char *what, uid_t *ret, struct err *err)
{
	if (id < 0 || id >= UINT32_MAX)
		return err_set(err, EBADMSG, "impossible %s %lld", what, (long long)id);
	*ret = (uid_t)id;
	return 0;
}

static struct timespec to_time(la_int64_t seconds, long nsec)
{
	struct timespec t = {.tv_sec = seconds, .tv_nsec = nsec};

	if (seconds > TIME_MAX || seconds < -TIME_MAX)
		t.tv_sec = seconds < 0 ? -TIME_MAX : TIME_MAX;
	if (nsec < 0 || nsec > 999999999)
		t.tv_nsec = 0;
	return t;
}

/* path and target: PATH_MAX bytes each, referred to by *ret. */
static int translate(struct archive *a, struct archive_entry *raw, char *path, char *target,
		     struct unpack_entry *ret, struct err *err)
{
	const char *name = archive_entry_pathname(raw), *link = archive_entry_hardlink(raw);
	int r;

	if (!name || !*name || !path_from_archive(name, path, PATH_MAX))
		return err_set(err, EBADMSG, "unsafe or over-long name '%.200s'", name ? name : "");
	*ret = (struct unpack_entry){
		.path = path,
		.type = archive_entry_filetype(raw),
		.mode = archive_entry_perm(raw) & 07777,
		.major = (unsigned int)archive_entry_rdevmajor(raw),
		.minor = (unsigned int)archive_entry_rdevminor(raw),
		.mtime = to_time(archive_entry_mtime(raw), archive_entry_mtime_nsec(raw)),
		.size = archive_entry_size(raw),
		.archive = a,
		.raw = raw,
	};
	r = to_id(archive_entry_uid(raw), "owner", &ret->uid, err);
	if (r == 0)
		r = to_id(archive_entry_gid(raw), "group", &ret->gid, err);
	if (r < 0)
		return r;
	if (link) {
		if (!path_from_archive(link, target, PATH_MAX))
			return err_set(err, EBADMSG, "hard link to the unsafe name '%.200s'", link);
		ret->hardlink = true;
		ret->target = target;
	} else if (S_ISLNK(ret->type)) {
		ret->target = archive_entry_symlink(raw);
		if (!ret->target || !*ret->target || strlen(ret->target) > LIMIT_TAR_NAME)
			return err_set(err, EBADMSG, "a symlink without target, or a too long one");
	}
	return 0;
}

static int unpack_all(struct unpack *u, struct archive *a, struct archive_entry *raw,
		      const struct source *s, struct err *err)
{
	_cleanup_free_ char *names = xmalloc(2 * (size_t)PATH_MAX);

	for (;;) {
		struct unpack_entry e;
		int r = archive_read_next_header2(a, raw);

		if (r == ARCHIVE_EOF)
			return 0;
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return archive_failed(a, s, err);
		if (r == ARCHIVE_WARN)
			log_debug("tar: %s", archive_error_string(a));
		if (u->entries >= LIMIT_LAYER_ENTRIES)
			return err_set(err, EFBIG, "more than %llu entries", LIMIT_LAYER_ENTRIES);
		u->entries++;
		r = translate(a, raw, names, names + PATH_MAX, &e, err);
		if (r < 0)
			return r;
		r = account(u, 0, ENTRY_COST, err);
		if (r == 0)
			r = unpack_entry_place(u, &e, err);
		if (r < 0 && s->error)
			return err_sys(err, -s->error, "cannot read it");
		if (r < 0)
			return err_prefix(err, "'%.300s'", e.path);
	}
}

static void archive_freep(struct archive **a)
{
	archive_read_free(*a);
}

static void archive_entry_freep(struct archive_entry **e)
{
	archive_entry_free(*e);
}

/* The archive, open on the source; *ret NULL when there is not one byte. */
static int open_source(struct source *s, struct archive **ret, struct err *err)
{
	_cleanup_(archive_freep) struct archive *a = NULL;

	*ret = NULL;
	s->first_len = s->read(s->ctx, &s->first);
	if (s->first_len < 0)
		return err_sys(err, (int)-s->first_len, "cannot read it");
	if (s->first_len == 0)
		return 0;
	a = archive_read_new();
	if (!a)
		return err_set(err, ENOMEM, "out of memory");
	if (archive_read_support_format_tar(a) != ARCHIVE_OK ||
	    archive_read_open(a, s, NULL, source_read, NULL) != ARCHIVE_OK)
		return archive_failed(a, s, err);
	*ret = steal_ptr(&a);
	return 0;
}

int layer_unpack(unpack_read_fn read, void *ctx, int dir, const struct unpack_options *options,
		 uint64_t *ret_entries, struct err *err)
{
	_cleanup_(archive_freep) struct archive *a = NULL;
	_cleanup_(archive_entry_freep) struct archive_entry *raw = NULL;
	_cleanup_(owners_freep) struct owners *owners = owners_new();
	_cleanup_free_ struct unpack *u = xcalloc(1, sizeof(*u));
	struct source s = {.read = read, .ctx = ctx};
	int r;

	u->dir = dir;
	u->owners = owners;
	u->options = options;
	buf_init(&u->links, LIMIT_LINKS_SIZE);
	u->unchecked = CHECK_SPACE_EVERY; /* the first entry looks */
	r = unpack_tree_begin(u, err);
	if (r == 0)
		r = open_source(&s, &a, err);
	if (r == 0 && a) {
		raw = archive_entry_new();
		r = raw ? unpack_all(u, a, raw, &s, err) : err_set(err, ENOMEM, "out of memory");
	}
	unpack_tree_end(u);
	if (r == 0)
		r = owners_save(owners, dir, err);
	if (r == 0 && u->links.len)
		r = fd_write_file_atomic(dir, LAYER_LINKS_FILE, u->links.data, u->links.len, 0600,
					 err);
	buf_release(&u->links);
	if (r == 0 && ret_entries)
		*ret_entries = u->entries;
	return r;
}
