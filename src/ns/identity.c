#include "ns/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "ns/helper.h"
#include "ns/idmap.h"

#define SUBORDINATE_MAX 65536

static const struct {
	const char *word;
	enum userns_mode mode;
} modes[] = {
	{"auto", USERNS_AUTO},
	{"range", USERNS_RANGE},
	{"single", USERNS_SINGLE},
	{"keep-id", USERNS_KEEP_ID},
};

int userns_mode_parse(const char *text, enum userns_mode *ret, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		if (str_eq(text, modes[i].word)) {
			*ret = modes[i].mode;
			return 0;
		}
	}
	return err_set(err, EINVAL,
		       "unknown user namespace mode '%s': it is auto, range, single or keep-id",
		       text);
}

/* The whole of a file of the system's; follows links, unlike fd_read_file(): some systems link
 * /etc/subuid. A missing file reads as empty. */
static int read_text(const char *path, char **ret, struct err *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 && errno == ENOENT) {
		*ret = xstrdup("");
		return 0;
	}
	if (fd < 0)
		return err_sys(err, errno, "cannot read '%s'", path);
	if (fd_slurp(fd, LIMIT_SUBID_FILE_SIZE, ret, NULL, err) < 0)
		return err_prefix(err, "%s", path);
	return 0;
}

/* The caller's login name, or its number where it has none. */
static void user_name(uid_t uid, char *out, size_t size)
{
	const struct passwd *pw = getpwuid(uid);

	if (pw && pw->pw_name[0] != '\0')
		snprintf(out, size, "%s", pw->pw_name);
	else
		snprintf(out, size, "%" PRIu32, (uint32_t)uid);
}

static int no_range(const char *file, const char *user, const char *uids, const char *gids,
		    struct err *err)
{
	uint32_t first = subid_next_free(uids);
	const uint32_t first_gid = subid_next_free(gids);

	if (first_gid == 0 || first_gid > first)
		first = first_gid;
	err_set(err, ENOENT, "%s gives '%s' no subordinate ids", file, user);
	if (first == 0)
		return err_hint(err, "ask the administrator for a range (see subuid(5))");
	return err_hint(err,
			"as root: usermod --add-subuids %" PRIu32 "-%" PRIu32
			" --add-subgids %" PRIu32 "-%" PRIu32 " %s",
			first, first + 65535, first, first + 65535, user);
}

/* Fills the maps from the two files. The own id goes in first, so that no range overlaps it. */
static int read_ranges(struct identity *id, struct err *err)
{
	_cleanup_free_ char *uids = NULL;
	_cleanup_free_ char *gids = NULL;
	char user[256];
	int r;

	r = read_text("/etc/subuid", &uids, err);
	if (r < 0)
		return r;
	r = read_text("/etc/subgid", &gids, err);
	if (r < 0)
		return r;
	user_name(id->uid, user, sizeof(user));
	idmap_one(&id->uids, 0, id->uid);
	idmap_one(&id->gids, 0, id->gid);
	if (subid_parse(uids, user, id->uid, 1, SUBORDINATE_MAX, &id->uids) == 0)
		return no_range("/etc/subuid", user, uids, gids, err);
	if (subid_parse(gids, user, id->uid, 1, SUBORDINATE_MAX, &id->gids) == 0)
		return no_range("/etc/subgid", user, uids, gids, err);
	return 0;
}

/* In a container /etc/subuid may name ids that this user namespace does not have. */
static int check_mapped(const struct idmap *map, const char *file, const char *source,
			struct err *err)
{
	_cleanup_free_ char *text = NULL;
	int r = read_text(file, &text, err);

	if (r < 0)
		return r;
	if (text[0] != '\0' && !idmap_within(map, text))
		return err_set(err, EPERM,
			       "the ids of %s are not mapped in this user namespace (%s)", source,
			       file);
	return 0;
}

static int choose_range(struct identity *id, struct err *err)
{
	char path[HELPER_PATH_MAX];
	int r;

	r = read_ranges(id, err);
	if (r < 0)
		return r;
	r = check_mapped(&id->uids, "/proc/self/uid_map", "/etc/subuid", err);
	if (r < 0)
		return r;
	r = check_mapped(&id->gids, "/proc/self/gid_map", "/etc/subgid", err);
	if (r < 0)
		return r;
	if (!identity_writes_maps()) {
		r = helper_find("newuidmap", path, err);
		if (r < 0)
			return r;
		r = helper_find("newgidmap", path, err);
		if (r < 0)
			return r;
	}
	if (id->keep_id) {
		idmap_keep_own(&id->uids);
		idmap_keep_own(&id->gids);
	}
	id->range = true;
	return 0;
}

int identity_choose(enum userns_mode mode, struct identity *ret, struct err *err)
{
	struct err reason = ERR_INIT;
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->uid = geteuid();
	ret->gid = getegid();
	ret->keep_id = mode == USERNS_KEEP_ID;
	if (mode != USERNS_SINGLE) {
		r = choose_range(ret, &reason);
		if (r == 0)
			return 0;
		if (mode == USERNS_RANGE) {
			if (err)
				*err = reason;
			return err_prefix(err, "a range of ids cannot be had");
		}
		snprintf(ret->why, sizeof(ret->why), "%.*s", (int)sizeof(ret->why) - 1, reason.msg);
	}
	idmap_one(&ret->uids, ret->keep_id ? ret->uid : 0, ret->uid);
	idmap_one(&ret->gids, ret->keep_id ? ret->gid : 0, ret->gid);
	return 0;
}
