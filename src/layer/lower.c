/* Theory of operation
 *
 * A target is searched as the merged tree would show it, from the layer itself down to the base. A
 * layer that has a whiteout, or anything but a directory, on the way to the target hides what is
 * below, and so does an opaque directory. A symlink on the way is replaced by what it says, and the
 * search begins anew at the top: the kernel would follow it in the merged tree too.
 *
 * The copies share nothing with the file of the lower layer (which another image uses as it is),
 * but links of one layer to one target are one file. A name that a later entry of the layer took
 * stays as it is.
 *
 * A crash in between does no harm: "lower" is written last, after a sync, and until then every link
 * that is there already is passed over.
 */
#include "layer/lower.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/root_open.h"
#include "format/whiteout.h"
#include "layer/copy.h"
#include "layer/owner.h"

#define LOWER_FILE "lower"
#define LOWER_MAX (LIMIT_LAYERS * (LIMIT_DIGEST + 1))
#define NEW_NAME ".wh..wh.new" /* of a copy that is not whole yet; no layer brings such a name */
#define MAX_LINKS 40	       /* symlinks on one way, as the kernel's limit */
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* ---- the files */

static char *list_text(const struct digest *below, size_t n)
{
	_cleanup_buf_ struct buf b;

	buf_init(&b, LOWER_MAX);
	for (size_t i = 0; i < n; i++) {
		buf_addstr(&b, below[i].text);
		buf_addch(&b, '\n');
	}
	return buf_steal(&b);
}

