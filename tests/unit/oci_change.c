#include "oci.h"

#include "oci/image_config.h"

/* An instruction, what the "config" was before, and what it is afterwards. */
struct change_case {
	const char *instruction, *before, *after;
};

static const struct change_case accepted[] = {
	/* CMD and ENTRYPOINT: JSON form, shell form */
	{"CMD [\"a\",\"b c\"]", "{}", "{\"Cmd\":[\"a\",\"b c\"]}"},
	{"cmd  [ \"a\" ] ", "{}", "{\"Cmd\":[\"a\"]}"},
	{"CMD echo  hi $HOME 'x'", "{}", "{\"Cmd\":[\"/bin/sh\",\"-c\",\"echo  hi $HOME 'x'\"]}"},
	{"CMD []", "{\"Cmd\":[\"x\"],\"User\":\"u\"}", "{\"User\":\"u\"}"},
	{"CMD ['a']", "{}", "{\"Cmd\":[\"/bin/sh\",\"-c\",\"['a']\"]}"},
	{"CMD [\"a\" tail", "{}", "{\"Cmd\":[\"/bin/sh\",\"-c\",\"[\\\"a\\\" tail\"]}"},
	{"CMD [\"a\"] tail", "{}", "{\"Cmd\":[\"/bin/sh\",\"-c\",\"[\\\"a\\\"] tail\"]}"},
	{"CMD [\"a\\u0062\\n\"]", "{}", "{\"Cmd\":[\"ab\\n\"]}"},
	{"ENTRYPOINT [\"/e\"]", "{\"Cmd\":[\"x\"]}", "{\"Cmd\":[\"x\"],\"Entrypoint\":[\"/e\"]}"},
	{"ENTRYPOINT exec top", "{\"Shell\":[\"/bin/bash\",\"-ec\"]}",
	 "{\"Shell\":[\"/bin/bash\",\"-ec\"],\"Entrypoint\":[\"/bin/bash\",\"-ec\",\"exec top\"]}"},
	{"EntryPoint []", "{\"Entrypoint\":[\"/e\"]}", "{}"},
	{"\t CMD\t[\"a\"]", "{}", "{\"Cmd\":[\"a\"]}"},

	/* ENV: words, quotes, escapes, the old form, variables of before */
	{"ENV a=b", "{}", "{\"Env\":[\"a=b\"]}"},
	{"ENV a=b c=\"d e\" f='g h' i=j\\ k l=", "{}",
	 "{\"Env\":[\"a=b\",\"c=d e\",\"f=g h\",\"i=j k\",\"l=\"]}"},
	{"ENV a=b=c", "{}", "{\"Env\":[\"a=b=c\"]}"},
	{"ENV a=x\"y z\"'w v'u", "{}", "{\"Env\":[\"a=xy zw vu\"]}"},
	{"ENV a=\"q\\\"q\" b=\"s\\$s\" c=\"b\\\\b\" d=\"n\\n\"", "{}",
	 "{\"Env\":[\"a=q\\\"q\",\"b=s$s\",\"c=b\\\\b\",\"d=n\\\\n\"]}"},
	{"ENV a='\\$x\"'", "{}", "{\"Env\":[\"a=\\\\$x\\\"\"]}"},
	{"ENV a=b\\", "{}", "{\"Env\":[\"a=b\"]}"},
	{"ENV a=\xc3\xa4\\\xc3\xb6", "{}", "{\"Env\":[\"a=\\u00e4\\u00f6\"]}"},
	{"ENV name the rest  of it", "{}", "{\"Env\":[\"name=the rest  of it\"]}"},
	{"ENV name \"a b\"  'c' = d=e ", "{}", "{\"Env\":[\"name=a b  c = d=e\"]}"},
	{"ENV a=new", "{\"Env\":[\"x=1\",\"a=old\",\"ab=2\"]}",
	 "{\"Env\":[\"x=1\",\"a=new\",\"ab=2\"]}"},
	{"ENV a=1 a=2", "{}", "{\"Env\":[\"a=2\"]}"},
	{"ENV abc=bye def=$abc g=${abc}d", "{\"Env\":[\"abc=hello\"]}",
	 "{\"Env\":[\"abc=bye\",\"def=hello\",\"g=hellod\"]}"},
	{"ENV PATH=/x:$PATH", "{\"Env\":[\"PATHS=no\",\"PATH=/a b:/c\"]}",
	 "{\"Env\":[\"PATHS=no\",\"PATH=/x:/a b:/c\"]}"},
	{"ENV a=\"$x\" b='$x' c=\\$x d=$unset-e f=${x}", "{\"Env\":[\"x='$y \"]}",
	 "{\"Env\":[\"x='$y \",\"a='$y \",\"b=$x\",\"c=$x\",\"d=-e\",\"f='$y \"]}"},
	{"ENV a=$ b=$% c=5$", "{}", "{\"Env\":[\"a=$\",\"b=$%\",\"c=5$\"]}"},
	{"ENV a=$1b c=$@d", "{\"Env\":[\"1=x\"]}", "{\"Env\":[\"1=x\",\"a=xb\",\"c=d\"]}"},
	{"ENV n$x=v", "{\"Env\":[\"x=1\"]}", "{\"Env\":[\"x=1\",\"n1=v\"]}"},
	{"ENV a=b", "{\"Env\":null}", "{\"Env\":[\"a=b\"]}"},

	/* LABEL */
	{"LABEL k=v \"a b\"=\"c d\" e=", "{\"Labels\":{\"k\":\"old\",\"z\":\"1\"}}",
	 "{\"Labels\":{\"k\":\"v\",\"z\":\"1\",\"a b\":\"c d\",\"e\":\"\"}}"},
	{"LABEL description some words", "{}", "{\"Labels\":{\"description\":\"some words\"}}"},
	{"LABEL v=$VERSION", "{\"Env\":[\"VERSION=3\"]}",
	 "{\"Env\":[\"VERSION=3\"],\"Labels\":{\"v\":\"3\"}}"},

	/* EXPOSE */
	{"EXPOSE 80", "{}", "{\"ExposedPorts\":{\"80/tcp\":{}}}"},
	{"EXPOSE 80/TCP 53/udp 9/sctp", "{\"ExposedPorts\":{\"1/tcp\":{}}}",
	 "{\"ExposedPorts\":{\"1/tcp\":{},\"80/tcp\":{},\"53/udp\":{},\"9/sctp\":{}}}"},
	{"EXPOSE 8000-8002/udp $P", "{\"Env\":[\"P=65535\"]}",
	 "{\"Env\":[\"P=65535\"],\"ExposedPorts\":{\"8000/udp\":{},\"8001/udp\":{},\"8002/udp\":{},"
	 "\"65535/tcp\":{}}}"},

	/* USER, WORKDIR, VOLUME, STOPSIGNAL */
	{"USER 1000:1000", "{}", "{\"User\":\"1000:1000\"}"},
	{"USER \"${U}\"", "{\"Env\":[\"U=me\"]}", "{\"Env\":[\"U=me\"],\"User\":\"me\"}"},
	{"WORKDIR /a//b/../c/", "{}", "{\"WorkingDir\":\"/a/c\"}"},
	{"WORKDIR d", "{\"WorkingDir\":\"/a/c\"}", "{\"WorkingDir\":\"/a/c/d\"}"},
	{"WORKDIR ../../../x y", "{\"WorkingDir\":\"/a\"}", "{\"WorkingDir\":\"/x y\"}"},
	{"WORKDIR d", "{}", "{\"WorkingDir\":\"/d\"}"},
	{"WORKDIR /w/$NOPE/q", "{}", "{\"WorkingDir\":\"/w/q\"}"},
	{"WORKDIR .", "{\"WorkingDir\":\"\"}", "{\"WorkingDir\":\"/\"}"},
	{"VOLUME /data /x/../y", "{\"Volumes\":{\"/z\":{}}}",
	 "{\"Volumes\":{\"/z\":{},\"/data\":{},\"/y\":{}}}"},
	{"VOLUME [\"/a b\", \"c\"]", "{}", "{\"Volumes\":{\"/a b\":{},\"/c\":{}}}"},
	{"VOLUME [\"$V\"]", "{\"Env\":[\"V=/v\"]}", "{\"Env\":[\"V=/v\"],\"Volumes\":{\"/v\":{}}}"},
	{"STOPSIGNAL SIGRTMIN+3", "{}", "{\"StopSignal\":\"SIGRTMIN+3\"}"},
	{"STOPSIGNAL 9", "{\"StopSignal\":\"TERM\"}", "{\"StopSignal\":\"9\"}"},
};

