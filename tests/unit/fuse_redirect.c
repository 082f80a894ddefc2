/* Redirects of directories, and where the data of metadata-only copies are. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "fuse.h"
#include "fuse/content.h"

#define REDIRECT "user.overlay.redirect"
#define METACOPY "user.overlay.metacopy"
#define OPAQUE "user.overlay.opaque"

static void redirect(const char *dir, const char *to)
{
	env_mkdir(dir);
	env_mark(dir, REDIRECT, to);
}

START_TEST(absolute)
{
	if (env_lacks_xattrs())
		return;
	redirect("l0/new", "/old");
	env_file("l0/new/own", "");
	env_file("l1/old/file", "f");
	env_file("l1/old/sub/x", "");
	env_file("l1/new/not-this", "");
	redirect("l0/d/deep", "/a/b/c");
	env_file("l1/a/b/c/x", "");
	env_file("l2/a/b/c/y", "");
	env_file("l2/d/deep/z", "");
	env_open(3, false);
	ck_assert_str_eq(env_ls("new"), "file own sub");
	ck_assert_str_eq(env_ls("new/sub"), "x");
	ck_assert_str_eq(env_read("new/file"), "f");
	ck_assert_str_eq(env_ls("d/deep"), "x y");
	/* unless a whiteout says otherwise, what was moved is seen where it was, too */
	ck_assert_str_eq(env_ls("old"), "file sub");
}
END_TEST

START_TEST(relative)
{
	if (env_lacks_xattrs())
		return;
	redirect("l0/a/new", "old");
	env_file("l1/a/old/f", "");
	env_file("l1/old/not-this", "");
	env_file("l1/a/new/not-this", "");
	env_file("l2/a/old/g", "");
	redirect("l0/top", "other");
	env_file("l1/other/x", "");
	env_open(3, false);
	ck_assert_str_eq(env_ls("a/new"), "f g");
	ck_assert_str_eq(env_ls("top"), "x");
}
END_TEST

/* Each layer says how the next calls it. */
START_TEST(from_layer_to_layer)
{
	if (env_lacks_xattrs())
		return;
	redirect("l0/one", "two");
	redirect("l1/two", "three");
	redirect("l2/three", "/four/five");
	env_file("l3/four/five/x", "");
	env_file("l1/two/y", "");
	env_file("l3/three/not-this", "");
	redirect("l0/six", "/seven");
	redirect("l1/seven", "/eight");
	env_file("l2/eight/x", "");
	env_file("l3/eight/y", "");
	env_file("l2/seven/not-this", "");
	env_open(4, false);
	ck_assert_str_eq(env_ls("one"), "x y");
	ck_assert_str_eq(env_ls("six"), "x y");
}
END_TEST

/* Redirects of directories on the way of a redirect: relative or absolute, of the first component
 * and of the last. */
START_TEST(nested)
{
	static const struct {
		const char *first, *last; /* of /a and of /a/b in l1, or NULL */
		const char *found;	  /* in l2 */
	} cases[] = {
		{NULL, NULL, "a/b"},	 {"x", NULL, "x/b"},
		{NULL, "y", "a/y"},	 {"x", "y", "x/y"},
		{"/p/q", NULL, "p/q/b"}, {NULL, "/z", "z"},
		{"/p/q", "y", "p/q/y"},	 {"x", "/z", "z"},
		{"/p/q", "/z/w", "z/w"}, {"/a-long-name/q", "y", "a-long-name/q/y"},
	};
	static const char *const all[] = {"a/b",   "x/b", "a/y", "x/y", "p/q/b",	  "z",
					  "p/q/y", "z/w", "y",	 "q/y", "a-long-name/q/y"};
	char path[64];

	if (env_lacks_xattrs())
		return;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		redirect("l0/d", "/a/b");
		env_file("l1/a/b/in1", "");
		if (cases[i].first)
			env_mark("l1/a", REDIRECT, cases[i].first);
		if (cases[i].last)
			env_mark("l1/a/b", REDIRECT, cases[i].last);
		for (size_t j = 0; j < ARRAY_SIZE(all); j++) {
			bool is = !strcmp(all[j], cases[i].found);

			snprintf(path, sizeof(path), "l2/%s/%s", all[j], is ? "found" : "wrong");
			env_file(path, "");
		}
		env_open(3, false);
		/* of a nested directory the name in l2 may be listed with it */
		ck_assert_msg(strstr(env_ls("d"), "found") && !strstr(env_ls("d"), "wrong") &&
				      strstr(env_ls("d"), "in1"),
			      "/a: %s, /a/b: %s: %s", cases[i].first, cases[i].last, env_ls("d"));
		env_close();
		env_teardown();
		env_setup();
	}
}
END_TEST

