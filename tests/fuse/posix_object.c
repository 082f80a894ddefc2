/* Objects of every kind. How each of them comes about is a table of three short recipes: what is
 * made in layer B, what in A, and what is done to it in DIR when a check takes it. In a plain
 * directory the recipe of A is carried out over that of B. */
#include "posix.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "posix_caps.h"

enum where { IN_B, IN_A, IN_PLAIN, IN_DIR };

/*
 * The steps of a recipe:
 *   f our file   o another file   d directory   s symbolic link   p fifo   k socket
 *   F "file" in the directory     D "dir/leaf" in it     g "ghost" in it, which must not show
 *   h a second link               w whiteout    G whiteout over "ghost"   O opaque
 *   c copy up by chmod            t copy up by an entry that comes and goes
 *   u unlink                      r remove the directory and all in it
 */
static const struct {
	const char *name, *dir;
	const char *b, *a, *at;
	int count; /* how many are prepared; 0 when nothing needs to be */
	mode_t type;
} kinds[KINDS] = {
	[FILE_NEW] = {"file-new", "new", "", "", "f", 0, S_IFREG},
	[FILE_MIX] = {"file-new-in-merged", "mix", "", "", "f", 0, S_IFREG},
	[FILE_LOW] = {"file-low", "low", "f", "", "", 430, S_IFREG},
	[FILE_TOP] = {"file-top", "top", "", "f", "", 140, S_IFREG},
	[FILE_MIX_LOW] = {"file-low-in-merged", "mix", "f", "", "", 120, S_IFREG},
	[FILE_MIX_TOP] = {"file-top-in-merged", "mix", "", "f", "", 120, S_IFREG},
	[FILE_OVER] = {"file-over", "mix", "o", "f", "", 410, S_IFREG},
	[FILE_HARD] = {"file-hard", "low", "fh", "", "", 140, S_IFREG},
	[FILE_COPIED] = {"file-copied", "low", "f", "", "c", 210, S_IFREG},
	[FILE_AGAIN] = {"file-again", "mix", "o", "", "uf", 200, S_IFREG},
	[FILE_WHITED] = {"file-whited", "mix", "o", "w", "f", 120, S_IFREG},
	[FILE_OPAQUE] = {"file-opaque", "opq", "o", "f", "", 120, S_IFREG},

	[DIR_NEW] = {"dir-new", "new", "", "", "d", 0, S_IFDIR},
	[DIR_LOW] = {"dir-low", "low", "d", "", "", 190, S_IFDIR},
	[DIR_TOP] = {"dir-top", "top", "", "d", "", 60, S_IFDIR},
	[DIR_MERGED] = {"dir-merged", "mix", "dg", "dG", "", 190, S_IFDIR},
	[DIR_UPPER] = {"dir-upper", "mix", "d", "", "t", 130, S_IFDIR},
	[DIR_OPAQUE] = {"dir-opaque", "mix", "dg", "dO", "", 130, S_IFDIR},
	[DIR_AGAIN] = {"dir-again", "mix", "dgD", "", "rd", 130, S_IFDIR},
	[DIR_OVER] = {"dir-over", "mix", "o", "d", "", 60, S_IFDIR},

	[FULL_NEW] = {"full-new", "new", "", "", "dFD", 0, S_IFDIR},
	[FULL_LOW] = {"full-low", "low", "dFD", "", "", 210, S_IFDIR},
	[FULL_TOP] = {"full-top", "top", "", "dFD", "", 150, S_IFDIR},
	[FULL_MERGED] = {"full-merged", "mix", "dFg", "dDG", "", 210, S_IFDIR},
	[FULL_UPPER] = {"full-upper", "mix", "dF", "", "D", 150, S_IFDIR},
	[FULL_OPAQUE] = {"full-opaque", "mix", "dg", "dOFD", "", 150, S_IFDIR},
	[FULL_AGAIN] = {"full-again", "mix", "dgD", "", "rdFD", 150, S_IFDIR},

	[LINK_NEW] = {"symlink-new", "new", "", "", "s", 0, S_IFLNK},
	[LINK_LOW] = {"symlink-low", "low", "s", "", "", 150, S_IFLNK},
	[LINK_TOP] = {"symlink-top", "mix", "", "s", "", 30, S_IFLNK},
	[LINK_OVER] = {"symlink-over", "mix", "o", "s", "", 30, S_IFLNK},
	[FIFO_NEW] = {"fifo-new", "new", "", "", "p", 0, S_IFIFO},
	[FIFO_LOW] = {"fifo-low", "low", "p", "", "", 100, S_IFIFO},
	[FIFO_OVER] = {"fifo-over", "mix", "d", "p", "", 40, S_IFIFO},
	[SOCK_NEW] = {"socket-new", "new", "", "", "k", 0, S_IFSOCK},
	[SOCK_LOW] = {"socket-low", "low", "k", "", "", 40, S_IFSOCK},

	[ABSENT_NEW] = {"absent", "new", "", "", "", 0, 0},
	[ABSENT_LOW] = {"absent-in-low", "low", "", "", "", 0, 0},
	[ABSENT_MIX] = {"absent-in-merged", "mix", "", "", "", 0, 0},
	[ABSENT_WHITED] = {"whited", "mix", "o", "w", "", 120, 0},
	[ABSENT_WHITED_DIR] = {"whited-dir", "mix", "dgD", "w", "", 110, 0},
	[ABSENT_GONE] = {"gone", "low", "o", "", "u", 120, 0},
	[ABSENT_GONE_DIR] = {"gone-dir", "mix", "dg", "", "r", 60, 0},
	[ABSENT_HIDDEN] = {"hidden", "opq", "o", "", "", 50, 0},
};

