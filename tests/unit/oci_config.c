#include <signal.h>
#include <time.h>

#include "oci.h"

#include "base/buf.h"
#include "oci/image_config.h"

static int parse(const char *text, struct image_config *c, struct err *err)
{
	memset(err, 0, sizeof(*err));
	return image_config_parse(text, strlen(text), c, err);
}

static void parse_ok(const char *text, struct image_config *c)
{
	struct err err;

	ck_assert_msg(parse(text, c, &err) == 0, "%s", err.msg);
}

START_TEST(full)
{
	static const char text[] =
		"{\"created\":\"2024-01-02T03:04:05.678Z\",\"author\":\"x\",\"architecture\":"
		"\"arm\","
		"\"os\":\"linux\",\"variant\":\"v6\",\"future\":{\"kept\":true},"
		"\"config\":{\"User\":\"1000:users\",\"ExposedPorts\":{\"80/tcp\":{}},"
		"\"Env\":[\"PATH=/bin\",\"EMPTY=\",\"A=b=c\"],\"Entrypoint\":[\"/e\",\"x y\"],"
		"\"Cmd\":[\"c\",\"\"],\"Volumes\":{\"/data\":{},\"/var//lib/../log/\":{}},"
		"\"WorkingDir\":\"/w\",\"Labels\":{\"k\":\"v\"},\"StopSignal\":\"SIGQUIT\","
		"\"Healthcheck\":{\"Test\":[\"NONE\"]},\"OnBuild\":[\"RUN "
		"x\"],\"Shell\":[\"/bin/sh\"]},"
		"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIGEST_A "\",\"" DIGEST_B "\"]},"
		"\"history\":[{\"created_by\":\"x\"},{\"empty_layer\":true}]}";
	struct image_config c;

	parse_ok(text, &c);
	ck_assert_str_eq(c.created, "2024-01-02T03:04:05.678Z");
	ck_assert_str_eq(c.platform.arch, "arm");
	ck_assert_str_eq(c.platform.variant, "v6");
	ck_assert_str_eq(c.user, "1000:users");
	ck_assert_str_eq(c.env[0], "PATH=/bin");
	ck_assert_str_eq(c.env[1], "EMPTY=");
	ck_assert_str_eq(c.env[2], "A=b=c");
	ck_assert_ptr_null(c.env[3]);
	ck_assert_str_eq(c.entrypoint[0], "/e");
	ck_assert_str_eq(c.entrypoint[1], "x y");
	ck_assert_ptr_null(c.entrypoint[2]);
	ck_assert_str_eq(c.cmd[0], "c");
	ck_assert_str_eq(c.cmd[1], "");
	ck_assert_ptr_null(c.cmd[2]);
	ck_assert_str_eq(c.volumes[0], "/data");
	ck_assert_str_eq(c.volumes[1], "/var/log");
	ck_assert_ptr_null(c.volumes[2]);
	ck_assert_str_eq(c.working_dir, "/w");
	ck_assert_str_eq(c.stop_signal, "SIGQUIT");
	ck_assert_uint_eq(c.n_diff_ids, 2);
	ck_assert_str_eq(c.diff_ids[0].text, DIGEST_A);
	ck_assert_str_eq(c.diff_ids[1].text, DIGEST_B);
	ck_assert(json_is_true(json_object_get(json_object_get(c.json, "future"), "kept")));
	image_config_release(&c);
	ck_assert_ptr_null(c.json);
}
END_TEST

/* Any optional member may be null or missing: that is "not set", never a crash. */
START_TEST(nulls_and_nothing)
{
	static const char *const texts[] = {
		"{}",
		"{\"config\":null,\"rootfs\":null,\"history\":null,\"created\":null,\"os\":null,"
		"\"architecture\":null,\"variant\":null}",
		"{\"config\":{},\"rootfs\":{}}",
		"{\"config\":{\"User\":null,\"Env\":null,\"Entrypoint\":null,\"Cmd\":null,"
		"\"Volumes\":null,"
		"\"WorkingDir\":null,\"StopSignal\":null,\"Labels\":null,\"ExposedPorts\":null},"
		"\"rootfs\":{\"type\":null,\"diff_ids\":null}}",
		"{\"config\":{\"Env\":[],\"Entrypoint\":[],\"Cmd\":[],\"Volumes\":{},\"User\":\"\"}"
		","
		"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct image_config c;

		parse_ok(texts[i], &c);
		ck_assert_ptr_null(c.created);
		ck_assert_str_eq(c.platform.os, "");
		ck_assert_str_eq(c.user, "");
		ck_assert_str_eq(c.working_dir, "");
		ck_assert_str_eq(c.stop_signal, "");
		ck_assert_ptr_nonnull(c.env);
		ck_assert_ptr_null(c.env[0]);
		ck_assert_ptr_nonnull(c.volumes);
		ck_assert_ptr_null(c.volumes[0]);
		ck_assert_ptr_null(c.entrypoint);
		ck_assert_ptr_null(c.cmd);
		ck_assert_uint_eq(c.n_diff_ids, 0);
		image_config_release(&c);
	}
}
END_TEST

