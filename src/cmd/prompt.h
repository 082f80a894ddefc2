/* prompt: a question on the terminal. */
#ifndef STRAKE_CMD_PROMPT_H
#define STRAKE_CMD_PROMPT_H

#include <stdbool.h>

#include "base/err.h"

/* Prints the question on stderr and reads one line from the standard input, which must be a
 * terminal (-ENOTTY says what to use instead). secret: without echo; a signal meanwhile restores
 * the terminal first. *ret is malloced, without the line's end. An empty answer is -EINVAL. */
int prompt(const char *question, bool secret, char **ret, struct err *err);

#endif
