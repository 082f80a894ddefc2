/* strake-overlayfs: options, layers, mount, serve. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/fusermount.h"
#include "base/log.h"
#include "fuse/check.h"
#include "fuse/confine.h"
#include "fuse/loop.h"
#include "fuse/mount.h"
#include "fuse/ops.h"
#include "fuse/options.h"

enum { THREADS = 12, EXIT_USAGE = 1 };

/* root of the initial user namespace marks files as the kernel's overlay does for it */
static bool is_real_root(void)
{
	char line[64] = "";
	FILE *f;
	unsigned int inside, outside, count;

	if (geteuid() != 0)
		return false;
	f = fopen("/proc/self/uid_map", "re");
	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	return sscanf(line, "%u %u %u", &inside, &outside, &count) == 3 && !inside && !outside &&
	       count == UINT32_MAX;
}

/* Waits for the signals that end the server, in a thread of its own: unmounting ends the loop. */
static void *wait_for_end(void *arg)
{
	const struct options *o = arg;
	struct err ignored = ERR_INIT;
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	for (;;)
		if (sigwait(&set, &sig) == 0 &&
		    fusermount_unmount(o->mountpoint, true, &ignored) < 0)
			_exit(128 + sig);
}

/* A job's terminal and its manager signal everything that runs in it; a server goes on as long as
 * its mount, and one of a container as long as that. */
static int take_signals(struct options *o, struct err *err)
{
	static const int ignored[] = {SIGHUP, SIGQUIT, SIGPIPE, SIGTTIN, SIGTTOU, SIGTSTP, SIGXFSZ};
	pthread_t thread;
	sigset_t set;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	if (o->fd >= 0) {
		signal(SIGINT, SIG_IGN);
		signal(SIGTERM, SIG_IGN);
		return 0;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (pthread_create(&thread, NULL, wait_for_end, o))
		return err_set(err, EAGAIN, "cannot start a thread");
	pthread_detach(thread);
	return 0;
}

/* The parent returns from main once the mount is there. */
static int go_to_background(struct err *err)
{
	pid_t pid = fork();
	int null;

	if (pid < 0)
		return err_sys(err, errno, "cannot fork");
	if (pid > 0)
		_exit(0);
	(void)setsid();
	if (chdir("/") < 0)
		return err_sys(err, errno, "cannot change to /");
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		(void)dup2(null, fd);
	if (null > 2)
		close(null);
	return 0;
}

static int serve(struct server *s, struct options *o, struct err *err)
{
	const struct loop_options loop = {.threads = o->threads ? o->threads : THREADS};
	int r = 0;

	s->wire.fd = o->fd >= 0 ? o->fd : fuse_mount(o, err);
	if (s->wire.fd < 0)
		return s->wire.fd;
	if (o->fd >= 0)
		(void)setsid();
	else if (!o->foreground)
		r = go_to_background(err);
	if (r == 0)
		r = take_signals(o, err);
	if (r == 0 && o->confine)
		r = confine(&s->overlay, err);
	if (r < 0)
		return r;
	if (o->notify >= 0)
		close(o->notify);
	o->notify = -1;
	ahead_start(&s->overlay.ahead, &s->overlay);
	r = loop_run(&s->wire, &loop, ops_handle, s, err);
	ahead_stop(&s->overlay.ahead);
	close(s->wire.fd);
	return r;
}

static int run(struct options *o, struct err *err)
{
	static struct server s;
	static char mountpoint[PATH_MAX];
	int r;

	/* a server in the background is not where it was started */
	if (o->mountpoint && realpath(o->mountpoint, mountpoint))
		o->mountpoint = mountpoint;

	o->overlay.trusted = !o->userxattr && is_real_root();
	if (o->check)
		return check_upper(o, err);
	umask(0);
	r = overlay_open(&s.overlay, &o->overlay, err);
	if (r < 0)
		return r;
	s.timeout = o->timeout;
	s.fsync = o->fsync;
	s.trace = o->debug;
	s.wire.options = (struct wire_options){.writeback = o->writeback,
					       .acl = o->overlay.acl,
					       .read_only = !o->overlay.upper ||
							    (o->mount_flags & MS_RDONLY)};
	r = serve(&s, o, err);
	overlay_close(&s.overlay);
	return r;
}

int main(int argc, char **argv)
{
	struct options o;
	struct err err = ERR_INIT;
	int r;

	log_set_name("strake-overlayfs");
	fd_guard_stdio();
	r = options_parse(argc, argv, &o, &err);
	if (r == 0 && o.help)
		fputs(options_usage, stdout);
	else if (r == 0 && o.version)
		puts("strake-overlayfs " PACKAGE_VERSION);
	else if (r == 0)
		r = run(&o, &err);
	if (r < 0 && o.notify >= 0)
		(void)err_send(o.notify, &err);
	else if (r < 0)
		log_error("%s", err.msg);
	options_release(&o);
	return r < 0 ? EXIT_USAGE : r;
}
