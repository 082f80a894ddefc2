/* config: what an overlay is made of, and how it behaves. */
#ifndef STRAKE_FUSE_CONFIG_H
#define STRAKE_FUSE_CONFIG_H

#include <stdbool.h>

#include "fuse/owner.h"

struct overlay_config {
	char **lower; /* paths, topmost first */
	unsigned int n_lower;
	const char *upper, *work; /* NULL: read-only; work alone: it is not touched (check.h) */
	bool trusted;		  /* marks are trusted.overlay.*, else user.overlay.* */
	bool redirect;		  /* directories with lower content may be renamed */
	bool metacopy;		  /* attributes are changed without copying data */
	bool is_volatile;	  /* nothing is synced */
	bool static_nlink;	  /* directories have one link */
	bool acl;
	struct owner_config owner;
};

#endif