/* A redirect below one that was followed. */
START_TEST(within_a_redirect)
{
	if (env_lacks_xattrs())
		return;
	redirect("l0/new", "/old");
	redirect("l0/new/sub", "before");
	redirect("l0/new/abs", "/old/before");
	env_file("l1/old/before/x", "");
	env_file("l1/new/before/not-this", "");
	env_open(2, false);
	ck_assert_str_eq(env_ls("new/sub"), "x");
	ck_assert_str_eq(env_ls("new/abs"), "x");
	ck_assert_str_eq(env_ls("new"), "abs before sub");
}
END_TEST

START_TEST(nowhere)
{
	if (env_lacks_xattrs())
		return;
	env_file("l0/a/own", "");
	redirect("l0/a", "/none");
	env_file("l0/b/own", "");
	redirect("l0/b", "/file");
	env_file("l0/c/own", "");
	redirect("l0/c", "none");
	env_file("l0/d/own", "");
	redirect("l0/d", "/link");
	env_file("l0/e/own", "");
	redirect("l0/e", "/file/below");
	env_file("l0/f/own", "");
	redirect("l0/f", "/f");
	env_file("l0/g/own", "");
	redirect("l0/g", "/hidden");
	env_file("l1/a/x", "");
	env_file("l1/c/x", "");
	env_file("l1/file", "");
	ck_assert_int_eq(symlinkat("target", env_dir, "l1/link"), 0);
	env_file("l1/target/x", "");
	env_file("l1/f/same", "");
	env_file("l1/.wh.hidden", "");
	env_file("l2/hidden/x", "");
	env_open(3, false);
	ck_assert_str_eq(env_ls("a"), "own");
	ck_assert_str_eq(env_ls("b"), "own");
	ck_assert_str_eq(env_ls("c"), "own");
	ck_assert_str_eq(env_ls("d"), "own");
	ck_assert_str_eq(env_ls("e"), "own");
	ck_assert_str_eq(env_ls("f"), "own same");
	ck_assert_str_eq(env_ls("g"), "own");
}
END_TEST

/* What ends the way ends it for the layers below as well; what is not there does not. */
START_TEST(ends)
{
	if (env_lacks_xattrs())
		return;
	redirect("l0/opaque", "/a/b");
	env_file("l1/a/b/x", "");
	env_mark("l1/a/b", OPAQUE, "y");
	env_file("l2/a/b/not-this", "");
	redirect("l0/above", "/c/d");
	env_file("l1/c/d/x", "");
	env_file("l1/c/.wh..wh..opq", "");
	env_file("l2/c/d/not-this", "");
	redirect("l0/file", "/e/f");
	env_file("l1/e", "");
	env_file("l2/e/f/not-this", "");
	redirect("l0/missing", "/g/h");
	env_mkdir("l1/g");
	env_file("l2/g/h/x", "");
	/* hidden in its own layer: it leads nowhere */
	redirect("l0/both", "/a/b");
	env_mark("l0/both", OPAQUE, "y");
	env_open(3, false);
	ck_assert_str_eq(env_ls("opaque"), "x");
	ck_assert_str_eq(env_ls("above"), "x");
	ck_assert_str_eq(env_ls("file"), "");
	ck_assert_str_eq(env_ls("missing"), "x");
	ck_assert_str_eq(env_ls("both"), "");
}
END_TEST

