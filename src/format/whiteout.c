#include "format/whiteout.h"

#include <string.h>
#include <sys/sysmacros.h>

#include "base/mem.h"

enum whiteout_kind whiteout_kind(const char *name, const char **ret_target)
{
	const size_t prefix = sizeof(WHITEOUT_PREFIX) - 1;
	const char *target;

	if (ret_target)
		*ret_target = NULL;
	if (strncmp(name, WHITEOUT_PREFIX, prefix) != 0)
		return WHITEOUT_NONE;
	if (strcmp(name, WHITEOUT_OPAQUE) == 0)
		return WHITEOUT_DIR_OPAQUE;
	target = name + prefix;
	if (strncmp(target, WHITEOUT_PREFIX, prefix) == 0)
		return WHITEOUT_IGNORED;
	if (strcmp(target, "") == 0 || strcmp(target, ".") == 0 || strcmp(target, "..") == 0 ||
	    strchr(target, '/'))
		return WHITEOUT_INVALID;
	if (ret_target)
		*ret_target = target;
	return WHITEOUT_FILE;
}

static bool has_prefix(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

bool whiteout_is_device(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

bool xattr_is_reserved(const char *name)
{
	static const char *const prefixes[] = {
		"user.overlay.",
		"user.fuseoverlayfs.",
		"user.containers.",
		"trusted.",
	};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (has_prefix(name, prefixes[i]))
			return true;
	return has_prefix(name, "security.") && strcmp(name, "security.capability") != 0;
}

bool xattr_is_settable(const char *name)
{
	return has_prefix(name, "user.") && name[sizeof("user.") - 1] != '\0' &&
	       !xattr_is_reserved(name);
}
