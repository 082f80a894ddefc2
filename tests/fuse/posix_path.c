/* path: what every call that takes a path answers to paths that lead nowhere. */
#include "posix.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

static int opens(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0644);

	if (fd < 0)
		return -1;
	return close(fd);
}

static int call_stat(const char *p)
{
	struct stat st;

	return stat(p, &st);
}

static int call_lstat(const char *p)
{
	struct stat st;

	return lstat(p, &st);
}

static int call_open(const char *p)
{
	return opens(p, O_RDONLY);
}

static int call_open_write(const char *p)
{
	return opens(p, O_WRONLY | O_TRUNC);
}

static int call_open_path(const char *p)
{
	return opens(p, O_PATH);
}

static int call_open_tmp(const char *p)
{
	return opens(p, O_TMPFILE | O_RDWR);
}

static int call_truncate(const char *p)
{
	return truncate(p, 3);
}

static int call_chmod(const char *p)
{
	return chmod(p, 0700);
}

static int call_chown(const char *p)
{
	return chown(p, -1, -1);
}

static int call_lchown(const char *p)
{
	return lchown(p, -1, -1);
}

static int call_utimens(const char *p)
{
	return utimensat(AT_FDCWD, p, NULL, 0);
}

static int call_access(const char *p)
{
	return access(p, F_OK);
}

static int call_readlink(const char *p)
{
	char buf[10];

	return readlink(p, buf, sizeof(buf)) < 0 ? -1 : 0;
}

static int call_getxattr(const char *p)
{
	char buf[10];

	return getxattr(p, "user.none", buf, sizeof(buf)) < 0 ? -1 : 0;
}

static int call_setxattr(const char *p)
{
	return lsetxattr(p, "user.none", "x", 1, 0);
}

static int call_listxattr(const char *p)
{
	return listxattr(p, NULL, 0) < 0 ? -1 : 0;
}

static int call_removexattr(const char *p)
{
	return removexattr(p, "user.none");
}

static int call_statvfs(const char *p)
{
	struct statvfs fs;

	return statvfs(p, &fs);
}

static int call_rename_from(const char *p)
{
	return rename(p, "new/path-renamed");
}

static int call_link_from(const char *p)
{
	return link(p, "new/path-linked");
}

static int make_file(const char *p)
{
	return opens(p, O_WRONLY | O_CREAT);
}

static int make_exclusive(const char *p)
{
	return opens(p, O_WRONLY | O_CREAT | O_EXCL);
}

static int make_directory(const char *p)
{
	return mkdir(p, 0755);
}

static int make_node(const char *p)
{
	return mknod(p, S_IFREG | 0644, 0);
}

static int make_pipe(const char *p)
{
	return mkfifo(p, 0644);
}

static int make_symlink(const char *p)
{
	return symlink("x", p);
}

static int make_link(const char *p)
{
	return link("new/path-file", p);
}

static int make_rename(const char *p)
{
	int rc;

	errno = put_text("new/path-source", "x");
	if (errno != 0)
		return -1;
	rc = rename("new/path-source", p);
	if (rc != 0) {
		int saved = errno;

		unlink("new/path-source");
		errno = saved;
	}
	return rc;
}

static const struct call {
	const char *name;
	int (*fn)(const char *path);
	bool makes; /* the last name may be absent */
} calls[] = {
	{"stat", call_stat, false},
	{"lstat", call_lstat, false},
	{"open", call_open, false},
	{"open for writing", call_open_write, false},
	{"open O_PATH", call_open_path, false},
	{"open O_TMPFILE", call_open_tmp, false},
	{"truncate", call_truncate, false},
	{"chmod", call_chmod, false},
	{"chown", call_chown, false},
	{"lchown", call_lchown, false},
	{"utimensat", call_utimens, false},
	{"access", call_access, false},
	{"readlink", call_readlink, false},
	{"getxattr", call_getxattr, false},
	{"setxattr", call_setxattr, false},
	{"listxattr", call_listxattr, false},
	{"removexattr", call_removexattr, false},
	{"statvfs", call_statvfs, false},
	{"chdir", chdir, false},
	{"unlink", unlink, false},
	{"rmdir", rmdir, false},
	{"rename of", call_rename_from, false},
	{"link of", call_link_from, false},
	{"open O_CREAT", make_file, true},
	{"open O_CREAT|O_EXCL", make_exclusive, true},
	{"mkdir", make_directory, true},
	{"mknod", make_node, true},
	{"mkfifo", make_pipe, true},
	{"symlink", make_symlink, true},
	{"link to", make_link, true},
	{"rename to", make_rename, true},
};

