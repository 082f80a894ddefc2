/* Messages about names and attributes. */
#include <errno.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "fuse/loop.h"
#include "fuse/ops.h"

static struct caller caller_of(const struct request *r, uint32_t umask)
{
	return (struct caller){.uid = r->in->uid, .gid = r->in->gid, .umask = umask & 07777};
}

static struct node *target_of(const struct server *s, const struct request *r)
{
	return node_of(s, r->in->nodeid);
}

void op_lookup(struct server *s, struct request *r)
{
	struct file f = {0};
	int error = overlay_lookup(&s->overlay, target_of(s, r), r->arg, &f);

	/* That there is nothing may be kept, too. */
	if (error == -ENOENT) {
		f = (struct file){0};
		error = 0;
	}
	reply_file(s, r, error, &f);
}

void op_forget(struct server *s, struct request *r)
{
	const struct fuse_forget_in *in = (const void *)r->arg;

	r->replied = true;
	if (r->in->nodeid != ROOT_ID)
		node_forget(&s->overlay.nodes, target_of(s, r), in->nlookup);
}

void op_batch_forget(struct server *s, struct request *r)
{
	const struct fuse_batch_forget_in *in = (const void *)r->arg;
	const struct fuse_forget_one *one = (const void *)(in + 1);

	r->replied = true;
	for (uint32_t i = 0; i < in->count && (const char *)(one + i + 1) <= r->arg + r->len; i++)
		if (one[i].nodeid != ROOT_ID)
			node_forget(&s->overlay.nodes, node_of(s, one[i].nodeid), one[i].nlookup);
}

void op_getattr(struct server *s, struct request *r)
{
	struct stat st;
	int error = overlay_getattr(&s->overlay, target_of(s, r), &st);

	reply_attr(s, r, error, &st);
}

void op_setattr(struct server *s, struct request *r)
{
	const struct fuse_setattr_in *in = (const void *)r->arg;
	struct node *n = target_of(s, r);
	struct change c = {.mode = in->valid & FATTR_MODE,
			   .uid = in->valid & FATTR_UID,
			   .gid = in->valid & FATTR_GID,
			   .size = in->valid & FATTR_SIZE,
			   .atime = in->valid & FATTR_ATIME,
			   .mtime = in->valid & FATTR_MTIME,
			   .ctime = in->valid & FATTR_CTIME,
			   .kill_priv = in->valid & FATTR_KILL_SUIDGID};
	struct stat st;
	int error;

	c.st.st_mode = in->mode;
	c.st.st_uid = in->uid;
	c.st.st_gid = in->gid;
	c.st.st_size = (off_t)in->size;
	c.st.st_atim = (struct timespec){(time_t)in->atime, in->atimensec};
	c.st.st_mtim = (struct timespec){(time_t)in->mtime, in->mtimensec};
	if (in->valid & FATTR_ATIME_NOW)
		c.st.st_atim.tv_nsec = UTIME_NOW;
	if (in->valid & FATTR_MTIME_NOW)
		c.st.st_mtim.tv_nsec = UTIME_NOW;
	if (in->valid == FATTR_CTIME) { /* chown to nobody new: it takes setuid bits all the same */
		c.uid = c.gid = true;
		c.st.st_uid = (uid_t)-1;
		c.st.st_gid = (gid_t)-1;
	}
	/* Of a size that does not change the kernel does not think that it is a change. */
	if (s->wire.options.writeback && c.size && !c.mtime && S_ISREG(n->type) &&
	    overlay_getattr(&s->overlay, n, &st) == 0) {
		c.mtime = true;
		c.st.st_mtim = st.st_mtim;
	}
	if (c.size && n->layer)
		loop_hand_over(); /* data may be copied */
	error = overlay_setattr(&s->overlay, n, &c, &st);
	reply_attr(s, r, error, &st);
}

void op_readlink(struct server *s, struct request *r)
{
	int error = overlay_readlink(&s->overlay, target_of(s, r), r->out, 4097);

	if (error)
		wire_reply_error(r, error);
	else
		wire_reply(r, r->out, strlen(r->out));
}

void op_symlink(struct server *s, struct request *r)
{
	const struct caller who = caller_of(r, 0);
	struct file f;
	int error = overlay_symlink(&s->overlay, target_of(s, r), arg_name(r, 0, 0),
				    arg_name(r, 0, 1), &who, &f);

	reply_file(s, r, error, &f);
}

/* The inverse of encode_dev(). */
static dev_t decode_dev(uint32_t dev)
{
	return makedev((dev & 0xfff00) >> 8, (dev & 0xff) | ((dev >> 12) & 0xfff00));
}

void op_mknod(struct server *s, struct request *r)
{
	const struct fuse_mknod_in *in = (const void *)r->arg;
	const struct caller who = caller_of(r, in->umask);
	struct file f;
	int error = overlay_mknod(&s->overlay, target_of(s, r), arg_name(r, sizeof(*in), 0),
				  in->mode, decode_dev(in->rdev), &who, &f);

	reply_file(s, r, error, &f);
}