/* A redirect that leads out is not followed, and the directory not shown as if it had none. */
START_TEST(hostile)
{
	static const char *const cases[] = {"..", "../outside", "a/b", "/../outside", "/a//b", ""};
	char path[64];

	if (env_lacks_xattrs())
		return;
	env_file("outside/secret", "");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(path, sizeof(path), "l0/d%zu", i);
		redirect(path, cases[i]);
		/* in the lowest layer a redirect says nothing: it is not read */
		snprintf(path, sizeof(path), "l1/low%zu", i);
		redirect(path, cases[i]);
	}
	env_file("l1/d0/x", "");
	env_open(2, false);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(path, sizeof(path), "d%zu", i);
		ck_assert_str_eq(env_ls(path), "!EIO");
		snprintf(path, sizeof(path), "low%zu", i);
		ck_assert_str_eq(env_ls(path), "");
	}
	/* whoever lists the directory above sees that it is there */
	ck_assert_str_eq(env_ls(""), "d0 d1 d2 d3 d4 d5 low0 low1 low2 low3 low4 low5");
}
END_TEST

/* --- metadata-only copies */

static void metacopy(const char *path, off_t size, const char *to)
{
	env_hole(path, size);
	env_mark(path, METACOPY, "");
	if (to)
		env_mark(path, REDIRECT, to);
}

static bool is_metacopy(const char *path)
{
	int error = 0;
	struct node *n = env_node(path, &error);
	bool is;

	ck_assert_msg(n != NULL, "%s: %s", path, strerror(error));
	is = n->metacopy;
	env_forget(n);
	return is;
}

START_TEST(data_below)
{
	if (env_lacks_xattrs())
		return;
	metacopy("l0/same", 4, NULL);
	env_file("l1/same", "same");
	metacopy("l0/d/name", 4, "other");
	env_file("l1/d/other", "name");
	env_file("l1/d/name", "not this");
	metacopy("l0/d/path", 4, "/e/f");
	env_file("l2/e/f", "path");
	metacopy("l0/root", 4, "/top");
	env_file("l2/top", "root");
	metacopy("l0/far", 3, NULL);
	env_file("l2/far", "far");
	env_file("l0/plain", "plain");
	env_file("l1/plain", "not this");
	env_open(3, false);
	ck_assert_str_eq(env_read("same"), "same");
	ck_assert_str_eq(env_read("d/name"), "name");
	ck_assert_str_eq(env_read("d/path"), "path");
	ck_assert_str_eq(env_read("root"), "root");
	ck_assert_str_eq(env_read("far"), "far");
	ck_assert_str_eq(env_read("plain"), "plain");
	ck_assert(is_metacopy("same") && !is_metacopy("plain"));
}
END_TEST

/* The same when it is in the upper layer. */
START_TEST(data_below_the_upper)
{
	if (env_lacks_xattrs())
		return;
	metacopy("u/same", 4, NULL);
	env_file("l1/same", "same");
	metacopy("u/path", 4, "/d/f");
	env_file("l0/d/f", "path");
	/* in a directory that has nothing below, and says that there are marks in it */
	metacopy("u/impure/f", 4, "/d/f");
	env_mark("u/impure", "user.overlay.impure", "y");
	env_open(2, true);
	ck_assert_str_eq(env_read("same"), "same");
	ck_assert_str_eq(env_read("path"), "path");
	ck_assert_str_eq(env_read("impure/f"), "path");
}
END_TEST

/* The data are in a directory that was moved, too. */
START_TEST(data_in_a_redirect)
{
	if (env_lacks_xattrs())
		return;
	redirect("l0/new", "/old");
	metacopy("l0/new/f", 4, NULL);
	env_file("l1/old/f", "data");
	env_file("l1/new/f", "not this");
	redirect("l1/moved", "/before");
	metacopy("l0/moved/g", 4, "/moved/h");
	env_file("l2/before/h", "data");
	env_open(3, false);
	ck_assert_str_eq(env_read("new/f"), "data");
	ck_assert_str_eq(env_read("moved/g"), "data");
}
END_TEST

