/* Marks: which are believed, where redirects may lead, and what is a whiteout. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "fuse.h"
#include "fuse/marks.h"

#define WHOLE ((size_t)-1)

START_TEST(mark_names)
{
	ck_assert_str_eq(mark_of("user.overlay.opaque"), "opaque");
	ck_assert_str_eq(mark_of("trusted.overlay.redirect"), "redirect");
	ck_assert_str_eq(mark_of("user.fuseoverlayfs.opaque"), "opaque");
	ck_assert_str_eq(mark_of("user.overlay."), "");
	ck_assert_ptr_null(mark_of("user.overlay"));
	ck_assert_ptr_null(mark_of("security.overlay.opaque"));
}
END_TEST

/* --- reading */

static int read_fake(bool trusted, bool upper, mode_t type, const struct fake_xattr *xattrs,
		     struct marks *m)
{
	struct place *p = fake_place(trusted, upper);
	int r;

	fake_xattrs = xattrs;
	r = marks_read(p, "file", type, m);
	fake_release(p);
	return r;
}

#define ALL(prefix)                                                                                \
	{                                                                                          \
		{prefix "opaque", "y", WHOLE}, {prefix "redirect", "/x", WHOLE},                   \
			{prefix "metacopy", "", 0}, {prefix "impure", "y", WHOLE},                 \
			{prefix "strake.ino", "1f", WHOLE}, {prefix "origin", "\0\1", 2},          \
			{.key = NULL},                                                             \
	}

START_TEST(believed)
{
	static const struct fake_xattr user[] = ALL("user.overlay."),
				       trusted[] = ALL("trusted.overlay."),
				       fuse[] = ALL("user.fuseoverlayfs."),
				       escaped[] = ALL("user.overlay.overlay."),
				       other[] = ALL("security.overlay.");
	static const struct {
		const struct fake_xattr *xattrs;
		bool trusted, upper, all, opaque;
	} cases[] = {
		{user, false, true, true, true},
		{user, false, false, true, true},
		{trusted, true, true, true, true},
		{trusted, true, false, true, true},
		/* clients of root's overlay can set user.overlay.*: in the upper it says nothing,
		 * and in lower layers only that something is hidden */
		{user, true, true, false, false},
		{user, true, false, false, true},
		{trusted, false, true, false, false},
		{trusted, false, false, false, false},
		{fuse, false, true, false, true},
		{fuse, true, false, false, true},
		{escaped, false, true, false, false},
		{escaped, false, false, false, false},
		{other, false, true, false, false},
		{other, true, true, false, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_marks_ struct marks m = {0};

		ck_assert_int_eq(
			read_fake(cases[i].trusted, cases[i].upper, S_IFDIR, cases[i].xattrs, &m),
			0);
		ck_assert_msg(m.opaque == cases[i].opaque, "%zu", i);
		ck_assert_msg(m.metacopy == cases[i].all && m.impure == cases[i].all, "%zu", i);
		ck_assert_uint_eq(m.ino, cases[i].all ? 0x1f : 0);
		ck_assert_pstr_eq(m.redirect, cases[i].all ? "/x" : NULL);
	}
}
END_TEST

START_TEST(values)
{
	static const struct fake_xattr no[] = {{"user.overlay.opaque", "n", WHOLE}, {0}},
				       x[] = {{"user.overlay.opaque", "x", WHOLE}, {0}},
				       none[] = {{"user.overlay.opaque", "", 0}, {0}},
				       both[] = {{"user.fuseoverlayfs.opaque", "y", WHOLE},
						 {"user.overlay.opaque", "n", WHOLE},
						 {0}},
				       digest[] = {{"user.overlay.metacopy", "\0\x24\0\1abcdefgh",
						    12},
						   {0}},
				       ino[] = {{"user.overlay.strake.ino", "xyz", WHOLE}, {0}},
				       empty[] = {{0}};
	static const struct {
		const struct fake_xattr *xattrs;
		bool opaque, metacopy;
	} cases[] = {{no, false, false},   {x, false, false},	  {none, false, false},
		     {both, true, false},  {digest, false, true}, {ino, false, false},
		     {empty, false, false}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_marks_ struct marks m = {0};

		ck_assert_int_eq(read_fake(false, true, S_IFREG, cases[i].xattrs, &m), 0);
		ck_assert_msg(m.opaque == cases[i].opaque && m.metacopy == cases[i].metacopy, "%zu",
			      i);
		ck_assert_uint_eq(m.ino, 0);
	}
}
END_TEST

/* One redirect of that text; what reading it said. */
static int read_redirect(const char *text, size_t size, struct marks *m)
{
	const struct fake_xattr xattrs[] = {{"user.overlay.redirect", text, size}, {0}};

	return read_fake(false, false, S_IFDIR, xattrs, m);
}

START_TEST(redirects_good)
{
	static const char *const cases[] = {
		"a",	"...",	  "..a",    "a..",  ".a",     " ",     "/a",	"/a/b",
		"/...", "/a/..b", "/\n/\\", "\xff", "/.wh.a", "/\xfe", "a:b,c", ".wh..wh..opq"};
	char long_text[4097];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_marks_ struct marks m = {0};

		ck_assert_int_eq(read_redirect(cases[i], WHOLE, &m), 0);
		ck_assert_str_eq(m.redirect, cases[i]);
	}
	/* a name as long as names may be, and a path as long as paths may be */
	for (size_t len = 255; len <= 4096; len = len == 255 ? 256 : len * 2) {
		_cleanup_marks_ struct marks m = {0};

		memset(long_text, 'n', len);
		for (size_t i = 0; len > 255 && i < len; i += 256)
			long_text[i] = '/';
		long_text[len] = '\0';
		ck_assert_int_eq(read_redirect(long_text, len, &m), 0);
		ck_assert_str_eq(m.redirect, long_text);
	}
}
END_TEST