START_TEST(volumes_are_cleaned)
{
	struct image_config c;

	parse_ok("{\"config\":{\"Volumes\":{\"data\":{},\"/data/\":null,\"/../../x\":{},\"./y//z/"
		 ".\":{}}}}",
		 &c);
	ck_assert_str_eq(c.volumes[0], "/data");
	ck_assert_str_eq(c.volumes[1], "/x");
	ck_assert_str_eq(c.volumes[2], "/y/z");
	ck_assert_ptr_null(c.volumes[3]);
	image_config_release(&c);
}
END_TEST

START_TEST(refused)
{
	static const struct {
		const char *text;
		int code;
		const char *why;
	} cases[] = {
		{"", EINVAL, "image config is not valid JSON"},
		{"null", EINVAL, "not valid JSON"},
		{"[]", EINVAL, "not a JSON object"},
		{"{\"os\":\"a\",\"os\":\"b\"}", EINVAL, "not valid JSON"},
		{"{\"config\":{\"User\":\"a\\u0000b\"}}", EINVAL, "not valid JSON"},
		{"{\"config\":{\"User\":\"\xff\"}}", EINVAL, "not valid JSON"},
		{"{\"os\":1}", EINVAL, "'os'"},
		{"{\"architecture\":[]}", EINVAL, "'architecture'"},
		{"{\"architecture\":\"" HEX_A "\"}", EINVAL, "longer than 31"},
		{"{\"created\":7}", EINVAL, "'created'"},
		{"{\"config\":[]}", EINVAL, "'config'"},
		{"{\"config\":{\"User\":0}}", EINVAL, "'User'"},
		{"{\"config\":{\"WorkingDir\":{}}}", EINVAL, "'WorkingDir'"},
		{"{\"config\":{\"StopSignal\":15}}", EINVAL, "'StopSignal'"},
		{"{\"config\":{\"Env\":{}}}", EINVAL, "'Env'"},
		{"{\"config\":{\"Env\":[1]}}", EINVAL, "'Env'"},
		{"{\"config\":{\"Env\":[\"A=b\",null]}}", EINVAL, "'Env'"},
		{"{\"config\":{\"Env\":[\"A=b\",\"NOVALUE\"]}}", EINVAL, "'NOVALUE' has no '='"},
		{"{\"config\":{\"Env\":[\"\"]}}", EINVAL, "'' has no '='"},
		{"{\"config\":{\"Env\":[\"=x\"]}}", EINVAL, "'=x' has an empty name"},
		{"{\"config\":{\"Cmd\":\"sh\"}}", EINVAL, "'Cmd'"},
		{"{\"config\":{\"Entrypoint\":[[\"sh\"]]}}", EINVAL, "'Entrypoint'"},
		{"{\"config\":{\"Volumes\":[\"/x\"]}}", EINVAL, "'Volumes'"},
		{"{\"config\":{\"Volumes\":{\"/\":{}}}}", EINVAL,
		 "volume '/' would hide the whole root"},
		{"{\"config\":{\"Volumes\":{\"\":{}}}}", EINVAL, "would hide the whole root"},
		{"{\"config\":{\"Volumes\":{\"/x/../..\":{}}}}", EINVAL,
		 "would hide the whole root"},
		{"{\"config\":{\"ExposedPorts\":[]}}", EINVAL, "'ExposedPorts'"},
		{"{\"config\":{\"Labels\":\"x\"}}", EINVAL, "'Labels'"},
		{"{\"rootfs\":[]}", EINVAL, "'rootfs'"},
		{"{\"rootfs\":{\"type\":\"layers+base\"}}", EINVAL, "rootfs type 'layers+base'"},
		{"{\"rootfs\":{\"type\":\"\"}}", EINVAL, "rootfs type ''"},
		{"{\"rootfs\":{\"type\":1}}", EINVAL, "'type'"},
		{"{\"rootfs\":{\"diff_ids\":{}}}", EINVAL, "'diff_ids'"},
		{"{\"rootfs\":{\"diff_ids\":[\"" DIGEST_A "\",5]}}", EINVAL,
		 "diff id 2 is not a string"},
		{"{\"rootfs\":{\"diff_ids\":[\"" DIGEST_A "\",\"x\"]}}", EINVAL,
		 "diff id 2: invalid digest"},
		{"{\"history\":{}}", EINVAL, "'history'"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct image_config c;
		struct err err;

		assert_error(parse(cases[i].text, &c, &err), &err, cases[i].code, cases[i].why);
		ck_assert_ptr_nonnull(strstr(err.msg, "image config"));
		ck_assert_ptr_null(c.json);
		ck_assert_ptr_null(c.env);
	}
}
END_TEST

/* "{HEAD" + n items + "TAIL"; each item may hold one %zu. */
static char *many(const char *head, const char *item, size_t n, const char *tail)
{
	_cleanup_buf_ struct buf b;

	buf_init(&b, 2 * LIMIT_CONFIG_SIZE);
	buf_addstr(&b, head);
	for (size_t i = 0; i < n; i++) {
		const char *number = strchr(item, '#');

		buf_addf(&b, "%s%.*s", i ? "," : "",
			 number ? (int)(number - item) : (int)strlen(item), item);
		if (number)
			buf_addf(&b, "%zu%s", i, number + 1);
	}
	buf_addstr(&b, tail);
	return buf_steal(&b);
}

START_TEST(bounds)
{
	static const struct {
		const char *head, *item, *tail;
		size_t most;
		const char *why;
	} cases[] = {
		{"{\"rootfs\":{\"diff_ids\":[", "\"" DIGEST_A "\"", "]}}", LIMIT_LAYERS,
		 "diff_ids"},
		{"{\"config\":{\"Env\":[", "\"A=#\"", "]}}", LIMIT_JSON_STRINGS, "Env"},
		{"{\"config\":{\"Cmd\":[", "\"a\"", "]}}", LIMIT_JSON_STRINGS, "Cmd"},
		{"{\"config\":{\"Volumes\":{", "\"/v#\":{}", "}}}", LIMIT_VOLUMES, "volumes"},
		{"{\"history\":[", "{}", "]}", LIMIT_HISTORY, "history"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *most = many(cases[i].head, cases[i].item, cases[i].most, cases[i].tail);
		char *more = many(cases[i].head, cases[i].item, cases[i].most + 1, cases[i].tail);
		struct image_config c;
		struct err err;

		parse_ok(most, &c);
		image_config_release(&c);
		ck_assert_int_lt(parse(more, &c, &err), 0);
		ck_assert_msg(strstr(err.msg, cases[i].why) != NULL, "%s", err.msg);
		free(most);
		free(more);
	}
}
END_TEST

START_TEST(too_large_or_too_deep)
{
	size_t len = LIMIT_CONFIG_SIZE + 1;
	char *text = xmalloc(len);
	struct err err = ERR_INIT;
	struct image_config c;

	memset(text, ' ', len);
	memcpy(text, "{}", 2);
	ck_assert_int_eq(image_config_parse(text, len - 1, &c, &err), 0);
	image_config_release(&c);
	assert_error(image_config_parse(text, len, &c, &err), &err, EFBIG, "image config");
	memset(text, '[', len);
	memcpy(text, "{\"x\":", 5);
	assert_error(image_config_parse(text, 100000, &c, &err), &err, EINVAL, "64 levels");
	free(text);
}
END_TEST

static void check_new(int64_t created, const char *when)
{
	struct platform platform = {.os = "linux", .arch = "arm", .variant = "v7"};
	struct image_config c;
	struct digest diff_id;
	const json_t *history;
	json_t *doc;
	char *text;

	digest_from_hex(HEX_A, &diff_id);
	doc = image_config_new(&platform, &diff_id, "strake import x", created);
	text = json_dumps(doc, 0);
	parse_ok(text, &c);
	ck_assert_str_eq(c.platform.arch, "arm");
	ck_assert_str_eq(c.platform.variant, "v7");
	ck_assert_uint_eq(c.n_diff_ids, 1);
	ck_assert_str_eq(c.diff_ids[0].text, DIGEST_A);
	if (when)
		ck_assert_str_eq(c.created, when);
	history = json_object_get(doc, "history");
	ck_assert_uint_eq(json_array_size(history), 1);
	ck_assert_str_eq(
		json_string_value(json_object_get(json_array_get(history, 0), "created_by")),
		"strake import x");
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(history, 0), "created")),
			 c.created);
	ck_assert(json_is_object(json_object_get(doc, "config")));
	image_config_release(&c);
	json_decref(doc);
	free(text);
}

