#include "base/sha256.h"

#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <openssl/evp.h>

struct sha256 {
	EVP_MD_CTX *ctx;
};

/* libcrypto fails here only for want of memory or a broken configuration; a digest that is not one
 * must never be compared. */
static void sha256_must(int ok)
{
	if (ok)
		return;
	fprintf(stderr, "strake: libcrypto cannot compute SHA-256\n");
	abort();
}

struct sha256 *sha256_new(void)
{
	struct sha256 *h = xmalloc(sizeof(*h));

	h->ctx = EVP_MD_CTX_new();
	sha256_must(h->ctx != NULL);
	sha256_must(EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL));
	return h;
}

void sha256_free(struct sha256 *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

void sha256_freep(struct sha256 **h)
{
	int saved = errno;

	sha256_free(*h);
	*h = NULL;
	errno = saved;
}

void sha256_update(struct sha256 *h, const void *buf, size_t len)
{
	sha256_must(EVP_DigestUpdate(h->ctx, buf, len));
}

void sha256_reset(struct sha256 *h)
{
	sha256_must(EVP_DigestInit_ex(h->ctx, NULL, NULL));
}

void sha256_final_hex(struct sha256 *h, char out[65])
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	sha256_must(EVP_DigestFinal_ex(h->ctx, md, &len) && len == 32);
	str_hex(md, 32, out);
}

void sha256_hex(const void *buf, size_t len, char out[65])
{
	struct sha256 *h = sha256_new();

	sha256_update(h, buf, len);
	sha256_final_hex(h, out);
	sha256_free(h);
}
