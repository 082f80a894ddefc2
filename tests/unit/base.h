/* base: what the files of its unit tests share. */
#ifndef STRAKE_TESTS_UNIT_BASE_H
#define STRAKE_TESTS_UNIT_BASE_H

#include <check.h>
#include <stdbool.h>
#include <sys/types.h>

/* A directory of the test's own, made before and removed after each test. */
extern int tmp;
extern char tmp_path[64];
void tmp_setup(void);
void tmp_teardown(void);
/* A test case with that fixture and a timeout that a loaded machine keeps. */
TCase *tmp_case(const char *name);

/* Below dirfd; they fail the test. */
void make_dir(int dirfd, const char *path);
void make_file(int dirfd, const char *path, const char *text);
void make_link(int dirfd, const char *path, const char *target);
bool is_there(int dirfd, const char *path);
/* The names in a directory, without "." and "..". */
int count_entries(int dirfd, const char *path);

/* When the test runs as root: goes on as an ordinary user, who owns tmp. */
void become_ordinary(void);

/* Sends stderr to a file of tmp, until capture_end() gives what was written (to free). */
void capture_begin(void);
char *capture_end(void);

TCase *base_err(void);
TCase *base_buf(void);
TCase *base_fd(void);
TCase *base_xattr(void);
TCase *base_json(void);
TCase *base_sha256(void);
TCase *base_log(void);
TCase *base_path(void);
TCase *base_proc(void);
TCase *base_progress(void);
TCase *base_root(void);
TCase *base_root_closed(void);
TCase *base_root_race(void);
TCase *base_str(void);
TCase *base_strv(void);
TCase *base_stream(void);
TCase *base_tree(void);

#endif
