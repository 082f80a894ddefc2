/* posix_xattr: what the checks of xattrs share. */
#ifndef STRAKE_TESTS_FUSE_POSIX_XATTR_H
#define STRAKE_TESTS_FUSE_POSIX_XATTR_H

#define FILECAPS "security.capability"

/* A vfs_cap_data of revision 2: cap_net_raw, permitted and effective. */
extern const unsigned char filecaps[20];

/* The value as text, "none" without that xattr, "errno N". No link is followed. */
const char *xattr_text(const char *path, const char *name);
/* The names of all, sorted, blanks between, but for ACLs and security.*. */
const char *xattr_names(const char *path);

#endif
