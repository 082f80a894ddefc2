/* blob: content by digest, and the one way in for new content. */
#ifndef STRAKE_STORE_BLOB_H
#define STRAKE_STORE_BLOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "oci/digest.h"
#include "store/store.h"

/* Opens for reading. *ret_size may be NULL. -ENOENT names the digest. Never hashes: what has its
 * final name was verified on its way in. Returns the descriptor. */
int blob_open(struct store *s, const struct digest *digest, int64_t *ret_size, struct err *err);
/* Whether it is there; size is its length then (may be NULL). */
bool blob_exists(struct store *s, const struct digest *digest, int64_t *ret_size);
/* The whole blob, at most max bytes, NUL terminated; malloced. size (>= 0) must match. */
int blob_read(struct store *s, const struct digest *digest, int64_t size, uint64_t max,
	      char **ret_text, size_t *ret_len, struct err *err);
/* Removes; a missing one is fine. For gc, which holds the exclusive lease. */
int blob_remove(struct store *s, const struct digest *digest, struct err *err);

/* A claim: this process alone brings this blob in. The lock is on the partial file and dies with
 * the process; what it left is the next claimant's prefix. */
struct blob_claim {
	struct digest digest;
	int fd;	       /* the partial file, read-write; -1: no claim */
	uint64_t size; /* bytes that an earlier, interrupted download left */
	char *name;    /* in uploads/ */
};

#define BLOB_CLAIM_INIT                                                                            \
	{                                                                                          \
		.fd = -1                                                                           \
	}

enum blob_claimed {
	BLOB_THERE, /* the blob is complete: nothing to do, no claim is held */
	BLOB_MINE,  /* the claim is held */
	BLOB_BUSY,  /* another process holds it: ask again later */
};

/* Never waits. Returns an enum blob_claimed or -errno. */
int blob_claim(struct store *s, const struct digest *digest, struct blob_claim *ret,
	       struct err *err);
/* Publishes: the caller has verified the digest of what is in fd. fsync, rename, claim released.
 * After a failure the claim is still to be released. */
int blob_claim_commit(struct store *s, struct blob_claim *claim, struct err *err);
/* Gives the claim back. keep: the partial stays for a later resume; else it is removed. Safe when
 * no claim is held. */
void blob_claim_release(struct store *s, struct blob_claim *claim, bool keep);

/* For small documents: verifies the bytes against the digest when it is set (-EBADMSG), else
 * computes it into *ret_digest (may be NULL); publishes. Links sha256: libexec programs only. */
int blob_put(struct store *s, const struct digest *expect, const void *data, size_t len,
	     struct digest *ret_digest, struct err *err);

/* For content whose digest is not known before it is written (import): uploads/new-RANDOM.partial,
 * read-write, locked as a claim is so that gc leaves it alone. Commit it after setting
 * claim->digest. */
int blob_claim_new(struct store *s, struct blob_claim *ret, struct err *err);

#endif
