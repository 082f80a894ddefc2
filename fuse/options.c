#include "fuse/options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/override_stat.h"

const char options_usage[] =
	"usage: strake-overlayfs [-f] [-d] -o "
	"lowerdir=DIR[:DIR...][,upperdir=DIR,workdir=DIR][,OPTION...] MOUNTPOINT\n"
	"       strake-overlayfs --check [--flatten] [-n] -o "
	"lowerdir=DIR[:DIR...],upperdir=DIR,workdir=DIR\n"
	"\n"
	"Mounts directories laid over one another as one file system. See strake-overlayfs(1).\n"
	"\n"
	"  -f           serve in the foreground\n"
	"  -d           log each message with its time to stderr (and -f)\n"
	"  -o OPTIONS   may be given several times\n"
	"  --check      look an upper directory over, which is not mounted, and clean it up\n"
	"  --flatten    with --check: take away what only overlays with redirects and "
	"metadata-only copies read\n"
	"  -n           with --check: only say what would be done\n"
	"  -V, --version\n"
	"  -h, --help\n";

enum { OPTIONS_MAX = 16 << 20 };

struct parser {
	struct options *o;
	struct err *err;
};

/* Keeps a malloced string until options_release(). NULL without memory. */
static char *keep(struct options *o, char *text)
{
	char **more = text ? reallocarray(o->texts, o->n_texts + 1, sizeof(*more)) : NULL;

	if (!more) {
		free(text);
		return NULL;
	}
	o->texts = more;
	o->texts[o->n_texts++] = text;
	return text;
}

void options_release(struct options *o)
{
	for (unsigned int i = 0; i < o->n_texts; i++)
		free(o->texts[i]);
	free(o->texts);
	free(o->overlay.lower);
	free(o->overlay.owner.uid.range);
	free(o->overlay.owner.gid.range);
}

/* A copy without the backslashes that escape. */
static char *unescape(const char *text, size_t len)
{
	char *out = malloc(len + 1), *at = out;

	if (!out)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\\' && i + 1 < len)
			i++;
		*at++ = text[i];
	}
	*at = '\0';
	return out;
}

/* The length up to an unescaped `end`. */
static size_t span(const char *text, char end)
{
	size_t i = 0;

	while (text[i] && text[i] != end)
		i += text[i] == '\\' && text[i + 1] ? 2 : 1;
	return i;
}

static int set_lower(struct parser *p, const char *text)
{
	struct overlay_config *c = &p->o->overlay;

	for (;;) {
		size_t n = span(text, ':');
		char **more = reallocarray(c->lower, c->n_lower + 1, sizeof(*more));

		if (!more)
			return err_set(p->err, ENOMEM, "out of memory");
		c->lower = more;
		if (!n)
			return err_set(p->err, EINVAL, "an empty name in 'lowerdir'");
		c->lower[c->n_lower] = keep(p->o, unescape(text, n));
		if (!c->lower[c->n_lower++])
			return err_set(p->err, ENOMEM, "out of memory");
		text += n;
		if (!*text)
			return 0;
		text++;
	}
}

static int set_path(struct parser *p, const char **ret, const char *text)
{
	*ret = keep(p->o, unescape(text, strlen(text)));
	return *ret ? 0 : err_set(p->err, ENOMEM, "out of memory");
}

static int set_bool(struct parser *p, const char *key, const char *text, bool *ret)
{
	if (!text || str_eq(text, "1") || str_eq(text, "on") || str_eq(text, "yes"))
		*ret = true;
	else if (str_eq(text, "0") || str_eq(text, "off") || str_eq(text, "no") ||
		 str_eq(text, "nofollow"))
		*ret = false;
	else
		return err_set(p->err, EINVAL, "option '%s' is on or off, not '%s'", key, text);
	return 0;
}

static int set_number(struct parser *p, const char *key, const char *text, uint64_t max,
		      uint64_t *ret)
{
	if (!text || str_to_u64(text, max, ret) < 0)
		return err_set(p->err, EINVAL, "option '%s' wants a number, not '%s'", key,
			       text ? text : "");
	return 0;
}

