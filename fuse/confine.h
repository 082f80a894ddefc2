/* confine: a server that has opened what it needs is left with just that.
 *
 * Landlock restricts it to the trees of its layers, seccomp to the system calls it makes, and it
 * can be neither traced nor dumped. Where the kernel has no Landlock the rest still holds.
 */
#ifndef STRAKE_FUSE_CONFINE_H
#define STRAKE_FUSE_CONFINE_H

#include "base/err.h"
#include "fuse/overlay.h"

int confine(struct overlay *o, struct err *err);

#endif
