/* Every file of tests/data/reject/KIND is refused by KIND's parser with the words its NAME.err asks
 * for (a POSIX extended regular expression, one line). */
#include <dirent.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>

#include "oci.h"

#include "base/fd.h"
#include "base/str.h"
#include "oci/image_config.h"
#include "oci/manifest.h"
#include "oci/reference.h"

#define DATA_MAX (16 * 1024 * 1024)

typedef int (*parse_fn)(const char *text, size_t len, struct err *err);

static int parse_manifest(const char *text, size_t len, struct err *err)
{
	struct manifest m;
	int r = manifest_parse(text, len, NULL, &m, err);

	ck_assert_ptr_null(m.layers);
	return r;
}

static int parse_index(const char *text, size_t len, struct err *err)
{
	struct image_index index;
	int r = image_index_parse(text, len, NULL, &index, err);

	ck_assert_ptr_null(index.manifests);
	return r;
}

static int parse_config(const char *text, size_t len, struct err *err)
{
	struct image_config c;
	int r = image_config_parse(text, len, &c, err);

	ck_assert_ptr_null(c.json);
	return r;
}

static int parse_reference(const char *text, size_t len, struct err *err)
{
	struct reference ref;
	char *name = xstrndup(text, len);
	int r;

	if (len > 0 && name[len - 1] == '\n')
		name[len - 1] = '\0';
	r = reference_parse(name, &ref, err);
	free(name);
	return r;
}

static const struct {
	const char *name, *suffix;
	parse_fn parse;
} kinds[] = {
	{"manifest", ".json", parse_manifest},
	{"index", ".json", parse_index},
	{"config", ".json", parse_config},
	{"reference", ".txt", parse_reference},
};

static void check_file(int dir, const char *name, const char *suffix, parse_fn parse)
{
	_cleanup_free_ char *stem = xstrndup(name, strlen(name) - strlen(suffix));
	_cleanup_free_ char *err_name = xasprintf("%s.err", stem), *text = NULL, *want = NULL;
	struct err err = ERR_INIT;
	size_t len;
	regex_t re;
	int r;

	ck_assert_msg(fd_read_file(dir, name, DATA_MAX, &text, &len, &err) == 0, "%s", err.msg);
	ck_assert_msg(fd_read_file(dir, err_name, 4096, &want, NULL, &err) == 0, "%s", err.msg);
	want[strcspn(want, "\n")] = '\0';
	ck_assert_msg(*want != '\0', "%s is empty", err_name);
	ck_assert_msg(regcomp(&re, want, REG_EXTENDED | REG_NOSUB) == 0, "%s: '%s'", err_name,
		      want);
	r = parse(text, len, &err);
	ck_assert_msg(r < 0, "%s was accepted", name);
	ck_assert_int_eq(err.code, -r);
	ck_assert_msg(regexec(&re, err.msg, 0, NULL, 0) == 0, "%s: '%s' does not match '%s'", name,
		      err.msg, want);
	regfree(&re);
}

START_TEST(refused_with_the_right_words)
{
	const char *kind = kinds[_i].name, *suffix = kinds[_i].suffix;
	_cleanup_free_ char *path = xasprintf("%s/tests/data/reject/%s", TEST_TOP_SRCDIR, kind);
	_cleanup_dir_ DIR *dir = opendir(path);
	const struct dirent *e;
	size_t n = 0;

	ck_assert_msg(dir != NULL, "cannot open %s", path);
	while ((e = readdir(dir)))
		if (str_ends(e->d_name, suffix)) {
			check_file(dirfd(dir), e->d_name, suffix, kinds[_i].parse);
			n++;
		}
	ck_assert_msg(n >= 10, "only %zu files in %s", n, path);
}
END_TEST

TCase *oci_reject_tests(void)
{
	TCase *t = tcase_create("reject");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, refused_with_the_right_words, 0, (int)ARRAY_SIZE(kinds));
	return t;
}
