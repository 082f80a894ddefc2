/* fuse: what the files of its unit tests share: layers in a directory of the test's own, an overlay
 * of them without any mount, and layers that are on no disk. */
#ifndef STRAKE_TESTS_FUSE_H
#define STRAKE_TESTS_FUSE_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>

#include "fuse/lookup.h"
#include "fuse/overlay.h"

/* A directory made before and removed after each test; its layers are "l0" (the topmost), "l1", and
 * so on, "u" and "w". */
extern int env_dir;
/* What env_open() opens it with, but for the layers. */
extern struct overlay_config env_config;
extern struct overlay env_fs;

void env_setup(void);
void env_teardown(void); /* closes the overlay too */
/* A test case with that fixture. */
TCase *env_case(const char *name);

/* Below env_dir, with the directories above; they fail the test. */
void env_mkdir(const char *path);
void env_file(const char *path, const char *text);
void env_mark(const char *path, const char *key, const char *value);
void env_device(const char *path); /* a whiteout */
/* A file without data and of that size. */
void env_hole(const char *path, off_t size);

/* What this file system or user lacks, said on stdout: the test returns then. */
bool env_lacks_xattrs(void);
bool env_lacks_devices(void);

/* Over n lower layers, and "u" and "w" when it is to be written. */
void env_open(unsigned int n_lower, bool writable);
/* Closes it, when it is open. Every node but the root must have been forgotten. */
void env_close(void);

/* The node of a path from the root, counted; NULL and *ret_error when there is none. */
struct node *env_node(const char *path, int *ret_error);
void env_forget(struct node *n);
/* What a client sees, as text that is good until the next call: the names of a directory in
 * alphabetic order with a blank between; the content of a file; "!" and the name of the error. */
const char *env_ls(const char *path);
const char *env_read(const char *path);
/* As a client does. Files are empty. */
void env_create(const char *dir, const char *name);
void env_unlink(const char *dir, const char *name);

/* A place in a layer of which nothing is on disk but these xattrs of every file. size (size_t)-1:
 * strlen(value). The array ends with a NULL key; NULL instead of it: listing them fails with
 * fake_error. */
struct fake_xattr {
	const char *key, *value;
	size_t size;
};
extern const struct fake_xattr *fake_xattrs;
extern int fake_error;
struct place *fake_place(bool trusted, bool upper);
void fake_release(struct place *p);

TCase *fuse_options_case(void);
TCase *fuse_owner_case(void);
TCase *fuse_owner_disk_case(void);
TCase *fuse_keys_case(void);
TCase *fuse_marks_case(void);
TCase *fuse_marks_disk_case(void);
TCase *fuse_listing_case(void);
TCase *fuse_listing_big_case(void);
TCase *fuse_place_case(void);
TCase *fuse_node_case(void);
TCase *fuse_node_files_case(void);
TCase *fuse_walk_case(void);
TCase *fuse_redirect_case(void);
TCase *fuse_metacopy_case(void);
TCase *fuse_copy_case(void);

#endif
