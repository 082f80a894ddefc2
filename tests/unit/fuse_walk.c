/* Finding names in layers: what hides what. Each question is asked three ways: by lookups through
 * the layers, by readdir, and by lookups again, which then go by the listing. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "fuse.h"
#include "fuse/walk.h"

/* path is there and of that type: 0 means it is not. */
static void expect_type(const char *path, mode_t type)
{
	int error = 0;
	struct node *n = env_node(path, &error);

	ck_assert_msg(n ? n->type == type : !type && error == ENOENT, "%s: %s", path,
		      n ? "another type" : strerror(error));
	env_forget(n);
}

/* dir has these names, and a lookup of `others` finds nothing; names are separated by blanks. */
static void expect(const char *dir, const char *names, const char *others)
{
	_cleanup_strv_ char **in = strv_split(names, ' '), **out = strv_split(others, ' ');
	char path[600];

	for (int round = 0; round < 2; round++) {
		for (char **name = in; *name; name++) {
			int error = 0;
			struct node *n;

			if (!**name)
				continue;
			snprintf(path, sizeof(path), "%s%s%s", dir, *dir ? "/" : "", *name);
			n = env_node(path, &error);
			ck_assert_msg(n != NULL, "%s: %s", path, strerror(error));
			env_forget(n);
		}
		for (char **name = out; *name; name++) {
			if (!**name)
				continue;
			snprintf(path, sizeof(path), "%s%s%s", dir, *dir ? "/" : "", *name);
			expect_type(path, 0);
		}
		ck_assert_str_eq(env_ls(dir), names);
	}
}

/* How many layers a directory is merged from. */
static unsigned int depth_of(const char *path)
{
	int error = 0;
	struct node *n = env_node(path, &error);
	unsigned int depth;

	ck_assert_msg(n && S_ISDIR(n->type), "%s", path);
	depth = n->dir->n;
	env_forget(n);
	return depth;
}

START_TEST(merged)
{
	env_file("l0/both", "top");
	env_file("l1/both", "below");
	env_file("l0/d/a", "0a");
	env_file("l1/d/a", "1a");
	env_file("l1/d/b", "1b");
	env_file("l2/d/c", "2c");
	env_file("l2/only/x", "");
	env_open(3, false);
	expect("", "both d only", "a x .. .");
	expect("d", "a b c", "d x");
	ck_assert_str_eq(env_read("both"), "top");
	ck_assert_str_eq(env_read("d/a"), "0a");
	ck_assert_str_eq(env_read("d/b"), "1b");
	ck_assert_str_eq(env_read("d/c"), "2c");
	ck_assert_uint_eq(depth_of("d"), 3);
	ck_assert_uint_eq(depth_of("only"), 1);
	ck_assert_str_eq(env_ls("d/a"), "!ENOTDIR");
	ck_assert_str_eq(env_ls("none"), "!ENOENT");
}
END_TEST

/* What is no directory ends what is below it, and what is above it. */
START_TEST(types)
{
	env_file("l0/file-dir", "");
	env_file("l1/file-dir/x", "");
	env_file("l0/dir-file/x", "");
	env_file("l1/dir-file", "");
	env_file("l2/dir-file/y", "");
	env_file("l0/dir-link/x", "");
	env_mkdir("l1");
	ck_assert_int_eq(symlinkat("dir-file", env_dir, "l1/dir-link"), 0);
	env_file("l2/dir-link/y", "");
	env_open(3, false);
	expect_type("file-dir", S_IFREG);
	expect("dir-file", "x", "y");
	ck_assert_uint_eq(depth_of("dir-file"), 1);
	expect("dir-link", "x", "y");
}
END_TEST

/* --- whiteouts */

/* l0 has whiteouts of "f", "d", "l", and of "none"; l1 has these; l2 has f and d, and what l1
 * whites out itself. */
