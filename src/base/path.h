/* path: pure text operations on paths; nothing here looks at the file system. */
#ifndef STRAKE_BASE_PATH_H
#define STRAKE_BASE_PATH_H

#include <stdbool.h>
#include <stddef.h>

/* Resolves ".", ".." and repeated slashes lexically. An absolute result stays at or below "/": a
 * ".." there is dropped. Relative input gives a relative result ("." when empty), leading ".."
 * dropped too. malloced. */
char *path_clean(const char *path);

/* dir + "/" + name; an absolute name wins. malloced, not cleaned. */
char *path_join(const char *dir, const char *name);

/* Cleans a name found in an archive to one below its root: no leading "/" or "./", no "..".
 * Returns false for a name with an embedded ".." component or one longer than PATH_MAX - 1, writes
 * into out (PATH_MAX bytes) otherwise; the root itself gives "". */
bool path_from_archive(const char *name, char *out, size_t out_size);

/* The last component, as a pointer into path ("" when path ends with '/'). */
const char *path_base(const char *path);

/* Whether path equals dir or lies below it (both clean). */
bool path_below(const char *path, const char *dir);

#endif
