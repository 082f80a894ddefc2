#include "container/pass.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(PASS_FDS_MAX * sizeof(int))];
};

int pass_send(int socket, enum pass_what what, const int *fds, size_t n, struct err *err)
{
	char byte = (char)what;
	struct iovec iov = {&byte, 1};
	union control control = {0};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t sent;

	if (n > 0) {
		struct cmsghdr *c = &control.header;

		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	do {
		sent = sendmsg(socket, &msg, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent != 1)
		return err_sys(err, errno, "cannot send to the other process");
	return 0;
}

int pass_receive(int socket, enum pass_what *ret_what, int fds[PASS_FDS_MAX], struct err *err)
{
	char byte = PASS_END;
	struct iovec iov = {&byte, 1};
	union control control;
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *c;
	size_t n = 0;
	ssize_t got;

	for (size_t i = 0; i < PASS_FDS_MAX; i++)
		fds[i] = -1;
	do {
		got = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	/* What was sent to one that ended unread is a reset. */
	if (got < 0 && errno != ECONNRESET)
		return err_sys(err, errno, "cannot receive from the other process");
	c = got > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(c), n * sizeof(int));
	}
	*ret_what = got > 0 ? (enum pass_what)byte : PASS_END;
	return (int)n;
}