int layer_links_check(int dir, const struct digest *below, size_t n, struct err *err)
{
	_cleanup_free_ char *have = NULL, *want = NULL;
	int r;

	if (faccessat(dir, LAYER_LINKS_FILE, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	r = fd_read_file(dir, LOWER_FILE, LOWER_MAX, &have, NULL, NULL);
	if (r == -ENOENT)
		return err_set(err, ENOENT, "its hard links into lower layers are not made yet");
	if (r < 0)
		return err_sys(err, -r, "cannot read the list of its lower layers");
	want = list_text(below, n);
	if (strcmp(have, want) != 0)
		return err_set(err, EEXIST,
			       "it has hard links into lower layers and is in use above others");
	return 0;
}

/* ---- finding the target */

enum found { FOUND, ABSENT, HIDDEN, SYMLINK };

/* One layer's part of the search. */
struct search {
	int dir;	  /* then the directory that holds the last component; owned */
	const char *name; /* the last component, inside the path */
	struct stat st;
	size_t link_end; /* SYMLINK: length of the prefix that is one */
};

static bool is_opaque(int fd)
{
	char value;

	return (fgetxattr(fd, WHITEOUT_OPAQUE_XATTR, &value, 1) == 1 && value == 'y') ||
	       faccessat(fd, WHITEOUT_OPAQUE, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool has_whiteout_file(int dir, const char *name)
{
	char wh[NAME_MAX + 1];

	return (size_t)snprintf(wh, sizeof(wh), "%s%s", WHITEOUT_PREFIX, name) < sizeof(wh) &&
	       faccessat(dir, wh, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* One component at s->dir: its st, or why the search ends in this layer. */
static enum found look(struct search *s, const char *name, bool opaque)
{
	if (fstatat(s->dir, name, &s->st, AT_SYMLINK_NOFOLLOW) < 0)
		return opaque || has_whiteout_file(s->dir, name) ? HIDDEN : ABSENT;
	if (S_ISCHR(s->st.st_mode))
		return HIDDEN;
	return FOUND;
}

/* path: clean; changed while this works. */
static enum found search_layer(int root, char *path, struct search *s)
{
	bool opaque = is_opaque(root);
	char *p = path;

	s->dir = openat(root, ".", DIR_FLAGS);
	for (char *slash; s->dir >= 0 && (slash = strchr(p, '/')); p = slash + 1) {
		enum found f;
		int next;

		*slash = '\0';
		f = look(s, p, opaque);
		if (f == FOUND && S_ISLNK(s->st.st_mode)) {
			s->link_end = (size_t)(slash - path);
			f = SYMLINK;
		} else if (f == FOUND && !S_ISDIR(s->st.st_mode)) {
			f = HIDDEN;
		}
		next = f == FOUND ? openat(s->dir, p, DIR_FLAGS) : -1;
		*slash = '/';
		if (f != FOUND)
			return f;
		close(s->dir);
		s->dir = next;
		opaque = opaque || (next >= 0 && is_opaque(next));
	}
	if (s->dir < 0)
		return ABSENT;
	s->name = p;
	return look(s, p, opaque);
}

/* path with its first link_end bytes, a symlink at root, replaced by what that says. */
static char *through_symlink(int root, const char *path, size_t link_end)
{
	_cleanup_free_ char *prefix = xstrndup(path, link_end), *joined = NULL;
	char target[PATH_MAX], *slash = strrchr(prefix, '/'), *clean;
	_cleanup_fd_ int fd = root_open(root, prefix, O_PATH | O_NOFOLLOW, 0);
	ssize_t n = fd < 0 ? -1 : readlinkat(fd, "", target, sizeof(target) - 1);

	if (n < 0)
		return NULL;
	target[n] = '\0';
	joined = xasprintf("/%.*s/%s%s", *target != '/' && slash ? (int)(slash - prefix) : 0,
			   prefix, target, path + link_end);
	clean = path_clean(joined);
	memmove(clean, clean + 1, strlen(clean));
	return clean;
}

/* roots: of all layers, base first, the layer itself last. Returns which one has it (s->dir is
 * then the caller's), or -1. */
static int search_all(const int *roots, size_t n, const char *target, char **ret_path,
		      struct search *s)
{
	char *path = xstrdup(target);

	for (unsigned int links = 0; links < MAX_LINKS && *path; links++) {
		char *next = NULL;

		for (size_t i = n; i-- > 0 && !next;) {
			enum found f = search_layer(roots[i], path, s);

			if (f == FOUND) {
				*ret_path = path;
				return (int)i;
			}
			fd_closep(&s->dir);
			if (f == HIDDEN)
				break;
			if (f == SYMLINK) {
				next = through_symlink(roots[i], path, s->link_end);
				if (!next)
					break;
			}
		}
		if (!next)
			break;
		free(path);
		path = next;
	}
	free(path);
	return -1;
}

/* ---- making the links */

struct make {
	int dir;
	int *roots; /* n + 1 */
	const int *lowers;
	size_t n;
	struct owners *owners; /* of this layer */
	bool owners_changed;
};

/* The record that the lower layer keeps aside for its file, for our copy too. */
static int take_record(struct make *m, size_t from, const char *from_path, const char *name,
		       struct err *err)
{
	_cleanup_(owners_freep) struct owners *theirs = NULL;
	const struct override_stat *stat;
	int r = owners_load(m->lowers[from], &theirs, err);

	if (r < 0)
		return r;
	stat = owners_find(theirs, from_path);
	if (stat) {
		owners_add(m->owners, name, stat);
		m->owners_changed = true;
	}
	return 0;
}

/* Whether a later entry of the layer is at parent/base. Its own whiteouts give way. */
static bool is_taken(int parent, const char *base)
{
	char wh[NAME_MAX + 1];
	struct stat st;

	if ((size_t)snprintf(wh, sizeof(wh), "%s%s", WHITEOUT_PREFIX, base) < sizeof(wh))
		unlinkat(parent, wh, 0);
	if (fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (whiteout_is_device(&st))
		return unlinkat(parent, base, 0) < 0;
	return true;
}

/* The target, found by s at path in layer `at`, under the name parent/base. */
static int make_from(struct make *m, size_t at, const struct search *s, const char *path,
		     int parent, const char *base, const char *name, struct err *err)
{
	int r;

	if (at == m->n) {
		if (linkat(s->dir, s->name, parent, base, 0) < 0)
			return err_sys(err, errno, "'%s': cannot create the hard link", name);
		return 0;
	}
	unlinkat(parent, NEW_NAME, 0);
	r = layer_copy_file(parent, NEW_NAME, s->dir, s->name, &s->st, err);
	if (r == 0 && renameat(parent, NEW_NAME, parent, base) < 0)
		r = err_sys(err, errno, "'%s': cannot create the hard link", name);
	return r < 0 ? r : take_record(m, at, path, name, err);
}

/* The directory of the link, or -1 when a later entry of the layer took its place or the link's. */
static int open_place(struct make *m, const char *name, const char **ret_base, struct stat *st,
		      int *ret, struct err *err)
{
	_cleanup_fd_ int parent = root_open_parent(m->roots[m->n], name, ret_base), dir = -1;

	*ret = -1;
	if (parent == -ENOENT || parent == -ENOTDIR)
		return 0;
	if (parent < 0)
		return err_sys(err, -parent, "'%s': cannot open its directory", name);
	dir = openat(parent, ".", DIR_FLAGS);
	if (dir < 0 || fstat(dir, st) < 0)
		return err_sys(err, errno, "'%s': cannot open its directory", name);
	if (!is_taken(dir, *ret_base))
		*ret = steal_fd(&dir);
	return 0;
}

/* first: the earlier link of this layer to the same target, or NULL. Returns 1, or 0 when a later
 * entry has the place; the target must be there nevertheless. */
static int make_link(struct make *m, const char *name, const char *target, const char *first,
		     struct err *err)
{
	const char *base, *first_base;
	_cleanup_free_ char *path = NULL;
	_cleanup_fd_ int dir = -1, first_dir = -1, found = -1;
	struct search s = {.dir = -1};
	struct stat st;
	int at, r = open_place(m, name, &base, &st, &dir, err);

	if (r < 0)
		return r;
	if (first)
		first_dir = root_open_parent(m->roots[m->n], first, &first_base);
	if (first_dir < 0 || dir < 0 || linkat(first_dir, first_base, dir, base, 0) < 0) {
		at = search_all(m->roots, m->n + 1, target, &path, &s);
		found = s.dir;
		if (at < 0)
			return err_set(err, ENOENT, "'%s': hard link to '%s', which no layer has",
				       name, target);
		if (S_ISDIR(s.st.st_mode))
			return err_set(err, EBADMSG, "'%s': hard link to the directory '%s'", name,
				       target);
		if (dir < 0)
			return 0;
		r = make_from(m, (size_t)at, &s, path, dir, base, name, err);
	}
	if (r == 0) {
		const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, st.st_mtim};

		futimens(dir, times);
	}
	return r < 0 ? r : 1;
}

static int make_all(struct make *m, const char *text, size_t len, struct err *err)
{
	const char *end = text + len, *first = NULL, *first_target = NULL;

	while (text < end) {
		const char *name = text, *target = memchr(name, '\0', (size_t)(end - name));
		int r;

		if (!target++ || !memchr(target, '\0', (size_t)(end - target)))
			return err_set(err, EBADMSG, "the layer's links file is damaged");
		text = target + strlen(target) + 1;
		/* links to one target mostly follow one another */
		if (!first_target || strcmp(first_target, target) != 0)
			first = NULL;
		r = make_link(m, name, target, first, err);
		if (r < 0)
			return r;
		if (!first && r > 0)
			first = name;
		first_target = target;
	}
	return 0;
}

static int open_roots(struct make *m, struct err *err)
{
	for (size_t i = 0; i <= m->n; i++) {
		m->roots[i] = openat(i < m->n ? m->lowers[i] : m->dir, "root", DIR_FLAGS);
		if (m->roots[i] < 0)
			return err_sys(err, errno, "cannot open a layer's root");
	}
	return owners_load(m->dir, &m->owners, err);
}

/* Of the processes that make the same links one does it; the lock dies with it. */
static int lock_links(int dir, struct err *err)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = openat(dir, LAYER_LINKS_FILE, O_RDWR | O_NOFOLLOW | O_CLOEXEC), r;

	if (fd < 0)
		return err_sys(err, errno, "cannot open the layer's links file");
	do {
		r = fcntl(fd, F_OFD_SETLKW, &lock);
	} while (r < 0 && errno == EINTR);
	if (r < 0) {
		r = err_sys(err, errno, "cannot lock the layer's links file");
		close(fd);
		return r;
	}
	return fd;
}

int layer_links_make(int dir, const int *lowers, const struct digest *below, size_t n,
		     struct err *err)
{
	struct make m = {.dir = dir, .lowers = lowers, .n = n};
	_cleanup_free_ char *text = NULL, *list = NULL;
	_cleanup_fd_ int lock = -1;
	size_t len;
	int r = layer_links_check(dir, below, n, err);

	if (r != -ENOENT)
		return r;
	if (err)
		*err = (struct err)ERR_INIT;
	lock = lock_links(dir, err);
	if (lock < 0)
		return lock;
	r = layer_links_check(dir, below, n, NULL); /* another process may have been at it */
	if (r == 0)
		return 0;
	r = fd_read_file(dir, LAYER_LINKS_FILE, LIMIT_LINKS_SIZE, &text, &len, err);
	if (r < 0)
		return r;
	m.roots = xcalloc(n + 1, sizeof(*m.roots));
	for (size_t i = 0; i <= n; i++)
		m.roots[i] = -1;
	r = open_roots(&m, err);
	if (r == 0)
		r = make_all(&m, text, len, err);
	if (r == 0 && m.owners_changed)
		r = owners_save(m.owners, dir, err);
	if (r == 0 && syncfs(dir) < 0)
		r = err_sys(err, errno, "cannot sync the layer to disk");
	if (r == 0) {
		list = list_text(below, n);
		r = fd_write_file_atomic(dir, LOWER_FILE, list, strlen(list), 0600, err);
	}
	for (size_t i = 0; i <= n; i++)
		fd_closep(&m.roots[i]);
	free(m.roots);
	owners_free(m.owners);
	return r;
}
