#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "ns/diagnose.h"
#include "ns/helper.h"
#include "ns/idmap.h"

/* A line of a helper's complaint is enough for a message. */
#define COMPLAINT_MAX 256

static int write_proc(pid_t pid, const char *file, const char *text, size_t len, struct err *err)
{
	_cleanup_fd_ int fd = -1;
	char path[64];
	int code;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "cannot open '%s' to map ids", path);
	if (write(fd, text, len) == (ssize_t)len)
		return 0;
	code = errno;
	err_sys(err, code, "cannot write '%s'", path);
	return diagnose_userns(code, err);
}

static int write_maps(const struct identity *id, pid_t pid, bool deny_setgroups, struct err *err)
{
	char text[IDMAP_TEXT_MAX];
	size_t len;
	int r;

	/* Without CAP_SETGID the kernel takes a gid map only from whoever gave up setgroups(2)
	 * first. */
	if (deny_setgroups) {
		r = write_proc(pid, "setgroups", "deny", 4, err);
		if (r < 0)
			return r;
	}
	len = idmap_text(&id->uids, text);
	r = write_proc(pid, "uid_map", text, len, err);
	if (r < 0)
		return r;
	len = idmap_text(&id->gids, text);
	return write_proc(pid, "gid_map", text, len, err);
}

/* Starts "newuidmap PID inside outside count ...", its complaints going to complaint_fd. */
static int spawn_helper(const char *name, const struct idmap *map, pid_t pid, int complaint_fd,
			pid_t *ret_pid, struct err *err)
{
	char path[HELPER_PATH_MAX];
	char numbers[1 + IDMAP_MAX * 3][12];
	char *argv[2 + ARRAY_SIZE(numbers) + 1];
	size_t n = 0;
	int r;

	r = helper_find(name, path, err);
	if (r < 0)
		return r;
	snprintf(numbers[n++], sizeof(numbers[0]), "%d", (int)pid);
	for (size_t i = 0; i < map->n; i++) {
		snprintf(numbers[n++], sizeof(numbers[0]), "%" PRIu32, map->ranges[i].inside);
		snprintf(numbers[n++], sizeof(numbers[0]), "%" PRIu32, map->ranges[i].outside);
		snprintf(numbers[n++], sizeof(numbers[0]), "%" PRIu32, map->ranges[i].count);
	}
	argv[0] = path;
	for (size_t i = 0; i < n; i++)
		argv[1 + i] = numbers[i];
	argv[1 + n] = NULL;

	return proc_spawn_stderr(argv, complaint_fd, ret_pid, err);
}

static int wait_helper(const char *name, pid_t helper, int complaint_fd, struct err *err)
{
	char text[COMPLAINT_MAX + 1];
	ssize_t n;
	const int status = proc_wait(helper);

	if (status == 0)
		return 0;
	if (status < 0)
		return err_sys(err, -status, "cannot wait for %s", name);
	n = pread(complaint_fd, text, COMPLAINT_MAX, 0);
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (text[0] != '\0')
		return err_set(err, EPERM, "%s failed: %s", name, text);
	return err_set(err, EPERM, "%s failed with status %d", name, status);
}

/* The two run at the same time: each takes about a millisecond, most of it to start. */
static int run_helpers(const struct identity *id, pid_t pid, struct err *err)
{
	_cleanup_fd_ int uid_fd = memfd_create("newuidmap", MFD_CLOEXEC);
	_cleanup_fd_ int gid_fd = memfd_create("newgidmap", MFD_CLOEXEC);
	pid_t uid_helper, gid_helper;
	int r, s;

	if (uid_fd < 0 || gid_fd < 0)
		return err_sys(err, errno, "cannot make a memory file");
	r = spawn_helper("newuidmap", &id->uids, pid, uid_fd, &uid_helper, err);
	if (r < 0)
		return r;
	s = spawn_helper("newgidmap", &id->gids, pid, gid_fd, &gid_helper, err);
	r = wait_helper("newuidmap", uid_helper, uid_fd, s < 0 ? NULL : err);
	if (s < 0)
		return s;
	s = wait_helper("newgidmap", gid_helper, gid_fd, r < 0 ? NULL : err);
	return r < 0 ? r : s;
}

int identity_apply(const struct identity *id, pid_t pid, struct err *err)
{
	const bool direct = identity_writes_maps();

	if (id->range && !direct)
		return run_helpers(id, pid, err);
	return write_maps(id, pid, !direct, err);
}
