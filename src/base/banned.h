/* banned: functions nobody here may call. Included by every compilation through the build's flags.
 */
#ifndef STRAKE_BASE_BANNED_H
#define STRAKE_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A macro under clang with _FORTIFY_SOURCE. */
#undef sprintf

#pragma GCC poison strcpy strcat sprintf vsprintf strtok gets system popen strncpy strncat

#endif