static void make_hidden(void (*hide)(const char *dir, const char *name))
{
	env_mkdir("l0");
	hide("l0", "f");
	hide("l0", "d");
	hide("l0", "l");
	hide("l0", "none");
	env_file("l0/stays", "");
	env_file("l1/f", "1");
	env_file("l1/d/x", "");
	ck_assert_int_eq(symlinkat("f", env_dir, "l1/l"), 0);
	env_mkdir("l1/e");
	hide("l1/e", "x");
	hide("l1", "seen-twice");
	env_file("l2/f", "2");
	env_file("l2/d/y", "");
	env_file("l2/e/x", "");
	env_file("l2/e/y", "");
	env_file("l2/seen-twice", "");
	env_file("l0/seen-twice", "0");
	env_mkdir("l0/e");
}

static void check_hidden(void)
{
	env_open(3, false);
	expect("", "e seen-twice stays", "f d l none");
	expect("e", "y", "x");
	ck_assert_str_eq(env_read("seen-twice"), "0");
	ck_assert_str_eq(env_read("f"), "!ENOENT");
	ck_assert_str_eq(env_ls("d"), "!ENOENT");
}

static void hide_by_device(const char *dir, const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	env_device(path);
}

static void hide_by_file(const char *dir, const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/.wh.%s", dir, name);
	env_file(path, "");
}

static void hide_by_xattr(const char *dir, const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	env_file(path, "");
	env_mark(path, "user.overlay.whiteout", "");
	/* without it a directory is not searched for them by readdir */
	env_mark(dir, "user.overlay.opaque", "x");
}

START_TEST(devices)
{
	env_mkdir("l0");
	if (env_lacks_devices())
		return;
	make_hidden(hide_by_device);
	check_hidden();
}
END_TEST

START_TEST(wh_files)
{
	make_hidden(hide_by_file);
	check_hidden();
}
END_TEST

START_TEST(xattr_whiteouts)
{
	if (env_lacks_xattrs())
		return;
	make_hidden(hide_by_xattr);
	check_hidden();
}
END_TEST

/* Other xattrs beside it may be more than an inode holds: it is a whiteout all the same. */
START_TEST(xattr_whiteout_with_others)
{
	static const char label[600] = "";

	if (env_lacks_xattrs())
		return;
	make_hidden(hide_by_xattr);
	_cleanup_fd_ int fd = openat(env_dir, "l0/f", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fsetxattr(fd, "user.label", label, sizeof(label), 0), 0);
	check_hidden();
}
END_TEST

/* In the lowest layer, where they hide nothing, they are not seen either. */
START_TEST(whiteouts_at_the_bottom)
{
	env_file("l0/d/a", "");
	env_file("l0/d/.wh.x", "");
	env_file("l0/d/.wh..wh..opq", "");
	env_file("l1/d/.wh.y", "");
	env_file("l1/d/.wh..wh.plnk", "");
	env_file("l1/d/z", "");
	env_file("l1/.wh.", "");
	env_open(2, false);
	expect("d", "a", "x y z .wh.x .wh.y .wh..wh..opq .wh..wh.plnk");
	expect("", "d", ".wh. .wh");
}
END_TEST

/* A directory in which every entry is hidden is empty, and can be removed. */
static void check_removable(const char *dir)
{
	int r;

	env_open(2, true);
	ck_assert_str_eq(env_ls(dir), "");
	r = overlay_rmdir(&env_fs, env_fs.root, dir);
	ck_assert_msg(r == 0, "%s: %s", dir, strerror(-r));
	expect_type(dir, 0);
}

START_TEST(empty_by_files)
{
	env_file("l0/d/.wh.a", "");
	env_file("l1/d/a", "");
	env_file("l1/d/.wh.b", "");
	check_removable("d");
}
END_TEST

START_TEST(empty_by_xattrs)
{
	if (env_lacks_xattrs())
		return;
	env_mkdir("l1/d");
	hide_by_xattr("l1/d", "b");
	check_removable("d");
}
END_TEST

/* What is in the same layer as a ".wh." file of its name is new there. */
START_TEST(wh_file_beside_its_name)
{
	env_file("l0/.wh.f", "");
	env_file("l0/f", "new");
	env_file("l1/f", "old");
	env_open(2, false);
	expect("", "f", ".wh.f");
	ck_assert_str_eq(env_read("f"), "new");
}
END_TEST

