/* Hard links to files that only lower layers have. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sha256.h"
#include "layer/lower.h"
#include "layer_env.h"

static int layers[8];
static struct digest ids[8];
static size_t n_layers;

static void setup(void)
{
	env_setup();
	n_layers = 0;
	for (size_t i = 0; i < 8; i++) {
		char hex[65];

		sha256_hex(&i, sizeof(i), hex);
		digest_from_hex(hex, &ids[i]);
	}
}

static void teardown(void)
{
	while (n_layers)
		close(layers[--n_layers]);
	env_teardown();
}

static void add_lower(struct tar *t)
{
	env_good(t);
	layers[n_layers] = dup(env_layer);
	ck_assert_int_ge(layers[n_layers++], 0);
}

static int make(void)
{
	memset(&env_err, 0, sizeof(env_err));
	return layer_links_make(env_layer, layers, ids, n_layers, &env_err);
}

/* The layer on top of the others, its links made. */
static void add_top(struct tar *t)
{
	env_options.lower_links = true;
	env_good(t);
	env_options.lower_links = false;
	ck_assert_int_eq(layer_links_check(env_layer, ids, n_layers, NULL), -ENOENT);
	ck_assert_msg(make() == 0, "%s", env_err.msg);
	ck_assert_int_eq(layer_links_check(env_layer, ids, n_layers, NULL), 0);
}

static void bad_top(struct tar *t, int code, const char *text)
{
	int r;

	env_options.lower_links = true;
	env_good(t);
	env_options.lower_links = false;
	r = make();
	ck_assert_msg(r == -code, "%d instead of %d: %s", r, -code, env_err.msg);
	ck_assert_int_eq(env_err.code, code);
	ck_assert_msg(strstr(env_err.msg, text) != NULL, "no '%s' in: %s", text, env_err.msg);
	ck_assert_int_eq(layer_links_check(env_layer, ids, n_layers, NULL), -ENOENT);
}

START_TEST(copies)
{
	struct tar t = {0};

	tar_add(&t, (struct tar_item){
			    .name = "d/file", .mode = 04711, .uid = 5, .mtime = 9, .data = "f"});
	tar_add(&t, (struct tar_item){.name = "sym", .type = '2', .link = "x", .uid = 6});
	tar_file(&t, "shadowed", "base");
	add_lower(&t);
	tar_file(&t, "shadowed", "middle");
	add_lower(&t);
	tar_add(&t, (struct tar_item){.name = "dir", .type = '5', .mtime = 77});
	tar_link(&t, "dir/one", "d/file");
	tar_link(&t, "dir/two", "d/file");
	tar_link(&t, "sym2", "sym");
	tar_link(&t, "three", "shadowed");
	tar_link(&t, "four", "three");
	tar_file(&t, "own", "o");
	tar_link(&t, "own2", "own");
	add_top(&t);
	ck_assert_str_eq(env_content("dir/one"), "f");
	ck_assert_int_eq(env_stat("dir/one").st_mode, S_IFREG | 04711);
	ck_assert_int_eq(env_stat("dir/one").st_mtime, 9);
	ck_assert_int_eq(env_owner("dir/one").st_uid, 5);
	ck_assert_uint_eq(env_stat("dir/one").st_nlink, 2);
	ck_assert_uint_eq(env_stat("dir/two").st_ino, env_stat("dir/one").st_ino);
	ck_assert_int_eq(env_stat("dir").st_mtime, 77);
	ck_assert_str_eq(env_readlink("sym2"), "x");
	ck_assert_int_eq(env_owner("sym2").st_uid, 6);
	ck_assert_str_eq(env_content("three"), "middle");
	ck_assert_uint_eq(env_stat("four").st_ino, env_stat("three").st_ino);
	ck_assert_uint_eq(env_stat("own2").st_ino, env_stat("own").st_ino);
	ck_assert(!env_exists("d"));
}
END_TEST

START_TEST(as_the_merged_tree_shows)
{
	struct tar t = {0};

	tar_file(&t, "usr/lib/file", "found");
	tar_file(&t, "white", "w");
	tar_file(&t, "gone/file", "g");
	tar_file(&t, "opaque/file", "o");
	tar_file(&t, "plain/file", "p");
	tar_dir(&t, "dir");
	add_lower(&t);
	tar_symlink(&t, "lib", "usr/lib");
	tar_file(&t, ".wh.white", "");
	tar_file(&t, ".wh.gone", "");
	tar_file(&t, "opaque/.wh..wh..opq", "");
	tar_file(&t, "plain", "not a directory");
	add_lower(&t);
	tar_link(&t, "link", "lib/file");
	add_top(&t);
	ck_assert_str_eq(env_content("link"), "found");
	tar_link(&t, "link", "white");
	bad_top(&t, ENOENT, "'link': hard link to 'white'");
	tar_link(&t, "link", "gone/file");
	bad_top(&t, ENOENT, "hard link to 'gone/file'");
	tar_link(&t, "link", "opaque/file");
	bad_top(&t, ENOENT, "hard link to 'opaque/file'");
	tar_link(&t, "link", "plain/file");
	bad_top(&t, ENOENT, "hard link to 'plain/file'");
	tar_link(&t, "link", "never");
	bad_top(&t, ENOENT, "hard link to 'never'");
	tar_link(&t, "link", "dir");
	bad_top(&t, EBADMSG, "hard link to the directory 'dir'");
	tar_link(&t, "link", "link");
	bad_top(&t, ENOENT, "hard link to 'link'");
	tar_link(&t, "link", "never");
	tar_file(&t, "link", "replaced, and wrong all the same");
	bad_top(&t, ENOENT, "hard link to 'never'");
	tar_link(&t, "d/link", "never");
	tar_file(&t, "d", "");
	bad_top(&t, ENOENT, "hard link to 'never'");
	tar_dir(&t, "gone");
	tar_link(&t, "link", "gone/file");
	bad_top(&t, ENOENT, "hard link to 'gone/file'");
}
END_TEST

