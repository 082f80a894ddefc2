/* posix_caps: what the file system below can do. */
#ifndef STRAKE_TESTS_FUSE_POSIX_CAPS_H
#define STRAKE_TESTS_FUSE_POSIX_CAPS_H

/* Try it in the current directory, and leave the answer there in a file. Keeps CAP_PLAIN. */
void caps_prepare(void);
/* Read that file in the current directory. */
void caps_read(void);
/* The xattr that makes a directory of a layer opaque. */
const char *opaque_xattr(void);

#endif