static json_t *document(const char *config)
{
	json_t *doc = json_object(), *j = json_loads(config, 0, NULL);

	ck_assert_ptr_nonnull(j);
	json_object_set_new(doc, "config", j);
	return doc;
}

START_TEST(changes)
{
	const struct change_case *c = &accepted[_i];
	json_t *doc = document(c->before), *want = document(c->after);
	struct err err = ERR_INIT;
	char *got;

	ck_assert_msg(image_config_change(doc, c->instruction, &err) == 0, "%s", err.msg);
	got = json_dumps(doc, 0);
	ck_assert_msg(json_equal(doc, want), "%s: %s", c->instruction, got);
	free(got);
	json_decref(doc);
	json_decref(want);
}
END_TEST

static const struct {
	const char *instruction, *why;
} refused[] = {
	{"", "unsupported instruction"},
	{"   ", "unsupported instruction"},
	{"RUN ls", "unsupported instruction"},
	{"FROM scratch", "unsupported instruction"},
	{"CMDS x", "unsupported instruction"},
	{"CM x", "unsupported instruction"},
	{"# comment", "unsupported instruction"},
	{"CMD", "needs an argument"},
	{"CMD  \t", "needs an argument"},
	{"ENV", "needs an argument"},
	{"VOLUME", "needs an argument"},
	{"CMD [\"a\",1]", "only strings"},
	{"ENTRYPOINT [[\"a\"]]", "only strings"},
	{"VOLUME [\"/a\",null]", "only strings"},
	{"VOLUME []", "needs a path"},
	{"VOLUME /", "no path below /"},
	{"VOLUME /ok /x/..", "no path below /"},
	{"VOLUME $UNSET", "no path below /"},
	{"ENV a", "expected NAME=VALUE"},
	{"LABEL a", "expected NAME=VALUE"},
	{"ENV a=b c", "'c' has no '='"},
	{"ENV =b", "a name is empty"},
	{"ENV a=b =c", "a name is empty"},
	{"ENV $unset value", "a name is empty"},
	{"LABEL \"\"=x", "a name is empty"},
	{"ENV $EQ=x", "holds a '='"},
	{"ENV a=\"b", "\" quote is not closed"},
	{"ENV a='b c", "' quote is not closed"},
	{"USER 'x", "quote is not closed"},
	{"ENV a=${x:-y}", "only $NAME and ${NAME}"},
	{"ENV a=${x", "only $NAME and ${NAME}"},
	{"ENV a=${}", "only $NAME and ${NAME}"},
	{"WORKDIR ${x#y}", "only $NAME and ${NAME}"},
	{"EXPOSE 0", "'0' is no port"},
	{"EXPOSE 65536", "is no port"},
	{"EXPOSE 80/icmp", "is no port"},
	{"EXPOSE 80/", "is no port"},
	{"EXPOSE 90-80", "is no port"},
	{"EXPOSE 80-", "is no port"},
	{"EXPOSE -80", "is no port"},
	{"EXPOSE 8080:80", "is no port"},
	{"EXPOSE 80 http", "'http' is no port"},
	{"EXPOSE $UNSET", "'' is no port"},
	{"USER $UNSET", "its argument is empty"},
	{"WORKDIR \"\"", "its argument is empty"},
	{"STOPSIGNAL NOSUCH", "unknown signal 'NOSUCH'"},
	{"STOPSIGNAL 0", "unknown signal '0'"},
	{"ENV a=\xff", "not UTF-8"},
};