/* Every call, with one path; PATH is absent and could be made when MAKEABLE. */
static void all_calls(const char *what, const char *path, int want, bool makeable)
{
	for (size_t i = 0; i < COUNT(calls); i++) {
		const struct call *c = &calls[i];
		int expected = c->makes && makeable ? 0 : want;

		if (!ck_err(TRY(c->fn(path)), expected, "%s %s", c->name, what))
			continue;
		if (expected == 0) {
			ck(exists(path), "%s %s makes it", c->name, what);
			ck_err(TRY(remove(path)), 0, "removing what %s made as %s", c->name, what);
			ck(!exists(path), "what %s made as %s is gone", c->name, what);
		}
	}
}

static const char *repeat(char *buf, size_t size, const char *part, size_t length)
{
	size_t n = strlen(part);

	if (length >= size)
		die("too long a path");
	for (size_t i = 0; i < length; i++)
		buf[i] = part[i % n];
	buf[length] = '\0';
	return buf;
}

static void too_long(void)
{
	static char path[8192];
	char name[300];

	for (int i = 0; i < 4; i++) {
		static const char *const dirs[] = {"new", "low", "mix", "opq"};

		repeat(name, sizeof(name), "n", 255);
		all_calls(sf("name of 255 in %s", dirs[i]), sf("%s/%s", dirs[i], name), ENOENT,
			  true);
		repeat(name, sizeof(name), "n", 256);
		all_calls(sf("name of 256 in %s", dirs[i]), sf("%s/%s", dirs[i], name),
			  ENAMETOOLONG, false);
		all_calls(sf("below a name of 256 in %s", dirs[i]), sf("%s/%s/x", dirs[i], name),
			  ENAMETOOLONG, false);
	}
	/* "./././...": 4095 bytes are allowed */
	ck_err(TRY(call_stat(repeat(path, sizeof(path), "./", 4095))), 0, "stat path of 4095");
	repeat(path, sizeof(path), "./", 4096);
	all_calls("path of 4096", path, ENAMETOOLONG, false);
	repeat(path, sizeof(path), "new/../", 7000);
	all_calls("path of 7000", path, ENAMETOOLONG, false);
}

