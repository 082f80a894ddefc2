/* config_word: words of a Containerfile instruction, with quotes, escapes and variables, for
 * image_config_change(). */
#ifndef STRAKE_OCI_CONFIG_WORD_H
#define STRAKE_OCI_CONFIG_WORD_H

#include <stddef.h>

#include "base/err.h"
#include "base/json.h"

/* Past blanks. */
const char *word_skip_blanks(const char *s);
/* The end of the word that begins at s: the next blank outside quotes that no backslash precedes.
 */
const char *word_end(const char *s);
/* The len bytes at s with quotes and escapes resolved and $NAME and ${NAME} replaced from env (an
 * array of "NAME=value" strings, may be NULL; unset names vanish). malloced. -EINVAL: an open
 * quote, or one of the ${NAME:-...} forms, which are not for here. */
int word_expand(const char *s, size_t len, const json_t *env, char **ret, struct err *err);

#endif
