/* Operations on the process itself: who it is, where it stands, and what it becomes. */
#include "container/child.h"

#include <errno.h>
#include <string.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/root_open.h"
#include "base/str.h"
#include "base/vec.h"
#include "container/entry.h"
#include "container/user.h"
#include "ns/caps.h"

int op_hostname(struct child *c, const struct op *op, struct err *err)
{
	(void)c;
	if (sethostname(op->source, strlen(op->source)) < 0)
		return err_sys(err, errno, "cannot set the host name '%s'", op->source);
	return 0;
}

/* After the pivot: nothing of the host has a name any more but through magic links, and those
 * root_open refuses. What the directory turns out to be is checked once more (CVE-2024-21626). */
int op_workdir(struct child *c, const struct op *op, struct err *err)
{
	_cleanup_fd_ int fd = root_open(c->root_fd, op->target, O_RDONLY | O_DIRECTORY, 0);
	char path[4096];
	long n;

	if (fd == -ENOENT) {
		fd = root_mkdir_p(c->root_fd, op->target, 0755);
	}
	if (fd == -ELOOP)
		return err_set(
			err, ELOOP,
			"working directory '%s' leads through a magic link or a loop of links",
			op->target);
	if (fd < 0)
		return err_sys(err, -fd, "cannot enter the working directory '%s'", op->target);
	if (fchdir(fd) < 0)
		return err_sys(err, errno, "cannot enter the working directory '%s'", op->target);
	n = syscall(SYS_getcwd, path, sizeof(path));
	if (n <= 0 || path[0] != '/')
		return err_set(err, EPERM, "working directory '%s' lies outside of the container",
			       op->target);
	return 0;
}

/* Drops what is left of the caller's groups. In single identity the kernel refuses that to an
 * ordinary user (setgroups is denied before a map of one id may be written), and he keeps them. */
static int become(const struct child *c, const struct user *user, struct err *err)
{
	if (setgroups(user->n_groups, user->groups) < 0 &&
	    (c->plan->identity.range || errno != EPERM))
		return err_sys(err, errno, "cannot set the supplementary groups");
	if (setresgid(user->gid, user->gid, user->gid) < 0)
		return err_sys(err, errno, "cannot become group %u", (unsigned int)user->gid);
	if (setresuid(user->uid, user->uid, user->uid) < 0)
		return err_sys(err, errno, "cannot become user %u", (unsigned int)user->uid);
	/* Both are lost when ids change. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return err_sys(err, errno, "prctl");
	return 0;
}

static int check_mapped(const struct child *c, const struct user *user, const char *spec,
			struct err *err)
{
	const struct identity *id = &c->plan->identity;

	if (!idmap_has(&id->uids, user->uid))
		err_set(err, EINVAL, "user '%s' is %u, which is not mapped", spec,
			(unsigned int)user->uid);
	else if (!idmap_has(&id->gids, user->gid))
		err_set(err, EINVAL, "group of user '%s' is %u, which is not mapped", spec,
			(unsigned int)user->gid);
	else
		return 0;
	if (!id->range)
		err_hint(err, "only your own id is, in single identity: ask the administrator for "
			      "a range in "
			      "/etc/subuid and /etc/subgid");
	return -err->code;
}

int op_user(struct child *c, const struct op *op, struct err *err)
{
	_cleanup_(user_release) struct user user = {0};
	int ret = user_resolve(c->root_fd, op->source, &user, err);

	if (ret < 0)
		return err_exit(err, 125);
	if (check_mapped(c, &user, op->source, err) < 0) {
		if (!op->optional)
			return err_exit(err, 125);
		log_warning("%s; running as root of the container", err->msg);
		*err = (struct err)ERR_INIT;
		user_release(&user);
		ret = user_resolve(c->root_fd, "", &user, err);
		if (ret < 0)
			return ret;
	}
	if (!strv_env_get(c->env, "HOME"))
		strv_env_set(&c->env, "HOME", user.home);
	c->root_user = user.uid == 0;
	/* The bounding set can only shrink while we may still change it. */
	ret = caps_drop_bounding(op->caps, err);
	if (ret < 0)
		return ret;
	return become(c, &user, err);
}

int op_caps(struct child *c, const struct op *op, struct err *err)
{
	return caps_set(c->root_user ? op->caps : 0, err);
}

int op_no_new_privs(struct child *c, const struct op *op, struct err *err)
{
	(void)c;
	(void)op;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(err, errno, "PR_SET_NO_NEW_PRIVS");
	return 0;
}

static bool is_executable(const char *path, int *ret_code)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		*ret_code = errno;
		return false;
	}
	if (S_ISDIR(st.st_mode)) {
		*ret_code = EISDIR;
		return false;
	}
	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0) {
		*ret_code = errno;
		return false;
	}
	return true;
}

/* The command's path: as it stands when it has a slash, else the first executable of that name
 * along PATH. 127 when there is none, 126 when there is one that cannot be executed. */
static int find_command(const struct child *c, char **ret, struct err *err)
{
	const char *name = c->plan->argv[0];
	const char *path = strv_env_get(c->env, "PATH");
	_cleanup_strv_ char **dirs = strv_split(path ? path : "", ':');
	int code = ENOENT, found = ENOENT;

	if (strchr(name, '/')) {
		if (is_executable(name, &code)) {
			*ret = xstrdup(name);
			return 0;
		}
		err_sys(err, code, "cannot execute '%s'", name);
		return err_exit(err, code == ENOENT || code == ENOTDIR ? 127 : 126);
	}
	for (char **dir = dirs; *name && *dir; dir++) {
		_cleanup_free_ char *candidate = xasprintf("%s/%s", **dir ? *dir : ".", name);

		if (is_executable(candidate, &code)) {
			*ret = steal_ptr(&candidate);
			return 0;
		}
		if (code != ENOENT && code != ENOTDIR)
			found = code;
	}
	if (found == ENOENT) {
		err_set(err, ENOENT, "cannot find '%s' in the container's PATH", name);
		return err_exit(err, 127);
	}
	err_sys(err, found, "cannot execute '%s'", name);
	return err_exit(err, 126);
}

int op_exec(struct child *c, const struct op *op, struct err *err)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_free_ char *pipe_text = xasprintf("%d", c->error_fd);
	char **argv = NULL;
	int ret;

	(void)op;
	ret = find_command(c, &path, err);
	if (ret < 0)
		return ret;
	strv_add(&argv, "strake-entry");
	strv_add(&argv, pipe_text);
	strv_add(&argv, path);
	strv_extend(&argv, c->plan->argv);

	if (fd_set_cloexec(c->error_fd, false) < 0)
		return err_sys(err, errno, "fcntl");
	syscall(SYS_execveat, c->entry_fd, "", argv, c->env, AT_EMPTY_PATH);
	return err_sys(err, errno, "cannot start strake-entry");
}
