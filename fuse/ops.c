/* Which message is which call, and what all replies have in common. */
#include "fuse/ops.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/clock.h"
#include "base/mem.h"

const char *arg_name(const struct request *r, size_t skip, unsigned int k)
{
	const char *at = r->arg + skip, *end = r->arg + r->len;

	if (skip > r->len)
		return NULL;
	for (;; k--) {
		const char *nul = memchr(at, '\0', (size_t)(end - at));

		if (!nul || !k)
			return nul ? at : NULL;
		at = nul + 1;
	}
}

/* As the kernel's new_encode_dev(). */
static uint32_t encode_dev(dev_t dev)
{
	return (minor(dev) & 0xff) | (major(dev) << 8) | ((minor(dev) & ~0xffU) << 12);
}

void fill_attr(const struct stat *st, struct fuse_attr *out)
{
	*out = (struct fuse_attr){.ino = st->st_ino,
				  .size = (uint64_t)st->st_size,
				  .blocks = (uint64_t)st->st_blocks,
				  .atime = (uint64_t)st->st_atim.tv_sec,
				  .mtime = (uint64_t)st->st_mtim.tv_sec,
				  .ctime = (uint64_t)st->st_ctim.tv_sec,
				  .atimensec = (uint32_t)st->st_atim.tv_nsec,
				  .mtimensec = (uint32_t)st->st_mtim.tv_nsec,
				  .ctimensec = (uint32_t)st->st_ctim.tv_nsec,
				  .mode = st->st_mode,
				  .nlink = (uint32_t)st->st_nlink,
				  .uid = st->st_uid,
				  .gid = st->st_gid,
				  .rdev = encode_dev(st->st_rdev),
				  .blksize = (uint32_t)st->st_blksize};
}

static void split_timeout(double timeout, uint64_t *sec, uint32_t *nsec)
{
	*sec = (uint64_t)timeout;
	*nsec = (uint32_t)((timeout - (double)*sec) * 1e9);
}

void fill_entry(const struct server *s, const struct file *f, struct fuse_entry_out *out)
{
	*out = (struct fuse_entry_out){.nodeid = f->node ? id_of(s, f->node) : 0};
	split_timeout(s->timeout, &out->entry_valid, &out->entry_valid_nsec);
	split_timeout(s->timeout, &out->attr_valid, &out->attr_valid_nsec);
	fill_attr(&f->st, &out->attr);
}

void reply_file(struct server *s, struct request *r, int error, const struct file *f)
{
	struct fuse_entry_out out;

	if (error) {
		wire_reply_error(r, error);
		return;
	}
	fill_entry(s, f, &out);
	wire_reply(r, &out, sizeof(out));
}

void reply_attr(struct server *s, struct request *r, int error, const struct stat *st)
{
	struct fuse_attr_out out = {0};

	if (error) {
		wire_reply_error(r, error);
		return;
	}
	split_timeout(s->timeout, &out.attr_valid, &out.attr_valid_nsec);
	fill_attr(st, &out.attr);
	wire_reply(r, &out, sizeof(out));
}

static void op_init(struct server *s, struct request *r)
{
	(void)s;
	wire_init(r);
}

static void op_done(struct server *s, struct request *r)
{
	(void)s;
	wire_reply_error(r, 0);
}

/* The kernel does not ask again: files are known by their nodes, without being opened. */
static void op_never(struct server *s, struct request *r)
{
	(void)s;
	wire_reply_error(r, -ENOSYS);
}

static void op_ignore(struct server *s, struct request *r)
{
	(void)s;
	r->replied = true;
}

static void op_statfs(struct server *s, struct request *r)
{
	struct fuse_statfs_out out = {0};
	struct statvfs st;
	int error = overlay_statfs(&s->overlay, &st);

	if (error) {
		wire_reply_error(r, error);
		return;
	}
	out.st = (struct fuse_kstatfs){.blocks = st.f_blocks,
				       .bfree = st.f_bfree,
				       .bavail = st.f_bavail,
				       .files = st.f_files,
				       .ffree = st.f_ffree,
				       .bsize = (uint32_t)st.f_bsize,
				       .namelen = 255,
				       .frsize = (uint32_t)st.f_frsize};
	wire_reply(r, &out, sizeof(out));
}

static void op_syncfs(struct server *s, struct request *r)
{
	wire_reply_error(r, overlay_syncfs(&s->overlay));
}

struct op {
	const char *name;
	void (*run)(struct server *s, struct request *r);
	size_t len;	    /* of the argument, at least */
	unsigned int names; /* behind it */
};

