#include "fuse/array.h"

#include <errno.h>
#include <stdlib.h>

enum { FIRST = 32 };

int array_grow(void *array, size_t n, size_t *cap, size_t size)
{
	void **a = array, *more;
	const size_t wanted = *cap ? *cap * 2 : FIRST;

	if (n < *cap)
		return 0;
	more = reallocarray(*a, wanted, size);
	if (!more)
		return -ENOMEM;
	*a = more;
	*cap = wanted;
	return 0;
}
