/* Messages about files' data. They go by way of descriptors that content.h keeps. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fd.h"
#include "fuse/content.h"
#include "fuse/copyup.h"
#include "fuse/loop.h"
#include "fuse/ops.h"
#include "fuse/upper.h"

/* A descriptor for the message's file; what takes long on the way is handed over first. */
static int open_for(struct server *s, struct node *n, bool write, struct backing **ret)
{
	if (write && (n->layer || n->metacopy || !s->overlay.writable))
		loop_hand_over();
	return content_open(&s->overlay, n, write, ret);
}

static bool is_at_end(int fd, off_t at)
{
	struct stat st;

	return fstat(fd, &st) == 0 && at >= st.st_size;
}

/* What is in memory is read at once, the rest when another thread has the lead. Bytes or -errno. */
static ssize_t read_some(int fd, void *out, size_t size, off_t at, bool *ret_slow)
{
	struct iovec iov = {out, size};
	ssize_t n = preadv2(fd, &iov, 1, at, RWF_NOWAIT);

	if (n == (ssize_t)size || (n >= 0 && is_at_end(fd, at + n)))
		return n;
	if (n < 0)
		n = 0;
	*ret_slow = true;
	loop_hand_over();
	while ((size_t)n < size) {
		ssize_t more = pread(fd, (char *)out + n, size - (size_t)n, at + n);

		if (more < 0 && errno == EINTR)
			continue;
		if (more < 0)
			return n ? n : -errno;
		if (more == 0)
			break;
		n += more;
	}
	return n;
}

void op_read(struct server *s, struct request *r)
{
	const struct fuse_read_in *in = (const void *)r->arg;
	size_t size = in->size < WIRE_MAX_WRITE ? in->size : WIRE_MAX_WRITE;
	struct node *node = node_of(s, r->in->nodeid);
	struct backing *b;
	bool slow = false;
	ssize_t n = open_for(s, node, false, &b);

	if (n == 0) {
		n = read_some(b->fd, r->out, size, (off_t)in->offset, &slow);
		content_close(b);
		if (in->offset == 0)
			ahead_file(&s->overlay.ahead, node, slow);
	}
	if (n < 0)
		wire_reply_error(r, (int)n);
	else
		wire_reply(r, r->out, (size_t)n);
}

/* The bits go, and the kernel, which only thinks of the size, is told. */
static void kill_priv(struct server *s, const struct request *r, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !(st.st_mode & (S_ISUID | S_ISGID)))
		return;
	if (content_kill_priv(fd, &st) == 0)
		wire_invalidate_attr(&s->wire, r->in->nodeid);
}

/* While the kernel gathers writes, the time of a change is what it says, in its own time. */
static void keep_times(const struct server *s, int fd, struct stat *ret)
{
	if (!s->wire.options.writeback || fstat(fd, ret) < 0)
		ret->st_mtim.tv_nsec = UTIME_OMIT;
}

static void restore_times(const struct server *s, int fd, const struct stat *before)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, before->st_mtim};

	if (s->wire.options.writeback)
		(void)futimens(fd, times);
}

/* While the kernel gathers writes it sets mode and times itself, and sends the times when it thinks
 * fit. To the file they stay what they are. */
static int write_gathered(const struct backing *b, const char *data, size_t size, off_t at)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}};
	struct stat st, now;
	int error = fstat(b->fd, &st) < 0 ? -errno : 0;

	if (error == 0)
		error = fd_pwrite_all(b->fd, data, size, at);
	if (error)
		return error;
	times[1] = st.st_mtim;
	if (b->has_priv && fstat(b->fd, &now) == 0 && now.st_mode != st.st_mode)
		(void)fchmod(b->fd, st.st_mode & 07777);
	return futimens(b->fd, times) < 0 ? -errno : 0;
}

void op_write(struct server *s, struct request *r)
{
	const struct fuse_write_in *in = (const void *)r->arg;
	const char *data = r->arg + sizeof(*in);
	struct fuse_write_out out = {.size = in->size};
	struct backing *b;
	int error;

	if (in->size > r->len - sizeof(*in)) {
		wire_reply_error(r, -EINVAL);
		return;
	}
	error = open_for(s, node_of(s, r->in->nodeid), true, &b);
	if (error == 0) {
		if (s->wire.options.writeback && !(in->flags & O_DIRECT))
			error = write_gathered(b, data, in->size, (off_t)in->offset);
		else
			error = fd_pwrite_all(b->fd, data, in->size, (off_t)in->offset);
		if (error == 0 && (in->write_flags & FUSE_WRITE_KILL_SUIDGID))
			kill_priv(s, r, b->fd);
		content_close(b);
	}
	if (error)
		wire_reply_error(r, error);
	else
		wire_reply(r, &out, sizeof(out));
}

void op_fsync(struct server *s, struct request *r)
{
	const struct fuse_fsync_in *in = (const void *)r->arg;
	struct node *n = node_of(s, r->in->nodeid);
	struct backing *b;
	int error;

	if (!s->fsync || s->overlay.config.is_volatile || !s->overlay.writable || n->layer) {
		wire_reply_error(r, 0);
		return;
	}
	loop_hand_over();
	error = content_open(&s->overlay, n, false, &b);
	if (error == 0) {
		if ((in->fsync_flags & FUSE_FSYNC_FDATASYNC ? fdatasync(b->fd) : fsync(b->fd)) < 0)
			error = -errno;
		content_close(b);
	}
	wire_reply_error(r, error);
}

