/* image_config: the image JSON (image-spec config.md and Docker's extensions). */
#ifndef STRAKE_OCI_IMAGE_CONFIG_H
#define STRAKE_OCI_IMAGE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/json.h"
#include "oci/digest.h"
#include "oci/platform.h"

struct image_config {
	json_t *json; /* the whole document, owned; unknown members are kept */
	struct platform platform;
	char *created;	   /* RFC 3339 or NULL */
	char *user;	   /* "" when unset; so for every string below */
	char **env;	   /* strv, never NULL; each has a '=' */
	char **entrypoint; /* strv or NULL */
	char **cmd;	   /* strv or NULL */
	char **volumes;	   /* strv, never NULL: absolute clean paths below "/" */
	char *working_dir;
	char *stop_signal;
	struct digest *diff_ids;
	size_t n_diff_ids;
};

/* Any member may be missing or null. Refuses: rootfs.type other than "layers", more than
 * LIMIT_LAYERS diff ids, an ENV entry without '=' or with an empty name, a volume "/", wrong types,
 * NULs. */
int image_config_parse(const char *text, size_t len, struct image_config *ret, struct err *err);
void image_config_release(struct image_config *c);

/* A new config document for a root filesystem of one layer: created (seconds since the epoch, <0:
 * now, or $SOURCE_DATE_EPOCH when that is set), this platform, one history entry. */
json_t *image_config_new(const struct platform *platform, const struct digest *diff_id,
			 const char *created_by, int64_t created);

/* Applies one Containerfile instruction to a config document, as `import --change` and `commit` do:
 * CMD ENTRYPOINT (JSON or shell form) ENV LABEL EXPOSE USER WORKDIR VOLUME STOPSIGNAL. Quotes,
 * escapes, $NAME and ${NAME} (from the config's own Env) mean what they mean in a Containerfile.
 * Any other instruction or bad syntax is -EINVAL with a message that quotes it, and leaves the
 * document alone. */
int image_config_change(json_t *config, const char *instruction, struct err *err);

/* "TERM", "SIGTERM", "15", "SIGRTMIN+3" -> number; "" -> SIGTERM. -EINVAL otherwise. */
int image_signal_parse(const char *text, struct err *err);

#endif