START_TEST(redirects_hostile)
{
	static const char *const cases[] = {"",	      "/",	"//",	".",	  "..",
					    "a/b",    "a/",	"../a", "./a",	  "a/..",
					    "//a",    "/a//b",	"/a/",	"/..",	  "/.",
					    "/../a",  "/./a",	"/a/.", "/a/..",  "/a/../b",
					    "/a/./b", "/a/b//", "..//", "/a/../", "a/../../../etc"};
	char long_text[4200];
	struct marks m;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert_msg(read_redirect(cases[i], WHOLE, &m) == -EIO, "%s", cases[i]);
		ck_assert_ptr_null(m.redirect);
	}
	/* what a NUL ends is all there is */
	ck_assert_int_eq(read_redirect("..\0a", 4, &m), -EIO);
	ck_assert_int_eq(read_redirect("\0/a", 3, &m), -EIO);
	/* a name, a component and a path that are too long */
	memset(long_text, 'n', sizeof(long_text));
	ck_assert_int_eq(read_redirect(long_text, 256, &m), -EIO);
	long_text[0] = '/';
	ck_assert_int_eq(read_redirect(long_text, 257, &m), -EIO);
	long_text[200] = '/';
	ck_assert_int_eq(read_redirect(long_text, 457, &m), -EIO);
	for (size_t i = 0; i < sizeof(long_text); i += 100)
		long_text[i] = '/';
	ck_assert_int_lt(read_redirect(long_text, 4097, &m), 0);
	ck_assert_ptr_null(m.redirect);
}
END_TEST

/* A second redirect takes the place of the first. */
START_TEST(redirects_twice)
{
	static const struct fake_xattr xattrs[] = {{"user.overlay.redirect", "/a", WHOLE},
						   {"user.overlay.redirect", "/a", WHOLE},
						   {0}};
	struct marks m;

	ck_assert_int_eq(read_fake(false, true, S_IFDIR, xattrs, &m), 0);
	ck_assert_str_eq(m.redirect, "/a");
	marks_release(&m);
	ck_assert_ptr_null(m.redirect);
}
END_TEST

START_TEST(types_without)
{
	static const struct fake_xattr trusted[] = ALL("trusted.overlay.");
	struct marks m;

	/* user.* cannot be on these: nothing is asked */
	fake_error = EIO;
	ck_assert_int_eq(read_fake(false, true, S_IFLNK, NULL, &m), 0);
	ck_assert_int_eq(read_fake(true, true, S_IFLNK, NULL, &m), -EIO);
	ck_assert_int_eq(read_fake(true, true, S_IFLNK, trusted, &m), 0);
	ck_assert_str_eq(m.redirect, "/x");
	marks_release(&m);
}
END_TEST

