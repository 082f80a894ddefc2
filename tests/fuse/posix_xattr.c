/* xattr: set, get, list, remove; what the overlay itself keeps in xattrs stays hidden. */
#include "posix.h"
#include "posix_xattr.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "posix_caps.h"

const unsigned char filecaps[20] = {1, 0, 0, 2, 0, 0x20};

const char *xattr_text(const char *path, const char *name)
{
	char value[200] = "";
	ssize_t n = lgetxattr(path, name, value, sizeof(value) - 1);

	if (n < 0)
		return errno == ENODATA ? "none" : sf("errno %d", errno);
	return sf("%.*s", (int)n, value);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

const char *xattr_names(const char *path)
{
	char list[4096], *names[100], text[1000] = "";
	ssize_t n = llistxattr(path, list, sizeof(list));
	size_t count = 0, len = 0;

	if (n < 0)
		return sf("errno %d", errno);
	for (char *p = list; p < list + n && count < COUNT(names); p += strlen(p) + 1)
		if (strncmp(p, "system.", 7) != 0 && strncmp(p, "security.", 9) != 0)
			names[count++] = p;
	qsort(names, count, sizeof(names[0]), by_name);
	for (size_t i = 0; i < count && len < sizeof(text); i++)
		len += snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? " " : "", names[i]);
	return sf("%s", text);
}

/* One object, by one of the three ways to name it. */
static void use(enum kind kind, const char *before)
{
	const char *path = take(kind), *name = kind_name(kind);
	const char *look = sign(path);
	char buf[16] = "", long_name[300] = "user.", long_value[2000];
	ino_t ino = ino_of(path);

	memset(long_value, 'v', sizeof(long_value));
	ck_str(xattr_names(path), before, "xattrs of %s", name);
	ck_err(TRY(setxattr(path, "user.a", "value", 5, 0)), 0, "setxattr of %s", name);
	ck_str(xattr_text(path, "user.a"), "value", "xattr of %s", name);
	ck_err(TRY(setxattr(path, "user.a", "other", 5, XATTR_CREATE)), EEXIST,
	       "XATTR_CREATE of %s over another", name);
	ck_err(TRY(setxattr(path, "user.b", "other", 5, XATTR_REPLACE)), ENODATA,
	       "XATTR_REPLACE of %s without another", name);
	ck_str(xattr_text(path, "user.a"), "value", "xattr of %s after what failed", name);
	ck_str(xattr_text(path, "user.b"), "none", "xattr of %s that was not made", name);
	ck_err(TRY(setxattr(path, "user.a", "replaced", 8, XATTR_REPLACE)), 0,
	       "XATTR_REPLACE of %s", name);
	ck_err(TRY(setxattr(path, "user.b", "", 0, XATTR_CREATE)), 0, "empty xattr of %s", name);
	ck_str(xattr_text(path, "user.a"), "replaced", "replaced xattr of %s", name);
	ck_num(getxattr(path, "user.b", buf, sizeof(buf)), 0, "size of %s's empty xattr", name);
	ck_num(getxattr(path, "user.a", NULL, 0), 8, "size of %s's xattr", name);
	ck_err(TRY(getxattr(path, "user.a", buf, 3)), ERANGE, "getxattr of %s into little", name);
	ck_err(TRY(listxattr(path, buf, 3)), ERANGE, "listxattr of %s into little", name);
	ck_str(xattr_names(path), sf("user.a user.b%s%s", *before ? " " : "", before),
	       "xattrs of %s with two more", name);
	ck(listxattr(path, NULL, 0) > 0, "listxattr of %s, size wanted", name);
	ck_err(TRY(setxattr(path, "user.big", long_value, sizeof(long_value), 0)), 0,
	       "xattr of 2000 bytes of %s", name);
	ck_num(getxattr(path, "user.big", long_value, sizeof(long_value)), sizeof(long_value),
	       "getxattr of 2000 bytes of %s", name);
	ck_err(TRY(removexattr(path, "user.big")), 0, "removexattr of 2000 bytes of %s", name);
	memset(long_name + 5, 'n', 250);
	ck_err(TRY(setxattr(path, long_name, "x", 1, 0)), 0, "xattr with a name of 255 of %s",
	       name);
	ck_err(TRY(removexattr(path, long_name)), 0, "removing that from %s", name);
	memset(long_name + 5, 'n', 251);
	ck_err(TRY(setxattr(path, long_name, "x", 1, 0)), ERANGE, "xattr with a name of 256 of %s",
	       name);
	ck_err(TRY(removexattr(path, "user.a")), 0, "removexattr of %s", name);
	ck_err(TRY(removexattr(path, "user.a")), ENODATA, "removexattr of %s again", name);
	ck_err(TRY(getxattr(path, "user.a", buf, 3)), ENODATA, "getxattr of what %s had", name);
	ck_err(TRY(setxattr(path, "user.b", "x", 1, 4)), EINVAL, "setxattr of %s, wrong flag",
	       name);
	ck_err(TRY(setxattr(path, "none.a", "x", 1, 0)), EOPNOTSUPP, "xattr none.a of %s", name);
	ck_err(TRY(setxattr(path, "user.", "x", 1, 0)), EINVAL, "xattr user. of %s", name);
	ck_err(TRY(removexattr(path, "user.b")), 0, "removexattr of %s's other", name);
	ck_str(xattr_names(path), before, "xattrs of %s at the end", name);
	ck_str(sign(path), look, "%s at the end", name);
	ck_num(ino_of(path), ino, "inode number of %s at the end", name);
}

