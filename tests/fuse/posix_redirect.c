/* redirect: stories of renamed directories. They are where an overlay that renames directories of
 * lower layers by reference goes wrong: what comes back under the old name, what is lost under the
 * new one, references to references, and removal of what refers. The kernel's overlay refuses them
 * to ordinary users with EXDEV; a story ends at its first refusal. */
#include "posix.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FULL_LOOK "dir file"

static const enum kind dirs[] = {FULL_NEW,   FULL_LOW,	  FULL_TOP,  FULL_MERGED,
				 FULL_UPPER, FULL_OPAQUE, FULL_AGAIN};

static bool move(const char *from, const char *to, const char *what)
{
	return ck_err(TRY(rename(from, to)), 0, "rename, %s", what);
}

/* What readdir gives for "..", for PATH is D/NAME. */
static void above(const char *path, const char *what)
{
	unsigned char type = 0;
	ino_t ino = 0;

	ck(entry_of(sf("%s/..", path), &type, &ino), "readdir, %s", what);
	ck_num(ino, ino_of(sf("%.*s", (int)(strchr(path, '/') - path), path)), "d_ino of .., %s",
	       what);
}

/* Everything of a FULL_* directory is at PATH and works. */
static void intact(const char *path, const char *what)
{
	above(path, what);
	ck_str(names_in(path), FULL_LOOK, "names, %s", what);
	ck(holds(sf("%s/file", path), content, SIZE), "file, %s", what);
	ck_str(names_in(sf("%s/dir", path)), "leaf", "names in dir, %s", what);
	ck(holds(sf("%s/dir/leaf", path), content, SIZE), "leaf, %s", what);
}

static void chain(enum kind k, const char *name)
{
	const char *a = take(k), *b = beside(ABSENT_MIX), *c = beside(ABSENT_NEW);
	const char *d = beside(ABSENT_LOW);
	ino_t ino = ino_of(a);

	if (!move(a, b, sf("%s to b", name)))
		return;
	move(b, c, sf("%s to c", name));
	move(c, d, sf("%s to d", name));
	intact(d, sf("%s after three renames", name));
	ck(!exists(a) && !exists(b) && !exists(c), "the names before are gone, %s", name);
	move(d, a, sf("%s back", name));
	intact(a, sf("%s back at its first name", name));
	ck_num(ino_of(a), ino, "inode number of %s back at its first name", name);
	move(a, b, sf("%s away again", name));
	ck_err(make_dir(a), 0, "mkdir at the first name, %s", name);
	ck_err(put_text(sf("%s/file", a), "other"), 0, "create in it, %s", name);
	ck_str(names_in(a), "file", "what is at the first name, %s", name);
	ck(holds(sf("%s/file", a), "other", 5), "its file is the new one, %s", name);
	intact(b, sf("%s beside its successor", name));
}

/* A directory of a renamed one goes its own way. */
static void nested(enum kind k, const char *name)
{
	const char *a = take(k), *b = beside(ABSENT_MIX), *sub = beside(ABSENT_NEW);

	if (!move(a, b, name))
		return;
	move(sf("%s/dir", b), sub, sf("its directory, %s", name));
	ck_str(names_in(b), "file", "what stays, %s", name);
	ck_str(names_in(sub), "leaf", "what went, %s", name);
	ck_err(make_dir(sf("%s/dir", b)), 0, "mkdir of what went, %s", name);
	ck_str(names_in(sf("%s/dir", b)), "", "what is in it, %s", name);
	ck_err(TRY(rmdir(sf("%s/dir", b))), 0, "rmdir of it, %s", name);
	move(sub, sf("%s/dir", b), sf("back, %s", name));
	intact(b, sf("%s, the directory back", name));
	move(b, a, sf("all back, %s", name));
	intact(a, sf("%s, all back", name));
}

/* The inner one first, then the outer one. */
static void inner_first(enum kind k, const char *name)
{
	const char *a = take(k), *b = beside(ABSENT_MIX);

	if (!move(sf("%s/dir", a), sf("%s/moved", a), sf("inner one, %s", name)))
		return;
	ck_str(names_in(a), "file moved", "names with the inner one moved, %s", name);
	if (!move(a, b, sf("outer one, %s", name)))
		return;
	ck_str(names_in(b), "file moved", "names when both are moved, %s", name);
	ck(holds(sf("%s/moved/leaf", b), content, SIZE), "leaf when both are moved, %s", name);
	ck_err(make_dir(sf("%s/dir", b)), 0, "the inner one's old name, %s", name);
	ck_str(names_in(sf("%s/dir", b)), "", "what is in it, %s", name);
	ck_err(remove_tree(b), 0, "removing it all, %s", name);
	ck(!exists(b) && !exists(a), "all is gone, %s", name);
}

