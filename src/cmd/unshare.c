#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "cmd/command.h"
#include "ns/enter.h"

struct unshare_flags {
	enum userns_mode userns;
};

static int set_userns(void *flags, const char *text, struct err *err)
{
	return userns_mode_parse(text, &((struct unshare_flags *)flags)->userns, err);
}

static const struct option_spec options[] = {
	{"userns", 0, OPTION_CALL, 0, .value = "MODE", .words = "auto|range|single|keep-id",
	 .help = "Which ids to map", .set = set_userns},
	{0},
};

/* Whether the program is somewhere in PATH: a directory there that cannot be searched makes execvp
 * say EACCES for every name. */
static bool found(const char *name)
{
	_cleanup_strv_ char **dirs = strv_split(getenv("PATH") ? getenv("PATH") : "", ':');

	if (strchr(name, '/'))
		return true;
	for (size_t i = 0; dirs[i]; i++) {
		_cleanup_free_ char *path = path_join(dirs[i], name);

		if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return true;
	}
	return false;
}

/* In the child: waits for the maps, then becomes the command. A failure goes to the parent through
 * `report`, which closes by itself when the command starts. */
static void __attribute__((noreturn)) become(char **argv, int go, int report, const sigset_t *mask)
{
	struct err err = ERR_INIT;
	char byte;
	int code;

	if (fd_read_full(go, &byte, 1) != 1)
		_exit(EXIT_STRAKE); /* the parent failed and says why */
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(argv[0], argv);
	code = errno == EACCES && !found(argv[0]) ? ENOENT : errno;
	err_sys(&err, code, "cannot run '%s'", argv[0]);
	err_exit(&err, code == ENOENT ? 127 : 126);
	err_send(report, &err);
	_exit(EXIT_STRAKE);
}

/* Passes on what is sent to us alone; what the terminal sends reaches the whole process group by
 * itself. */
static int forward_and_wait(pid_t pid, const sigset_t *set)
{
	siginfo_t info;

	for (;;) {
		if (sigwaitinfo(set, &info) < 0)
			continue;
		if (info.si_signo != SIGCHLD) {
			if (info.si_code != SI_KERNEL)
				kill(pid, info.si_signo);
			continue;
		}
		memset(&info, 0, sizeof(info));
		if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		    info.si_pid == pid)
			return proc_wait(pid);
	}
}

static int run_in_namespace(const struct identity *id, char **argv, struct err *err)
{
	static const int forwarded[] = {SIGHUP,	 SIGINT,  SIGQUIT, SIGTERM,
					SIGUSR1, SIGUSR2, SIGCONT, SIGCHLD};
	int go[2], report[2], r;
	sigset_t set, before;
	pid_t pid;

	if (pipe2(go, O_CLOEXEC) < 0)
		return err_sys(err, errno, "pipe");
	if (pipe2(report, O_CLOEXEC) < 0)
		return err_sys(err, errno, "pipe");
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++)
		sigaddset(&set, forwarded[i]);
	sigprocmask(SIG_BLOCK, &set, &before);

	pid = ns_clone(CLONE_NEWUSER | CLONE_NEWNS, err);
	if (pid < 0)
		return pid;
	if (pid == 0) {
		close(go[1]);
		become(argv, go[0], report[1], &before);
	}
	close(go[0]);
	close(report[1]);
	r = identity_apply(id, pid, err);
	if (r == 0)
		r = fd_write_all(go[1], "", 1);
	close(go[1]);
	if (r == 0 && (r = err_receive(report[0], err)) > 0)
		r = -err->code;
	close(report[0]);
	if (r < 0) {
		proc_wait(pid);
		return r;
	}
	return forward_and_wait(pid, &set);
}

static int run(const struct context *c, void *flags_, char **args, struct err *err)
{
	const struct unshare_flags *flags = flags_;
	const char *name = getenv("SHELL");
	_cleanup_free_ char *shell = xstrdup(str_is_empty(name) ? "/bin/sh" : name);
	char *argv[] = {shell, NULL};
	struct identity id;
	int r;

	(void)c;
	r = identity_choose(flags->userns, &id, err);
	if (r < 0)
		return r;
	log_verbose("identity: %s%s%s", id.range ? "range" : "single", *id.why ? ": " : "", id.why);
	return run_in_namespace(&id, args[0] ? args : argv, err);
}

const struct command command_unshare = {
	.name = "unshare",
	.summary = "Run a command in the mapped user namespace",
	.usage = "[COMMAND [ARG...]]",
	.options = options,
	.flags_size = sizeof(struct unshare_flags),
	.max_args = ARGS_ANY,
	.stop = true,
	.complete = COMPLETE_COMMAND,
	.run = run,
};
