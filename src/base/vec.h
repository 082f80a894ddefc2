/* vec: typed growing arrays without macros that hide control flow.
 *
 *	struct op *ops = NULL; size_t n = 0, cap = 0;
 *	ops = vec_grow(ops, &cap, n + 1, sizeof(*ops));
 *	ops[n++] = op;
 */
#ifndef STRAKE_BASE_VEC_H
#define STRAKE_BASE_VEC_H

#include <stddef.h>

/* Returns the array with room for `need` elements of `size` bytes; doubles; aborts on overflow. */
void *vec_grow(void *array, size_t *cap, size_t need, size_t size) __attribute__((returns_nonnull));

#endif