START_TEST(refusals_leave_the_config)
{
	static const char before[] =
		"{\"Env\":[\"x=1\",\"EQ=a=b\"],\"Cmd\":[\"c\"],\"Volumes\":{\"/v\":{}}}";
	json_t *doc = document(before), *want = document(before);
	struct err err = ERR_INIT;

	assert_error(image_config_change(doc, refused[_i].instruction, &err), &err, EINVAL,
		     refused[_i].why);
	ck_assert_ptr_nonnull(strstr(err.msg, refused[_i].instruction));
	ck_assert(json_equal(doc, want));
	json_decref(doc);
	json_decref(want);
}
END_TEST

/* Every variable may grow the text: the sum is bounded as the line is. */
START_TEST(lengths)
{
	char *long_value = xmalloc(70000), *line = xmalloc(70100);
	struct err err = ERR_INIT;
	json_t *doc = document("{}");

	memset(long_value, 'v', 70000);
	long_value[69999] = '\0';
	snprintf(line, 70100, "ENV a=%s", long_value);
	assert_error(image_config_change(doc, line, &err), &err, EINVAL, "longer than 65535 bytes");
	line[65535] = '\0';
	ck_assert_int_eq(image_config_change(doc, line, &err), 0);
	assert_error(image_config_change(doc, "ENV b=$a$a", &err), &err, EFBIG,
		     "expanded text is longer");
	ck_assert_int_eq(image_config_change(doc, "ENV b=$a", &err), 0);
	free(long_value);
	free(line);
	json_decref(doc);
}
END_TEST

