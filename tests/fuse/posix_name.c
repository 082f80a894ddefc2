/* name: names of 255 bytes, names of odd bytes, and paths beyond PATH_MAX. */
#include "posix.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH 20 /* x 256 bytes > PATH_MAX */

static const char *const dirs[] = {"new", "low", "top", "mix", "opq"};

/* DIR/cccc...TAG, the name 255 bytes long */
static const char *long_path(const char *dir, const char *tag)
{
	char name[256];

	memset(name, 'c', sizeof(name));
	memcpy(name + 255 - strlen(tag), tag, strlen(tag) + 1);
	return sf("%s/%s", dir, name);
}

/* ---- deep trees, gone through by descriptors ---- */

static const char *deep_name(void)
{
	return strchr(long_path("x", "deep"), '/') + 1;
}

/* A directory below DEPTH long names; makes them when wanted. -1 and errno. */
static int descend(int at, const char *top, bool make)
{
	int dir, next;

	if (make && mkdirat(at, top, 0755) != 0 && errno != EEXIST)
		return -1;
	dir = openat(at, top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < DEPTH && dir >= 0; i++) {
		if (make && mkdirat(dir, deep_name(), 0755) != 0 && errno != EEXIST) {
			close(dir);
			return -1;
		}
		next = openat(dir, deep_name(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(dir);
		dir = next;
	}
	return dir;
}

static int put_at(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	int rc = fd < 0 ? errno : write(fd, text, strlen(text)) < 0 ? errno : 0;

	close(fd);
	return rc;
}

static const char *text_at(int dir, const char *name)
{
	char buf[64] = "";
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, buf, sizeof(buf) - 1) < 0)
		snprintf(buf, sizeof(buf), "errno %d", errno);
	close(fd);
	return sf("%s", buf);
}

static void prepare(enum layer layer)
{
	const char *dir = layer == LAYER_B ? "low" : "top";
	int deep;

	if (put_text(long_path(dir, "file"), "long") || put_text(long_path(dir, "gone"), "long") ||
	    put_text(long_path(dir, "over"), "long") || put_text(long_path(dir, "move"), "long") ||
	    make_dir(long_path(dir, "dir")) || put_text(long_path("mix", "file"), "long"))
		die("cannot make long names: %s", strerror(errno));
	for (int i = 0; i < 3; i++) {
		static const char *const tops[] = {"deep", "deep-moved", "deep-removed"};

		deep = descend(AT_FDCWD, tops[i], true);
		if (deep < 0 || put_at(deep, layer == LAYER_B ? "b" : "a", "deep") != 0)
			die("cannot make a deep tree: %s", strerror(errno));
		close(deep);
	}
}

static void use_depth(const char *top, bool prepared)
{
	int dir = descend(AT_FDCWD, top, !prepared);
	const char *up = sf("new/up-%d", prepared);
	struct stat st;

	if (!ck_err(TRY(dir), 0, "going down %s", top))
		return;
	if (prepared) {
		ck_str(text_at(dir, "a"), "deep", "what A has at the bottom of %s", top);
		ck_str(text_at(dir, "b"), "deep", "what B has at the bottom of %s", top);
		ck_err(TRY(fchmodat(dir, "b", 0600, 0)), 0, "chmod at the bottom of %s", top);
		ck_err(put_at(dir, "a", "DEEP"), 0, "write at the bottom of %s", top);
		ck_str(text_at(dir, "a"), "DEEP", "what was written at the bottom of %s", top);
		ck_err(TRY(unlinkat(dir, "b", 0)), 0, "unlink at the bottom of %s", top);
		ck_err(TRY(unlinkat(dir, "a", 0)), 0, "unlink at the bottom of %s", top);
	}
	ck_err(put_at(dir, "file", "content"), 0, "file at the bottom of %s", top);
	ck_str(text_at(dir, "file"), "content", "its content in %s", top);
	ck_err(TRY(renameat(dir, "file", dir, "other")), 0, "rename at the bottom of %s", top);
	ck_err(TRY(linkat(dir, "other", dir, "second", 0)), 0, "link at the bottom of %s", top);
	ck_err(TRY(fstatat(dir, "second", &st, 0)), 0, "stat at the bottom of %s", top);
	ck_num(st.st_nlink, 2, "links at the bottom of %s", top);
	ck_err(TRY(symlinkat("other", dir, "sym")), 0, "symlink at the bottom of %s", top);
	ck_str(text_at(dir, "sym"), "content", "content through it in %s", top);
	ck_err(TRY(mkdirat(dir, "sub", 0755)), 0, "mkdir at the bottom of %s", top);
	ck_err(TRY(unlinkat(dir, "sub", AT_REMOVEDIR)), 0, "rmdir at the bottom of %s", top);
	ck_err(TRY(renameat(dir, "other", AT_FDCWD, up)), 0, "rename up from the bottom of %s",
	       top);
	ck(holds(up, "content", 7), "what came up from %s", top);
	ck_err(TRY(unlinkat(dir, "second", 0)), 0, "unlink at the bottom of %s", top);
	ck_err(TRY(unlinkat(dir, "sym", 0)), 0, "unlink of the link at the bottom of %s", top);
	close(dir);
}

