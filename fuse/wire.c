#include "fuse/wire.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int wire_read(struct wire *w, char *buffer, struct request *ret)
{
	ssize_t n = read(w->fd, buffer, WIRE_BUFFER);
	const struct fuse_in_header *in = (const void *)buffer;

	if (n < 0) {
		/* ENOENT: interrupted before it was read */
		if (errno == EINTR || errno == ENOENT)
			return 0;
		return -errno;
	}
	if (n == 0)
		return -ENODEV;
	if ((size_t)n < sizeof(*in) || in->len != (size_t)n)
		return -EIO;
	*ret = (struct request){
		.wire = w, .in = in, .arg = buffer + sizeof(*in), .len = (size_t)n - sizeof(*in)};
	return 1;
}

static void send_vec(struct request *r, int error, struct iovec *iov, int n)
{
	struct fuse_out_header out = {.error = error, .unique = r->in->unique};
	size_t len = sizeof(out);

	for (int i = 1; i < n; i++)
		len += iov[i].iov_len;
	out.len = (uint32_t)len;
	iov[0] = (struct iovec){&out, sizeof(out)};
	r->replied = true;
	r->error = error;
	/* ENOENT: the caller was interrupted and waits no more */
	while (writev(r->wire->fd, iov, n) < 0 && errno == EINTR)
		;
}

void wire_reply_error(struct request *r, int error)
{
	struct iovec iov[1];

	send_vec(r, error, iov, 1);
}

void wire_reply(struct request *r, const void *data, size_t len)
{
	struct iovec iov[2] = {[1] = {(void *)(uintptr_t)data, len}};

	send_vec(r, 0, iov, 2);
}

void wire_reply_vec(struct request *r, const void *head, size_t head_len, const void *data,
		    size_t len)
{
	struct iovec iov[3] = {
		[1] = {(void *)(uintptr_t)head, head_len}, [2] = {(void *)(uintptr_t)data, len}};

	send_vec(r, 0, iov, 3);
}

/* Why each: ASYNC_READ reads ahead; DONT_MASK because a default ACL replaces the umask; READDIRPLUS
 * always, since it spares a message for each entry; HANDLE_KILLPRIV_V2 spares a getxattr for each
 * write; PARALLEL_DIROPS since directories have locks of their own here. */
static uint64_t wanted(const struct wire_options *o)
{
	uint64_t flags = FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_DONT_MASK | FUSE_DO_READDIRPLUS |
			 FUSE_ASYNC_DIO | FUSE_PARALLEL_DIROPS | FUSE_HANDLE_KILLPRIV_V2 |
			 FUSE_MAX_PAGES | FUSE_CACHE_SYMLINKS | FUSE_EXPLICIT_INVAL_DATA |
			 FUSE_INIT_EXT | FUSE_SETXATTR_EXT;

	if (o->writeback && !o->read_only)
		flags |= FUSE_WRITEBACK_CACHE;
	if (o->acl)
		flags |= FUSE_POSIX_ACL;
	return flags;
}

void wire_init(struct request *r)
{
	struct wire *w = r->wire;
	const struct fuse_init_in *in = (const void *)r->arg;
	struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION,
				    .minor = FUSE_KERNEL_MINOR_VERSION,
				    .max_background = 64,
				    .congestion_threshold = 48,
				    .max_write = WIRE_MAX_WRITE,
				    .time_gran = 1};
	uint64_t offered, flags;

	if (r->len < offsetof(struct fuse_init_in, flags2) || in->major < 7 ||
	    (in->major == 7 && in->minor < 23)) {
		wire_reply_error(r, -EPROTO); /* Linux before 3.15 */
		return;
	}
	if (in->major > 7) { /* it asks again, with ours */
		wire_reply(r, &out, sizeof(out));
		return;
	}
	offered = in->flags;
	if ((in->flags & FUSE_INIT_EXT) && r->len >= offsetof(struct fuse_init_in, unused))
		offered |= (uint64_t)in->flags2 << 32;
	flags = wanted(&w->options) & offered;
	w->options.writeback = flags & FUSE_WRITEBACK_CACHE;
	w->setxattr_ext = flags & FUSE_SETXATTR_EXT;
	out.max_readahead = in->max_readahead;
	out.flags = (uint32_t)flags;
	out.flags2 = (uint32_t)(flags >> 32);
	out.max_pages = WIRE_MAX_WRITE / 4096;
	if (!(flags & FUSE_MAX_PAGES))
		out.max_write = 32 * 4096;
	wire_reply(r, &out, sizeof(out));
}

static void notify_inval(struct wire *w, uint64_t nodeid, int64_t off)
{
	struct fuse_notify_inval_inode_out body = {.ino = nodeid, .off = off};
	struct fuse_out_header out = {.len = sizeof(out) + sizeof(body),
				      .error = FUSE_NOTIFY_INVAL_INODE};
	struct iovec iov[2] = {{&out, sizeof(out)}, {&body, sizeof(body)}};

	while (writev(w->fd, iov, 2) < 0 && errno == EINTR)
		;
}

void wire_invalidate_attr(struct wire *w, uint64_t nodeid)
{
	notify_inval(w, nodeid, -1);
}

void wire_flush(struct wire *w, uint64_t nodeid)
{
	notify_inval(w, nodeid, 0); /* all of it; what is dirty is written first */
}
