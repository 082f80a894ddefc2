/* Layers flattened into one directory. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "layer/copy.h"
#include "layer_env.h"

static int layers[8];
static size_t n_layers;

static void setup(void)
{
	env_setup();
	n_layers = 0;
}

static void teardown(void)
{
	while (n_layers)
		close(layers[--n_layers]);
	env_teardown();
}

static void add_layer(struct tar *t)
{
	env_good(t);
	layers[n_layers] = dup(env_layer);
	ck_assert_int_ge(layers[n_layers++], 0);
}

/* Into a new directory, which env_root then is. */
static void flatten(bool owners)
{
	struct err err = ERR_INIT;
	int dst;

	env_new_layer();
	ck_assert_int_eq(mkdirat(env_layer, "root", 0700), 0);
	dst = openat(env_layer, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_msg(layer_copy(dst, layers, n_layers, owners, &err) == 0, "%s", err.msg);
	env_root = dst;
}

START_TEST(one_layer)
{
	struct tar t = {0};

	tar_add(&t, (struct tar_item){.name = ".", .type = '5', .mode = 0750, .mtime = 3});
	tar_add(&t, (struct tar_item){.name = "d", .type = '5', .mode = 02755, .mtime = 4});
	tar_add(&t, (struct tar_item){.name = "d/suid", .mode = 04711, .data = "s", .mtime = 5});
	tar_link(&t, "d/link", "d/suid");
	tar_symlink(&t, "sym", "d/suid");
	tar_link(&t, "sym2", "sym");
	tar_add(&t, (struct tar_item){.name = "pipe", .type = '6', .mode = 0606});
	tar_pax(&t, "SCHILY.xattr.user.mime", "text", 4);
	tar_file(&t, "x", "xattr");
	tar_add(&t, (struct tar_item){.name = "owned", .uid = 5, .data = "o"});
	add_layer(&t);
	flatten(false);
	ck_assert_int_eq(env_stat("").st_mode, S_IFDIR | 0750);
	ck_assert_int_eq(env_stat("").st_mtime, 3);
	ck_assert_int_eq(env_stat("d").st_mode, S_IFDIR | 02755);
	ck_assert_int_eq(env_stat("d").st_mtime, 4);
	ck_assert_int_eq(env_stat("d/suid").st_mode, S_IFREG | 04711);
	ck_assert_int_eq(env_stat("d/suid").st_mtime, 5);
	ck_assert_uint_eq(env_stat("d/link").st_ino, env_stat("d/suid").st_ino);
	ck_assert_uint_eq(env_stat("d/link").st_nlink, 2);
	ck_assert_str_eq(env_readlink("sym"), "d/suid");
	ck_assert_uint_eq(env_stat("sym2").st_ino, env_stat("sym").st_ino);
	ck_assert_int_eq(env_stat("pipe").st_mode, S_IFIFO | 0606);
	ck_assert_str_eq(env_content("x"), "xattr");
	ck_assert_int_eq(env_stat("owned").st_uid, getuid());
	if (env_has_xattrs()) {
		ck_assert_str_eq(env_xattr("x", "user.mime"), "text");
		ck_assert_int_eq(env_owner("owned").st_uid, 5);
	}
}
END_TEST

START_TEST(later_layers_win)
{
	struct tar t = {0};

	tar_file(&t, "both", "lower");
	tar_file(&t, "lower", "l");
	tar_file(&t, "d/lower", "l");
	tar_file(&t, "dir-to-file/x", "l");
	tar_file(&t, "file-to-dir", "l");
	tar_symlink(&t, "link-to-dir", "d");
	tar_file(&t, "hard", "lower");
	tar_link(&t, "hard2", "hard");
	add_layer(&t);
	tar_file(&t, "both", "upper");
	tar_add(&t, (struct tar_item){.name = "d", .type = '5', .mode = 0711, .mtime = 9});
	tar_file(&t, "d/upper", "u");
	tar_file(&t, "dir-to-file", "u");
	tar_file(&t, "file-to-dir/x", "u");
	tar_file(&t, "link-to-dir/x", "u");
	tar_file(&t, "hard", "upper");
	add_layer(&t);
	flatten(false);
	ck_assert_str_eq(env_content("both"), "upper");
	ck_assert_str_eq(env_content("lower"), "l");
	ck_assert_str_eq(env_content("d/lower"), "l");
	ck_assert_str_eq(env_content("d/upper"), "u");
	ck_assert_int_eq(env_stat("d").st_mode, S_IFDIR | 0711);
	ck_assert_int_eq(env_stat("d").st_mtime, 9);
	ck_assert_str_eq(env_content("dir-to-file"), "u");
	ck_assert_str_eq(env_content("file-to-dir/x"), "u");
	ck_assert(S_ISDIR(env_stat("link-to-dir").st_mode));
	ck_assert(!env_exists("d/x"));
	ck_assert_str_eq(env_content("hard"), "upper");
	ck_assert_str_eq(env_content("hard2"), "lower");
}
END_TEST

START_TEST(whiteouts)
{
	struct tar t = {0};

	tar_file(&t, "gone", "");
	tar_file(&t, "kept", "");
	tar_file(&t, "d/gone/x", "");
	tar_file(&t, "d/kept", "");
	tar_file(&t, "o/one", "");
	tar_file(&t, "o/deep/two", "");
	tar_file(&t, "r/old", "");
	add_layer(&t);
	tar_file(&t, ".wh.gone", "");
	tar_file(&t, "d/.wh.gone", "");
	tar_file(&t, ".wh.never", "");
	tar_file(&t, "o/.wh..wh..opq", "");
	tar_file(&t, "o/new", "");
	tar_file(&t, ".wh.r", "");
	tar_file(&t, "r/new", "");
	add_layer(&t);
	flatten(false);
	ck_assert(!env_exists("gone"));
	ck_assert(env_exists("kept"));
	ck_assert(!env_exists("d/gone"));
	ck_assert(env_exists("d/kept"));
	ck_assert(!env_exists("never"));
	ck_assert(!env_exists("o/one"));
	ck_assert(!env_exists("o/deep"));
	ck_assert(env_exists("o/new"));
	ck_assert(!env_exists("r/old"));
	ck_assert(env_exists("r/new"));
	ck_assert(!env_exists(".wh.gone"));
	ck_assert(!env_exists("o/.wh..wh..opq"));
	ck_assert_ptr_null(env_xattr("o", "user.overlay.opaque"));
	tar_file(&t, ".wh..wh..opq", "");
	tar_file(&t, "only", "");
	add_layer(&t);
	flatten(false);
	ck_assert(env_exists("only"));
	ck_assert(!env_exists("kept"));
	ck_assert(!env_exists("d"));
}
END_TEST

START_TEST(holes)
{
	struct tar t = {0};
	char data[1024] = "1\n1048576\n512\n";
	struct stat st;

	tar_pax(&t, "GNU.sparse.major", "1", 1);
	tar_pax(&t, "GNU.sparse.minor", "0", 1);
	tar_pax(&t, "GNU.sparse.name", "sparse", 6);
	tar_pax(&t, "GNU.sparse.realsize", "4194304", 7);
	memset(data + 512, 'd', 512);
	tar_add(&t, (struct tar_item){.name = "x", .data = data, .size = 1024});
	add_layer(&t);
	flatten(false);
	st = env_stat("sparse");
	ck_assert_int_eq(st.st_size, 4 << 20);
	ck_assert_int_lt(st.st_blocks * 512, 1 << 20);
	ck_assert_int_eq(env_content("sparse")[1 << 20], 'd');
	ck_assert_int_eq(env_content("sparse")[(1 << 20) + 512], 0);
}
END_TEST

START_TEST(true_owners)
{
	struct tar t = {0};

	if (geteuid() != 0)
		return; /* only root may give files away; the cli suite does it in a namespace */
	tar_add(&t,
		(struct tar_item){.name = "file", .uid = 5, .gid = 6, .mode = 06755, .data = "x"});
	tar_add(&t, (struct tar_item){.name = "secret", .uid = 5, .no_mode = 1, .data = "x"});
	tar_add(&t, (struct tar_item){.name = "d", .type = '5', .uid = 7, .mode = 0500});
	tar_file(&t, "d/file", "in");
	tar_add(&t, (struct tar_item){.name = "sym", .type = '2', .link = "x", .gid = 8});
	tar_add(&t, (struct tar_item){.name = "pipe", .type = '6', .uid = 9});
	tar_add(&t, (struct tar_item){.name = "null",
				      .type = '3',
				      .mode = 0666,
				      .gid = 3,
				      .major = 1,
				      .minor = 3});
	add_layer(&t);
	flatten(true);
	ck_assert_int_eq(env_stat("file").st_uid, 5);
	ck_assert_int_eq(env_stat("file").st_gid, 6);
	ck_assert_int_eq(env_stat("file").st_mode, S_IFREG | 06755);
	ck_assert_ptr_null(env_xattr("file", "user.containers.override_stat"));
	ck_assert_int_eq(env_stat("secret").st_mode, S_IFREG);
	ck_assert_int_eq(env_stat("d").st_uid, 7);
	ck_assert_int_eq(env_stat("d").st_mode, S_IFDIR | 0500);
	ck_assert_int_eq(env_stat("d/file").st_uid, 0);
	ck_assert_int_eq(env_stat("sym").st_gid, 8);
	ck_assert_int_eq(env_stat("pipe").st_uid, 9);
	ck_assert_int_eq(env_stat("null").st_mode, S_IFREG | 0666);
	ck_assert_int_eq(env_stat("null").st_gid, 3);
}
END_TEST

START_TEST(deep_tree)
{
	struct tar t = {0};
	char path[4096] = "";

	for (size_t i = 0; i < 400; i++)
		memcpy(path + 2 * i, "d/", 3);
	memcpy(path + 800, "file", 5);
	tar_file(&t, path, "deep");
	add_layer(&t);
	flatten(false);
	ck_assert_str_eq(env_content(path), "deep");
}
END_TEST

START_TEST(not_a_layer)
{
	struct err err = ERR_INIT;
	int dst;

	layers[0] = dup(env_new_layer());
	n_layers = 1;
	env_new_layer();
	dst = dup(env_layer);
	ck_assert_int_eq(layer_copy(dst, layers, 1, false, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.msg, "layer's root"));
	close(dst);
}
END_TEST

START_TEST(tree_as_it_stands)
{
	struct tar t = {0};
	struct err err = ERR_INIT;
	int src, dst;

	tar_add(&t, (struct tar_item){.name = "d/file", .mode = 0640, .data = "x", .mtime = 8});
	tar_symlink(&t, "sym", "d/file");
	env_good(&t);
	src = dup(env_root);
	env_new_layer();
	ck_assert_int_eq(mkdirat(env_layer, "root", 0700), 0);
	dst = openat(env_layer, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_msg(layer_copy_tree(dst, src, &err) == 0, "%s", err.msg);
	close(src);
	env_root = dst;
	ck_assert_str_eq(env_content("d/file"), "x");
	ck_assert_int_eq(env_stat("d/file").st_mode, S_IFREG | 0640);
	ck_assert_int_eq(env_stat("d/file").st_mtime, 8);
	ck_assert_str_eq(env_readlink("sym"), "d/file");
}
END_TEST

TCase *layer_copy_case(void)
{
	TCase *c = tcase_create("copy");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, one_layer);
	tcase_add_test(c, later_layers_win);
	tcase_add_test(c, whiteouts);
	tcase_add_test(c, holes);
	tcase_add_test(c, true_owners);
	tcase_add_test(c, deep_tree);
	tcase_add_test(c, not_a_layer);
	tcase_add_test(c, tree_as_it_stands);
	return c;
}
