/* layer_env: a directory to unpack into, and ways to ask what came out. */
#ifndef STRAKE_TESTS_LAYER_ENV_H
#define STRAKE_TESTS_LAYER_ENV_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/err.h"
#include "layer/unpack.h"
#include "tar_build.h"

/* All of one test: a temporary directory with "canary" in it, beside the layers. */
extern int env_dir;   /* the temporary directory */
extern int env_layer; /* the layer directory unpacked last */
extern int env_root;  /* its root/ */
extern struct err env_err;
extern uint64_t env_entries;
extern struct unpack_options env_options;

void env_setup(void);
/* Fails the test when anything outside the layers changed. */
void env_teardown(void);

/* A new layer directory, which env_layer then is. */
int env_new_layer(void);
/* Ends the tar and unpacks it into a new layer; what layer_unpack() returned. Releases the tar. */
int env_unpack(struct tar *t);
/* As above without the end blocks. */
int env_unpack_raw(struct tar *t);
/* The same, and it must work. */
void env_good(struct tar *t);
/* The same, and it must fail with -code and a message that holds `text`. */
void env_bad(struct tar *t, int code, const char *text);

bool env_exists(const char *path); /* no link followed */
struct stat env_stat(const char *path);
/* The whole content, malloced; valid until the next call. */
const char *env_content(const char *path);
const char *env_readlink(const char *path);
/* The xattr's text or NULL; valid until the next call. */
const char *env_xattr(const char *path, const char *name);
bool env_is_whiteout(const char *path);
bool env_is_opaque(const char *path);
/* What owner_resolve() says. */
struct stat env_owner(const char *path);
/* Whether this file system takes user xattrs, and this user can make 0:0 devices. */
bool env_has_xattrs(void);
bool env_has_whiteouts(void);

TCase *layer_entry_case(void);
TCase *layer_link_case(void);
TCase *layer_hostile_case(void);
TCase *layer_whiteout_case(void);
TCase *layer_ingest_case(void);
TCase *layer_copy_case(void);
TCase *layer_owner_case(void);
TCase *layer_convert_case(void);
TCase *layer_lower_case(void);

#endif