/* Slashes and dots at the end. */
static void endings(void)
{
	static const enum kind kinds[] = {DIR_NEW, DIR_LOW, DIR_MERGED, DIR_OPAQUE, DIR_AGAIN};
	static const enum kind filekinds[] = {FILE_NEW, FILE_LOW, FILE_OVER};

	for (size_t i = 0; i < COUNT(kinds); i++) {
		const char *d = take(kinds[i]), *name = kind_name(kinds[i]);

		ck_err(TRY(call_stat(sf("%s/", d))), 0, "stat %s/", name);
		ck_err(TRY(call_stat(sf("%s/.", d))), 0, "stat %s/.", name);
		ck_err(TRY(call_stat(sf("%s/..", d))), 0, "stat %s/..", name);
		ck_err(TRY(rmdir(sf("%s/.", d))), EINVAL, "rmdir %s/.", name);
		ck_err(TRY(rmdir(sf("%s/..", d))), ENOTEMPTY, "rmdir %s/..", name);
		ck_err(TRY(mkdir(sf("%s/", d), 0755)), EEXIST, "mkdir %s/", name);
		ck_err(TRY(mkdir(sf("%s/.", d), 0755)), EEXIST, "mkdir %s/.", name);
		ck_err(TRY(unlink(d)), EISDIR, "unlink %s", name);
		ck_err(TRY(rename(sf("%s/.", d), "new/dot")), EBUSY, "rename of %s/.", name);
		ck_err(TRY(mkdir(sf("%s/sub/", d), 0755)), 0, "mkdir %s/sub/", name);
		ck_err(TRY(rmdir(sf("%s/sub/", d))), 0, "rmdir %s/sub/", name);
		ck_err(TRY(make_file(sf("%s/x/", d))), EISDIR, "open O_CREAT %s/x/", name);
		ck_err(TRY(rmdir(sf("%s/", d))), 0, "rmdir %s/", name);
		ck_err(TRY(call_stat(d)), ENOENT, "stat %s after rmdir", name);
	}
	for (size_t i = 0; i < COUNT(filekinds); i++) {
		const char *f = take(filekinds[i]), *name = kind_name(filekinds[i]);

		ck_err(TRY(call_stat(sf("%s/", f))), ENOTDIR, "stat %s/", name);
		ck_err(TRY(call_stat(sf("%s/.", f))), ENOTDIR, "stat %s/.", name);
		ck_err(TRY(unlink(sf("%s/", f))), ENOTDIR, "unlink %s/", name);
		ck_err(TRY(rmdir(f)), ENOTDIR, "rmdir %s", name);
		ck_err(TRY(chdir(f)), ENOTDIR, "chdir %s", name);
		ck_err(TRY(rename(sf("%s/", f), "new/slash")), ENOTDIR, "rename of %s/", name);
		ck_err(TRY(rename(f, "new/slash/")), ENOTDIR, "rename %s to new/slash/", name);
		ck_err(TRY(link(f, "new/slash/")), ENOENT, "link %s to new/slash/", name);
		ck(holds(f, content, SIZE), "content of %s after all that", name);
	}
}

static void run(void)
{
	ck_err(put_text("new/path-file", "x"), 0, "create");
	ck_err(TRY(symlink("path-loop", "new/path-loop")), 0, "symlink to itself");
	ck_err(TRY(symlink("path-file", "new/path-to-file")), 0, "symlink to a file");
	all_calls("the empty path", "", ENOENT, false);
	all_calls("below a loop of links", "new/path-loop/x", ELOOP, false);
	all_calls("below a link to a file", "new/path-to-file/x", ENOTDIR, false);
	for (enum kind k = ABSENT_NEW; k <= ABSENT_LAST; k++) {
		all_calls(kind_name(k), take(k), ENOENT, true);
		all_calls(sf("below %s", kind_name(k)), sf("%s/x", take(k)), ENOENT, false);
	}
	for (enum kind k = 0; k <= FILE_LAST; k++)
		all_calls(sf("below %s", kind_name(k)), sf("%s/x", take(k)), ENOTDIR, false);
	for (enum kind k = LINK_NEW; k <= LINK_LAST; k++)
		all_calls(sf("below %s", kind_name(k)), sf("%s/x", take(k)), ENOENT, false);
	for (enum kind k = FIFO_NEW; k <= SOCK_LAST; k++)
		all_calls(sf("below %s", kind_name(k)), sf("%s/x", take(k)), ENOTDIR, false);
	for (enum kind k = DIR_NEW; k <= DIR_LAST; k++) {
		const char *dir = take(k);

		all_calls(sf("absent in %s", kind_name(k)), sf("%s/x", dir), ENOENT, true);
		ck_str(names_in(dir), "", "names in %s after that", kind_name(k));
	}
	too_long();
	endings();
}

const struct posix_group path_group = {
	.name = "path",
	.about = "errors of every call for paths that lead nowhere",
	.run = run,
};