/* Work in the directory before and after it is renamed. */
static void worked_on(enum kind k, const char *name)
{
	const char *a = take(k), *b = beside(ABSENT_MIX);

	ck_err(TRY(unlink(sf("%s/file", a))), 0, "unlink before, %s", name);
	ck_err(put_text(sf("%s/added", a), "added"), 0, "create before, %s", name);
	ck_err(TRY(chmod(sf("%s/dir/leaf", a), 0600)), 0, "chmod before, %s", name);
	ck_err(TRY(chmod(a, 0711)), 0, "chmod of the directory before, %s", name);
	if (!move(a, b, sf("worked on, %s", name)))
		return;
	ck_str(names_in(b), "added dir", "names, worked on, %s", name);
	ck_mode(perm_of(b), 0711, "mode, worked on, %s", name);
	ck_mode(perm_of(sf("%s/dir/leaf", b)), 0600, "mode of leaf, worked on, %s", name);
	ck_err(put_text(sf("%s/file", b), "again"), 0, "create of what was removed, %s", name);
	ck(holds(sf("%s/file", b), "again", 5), "its content, %s", name);
	ck_err(TRY(rename(sf("%s/file", b), sf("%s/file2", b))), 0, "rename in it, %s", name);
	ck_str(names_in(b), "added dir file2", "names after it, %s", name);
	ck_err(TRY(link(sf("%s/dir/leaf", b), sf("%s/leaf2", b))), 0, "link in it, %s", name);
	ck_num(nlink_of(sf("%s/dir/leaf", b)), 2, "links in it, %s", name);
	ck_err(remove_tree(b), 0, "removing it, %s", name);
	ck_err(make_dir(b), 0, "mkdir where it was, %s", name);
	ck_str(names_in(b), "", "what is where it was, %s", name);
}

/* Over an empty directory that hides something of its own. */
static void over_others(enum kind k, const char *name)
{
	static const enum kind over[] = {DIR_LOW,   DIR_MERGED,	       DIR_UPPER,      DIR_OPAQUE,
					 DIR_AGAIN, ABSENT_WHITED_DIR, ABSENT_GONE_DIR};

	for (size_t i = 0; i < COUNT(over); i++) {
		const char *a = take(k), *b = take(over[i]), *c = beside(ABSENT_NEW);
		const char *what = sf("%s over %s", name, kind_name(over[i]));

		if (!move(a, b, what))
			return;
		intact(b, what);
		move(b, c, sf("%s, and on", what));
		intact(c, sf("%s, and on", what));
		ck_err(make_dir(b), 0, "mkdir where it stopped, %s", what);
		ck_str(names_in(b), "", "what is where it stopped, %s", what);
	}
}

/* Both ways at once. */
static void exchanged(enum kind k, const char *name)
{
	for (size_t i = 0; i < COUNT(dirs); i++) {
		const char *a = take(k), *b = take(dirs[i]);
		const char *what = sf("%s exchanged with %s", name, kind_name(dirs[i]));

		ck_err(put_text(sf("%s/mark", a), "a"), 0, "mark, %s", what);
		if (!ck_err(TRY(renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE)), 0, "%s",
			    what))
			continue;
		ck_str(names_in(b), "dir file mark", "what came, %s", what);
		intact(a, what);
		ck_err(TRY(renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE)), 0, "%s and back",
		       what);
		ck_str(names_in(a), "dir file mark", "what came back, %s", what);
		intact(b, sf("%s and back", what));
	}
}