START_TEST(new_documents)
{
	unsetenv("SOURCE_DATE_EPOCH");
	check_new(0, "1970-01-01T00:00:00Z");
	check_new(1704164645, "2024-01-02T03:04:05Z");
	check_new(-1, NULL);
	setenv("SOURCE_DATE_EPOCH", "1704164645", 1);
	check_new(-1, "2024-01-02T03:04:05Z");
	check_new(1, "1970-01-01T00:00:01Z");
}
END_TEST

START_TEST(new_document_is_of_now)
{
	static const char *const unusable[] = {NULL, "", "yesterday", "-1", "99999999999999999999"};

	for (size_t i = 0; i < ARRAY_SIZE(unusable); i++) {
		struct platform platform = {.os = "linux", .arch = "amd64"};
		struct digest diff_id;
		struct tm tm;
		time_t then, now = time(NULL);
		json_t *doc;

		unsetenv("SOURCE_DATE_EPOCH");
		if (unusable[i])
			setenv("SOURCE_DATE_EPOCH", unusable[i], 1);
		digest_from_hex(HEX_A, &diff_id);
		doc = image_config_new(&platform, &diff_id, NULL, -1);
		memset(&tm, 0, sizeof(tm));
		ck_assert_ptr_nonnull(strptime(json_string_value(json_object_get(doc, "created")),
					       "%Y-%m-%dT%H:%M:%SZ", &tm));
		then = timegm(&tm);
		ck_assert(then >= now && then <= now + 60);
		ck_assert_ptr_null(json_object_get(
			json_array_get(json_object_get(doc, "history"), 0), "created_by"));
		ck_assert_ptr_null(json_object_get(doc, "variant"));
		json_decref(doc);
	}
}
END_TEST

