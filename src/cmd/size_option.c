#include "cmd/size_option.h"

#include <errno.h>

#include "base/str.h"

int size_option_parse(const char *text, uint64_t *ret, struct err *err)
{
	int r = str_to_size(text, ret);

	if (r == 0 && *ret > 0)
		return 0;
	return err_set(err, r == 0 ? EINVAL : -r,
		       "invalid size '%s': give bytes, or a number with k, m, g or t", text);
}
