#include "fuse/check.h"
#include <errno.h>
int check_upper(const struct options *o, struct err *err)
{
	(void)o;
	return err_set(err, ENOSYS, "not yet");
}
