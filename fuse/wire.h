/* wire: the kernel's FUSE protocol on one descriptor: negotiation, requests in, replies out.
 *
 * Spoken directly, by linux/fuse.h, not through libfuse: Debian 12's does not know what matters
 * most here (FUSE_HANDLE_KILLPRIV_V2, FUSE_SETXATTR_EXT, FUSE_TMPFILE), allocates for every
 * request, and its loop wakes another thread for each. What was tried and measured is in
 * HACKING.md.
 */
#ifndef STRAKE_FUSE_WIRE_H
#define STRAKE_FUSE_WIRE_H

#include <linux/fuse.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum {
	WIRE_MAX_WRITE = 1 << 20, /* bytes of data in one message, both ways */
	WIRE_BUFFER = WIRE_MAX_WRITE + 4096,
};

/* What is asked for at FUSE_INIT; what the kernel does not offer is cleared. */
struct wire_options {
	bool writeback; /* the kernel gathers small writes */
	bool acl;
	bool read_only;
};

struct wire {
	int fd;
	struct wire_options options;
	bool setxattr_ext; /* the longer form of that message was agreed on */
};

/* One request, in the buffer of the thread that read it. */
struct request {
	struct wire *wire;
	const struct fuse_in_header *in;
	const char *arg; /* behind the header */
	size_t len;	 /* of arg */
	char *out;	 /* WIRE_BUFFER bytes for a reply */
	int error;	 /* what was replied: for the log */
	bool replied;
};

/* Reads one request into buffer (WIRE_BUFFER bytes). 1: *ret is it; 0: none (interrupted, or the
 * kernel took it back); -EAGAIN: none yet, where reading does not block; -ENODEV: unmounted; or
 * -errno. */
int wire_read(struct wire *w, char *buffer, struct request *ret);

/* Every request but forgets gets one reply. error: 0 or -errno. */
void wire_reply_error(struct request *r, int error);
void wire_reply(struct request *r, const void *data, size_t len);
void wire_reply_vec(struct request *r, const void *head, size_t head_len, const void *data,
		    size_t len);

/* Answers FUSE_INIT. */
void wire_init(struct request *r);

/* Tells the kernel that an inode's attributes changed behind its back; its data did not. */
void wire_invalidate_attr(struct wire *w, uint64_t nodeid);

/* Makes the kernel write what it has gathered for a file, by messages that other threads answer
 * meanwhile, and forget its pages. */
void wire_flush(struct wire *w, uint64_t nodeid);

#endif