/* The xattr that came from a lower layer. */
static void inherited(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind), *to = beside(kind);
	int fd;

	ck_str(xattr_text(path, "user.kept"), "kept", "xattr of %s", name);
	ck_str(xattr_text(path, "user.ghost"), "none", "xattr of what %s hides", name);
	ck_err(TRY(chmod(path, 0640)), 0, "chmod of %s", name);
	ck_str(xattr_text(path, "user.kept"), "kept", "xattr of %s after copy-up", name);
	ck_err(TRY(rename(path, to)), 0, "rename of %s", name);
	ck_str(xattr_text(to, "user.kept"), "kept", "xattr of %s after rename", name);
	ck_err(TRY(setxattr(to, "user.kept", "new", 3, XATTR_REPLACE)), 0, "replacing %s's", name);
	ck_str(xattr_text(to, "user.kept"), "new", "xattr of %s, replaced", name);
	ck_err(TRY(removexattr(to, "user.kept")), 0, "removexattr of %s's", name);
	ck_str(xattr_names(to), "", "xattrs of %s, removed", name);

	/* the removal is what copies it up */
	path = take(kind);
	ck_err(TRY(removexattr(path, "user.absent")), ENODATA, "removexattr of none of %s", name);
	ck_err(TRY(removexattr(path, "user.kept")), 0, "removexattr of %s first", name);
	ck_str(xattr_names(path), "", "xattrs of %s, removed first", name);
	ck(holds(path, content, SIZE), "content of %s without xattr", name);

	path = take(kind);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_err(TRY(fsetxattr(fd, "user.f", "f", 1, 0)), 0, "fsetxattr of %s opened to read", name);
	ck_str(xattr_text(path, "user.f"), "f", "what fsetxattr made of %s", name);
	ck_num(fgetxattr(fd, "user.f", NULL, 0), 1, "fgetxattr of %s", name);
	ck_err(TRY(fremovexattr(fd, "user.f")), 0, "fremovexattr of %s", name);
	ck_str(xattr_names(path), "user.kept", "xattrs of %s after fremovexattr", name);
	close(fd);
}

/* user.* is for files and directories. */
static void refused(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind);

	ck_err(TRY(lsetxattr(path, "user.a", "x", 1, 0)), EPERM, "setxattr of %s", name);
	ck_err2(TRY(lgetxattr(path, "user.a", NULL, 0)), ENODATA, EPERM, "getxattr of %s", name);
	ck_err(TRY(lremovexattr(path, "user.a")), EPERM, "removexattr of %s", name);
	ck_str(xattr_names(path), "", "xattrs of %s", name);
	ck_err2(TRY(lgetxattr(path, "trusted.a", NULL, 0)), ENODATA, ENODATA, "trusted.a of %s",
		name);
}

