/* marks: what the overlay itself writes among the files of a layer, and how it is hidden.
 *
 * Sources: the kernel's Documentation/filesystems/overlayfs.rst; the OCI image specification
 * (layer.md) for ".wh." names; fuse-overlayfs for user.fuseoverlayfs.opaque. Written: the
 * kernel's. Read: all that hide; redirects and the like only under the prefix in force, which no
 * client can write.
 *
 * A whiteout hides what has its name in lower layers: a character device 0:0; a file ".wh.NAME"; an
 * empty regular file with the xattr P.whiteout. A directory with P.opaque = "y", or that holds
 * ".wh..wh..opq", hides all of lower layers. P.redirect names the directory (or the data of a
 * metadata-only copy) whose lower content it shows, by an absolute path or by a name beside it.
 * P.metacopy: only attributes are here. P.impure: files in it may bear marks, though it has nothing
 * below. P.strake.ino is our own: the inode number the file had before its copy-up, in hex.
 *
 * P is "user.overlay." or, for root, "trusted.overlay.". Clients do not see these; what a client
 * calls "P.X" is "P.overlay.X" on disk, as the kernel has it since 6.7.
 */
#ifndef STRAKE_FUSE_MARKS_H
#define STRAKE_FUSE_MARKS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "fuse/layer.h"

#define MARK_OPAQUE "opaque"
#define MARK_REDIRECT "redirect"
#define MARK_METACOPY "metacopy"
#define MARK_IMPURE "impure"
#define MARK_WHITEOUT "whiteout"
#define MARK_INO "strake.ino"
#define MARK_WH_FILES "strake.whiteouts" /* on the upper root: some are ".wh." files */
#define MARK_TIMES "strake.times"	 /* check_impl.h */

/* Of one file or directory. */
struct marks {
	bool opaque;
	bool metacopy;
	bool impure;
	uint64_t ino;	/* 0: none */
	char *redirect; /* malloced, or NULL */
};

void marks_release(struct marks *m);
#define _cleanup_marks_ __attribute__((cleanup(marks_release)))

/* "opaque" of "user.overlay.opaque"; NULL when the key is no mark. */
const char *mark_of(const char *key);

/* Those of a file: nothing but one system call when it bears none. 0 or -errno; a file system
 * without xattrs has none. */
int marks_read(struct place *dir, const char *name, mode_t type, struct marks *ret);

/* Whether this entry is a whiteout of its own name. st is its own. */
bool mark_is_whiteout(struct place *dir, const char *name, const struct stat *st);

/* Whether a name in this layer is one of the ".wh." kind, and no file: ".wh..wh.*" is never one,
 * since fuse-overlayfs writes it everywhere. */
bool mark_is_hidden_name(const struct layer *layer, const char *name);

/* Whether whiteouts that are xattrs are in this directory: P.opaque = "x" says so. */
bool mark_has_xattr_whiteouts(struct place *dir);

/* Whether NAME is hidden by ".wh.NAME" in this directory. */
bool mark_has_wh_file(struct place *dir, const char *name);

/* Whether ".wh..wh..opq" is there. */
bool mark_has_opaque_file(struct place *dir);

/* Sets P.`mark` on an entry of the upper layer (name "": the descriptor itself). 0 or -errno. */
int mark_set(const struct overlay *o, int dirfd, const char *name, const char *mark,
	     const char *value);
int mark_remove(const struct overlay *o, int dirfd, const char *name, const char *mark);

/* Whether `key`, as it is on disk, is one of ours that no client may see. */
bool mark_is_private(const struct overlay *o, const char *key);

/* The key on disk of what the client calls `key`: key itself, or the escaped form in `out` (256
 * bytes). NULL when clients may not use it. */
const char *mark_escape(const struct overlay *o, const char *key, char out[256]);

/* The client's name for a key on disk: key itself, or its part behind the escape, with the prefix
 * put back, in out. NULL when it is private. */
const char *mark_unescape(const struct overlay *o, const char *key, char out[256]);

#endif
