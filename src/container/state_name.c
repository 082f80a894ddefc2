#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "container/state_impl.h"
#include "store/lock.h"

#define NAME_MAX_LEN 128
#define NAMES_LOCK ".lock"
#define LOCK_TRIES 500 /* of 10 ms: the holder only looks at a link and removes it */

static const char *const adjectives[] = {
	"able",	    "amber",   "ample",	    "azure",   "bold",	  "brave",    "breezy", "bright",
	"brisk",    "calm",    "clear",	    "coastal", "deep",	  "distant",  "eager",	"early",
	"fair",	    "fast",    "firm",	    "fleet",   "foggy",	  "free",     "gentle", "golden",
	"grand",    "hardy",   "hearty",    "high",    "idle",	  "jolly",    "keen",	"kindly",
	"lively",   "lone",    "loyal",	    "lucky",   "merry",	  "mild",     "misty",	"noble",
	"northern", "patient", "polar",	    "proud",   "quiet",	  "rapid",    "ready",	"roving",
	"rugged",   "salty",   "seaworthy", "silent",  "silver",  "steady",   "stormy", "stout",
	"sunny",    "swift",   "tidal",	    "trim",    "upright", "watchful", "windy",	"young",
};

static const char *const nouns[] = {
	"anchor",  "barge",    "bark",	   "beacon",  "binnacle", "boom",     "bosun",	 "bow",
	"brig",	   "bulwark",  "buoy",	   "cable",   "canoe",	  "capstan",  "clipper", "cockle",
	"compass", "corvette", "coxswain", "current", "cutter",	  "davit",    "deck",	 "dinghy",
	"dory",	   "fathom",   "ferry",	   "frigate", "galleon",  "gangway",  "gunwale", "halyard",
	"harbour", "hatch",    "hawser",   "helm",    "hull",	  "jib",      "keel",	 "ketch",
	"knot",	   "launch",   "lighter",  "lugger",  "mast",	  "mizzen",   "oar",	 "packet",
	"pilot",   "plank",    "punt",	   "rigging", "rudder",	  "schooner", "sextant", "skiff",
	"sloop",   "spar",     "stern",	   "tiller",  "trawler",  "wherry",   "yacht",	 "yawl",
};

char *state_name_make(unsigned int random, unsigned int attempt)
{
	const char *adjective = adjectives[random % ARRAY_SIZE(adjectives)];
	const char *noun = nouns[(random >> 8) % ARRAY_SIZE(nouns)];

	if (attempt < 10)
		return xasprintf("%s_%s", adjective, noun);
	return xasprintf("%s_%s%u", adjective, noun, random >> 16);
}

bool state_name_is_valid(const char *name)
{
	static const char alnum[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	const size_t len = strlen(name);

	return len > 0 && len <= NAME_MAX_LEN && strspn(name, alnum) == len &&
	       !strchr("_.-", name[0]);
}

bool state_name_read(int containers, const char *name, char id[65])
{
	_cleanup_free_ char *path = NULL;
	char target[128];
	ssize_t n;

	if (!state_name_is_valid(name))
		return false;
	path = xasprintf(STATE_NAMES "/%s", name);
	n = readlinkat(containers, path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	if (!str_starts(target, "../") || !state_is_id(target + 3))
		return false;
	memcpy(id, target + 3, 65);
	return true;
}

/* Waits: lock_file() does not. */
static int lock_names(int names, struct err *err)
{
	const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
	struct err busy = ERR_INIT;
	int fd = -EAGAIN;

	for (int i = 0; i < LOCK_TRIES && fd == -EAGAIN; i++) {
		if (i > 0)
			nanosleep(&pause, NULL);
		fd = lock_file(names, NAMES_LOCK, O_CREAT, NULL, &busy);
	}
	if (fd < 0 && err)
		*err = busy;
	return fd;
}

int state_name_drop(int containers, const char *name, const char *id, struct err *err)
{
	_cleanup_fd_ int names =
		openat(containers, STATE_NAMES, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_fd_ int lock = -1;
	char now[65];

	if (names < 0)
		return errno == ENOENT ? 0
				       : err_sys(err, errno, "cannot open the containers' names");
	lock = lock_names(names, err);
	if (lock < 0)
		return err_prefix(err, "the containers' names");
	if (state_name_read(containers, name, now) && str_eq(now, id) &&
	    unlinkat(names, name, 0) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot remove the container's name '%s'", name);
	return 0;
}
