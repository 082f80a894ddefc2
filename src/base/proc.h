/* proc: child programs (newuidmap, libexec programs) and waiting for them. */
#ifndef STRAKE_BASE_PROC_H
#define STRAKE_BASE_PROC_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* Starts argv[0] (searched in PATH unless it has a slash) with stdin from /dev/null and stdout and
 * stderr inherited; the signal mask is emptied and default dispositions restored in the child. A
 * program that cannot be started is an error here (reported through a CLOEXEC pipe), not an exit
 * code. Uses vfork semantics: cheap in a large process. *ret_pid is to be waited for. */
int proc_spawn(char *const argv[], pid_t *ret_pid, struct err *err);

/* As proc_spawn(), with stderr going to that descriptor. */
int proc_spawn_stderr(char *const argv[], int stderr_fd, pid_t *ret_pid, struct err *err);

/* As proc_spawn(), then waits. Returns the exit code (128 + n for a signal) or -errno. With
 * `capture` non-NULL the program's stderr, at most 4 KiB, is kept there (malloced) instead of
 * shown. */
int proc_run(char *const argv[], char **capture, struct err *err);

/* waitpid through EINTR. Returns the exit code, 128 + n for a signal, or -errno. */
int proc_wait(pid_t pid);

/* Asserts one thread (the Threads line of /proc/self/status, when readable): before every clone. */
void proc_assert_single_threaded(void);

/* The start time of a process in clock ticks since boot (field 22 of /proc/PID/stat), to tell a pid
 * from its reuse. Returns 0 or -errno. */
int proc_start_time(pid_t pid, unsigned long long *ret);

/* The boot id (36 characters and NUL), or "" when /proc does not show it. */
void proc_boot_id(char out[37]);

/* The directory of our helper programs: $STRAKE_LIBEXEC, else the build's libexecdir/strake;
 * resolved once, valid for the life of the process. */
const char *proc_libexec(void);

#endif
