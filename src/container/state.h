/* state: containers/ID in the store: what is needed to find, list, and clear a container, after a
 * reboot and from another host too.
 *
 *	config.json	written once before the start; the process that runs the container holds a
 * lock on it, so "running" is a question to the kernel, not a flag that can be stale state.json
 * pid,
 * start time and boot id; the exit status once there is one upper work	of the overlay;  root: of
 *--overlay=copy;  volumes/N: anonymous volumes containers/names/NAME is a symlink to ID: its
 * creation reserves the name.
 */
#ifndef STRAKE_CONTAINER_STATE_H
#define STRAKE_CONTAINER_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "oci/digest.h"
#include "store/store.h"

enum container_status { CONTAINER_CREATED, CONTAINER_RUNNING, CONTAINER_EXITED };

struct container_state {
	char id[65]; /* 64 hex digits */
	char *name;
	char *image_name; /* as typed */
	char *image_id;	  /* config digest text */
	struct digest manifest;
	struct digest *layers; /* diff ids, for gc */
	size_t n_layers;
	char **argv;	 /* strv */
	int64_t created; /* seconds since the epoch */
	bool range;	 /* identity: files below may have subordinate owners */
	bool remove;	 /* --rm */
	/* not a container but an image mounted there (image_mount.h), with what is written going to
	 * upper; NULL: a container, and: read-only */
	char *mountpoint, *upper;
	/* from state.json and the lock */
	enum container_status status;
	int pid;       /* of its init (of an image mount: its server), when running; 0: not known */
	char *overlay; /* how its root was stacked: "kernel", "fuse", "copy"; NULL: not known */
	int exit_code; /* when exited; -1: not known (the machine or strake went down) */
	int64_t started, finished; /* 0: not known */
};

struct container_list {
	struct container_state *items; /* newest first */
	size_t n;
};

void container_state_release(struct container_state *c);
void container_list_release(struct container_list *l);

/* A fresh id and directory; reserves the name (-EEXIST: the message names the container that has
 * it). */
int container_state_create(struct store *s, struct container_state *c, int *ret_dir,
			   struct err *err);
/* Writes config.json and takes the lock; *ret_lock holds it. */
int container_state_save(const struct container_state *c, int dir, int *ret_lock, struct err *err);
/* Writes state.json: started, with what was found to work (an overlay_mode_name()), or ended. */
int container_state_started(int dir, int pid, const char *overlay, struct err *err);
int container_state_ended(int dir, int exit_code, struct err *err);

/* All containers; one whose files cannot be read is skipped with a warning. */
int container_list(struct store *s, struct container_list *ret, struct err *err);
/* The same for mounted images. */
int container_list_mounts(struct store *s, struct container_list *ret, struct err *err);
/* A container by full name or unambiguous prefix of the id. -ENOENT: "no such container 'X'". */
int container_find(struct store *s, const char *name_or_id, struct container_state *ret,
		   struct err *err);
/* Removes directory and name; running: -EBUSY. */
int container_remove(struct store *s, const struct container_state *c, struct err *err);
/* Removes ended --rm containers that a killed strake left, and names that lead nowhere. Called by
 * gc. */
int container_clear_stale(struct store *s, size_t *ret_removed, struct err *err);

#endif
