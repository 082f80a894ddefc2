/* The overlay server as its starter sees it, with programs of a few lines in its place: what it is
 * told, what it is shielded from, how its end is taken. And the records of mounted images. */
#include "container.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "container/overlay_server.h"
#include "container/pass.h"
#include "container/state.h"
#include "container/wait.h"

START_TEST(messages)
{
	struct err err = ERR_INIT;
	int sockets[2], fds[PASS_FDS_MAX], mine[2];
	enum pass_what what;
	struct stat a, b;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	ck_assert_int_eq(pipe2(mine, O_CLOEXEC), 0);
	container_ok(pass_send(sockets[0], PASS_GO, NULL, 0, &err), &err);
	container_ok(pass_send(sockets[0], PASS_TERMINAL, mine, 1, &err), &err);
	container_ok(pass_send(sockets[0], PASS_FUSE, mine, 2, &err), &err);
	close(sockets[0]);

	ck_assert_int_eq(pass_receive(sockets[1], &what, fds, &err), 0);
	ck_assert_int_eq(what, PASS_GO);
	ck_assert_int_eq(fds[0], -1);
	ck_assert_int_eq(pass_receive(sockets[1], &what, fds, &err), 1);
	ck_assert_int_eq(what, PASS_TERMINAL);
	ck_assert_int_eq(fds[1], -1);
	ck_assert_int_eq(fcntl(fds[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	ck_assert_int_eq(pass_receive(sockets[1], &what, fds, &err), 2);
	ck_assert_int_eq(what, PASS_FUSE);
	ck_assert(fstat(fds[1], &a) == 0 && fstat(mine[1], &b) == 0 && a.st_ino == b.st_ino);
	ck_assert_int_eq(pass_receive(sockets[1], &what, fds, &err), 0);
	ck_assert_int_eq(what, PASS_END);
	/* and the other way there is nobody: no signal */
	ck_assert_int_eq(pass_send(sockets[1], PASS_GO, NULL, 0, &err), -EPIPE);
}
END_TEST

START_TEST(options)
{
	static char one[] = "/plain", two[] = "/a:b,c\\d e=f", three[] = "/\n";
	char *lowers[] = {one, two, three, NULL}, *single[] = {one, NULL};
	char *text = overlay_server_options(lowers, "/u:1", "/w,2", "volatile");

	ck_assert_str_eq(text, "userxattr,fsname=strake,volatile,upperdir=/u\\:1,workdir=/w\\,2,"
			       "lowerdir=/plain:/a\\:b\\,c\\\\d e=f:/\n");
	free(text);
	text = overlay_server_options(single, NULL, NULL, NULL);
	ck_assert_str_eq(text, "userxattr,fsname=strake,lowerdir=/plain");
	free(text);
}
END_TEST

/* A shell script becomes strake-overlayfs. In it $notify and $options are the descriptors' numbers,
 * and $T the scratch directory. */
static void server_is(const char *script)
{
	_cleanup_free_ char *text =
		xasprintf("#!/bin/sh\nT='%s'\nfor a; do case $a in --notify=*) notify=${a#*=};; "
			  "--options-fd=*) options=${a#*=};; esac; done\n%s\n",
			  container_scratch, script);
	const char *path = container_file("strake-overlayfs", text, strlen(text));

	ck_assert_int_eq(chmod(path, 0755), 0);
	ck_assert_int_eq(setenv("STRAKE_LIBEXEC", container_scratch, 1), 0);
}

static char *read_back(const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", container_scratch, name);
	struct err err = ERR_INIT;
	char *text = NULL;

	container_ok(fd_read_file(AT_FDCWD, path, 65536, &text, NULL, &err), &err);
	return text;
}

static struct overlay_spawn spawn(void)
{
	return (struct overlay_spawn){
		.options = "lowerdir=/x", .fuse = -1, .userns = -1, .input = -1};
}

START_TEST(is_told)
{
	_cleanup_free_ char *args = NULL, *text = NULL, *fds = NULL, *want = NULL;
	struct err err = ERR_INIT;
	struct overlay_server server;
	struct overlay_spawn s = spawn();
	const int leaked = open("/dev/null", O_RDONLY); /* as a careless caller's */

	ck_assert_int_ge(leaked, 3);
	s.fuse = open("/dev/null", O_RDWR | O_CLOEXEC);
	server_is("echo \"$@\" >$T/args; eval \"cat <&$options\" >$T/text; eval \"exec "
		  "$options<&-\"\n"
		  "ls /proc/$$/fd >$T/fds; pwd >>$T/args; exit 0");
	container_ok(overlay_server_find(&err), &err);
	container_ok(overlay_server_start(&s, &server, &err), &err);
	overlay_server_end(&server, false);
	container_ok(overlay_server_verdict(&server, "x", &err), &err);

	args = read_back("args");
	want = xasprintf(" --fd=%d\n/\n", s.fuse);
	ck_assert_msg(str_ends(args, want), "%s", args);
	ck_assert_msg(str_starts(args, "-f --confine --notify="), "%s", args);
	text = read_back("text");
	ck_assert_str_eq(text, "lowerdir=/x");
	fds = read_back("fds");
	/* 0 1 2, fuse, notify, and what the shell reads its script from */
	want = (free(want), xasprintf("\n%d\n", leaked));
	ck_assert_msg(strstr(fds, want) == NULL, "%s", fds);
	close(leaked);
}
END_TEST

START_TEST(is_out_of_reach)
{
	_cleanup_free_ char *text = NULL;
	struct err err = ERR_INIT;
	struct overlay_server server;
	struct overlay_spawn s = spawn();
	sigset_t old;

	wait_block_signals(&old); /* as its starter has them */
	server_is("kill -HUP $$; kill -INT $$; kill -QUIT $$; kill -TERM $$; kill -TSTP $$; kill "
		  "-TTOU $$\n"
		  "set -- $(cat /proc/$$/stat); echo $1 $5 $6 >$T/out\n"
		  "grep SigBlk /proc/$$/status >>$T/out; exit 0");
	container_ok(overlay_server_start(&s, &server, &err), &err);
	overlay_server_end(&server, false);
	container_ok(overlay_server_verdict(&server, "x", &err), &err);
	wait_restore_signals(&old);
	text = read_back("out");
	{
		_cleanup_free_ char *want = xasprintf("%d %d %d\nSigBlk:\t0000000000000000\n",
						      server.pid, server.pid, server.pid);

		ck_assert_str_eq(text, want);
	}
}
END_TEST

/* A struct err on the pipe is its error; without one, the program that is not there is. */
START_TEST(does_not_start)
{
	struct err err = ERR_INIT, sent = ERR_INIT;
	struct overlay_server server = {0};
	struct overlay_spawn s = spawn();

	err_set(&sent, ENOSPC, "the server's own words");
	container_file("sent", &sent, sizeof(sent));
	server_is("eval \"cat $T/sent >&$notify\"; exec sleep 1000");
	ck_assert_int_eq(overlay_server_start(&s, &server, &err), -ENOSPC);
	ck_assert_str_eq(err.msg, "the server's own words");
	ck_assert_int_eq(server.pid, 0);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* put down, and waited for */

	server_is("eval \"echo half >&$notify\"");
	ck_assert_int_eq(overlay_server_start(&s, &server, &err), -EIO);

	_cleanup_free_ char *path = xasprintf("%s/strake-overlayfs", container_scratch);

	ck_assert_int_eq(chmod(path, 0644), 0);
	if (geteuid() != 0)
		ck_assert_int_eq(overlay_server_find(&err), -EACCES);
	ck_assert_int_eq(overlay_server_start(&s, &server, &err), -EACCES);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(overlay_server_find(&err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.msg, "make install"));
	ck_assert_int_eq(overlay_server_start(&s, &server, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.msg, "strake-overlayfs"));
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

static void wait_until_dead(struct overlay_server *s)
{
	siginfo_t info;

	ck_assert_int_eq(waitid(P_PID, (id_t)s->pid, &info, WEXITED | WNOWAIT), 0);
}

START_TEST(dies)
{
	struct err err = ERR_INIT;
	struct overlay_server server;
	struct overlay_spawn s = spawn();

	server_is("eval \"exec $notify>&-\"; kill -SEGV $$");
	container_ok(overlay_server_start(&s, &server, &err), &err);
	wait_until_dead(&server);
	ck_assert(overlay_server_died(&server));
	ck_assert(!overlay_server_died(&server)); /* told once */
	overlay_server_end(&server, false);
	ck_assert_int_eq(overlay_server_verdict(&server, "container 'x'", &err), -EIO);
	ck_assert_str_eq(err.msg, "the overlay server of container 'x' died (signal 11)");

	server_is("eval \"exec $notify>&-\"; exit 3");
	container_ok(overlay_server_start(&s, &server, &err), &err);
	wait_until_dead(&server);
	ck_assert(overlay_server_died(&server));
	ck_assert_int_eq(overlay_server_verdict(&server, "x", &err), -EIO);
	ck_assert_str_eq(err.msg, "the overlay server of x died (status 3)");

	/* for want of a mount to serve: nothing to complain of */
	server_is("eval \"exec $notify>&-\"; exit 0");
	container_ok(overlay_server_start(&s, &server, &err), &err);
	wait_until_dead(&server);
	ck_assert(!overlay_server_died(&server));
	ck_assert_int_eq(overlay_server_verdict(&server, "x", &err), 0);
}
END_TEST

START_TEST(is_ended)
{
	struct err err = ERR_INIT;
	struct overlay_server server, none = {0};
	struct overlay_spawn s = spawn();
	sigset_t old;

	/* what it holds is not wanted: it does not get to finish */
	server_is("eval \"exec $notify>&-\"; exec sleep 1000");
	container_ok(overlay_server_start(&s, &server, &err), &err);
	ck_assert(!overlay_server_died(&server));
	overlay_server_end(&server, true);
	ck_assert_int_eq(overlay_server_verdict(&server, "x", &err), 0);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);

	/* it is: it does, but for a user who has had enough */
	wait_block_signals(&old);
	container_ok(overlay_server_start(&s, &server, &err), &err);
	kill(getpid(), SIGTERM);
	overlay_server_end(&server, false);
	ck_assert_int_eq(overlay_server_verdict(&server, "x", &err), 0);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	wait_restore_signals(&old);

	overlay_server_end(&none, false);
	ck_assert(!overlay_server_died(&none));
	ck_assert_int_eq(overlay_server_verdict(&none, "x", &err), 0);
}
END_TEST

/* The lock on what is its standard input is held as long as it lives. */
START_TEST(lock_rides_on_stdin)
{
	struct err err = ERR_INIT;
	struct overlay_server server;
	struct overlay_spawn s = spawn();
	const char *path = container_file("locked", "x", 1);
	struct flock mine = {.l_type = F_WRLCK, .l_whence = SEEK_SET}, ask = mine;
	const int other = open(path, O_RDWR | O_CLOEXEC);

	s.input = open(path, O_RDWR | O_CLOEXEC);
	s.silent = true;
	ck_assert_int_eq(fcntl(s.input, F_OFD_SETLK, &mine), 0);
	server_is("eval \"exec $notify>&-\"; exec sleep 1000");
	container_ok(overlay_server_start(&s, &server, &err), &err);
	close(s.input);
	ck_assert_int_eq(fcntl(other, F_OFD_GETLK, &ask), 0);
	ck_assert_int_ne(ask.l_type, F_UNLCK);
	overlay_server_end(&server, true);
	ask = mine;
	ask.l_pid = 0;
	ck_assert_int_eq(fcntl(other, F_OFD_GETLK, &ask), 0);
	ck_assert_int_eq(ask.l_type, F_UNLCK);
	close(other);
}
END_TEST

START_TEST(mount_records)
{
	_cleanup_free_ char *path = xasprintf("%s/store", container_scratch);
	struct store store = STORE_INIT;
	struct err err = ERR_INIT;
	struct container_list list;
	size_t removed;
	char id[65];
	int dir, lock;

	container_ok(store_open(path, &store, &err), &err);
	for (int i = 0; i < 2; i++) {
		struct container_state c = {
			.image_name = xstrdup("i"),
			.image_id = xstrdup("sha256:1"),
			.remove = true,
			.mountpoint = i == 1 ? xstrdup("/m") : NULL,
			.upper = i == 1 ? xstrdup("/u") : NULL,
		};

		snprintf(c.manifest.text, sizeof(c.manifest.text), "sha256:%064d", 0);
		container_ok(container_state_create(&store, &c, &dir, &err), &err);
		container_ok(container_state_save(&c, dir, &lock, &err), &err);
		close(dir);
		if (i == 0)
			close(lock);
		memcpy(id, c.id, sizeof(id));
		container_state_release(&c);
	}
	container_ok(container_list(&store, &list, &err), &err);
	ck_assert_uint_eq(list.n, 1);
	ck_assert_ptr_null(list.items[0].mountpoint);
	container_list_release(&list);
	container_ok(container_list_mounts(&store, &list, &err), &err);
	ck_assert_uint_eq(list.n, 1);
	ck_assert_str_eq(list.items[0].mountpoint, "/m");
	ck_assert_str_eq(list.items[0].upper, "/u");
	ck_assert_int_ne(list.items[0].status, CONTAINER_EXITED);
	{
		struct container_state found;

		/* it is no container, and `rm` does not find it */
		ck_assert_int_eq(container_find(&store, id, &found, &err), -ENOENT);
	}
	/* gc takes the container that ended, and the mount only once it has no server */
	container_ok(container_clear_stale(&store, &removed, &err), &err);
	ck_assert_uint_eq(removed, 1);
	close(lock);
	container_ok(container_clear_stale(&store, &removed, &err), &err);
	ck_assert_uint_eq(removed, 1);
	container_list_release(&list);
	store_close(&store);
}
END_TEST

TCase *container_case_overlay(void)
{
	TCase *c = tcase_create("overlay");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, container_scratch_make, container_scratch_remove);
	tcase_add_test(c, messages);
	tcase_add_test(c, options);
	tcase_add_test(c, is_told);
	tcase_add_test(c, is_out_of_reach);
	tcase_add_test(c, does_not_start);
	tcase_add_test(c, dies);
	tcase_add_test(c, is_ended);
	tcase_add_test(c, lock_rides_on_stdin);
	tcase_add_test(c, mount_records);
	return c;
}
