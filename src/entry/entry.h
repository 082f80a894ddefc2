/* entry: the program between strake and the container's command.
 *
 * Theory of operation: the process that sets a container up is strake's own program, and between
 * its last step and the command's start /proc/PID/exe names it. An image whose command is
 * /proc/self/exe, or a script with "#!/proc/self/exe", or a library it preloads would get hold of
 * the host's file (CVE-2019-5736). So strake becomes this program first, from a sealed memory file
 * or a read-only clone of the mount, and this program executes the command. It is static and has no
 * C library where it can do without, because it starts in every container: nothing is linked,
 * mapped or initialised, no LD_PRELOAD is heard.
 *
 *	argv[0]		"strake-entry"
 *	argv[1]		a descriptor, decimal: the pipe for a struct err (base/err.h), closed when
 * the command runs argv[2]		the path to execute argv[3] ...	the command's argv; the
 * environment is passed on
 *
 * When the command cannot be executed the reason goes into the pipe as one struct err, and the exit
 * status is 127 (there is no such file) or 126 (it cannot be executed).
 */
#ifndef STRAKE_ENTRY_ENTRY_H
#define STRAKE_ENTRY_ENTRY_H

#include <stddef.h>

/* Static, and so never on the stack: a buffer there would bring in the stack protector, which needs
 * a C library. */
struct entry_text {
	char *at;  /* where the next character goes */
	char *end; /* of the room, the NUL's place excluded */
};

void entry_add(struct entry_text *t, const char *s);
void entry_add_number(struct entry_text *t, long v);

/* Adds why the kernel refused to execute the file at path with that errno, as far as looking at the
 * file tells. Returns the exit status that goes with it. */
int entry_explain(struct entry_text *t, const char *path, int code);

_Noreturn void entry_main(int argc, char **argv, char **envp);

#endif