START_TEST(lists)
{
	enum { MANY = 100 };
	static char keys_of[MANY][40];
	struct fake_xattr many[MANY + 2] = {{0}};
	struct marks m;

	/* more than fit a small buffer: the mark is the last of them */
	for (int i = 0; i < MANY; i++) {
		snprintf(keys_of[i], sizeof(keys_of[i]), "user.some-key-that-is-long-%d", i);
		many[i] = (struct fake_xattr){keys_of[i], "", 0};
	}
	many[MANY] = (struct fake_xattr){"user.overlay.opaque", "y", WHOLE};
	ck_assert_int_eq(read_fake(false, true, S_IFDIR, many, &m), 0);
	ck_assert(m.opaque);
	/* a file system that has none, and one that does not say */
	fake_error = ENOTSUP;
	ck_assert_int_eq(read_fake(false, true, S_IFDIR, NULL, &m), 0);
	fake_error = EACCES;
	ck_assert_int_eq(read_fake(false, true, S_IFDIR, NULL, &m), 0);
	fake_error = EIO;
	ck_assert_int_eq(read_fake(false, true, S_IFDIR, NULL, &m), -EIO);
}
END_TEST

/* --- whiteouts */

static bool is_whiteout(bool upper, const struct stat *st, const struct fake_xattr *xattrs)
{
	struct place *p = fake_place(false, upper);
	bool is;

	fake_xattrs = xattrs;
	is = mark_is_whiteout(p, "file", st);
	fake_release(p);
	return is;
}

START_TEST(both_kinds)
{
	static const struct fake_xattr both[] = {{"user.overlay.opaque", "y", WHOLE},
						 {"trusted.overlay.opaque", "x", WHOLE},
						 {0}},
				       opaque[] = {{"user.overlay.opaque", "y", WHOLE}, {0}};
	struct place *p = fake_place(false, false);

	/* one prefix's mark does not hide what the other's says */
	fake_xattrs = both;
	ck_assert(mark_has_xattr_whiteouts(p));
	fake_xattrs = opaque;
	ck_assert(!mark_has_xattr_whiteouts(p));
	fake_release(p);
}
END_TEST

START_TEST(whiteouts)
{
	static const struct fake_xattr user[] = {{"user.overlay.whiteout", "", 0}, {0}},
				       trusted[] = {{"trusted.overlay.whiteout", "y", WHOLE}, {0}},
				       escaped[] = {{"user.overlay.overlay.whiteout", "", 0}, {0}};
	const struct stat device = {.st_mode = S_IFCHR, .st_rdev = makedev(0, 0)},
			  null = {.st_mode = S_IFCHR, .st_rdev = makedev(1, 3)},
			  block = {.st_mode = S_IFBLK, .st_rdev = makedev(0, 0)},
			  empty = {.st_mode = S_IFREG}, dir = {.st_mode = S_IFDIR},
			  full = {.st_mode = S_IFREG, .st_size = 1};

	for (int upper = 0; upper < 2; upper++) {
		ck_assert(is_whiteout(upper, &device, NULL));
		ck_assert(!is_whiteout(upper, &null, user));
		ck_assert(!is_whiteout(upper, &block, user));
		ck_assert(!is_whiteout(upper, &dir, user));
		ck_assert(!is_whiteout(upper, &full, user));
		ck_assert(!is_whiteout(upper, &empty, escaped));
		ck_assert(!is_whiteout(upper, &empty, NULL));
		/* clients could set it */
		ck_assert_int_eq(is_whiteout(upper, &empty, user), !upper);
		ck_assert_int_eq(is_whiteout(upper, &empty, trusted), !upper);
	}
}
END_TEST