void op_mkdir(struct server *s, struct request *r)
{
	const struct fuse_mkdir_in *in = (const void *)r->arg;
	const struct caller who = caller_of(r, in->umask);
	struct file f;
	int error = overlay_mkdir(&s->overlay, target_of(s, r), arg_name(r, sizeof(*in), 0),
				  in->mode, &who, &f);

	reply_file(s, r, error, &f);
}

void op_tmpfile(struct server *s, struct request *r)
{
	const struct fuse_create_in *in = (const void *)r->arg;
	const struct caller who = caller_of(r, in->umask);
	struct {
		struct fuse_entry_out entry;
		struct fuse_open_out open;
	} out = {.open = {.open_flags = FOPEN_KEEP_CACHE}};
	struct file f;
	int error = overlay_tmpfile(&s->overlay, target_of(s, r), in->mode, &who, &f);

	if (error) {
		wire_reply_error(r, error);
		return;
	}
	fill_entry(s, &f, &out.entry);
	wire_reply(r, &out, sizeof(out));
}

void op_unlink(struct server *s, struct request *r)
{
	wire_reply_error(r, overlay_unlink(&s->overlay, target_of(s, r), r->arg));
}

void op_rmdir(struct server *s, struct request *r)
{
	wire_reply_error(r, overlay_rmdir(&s->overlay, target_of(s, r), r->arg));
}

/* The kernel keeps what it read of a directory, ".." among it, which is another one now. */
static void forget_listing(struct server *s, struct node *dir, const char *name)
{
	struct node *n = node_find(&s->overlay.nodes, dir, name);

	if (!n)
		return;
	if (S_ISDIR(n->type))
		wire_flush(&s->wire, id_of(s, n));
	node_unref(&s->overlay.nodes, n);
}

static void rename_it(struct server *s, struct request *r, size_t skip, uint64_t newdir,
		      uint32_t flags)
{
	struct node *from = target_of(s, r), *to = node_of(s, newdir);
	const char *name = arg_name(r, skip, 0), *new_name = arg_name(r, skip, 1);
	int error = overlay_rename(&s->overlay, from, name, to, new_name, flags);

	if (!error && from != to) {
		forget_listing(s, to, new_name);
		if (flags & RENAME_EXCHANGE)
			forget_listing(s, from, name);
	}
	wire_reply_error(r, error);
}

void op_rename(struct server *s, struct request *r)
{
	const struct fuse_rename_in *in = (const void *)r->arg;

	rename_it(s, r, sizeof(*in), in->newdir, 0);
}

void op_rename2(struct server *s, struct request *r)
{
	const struct fuse_rename2_in *in = (const void *)r->arg;

	rename_it(s, r, sizeof(*in), in->newdir, in->flags);
}

void op_link(struct server *s, struct request *r)
{
	const struct fuse_link_in *in = (const void *)r->arg;
	struct file f;
	int error = overlay_link(&s->overlay, node_of(s, in->oldnodeid), target_of(s, r),
				 arg_name(r, sizeof(*in), 0), &f);

	reply_file(s, r, error, &f);
}

/* --- xattrs */

static void reply_size(struct request *r, ssize_t n, uint32_t size)
{
	const struct fuse_getxattr_out out = {.size = (uint32_t)n};

	if (n < 0)
		wire_reply_error(r, (int)n);
	else if (!size)
		wire_reply(r, &out, sizeof(out));
	else
		wire_reply(r, r->out, (size_t)n);
}

void op_getxattr(struct server *s, struct request *r)
{
	const struct fuse_getxattr_in *in = (const void *)r->arg;
	uint32_t size = in->size < WIRE_BUFFER ? in->size : WIRE_BUFFER;

	reply_size(r,
		   overlay_getxattr(&s->overlay, target_of(s, r), arg_name(r, sizeof(*in), 0),
				    r->out, size),
		   size);
}

void op_listxattr(struct server *s, struct request *r)
{
	const struct fuse_getxattr_in *in = (const void *)r->arg;
	uint32_t size = in->size < WIRE_BUFFER ? in->size : WIRE_BUFFER;

	reply_size(r, overlay_listxattr(&s->overlay, target_of(s, r), r->out, size), size);
}

void op_setxattr(struct server *s, struct request *r)
{
	const struct fuse_setxattr_in *in = (const void *)r->arg;
	size_t head = s->wire.setxattr_ext ? sizeof(*in) : FUSE_COMPAT_SETXATTR_IN_SIZE;
	const char *key = arg_name(r, head, 0), *value = key ? key + strlen(key) + 1 : NULL;
	bool kill_sgid = s->wire.setxattr_ext && (in->setxattr_flags & FUSE_SETXATTR_ACL_KILL_SGID);

	if (!key || in->size > (size_t)(r->arg + r->len - value)) {
		wire_reply_error(r, -EINVAL);
		return;
	}
	wire_reply_error(r, overlay_setxattr(&s->overlay, target_of(s, r), key, value, in->size,
					     (int)in->flags, kill_sgid));
}

void op_removexattr(struct server *s, struct request *r)
{
	wire_reply_error(r, overlay_removexattr(&s->overlay, target_of(s, r), r->arg));
}
