/* probe: what works on this machine, tried, not guessed. */
#ifndef STRAKE_NS_PROBE_H
#define STRAKE_NS_PROBE_H

#include "base/err.h"
#include "ns/identity.h"

enum probe_status { PROBE_OK, PROBE_WARN, PROBE_FAIL };

struct probe_result {
	enum probe_status status;
	char detail[256]; /* what was found */
	char remedy[512]; /* the exact line to run, and by whom; "" when ok */
};

void probe_user_namespace(struct probe_result *ret);
void probe_id_range(struct probe_result *ret);
/* Mounts a small overlay with upper and lower in `dirfd` (of the store). */
void probe_kernel_overlay(int dirfd, const char *path, struct probe_result *ret);
/* Mounts a FUSE file system in a user namespace. */
void probe_dev_fuse(struct probe_result *ret);
/* Mounts one through fusermount3 in `dirfd`, and takes it away again. */
void probe_fusermount(int dirfd, const char *path, struct probe_result *ret);
/* Sets, reads and removes a user xattr on a file in dirfd. */
void probe_user_xattr(int dirfd, const char *path, struct probe_result *ret);
/* 0:0 character device, the whiteout. */
void probe_whiteout(int dirfd, const char *path, struct probe_result *ret);
/* A fresh /proc in new user, mount and pid namespaces. */
void probe_proc(struct probe_result *ret);
void probe_openat2(struct probe_result *ret);

#endif