/* Remove what is below DIR, and nothing else. */
static int remove_at(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), rc = 0;
	struct dirent *e;
	DIR *dir;

	if (fd < 0)
		return TRY(unlinkat(at, name, 0));
	dir = fdopendir(fd);
	while (rc == 0 && dir && (e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = remove_at(fd, e->d_name);
	if (dir)
		closedir(dir);
	return rc ? rc : TRY(unlinkat(at, name, AT_REMOVEDIR));
}

static void deep_trees(void)
{
	int dir;

	use_depth("deep", true);
	use_depth("new/deep", false);
	ck_err(remove_at(AT_FDCWD, "new/deep"), 0, "removing a new deep tree");
	ck_err(remove_at(AT_FDCWD, "deep-removed"), 0, "removing a merged deep tree");
	ck(!exists("deep-removed"), "it is gone");
	ck_err(make_dir("deep-removed"), 0, "making its top anew");
	ck_str(names_in("deep-removed"), "", "nothing comes back in it");
	if (!ck_err(TRY(rename("deep-moved", "new/deep-moved")), 0, "rename of a deep tree"))
		return;
	dir = descend(AT_FDCWD, "new/deep-moved", false);
	ck_err(TRY(dir), 0, "going down the renamed deep tree");
	ck_str(text_at(dir, "a"), "deep", "what A has at the bottom of the renamed tree");
	ck_str(text_at(dir, "b"), "deep", "what B has at the bottom of the renamed tree");
	ck_err(put_at(dir, "b", "DEEP"), 0, "write at the bottom of the renamed tree");
	ck_str(text_at(dir, "b"), "DEEP", "what was written there");
	close(dir);
	ck_err(remove_at(AT_FDCWD, "new/deep-moved"), 0, "removing the renamed deep tree");
}

/* ---- long names ---- */

static void names_of_255(const char *dir)
{
	static const char *const tags[] = {"1", "2", "3", "4"};
	const char *p[4];
	ino_t ino;
	unsigned char type = DT_UNKNOWN;

	for (int i = 0; i < 4; i++)
		p[i] = long_path(dir, tags[i]);
	ck_err(put_text(p[0], "text"), 0, "create in %s", dir);
	ck(holds(p[0], "text", 4), "content in %s", dir);
	ck(entry_of(p[0], &type, &ino) && type == DT_REG, "readdir of %s tells", dir);
	ck_err(TRY(link(p[0], p[1])), 0, "link in %s", dir);
	ck_num(nlink_of(p[1]), 2, "links in %s", dir);
	ck_err(TRY(rename(p[1], p[2])), 0, "rename in %s", dir);
	ck(!exists(p[1]), "the old name in %s is gone", dir);
	ck_err(TRY(rename(p[2], p[1])), 0, "rename back in %s", dir);
	ck_err(TRY(unlink(p[0])), 0, "unlink in %s", dir);
	ck_err(TRY(unlink(p[1])), 0, "unlink of the link in %s", dir);
	ck_err(make_dir(p[0]), 0, "mkdir in %s", dir);
	ck_err(make_dir(sf("%s/x", p[0])), 0, "mkdir below it in %s", dir);
	ck_err(TRY(rmdir(p[0])), ENOTEMPTY, "rmdir of the full one in %s", dir);
	ck_err(TRY(rename(p[0], p[1])), 0, "rename of the directory in %s", dir);
	ck_err(TRY(rmdir(sf("%s/x", p[1]))), 0, "rmdir below it in %s", dir);
	ck_err(TRY(rmdir(p[1])), 0, "rmdir in %s", dir);
	ck_err(TRY(symlink("x", p[2])), 0, "symlink in %s", dir);
	ck_err(TRY(unlink(p[2])), 0, "unlink of the symlink in %s", dir);
	ck_err(make_fifo(p[3]), 0, "mkfifo in %s", dir);
	ck_err(TRY(unlink(p[3])), 0, "unlink of the fifo in %s", dir);
	for (int i = 0; i < 4; i++)
		ck(!exists(p[i]), "nothing is left in %s", dir);
}

static void names_of_layers(const char *dir)
{
	const char *file = long_path(dir, "file"), *gone = long_path(dir, "gone");
	const char *over = long_path(dir, "over"), *move = long_path(dir, "move");
	const char *subdir = long_path(dir, "dir"), *moved = long_path("new", sf("moved-%s", dir));

	ck(holds(file, "long", 4), "content in %s", dir);
	ck_err(TRY(chmod(file, 0600)), 0, "chmod in %s", dir);
	ck_mode(perm_of(file), 0600, "mode in %s", dir);
	ck(holds(file, "long", 4), "content in %s after chmod", dir);
	ck_err(TRY(unlink(gone)), 0, "unlink in %s", dir);
	ck(!exists(gone), "what was unlinked in %s is gone", dir);
	ck_err(put_text(gone, "again"), 0, "create over what was unlinked in %s", dir);
	ck(holds(gone, "again", 5), "its content in %s", dir);
	ck_err(TRY(rename(move, over)), 0, "rename over another in %s", dir);
	ck(!exists(move), "the old name in %s is gone", dir);
	ck(holds(over, "long", 4), "content in %s after rename", dir);
	ck_err(TRY(rename(over, moved)), 0, "rename out of %s", dir);
	ck(holds(moved, "long", 4), "content of what came out of %s", dir);
	ck_err(put_text(sf("%s/x", subdir), "x"), 0, "create in a directory of %s", dir);
	ck_err(TRY(unlink(sf("%s/x", subdir))), 0, "unlink in a directory of %s", dir);
	ck_err(TRY(rmdir(subdir)), 0, "rmdir in %s", dir);
	ck_err(make_dir(subdir), 0, "mkdir over what was removed in %s", dir);
	ck_str(names_in(subdir), "", "what is in it in %s", dir);
}

/* ---- odd bytes ---- */

static void odd_names(const char *dir)
{
	static const char *const odd[] = {
		" ",	"a\nb",	  "\xff\xfe",  "\x01",	"*?[",	   "..x",  "...",      "-rf",
		"a\\b", "a:b",	  "a,b",       "a=b",	"\"'`$x;", "\t",   "\xc3\xa4", "~",
		"#",	"%s%n",	  "CON.txt",   ".x",	"x.",	   "x~",   "\x7f",     "'",
		"user", "origin", "redirect=", ".work", "work",	   "index"};
	ino_t ino;
	unsigned char type;

	for (size_t i = 0; i < COUNT(odd); i++) {
		const char *path = sf("%s/%s", dir, odd[i]), *to = sf("%s/to%s", dir, odd[i]);

		ck_err(put_text(path, "odd"), 0, "create of odd name %zu in %s", i, dir);
		ck(entry_of(path, &type, &ino) && ino == ino_of(path),
		   "readdir of odd name %zu in %s", i, dir);
		ck_err(TRY(rename(path, to)), 0, "rename of odd name %zu in %s", i, dir);
		ck(holds(to, "odd", 3), "content of odd name %zu in %s", i, dir);
		ck_err(TRY(unlink(to)), 0, "unlink of odd name %zu in %s", i, dir);
		ck_err(make_dir(path), 0, "mkdir of odd name %zu in %s", i, dir);
		ck_err(TRY(rename(path, to)), 0, "rename of odd directory %zu in %s", i, dir);
		ck_err(TRY(rmdir(to)), 0, "rmdir of odd name %zu in %s", i, dir);
		ck(!exists(path) && !exists(to), "odd name %zu is gone from %s", i, dir);
	}
}

static void run(void)
{
	for (size_t i = 0; i < COUNT(dirs); i++) {
		names_of_255(dirs[i]);
		odd_names(dirs[i]);
	}
	names_of_layers("low");
	names_of_layers("top");
	deep_trees();
}

const struct posix_group name_group = {
	.name = "name",
	.about = "names of 255 bytes, odd bytes, paths beyond PATH_MAX",
	.run = run,
	.prepare = prepare,
};
