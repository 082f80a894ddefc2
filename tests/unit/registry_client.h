/* registry_client: what the tests of the client share. */
#ifndef STRAKE_TESTS_REGISTRY_CLIENT_H
#define STRAKE_TESTS_REGISTRY_CLIENT_H

#include "oci/descriptor.h"
#include "registry.h"
#include "registry/client.h"

/* A client of "127.0.0.1:PORT/team/app:1" whose retries do not wait. credentials may be NULL. */
struct registry_client *client_for(struct server *s, const struct credentials *credentials);
/* The same for any name and options. */
struct registry_client *client_named(const char *name, const struct registry_options *options);

/* The descriptor of these bytes as a gzip layer. */
void describe_bytes(const void *bytes, size_t len, struct descriptor *ret);
/* len bytes that are the same each time; malloced. */
char *some_bytes(size_t len);
/* "sha256:..." of bytes. Valid until the next call. */
const char *digest_of(const void *bytes, size_t len);

#endif