/* A hostile config's Shell must not put other things than strings into Cmd. */
START_TEST(shells)
{
	json_t *wrong = document("{\"Shell\":[\"/bin/sh\",1]}"), *copy = json_deep_copy(wrong);
	json_t *text = document("{\"Shell\":\"/bin/sh\"}");
	struct err err = ERR_INIT;

	assert_error(image_config_change(wrong, "CMD x", &err), &err, EINVAL,
		     "Shell is not a list");
	ck_assert(json_equal(wrong, copy));
	ck_assert_int_eq(image_config_change(wrong, "CMD [\"x\"]", &err), 0);
	ck_assert_int_eq(image_config_change(text, "CMD x", &err), 0);
	ck_assert_uint_eq(json_array_size(json_object_get(json_object_get(text, "config"), "Cmd")),
			  3);
	json_decref(wrong);
	json_decref(copy);
	json_decref(text);
}
END_TEST

START_TEST(config_is_made_when_missing)
{
	static const char *const docs[] = {"{}", "{\"config\":null}"};

	for (size_t i = 0; i < ARRAY_SIZE(docs); i++) {
		json_t *doc = json_loads(docs[i], 0, NULL), *want = document("{\"User\":\"u\"}");
		json_t *before = json_deep_copy(doc);

		ck_assert_int_eq(image_config_change(doc, "USER", NULL), -EINVAL);
		ck_assert(json_equal(doc, before));
		json_decref(before);
		ck_assert_int_eq(image_config_change(doc, "USER u", NULL), 0);
		ck_assert(json_equal(doc, want));
		json_decref(doc);
		json_decref(want);
	}
}
END_TEST

TCase *oci_change_tests(void)
{
	TCase *t = tcase_create("change");

	tcase_add_loop_test(t, changes, 0, (int)ARRAY_SIZE(accepted));
	tcase_add_loop_test(t, refusals_leave_the_config, 0, (int)ARRAY_SIZE(refused));
	tcase_add_test(t, lengths);
	tcase_add_test(t, shells);
	tcase_add_test(t, config_is_made_when_missing);
	return t;
}
