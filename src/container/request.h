/* request: what the user asks of `run`, after the command line was read and before anything is
 * decided. All strings are borrowed from argv (or from the request's maker) unless said otherwise.
 */
#ifndef STRAKE_CONTAINER_REQUEST_H
#define STRAKE_CONTAINER_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "ns/identity.h"

enum overlay_mode { OVERLAY_AUTO, OVERLAY_KERNEL, OVERLAY_FUSE, OVERLAY_COPY };

enum mount_kind { MOUNT_BIND, MOUNT_TMPFS };

struct mount_request {
	enum mount_kind kind;
	char *source; /* bind: absolute host path, owned */
	char *target; /* absolute path in the container, clean, owned */
	bool readonly;
	bool create_source;  /* -v: a missing host path becomes a directory; --mount: it is an error
			      */
	uint64_t tmpfs_size; /* bytes; 0: the kernel's default (half of memory) */
	unsigned int tmpfs_mode; /* 01777 unless given */
	bool tmpfs_exec;	 /* docker's tmpfs is noexec unless "exec" */
};

struct run_request {
	const char *image_name; /* as typed, for ps */
	char *const *args;	/* strv behind the image; NULL or empty: the image's Cmd */
	const char *entrypoint; /* --entrypoint; NULL: the image's; "": none */
	char **env;		/* strv of KEY=VALUE from --env-file and -e, in order, owned */
	const char *workdir;	/* -w or NULL */
	const char *user;	/* -u or NULL */
	const char *hostname;	/* or NULL: the first 12 digits of the id */
	const char *name;	/* --name or NULL: generated */
	struct mount_request *mounts; /* -v, --mount, --tmpfs in order, owned */
	size_t n_mounts;
	bool interactive; /* -i: stdin stays open; else it is /dev/null */
	bool tty;	  /* -t */
	bool remove;	  /* --rm */
	bool readonly;	  /* --read-only */
	bool no_new_privileges;
	bool dry_run;
	enum userns_mode userns;
	enum overlay_mode overlay;
};

void run_request_release(struct run_request *r);
/* Frees what one mount owns; run_request_release() does it for those in the request. */
void mount_request_release(struct mount_request *m);

/* "SRC:DST[:OPT,...]" (-v): OPT ro rw z Z; SRC absolute, or relative beginning with "." (made
 * absolute). -EINVAL explains; a named volume is refused with a message (named volumes are not part
 * of this version). */
int mount_parse_volume(const char *text, struct mount_request *ret, struct err *err);
/* "type=bind,source=S,target=T[,readonly]", "type=tmpfs,target=T[,tmpfs-size=N][,tmpfs-mode=O]"
 * (--mount), CSV with docker's synonyms (src, dst, destination, ro, readonly=true). */
int mount_parse_mount(const char *text, struct mount_request *ret, struct err *err);
/* "TARGET[:OPT,...]" (--tmpfs): OPT size=N mode=O ro rw exec noexec and others docker takes. */
int mount_parse_tmpfs(const char *text, struct mount_request *ret, struct err *err);
int overlay_mode_parse(const char *text, enum overlay_mode *ret, struct err *err);

/* Docker's --env-file: a line is KEY=VALUE as it stands, or KEY to copy from our environment; '#'
 * in column 0 begins a comment. Appends to *env. And one -e argument, by the same rule. */
int env_read_file(const char *path, char ***env, struct err *err);
int env_add_option(const char *text, char ***env, struct err *err);

#endif
