/* work: what is under construction, and whiteouts. The work directory is on the upper's file
 * system, so that things come from it to their places, and go to it from them, by one rename. */
#ifndef STRAKE_FUSE_WORK_H
#define STRAKE_FUSE_WORK_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"

struct overlay;

/* One inode in it for all whiteouts, as long as it takes links. */
#define WORK_WHITEOUT "whiteout"

/* Opens DIR/work, made when missing, and empties it; -EXDEV when it is not on the upper's file
 * system. Finds out how whiteouts can be made. The layers are open. */
int work_open(struct overlay *o, const char *dir, struct err *err);

/* Leaves an empty work directory behind. */
void work_close(struct overlay *o);

/* Whether an earlier server had to make whiteouts files, ".wh.NAME". */
bool work_had_wh_files(struct overlay *o);
/* From now on the upper layer may hold ".wh." files: the next server is told. */
void work_use_wh_files(struct overlay *o);

/* The umask, which is a thread's own (loop.c): the client's for what he makes, 0 for all else. It
 * is changed no more often than it has to be. */
void work_umask(mode_t mask);

/* A name in the work directory that nothing has. */
void work_name(struct overlay *o, char out[32]);

/* Covers `name` in dirfd, a directory of the upper layer. has_upper: something not a directory is
 * there under that name; it is replaced at once. A directory there is moved away first, into the
 * work directory under the name moved[] (""; when there was none). 0 or -errno. */
int whiteout_put(struct overlay *o, int dirfd, const char *name, bool has_upper);
int whiteout_put_over_dir(struct overlay *o, int dirfd, const char *name, char moved[32]);

/* Whether the upper layer has a whiteout of this name; *ret_file: it is a ".wh." file, beside which
 * the name itself may be taken. */
bool whiteout_is_there(struct overlay *o, int dirfd, const char *name, bool *ret_file);
/* Removes a ".wh." file of this name, when there is one. */
void whiteout_remove_file(struct overlay *o, int dirfd, const char *name);

/* Removes a directory that holds nothing but whiteouts from the work directory. */
void work_purge(struct overlay *o, const char *name);
/* Removes whiteouts and their like from a directory of the upper layer, so that it is empty. */
int work_sweep(struct overlay *o, int dirfd, const char *name);

/* Makes a directory of the upper layer hide what is below. */
int mark_opaque(struct overlay *o, int dirfd, const char *name);

#endif