/* A copy of a copy: the one below has no data either, and may say where they are. */
START_TEST(copies_of_copies)
{
	if (env_lacks_xattrs())
		return;
	metacopy("l0/same", 4, NULL);
	metacopy("l1/same", 4, NULL);
	env_file("l2/same", "data");
	metacopy("l0/path", 4, NULL);
	metacopy("l1/path", 4, "/old");
	env_file("l2/old", "path");
	metacopy("l0/name", 4, "middle");
	metacopy("l1/middle", 4, "last");
	env_file("l2/last", "name");
	env_open(3, false);
	ck_assert_str_eq(env_read("same"), "data");
	ck_assert_str_eq(env_read("path"), "path");
	ck_assert_str_eq(env_read("name"), "name");
}
END_TEST

/* Without its data a file has its attributes, and reading it fails: it does not read as zeros. */
START_TEST(data_nowhere)
{
	static const char *const cases[] = {"none", "dir", "link", "path", "loop", "low"};
	struct file f;

	if (env_lacks_xattrs())
		return;
	metacopy("l0/none", 7, NULL);
	metacopy("l0/dir", 7, "/d");
	env_mkdir("l1/d");
	metacopy("l0/link", 7, "/l");
	ck_assert_int_eq(symlinkat("target", env_dir, "l1/l"), 0);
	env_file("l1/target", "not this");
	metacopy("l0/path", 7, "/d/none");
	metacopy("l0/loop", 7, "/loop");
	metacopy("l0/low", 7, NULL);
	env_file("l1/.wh.low", "");
	env_open(2, false);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert_int_eq(overlay_lookup(&env_fs, env_fs.root, cases[i], &f), 0);
		ck_assert_int_eq(f.st.st_size, 7);
		env_forget(f.node);
		ck_assert_str_eq(env_read(cases[i]), "!EIO");
	}
}
END_TEST

START_TEST(data_hostile)
{
	static const char *const cases[] = {"..", "../f", "a/b", "/../f", "/d/../../f", "/"};
	char path[64];

	if (env_lacks_xattrs())
		return;
	env_file("f", "outside");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(path, sizeof(path), "l0/f%zu", i);
		metacopy(path, 7, cases[i]);
	}
	env_mkdir("l1/d");
	env_open(2, false);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(path, sizeof(path), "f%zu", i);
		ck_assert_str_eq(env_read(path), "!EIO");
	}
}
END_TEST

/* More xattrs than an inode holds take a block of their own, which is none of the data's. */
START_TEST(big_xattrs)
{
	static const char label[600] = "";
	_cleanup_fd_ int fd = -1;

	if (env_lacks_xattrs())
		return;
	metacopy("l0/f", 4, NULL);
	fd = openat(env_dir, "l0/f", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fsetxattr(fd, "user.label", label, sizeof(label), 0), 0);
	env_file("l1/f", "data");
	env_open(2, false);
	ck_assert(is_metacopy("f"));
	ck_assert_str_eq(env_read("f"), "data");
}
END_TEST

TCase *fuse_redirect_case(void)
{
	TCase *tc = env_case("redirect");

	tcase_add_test(tc, absolute);
	tcase_add_test(tc, relative);
	tcase_add_test(tc, from_layer_to_layer);
	tcase_add_test(tc, nested);
	tcase_add_test(tc, within_a_redirect);
	tcase_add_test(tc, nowhere);
	tcase_add_test(tc, ends);
	tcase_add_test(tc, hostile);
	return tc;
}

TCase *fuse_metacopy_case(void)
{
	TCase *tc = env_case("metacopy");

	tcase_add_test(tc, data_below);
	tcase_add_test(tc, data_below_the_upper);
	tcase_add_test(tc, data_in_a_redirect);
	tcase_add_test(tc, copies_of_copies);
	tcase_add_test(tc, data_nowhere);
	tcase_add_test(tc, data_hostile);
	tcase_add_test(tc, big_xattrs);
	return tc;
}
