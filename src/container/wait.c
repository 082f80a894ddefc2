#include "container/wait.h"

#include <errno.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "container/tty.h"

/* Everything but what tells strake itself something (SIGCHLD, SIGPIPE), cannot be caught, reports a
 * fault of our own, or is the shell's job control: Ctrl-Z stops strake, the container goes on. */
static const int not_forwarded[] = {
	SIGKILL, SIGSTOP, SIGPIPE, SIGURG, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT,
	SIGSEGV, SIGBUS,  SIGFPE,  SIGILL, SIGTRAP, SIGSYS,  SIGABRT,
};

static void handled_set(sigset_t *set)
{
	sigfillset(set);
	for (size_t i = 0; i < sizeof(not_forwarded) / sizeof(*not_forwarded); i++)
		sigdelset(set, not_forwarded[i]);
}

void wait_block_signals(sigset_t *old)
{
	sigset_t set;

	handled_set(&set);
	sigprocmask(SIG_BLOCK, &set, old);
}

void wait_restore_signals(const sigset_t *old)
{
	sigprocmask(SIG_SETMASK, old, NULL);
}

/* SIGWINCH of a caller without -t goes to the container like any other. */
static void handle_signal(pid_t pid, int sig, struct tty_relay *relay)
{
	if (sig == SIGCHLD)
		return;
	if (sig == SIGWINCH && relay)
		tty_relay_resize(relay);
	else
		kill(pid, sig);
}

static int exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* 1: ended, *ret holds the code; 0: still running. Without its server nothing in the container can
 * read or write any more: it would hang, or fail here and there. */
static int reap(struct started *c, int *ret)
{
	int status;

	if (overlay_server_died(&c->server))
		kill(c->pid, SIGKILL);
	if (waitpid(c->pid, &status, WNOHANG) != c->pid)
		return 0;
	*ret = exit_code(status);
	return 1;
}

static int wait_plain(struct started *c)
{
	sigset_t set;
	int code;

	handled_set(&set);
	while (!reap(c, &code)) {
		int sig = sigwaitinfo(&set, NULL);

		if (sig > 0)
			handle_signal(c->pid, sig, NULL);
	}
	return code;
}

/* The terminal may outlive the container for a moment (what it wrote last) and the container its
 * terminal (it closed it): the container's end decides, tty_relay_stop() shows the rest. */
static int wait_relay(struct started *c, struct tty_relay *relay, int signals)
{
	bool output = true;
	int code = 125;

	while (!reap(c, &code)) {
		bool full = relay->in_len > 0;
		struct pollfd p[3] = {
			{.fd = signals, .events = POLLIN},
			{.fd = output ? relay->master : -1,
			 .events = (short)(POLLIN | (full ? POLLOUT : 0))},
			{.fd = relay->forward_input && !full ? STDIN_FILENO : -1, .events = POLLIN},
		};
		struct signalfd_siginfo info;

		if (poll(p, 3, -1) < 0 && errno != EINTR)
			break;
		if (p[0].revents && read(signals, &info, sizeof(info)) == sizeof(info))
			handle_signal(c->pid, (int)info.ssi_signo, relay);
		if (p[1].revents & (POLLIN | POLLHUP | POLLERR))
			output = tty_relay_output(relay);
		if (p[2].revents || p[1].revents & POLLOUT)
			tty_relay_input(relay);
	}
	return code;
}

int wait_container(struct started *c, bool interactive, struct err *err)
{
	struct tty_relay relay;
	_cleanup_fd_ int signals = -1;
	sigset_t set;
	int ret;

	if (c->master < 0)
		return wait_plain(c);

	handled_set(&set);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	ret = signals < 0 ? err_sys(err, errno, "signalfd")
			  : tty_relay_start(&relay, c->master, interactive, err);
	if (ret < 0) {
		kill(c->pid, SIGKILL);
		proc_wait(c->pid);
	}
	if (signals < 0) {
		fd_closep(&c->master);
		return ret;
	}
	c->master = -1;
	if (ret == 0)
		ret = wait_relay(c, &relay, signals);
	tty_relay_stop(&relay);
	return ret;
}
