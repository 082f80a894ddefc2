#include "ns/diagnose.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"

/* The number in a file of /proc/sys; `missing` when there is none. */
static long read_switch(const char *path, long missing)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[32];
	ssize_t n;

	if (fd < 0)
		return missing;
	n = fd_read_full(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return missing;
	text[n] = '\0';
	return strtol(text, NULL, 10);
}

/* The kernel refuses a user namespace to a process whose root is not its mount namespace's. Such a
 * root is then, as a rule, not a mount point, so that mountinfo has no line for "/". */
static bool in_chroot(void)
{
	_cleanup_free_ char *text = NULL;

	if (fd_read_file(AT_FDCWD, "/proc/self/mountinfo", 16 * LIMIT_MIB, &text, NULL, NULL) < 0)
		return false;
	for (const char *line = text; *line != '\0';) {
		const char *p = line;

		/* ID, parent, major:minor, root, mount point */
		for (int field = 0; field < 4 && p; field++)
			p = strchr(p, ' ') ? strchr(p, ' ') + 1 : NULL;
		if (p && p[0] == '/' && p[1] == ' ')
			return false;
		line = strchr(line, '\n');
		if (!line)
			break;
		line++;
	}
	return true;
}

static bool under_seccomp(void)
{
	_cleanup_free_ char *text = NULL;
	const char *p;

	if (fd_read_file(AT_FDCWD, "/proc/self/status", 64 * LIMIT_KIB, &text, NULL, NULL) < 0)
		return false;
	p = strstr(text, "\nSeccomp:");
	return p && strtol(p + 9, NULL, 10) == 2;
}

static int explain_eperm(struct err *err)
{
	if (read_switch("/proc/sys/kernel/unprivileged_userns_clone", 1) == 0)
		return err_hint(err, "unprivileged user namespaces are switched off; "
				     "as root: sysctl -w kernel.unprivileged_userns_clone=1");
	if (read_switch("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 0) > 0)
		return err_hint(
			err, "AppArmor restricts unprivileged user namespaces; as root: "
			     "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or install "
			     "strake's AppArmor profile");
	if (in_chroot())
		return err_hint(
			err, "this process seems to be in a chroot, where the kernel gives no user "
			     "namespaces; use a mount namespace and pivot_root instead");
	if (under_seccomp())
		return err_hint(err,
				"a seccomp filter is in force (a container's?); start the outer "
				"container with --security-opt seccomp=unconfined");
	return err_hint(err, "a security module may forbid user namespaces here");
}

static int explain_enospc(struct err *err)
{
	static const char *const kinds[] = {"user", "mnt", "pid", "ipc", "uts", "cgroup", "net"};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/sys/user/max_%s_namespaces", kinds[i]);
		if (read_switch(path, -1) == 0)
			return err_hint(err,
					"%s namespaces are switched off; as root: "
					"sysctl -w user.max_%s_namespaces=15000",
					kinds[i], kinds[i]);
	}
	return err_hint(err,
			"too many namespaces: more than 32 inside one another, or more than "
			"user.max_user_namespaces=%ld allows; as root: sysctl -w "
			"user.max_user_namespaces=100000",
			read_switch("/proc/sys/user/max_user_namespaces", -1));
}

int diagnose_userns(int code, struct err *err)
{
	if (!err)
		return -code;
	switch (code) {
	case EPERM:
	case EACCES:
		return explain_eperm(err);
	case ENOSPC:
	case EUSERS:
		return explain_enospc(err);
	case EINVAL:
		if (access("/proc/self/ns/user", F_OK) < 0 && access("/proc/self/ns", F_OK) == 0)
			return err_hint(err, "this kernel is built without user namespaces "
					     "(CONFIG_USER_NS)");
		return -code;
	case EAGAIN:
		return err_hint(err, "the limit of processes is reached (ulimit -u)");
	case ENOSYS:
		return err_hint(err, "a seccomp filter or the kernel does not know the call");
	default:
		return -code;
	}
}
