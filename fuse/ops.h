/* ops: each message of the protocol put on a call of the overlay. */
#ifndef STRAKE_FUSE_OPS_H
#define STRAKE_FUSE_OPS_H

#include "fuse/overlay.h"
#include "fuse/wire.h"

struct server {
	struct overlay overlay;
	struct wire wire;
	double timeout; /* seconds for which the kernel may keep names and attributes */
	bool fsync;	/* clients' fsync is carried out */
	bool trace;	/* each message goes to stderr */
};

/* The handler of loop_run(); arg is the server. */
void ops_handle(void *arg, struct request *r);

/* --- among the files of ops */

#define ROOT_ID FUSE_ROOT_ID

static inline struct node *node_of(const struct server *s, uint64_t nodeid)
{
	return nodeid == ROOT_ID ? s->overlay.root : (struct node *)(uintptr_t)nodeid;
}

static inline uint64_t id_of(const struct server *s, const struct node *n)
{
	return n == s->overlay.root ? ROOT_ID : (uint64_t)(uintptr_t)n;
}

/* The k-th NUL terminated name behind `skip` bytes of the argument, or NULL: then the message is
 * bad. One of more than 255 bytes is returned. */
const char *arg_name(const struct request *r, size_t skip, unsigned int k);

void fill_attr(const struct stat *st, struct fuse_attr *out);
void fill_entry(const struct server *s, const struct file *f, struct fuse_entry_out *out);
/* error: 0: f is replied. */
void reply_file(struct server *s, struct request *r, int error, const struct file *f);
void reply_attr(struct server *s, struct request *r, int error, const struct stat *st);

void op_lookup(struct server *s, struct request *r);
void op_forget(struct server *s, struct request *r);
void op_batch_forget(struct server *s, struct request *r);
void op_getattr(struct server *s, struct request *r);
void op_setattr(struct server *s, struct request *r);
void op_readlink(struct server *s, struct request *r);
void op_symlink(struct server *s, struct request *r);
void op_mknod(struct server *s, struct request *r);
void op_mkdir(struct server *s, struct request *r);
void op_unlink(struct server *s, struct request *r);
void op_rmdir(struct server *s, struct request *r);
void op_rename(struct server *s, struct request *r);
void op_rename2(struct server *s, struct request *r);
void op_link(struct server *s, struct request *r);
void op_tmpfile(struct server *s, struct request *r);
void op_readdir(struct server *s, struct request *r);
void op_readdirplus(struct server *s, struct request *r);
void op_fsyncdir(struct server *s, struct request *r);
void op_read(struct server *s, struct request *r);
void op_write(struct server *s, struct request *r);
void op_fsync(struct server *s, struct request *r);
void op_fallocate(struct server *s, struct request *r);
void op_lseek(struct server *s, struct request *r);
void op_copy_file_range(struct server *s, struct request *r);
void op_ioctl(struct server *s, struct request *r);
void op_getxattr(struct server *s, struct request *r);
void op_listxattr(struct server *s, struct request *r);
void op_setxattr(struct server *s, struct request *r);
void op_removexattr(struct server *s, struct request *r);

#endif
