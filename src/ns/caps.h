/* caps: the capabilities a container's processes have. */
#ifndef STRAKE_NS_CAPS_H
#define STRAKE_NS_CAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Bit sets of capability numbers (1 << CAP_x). CAPS_DEFAULT: docker's fourteen (SPEC: 0xa80425fb).
 */
#define CAPS_DEFAULT 0x00000000a80425fbULL

/* Drops from the bounding set what is not in `keep` and clears the ambient set. While still
 * privileged; before the user changes. */
int caps_drop_bounding(uint64_t keep, struct err *err);
/* Sets effective and permitted to `keep`, inheritable to nothing. After the user changed; a process
 * that became an ordinary user calls it with 0. */
int caps_set(uint64_t keep, struct err *err);
/* Keeps just these over the exec of an ordinary program, whoever this process is: none else can be
 * had any more. The process must have them, and CAP_SETPCAP. */
int caps_keep_over_exec(uint64_t keep, struct err *err);
/* Whether capability number `cap` (CAP_x) is effective in this process now. */
bool caps_have(unsigned int cap);

#endif
