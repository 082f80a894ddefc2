/* Theory of operation
 *
 * fusermount3 opens /dev/fuse, mounts it with the caller as owner, and sends the descriptor back
 * over a socket whose number is in the environment (_FUSE_COMMFD; libfuse's doc and
 * util/fusermount.c). What it complains of goes to its standard error, which is kept for the
 * message.
 *
 * Nothing here looks at what is mounted: a file system without a server makes whoever asks it wait.
 */
#include "base/fusermount.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"

#define PROGRAM "fusermount3"
#define COMMFD "_FUSE_COMMFD"

/* malloced, or NULL. */
static char *find_program(void)
{
	const char *path = getenv("PATH");
	_cleanup_strv_ char **dirs = strv_split(path ? path : "/usr/bin:/bin", ':');

	for (char **dir = dirs; *dir; dir++) {
		_cleanup_free_ char *candidate = path_join(**dir ? *dir : ".", PROGRAM);
		struct stat st;

		if (stat(candidate, &st) == 0 && S_ISREG(st.st_mode) &&
		    access(candidate, X_OK) == 0)
			return steal_ptr(&candidate);
	}
	return NULL;
}

static int not_installed(struct err *err)
{
	err_set(err, ENOENT, PROGRAM " is not in PATH");
	return err_hint(err, "as root: apt-get install fuse3 (Debian, Ubuntu) or dnf install fuse3 "
			     "(Fedora)");
}

int fusermount_check(struct err *err)
{
	_cleanup_free_ char *program = find_program();
	struct statvfs fs;
	struct stat st;

	if (!program)
		return not_installed(err);
	if (geteuid() == 0)
		return 0;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return err_set(err, EPERM,
			       "no_new_privs is set, so " PROGRAM " cannot gain its privilege");
	if (stat(program, &st) < 0)
		return err_sys(err, errno, "cannot look at '%s'", program);
	if (!(st.st_mode & S_ISUID) || st.st_uid != 0) {
		err_set(err, EPERM, "'%s' is not setuid root", program);
		return err_hint(err, "as root: chown root %s && chmod u+s %s", program, program);
	}
	if (statvfs(program, &fs) == 0 && (fs.f_flag & ST_NOSUID))
		return err_set(err, EPERM, "'%s' is on a file system mounted nosuid", program);
	return 0;
}

/* Runs it; its complaint becomes the message. */
static int run(char *const argv[], const char *what, const char *dir, struct err *err)
{
	_cleanup_free_ char *said = NULL;
	const char *why;
	int r = proc_run(argv, &said, err);

	if (r <= 0)
		return r;
	why = said + (str_starts(said, PROGRAM ": ") ? strlen(PROGRAM ": ") : 0);
	return err_set(err, strstr(said, "usy") ? EBUSY : EPERM, "cannot %s '%s': " PROGRAM "%s%s",
		       what, dir, *why ? ": " : " failed", why);
}

static int receive(int socket)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *c;
	int fd;

	if (recvmsg(socket, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) <= 0)
		return -1;
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

int fusermount_mount(const char *dir, const char *options, struct err *err)
{
	_cleanup_free_ char *program = find_program();
	char *const argv[] = {program,	      (char[]){"-o"}, (char *)options,
			      (char[]){"--"}, (char *)dir,    NULL};
	_cleanup_fd_ int ours = -1, theirs = -1;
	char number[16];
	int pair[2], r;

	if (!program)
		return not_installed(err);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "cannot make a socket pair");
	ours = pair[0];
	theirs = pair[1];
	snprintf(number, sizeof(number), "%d", theirs);
	r = fd_set_cloexec(theirs, false);
	if (r < 0 || setenv(COMMFD, number, 1) < 0)
		return err_sys(err, r < 0 ? -r : errno, "cannot pass a socket on");
	r = run(argv, "mount", dir, err);
	unsetenv(COMMFD);
	if (r < 0)
		return r;
	r = receive(ours);
	return r < 0 ? err_set(err, EPROTO, PROGRAM " sent no descriptor") : r;
}

int fusermount_unmount(const char *dir, bool lazy, struct err *err)
{
	_cleanup_free_ char *program = NULL;
	int code;

	if (umount2(dir, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0)
		return 0;
	code = errno;
	if (code != EPERM)
		return err_sys(err, code, "cannot unmount '%s'", dir);
	program = find_program();
	if (!program)
		return not_installed(err);
	return run((char *const[]){program, lazy ? (char[]){"-uz"} : (char[]){"-u"}, (char[]){"--"},
				   (char *)dir, NULL},
		   "unmount", dir, err);
}

bool fusermount_is_mounted(const char *dir, const char *fsname)
{
	FILE *file = setmntent("/proc/self/mounts", "re");
	char buf[3 * 4096];
	struct mntent m;
	bool found = false;

	if (!file)
		return false;
	/* The last of several on one directory is the one on top. */
	while (getmntent_r(file, &m, buf, sizeof(buf))) {
		if (str_eq(m.mnt_dir, dir))
			found = str_starts(m.mnt_type, "fuse") && str_eq(m.mnt_fsname, fsname);
	}
	endmntent(file);
	return found;
}
