/* What is shown: names, shortened texts, states, registry names, sizes. */
#include "cmd_test.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cmd/common.h"
#include "cmd/container_view.h"
#include "cmd/image_view.h"
#include "cmd/registry_flags.h"
#include "cmd/size_option.h"
#include "cmd/table.h"

START_TEST(names_are_split)
{
	static const char digest[] =
		"sha256:0123456789012345678901234567890123456789012345678901234567890123";
	_cleanup_free_ char *with_digest = xasprintf("127.0.0.1:5000/a@%s", digest);
	_cleanup_free_ char *with_both = xasprintf("127.0.0.1:5000/a:t@%s", digest);
	const struct {
		const char *name, *repository, *tag;
	} cases[] = {
		{"docker.io/library/alpine:3", "docker.io/library/alpine", "3"},
		{"127.0.0.1:5000/a/b:1", "127.0.0.1:5000/a/b", "1"},
		{"127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b", "<none>"},
		{with_digest, "127.0.0.1:5000/a", "<none>"},
		{with_both, "127.0.0.1:5000/a", "t"},
		{"latest", "latest", "<none>"},
		{"by-skopeo:1", "by-skopeo", "1"},
		{"", "<none>", "<none>"},
		{":x", "<none>", "x"},
		{"a:", "a", ""},
		{"@", "<none>", "<none>"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *repository = NULL, *tag = NULL;

		name_split(cases[i].name, &repository, &tag);
		ck_assert_str_eq(repository, cases[i].repository);
		ck_assert_str_eq(tag, cases[i].tag);
	}
}
END_TEST

START_TEST(texts_are_shortened)
{
	const struct {
		const char *text;
		size_t max;
		const char *want;
	} cases[] = {
		{"abc", 3, "abc"},
		{"abcd", 3, "ab\u2026"},
		{"", 3, ""},
		{"\u00e4\u00f6\u00fc", 3, "\u00e4\u00f6\u00fc"},
		{"\u00e4\u00f6\u00fcx", 3, "\u00e4\u00f6\u2026"},
		{"abcd", 1, "\u2026"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *got = text_shorten(cases[i].text, cases[i].max);

		ck_assert_str_eq(got, cases[i].want);
	}
}
END_TEST

/* Runs print with stdout in a file and returns what came. */
static char *captured(void (*print)(void))
{
	FILE *file = tmpfile();
	int saved = dup(STDOUT_FILENO);
	char *text = xcalloc(1, 4096);

	fflush(stdout);
	ck_assert_int_ge(dup2(fileno(file), STDOUT_FILENO), 0);
	print();
	fflush(stdout);
	ck_assert_int_ge(dup2(saved, STDOUT_FILENO), 0);
	close(saved);
	rewind(file);
	ck_assert_int_ge((int)fread(text, 1, 4095, file), 1);
	fclose(file);
	return text;
}

static void print_sample(void)
{
	static const char *const heads[] = {"NAME", "X", "LAST", NULL};
	_cleanup_table_ struct table table = TABLE_INIT;

	table_heads(&table, heads);
	table_add(&table, "\u00e4\u00f6");
	table_take(&table, xstrdup("long one"));
	table_add(&table, "z");
	table_add(&table, "evil\x1b[2J");
	table_add(&table, "");
	table_add(&table, "end");
	table_print(&table);
}

START_TEST(tables_align)
{
	_cleanup_free_ char *text = captured(print_sample);

	ck_assert_str_eq(text, "NAME          X          LAST\n"
			       "\u00e4\u00f6            long one   z\n"
			       "evil\\x1b[2J              end\n");
}
END_TEST

static struct container_state sample(enum container_status status)
{
	static char name[] = "box", image[] = "busybox", id[] = "sha256:1", sh[] = "sh", c[] = "-c",
		    fuse[] = "fuse";
	static char *argv[] = {sh, c, NULL};

	return (struct container_state){
		.name = name,
		.image_name = image,
		.image_id = id,
		.argv = argv,
		.status = status,
		.created = time(NULL) - 600,
		.overlay = fuse,
		.exit_code = -1,
	};
}

START_TEST(container_states)
{
	struct container_state c = sample(CONTAINER_RUNNING);
	char *text;

	c.started = time(NULL) - 180;
	text = container_status_text(&c);
	ck_assert_str_eq(text, "Up 3 minutes");
	free(text);
	c.status = CONTAINER_EXITED;
	c.exit_code = 137;
	c.finished = time(NULL) - 120;
	text = container_status_text(&c);
	ck_assert_str_eq(text, "Exited (137) 2 minutes ago");
	free(text);
	c.finished = 0;
	text = container_status_text(&c);
	ck_assert_str_eq(text, "Exited (137)");
	free(text);
	c.exit_code = -1;
	text = container_status_text(&c);
	ck_assert_str_eq(text, "Exited (unknown)");
	free(text);
	c.status = CONTAINER_CREATED;
	text = container_status_text(&c);
	ck_assert_str_eq(text, "Created");
	free(text);
}
END_TEST

START_TEST(container_documents)
{
	struct container_state c = sample(CONTAINER_EXITED);
	json_t *ps = container_ps_json(&c), *inspect = container_inspect_json(&c);

	ck_assert_str_eq(json_string_value(json_object_get(ps, "State")), "exited");
	ck_assert_str_eq(json_string_value(json_array_get(json_object_get(ps, "Names"), 0)), "box");
	ck_assert_str_eq(json_string_value(json_object_get(inspect, "Path")), "sh");
	ck_assert_uint_eq(json_array_size(json_object_get(inspect, "Args")), 1);
	ck_assert(json_is_false(json_object_get(json_object_get(inspect, "State"), "Running")));
	ck_assert_str_eq(json_string_value(json_object_get(ps, "Overlay")), "fuse");
	ck_assert_str_eq(json_string_value(json_object_get(inspect, "Overlay")), "fuse");
	json_decref(ps);
	json_decref(inspect);
	c.argv = NULL;
	c.overlay = NULL;
	inspect = container_inspect_json(&c);
	ck_assert_uint_eq(json_array_size(json_object_get(inspect, "Args")), 0);
	ck_assert_str_eq(json_string_value(json_object_get(inspect, "Overlay")), "");
	json_decref(inspect);
}
END_TEST

START_TEST(texts_that_are_no_utf8)
{
	json_t *object = json_object();
	const char *text;

	json_add_text(object, "x",
		      "a\xff"
		      "b");
	text = json_string_value(json_object_get(object, "x"));
	ck_assert_ptr_nonnull(text);
	json_add_text(object, "y", NULL);
	ck_assert_str_eq(json_string_value(json_object_get(object, "y")), "");
	json_decref(object);
}
END_TEST

START_TEST(registry_names)
{
	static const char *const good[][2] = {
		{"127.0.0.1:5000", "127.0.0.1:5000"},
		{"localhost", "localhost"},
		{"quay.io", "quay.io"},
		{"https://quay.io/", "quay.io"},
		{"http://quay.io", "quay.io"},
		{"https://index.docker.io/v1/", "docker.io"},
		{"docker.io", "docker.io"},
		{"quay.io/ns/repo", "quay.io"},
	};
	static const char *const bad[] = {"",	       "https://", "a b.c", "quay",
					  "quay.io:x", "a@b.c",	   "-.x"};
	struct reference ref;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		ck_assert_int_eq(registry_name_parse(good[i][0], &ref, NULL), 0);
		ck_assert_str_eq(ref.domain, good[i][1]);
	}
	ck_assert_int_eq(registry_name_parse(NULL, &ref, NULL), 0);
	ck_assert_str_eq(ref.domain, "docker.io");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = ERR_INIT;

		ck_assert_msg(registry_name_parse(bad[i], &ref, &err) == -EINVAL, "'%s'", bad[i]);
		ck_assert_ptr_nonnull(strstr(err.msg, bad[i]));
	}
}
END_TEST

START_TEST(sizes)
{
	struct err err = ERR_INIT;
	uint64_t size = 0;

	ck_assert_int_eq(size_option_parse("1g", &size, &err), 0);
	ck_assert_uint_eq(size, LIMIT_GIB);
	ck_assert_int_lt(size_option_parse("0", &size, &err), 0);
	ck_assert_int_lt(size_option_parse("lots", &size, &err), 0);
	ck_assert_int_lt(size_option_parse("-1", &size, &err), 0);
	ck_assert_int_lt(size_option_parse("", &size, &err), 0);
	ck_assert_int_lt(size_option_parse("99999999999t", &size, &err), 0);
}
END_TEST

TCase *cmd_views_case(void)
{
	TCase *tc = tcase_create("views");

	tcase_add_test(tc, names_are_split);
	tcase_add_test(tc, texts_are_shortened);
	tcase_add_test(tc, tables_align);
	tcase_add_test(tc, container_states);
	tcase_add_test(tc, container_documents);
	tcase_add_test(tc, texts_that_are_no_utf8);
	tcase_add_test(tc, registry_names);
	tcase_add_test(tc, sizes);
	return tc;
}