static int set_map(struct parser *p, const char *key, const char *text, struct id_map *ret)
{
	free(ret->range);
	*ret = (struct id_map){0};
	if (!text || id_map_parse(text, ret) < 0)
		return err_set(p->err, EINVAL,
			       "option '%s' is 'SHOWN:ON-DISK:COUNT[:...]', not '%s'", key,
			       text ? text : "");
	return 0;
}

static int set_timeout(struct parser *p, const char *text)
{
	char *end = NULL;

	if (text)
		p->o->timeout = strtod(text, &end);
	if (!text || end == text || *end || !(p->o->timeout >= 0 && p->o->timeout <= 1e9))
		return err_set(p->err, EINVAL, "option 'timeout' is a number of seconds, not '%s'",
			       text ? text : "");
	return 0;
}

static int set_xattr_permissions(struct parser *p, const char *text)
{
	struct owner_config *owner = &p->o->overlay.owner;
	uint64_t n;

	if (set_number(p, "xattr_permissions", text, 2, &n) < 0)
		return -p->err->code;
	owner->override = n == 2   ? OVERRIDE_STAT_XATTR
			  : n == 1 ? "security.fuseoverlayfs.override_stat"
				   : NULL;
	return 0;
}

/* Options with a value of their own kind. 1: it is none of these. */
static int set_value(struct parser *p, const char *key, const char *text)
{
	struct overlay_config *c = &p->o->overlay;
	const char *path;
	uint64_t n = 0;
	int r = 0;

	if (str_eq(key, "lowerdir") && text) {
		r = set_lower(p, text);
	} else if (str_eq(key, "upperdir") && text) {
		r = set_path(p, &c->upper, text);
	} else if (str_eq(key, "workdir") && text) {
		r = set_path(p, &c->work, text);
	} else if (str_eq(key, "fsname") && text) {
		r = set_path(p, &path, text);
		p->o->fsname = (char *)(uintptr_t)path;
	} else if (str_eq(key, "context") && text) {
		r = set_path(p, &path, text);
		p->o->context = (char *)(uintptr_t)path;
	} else if (str_eq(key, "uidmapping")) {
		r = set_map(p, key, text, &c->owner.uid);
	} else if (str_eq(key, "gidmapping")) {
		r = set_map(p, key, text, &c->owner.gid);
	} else if (str_eq(key, "timeout")) {
		r = set_timeout(p, text);
	} else if (str_eq(key, "xattr_permissions")) {
		r = set_xattr_permissions(p, text);
	} else if (str_eq(key, "squash_to_uid")) {
		r = set_number(p, key, text, UINT32_MAX - 1, &n);
		c->owner.squash_uid = true;
		c->owner.to_uid = (uid_t)n;
	} else if (str_eq(key, "squash_to_gid")) {
		r = set_number(p, key, text, UINT32_MAX - 1, &n);
		c->owner.squash_gid = true;
		c->owner.to_gid = (gid_t)n;
	} else {
		return 1;
	}
	return r;
}