char content[SIZE];
static int *taken; /* by kind; shared with the children */

static void fill_content(void)
{
	for (size_t i = 0; i < SIZE; i++)
		content[i] = (char)('a' + (i * 7 + i / 26) % 26);
}

static int set_old(const char *path)
{
	const struct timespec old = {.tv_sec = OLD, .tv_nsec = OLD_NSEC};
	const struct timespec times[2] = {old, old};

	return TRY(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW));
}

static int make_file(const char *path, const char *ours)
{
	int rc = ours ? put(path, content, SIZE) : put_text(path, "this must not show");

	if (rc == 0)
		rc = TRY(chmod(path, ours ? 0644 : 0600));
	if (rc == 0 && (caps & CAP_XATTR))
		rc = TRY(setxattr(path, ours ? "user.kept" : "user.ghost", "kept", 4, 0));
	return rc ? rc : set_old(path);
}

/* DIR is over whatever was there, as it is in a merged tree. */
static int make_over(const char *path)
{
	return S_ISDIR(mode_of(path)) ? 0 : make_dir(path);
}

static int whiteout(const char *path, enum where where)
{
	return where == IN_A ? TRY(mknod(path, S_IFCHR, makedev(0, 0))) : remove_tree(path);
}

static int opaque(const char *path, enum where where)
{
	int rc;

	if (where == IN_A)
		return TRY(setxattr(path, opaque_xattr(), "y", 1, 0));
	rc = remove_tree(path);
	return rc ? rc : make_dir(path);
}

static int copy_up_dir(const char *path)
{
	const char *child = sf("%s/comes and goes", path);
	int rc = put_text(child, "");

	return rc ? rc : TRY(unlink(child));
}

static int make_leaf(const char *dir)
{
	int rc = make_over(dir);

	if (rc == 0)
		rc = make_file(sf("%s/leaf", dir), content);
	return rc ? rc : set_old(dir);
}

