/* image_obtain: the image that `run` is to use, pulled and unpacked by strake-image when it is not
 * ready. */
#ifndef STRAKE_CMD_IMAGE_OBTAIN_H
#define STRAKE_CMD_IMAGE_OBTAIN_H

#include "cmd/command.h"
#include "image/open.h"

struct image_wish {
	const char *name;	   /* as typed */
	const char *pull;	   /* "always", "never", "missing" or NULL, which is missing */
	const char *platform_text; /* --platform or NULL */
	struct platform platform;  /* the same, when it is set */
	const char *authfile;	   /* for a pull; or NULL */
	bool tls_no_verify;
	bool quiet;
	bool local;	 /* what is not here is an error; what is not unpacked is made */
	bool no_helpers; /* neither pull nor unpack: what is missing is an error */
};

/* The caller holds a shared lease. *ret_layers: the paths of image_layer_dirs(). Returns 0, a
 * negative errno, or the positive exit status of a strake-image that failed and has said why. */
int image_obtain(const struct context *c, struct store *s, const struct image_wish *wish,
		 struct image *ret, char ***ret_layers, struct err *err);

#endif
