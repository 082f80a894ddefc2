/* Times that are kept over changes. See check_impl.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "fuse/check_impl.h"
#include "fuse/upper.h"
#include "fuse/xat.h"

#define CAPABILITY "security.capability"

/* "ATIME.NSEC MTIME.NSEC MODE CAPABILITIES", the last in hex, "-" when there are none. */
enum { CAPS_MAX = 64, RECORD_MAX = 256 };

struct record {
	struct timespec times[2];
	unsigned int mode;
	unsigned char caps[CAPS_MAX];
	size_t n_caps;
};

static void full_key(const struct checker *c, char out[64])
{
	snprintf(out, 64, "%s" MARK_TIMES, c->o.prefix);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_caps(const char *text, struct record *r)
{
	for (r->n_caps = 0; text[0]; text += 2) {
		int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0 || r->n_caps == CAPS_MAX)
			return false;
		r->caps[r->n_caps++] = (unsigned char)(high << 4 | low);
	}
	return true;
}

static bool parse(const char *text, struct record *r)
{
	long long sec[2];
	long nsec[2];
	char caps[2 * CAPS_MAX + 2];

	if (sscanf(text, "%lld.%9ld %lld.%9ld %o %129s", &sec[0], &nsec[0], &sec[1], &nsec[1],
		   &r->mode, caps) != 6)
		return false;
	for (int i = 0; i < 2; i++) {
		if (nsec[i] < 0)
			return false;
		r->times[i] = (struct timespec){.tv_sec = sec[i], .tv_nsec = nsec[i]};
	}
	r->n_caps = 0;
	return str_eq(caps, "-") || parse_caps(caps, r);
}

int times_begin(struct checker *c, int dirfd, const char *name)
{
	char key[64], text[RECORD_MAX], hex[2 * CAPS_MAX + 1] = "-";
	unsigned char caps[CAPS_MAX];
	struct stat st;
	ssize_t n;
	int r = upper_stat(dirfd, name, &st);

	if (r < 0)
		return r;
	n = S_ISREG(st.st_mode) ? xat_get(dirfd, name, CAPABILITY, caps, sizeof(caps)) : 0;
	if (n > 0)
		str_hex(caps, (size_t)n, hex);
	n = snprintf(text, sizeof(text), "%lld.%09ld %lld.%09ld %o %s",
		     (long long)st.st_atim.tv_sec, st.st_atim.tv_nsec, (long long)st.st_mtim.tv_sec,
		     st.st_mtim.tv_nsec, st.st_mode & 07777, hex);
	full_key(c, key);
	r = xat_set(dirfd, name, key, text, (size_t)n, XATTR_CREATE);
	/* where nothing can be marked, only being killed shows */
	if (r == -EEXIST || r == -ENOTSUP || r == -EPERM)
		return 0;
	return r < 0 ? r : 1;
}

/* Where anybody can have written the record, it does not make a program setuid. */
static int apply(struct checker *c, int fd, const struct record *r)
{
	struct stat st;
	int code = upper_stat(fd, "", &st);
	bool file = code == 0 && S_ISREG(st.st_mode) && !c->options->userxattr;

	if (file && (st.st_mode & 07777) != (r->mode & 07777))
		code = upper_chmod(fd, "", r->mode & 07777);
	if (file && code == 0 && r->n_caps)
		code = xat_set(fd, "", CAPABILITY, r->caps, r->n_caps, 0);
	return code < 0 ? code : upper_utimens(fd, "", r->times);
}

/* By a descriptor of the file itself, whatever its name may lead to by now. */
static int end_at(struct checker *c, int fd, const char *key)
{
	char text[RECORD_MAX];
	struct record record;
	ssize_t n = xat_get(fd, "", key, text, sizeof(text) - 1);
	int r = 0;

	if (n < 0 && n != -ERANGE)
		return n == -ENODATA || n == -ENOTSUP ? 0 : (int)n;
	text[n < 0 ? 0 : n] = '\0';
	if (parse(text, &record))
		r = apply(c, fd, &record);
	return r < 0 && r != -EINVAL ? r : xat_remove(fd, "", key);
}

int times_end(struct checker *c, int dirfd, const char *name)
{
	_cleanup_fd_ int own = *name ? upper_open_path(dirfd, name) : -1;
	char key[64];

	if (*name && own < 0)
		return own;
	full_key(c, key);
	return end_at(c, *name ? own : dirfd, key);
}

int level_change(struct checker *c, struct level *l, int fd)
{
	struct stat st;
	int r;

	if (l->changed)
		return 0;
	r = upper_stat(fd, "", &st);
	if (r == 0)
		r = times_begin(c, fd, "");
	l->times[0] = st.st_atim;
	l->times[1] = st.st_mtim;
	l->changed = r >= 0;
	return r < 0 ? r : 0;
}

static bool same(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

int level_settle(struct checker *c, struct level *l, int fd)
{
	struct stat st;
	int r;

	if (!l->changed)
		return 0;
	l->changed = false;
	r = upper_stat(fd, "", &st);
	if (r == 0 && !(same(&st.st_atim, &l->times[0]) && same(&st.st_mtim, &l->times[1])))
		r = upper_utimens(fd, "", l->times);
	return r < 0 ? r : times_end(c, fd, "");
}
