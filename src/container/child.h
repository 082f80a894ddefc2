/* child: the container's first process, from clone to exec. It carries out the plan. */
#ifndef STRAKE_CONTAINER_CHILD_H
#define STRAKE_CONTAINER_CHILD_H

#include "base/err.h"
#include "container/plan.h"

/* What an operation works on. */
struct child {
	const struct plan *plan;
	int root_fd;	/* O_PATH: the new root; after OP_PIVOT it is "/" */
	int socket;	/* to the parent: "go" comes in, the terminal's master goes out */
	int error_fd;	/* one struct err, or end of file when the command runs */
	int entry_fd;	/* the sealed strake-entry; -1 until the child has cloned one */
	int private_fd; /* a tmpfs no path leads to, for files made at the start */
	char **env;	/* the plan's, with HOME added once the user is known (owned) */
	bool root_user; /* the command runs with id 0 */
};

/* Runs in the cloned process; returns only through exec or _exit. */
void child_main(const struct plan *plan, int socket, int error_fd, int entry_fd)
	__attribute__((noreturn));

/* Operations, by file: op_mount.c, op_dev.c, op_process.c. */
int op_rootfs(struct child *c, const struct op *op, struct err *err);
int op_proc(struct child *c, const struct op *op, struct err *err);
int op_sys(struct child *c, const struct op *op, struct err *err);
int op_dev(struct child *c, const struct op *op, struct err *err);
int op_console(struct child *c, const struct op *op, struct err *err);
int op_bind(struct child *c, const struct op *op, struct err *err);
int op_etc_file(struct child *c, const struct op *op, struct err *err);
int op_tmpfs(struct child *c, const struct op *op, struct err *err);
int op_volume(struct child *c, const struct op *op, struct err *err);
int op_mask(struct child *c, const struct op *op, struct err *err);
int op_readonly(struct child *c, const struct op *op, struct err *err);
int op_root_readonly(struct child *c, const struct op *op, struct err *err);
int op_pivot(struct child *c, const struct op *op, struct err *err);
int op_hostname(struct child *c, const struct op *op, struct err *err);
int op_workdir(struct child *c, const struct op *op, struct err *err);
int op_user(struct child *c, const struct op *op, struct err *err);
int op_caps(struct child *c, const struct op *op, struct err *err);
int op_no_new_privs(struct child *c, const struct op *op, struct err *err);
int op_exec(struct child *c, const struct op *op, struct err *err);

#endif
