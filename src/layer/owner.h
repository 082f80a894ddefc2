/* owner: recording and finding the true owner, mode and type of unpacked files: the xattr
 * user.containers.override_stat where the file takes one, else the layer's sidecar file. */
#ifndef STRAKE_LAYER_OWNER_H
#define STRAKE_LAYER_OWNER_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"
#include "format/override_stat.h"

/* Sidecar records under construction, or read back: path below root/ -> override_stat. */
struct owners;

struct owners *owners_new(void);
void owners_free(struct owners *o);
void owners_freep(struct owners **o);
/* Replaces what an earlier record of the same path says. */
void owners_add(struct owners *o, const char *path, const struct override_stat *stat);
/* Forgets path and everything below it (a later entry replaced it). */
void owners_remove(struct owners *o, const char *path);
const struct override_stat *owners_find(const struct owners *o, const char *path);
bool owners_is_empty(const struct owners *o);
/* Whether the records reached LIMIT_OWNERS_SIZE: the maker of the layer is to refuse it. */
bool owners_is_full(const struct owners *o);
/* Writes dir/owners when there is any record; reads it (none: an empty set). */
int owners_save(const struct owners *o, int dir, struct err *err);
int owners_load(int dir, struct owners **ret, struct err *err);

/* The true attributes of the file `fd` (O_PATH or not) at `path` below root/: *st is what fstat
 * said and is changed in place (uid, gid, mode, type, rdev), 0:0 when nothing is recorded. */
int owner_resolve(int fd, const char *path, const struct owners *o, struct stat *st);

#endif
