#include "base/vec.h"

#include "base/mem.h"

#include <stdint.h>

void *vec_grow(void *array, size_t *cap, size_t need, size_t size)
{
	size_t n = *cap ? *cap : 8;

	if (array && need <= *cap)
		return array;
	while (n < need)
		n = n > SIZE_MAX / 2 ? need : n * 2;
	array = xreallocarray(array, n, size);
	*cap = n;
	return array;
}
