/* diagnose: why the kernel refused a user namespace, and the line that changes it. */
#ifndef STRAKE_NS_DIAGNOSE_H
#define STRAKE_NS_DIAGNOSE_H

#include "base/err.h"

/* Appends the likely cause and its remedy to an error already set by a failed clone, unshare, write
 * of an id map, or first mount in a new namespace, with that errno. Looks at the switches in
 * /proc/sys. Returns -code. */
int diagnose_userns(int code, struct err *err);

#endif
