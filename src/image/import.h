/* import: a root filesystem tarball becomes an image of one layer. */
#ifndef STRAKE_IMAGE_IMPORT_H
#define STRAKE_IMAGE_IMPORT_H

#include "base/err.h"
#include "oci/platform.h"
#include "oci/reference.h"
#include "store/store.h"

struct import_options {
	struct platform platform;
	char *const *changes; /* strv of Containerfile instructions */
	const char *message;  /* history comment or NULL */
	uint64_t max_unpacked;
};

/* fd: the tarball, a pipe or a file. Plain, gzip and zstd archives are kept as they are; others
 * that libarchive's filters know (xz, bzip2, lz4 ...) are stored as gzip. *ret_id is the config
 * digest. */
int image_import(struct store *s, int fd, const struct reference *name,
		 const struct import_options *options, struct digest *ret_id, struct err *err);

#endif
