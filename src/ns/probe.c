#include "ns/probe_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/root_open.h"
#include "base/xattr.h"
#include "ns/enter.h"
#include "ns/mount.h"

void probe_works(struct probe_result *ret, const char *fmt, ...)
{
	va_list ap;

	*ret = (struct probe_result){.status = PROBE_OK};
	va_start(ap, fmt);
	vsnprintf(ret->detail, sizeof(ret->detail), fmt, ap);
	va_end(ap);
}

void probe_fails(struct probe_result *ret, enum probe_status status, const struct err *err,
		 const char *otherwise)
{
	const char *hint = strstr(err->msg, "; ");
	const size_t len = hint ? (size_t)(hint - err->msg) : strlen(err->msg);

	*ret = (struct probe_result){.status = status};
	snprintf(ret->detail, sizeof(ret->detail), "%.*s",
		 (int)(len < sizeof(ret->detail) ? len : sizeof(ret->detail) - 1), err->msg);
	snprintf(ret->remedy, sizeof(ret->remedy), "%.*s", (int)sizeof(ret->remedy) - 1,
		 hint ? hint + 2 : otherwise);
}

void probe_name(char out[PROBE_NAME_MAX])
{
	uint64_t random = 0;

	if (getrandom(&random, sizeof(random), 0) < 0)
		random = (uint64_t)getpid();
	snprintf(out, PROBE_NAME_MAX, ".probe-%016" PRIx64, random);
}

int probe_single(struct identity *id, struct err *err)
{
	return identity_choose(USERNS_SINGLE, id, err);
}

/* AppArmor on Ubuntu grants the namespace and then no capability in it: only a mount shows. */
static int try_mount(void *ctx, struct err *err)
{
	(void)ctx;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(err, errno,
			       "a user namespace gives no right to mount; an AppArmor or SELinux "
			       "policy restricts it; as root: sysctl -w "
			       "kernel.apparmor_restrict_unprivileged_userns=0");
	return 0;
}

void probe_user_namespace(struct probe_result *ret)
{
	struct err err = ERR_INIT;
	struct identity id;

	if (probe_single(&id, &err) == 0 && ns_run(&id, CLONE_NEWNS, try_mount, NULL, &err) == 0)
		probe_works(ret, "user and mount namespaces work");
	else
		probe_fails(ret, PROBE_FAIL, &err,
			    "ask the administrator to allow unprivileged user namespaces");
}

static uint64_t count_ids(const struct idmap *map)
{
	uint64_t n = 0;

	for (size_t i = 0; i < map->n; i++)
		n += map->ranges[i].count;
	return n;
}

/* The last id of the map is one that only the administrator's range can have given. */
static int try_last_id(void *ctx, struct err *err)
{
	const struct identity *id = ctx;
	const struct idmap_range *last = &id->uids.ranges[id->uids.n - 1];

	if (setresuid(last->inside + last->count - 1, last->inside + last->count - 1,
		      last->inside + last->count - 1) < 0)
		return err_sys(err, errno, "cannot become id %" PRIu32 " of the range",
			       last->inside + last->count - 1);
	return 0;
}

void probe_id_range(struct probe_result *ret)
{
	struct err err = ERR_INIT;
	struct identity id;

	if (identity_choose(USERNS_RANGE, &id, &err) == 0 &&
	    ns_run(&id, 0, try_last_id, &id, &err) == 0)
		probe_works(ret, "%" PRIu64 " user ids and %" PRIu64 " group ids",
			    count_ids(&id.uids), count_ids(&id.gids));
	else
		probe_fails(ret, PROBE_WARN, &err,
			    "ask the administrator for a range in /etc/subuid and /etc/subgid");
}

static int open_below(const char *dir, const char *name, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);
	const int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? err_sys(err, errno, "cannot open '%s'", path) : fd;
}

/* Copy-up and a whiteout, since file systems are refused there too. */
static int use_overlay(int merged, struct err *err)
{
	_cleanup_fd_ int fd = openat(merged, "lower-file", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno, "cannot write a lower file in an overlay");
	if (unlinkat(merged, "lower-file", 0) < 0)
		return err_sys(err, errno, "cannot remove a lower file in an overlay");
	return 0;
}

static int try_overlay(void *ctx, struct err *err)
{
	const char *path = ctx;
	_cleanup_fd_ int lower = -1;
	_cleanup_fd_ int upper = -1;
	_cleanup_fd_ int work = -1;
	_cleanup_fd_ int target = -1;
	_cleanup_fd_ int merged = -1;
	int r;

	/* An overlay takes layers of its own mount namespace only: opened by path, here. */
	if ((lower = open_below(path, "lower", err)) < 0)
		return lower;
	if ((upper = open_below(path, "upper", err)) < 0)
		return upper;
	if ((work = open_below(path, "work", err)) < 0)
		return work;
	if ((target = open_below(path, "merged", err)) < 0)
		return target;
	r = mount_overlay(target, path, &lower, 1, upper, work, NULL, err);
	if (r < 0)
		return r;
	merged = open_below(path, "merged", err);
	return merged < 0 ? merged : use_overlay(merged, err);
}

