#include "container/plan.h"

#include <linux/mount.h>
#include <sys/mount.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"

/* Docker's lists (SPEC section 11); a path that does not exist is passed over. */
static const char *const masked_paths[] = {
	"/proc/acpi",
	"/proc/asound",
	"/proc/interrupts",
	"/proc/kcore",
	"/proc/keys",
	"/proc/latency_stats",
	"/proc/sched_debug",
	"/proc/scsi",
	"/proc/timer_list",
	"/proc/timer_stats",
	"/sys/devices/virtual/powercap",
	"/sys/firmware",
};

static const char *const readonly_paths[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

/* Files of /etc that describe where the container runs, not the image. */
static const char *const etc_files[] = {"resolv.conf", "hosts", "hostname"};

static bool user_mounts_on(const struct run_request *request, const char *target)
{
	for (size_t i = 0; i < request->n_mounts; i++) {
		if (str_eq(request->mounts[i].target, target))
			return true;
	}
	return false;
}

static void add_tmpfs(struct plan *p, const struct mount_request *m)
{
	struct op *op = plan_add(p, OP_TMPFS, NULL, m->target);

	op->flags = MS_NOSUID | MS_NODEV | (m->tmpfs_exec ? 0 : MS_NOEXEC) |
		    (m->readonly ? MS_RDONLY : 0);
	if (m->tmpfs_size)
		op->data = xasprintf("mode=%o,size=%llu", m->tmpfs_mode,
				     (unsigned long long)m->tmpfs_size);
	else
		op->data = xasprintf("mode=%o", m->tmpfs_mode);
}

static size_t depth(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += *path == '/' && path[1] != '\0';
	return n;
}

/* One mount of the user's, or an anonymous volume of the image (m NULL). */
struct wish {
	const struct mount_request *m;
	const char *target;
	size_t index;
};

static int wish_order(const void *a, const void *b)
{
	const struct wish *x = a, *y = b;
	size_t dx = depth(x->target), dy = depth(y->target);

	if (dx != dy)
		return dx < dy ? -1 : 1;
	return x->index < y->index ? -1 : 1;
}

static void add_wish(struct plan *p, const struct wish *wish, const char *dir)
{
	const struct mount_request *m = wish->m;

	if (!m) {
		_cleanup_free_ char *source = xasprintf("%s/volumes/%zu", dir, wish->index);

		plan_add(p, OP_VOLUME, source, wish->target)->flags =
			MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
	} else if (m->kind == MOUNT_TMPFS) {
		add_tmpfs(p, m);
	} else {
		struct op *op = plan_add(p, OP_BIND, m->source, m->target);

		op->flags = MOUNT_ATTR_NODEV | (m->readonly ? MOUNT_ATTR_RDONLY : 0);
		op->make_source = m->create_source;
	}
}

/* Shallow targets first, so that a mount never hides one below it; else in the order given. */
static void add_wishes(struct plan *p, const struct plan_input *in)
{
	const struct run_request *request = in->request;
	size_t n_volumes = strv_len(in->config->volumes), n = 0;
	_cleanup_free_ struct wish *wishes =
		xcalloc(n_volumes + request->n_mounts + 1, sizeof(*wishes));

	for (size_t i = 0; i < n_volumes; i++) {
		if (!user_mounts_on(request, in->config->volumes[i]))
			wishes[n++] = (struct wish){NULL, in->config->volumes[i], i};
	}
	for (size_t i = 0; i < request->n_mounts; i++)
		wishes[n++] = (struct wish){&request->mounts[i], request->mounts[i].target, i};
	qsort(wishes, n, sizeof(*wishes), wish_order);
	for (size_t i = 0; i < n; i++)
		add_wish(p, &wishes[i], in->dir);
}

/* Docker gives a read-only root no writable /tmp, podman does: programs expect one, and it cannot
 * reach the image. */
static void add_readonly_root_tmpfs(struct plan *p, const struct run_request *request)
{
	static const char *const targets[] = {"/run", "/tmp", "/var/tmp"};

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		struct op *op;

		if (user_mounts_on(request, targets[i]))
			continue;
		op = plan_add(p, OP_TMPFS, NULL, targets[i]);
		op->flags = MS_NOSUID | MS_NODEV;
		op->data = xstrdup(str_eq(targets[i], "/run") ? "mode=755" : "mode=1777");
	}
}

void plan_add_mounts(struct plan *p, const struct plan_input *in, const char *hostname)
{
	const struct run_request *request = in->request;

	plan_add(p, OP_PROC, NULL, "/proc");
	plan_add(p, OP_SYS, NULL, "/sys");
	plan_add(p, OP_DEV, NULL, "/dev");
	if (request->tty)
		plan_add(p, OP_CONSOLE, NULL, "/dev/console");

	for (size_t i = 0; i < ARRAY_SIZE(etc_files); i++) {
		_cleanup_free_ char *target = xasprintf("/etc/%s", etc_files[i]);

		if (!user_mounts_on(request, target))
			plan_add(p, OP_ETC_FILE, etc_files[i], target)->data = xstrdup(hostname);
	}
	if (request->readonly)
		add_readonly_root_tmpfs(p, request);
	add_wishes(p, in);

	for (size_t i = 0; i < ARRAY_SIZE(masked_paths); i++)
		plan_add(p, OP_MASK, NULL, masked_paths[i]);
	for (size_t i = 0; i < ARRAY_SIZE(readonly_paths); i++)
		plan_add(p, OP_READONLY, NULL, readonly_paths[i]);
}