/* 1: it is none of these. */
static int set_flag(struct parser *p, const char *key, const char *text)
{
	struct options *o = p->o;
	struct overlay_config *c = &o->overlay;
	bool one = false, root = false;
	int r = 0;

	if (str_eq(key, "redirect_dir")) {
		r = set_bool(p, key, text, &c->redirect);
	} else if (str_eq(key, "metacopy")) {
		r = set_bool(p, key, text, &c->metacopy);
	} else if (str_eq(key, "volatile")) {
		r = set_bool(p, key, text, &c->is_volatile);
	} else if (str_eq(key, "userxattr")) {
		o->userxattr = true;
	} else if (str_eq(key, "writeback")) {
		r = set_bool(p, key, text, &o->writeback);
	} else if (str_eq(key, "fsync")) {
		r = set_bool(p, key, text, &o->fsync);
	} else if (str_eq(key, "threaded")) {
		r = set_bool(p, key, text, &one);
		o->threads = one ? 0 : 1;
	} else if (str_eq(key, "static_nlink")) {
		r = set_bool(p, key, text, &c->static_nlink);
	} else if (str_eq(key, "noacl")) {
		c->acl = false;
	} else if (str_eq(key, "acl")) {
		c->acl = true;
	} else if (str_eq(key, "squash_to_root")) {
		r = set_bool(p, key, text, &root);
		c->owner.squash_uid = c->owner.squash_gid = root;
		c->owner.to_uid = c->owner.to_gid = 0;
	} else if (str_eq(key, "debug")) {
		o->debug = o->foreground = true;
	} else if (str_eq(key, "allow_other")) {
		o->allow_other = true;
	} else {
		return 1;
	}
	return r;
}

static const struct mount_word {
	const char *word;
	unsigned long set, clear;
} mount_words[] = {
	{"ro", MS_RDONLY, 0},	     {"rw", 0, MS_RDONLY},	   {"nosuid", MS_NOSUID, 0},
	{"suid", 0, MS_NOSUID},	     {"nodev", MS_NODEV, 0},	   {"dev", 0, MS_NODEV},
	{"noexec", MS_NOEXEC, 0},    {"exec", 0, MS_NOEXEC},	   {"noatime", MS_NOATIME, 0},
	{"atime", 0, MS_NOATIME},    {"relatime", MS_RELATIME, 0}, {"nodiratime", MS_NODIRATIME, 0},
	{"sync", MS_SYNCHRONOUS, 0}, {"async", 0, MS_SYNCHRONOUS},
};

/* What is always so here, or means nothing to us. */
static const char *const accepted[] = {
	"default_permissions", "subtype",  "index",	   "xino",
	"nfs_export",	       "uuid",	   "auto_unmount", "big_writes",
	"max_idle_threads",    "nonempty", "defaults",	   "_netdev"};

static int set_option(struct parser *p, const char *key, const char *text)
{
	int r;

	if (str_eq(key, "plugins"))
		return err_set(p->err, ENOTSUP, "option 'plugins': plugins cannot be loaded");
	r = set_value(p, key, text);
	if (r == 1)
		r = set_flag(p, key, text);
	if (r != 1)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(mount_words); i++) {
		if (str_eq(key, mount_words[i].word)) {
			p->o->mount_flags |= mount_words[i].set;
			p->o->mount_flags &= ~mount_words[i].clear;
			return 0;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(accepted); i++)
		if (str_eq(key, accepted[i]))
			return 0;
	return err_set(p->err, EINVAL, "unknown option '%s'", key);
}

static int parse_list(struct parser *p, const char *list)
{
	int r = 0;

	while (r == 0 && *list) {
		size_t n = span(list, ',');
		char *word = keep(p->o, strndup(list, n)), *value;

		if (!word)
			return err_set(p->err, ENOMEM, "out of memory");
		value = strchr(word, '=');
		if (value)
			*value++ = '\0';
		if (*word)
			r = set_option(p, word, value);
		list += n + (list[n] == ',');
	}
	return r;
}

static int parse_fd(struct parser *p, const char *key, const char *text, int *ret)
{
	uint64_t n;

	if (set_number(p, key, text, 1 << 20, &n) < 0)
		return -p->err->code;
	if (fcntl((int)n, F_SETFD, FD_CLOEXEC) < 0)
		return err_sys(p->err, errno, "descriptor %s of '%s'", text, key);
	*ret = (int)n;
	return 0;
}

/* Option strings of any length come through a descriptor: an argument has at most 128 KiB. */
static int parse_list_fd(struct parser *p, const char *text)
{
	char *list = NULL;
	int fd = -1, r = parse_fd(p, "--options-fd", text, &fd);

	if (r == 0)
		r = fd_slurp(fd, OPTIONS_MAX, &list, NULL, p->err);
	if (r == 0)
		r = keep(p->o, list) ? parse_list(p, list)
				     : err_set(p->err, ENOMEM, "out of memory");
	if (fd >= 0)
		close(fd);
	return r;
}

