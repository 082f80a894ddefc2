/* options: the command line of strake-overlayfs, which is fuse-overlayfs's and more. */
#ifndef STRAKE_FUSE_OPTIONS_H
#define STRAKE_FUSE_OPTIONS_H

#include <stdbool.h>

#include "base/err.h"
#include "fuse/overlay.h"

struct options {
	struct overlay_config overlay;
	char *mountpoint; /* NULL with fd */
	bool foreground, debug, help, version;
	bool check, flatten, dry_run; /* --check and what goes with it */
	bool confine;
	int fd, notify; /* -1: not given */
	bool userxattr, writeback, fsync, allow_other;
	unsigned int threads;
	double timeout;
	unsigned long mount_flags; /* MS_* */
	char *fsname, *context;
	/* owned */
	char **texts;
	unsigned int n_texts;
};

/* Fills *ret, which options_release() frees in any case. What is asked for is checked, as far as it
 * can be without looking at files. */
int options_parse(int argc, char **argv, struct options *ret, struct err *err);
void options_release(struct options *o);

/* For --help. */
extern const char options_usage[];

#endif