/* A process is in the directory, and has files of it open, while it is renamed. */
static void inhabited(enum kind k, const char *name)
{
	const char *a = take(k), *b = beside(ABSENT_MIX);
	int back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int dir = open(a, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int leaf = openat(dir, "dir/leaf", O_RDWR | O_CLOEXEC);
	int sub = openat(dir, "dir", O_PATH | O_CLOEXEC), fd;
	struct stat st;

	if (move(a, b, sf("inhabited, %s", name))) {
		ck_num(pwrite(leaf, "tail", 4, SIZE), 4, "write to an open leaf, %s", name);
		ck_num(size_of(sf("%s/dir/leaf", b)), SIZE + 4, "size of the open leaf, %s", name);
		fd = openat(sub, "made", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
		ck_err(TRY(fd), 0, "create by an open directory, %s", name);
		close(fd);
		ck(exists(sf("%s/dir/made", b)), "which shows at the new place, %s", name);
		ck_err(TRY(fchdir(dir)), 0, "fchdir into it, %s", name);
		ck_err(TRY(stat("dir/leaf", &st)), 0, "stat from within, %s", name);
		ck_err(put_text("within", "x"), 0, "create from within, %s", name);
		ck_err(TRY(fchdir(back)), 0, "fchdir back, %s", name);
		ck_str(names_in(b), "dir file within", "names in the inhabited one, %s", name);
	}
	close(leaf);
	close(sub);
	close(dir);
	close(back);
}

/* ---- removed trees do not come back, renamed ones neither ---- */

static void gone_for_good(enum kind k, const char *name)
{
	const char *a = take(k), *b = beside(ABSENT_MIX);

	if (!move(a, b, sf("to be removed, %s", name)))
		return;
	ck_err(remove_tree(b), 0, "removing what was renamed, %s", name);
	ck(!exists(a) && !exists(b), "both names are gone, %s", name);
	ck_err(make_dir(a), 0, "the old name again, %s", name);
	ck_err(make_dir(sf("%s/dir", a)), 0, "and its directory, %s", name);
	ck_str(names_in(sf("%s/dir", a)), "", "what is in that, %s", name);
	ck_err(make_dir(b), 0, "the new name again, %s", name);
	ck_str(names_in(b), "", "what is in it, %s", name);
	if (move(a, b, sf("the new one, %s", name)))
		ck_str(names_in(b), "dir", "names in the new one, %s", name);
}

/* A parent of the lower layers, whose children were replaced. */
static void parents(const char *top)
{
	const char *a = sf("%s-parent", top), *b = beside(ABSENT_NEW);

	ck_err(remove_tree(sf("%s/one", a)), 0, "removing a child of %s", a);
	ck_err(make_dir(sf("%s/one", a)), 0, "and making it anew in %s", a);
	ck_err(put_text(sf("%s/one/own", a), "own"), 0, "with another content in %s", a);
	ck_err(TRY(unlink(sf("%s/two/file", a))), 0, "unlink below %s", a);
	if (!move(a, b, a))
		return;
	ck_str(names_in(b), "one two", "names in %s moved", a);
	ck_str(names_in(sf("%s/one", b)), "own", "names in its remade child of %s", a);
	ck_str(names_in(sf("%s/two", b)), "deep", "names in its other child of %s", a);
	ck(holds(sf("%s/two/deep/leaf", b), "leaf", 4), "leaf below %s moved", a);
	if (move(sf("%s/two/deep", b), sf("%s/one/deep", b), sf("across %s", a)))
		ck(holds(sf("%s/one/deep/leaf", b), "leaf", 4), "leaf moved across %s", a);
	move(b, a, sf("%s back", a));
	ck_str(sign(a),
	       sf("dir:755{one=dir:755{deep=dir:755{leaf=file:644:4:%08x;};own=file:644:3:%08x;};"
		  "two=dir:755{};}",
		  (unsigned)hash(0, "leaf", 4), (unsigned)hash(0, "own", 3)),
	       "%s as a whole", a);
}

static void prepare(enum layer layer)
{
	static const char *const names[] = {"one", "two"};
	const char *top = layer == LAYER_B ? "redirect-low" : "redirect-top";
	const char *tops[] = {top, "redirect-mix"};

	for (size_t i = 0; i < COUNT(tops); i++) {
		mkdir(sf("%s-parent", tops[i]), 0755);
		for (size_t j = 0; j < COUNT(names); j++) {
			const char *dir = sf("%s-parent/%s", tops[i], names[j]);

			mkdir(dir, 0755);
			mkdir(sf("%s/deep", dir), 0755);
			if (put_text(sf("%s/file", dir), "file") != 0 ||
			    put_text(sf("%s/deep/leaf", dir), "leaf") != 0)
				die("cannot make %s", dir);
		}
	}
}

static void run(void)
{
	for (size_t i = 0; i < COUNT(dirs); i++) {
		const char *name = kind_name(dirs[i]);

		chain(dirs[i], name);
		nested(dirs[i], name);
		inner_first(dirs[i], name);
		worked_on(dirs[i], name);
		over_others(dirs[i], name);
		exchanged(dirs[i], name);
		inhabited(dirs[i], name);
		gone_for_good(dirs[i], name);
	}
	parents("redirect-low");
	parents("redirect-top");
	parents("redirect-mix");
}

const struct posix_group redirect_group = {
	.name = "redirect",
	.about = "renamed directories: chains, nests, what must not come back",
	.run = run,
	.prepare = prepare,
};
