/* Apart from blob.c: this is the one place of the store that hashes, and `strake` itself must not
 * link libcrypto. */
#include "store/blob.h"

#include <errno.h>

#include "base/fd.h"
#include "base/sha256.h"
#include "base/str.h"

int blob_put(struct store *s, const struct digest *expect, const void *data, size_t len,
	     struct digest *ret_digest, struct err *err)
{
	struct blob_claim claim;
	struct digest digest;
	char hex[65];
	int64_t size;
	int r;

	sha256_hex(data, len, hex);
	digest_from_hex(hex, &digest);
	if (expect && digest_is_set(expect) && !str_eq(digest_algorithm(expect), "sha256"))
		return err_set(err, ENOTSUP, "blob %s: only sha256 can be verified", expect->text);
	if (expect && digest_is_set(expect) && !digest_eq(expect, &digest))
		return err_set(err, EBADMSG, "blob %s: its %zu bytes have the digest %s",
			       expect->text, len, digest.text);
	if (ret_digest)
		*ret_digest = digest;
	if (blob_exists(s, &digest, &size) && (uint64_t)size == len)
		return 0;
	r = blob_claim_new(s, &claim, err);
	if (r < 0)
		return r;
	claim.digest = digest;
	r = fd_write_all(claim.fd, data, len);
	if (r < 0)
		err_sys(err, -r, "cannot write blob %s", digest.text);
	else
		r = blob_claim_commit(s, &claim, err);
	blob_claim_release(s, &claim, false);
	return r;
}
