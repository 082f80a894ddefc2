/* run: one container from request to exit status. */
#ifndef STRAKE_CONTAINER_RUN_H
#define STRAKE_CONTAINER_RUN_H

#include "base/err.h"
#include "container/request.h"
#include "image/open.h"
#include "store/store.h"

/* layers: what image_layer_dirs() found. Makes the container's directory, plans, executes, waits,
 * and removes it with --rm. lease: a shared store lease, closed as soon as the state that protects
 * the image is on disk. With dry_run prints the plan to stdout and does nothing. Returns the exit
 * status (0..255: the command's own, 126, 127, 128 + n) or a negative errno when strake failed
 * (err->exit_status may say with what to exit). */
int container_run(struct store *s, const struct image *image, char *const *layers,
		  const struct run_request *request, int lease, struct err *err);

#endif
