#include "container/plan.h"

#include <linux/mount.h>
#include <sys/mount.h>

#include "base/log.h"
#include "base/mem.h"

static const char *const op_names[OP_KINDS] = {
	[OP_ROOTFS] = "rootfs",
	[OP_PROC] = "proc",
	[OP_SYS] = "sys",
	[OP_DEV] = "dev",
	[OP_CONSOLE] = "console",
	[OP_BIND] = "bind",
	[OP_ETC_FILE] = "etc-file",
	[OP_TMPFS] = "tmpfs",
	[OP_VOLUME] = "volume",
	[OP_MASK] = "mask",
	[OP_READONLY] = "read-only",
	[OP_ROOT_READONLY] = "root-read-only",
	[OP_PIVOT] = "pivot",
	[OP_HOSTNAME] = "hostname",
	[OP_WORKDIR] = "workdir",
	[OP_USER] = "user",
	[OP_CAPS] = "capabilities",
	[OP_NO_NEW_PRIVS] = "no-new-privileges",
	[OP_EXEC] = "exec",
};

static void print_word(FILE *out, const char *text)
{
	_cleanup_free_ char *shown = log_printable(text);

	fprintf(out, " %s", *shown ? shown : "\"\"");
}

static void print_words(FILE *out, char *const *words)
{
	for (; words && *words; words++)
		print_word(out, *words);
}

static void print_map(FILE *out, const char *what, const struct idmap *map)
{
	fprintf(out, "%s", what);
	for (size_t i = 0; i < map->n; i++)
		fprintf(out, " %u:%u:%u", map->ranges[i].inside, map->ranges[i].outside,
			map->ranges[i].count);
	putc('\n', out);
}

static void print_op(FILE *out, const struct plan *p, const struct op *op)
{
	fprintf(out, "%s", op_names[op->kind]);
	if (op->kind == OP_ROOTFS) {
		fprintf(out, " %s", overlay_mode_name(p->rootfs.mode));
		print_word(out, p->rootfs.dir);
		if (p->rootfs.mountpoints)
			print_word(out, p->rootfs.mountpoints);
		print_words(out, p->rootfs.layers);
	}
	if (op->source)
		print_word(out, op->source);
	if (op->target)
		print_word(out, op->target);
	if (op->kind == OP_BIND && op->flags & MOUNT_ATTR_RDONLY)
		fputs(" ro", out);
	if (op->kind == OP_TMPFS && op->flags & MS_RDONLY)
		fputs(" ro", out);
	if (op->data)
		print_word(out, op->data);
	if (op->kind == OP_CAPS)
		fprintf(out, " %016llx", (unsigned long long)op->caps);
	if (op->kind == OP_EXEC)
		print_words(out, p->argv);
	putc('\n', out);
}

void plan_print(const struct plan *p, FILE *out)
{
	fprintf(out, "identity %s%s\n", p->identity.range ? "range" : "single",
		p->identity.keep_id ? " keep-id" : "");
	print_map(out, "uids", &p->identity.uids);
	print_map(out, "gids", &p->identity.gids);
	for (char **e = p->env; e && *e; e++) {
		fputs("env", out);
		print_word(out, *e);
		putc('\n', out);
	}
	for (size_t i = 0; i < p->n_ops; i++)
		print_op(out, p, &p->ops[i]);
}
