/* copy: unpacked layers flattened into one directory, for --overlay=copy. */
#ifndef STRAKE_LAYER_COPY_H
#define STRAKE_LAYER_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/err.h"

/* layers: descriptors of the layer directories (with root/ inside), base first. dst: an empty
 * directory. Applies whiteouts of both forms; keeps modes, mtimes, xattrs, hard links (within a
 * layer), holes; copies by reflink, else copy_file_range, else read and write. owners: the caller
 * is root over a full id range in its namespace: sets the true owners and modes (devices stay
 * placeholder files); else all stays the caller's with the recorded xattrs copied along. */
int layer_copy(int dst, const int *layers, size_t n_layers, bool owners, struct err *err);

/* The content of the directory src into the empty directory dst, with its own mode and times:
 * everything as it stands, owners too where the caller may set them (in the namespace they are the
 * container's). For seeding volumes. */
int layer_copy_tree(int dst, int src, struct err *err);

/* The file src_dir/src, which is no directory, as dst_dir/dst, which is not there: with mode, time
 * and xattrs, its record of the owner among them; not what a sidecar says. st: of the source. */
int layer_copy_file(int dst_dir, const char *dst, int src_dir, const char *src,
		    const struct stat *st, struct err *err);

#endif