enum { OPT_CHECK = 256, OPT_FLATTEN, OPT_FD, OPT_NOTIFY, OPT_CONFINE, OPT_LIST_FD };

static const struct option long_options[] = {
	{"check", no_argument, NULL, OPT_CHECK},
	{"flatten", no_argument, NULL, OPT_FLATTEN},
	{"fd", required_argument, NULL, OPT_FD},
	{"notify", required_argument, NULL, OPT_NOTIFY},
	{"confine", no_argument, NULL, OPT_CONFINE},
	{"options-fd", required_argument, NULL, OPT_LIST_FD},
	{"dry-run", no_argument, NULL, 'n'},
	{"debug", no_argument, NULL, 'd'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{0},
};

static int take(struct parser *p, int letter)
{
	struct options *o = p->o;

	switch (letter) {
	case 'f':
		o->foreground = true;
		return 0;
	case 'd':
		o->debug = o->foreground = true;
		return 0;
	case 's':
		o->threads = 1;
		return 0;
	case 'n':
		o->dry_run = true;
		return 0;
	case 'h':
		o->help = true;
		return 0;
	case 'V':
		o->version = true;
		return 0;
	case 'o':
		return parse_list(p, optarg);
	case OPT_CHECK:
		o->check = true;
		return 0;
	case OPT_FLATTEN:
		o->flatten = true;
		return 0;
	case OPT_CONFINE:
		o->confine = true;
		return 0;
	case OPT_FD:
		return parse_fd(p, "--fd", optarg, &o->fd);
	case OPT_NOTIFY:
		return parse_fd(p, "--notify", optarg, &o->notify);
	case OPT_LIST_FD:
		return parse_list_fd(p, optarg);
	default:
		return err_set(p->err, EINVAL, "unknown option; try --help");
	}
}

static int check(struct options *o, struct err *err)
{
	const struct overlay_config *c = &o->overlay;

	if (!c->n_lower)
		return err_set(err, EINVAL, "option 'lowerdir' is missing");
	if (!c->upper != !c->work)
		return err_set(err, EINVAL,
			       "option '%s' is missing: 'upperdir' and 'workdir' go together",
			       c->upper ? "workdir" : "upperdir");
	if ((o->flatten || o->dry_run) && !o->check)
		return err_set(err, EINVAL, "--flatten and -n go with --check");
	if (o->check && !c->upper)
		return err_set(err, EINVAL,
			       "--check looks an upper directory over: 'upperdir' is missing");
	if (!o->check && o->fd < 0 && !o->mountpoint)
		return err_set(err, EINVAL, "the mount point is missing");
	if (o->fd >= 0 && o->mountpoint)
		return err_set(err, EINVAL, "--fd is mounted already: '%s' is one too many",
			       o->mountpoint);
	return 0;
}

int options_parse(int argc, char **argv, struct options *ret, struct err *err)
{
	struct parser p = {ret, err};
	int letter, r = 0;

	*ret = (struct options){.fd = -1,
				.notify = -1,
				.writeback = true,
				.fsync = true,
				.timeout = 1e9,
				.overlay = {.redirect = true, .metacopy = true, .acl = true}};
	opterr = 0;
	optind = 1;
	while (r == 0 && (letter = getopt_long(argc, argv, "fdsno:hV", long_options, NULL)) != -1)
		r = take(&p, letter);
	if (r < 0 || ret->help || ret->version)
		return r;
	if (optind < argc) {
		ret->mountpoint = keep(ret, strdup(argv[optind++]));
		if (!ret->mountpoint)
			return err_set(err, ENOMEM, "out of memory");
	}
	if (optind < argc)
		return err_set(err, EINVAL, "'%s' is one argument too many", argv[optind]);
	return check(ret, err);
}
