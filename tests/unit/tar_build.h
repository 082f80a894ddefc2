/* tar_build: tar archives in memory, header by header, so that hostile ones can be made too. */
#ifndef STRAKE_TESTS_TAR_BUILD_H
#define STRAKE_TESTS_TAR_BUILD_H

#include <stddef.h>
#include <sys/types.h>

struct tar {
	unsigned char *data;
	size_t len, cap;
	unsigned char *pax; /* records for the next entry */
	size_t pax_len, pax_cap;
};

/* What is zero or NULL has a default: type '0', mode 0644 (directories 0755), mtime 1,000,000,000.
 */
struct tar_item {
	const char *name;
	char type; /* '0' file, '1' hard link, '2' symlink, '3' char, '4' block, '5' dir, '6' fifo
		    */
	mode_t mode;
	int no_mode; /* mode 0 is meant */
	unsigned int uid, gid;
	long long mtime;
	const char *link;
	const void *data;
	size_t size; /* of data; 0 with data: strlen */
	unsigned int major, minor;
};

void tar_release(struct tar *t);
/* Appends header and data. Names longer than 100 bytes go through a pax record. */
void tar_add(struct tar *t, struct tar_item item);
/* A pax record that applies to the next entry. */
void tar_pax(struct tar *t, const char *key, const void *value, size_t len);
/* The two blocks of zeros. */
void tar_end(struct tar *t);
/* Raw bytes, not padded. */
void tar_raw(struct tar *t, const void *data, size_t len);
/* Writes the right checksum into the header at `offset` after it was tampered with. */
void tar_checksum(struct tar *t, size_t offset);

/* Shorthands with default attributes. */
void tar_file(struct tar *t, const char *name, const char *text);
void tar_dir(struct tar *t, const char *name);
void tar_symlink(struct tar *t, const char *name, const char *target);
void tar_link(struct tar *t, const char *name, const char *target);

#endif
