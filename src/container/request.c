#include "container/request.h"

#include <errno.h>
#include <stdlib.h>

#include "base/str.h"

int overlay_mode_parse(const char *text, enum overlay_mode *ret, struct err *err)
{
	if (str_eq(text, "auto"))
		*ret = OVERLAY_AUTO;
	else if (str_eq(text, "kernel"))
		*ret = OVERLAY_KERNEL;
	else if (str_eq(text, "fuse"))
		*ret = OVERLAY_FUSE;
	else if (str_eq(text, "copy"))
		*ret = OVERLAY_COPY;
	else
		return err_set(err, EINVAL,
			       "unknown overlay mode '%s': it is auto, kernel, fuse or copy", text);
	return 0;
}

void mount_request_release(struct mount_request *m)
{
	free(m->source);
	free(m->target);
	m->source = m->target = NULL;
}

void run_request_release(struct run_request *r)
{
	for (size_t i = 0; i < r->n_mounts; i++)
		mount_request_release(&r->mounts[i]);
	free(r->mounts);
	r->mounts = NULL;
	r->n_mounts = 0;
	strv_free(r->env);
	r->env = NULL;
}
