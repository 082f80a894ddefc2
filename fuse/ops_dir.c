/* Messages about directories' content. */
#include <string.h>

#include "fuse/ops.h"

struct filling {
	struct server *server;
	char *out;
	size_t at, size;
	bool plus;
};

static int add_entry(void *arg, const char *name, uint64_t cookie, const struct file *f)
{
	struct filling *b = arg;
	size_t head = b->plus ? FUSE_NAME_OFFSET_DIRENTPLUS : FUSE_NAME_OFFSET;
	size_t len = strlen(name), whole = FUSE_DIRENT_ALIGN(head + len);
	struct fuse_dirent *d;

	if (b->at + whole > b->size)
		return 1;
	memset(b->out + b->at, 0, whole);
	if (b->plus) {
		struct fuse_direntplus *p = (void *)(b->out + b->at);

		if (f->node)
			fill_entry(b->server, f, &p->entry_out);
		d = &p->dirent;
	} else {
		d = (void *)(b->out + b->at);
	}
	d->ino = f->st.st_ino;
	d->off = cookie;
	d->namelen = (uint32_t)len;
	d->type = (f->st.st_mode & S_IFMT) >> 12;
	memcpy(d->name, name, len);
	b->at += whole;
	if (!b->plus && f->node)
		node_unref(&b->server->overlay.nodes, f->node);
	return 0;
}

static void list(struct server *s, struct request *r, bool plus)
{
	const struct fuse_read_in *in = (const void *)r->arg;
	struct filling b = {.server = s, .out = r->out, .plus = plus};
	int error;

	b.size = in->size < WIRE_MAX_WRITE ? in->size : WIRE_MAX_WRITE;
	error = overlay_readdir(&s->overlay, node_of(s, r->in->nodeid), in->offset, add_entry, &b);
	/* what is in the buffer was counted: it has to arrive */
	if (error && !b.at)
		wire_reply_error(r, error);
	else
		wire_reply(r, b.out, b.at);
}

void op_readdir(struct server *s, struct request *r)
{
	list(s, r, false);
}

void op_readdirplus(struct server *s, struct request *r)
{
	list(s, r, true);
}

void op_fsyncdir(struct server *s, struct request *r)
{
	const struct fuse_fsync_in *in = (const void *)r->arg;

	wire_reply_error(r, s->fsync ? overlay_fsync_dir(&s->overlay, node_of(s, r->in->nodeid),
							 in->fsync_flags & FUSE_FSYNC_FDATASYNC)
				     : 0);
}
