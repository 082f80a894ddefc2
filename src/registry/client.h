/* client: one registry's HTTP API (distribution-spec), as a client.
 *
 * A client is bound to one repository. All transfers run in the caller's thread; parallel ones in
 * one curl_multi loop that the caller turns with client_run().
 */
#ifndef STRAKE_REGISTRY_CLIENT_H
#define STRAKE_REGISTRY_CLIENT_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/stream.h"
#include "oci/descriptor.h"
#include "oci/reference.h"
#include "registry/auth.h"

struct registry_options {
	const char *authfile;		       /* or NULL */
	const struct credentials *credentials; /* --creds: instead of the files; or NULL */
	const char *cert_dir;		       /* extra CA and client certificates; or NULL */
	bool tls_no_verify;		       /* --tls-verify=false: plain http is tried too */
	/* A flag that a signal handler sets: every wait then ends soon with -EINTR. NULL: none. */
	const volatile sig_atomic_t *interrupted;
};

struct registry_client;

int registry_client_new(const struct reference *ref, const struct registry_options *options,
			struct registry_client **ret, struct err *err);
void registry_client_free(struct registry_client *c);
void registry_client_freep(struct registry_client **c);

/* GET /v2/: for login. 0 when the credentials are good, -EACCES when not. */
int registry_ping(struct registry_client *c, struct err *err);

/* A manifest or index by tag or digest: bytes (malloced), Content-Type, and its digest: verified
 * against the selector when that is a digest and against Docker-Content-Digest when the server
 * sends one. */
int registry_get_manifest(struct registry_client *c, const char *selector, char **ret_text,
			  size_t *ret_len, char **ret_type, struct digest *ret_digest,
			  struct err *err);

/* Small blobs (configs) into memory, at most max bytes; size and digest are verified. */
int registry_get_blob(struct registry_client *c, const struct descriptor *d, size_t max,
		      char **ret_text, size_t *ret_len, struct err *err);

/* A large blob into a stream, from the stream's watermark on (Range); at most `d->size` bytes.
 * Retries and resumes by itself; calls stream_restart() when the server does not resume, and
 * stream_finish() at the end. `progress` is called from client_run() with the bytes so far (may be
 * NULL). The digest is the reader's to check. The fetch owns nothing of what it is given; d and
 * stream outlive it. */
struct registry_fetch;
struct registry_fetch *registry_fetch_start(struct registry_client *c, const struct descriptor *d,
					    struct stream *stream,
					    void (*progress)(void *ctx, uint64_t done), void *ctx);
/* Turns the loop for at most timeout_ms. Returns the number of fetches still going, or -errno. */
int registry_client_run(struct registry_client *c, int timeout_ms, struct err *err);
/* 1 ended well, 0 still going, -errno failed (err filled). */
int registry_fetch_result(struct registry_fetch *f, struct err *err);
void registry_fetch_free(struct registry_fetch *f);

/* Push. */
int registry_has_blob(struct registry_client *c, const struct digest *digest, bool *ret,
		      struct err *err);
/* Monolithic upload: POST, then PUT with the body read from fd (pread from 0). */
int registry_put_blob(struct registry_client *c, const struct descriptor *d, int fd,
		      void (*progress)(void *ctx, uint64_t done), void *ctx, struct err *err);
/* *ret_digest (may be NULL): what the server says, checked against the bytes. */
int registry_put_manifest(struct registry_client *c, const char *selector, const char *media_type,
			  const char *text, size_t len, struct err *err);

#endif
