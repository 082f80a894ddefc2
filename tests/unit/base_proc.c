/* proc: child programs. */
#include "base.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

/* argv of sh -c SCRIPT. exec does not write to its arguments, however they are declared. */
static int shell(const char *script, char **capture, struct err *err)
{
	const char *const argv[] = {"sh", "-c", script, NULL};

	return proc_run((char *const *)argv, capture, err);
}

START_TEST(exit_codes)
{
	struct err err = ERR_INIT;

	ck_assert_int_eq(shell("exit 0", NULL, &err), 0);
	ck_assert_int_eq(shell("exit 42", NULL, &err), 42);
	ck_assert_int_eq(shell("kill -9 $$", NULL, &err), 128 + 9);
	ck_assert_int_eq(proc_wait(getpid()), -ECHILD);
}
END_TEST

START_TEST(not_started)
{
	const char *const missing[] = {"no-such-program-here", NULL};
	const char *const directory[] = {"/tmp", NULL};
	struct err err = ERR_INIT;
	char *capture = NULL;
	pid_t pid;

	/* a directory of PATH that may not be searched would answer EACCES */
	ck_assert_int_eq(setenv("PATH", "/usr/bin:/bin", 1), 0);
	ck_assert_int_eq(proc_run((char *const *)missing, NULL, &err), -ENOENT);
	ck_assert_str_eq(err.msg, "cannot start 'no-such-program-here': No such file or directory");
	ck_assert_int_eq(proc_run((char *const *)directory, &capture, &err), -EACCES);
	ck_assert_ptr_null(capture);
	ck_assert_int_eq(proc_spawn((char *const *)missing, &pid, &err), -ENOENT);
}
END_TEST

START_TEST(clean_surroundings)
{
	struct err err = ERR_INIT;
	sigset_t mask;

	/* nothing on stdin; blocked and ignored signals work again */
	ck_assert_int_eq(shell("read x && exit 1; exit 7", NULL, &err), 7);
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	ck_assert_int_eq(sigprocmask(SIG_BLOCK, &mask, NULL), 0);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	ck_assert_int_eq(shell("kill -TERM $$; exit 1", NULL, &err), 128 + SIGTERM);
	ck_assert_int_eq(shell("kill -PIPE $$; exit 1", NULL, &err), 128 + SIGPIPE);
	ck_assert_int_eq(shell("kill -INT $$; exit 1", NULL, &err), 128 + SIGINT);
	/* and no descriptor of ours */
	ck_assert_int_ge(tmp, 3);
	ck_assert_int_eq(shell("for f in /proc/$$/fd/*; do case $f in */[0-2]) ;; *) "
			       "case $(readlink $f) in */strake-unit-*) exit 9;; esac;; esac; done",
			       NULL, &err),
			 0);
}
END_TEST

START_TEST(captured)
{
	struct err err = ERR_INIT;
	char *text = NULL;

	ck_assert_int_eq(shell("echo 'no such range' >&2; exit 3", &text, &err), 3);
	ck_assert_str_eq(text, "no such range");
	freep(&text);
	ck_assert_int_eq(shell(":", &text, &err), 0);
	ck_assert_str_eq(text, "");
	freep(&text);
	/* far more than is kept, and than a pipe holds: the program still ends */
	ck_assert_int_eq(shell("head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 5", &text, &err),
			 5);
	ck_assert_uint_eq(strlen(text), 4096);
	freep(&text);
}
END_TEST

