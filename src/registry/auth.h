/* auth: credentials in the files that docker and the containers tools share (SPEC:
 * containers-auth.json). */
#ifndef STRAKE_REGISTRY_AUTH_H
#define STRAKE_REGISTRY_AUTH_H

#include "base/err.h"
#include "oci/reference.h"

struct credentials {
	char *user;
	char *password;
	char *identity_token; /* set: OAuth2 refresh token instead of a password */
};

void credentials_release(struct credentials *c); /* wipes before freeing */

/* Looks for ref's registry in --authfile (when given), $REGISTRY_AUTH_FILE,
 * $XDG_RUNTIME_DIR/containers/auth.json, $XDG_CONFIG_HOME/containers/auth.json,
 * $DOCKER_CONFIG/config.json or
 * ~/.docker/config.json, ~/.dockercfg; most specific key first. Returns 1 when found, 0 when not. A
 * file that cannot be read or parsed is an error that names it. */
int auth_lookup(const char *authfile, const struct reference *ref, struct credentials *ret,
		struct err *err);

/* Adds or replaces the entry of `registry` ("docker.io", "host:port"); mode 0600, atomically,
 * unknown members kept. *ret_path: the file written (malloced; may be NULL). */
int auth_store(const char *authfile, const char *registry, const char *user, const char *password,
	       char **ret_path, struct err *err);
/* Removes it. -ENOENT: "not logged in to 'X'". registry NULL: every entry. */
int auth_erase(const char *authfile, const char *registry, char **ret_path, struct err *err);

#endif