START_TEST(later_entries_win)
{
	struct tar t = {0};

	tar_file(&t, "lower", "l");
	add_lower(&t);
	tar_file(&t, "before", "b");
	tar_link(&t, "before", "lower");
	tar_link(&t, "after", "lower");
	tar_file(&t, "after", "a");
	tar_link(&t, "d/link", "lower");
	tar_file(&t, "d", "no directory");
	tar_link(&t, "white", "lower");
	tar_file(&t, ".wh.white", "");
	add_top(&t);
	ck_assert_str_eq(env_content("before"), "l");
	ck_assert_str_eq(env_content("after"), "a");
	ck_assert_str_eq(env_content("d"), "no directory");
	ck_assert_str_eq(env_content("white"), "l");
	ck_assert(!env_exists(".wh.white"));
}
END_TEST

START_TEST(stays_inside)
{
	struct tar t = {0};

	tar_symlink(&t, "up", "../../..");
	tar_symlink(&t, "abs", "/");
	tar_symlink(&t, "loop", "loop");
	tar_symlink(&t, "file", "../../canary");
	add_lower(&t);
	tar_link(&t, "link", "up/canary");
	bad_top(&t, ENOENT, "hard link to 'up/canary'");
	tar_link(&t, "link", "abs/canary");
	bad_top(&t, ENOENT, "hard link to 'abs/canary'");
	tar_link(&t, "link", "loop/x");
	bad_top(&t, ENOENT, "hard link to 'loop/x'");
	tar_link(&t, "link", "file");
	tar_symlink(&t, "way", "../../..");
	tar_link(&t, "way/canary", "file");
	add_top(&t);
	ck_assert_str_eq(env_readlink("link"), "../../canary");
	ck_assert_str_eq(env_readlink("canary"), "../../canary");
}
END_TEST

START_TEST(good_above_the_same_layers_only)
{
	struct tar t = {0};
	struct digest other = ids[0];

	tar_file(&t, "lower", "l");
	add_lower(&t);
	tar_file(&t, "plain", "p");
	env_good(&t);
	ck_assert_int_eq(layer_links_check(env_layer, ids, 1, NULL), 0);
	ck_assert_int_eq(layer_links_check(env_layer, ids, 0, NULL), 0);
	tar_link(&t, "link", "lower");
	add_top(&t);
	ids[0] = ids[1];
	ck_assert_int_eq(layer_links_check(env_layer, ids, 1, NULL), -EEXIST);
	ck_assert_int_eq(make(), -EEXIST);
	ids[0] = other;
	ck_assert_int_eq(layer_links_check(env_layer, ids, 2, NULL), -EEXIST);
	ck_assert_int_eq(make(), 0);
}
END_TEST

/* A process that was killed in between left some links, and a copy that is not whole. */
START_TEST(begun_before)
{
	struct tar t = {0};

	tar_file(&t, "lower", "lower");
	add_lower(&t);
	tar_link(&t, "link", "lower");
	tar_link(&t, "other", "lower");
	env_options.lower_links = true;
	env_good(&t);
	ck_assert_int_eq(symlinkat("half", env_root, ".wh..wh.new"), 0);
	ck_assert_int_eq(make(), 0);
	ck_assert_str_eq(env_content("link"), "lower");
	ck_assert(!env_exists(".wh..wh.new"));
	ck_assert_int_eq(unlinkat(env_layer, "lower", 0), 0);
	ck_assert_int_eq(unlinkat(env_root, "other", 0), 0);
	ck_assert_int_eq(make(), 0);
	ck_assert_str_eq(env_content("other"), "lower");
}
END_TEST

START_TEST(damaged_list)
{
	struct err err = ERR_INIT;
	struct tar t = {0};

	tar_file(&t, "file", "");
	env_good(&t);
	ck_assert_int_eq(fd_write_file_atomic(env_layer, "links", "name\0target", 11, 0600, &err),
			 0);
	ck_assert_int_eq(make(), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(env_err.msg, "damaged"));
}
END_TEST

TCase *layer_lower_case(void)
{
	TCase *c = tcase_create("links into lower layers");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, copies);
	tcase_add_test(c, as_the_merged_tree_shows);
	tcase_add_test(c, later_entries_win);
	tcase_add_test(c, stays_inside);
	tcase_add_test(c, good_above_the_same_layers_only);
	tcase_add_test(c, begun_before);
	tcase_add_test(c, damaged_list);
	return c;
}