/* The marks of the overlay: unseen, and not to be forged. */
static void marks(enum kind kind)
{
	static const char *const ours[] = {"opaque",   "redirect", "origin",	"metacopy",
					   "whiteout", "impure",   "nlink",	"upper",
					   "protattr", "uuid",	   "xwhiteouts"};
	const char *path = take(kind), *name = kind_name(kind);
	const char *look = sign(path);

	ck_err(TRY(chmod(path, S_ISDIR(kind_type(kind)) ? 0755 : 0644)), 0, "chmod of %s", name);
	for (int prefix = 0; prefix < 2; prefix++) {
		for (size_t i = 0; i < COUNT(ours); i++) {
			const char *x = sf("%s.overlay.%s", prefix ? "trusted" : "user", ours[i]);
			int rc;

			ck(getxattr(path, x, NULL, 0) < 0, "%s of %s does not show", x, name);
			/* refused, or kept as what it is: a stranger's xattr */
			rc = TRY(setxattr(path, x, "y", 1, 0));
			if (rc != 0) {
				ck(rc == EPERM || rc == EOPNOTSUPP || rc == EACCES,
				   "setxattr %s of %s is refused", x, name);
				ck(!strstr(xattr_names(path), x), "%s of %s is not listed", x,
				   name);
			} else {
				ck_str(xattr_text(path, x), "y", "%s of %s, set", x, name);
				ck_err(TRY(removexattr(path, x)), 0, "removexattr %s of %s", x,
				       name);
			}
			ck_str(sign(path), look, "%s after setxattr %s", name, x);
		}
	}
	ck(!strstr(xattr_names(path), "overlay"), "no mark of %s is listed", name);
}

static void others(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind);
	bool trusted = caps & CAP_TRUSTED;
	int fd;

	ck_err(TRY(setxattr(path, "trusted.a", "x", 1, 0)), trusted ? 0 : EPERM, "trusted.a of %s",
	       name);
	ck_str(xattr_text(path, "trusted.a"), trusted ? "x" : "none", "trusted.a of %s, read",
	       name);
	if (!(caps & CAP_FILECAPS))
		return;
	ck_err(TRY(setxattr(path, FILECAPS, filecaps, sizeof(filecaps), 0)), 0, "capability of %s",
	       name);
	ck(getxattr(path, FILECAPS, NULL, 0) >= (ssize_t)sizeof(filecaps), "capability of %s, read",
	   name);
	ck_err(TRY(chmod(path, 0755)), 0, "chmod of %s with a capability", name);
	ck(getxattr(path, FILECAPS, NULL, 0) > 0, "capability of %s after chmod", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ck_num(write(fd, "x", 1), 1, "write to %s with a capability", name);
	close(fd);
	ck_str(xattr_text(path, FILECAPS), "none", "capability of %s after a write", name);
	ck_err(TRY(setxattr(path, FILECAPS, filecaps, sizeof(filecaps), 0)), 0, "again");
	ck_err(TRY(chown(path, 0, 0)), 0, "chown of %s with a capability", name);
	ck_str(xattr_text(path, FILECAPS), "none", "capability of %s after chown", name);
}

static void run(void)
{
	if (!(caps & CAP_XATTR))
		return;
	for (enum kind k = 0; k <= FILE_LAST; k++) {
		use(k, "user.kept");
		inherited(k);
		marks(k);
		others(k);
	}
	for (enum kind k = DIR_NEW; k <= FULL_LAST; k++) {
		use(k, "");
		marks(k);
	}
	for (enum kind k = LINK_NEW; k <= SOCK_LAST; k++)
		refused(k);
}

const struct posix_group xattr_group = {
	.name = "xattr",
	.about = "xattrs: flags, errors, over copy-up; the overlay's own are hidden",
	.run = run,
};
