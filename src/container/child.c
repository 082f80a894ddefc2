#include "container/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "container/entry.h"
#include "ns/diagnose.h"

static int (*const operations[OP_KINDS])(struct child *, const struct op *, struct err *) = {
	[OP_ROOTFS] = op_rootfs,     [OP_PROC] = op_proc,
	[OP_SYS] = op_sys,	     [OP_DEV] = op_dev,
	[OP_CONSOLE] = op_console,   [OP_BIND] = op_bind,
	[OP_ETC_FILE] = op_etc_file, [OP_TMPFS] = op_tmpfs,
	[OP_VOLUME] = op_volume,     [OP_MASK] = op_mask,
	[OP_READONLY] = op_readonly, [OP_ROOT_READONLY] = op_root_readonly,
	[OP_PIVOT] = op_pivot,	     [OP_HOSTNAME] = op_hostname,
	[OP_WORKDIR] = op_workdir,   [OP_USER] = op_user,
	[OP_CAPS] = op_caps,	     [OP_NO_NEW_PRIVS] = op_no_new_privs,
	[OP_EXEC] = op_exec,
};

/* The parent's word that the id maps are written. End of file: the parent failed or died; nobody is
 * left to be told. */
static void wait_for_go(int socket)
{
	char go;
	ssize_t n;

	do {
		n = read(socket, &go, 1);
	} while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(125);
}

/* Whatever the caller of strake left open or set is not the container's. */
static int shed_inheritance(const struct child *c, struct err *err)
{
	const bool own_stdin = c->plan->interactive || c->plan->tty;
	sigset_t none;
	int ret;

	for (int sig = 1; sig < NSIG; sig++) {
		if (sig != SIGKILL && sig != SIGSTOP)
			signal(sig, SIG_DFL);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(0022);

	ret = fd_cloexec_from(3);
	if (ret < 0)
		return err_sys(err, -ret, "cannot keep descriptors out of the container");
	if (setsid() < 0)
		return err_sys(err, errno, "setsid");
	/* A dead parent can neither forward signals nor clean up: the container ends with it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_sys(err, errno, "PR_SET_PDEATHSIG");
	/* Until the command runs this is the host's program: nothing may look into it. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return err_sys(err, errno, "PR_SET_DUMPABLE");
	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0) {
		const int code = errno;

		/* AppArmor on Ubuntu grants the namespaces and then no right in them. */
		err_sys(err, code, "cannot cut mount propagation");
		return diagnose_userns(code, err);
	}
	if (!own_stdin) {
		_cleanup_fd_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

		if (null < 0 || dup2(null, STDIN_FILENO) < 0)
			return err_sys(err, errno, "cannot give the container an empty stdin");
	}
	return 0;
}

static int carry_out(struct child *c, struct err *err)
{
	int ret = shed_inheritance(c, err);

	if (ret == 0 && c->entry_fd < 0) {
		c->entry_fd = entry_clone(err);
		ret = c->entry_fd < 0 ? c->entry_fd : 0;
	}
	for (size_t i = 0; ret == 0 && i < c->plan->n_ops; i++) {
		const struct op *op = &c->plan->ops[i];

		ret = operations[op->kind](c, op, err);
	}
	return ret;
}

void child_main(const struct plan *plan, int socket, int error_fd, int entry_fd)
{
	struct child c = {
		.plan = plan,
		.root_fd = -1,
		.socket = socket,
		.error_fd = error_fd,
		.entry_fd = entry_fd,
		.private_fd = -1,
		.env = strv_copy(plan->env),
	};
	struct err err = ERR_INIT;

	wait_for_go(socket);
	carry_out(&c, &err);
	err_send(error_fd, &err);
	_exit(err.exit_status ? err.exit_status : 125);
}
