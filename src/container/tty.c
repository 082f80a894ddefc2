#include "container/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"

/* Gives the pseudo terminal the size of the first of our standard streams that is a terminal. */
static void copy_size(int master)
{
	struct winsize size;

	for (int fd = 0; fd <= 2; fd++) {
		if (ioctl(fd, TIOCGWINSZ, &size) == 0) {
			ioctl(master, TIOCSWINSZ, &size);
			return;
		}
	}
}

int tty_open(int dev_fd, int *ret_master, int *ret_slave, struct err *err)
{
	_cleanup_fd_ int master = openat(dev_fd, "pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	int unlock = 0;

	if (master < 0)
		return err_sys(err, errno, "cannot open a pseudo terminal");
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return err_sys(err, errno, "cannot unlock the pseudo terminal");
	*ret_slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*ret_slave < 0)
		return err_sys(err, errno, "cannot open the pseudo terminal's slave");
	/* Before the command can ask. */
	copy_size(master);
	*ret_master = steal_fd(&master);
	return 0;
}

void tty_relay_resize(struct tty_relay *r)
{
	copy_size(r->master);
}

int tty_relay_start(struct tty_relay *r, int master, bool forward_input, struct err *err)
{
	*r = (struct tty_relay){.master = master, .forward_input = forward_input};
	tty_relay_resize(r);
	if (fcntl(master, F_SETFL, O_NONBLOCK) < 0)
		return err_sys(err, errno, "cannot set up the terminal");
	if (forward_input && tcgetattr(STDIN_FILENO, &r->saved) == 0) {
		struct termios raw = r->saved;

		cfmakeraw(&raw);
		if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
			return err_sys(err, errno, "cannot switch the terminal to raw mode");
		r->raw = true;
	}
	return 0;
}

int tty_relay_output(struct tty_relay *r)
{
	char buf[16384];
	ssize_t n = read(r->master, buf, sizeof(buf));

	if (n > 0)
		return fd_write_all(STDOUT_FILENO, buf, (size_t)n) < 0 ? 0 : 1;
	/* EIO: every slave is closed. */
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* The container may not read: what the terminal does not take now is kept, and no more is read
 * until it is gone. */
void tty_relay_input(struct tty_relay *r)
{
	static const char end_of_file = 4; /* Ctrl-D: what a closed stdin means to a terminal */
	ssize_t n;

	if (r->in_len == 0 && r->forward_input) {
		n = read(STDIN_FILENO, r->in, sizeof(r->in));
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			return;
		if (n <= 0) {
			r->forward_input = false;
			r->in[0] = end_of_file;
			n = 1;
		}
		r->in_len = (size_t)n;
	}
	n = write(r->master, r->in, r->in_len);
	if (n > 0) {
		r->in_len -= (size_t)n;
		memmove(r->in, r->in + n, r->in_len);
	} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
		r->in_len = 0;
		r->forward_input = false;
	}
}

void tty_relay_stop(struct tty_relay *r)
{
	struct pollfd p = {.fd = r->master, .events = POLLIN};

	while (poll(&p, 1, 0) > 0 && p.revents & POLLIN && tty_relay_output(r))
		;
	if (r->raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &r->saved);
	fd_closep(&r->master);
}
