/* plan: everything that will be done to make a container, as an ordered list of typed operations.
 *
 * Theory of operation: plan_make() is a pure function of its input: it opens, mounts and asks
 * nothing, so it is printed by --dry-run and tested without privileges. child.c carries the list
 * out, in order, inside the new namespaces. What can only be known there (the container's passwd,
 * whether a masked path exists) is an operation with a question in it, not a decision made early.
 */
#ifndef STRAKE_CONTAINER_PLAN_H
#define STRAKE_CONTAINER_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/err.h"
#include "container/request.h"
#include "container/rootfs.h"
#include "ns/identity.h"
#include "oci/image_config.h"

enum op_kind {
	OP_ROOTFS, /* stack plan->rootfs; every target below is resolved inside it */
	OP_PROC, /* a fresh /proc, or the outer one where the kernel refuses (masked paths: nesting)
		  */
	OP_SYS,	 /* /sys of the host's network namespace, read-only; a fresh cgroup2 where there is
		    one */
	OP_DEV,	 /* a tmpfs with nodes bound from the host, pts, shm, mqueue, links */
	OP_CONSOLE, /* a pseudo terminal of the new devpts: master to the parent, slave on
		       /dev/console */
	OP_BIND, /* host path `source` on `target`; attr: MOUNT_ATTR_*; make_source: a missing one
		    is made */
	OP_ETC_FILE, /* /etc/`source` generated, for the host name `data`, bound on `target` */
	OP_TMPFS,    /* flags: MS_*, data: options */
	OP_VOLUME, /* directory `source` on `target`, first filled with what the image has there */
	OP_MASK,   /* hides a path: /dev/null on a file, an empty read-only directory on a directory
		    */
	OP_READONLY, /* makes a path read-only */
	OP_ROOT_READONLY,
	OP_PIVOT,    /* the stacked tree becomes "/", the host's is gone */
	OP_HOSTNAME, /* source: the name */
	OP_WORKDIR,  /* target: made when missing, and entered, never through a magic link */
	OP_USER,     /* source: "user[:group]", resolved in the container; groups, ids, HOME;
		      * caps: the bounding set, which can only shrink before the ids change */
	OP_CAPS,     /* caps: what root keeps; an ordinary user keeps nothing */
	OP_NO_NEW_PRIVS,
	OP_EXEC, /* plan->argv with plan->env */
	OP_KINDS
};

struct op {
	enum op_kind kind;
	char *source, *target, *data; /* owned, NULL where not used */
	unsigned long flags;	      /* OP_TMPFS: MS_*; OP_BIND, OP_VOLUME: MOUNT_ATTR_* */
	uint64_t caps;
	bool make_source;
	bool optional; /* OP_USER: an id that is not mapped is a warning, not an error */
};

struct plan {
	struct op *ops;
	size_t n_ops, cap_ops;
	struct rootfs rootfs;
	struct identity identity;
	char **argv, **env; /* strv */
	bool tty, interactive;
};

/* What the decisions are made from; borrowed. */
struct plan_input {
	const struct run_request *request;
	const struct image_config *config;
	const struct identity *identity;
	const char *dir;	 /* the container's directory, absolute */
	const char *mountpoints; /* the layer below them, or NULL; absolute */
	char *const *layers;	 /* unpacked layers, base first, absolute (strv) */
	const char *id;		 /* 64 hex digits */
};

/* -EINVAL when there is nothing to run. *ret is to be released also after a failure. */
int plan_make(const struct plan_input *in, struct plan *ret, struct err *err);
void plan_release(struct plan *p);
/* One operation a line, for people. */
void plan_print(const struct plan *p, FILE *out);

/* For plan_mounts.c: appends a zeroed operation. */
struct op *plan_add(struct plan *p, enum op_kind kind, const char *source, const char *target);
/* The file systems every container has, in order, around the user's own mounts. */
void plan_add_mounts(struct plan *p, const struct plan_input *in, const char *hostname);

#endif
