/* array: growing arrays for a server that outlives a lack of memory (base/vec.h does not). */
#ifndef STRAKE_FUSE_ARRAY_H
#define STRAKE_FUSE_ARRAY_H

#include <stddef.h>

/* Room for one more than the n elements of `size` bytes in *array, a pointer to the array's own
 * pointer; doubles. 0, or -ENOMEM with all as it was. */
int array_grow(void *array, size_t n, size_t *cap, size_t size);

#endif