static int make_overlay_dirs(int dirfd, const char *name, struct err *err)
{
	static const char *const dirs[] = {"lower", "upper", "work", "merged"};
	_cleanup_fd_ int dir = -1;
	_cleanup_fd_ int file = -1;

	if (mkdirat(dirfd, name, 0700) < 0)
		return err_sys(err, errno, "cannot make a directory");
	dir = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, errno, "cannot open a directory");
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		if (mkdirat(dir, dirs[i], 0755) < 0)
			return err_sys(err, errno, "cannot make a directory");
	}
	file = openat(dir, "lower/lower-file", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	return file < 0 ? err_sys(err, errno, "cannot make a file") : 0;
}

void probe_kernel_overlay(int dirfd, const char *path, struct probe_result *ret)
{
	_cleanup_free_ char *place = NULL;
	struct err err = ERR_INIT, ignored = ERR_INIT;
	struct identity id;
	char name[PROBE_NAME_MAX];
	int r;

	probe_name(name);
	place = xasprintf("%s/%s", path, name);
	r = make_overlay_dirs(dirfd, name, &err);
	if (r == 0)
		r = probe_single(&id, &err);
	if (r == 0)
		r = ns_run(&id, CLONE_NEWNS, try_overlay, place, &err);
	if (r == 0)
		probe_works(ret, "the kernel's overlay works on '%s'", path);
	else
		probe_fails(
			ret, PROBE_WARN, &err,
			"containers work with --overlay=copy; for faster starts put the store on a "
			"local file "
			"system (STRAKE_STORE=DIR)");
	fd_remove_tree(dirfd, name, &ignored);
}

static int try_user_xattr(int dirfd, const char *name, struct err *err)
{
	static const char attribute[] = "user.strake.probe";
	_cleanup_fd_ int fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	char value[8];
	ssize_t n;
	int r;

	if (fd < 0)
		return err_sys(err, errno, "cannot make a file");
	r = xattr_set(fd, attribute, "works", 5);
	if (r < 0)
		return err_sys(err, -r, "cannot set a user xattr");
	n = xattr_get(fd, attribute, value, sizeof(value));
	if (n != 5 || memcmp(value, "works", 5) != 0)
		return err_set(err, EIO, "a user xattr does not read as it was set");
	r = xattr_remove(fd, attribute);
	return r < 0 ? err_sys(err, -r, "cannot remove a user xattr") : 0;
}

void probe_user_xattr(int dirfd, const char *path, struct probe_result *ret)
{
	struct err err = ERR_INIT;
	char name[PROBE_NAME_MAX];

	probe_name(name);
	if (try_user_xattr(dirfd, name, &err) == 0) {
		probe_works(ret, "user xattrs work on '%s'", path);
	} else {
		err_prefix(&err, "'%s'", path);
		probe_fails(ret, PROBE_WARN, &err,
			    "put the store on a file system with user xattrs: ext4, xfs, btrfs, or "
			    "tmpfs "
			    "since Linux "
			    "6.6 (STRAKE_STORE=DIR)");
	}
	unlinkat(dirfd, name, 0);
}

void probe_whiteout(int dirfd, const char *path, struct probe_result *ret)
{
	struct err err = ERR_INIT;
	char name[PROBE_NAME_MAX];

	probe_name(name);
	if (mknodat(dirfd, name, S_IFCHR, makedev(0, 0)) == 0) {
		probe_works(ret, "whiteouts (character device 0:0) can be made on '%s'", path);
	} else {
		err_sys(&err, errno, "cannot make a whiteout (character device 0:0) on '%s'", path);
		probe_fails(ret, PROBE_WARN, &err,
			    "layers that remove files are copied then (--overlay=copy); put the "
			    "store on "
			    "a local file "
			    "system, with Linux 5.8 or later");
	}
	unlinkat(dirfd, name, 0);
}

static int try_proc(void *ctx, struct err *err)
{
	(void)ctx;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(err, errno, "cannot cut mount propagation");
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return err_sys(err, errno, "a new /proc is refused");
	return 0;
}

void probe_proc(struct probe_result *ret)
{
	struct err err = ERR_INIT;
	struct identity id;

	if (probe_single(&id, &err) == 0 &&
	    ns_run(&id, CLONE_NEWNS | CLONE_NEWPID, try_proc, NULL, &err) == 0)
		probe_works(ret, "a container gets its own /proc");
	else
		probe_fails(
			ret, PROBE_WARN, &err,
			"parts of this /proc are masked: strake runs inside a container; start "
			"that "
			"one with "
			"--security-opt systempaths=unconfined (docker) or unmask=ALL (podman)");
}

void probe_openat2(struct probe_result *ret)
{
	const struct err err = {.code = ENOSYS,
				.msg = "openat2 is not there: paths are walked in steps"};

	if (root_open_has_openat2())
		probe_works(ret, "openat2 works");
	else
		probe_fails(ret, PROBE_WARN, &err,
			    "nothing needs to be done; Linux 5.6 has it, some seccomp filters "
			    "of containers hide it");
}
