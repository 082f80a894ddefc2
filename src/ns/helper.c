#include "ns/helper.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ns/caps.h"

bool identity_writes_maps(void)
{
	return geteuid() == 0 && caps_have(CAP_SETUID) && caps_have(CAP_SETGID);
}

/* 1: usable, 0: not there, -EPERM with a message: there, but without privilege. */
static int helper_check(const char *path, struct err *err)
{
	struct stat st;
	struct statvfs fs;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		return 0;
	if (!((st.st_mode & S_ISUID) && st.st_uid == 0) &&
	    getxattr(path, "security.capability", NULL, 0) <= 0)
		return err_set(err, EPERM,
			       "'%s' is neither setuid root nor has file capabilities; as root: "
			       "chmod u+s %s",
			       path, path);
	if (statvfs(path, &fs) == 0 && (fs.f_flag & ST_NOSUID))
		return err_set(err, EPERM, "'%s' is on a file system mounted nosuid", path);
	return 1;
}

int helper_find(const char *name, char path[HELPER_PATH_MAX], struct err *err)
{
	static const char fallback[] = "/usr/bin";
	const char *dir = getenv("PATH");
	struct err why = ERR_INIT;
	bool last = false;

	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return err_set(err, EPERM, "no_new_privs is set, so %s cannot gain its privilege",
			       name);
	if (!dir || *dir == '\0')
		dir = fallback;
	for (;;) {
		const size_t len = strcspn(dir, ":");
		int n = 0, r = 0;

		if (len > 0 && *dir == '/')
			n = snprintf(path, HELPER_PATH_MAX, "%.*s/%s", (int)len, dir, name);
		if (n > 0 && n < HELPER_PATH_MAX)
			r = helper_check(path, why.code ? NULL : &why);
		if (r > 0)
			return 0;
		if (dir[len] == ':') {
			dir += len + 1;
		} else if (!last) {
			dir = fallback;
			last = true;
		} else {
			break;
		}
	}
	if (why.code) {
		if (err)
			*err = why;
		return -why.code;
	}
	return err_set(err, ENOENT,
		       "%s is not installed; as root: apt-get install uidmap (Debian, Ubuntu) "
		       "or dnf install shadow-utils (Fedora)",
		       name);
}