START_TEST(longest_names)
{
	char name[256], path[300];

	memset(name, 'n', 255);
	name[255] = '\0';
	snprintf(path, sizeof(path), "l1/%s", name);
	env_file(path, "long");
	name[251] = '\0';
	snprintf(path, sizeof(path), "l1/%s", name);
	env_file(path, "hidden");
	snprintf(path, sizeof(path), "l0/.wh.%s", name);
	env_file(path, "");
	env_open(2, false);
	expect_type(name, 0);
	memset(name, 'n', 255);
	expect("", name, "");
	ck_assert_str_eq(env_read(name), "long");
}
END_TEST

/* In the upper layer ".wh." names are files as others are, unless a server made them. */
START_TEST(wh_names_in_the_upper)
{
	env_file("u/.wh.a", "");
	env_file("u/.wh..wh.x", "");
	env_file("l0/a", "");
	env_open(1, true);
	if (env_fs.mknod_whiteout)
		expect("", ".wh.a a", ".wh..wh.x");
	else
		expect("", "", "a .wh.a .wh..wh.x");
}
END_TEST

/* --- opaque directories */

static void make_opaque(const char *path, const char *how)
{
	char file[300];

	env_mkdir(path);
	if (how) {
		env_mark(path, how, "y");
		return;
	}
	snprintf(file, sizeof(file), "%s/.wh..wh..opq", path);
	env_file(file, "");
}

static void check_opaque(const char *how)
{
	env_file("l0/top/a", "");
	make_opaque("l0/top", how);
	env_file("l1/top/b", "");
	env_file("l0/middle/a", "");
	env_file("l1/middle/b", "");
	make_opaque("l1/middle", how);
	env_file("l2/middle/c", "");
	env_file("l2/bottom/c", "");
	make_opaque("l2/bottom", how);
	env_file("l0/bottom/a", "");
	env_file("l0/top/sub/a", "");
	env_file("l1/top/sub/b", "");
	env_open(3, false);
	expect("top", "a sub", "b");
	expect("top/sub", "a", "b");
	expect("middle", "a b", "c");
	expect("bottom", "a c", "");
	ck_assert_uint_eq(depth_of("top"), 1);
	ck_assert_uint_eq(depth_of("middle"), 2);
	ck_assert_uint_eq(depth_of("bottom"), 2);
}

START_TEST(opaque_by_file)
{
	check_opaque(NULL);
}
END_TEST

START_TEST(opaque_by_xattr)
{
	if (env_lacks_xattrs())
		return;
	check_opaque(_i ? "user.fuseoverlayfs.opaque" : "user.overlay.opaque");
}
END_TEST

START_TEST(opaque_root)
{
	env_file("l0/a", "");
	env_file("l0/d/a", "");
	env_file("l1/b", "");
	env_file("l1/d/b", "");
	env_file("l1/.wh..wh..opq", "");
	env_file("l2/c", "");
	env_open(3, false);
	expect("", "a b d", "c");
	expect("d", "a b", "");
	ck_assert_uint_eq(env_fs.root->dir->n, 2);
}
END_TEST

/* Root's overlay does not believe a client's user.overlay.* in its upper layer. */
START_TEST(not_believed)
{
	if (env_lacks_xattrs())
		return;
	env_config.trusted = true;
	env_file("u/d/a", "");
	env_mark("u/d", "user.overlay.opaque", "y");
	env_mark("u/d", "user.overlay.redirect", "/secret");
	env_file("l0/d/b", "");
	env_file("l0/secret/s", "");
	env_mark("l0/d", "user.overlay.redirect", "/secret");
	env_file("l1/d/c", "");
	env_file("l1/secret/t", "");
	env_open(2, true);
	expect("d", "a b c", "s t");
}
END_TEST

/* --- below the upper, and where a node is */

