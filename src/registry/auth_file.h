/* auth_file: where the credential files are, and reading and writing one. */
#ifndef STRAKE_REGISTRY_AUTH_FILE_H
#define STRAKE_REGISTRY_AUTH_FILE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/json.h"

struct auth_file {
	char *path;
	bool legacy;   /* ~/.dockercfg: the map of entries without the "auths" level */
	bool required; /* given by --authfile: reading it fails when it is not there */
};

#define AUTH_FILES_MAX 5

/* The files to look in, in order. Returns their number; each path is malloced. */
size_t auth_file_search(const char *authfile, struct auth_file files[AUTH_FILES_MAX]);
void auth_file_release(struct auth_file *file);

/* The one file that login writes, its symlinks resolved; malloced. -ENOENT when there is no home.
 */
int auth_file_primary(const char *authfile, char **ret, struct err *err);

/* The document; an absent or empty file gives an empty object unless it is required. */
int auth_file_read(const struct auth_file *file, json_t **ret, struct err *err);
/* Mode 0600, atomically; missing directories are made with mode 0700. */
int auth_file_write(const char *path, const json_t *doc, struct err *err);

#endif
