/* stress_data: what its parts share.
 */
#ifndef STRAKE_TESTS_FUSE_STRESS_DATA_H
#define STRAKE_TESTS_FUSE_STRESS_DATA_H

#include "stress.h"

#define SIZE_MAX_FILE (384 * 1024)
#define PAGE 4096

struct file {
	char path[FULL_MAX];
	unsigned generation; /* of its name */
	int fd[2];
	char *map; /* SIZE_MAX_FILE bytes, of which those up to the file's end may be touched */
	size_t size;
	unsigned char *shadow; /* SIZE_MAX_FILE bytes; zero beyond size */
};

struct data {
	struct client *client;
	struct file files[DATA_FILES];
};

/* The name of file I, by its generation. */
void name_file(struct file *file, const char *dir, int i);
/* VALUE is what a call gave that has to succeed; WHAT names it. */
void must(struct data *data, struct file *file, long value, const char *what);
void open_file(struct data *data, struct file *file);
void close_file(struct file *file);
/* One of the two descriptors. */
int any_fd(struct data *data, const struct file *file);
/* BUF must be the file's bytes from OFFSET on. */
void compare(struct data *data, const struct file *file, const void *buf, size_t len, size_t offset,
	     const char *how);
/* Read a part of the file, in one of the ways, and compare; also beyond its end. */
void verify_part(struct data *data, struct file *file, size_t offset, size_t len);

/* ---- stress_ops.c */

/* Change, or only read, one of the files, and verify what that touched. */
void data_operation(struct data *data);

#endif