START_TEST(is_below)
{
	struct dir *d;

	env_file("u/up", "");
	env_file("u/both", "");
	env_file("l0/both", "");
	env_file("l0/.wh.gone", "");
	env_file("l1/gone", "");
	env_file("l1/deep", "");
	env_open(2, true);
	d = env_fs.root->dir;
	pthread_rwlock_rdlock(&d->lock);
	ck_assert_int_eq(walk_is_below(&env_fs, d, "up"), 0);
	ck_assert_int_eq(walk_is_below(&env_fs, d, "both"), 1);
	ck_assert_int_eq(walk_is_below(&env_fs, d, "gone"), 0);
	ck_assert_int_eq(walk_is_below(&env_fs, d, "deep"), 1);
	ck_assert_int_eq(walk_is_below(&env_fs, d, "none"), 0);
	ck_assert_int_eq(walk_is_below(&env_fs, d, ".wh.gone"), 0);
	pthread_rwlock_unlock(&d->lock);
}
END_TEST

START_TEST(spots)
{
	struct node *n;
	struct spot s;
	int error = 0;

	env_file("l0/d/a", "");
	env_file("l1/d/b", "");
	env_open(2, false);
	n = env_node("d/b", &error);
	ck_assert_int_eq(spot_find(&env_fs, n, false, &s), 0);
	ck_assert_str_eq(s.name, "b");
	ck_assert_uint_eq(s.place->layer->index, 1);
	ck_assert_str_eq(s.place->name, "d");
	spot_release(&env_fs, &s);
	/* a file that lost its name */
	struct node *dir = env_node("d", &error);
	node_remove_name(&env_fs.nodes, n, dir, "b");
	ck_assert_int_eq(spot_find(&env_fs, n, true, &s), -ENOENT);
	env_forget(n);
	ck_assert_int_eq(spot_find(&env_fs, dir, true, &s), 0);
	ck_assert_str_eq(s.name, "d");
	spot_release(&env_fs, &s);
	env_forget(dir);
	ck_assert_int_eq(spot_find(&env_fs, env_fs.root, false, &s), -ENOENT);
}
END_TEST

/* All names of one file lead to one node, in its layer; what is in another layer is another file.
 */
START_TEST(hard_links)
{
	struct node *a, *b, *c;
	int error = 0;

	env_file("l1/a", "x");
	env_mkdir("l1/d");
	ck_assert_int_eq(linkat(env_dir, "l1/a", env_dir, "l1/d/b", 0), 0);
	env_mkdir("l0");
	ck_assert_int_eq(linkat(env_dir, "l1/a", env_dir, "l0/c", 0), 0);
	env_open(2, false);
	a = env_node("a", &error);
	b = env_node("d/b", &error);
	c = env_node("c", &error);
	ck_assert_ptr_eq(a, b);
	ck_assert_ptr_ne(a, c);
	ck_assert_uint_eq(a->ino, b->ino);
	env_forget(a);
	env_forget(b);
	env_forget(c);
}
END_TEST

TCase *fuse_walk_case(void)
{
	TCase *tc = env_case("walk");

	tcase_add_test(tc, merged);
	tcase_add_test(tc, types);
	tcase_add_test(tc, devices);
	tcase_add_test(tc, wh_files);
	tcase_add_test(tc, xattr_whiteouts);
	tcase_add_test(tc, xattr_whiteout_with_others);
	tcase_add_test(tc, whiteouts_at_the_bottom);
	tcase_add_test(tc, empty_by_files);
	tcase_add_test(tc, empty_by_xattrs);
	tcase_add_test(tc, wh_file_beside_its_name);
	tcase_add_test(tc, longest_names);
	tcase_add_test(tc, wh_names_in_the_upper);
	tcase_add_test(tc, opaque_by_file);
	tcase_add_loop_test(tc, opaque_by_xattr, 0, 2);
	tcase_add_test(tc, opaque_root);
	tcase_add_test(tc, not_believed);
	tcase_add_test(tc, is_below);
	tcase_add_test(tc, spots);
	tcase_add_test(tc, hard_links);
	return tc;
}