static int step(const char *path, char op, enum where where)
{
	/* what lies over another type of thing */
	if (where == IN_PLAIN && strchr("fosp", op) && exists(path))
		remove_tree(path);
	if (where == IN_PLAIN && op == 'd' && exists(path) && !S_ISDIR(mode_of(path)))
		remove_tree(path);
	switch (op) {
	case 'f':
		return make_file(path, content);
	case 'o':
		return make_file(path, NULL);
	case 'h':
		return TRY(link(path, sf("%s~", path)));
	case 'd':
		return make_over(path);
	case 'F':
		return make_file(sf("%s/file", path), content);
	case 'D':
		return make_leaf(sf("%s/dir", path));
	case 'g':
		return make_file(sf("%s/ghost", path), NULL);
	case 'G':
		return whiteout(sf("%s/ghost", path), where);
	case 'w':
		return whiteout(path, where);
	case 'O':
		return opaque(path, where);
	case 's':
		return TRY(symlink(LINK_TARGET, path));
	case 'p':
		return make_fifo(path);
	case 'k':
		return TRY(mknod(path, S_IFSOCK | 0644, 0));
	case 'c':
		return TRY(chmod(path, 0600)) ? errno : TRY(chmod(path, 0644));
	case 't':
		return copy_up_dir(path);
	default: /* u, r */
		return remove_tree(path);
	}
}

static int build(const char *path, const char *recipe, enum where where)
{
	int rc = 0;

	if (!*recipe)
		return 0;
	for (; *recipe && rc == 0; recipe++)
		rc = step(path, *recipe, where);
	return rc == 0 && exists(path) && !S_ISCHR(mode_of(path)) ? set_old(path) : rc;
}

const char *kind_name(enum kind kind)
{
	return kinds[kind].name;
}

mode_t kind_type(enum kind kind)
{
	return kinds[kind].type;
}

const char *beside(enum kind kind)
{
	static unsigned int n;

	return sf("%s/beside-%d-%u", kinds[kind].dir, (int)getpid(), n++);
}

/* The last objects taken stay known to the kernel: what a file system may forget of an object when
 * the kernel does, such as the number that a symbolic link had in its layer, must not depend on how
 * much memory there is. */
static void pin(const char *path)
{
	static int pinned[16];
	static unsigned int next;
	int *slot = &pinned[next++ % COUNT(pinned)];

	if (*slot > 0)
		close(*slot);
	*slot = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

const char *take(enum kind kind)
{
	int n = __atomic_fetch_add(&taken[kind], 1, __ATOMIC_RELAXED);
	const char *path = sf("%s/%s-%03d", kinds[kind].dir, kinds[kind].name, n);
	bool prepared = *kinds[kind].b || *kinds[kind].a;
	int rc;

	if (prepared && n >= kinds[kind].count)
		die("more than %d of kind %s are needed", kinds[kind].count, kinds[kind].name);
	rc = build(path, kinds[kind].at, IN_DIR);
	if (rc != 0 || (mode_of(path) & S_IFMT) != kinds[kind].type)
		ck_err(rc ? rc : EIO, 0, "setting up %s", path);
	if (kinds[kind].type)
		pin(path);
	return path;
}

/* The directories in which the kinds lie. */
static int make_parents(enum layer layer, enum where where)
{
	int rc = 0;

	rc |= make_over(layer == LAYER_B ? "low" : "top");
	rc |= make_over("mix");
	rc |= make_over("opq");
	if (layer == LAYER_B)
		rc |= build("opq", "g", where);
	else
		rc |= build("opq", "O", where);
	return rc;
}

void object_prepare(enum layer layer)
{
	enum where where = layer == LAYER_B ? IN_B : caps & CAP_PLAIN ? IN_PLAIN : IN_A;
	int rc;

	fill_content();
	if (make_parents(layer, where) != 0)
		die("cannot make directories: %s", strerror(errno));
	for (enum kind k = 0; k < KINDS; k++) {
		const char *recipe = layer == LAYER_B ? kinds[k].b : kinds[k].a;

		for (int n = 0; *recipe && n < kinds[k].count; n++) {
			const char *path = sf("%s/%s-%03d", kinds[k].dir, kinds[k].name, n);

			rc = build(path, recipe, where);
			if (rc != 0)
				die("cannot make %s: %s", path, strerror(rc));
		}
	}
}

void object_begin(bool verify)
{
	taken = mmap(NULL, KINDS * sizeof(*taken), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (taken == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	fill_content();
	if (!verify && make_dir("new") != 0)
		die("the table was run here already: cannot make 'new': %s", strerror(errno));
}