static const struct op ops[] = {
	[FUSE_LOOKUP] = {"LOOKUP", op_lookup, 0, 1},
	[FUSE_FORGET] = {"FORGET", op_forget, sizeof(struct fuse_forget_in), 0},
	[FUSE_GETATTR] = {"GETATTR", op_getattr, 0, 0},
	[FUSE_SETATTR] = {"SETATTR", op_setattr, sizeof(struct fuse_setattr_in), 0},
	[FUSE_READLINK] = {"READLINK", op_readlink, 0, 0},
	[FUSE_SYMLINK] = {"SYMLINK", op_symlink, 0, 2},
	[FUSE_MKNOD] = {"MKNOD", op_mknod, sizeof(struct fuse_mknod_in), 1},
	[FUSE_MKDIR] = {"MKDIR", op_mkdir, sizeof(struct fuse_mkdir_in), 1},
	[FUSE_UNLINK] = {"UNLINK", op_unlink, 0, 1},
	[FUSE_RMDIR] = {"RMDIR", op_rmdir, 0, 1},
	[FUSE_RENAME] = {"RENAME", op_rename, sizeof(struct fuse_rename_in), 2},
	[FUSE_RENAME2] = {"RENAME2", op_rename2, sizeof(struct fuse_rename2_in), 2},
	[FUSE_LINK] = {"LINK", op_link, sizeof(struct fuse_link_in), 1},
	[FUSE_OPEN] = {"OPEN", op_never, 0, 0},
	[FUSE_READ] = {"READ", op_read, sizeof(struct fuse_read_in), 0},
	[FUSE_WRITE] = {"WRITE", op_write, sizeof(struct fuse_write_in), 0},
	[FUSE_STATFS] = {"STATFS", op_statfs, 0, 0},
	[FUSE_RELEASE] = {"RELEASE", op_done, 0, 0},
	[FUSE_FSYNC] = {"FSYNC", op_fsync, sizeof(struct fuse_fsync_in), 0},
	[FUSE_SETXATTR] = {"SETXATTR", op_setxattr, FUSE_COMPAT_SETXATTR_IN_SIZE, 1},
	[FUSE_GETXATTR] = {"GETXATTR", op_getxattr, sizeof(struct fuse_getxattr_in), 1},
	[FUSE_LISTXATTR] = {"LISTXATTR", op_listxattr, sizeof(struct fuse_getxattr_in), 0},
	[FUSE_REMOVEXATTR] = {"REMOVEXATTR", op_removexattr, 0, 1},
	[FUSE_FLUSH] = {"FLUSH", op_never, 0, 0},
	[FUSE_INIT] = {"INIT", op_init, 8, 0},
	[FUSE_OPENDIR] = {"OPENDIR", op_never, 0, 0},
	[FUSE_READDIR] = {"READDIR", op_readdir, sizeof(struct fuse_read_in), 0},
	[FUSE_RELEASEDIR] = {"RELEASEDIR", op_done, 0, 0},
	[FUSE_FSYNCDIR] = {"FSYNCDIR", op_fsyncdir, sizeof(struct fuse_fsync_in), 0},
	[FUSE_ACCESS] = {"ACCESS", op_never, 0, 0}, /* default_permissions */
	[FUSE_CREATE] = {"CREATE", op_never, 0, 0}, /* MKNOD, without opening */
	[FUSE_INTERRUPT] = {"INTERRUPT", op_ignore, 0, 0},
	[FUSE_DESTROY] = {"DESTROY", op_done, 0, 0},
	[FUSE_IOCTL] = {"IOCTL", op_ioctl, sizeof(struct fuse_ioctl_in), 0},
	[FUSE_BATCH_FORGET] = {"BATCH_FORGET", op_batch_forget, sizeof(struct fuse_batch_forget_in),
			       0},
	[FUSE_FALLOCATE] = {"FALLOCATE", op_fallocate, sizeof(struct fuse_fallocate_in), 0},
	[FUSE_READDIRPLUS] = {"READDIRPLUS", op_readdirplus, sizeof(struct fuse_read_in), 0},
	[FUSE_LSEEK] = {"LSEEK", op_lseek, sizeof(struct fuse_lseek_in), 0},
	[FUSE_COPY_FILE_RANGE] = {"COPY_FILE_RANGE", op_copy_file_range,
				  sizeof(struct fuse_copy_file_range_in), 0},
	[FUSE_SYNCFS] = {"SYNCFS", op_syncfs, 0, 0},
	[FUSE_TMPFILE] = {"TMPFILE", op_tmpfile, sizeof(struct fuse_create_in), 0},
};

/* Names that no layer can have are refused here, once. */
static int check_names(const struct request *r, const struct op *op)
{
	size_t skip = op->len;

	/* its argument is longer with FUSE_SETXATTR_EXT, which is in force when it was offered */
	if (op->run == op_setxattr)
		return 0;
	for (unsigned int k = 0; k < op->names; k++) {
		const char *name = arg_name(r, skip, k);

		if (!name)
			return -EINVAL;
		if (strlen(name) > 255 && op->run != op_getxattr && op->run != op_removexattr &&
		    !(op->run == op_symlink && k == 1))
			return -ENAMETOOLONG;
	}
	return 0;
}

static void run(struct server *s, struct request *r)
{
	uint32_t code = r->in->opcode;
	const struct op *op = code < ARRAY_SIZE(ops) && ops[code].run ? &ops[code] : NULL;
	int error;

	if (!op) {
		wire_reply_error(r, -ENOSYS);
		return;
	}
	error = r->len < op->len ? -EINVAL : check_names(r, op);
	if (error)
		wire_reply_error(r, error);
	else
		op->run(s, r);
}

/* "READ node 7f... 12.3 us: No such file", one line a message. */
static void trace(struct request *r, int64_t begin)
{
	uint32_t code = r->in->opcode;
	const char *name = code < ARRAY_SIZE(ops) && ops[code].name ? ops[code].name : "?";

	fprintf(stderr, "strake-overlayfs: %s (%u) node %llx pid %u: %s, %.1f us\n", name, code,
		(unsigned long long)r->in->nodeid, r->in->pid,
		r->error ? strerror(-r->error) : "ok", (double)(clock_ns() - begin) / 1e3);
}

void ops_handle(void *arg, struct request *r)
{
	struct server *s = arg;
	int64_t begin;

	if (!s->trace) {
		run(s, r);
		return;
	}
	begin = clock_ns();
	run(s, r);
	trace(r, begin);
}
