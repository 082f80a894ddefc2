/* posix_acl: POSIX ACLs as the kernel's xattrs have them (linux/posix_acl_xattr.h), without a
 * library. */
#ifndef STRAKE_TESTS_FUSE_POSIX_ACL_H
#define STRAKE_TESTS_FUSE_POSIX_ACL_H

#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stddef.h>

#define ACL_ACCESS "system.posix_acl_access"
#define ACL_DEFAULT "system.posix_acl_default"
#define ACL_ENTRIES 8

struct acl {
	size_t n;
	struct posix_acl_xattr_entry entry[ACL_ENTRIES]; /* host byte order */
};

/* ID counts for ACL_USER and ACL_GROUP. Entries go in the order of their tags. */
void acl_add(struct acl *acl, int tag, int perm, unsigned int id);
int acl_set(const char *path, const char *xattr, const struct acl *acl); /* -1 and errno */
/* "u::6 u:0:4 g::4 m::4 o::4", or "none", or "errno N" */
const char *acl_text(const char *path, const char *xattr);

#endif