START_TEST(stderr_elsewhere)
{
	const char *const argv[] = {"sh", "-c", "echo one >&2; exit 4", NULL};
	_cleanup_fd_ int fd = openat(tmp, "log", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	_cleanup_free_ char *text = NULL;
	pid_t pid;

	ck_assert_int_eq(proc_spawn_stderr((char *const *)argv, fd, &pid, NULL), 0);
	ck_assert_int_eq(proc_wait(pid), 4);
	ck_assert_int_eq(fd_read_file(tmp, "log", 99, &text, NULL, NULL), 0);
	ck_assert_str_eq(text, "one\n");
}
END_TEST

START_TEST(start_times)
{
	const char *const argv[] = {"sleep", "100", NULL};
	unsigned long long ours = 0, theirs = 0, again = 0;
	struct err err = ERR_INIT;
	pid_t pid;

	ck_assert_int_eq(proc_start_time(getpid(), &ours), 0);
	ck_assert_int_eq(proc_spawn((char *const *)argv, &pid, &err), 0);
	ck_assert_int_eq(proc_start_time(pid, &theirs), 0);
	ck_assert_int_eq(proc_start_time(pid, &again), 0);
	ck_assert(ours > 0 && theirs >= ours && theirs == again);
	kill(pid, SIGKILL);
	ck_assert_int_eq(proc_wait(pid), 128 + SIGKILL);
	ck_assert_int_eq(proc_start_time(pid, &again), -ESRCH);
}
END_TEST

/* The name in /proc/PID/stat may look like fields. */
START_TEST(start_time_of_a_liar)
{
	_cleanup_free_ char *path = xasprintf("%s/a) S 1 (b", tmp_path);
	const char *const copy[] = {"cp", "/bin/sleep", path, NULL};
	const char *const argv[] = {path, "100", NULL};
	unsigned long long ours = 0, theirs = 0;
	struct err err = ERR_INIT;
	pid_t pid;

	ck_assert_int_eq(proc_run((char *const *)copy, NULL, &err), 0);
	if (proc_spawn((char *const *)argv, &pid, &err) == -EACCES) {
		fprintf(stderr, "skipped: /tmp is mounted noexec\n");
		return;
	}
	ck_assert_int_eq(proc_start_time(getpid(), &ours), 0);
	ck_assert_int_eq(proc_start_time(pid, &theirs), 0);
	ck_assert(theirs >= ours && theirs < ours + 100000);
	kill(pid, SIGKILL);
	proc_wait(pid);
}
END_TEST

START_TEST(boot_id)
{
	char id[37], again[37];

	proc_boot_id(id);
	proc_boot_id(again);
	ck_assert_uint_eq(strlen(id), 36);
	ck_assert_uint_eq(strspn(id, "0123456789abcdef-"), 36);
	ck_assert_str_eq(id, again);
}
END_TEST

START_TEST(libexec_given)
{
	ck_assert_int_eq(setenv("STRAKE_LIBEXEC", "/some/where", 1), 0);
	ck_assert_str_eq(proc_libexec(), "/some/where");
	/* once and for all */
	ck_assert_int_eq(setenv("STRAKE_LIBEXEC", "/else", 1), 0);
	ck_assert_str_eq(proc_libexec(), "/some/where");
}
END_TEST

START_TEST(libexec_built_in)
{
	ck_assert_int_eq(setenv("STRAKE_LIBEXEC", "", 1), 0);
	ck_assert_str_eq(proc_libexec(), STRAKE_LIBEXECDIR);
}
END_TEST

START_TEST(one_thread)
{
	proc_assert_single_threaded();
}
END_TEST

static void *wait_for_ever(void *arg)
{
	pause();
	return arg;
}

START_TEST(two_threads)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, wait_for_ever, NULL), 0);
	/* the fixture's end will not run */
	ck_assert_int_eq(unlinkat(AT_FDCWD, tmp_path, AT_REMOVEDIR), 0);
	proc_assert_single_threaded();
}
END_TEST

TCase *base_proc(void)
{
	TCase *tc = tmp_case("proc");

	tcase_add_test(tc, exit_codes);
	tcase_add_test(tc, not_started);
	tcase_add_test(tc, clean_surroundings);
	tcase_add_test(tc, captured);
	tcase_add_test(tc, stderr_elsewhere);
	tcase_add_test(tc, start_times);
	tcase_add_test(tc, start_time_of_a_liar);
	tcase_add_test(tc, boot_id);
	tcase_add_test(tc, libexec_given);
	tcase_add_test(tc, libexec_built_in);
	tcase_add_test(tc, one_thread);
	tcase_add_test_raise_signal(tc, two_threads, SIGABRT);
	return tc;
}
