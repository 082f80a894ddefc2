#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "container/state_impl.h"
#include "store/lock.h"

#define NAME_MAX_LEN 128
#define LINK_TRIES 10

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

/* Four hex digits as a number. */
static unsigned int digits(const char *hex)
{
	char text[5] = {hex[0], hex[1], hex[2], hex[3], '\0'};

	return (unsigned int)strtoul(text, NULL, 16);
}

char *state_name_make(const char *id)
{
	return xasprintf("%s_%s_%.6s", adjectives[digits(id + 6) % ARRAY_SIZE(adjectives)],
			 nouns[digits(id + 10) % ARRAY_SIZE(nouns)], id);
}

bool state_name_is_generated(const char *name, char prefix[7])
{
	const char *last = strrchr(name, '_');

	if (!last || strspn(last + 1, "0123456789abcdef") != 6 || last[7] != '\0')
		return false;
	memcpy(prefix, last + 1, 7);
	return true;
}

bool state_name_is_valid(const char *name)
{
	static const char alnum[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	const size_t len = strlen(name);

	return len > 0 && len <= NAME_MAX_LEN && strspn(name, alnum) == len &&
	       !strchr("_.-", name[0]);
}

int state_name_link(struct store *s, const char *name, const char *id, struct err *err)
{
	_cleanup_free_ char *path = xasprintf(STATE_NAMES "/%s", name);
	_cleanup_free_ char *target = xasprintf("../%s", id);

	/* Again and again: another process may take the empty directory away between the two calls.
	 */
	for (int i = 0; i < LINK_TRIES; i++) {
		if (symlinkat(target, s->containers, path) == 0)
			return 0;
		if (errno == EEXIST)
			return -EEXIST;
		if (errno != ENOENT)
			break;
		if (mkdirat(s->containers, STATE_NAMES, 0700) < 0 && errno != EEXIST)
			break;
	}
	return err_sys(err, errno, "cannot reserve the name '%s'", name);
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

int state_name_drop(struct store *s, const char *name, const char *id, struct err *err)
{
	_cleanup_free_ char *path = xasprintf(STATE_NAMES "/%s", name);
	_cleanup_fd_ int lock = lock_store(s, LOCK_NAMES, true, true, err);
	char now[65];

	if (lock < 0)
		return lock;
	if (state_name_read(s->containers, name, now) && str_eq(now, id) &&
	    unlinkat(s->containers, path, 0) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot remove the container's name '%s'", name);
	/* The last one takes the directory along; state_name_link() makes it again. */
	unlinkat(s->containers, STATE_NAMES, AT_REMOVEDIR);
	return 0;
}