void op_fallocate(struct server *s, struct request *r)
{
	const struct fuse_fallocate_in *in = (const void *)r->arg;
	struct backing *b;
	int error;

	loop_hand_over();
	error = content_open(&s->overlay, node_of(s, r->in->nodeid), true, &b);
	if (error == 0) {
		struct stat before;

		keep_times(s, b->fd, &before);
		if (fallocate(b->fd, (int)in->mode, (off_t)in->offset, (off_t)in->length) < 0)
			error = -errno;
		else
			kill_priv(s, r, b->fd);
		restore_times(s, b->fd, &before);
		content_close(b);
	}
	wire_reply_error(r, error);
}

void op_lseek(struct server *s, struct request *r)
{
	const struct fuse_lseek_in *in = (const void *)r->arg;
	struct fuse_lseek_out out;
	struct backing *b;
	off_t at;
	int error;

	/* The kernel does not write what it has gathered before it asks where the holes are. */
	if (s->wire.options.writeback) {
		if (!loop_hand_over()) {
			wire_reply_error(r, -ENOSYS); /* then it takes all for data */
			return;
		}
		wire_flush(&s->wire, r->in->nodeid);
	}
	/* no other use is made of the position of these descriptors */
	error = content_open(&s->overlay, node_of(s, r->in->nodeid), false, &b);
	if (error == 0) {
		at = lseek(b->fd, (off_t)in->offset, (int)in->whence);
		error = at < 0 ? -errno : 0;
		out.offset = (uint64_t)at;
		content_close(b);
	}
	if (error)
		wire_reply_error(r, error);
	else
		wire_reply(r, &out, sizeof(out));
}

void op_copy_file_range(struct server *s, struct request *r)
{
	const struct fuse_copy_file_range_in *in = (const void *)r->arg;
	off_t from = (off_t)in->off_in, to = (off_t)in->off_out;
	struct backing *src = NULL, *dst = NULL;
	struct fuse_write_out out;
	ssize_t n;

	loop_hand_over();
	/* the destination first: copying it up changes where the source is, when they are one file
	 */
	n = content_open(&s->overlay, node_of(s, in->nodeid_out), true, &dst);
	if (n == 0)
		n = content_open(&s->overlay, node_of(s, r->in->nodeid), false, &src);
	if (n == 0) {
		size_t len = in->len < 1U << 30 ? in->len : 1U << 30;

		struct stat before;

		keep_times(s, dst->fd, &before);
		n = copy_file_range(src->fd, &from, dst->fd, &to, len, (unsigned int)in->flags);
		if (n < 0)
			n = -errno;
		restore_times(s, dst->fd, &before);
		if (n > 0) {
			struct request of_dst = *r;
			struct fuse_in_header head = *r->in;

			head.nodeid = in->nodeid_out;
			of_dst.in = &head;
			kill_priv(s, &of_dst, dst->fd);
		}
	}
	content_close(src);
	content_close(dst);
	out = (struct fuse_write_out){.size = (uint32_t)n};
	if (n < 0)
		wire_reply_error(r, (int)n);
	else
		wire_reply(r, &out, sizeof(out));
}

/* --- ioctl: inode flags, which is all that the kernel's overlay passes on too */

static bool is_known(uint32_t cmd, bool *ret_set)
{
	*ret_set = cmd == FS_IOC_SETFLAGS || cmd == FS_IOC_FSSETXATTR;
	return *ret_set || cmd == FS_IOC_GETFLAGS || cmd == FS_IOC_FSGETXATTR;
}

static int ioctl_fd(struct server *s, struct node *n, bool set, struct backing **ret)
{
	struct place *top;
	int fd;

	*ret = NULL;
	if (!S_ISDIR(n->type)) {
		int error = content_open(&s->overlay, n, set, ret);

		return error ? error : fcntl((*ret)->fd, F_DUPFD_CLOEXEC, 0);
	}
	pthread_rwlock_rdlock(&n->dir->lock);
	top = n->dir->n ? place_ref(n->dir->stack[0]) : NULL;
	pthread_rwlock_unlock(&n->dir->lock);
	if (!top)
		return -ENOENT;
	fd = top->layer->source->open(top, "", O_RDONLY | O_DIRECTORY);
	place_unref(top);
	return fd;
}

void op_ioctl(struct server *s, struct request *r)
{
	const struct fuse_ioctl_in *in = (const void *)r->arg;
	struct node *n = node_of(s, r->in->nodeid);
	struct fuse_ioctl_out out = {0};
	_cleanup_fd_ int fd = -1;
	struct backing *b = NULL;
	bool set;
	char data[sizeof(struct fsxattr)] = {0};
	int error = 0;

	if (!is_known(in->cmd, &set) || in->in_size > sizeof(data) || in->out_size > sizeof(data) ||
	    in->in_size > r->len - sizeof(*in)) {
		wire_reply_error(r, -ENOTTY);
		return;
	}
	if (set) {
		loop_hand_over();
		error = copy_up(&s->overlay, n, COPY_ALL);
	}
	if (error == 0) {
		fd = ioctl_fd(s, n, set, &b);
		error = fd < 0 ? fd : 0;
	}
	memcpy(data, r->arg + sizeof(*in), in->in_size);
	if (error == 0 && ioctl(fd, in->cmd, data) < 0)
		error = -errno;
	content_close(b);
	if (error)
		wire_reply_error(r, error);
	else
		wire_reply_vec(r, &out, sizeof(out), data, in->out_size);
}
