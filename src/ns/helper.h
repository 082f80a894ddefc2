/* helper: newuidmap and newgidmap, the two setuid programs of the system that write maps of
 * subordinate ids. Internal to the room. */
#ifndef STRAKE_NS_HELPER_H
#define STRAKE_NS_HELPER_H

#include <stdbool.h>

#include "base/err.h"

#define HELPER_PATH_MAX 4096

/* Finds the program in PATH, else in /usr/bin. It must be able to gain its privilege: setuid root
 * or with file capabilities, not on a nosuid mount, and this process not under no_new_privs; else
 * the error says which. */
int helper_find(const char *name, char path[HELPER_PATH_MAX], struct err *err);

/* Whether this process may write maps of several ranges itself: root with CAP_SETUID and
 * CAP_SETGID. */
bool identity_writes_maps(void);

#endif
