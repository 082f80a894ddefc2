/* lower: hard links of a layer to files that only layers below it have.
 *
 * A layer is unpacked alone, so such a link cannot be made then: layer_unpack() lists it in the
 * layer's file "links" (NAME NUL TARGET NUL ...). Once the layers below are unpacked too,
 * layer_links_make() puts copies of the targets in place and lists the diff ids of those layers in
 * the file "lower", one a line, base first. From then on the layer is good above them, and only
 * there: a layer's directory is found by its own diff id, and the same link above other layers may
 * mean another file.
 */
#ifndef STRAKE_LAYER_LOWER_H
#define STRAKE_LAYER_LOWER_H

#include <stddef.h>

#include "base/err.h"
#include "oci/digest.h"

#define LAYER_LINKS_FILE "links"

/* Whether the layer can be used above these: 0 when it has no such links, or they were made above
 * the same layers; -ENOENT: they are still to be made; -EEXIST: made above others. */
int layer_links_check(int dir, const struct digest *below, size_t n, struct err *err);

/* Makes them, unless they are there. lowers: descriptors of the n layer directories of `below`,
 * base first. -ENOENT: no layer has a target. */
int layer_links_make(int dir, const int *lowers, const struct digest *below, size_t n,
		     struct err *err);

#endif
