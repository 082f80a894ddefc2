/* probe_impl: what the probe*.c files share. Internal. */
#ifndef STRAKE_NS_PROBE_IMPL_H
#define STRAKE_NS_PROBE_IMPL_H

#include "base/err.h"
#include "ns/probe.h"

#define PROBE_NAME_MAX 32

void probe_works(struct probe_result *ret, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* A message is "what; remedy" (err_hint). Without one `otherwise` is the remedy. */
void probe_fails(struct probe_result *ret, enum probe_status status, const struct err *err,
		 const char *otherwise);

/* A name of our own that nobody else takes. */
void probe_name(char out[PROBE_NAME_MAX]);
int probe_single(struct identity *id, struct err *err);

#endif