START_TEST(hidden_names)
{
	static const struct {
		const char *name;
		bool with_files, without;
	} cases[] = {
		{"a", false, false},	      {".wh", false, false},
		{".wh.", true, false},	      {".wh.a", true, false},
		{".wh..", true, false},	      {".WH.a", false, false},
		{".wh..wh..opq", true, true}, {".wh..wh.plnk", true, true},
		{".wh..wh", true, false},     {"a.wh.b", false, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct layer with = {.wh_files = true}, without = {.wh_files = false};

		ck_assert_msg(mark_is_hidden_name(&with, cases[i].name) == cases[i].with_files,
			      "%s", cases[i].name);
		ck_assert_msg(mark_is_hidden_name(&without, cases[i].name) == cases[i].without,
			      "%s", cases[i].name);
	}
}
END_TEST

/* --- on disk */

START_TEST(whiteout_files)
{
	struct place *root;
	char name[256];

	env_file("l0/.wh.a", "");
	env_mkdir("l0/opaque");
	env_file("l0/opaque/.wh..wh..opq", "");
	memset(name, 'n', 255);
	name[255] = '\0';
	env_open(1, false);
	root = env_fs.layers[0].root;
	ck_assert(mark_has_wh_file(root, "a"));
	ck_assert(!mark_has_wh_file(root, "b"));
	/* no ".wh." name of it can be */
	ck_assert(!mark_has_wh_file(root, name));
	name[251] = '\0';
	ck_assert(!mark_has_wh_file(root, name));
	ck_assert(!mark_has_opaque_file(root));
	_cleanup_place_ struct place *opaque = place_new(root, "opaque");
	ck_assert(mark_has_opaque_file(opaque));
	env_fs.layers[0].wh_files = false;
	ck_assert(!mark_has_opaque_file(opaque));
	ck_assert(!mark_has_wh_file(root, "a"));
}
END_TEST

START_TEST(longest_whiteout_file)
{
	char name[256], path[300];

	memset(name, 'n', 251);
	name[251] = '\0';
	snprintf(path, sizeof(path), "l0/.wh.%s", name);
	env_file(path, "");
	env_open(1, false);
	ck_assert(mark_has_wh_file(env_fs.layers[0].root, name));
}
END_TEST

/* What is set is read again, and taken away. */
START_TEST(set_and_remove)
{
	struct marks m;
	struct place *root;
	int fd;

	if (env_lacks_xattrs())
		return;
	env_mkdir("u/d");
	env_open(1, true);
	root = env_fs.layers[0].root;
	fd = place_pin(root);
	ck_assert_int_eq(mark_set(&env_fs, fd, "d", MARK_OPAQUE, "y"), 0);
	ck_assert_int_eq(mark_set(&env_fs, fd, "d", MARK_REDIRECT, "/a/b"), 0);
	ck_assert_int_eq(mark_set(&env_fs, fd, "d", MARK_REDIRECT, "/c"), 0);
	ck_assert_int_eq(mark_set(&env_fs, fd, "d", MARK_METACOPY, ""), 0);
	ck_assert_int_eq(mark_set(&env_fs, fd, "", MARK_IMPURE, "y"), 0);
	ck_assert_int_eq(mark_set(&env_fs, fd, "none", MARK_IMPURE, "y"), -ENOENT);
	ck_assert_int_eq(marks_read(root, "d", S_IFDIR, &m), 0);
	ck_assert(m.opaque && m.metacopy && !m.impure);
	ck_assert_str_eq(m.redirect, "/c");
	marks_release(&m);
	ck_assert_int_eq(marks_read(root, "", S_IFDIR, &m), 0);
	ck_assert(m.impure && !m.opaque);
	ck_assert_int_eq(mark_remove(&env_fs, fd, "d", MARK_REDIRECT), 0);
	ck_assert_int_eq(mark_remove(&env_fs, fd, "d", MARK_REDIRECT), 0); /* it is not there */
	ck_assert_int_eq(mark_remove(&env_fs, fd, "none", MARK_REDIRECT), -ENOENT);
	ck_assert_int_eq(marks_read(root, "d", S_IFDIR, &m), 0);
	ck_assert_ptr_null(m.redirect);
	place_unpin(root);
}
END_TEST

TCase *fuse_marks_case(void)
{
	TCase *tc = tcase_create("marks");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, mark_names);
	tcase_add_test(tc, believed);
	tcase_add_test(tc, values);
	tcase_add_test(tc, redirects_good);
	tcase_add_test(tc, redirects_hostile);
	tcase_add_test(tc, redirects_twice);
	tcase_add_test(tc, types_without);
	tcase_add_test(tc, lists);
	tcase_add_test(tc, whiteouts);
	tcase_add_test(tc, both_kinds);
	tcase_add_test(tc, hidden_names);
	return tc;
}

TCase *fuse_marks_disk_case(void)
{
	TCase *tc = env_case("marks on disk");

	tcase_add_test(tc, whiteout_files);
	tcase_add_test(tc, longest_whiteout_file);
	tcase_add_test(tc, set_and_remove);
	return tc;
}