START_TEST(new_document_from_bytes_that_are_no_text)
{
	struct platform platform = {.os = "linux", .arch = "amd64"};
	struct digest diff_id;
	const json_t *entry;
	json_t *doc;

	digest_from_hex(HEX_A, &diff_id);
	doc = image_config_new(&platform, &diff_id, "import \xff.tar", 0);
	entry = json_array_get(json_object_get(doc, "history"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(entry, "created_by")), "import ?.tar");
	json_decref(doc);
}
END_TEST

START_TEST(signals)
{
	static const struct {
		const char *text;
		int number;
	} cases[] = {
		{"", SIGTERM},	      {"TERM", SIGTERM},
		{"SIGTERM", SIGTERM}, {"sigterm", SIGTERM},
		{"15", 15},	      {"1", 1},
		{"64", 64},	      {"HUP", SIGHUP},
		{"SIGQUIT", SIGQUIT}, {"SIGWINCH", SIGWINCH},
		{"POLL", SIGIO},      {"SIGIOT", SIGABRT},
		{"CLD", SIGCHLD},     {"RTMIN", 34},
		{"SIGRTMIN+3", 37},   {"sigrtmin+30", 64},
		{"RTMAX", 64},	      {"SIGRTMAX-14", 50},
		{"RTMAX-30", 34},     {"RTMIN+0", 34},
		{"32", 32},	      {"USR1", SIGUSR1},
		{"XFSZ", SIGXFSZ},
	};
	static const char *const refused_texts[] = {
		"0",	  "65",	      "-1",	 "+15",	       "15 ",
		" 15",	  "15.0",     "SIG",	 "SIGSIGTERM", "TERMINATE",
		"TER",	  "RTMIN+31", "RTMIN-1", "RTMAX+1",    "RTMAX-31",
		"RTMIN+", "RTMIN+x",  "RTMINX",	 "RTMAX--1",   "99999999999999999999",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_msg(image_signal_parse(cases[i].text, NULL) == cases[i].number, "%s",
			      cases[i].text);
	for (size_t i = 0; i < ARRAY_SIZE(refused_texts); i++) {
		struct err err = ERR_INIT;

		assert_error(image_signal_parse(refused_texts[i], &err), &err, EINVAL,
			     refused_texts[i]);
	}
}
END_TEST

TCase *oci_config_tests(void)
{
	TCase *t = tcase_create("config");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, full);
	tcase_add_test(t, nulls_and_nothing);
	tcase_add_test(t, volumes_are_cleaned);
	tcase_add_test(t, refused);
	tcase_add_test(t, bounds);
	tcase_add_test(t, too_large_or_too_deep);
	tcase_add_test(t, new_documents);
	tcase_add_test(t, new_document_is_of_now);
	tcase_add_test(t, new_document_from_bytes_that_are_no_text);
	tcase_add_test(t, signals);
	return t;
}
