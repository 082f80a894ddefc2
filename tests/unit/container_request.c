/* What the user asks for: mounts and the environment, by docker's rules. */
#include "container.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "container/request.h"

typedef int mount_parser(const char *text, struct mount_request *ret, struct err *err);

/* Expects a refusal that quotes the text, has `words` in it, and leaves nothing to release. */
static void refused(mount_parser *parse, const char *text, const char *words)
{
	struct mount_request m;
	struct err err = ERR_INIT;

	ck_assert_msg(parse(text, &m, &err) == -EINVAL || err.code == ERANGE, "'%s' is taken",
		      text);
	ck_assert_msg(strstr(err.msg, words) != NULL, "'%s': %s", text, err.msg);
	ck_assert_msg(strstr(err.msg, text) != NULL, "'%s': %s", text, err.msg);
	ck_assert_ptr_null(m.source);
	ck_assert_ptr_null(m.target);
}

static struct mount_request taken(mount_parser *parse, const char *text)
{
	struct mount_request m;
	struct err err = ERR_INIT;

	ck_assert_msg(parse(text, &m, &err) == 0, "'%s': %s", text, err.msg);
	return m;
}

static void check_bind(struct mount_request m, const char *source, const char *target,
		       bool readonly)
{
	ck_assert_int_eq(m.kind, MOUNT_BIND);
	ck_assert_str_eq(m.source, source);
	ck_assert_str_eq(m.target, target);
	ck_assert_int_eq(m.readonly, readonly);
	mount_request_release(&m);
	ck_assert_ptr_null(m.source);
}

START_TEST(volume)
{
	struct mount_request m = taken(mount_parse_volume, "/src:/dst");

	ck_assert(m.create_source);
	check_bind(m, "/src", "/dst", false);
	check_bind(taken(mount_parse_volume, "/src:/dst:ro"), "/src", "/dst", true);
	check_bind(taken(mount_parse_volume, "/src:/dst:rw"), "/src", "/dst", false);
	check_bind(taken(mount_parse_volume, "/src:/dst:z"), "/src", "/dst", false);
	check_bind(taken(mount_parse_volume, "/src:/dst:Z,ro"), "/src", "/dst", true);
	check_bind(taken(mount_parse_volume, "/src:/dst:ro,ro,rprivate,cached"), "/src", "/dst",
		   true);
	check_bind(taken(mount_parse_volume, "//a/./b/../c/:/x//y/../z/"), "/a/c", "/x/z", false);
	check_bind(taken(mount_parse_volume, "/:/host:ro"), "/", "/host", true);
	check_bind(taken(mount_parse_volume, "/a b,c:/d e,f"), "/a b,c", "/d e,f", false);
}
END_TEST

START_TEST(volume_relative)
{
	_cleanup_free_ char *below = xasprintf("%s/data", container_scratch);
	char *cwd;

	ck_assert_int_eq(chdir(container_scratch), 0);
	cwd = getcwd(NULL, 0);
	ck_assert_str_eq(cwd, container_scratch);
	free(cwd);
	check_bind(taken(mount_parse_volume, "./data:/d"), below, "/d", false);
	check_bind(taken(mount_parse_volume, "./x/../data:/d"), below, "/d", false);
	check_bind(taken(mount_parse_volume, ".:/d"), container_scratch, "/d", false);
	check_bind(taken(mount_parse_volume, "../../../../../../../..:/d"), "/", "/d", false);
	/* the working directory is gone */
	ck_assert_int_eq(mkdir("gone", 0700), 0);
	ck_assert_int_eq(chdir("gone"), 0);
	ck_assert_int_eq(rmdir(below) < 0 ? rmdir("../gone") : -1, 0);
	{
		struct mount_request m;
		struct err err = ERR_INIT;

		ck_assert_int_eq(mount_parse_volume("./data:/d", &m, &err), -ENOENT);
		ck_assert_ptr_nonnull(strstr(err.msg, "working directory"));
	}
}
END_TEST

START_TEST(volume_refused)
{
	refused(mount_parse_volume, "", "no ':'");
	refused(mount_parse_volume, "/data", "no ':'");
	refused(mount_parse_volume, ":", "source is empty");
	refused(mount_parse_volume, ":/dst", "source is empty");
	refused(mount_parse_volume, "/src:", "not an absolute path");
	refused(mount_parse_volume, "/src:dst", "not an absolute path");
	refused(mount_parse_volume, "/src:./dst", "not an absolute path");
	refused(mount_parse_volume, "name:/dst", "named volume");
	refused(mount_parse_volume, "~/x:/dst", "named volume");
	refused(mount_parse_volume, "/src:/", "cannot be '/'");
	refused(mount_parse_volume, "/src:/x/..", "cannot be '/'");
	refused(mount_parse_volume, "/src:/../..", "cannot be '/'");
	refused(mount_parse_volume, "/src:/dst:ro:z", "more than three");
	refused(mount_parse_volume, "/src:/dst:", "unknown option ''");
	refused(mount_parse_volume, "/src:/dst:nonsense", "unknown option 'nonsense'");
	refused(mount_parse_volume, "/src:/dst:ro,rw", "both read-only and writable");
	refused(mount_parse_volume, "/src:/dst:rshared", "unknown option 'rshared'");
	refused(mount_parse_volume, "/src:/dst:RO", "unknown option 'RO'");
	refused(mount_parse_volume, "/src:/dst:ro,", "unknown option ''");
}
END_TEST

START_TEST(mount_bind_form)
{
	struct mount_request m = taken(mount_parse_mount, "type=bind,source=/s,target=/t");

	ck_assert(!m.create_source);
	check_bind(m, "/s", "/t", false);
	check_bind(taken(mount_parse_mount, "type=bind,src=/s,dst=/t,readonly"), "/s", "/t", true);
	check_bind(taken(mount_parse_mount, "dst=/t,ro,type=bind,src=/s"), "/s", "/t", true);
	check_bind(taken(mount_parse_mount, "type=bind,src=/s,destination=/t,ro=true"), "/s", "/t",
		   true);
	check_bind(taken(mount_parse_mount, "type=bind,src=/s,destination=/t,ro=1"), "/s", "/t",
		   true);
	check_bind(taken(mount_parse_mount, "type=bind,src=/s,dst=/t,readonly=false"), "/s", "/t",
		   false);
	check_bind(taken(mount_parse_mount, "TYPE=bind,SRC=/S,Target=/T"), "/S", "/T", false);
	check_bind(taken(mount_parse_mount,
			 "type=bind,src=/s,dst=/t,bind-propagation=rprivate,consistency=cached"),
		   "/s", "/t", false);
	/* CSV */
	check_bind(taken(mount_parse_mount, "type=bind,\"src=/a,b\",dst=/t"), "/a,b", "/t", false);
	check_bind(taken(mount_parse_mount, "\"type=bind\",\"src=/a\"\"b\",\"dst=/t\""), "/a\"b",
		   "/t", false);
	check_bind(taken(mount_parse_mount, "type=bind,src=/a=b:c,dst=/t d"), "/a=b:c", "/t d",
		   false);
}
END_TEST

START_TEST(mount_tmpfs_form)
{
	struct mount_request m = taken(mount_parse_mount, "type=tmpfs,target=/t");

	ck_assert_int_eq(m.kind, MOUNT_TMPFS);
	ck_assert_ptr_null(m.source);
	ck_assert_str_eq(m.target, "/t");
	ck_assert_uint_eq(m.tmpfs_mode, 01777);
	ck_assert_uint_eq(m.tmpfs_size, 0);
	ck_assert(!m.tmpfs_exec);
	ck_assert(!m.readonly);
	mount_request_release(&m);
	m = taken(mount_parse_mount, "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=0700,ro");
	ck_assert_uint_eq(m.tmpfs_size, 1 << 20);
	ck_assert_uint_eq(m.tmpfs_mode, 0700);
	ck_assert(m.readonly);
	mount_request_release(&m);
}
END_TEST

START_TEST(mount_refused)
{
	refused(mount_parse_mount, "", "needs a value");
	refused(mount_parse_mount, "type=bind", "no target=");
	refused(mount_parse_mount, "type=bind,dst=/t", "no source=");
	refused(mount_parse_mount, "type=bind,src=/s", "no target=");
	refused(mount_parse_mount, "src=/s,dst=/t", "no type=bind");
	refused(mount_parse_mount, "type=volume,src=v,dst=/t", "unknown mount type 'volume'");
	refused(mount_parse_mount, "type=BIND,src=/s,dst=/t", "unknown mount type 'BIND'");
	refused(mount_parse_mount, "type=bind,src=s,dst=/t", "named volume");
	refused(mount_parse_mount, "type=bind,src=,dst=/t", "source is empty");
	refused(mount_parse_mount, "type=bind,src=/s,dst=", "not an absolute path");
	refused(mount_parse_mount, "type=bind,src=/s,dst=/", "cannot be '/'");
	refused(mount_parse_mount, "type=bind,src=/s,source=/s,dst=/t", "twice");
	refused(mount_parse_mount, "type=bind,src=/s,dst=/t,nonsense=1",
		"unknown option 'nonsense'");
	refused(mount_parse_mount, "type=bind,src=/s,dst=/t,nonsense", "'nonsense' needs a value");
	refused(mount_parse_mount, "type=bind,src=/s,dst=/t,", "'' needs a value");
	refused(mount_parse_mount, "type=bind,src=/s,dst=/t,ro=maybe",
		"'maybe' is not true or false");
	refused(mount_parse_mount, "type=bind,src=/s,dst=/t,ro=", "'' is not true or false");
	refused(mount_parse_mount, "type=bind,src=/s,dst=/t,ro,ro=false", "both read-only");
	refused(mount_parse_mount, "type=bind,src=/s,dst=/t,tmpfs-size=1m", "tmpfs options");
	refused(mount_parse_mount, "type=bind,src=/s,dst=/t,bind-propagation=rshared", "'rshared'");
	refused(mount_parse_mount, "type=tmpfs,src=/s,dst=/t", "no source");
	refused(mount_parse_mount, "type=tmpfs,dst=/t,tmpfs-size=0", "not a size");
	refused(mount_parse_mount, "type=tmpfs,dst=/t,tmpfs-size=x", "'x' is not a size");
	refused(mount_parse_mount, "type=tmpfs,dst=/t,tmpfs-size=-1", "'-1' is not a size");
	refused(mount_parse_mount, "type=tmpfs,dst=/t,tmpfs-size=99999999999999999999t",
		"not a size");
	refused(mount_parse_mount, "type=tmpfs,dst=/t,tmpfs-mode=999", "not a mode");
	refused(mount_parse_mount, "type=tmpfs,dst=/t,tmpfs-mode=10000", "not a mode");
	refused(mount_parse_mount, "type=tmpfs,dst=/t,tmpfs-mode=", "not a mode");
	refused(mount_parse_mount, "type=tmpfs,dst=/t,tmpfs-mode=07 ", "not a mode");
	refused(mount_parse_mount, "type=bind,\"src=/a,dst=/t", "quotes");
	refused(mount_parse_mount, "type=bind,\"src=/a\"x,dst=/t", "quotes");
	refused(mount_parse_mount, "type=bind,src=/a\"b\",dst=/t", "quotes");
}
END_TEST

START_TEST(tmpfs)
{
	struct mount_request m = taken(mount_parse_tmpfs, "/t");

	ck_assert_int_eq(m.kind, MOUNT_TMPFS);
	ck_assert_str_eq(m.target, "/t");
	ck_assert_uint_eq(m.tmpfs_mode, 01777);
	ck_assert_uint_eq(m.tmpfs_size, 0);
	ck_assert(!m.tmpfs_exec);
	mount_request_release(&m);
	m = taken(mount_parse_tmpfs, "/t/:size=2m,mode=0750,ro,exec,nosuid,nodev,noatime");
	ck_assert_str_eq(m.target, "/t");
	ck_assert_uint_eq(m.tmpfs_size, 2 << 20);
	ck_assert_uint_eq(m.tmpfs_mode, 0750);
	ck_assert(m.readonly);
	ck_assert(m.tmpfs_exec);
	mount_request_release(&m);
	m = taken(mount_parse_tmpfs, "/t:");
	mount_request_release(&m);
	m = taken(mount_parse_tmpfs, "/t:exec,noexec,mode=7777");
	ck_assert(!m.tmpfs_exec);
	ck_assert_uint_eq(m.tmpfs_mode, 07777);
	mount_request_release(&m);

	refused(mount_parse_tmpfs, "", "not an absolute path");
	refused(mount_parse_tmpfs, "t", "not an absolute path");
	refused(mount_parse_tmpfs, "/", "cannot be '/'");
	refused(mount_parse_tmpfs, "/t:nonsense", "unknown option 'nonsense'");
	refused(mount_parse_tmpfs, "/t:suid", "unknown option 'suid'");
	refused(mount_parse_tmpfs, "/t:uid=5", "unknown option 'uid=5'");
	refused(mount_parse_tmpfs, "/t:size=", "not a size");
	refused(mount_parse_tmpfs, "/t:size=50%", "'50%' is not a size");
	refused(mount_parse_tmpfs, "/t:mode=8", "not a mode");
	refused(mount_parse_tmpfs, "/t:ro,rw", "both read-only");
	/* an option cannot smuggle another into mount(2)'s data */
	refused(mount_parse_tmpfs, "/t:size=1m:mode=0", "not a size");
}
END_TEST

START_TEST(overlay_words)
{
	enum overlay_mode mode;
	struct err err = ERR_INIT;

	container_ok(overlay_mode_parse("auto", &mode, &err), &err);
	ck_assert_int_eq(mode, OVERLAY_AUTO);
	container_ok(overlay_mode_parse("kernel", &mode, &err), &err);
	ck_assert_int_eq(mode, OVERLAY_KERNEL);
	container_ok(overlay_mode_parse("fuse", &mode, &err), &err);
	ck_assert_int_eq(mode, OVERLAY_FUSE);
	container_ok(overlay_mode_parse("copy", &mode, &err), &err);
	ck_assert_int_eq(mode, OVERLAY_COPY);
	ck_assert_int_eq(overlay_mode_parse("vfs", &mode, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "'vfs'"));
	ck_assert_int_eq(overlay_mode_parse("", &mode, &err), -EINVAL);
}
END_TEST

START_TEST(release)
{
	struct run_request r = {0};

	run_request_release(&r);
	r.mounts = xcalloc(2, sizeof(*r.mounts));
	r.n_mounts = 2;
	r.mounts[0] = taken(mount_parse_volume, "/a:/b");
	r.mounts[1] = taken(mount_parse_tmpfs, "/c");
	strv_add(&r.env, "A=B");
	run_request_release(&r);
	ck_assert_ptr_null(r.mounts);
	ck_assert_ptr_null(r.env);
	ck_assert_uint_eq(r.n_mounts, 0);
}
END_TEST

TCase *container_case_mount(void)
{
	TCase *c = tcase_create("mount");

	tcase_add_checked_fixture(c, container_scratch_make, container_scratch_remove);
	tcase_add_test(c, volume);
	tcase_add_test(c, volume_relative);
	tcase_add_test(c, volume_refused);
	tcase_add_test(c, mount_bind_form);
	tcase_add_test(c, mount_tmpfs_form);
	tcase_add_test(c, mount_refused);
	tcase_add_test(c, tmpfs);
	tcase_add_test(c, overlay_words);
	tcase_add_test(c, release);
	return c;
}

START_TEST(env_option)
{
	_cleanup_strv_ char **env = NULL;
	struct err err = ERR_INIT;

	ck_assert_int_eq(setenv("FROM_ME", "mine = yes", 1), 0);
	ck_assert_int_eq(unsetenv("NOT_SET"), 0);
	container_ok(env_add_option("A=1", &env, &err), &err);
	container_ok(env_add_option("B=", &env, &err), &err);
	container_ok(env_add_option("C=a=b \"q\"", &env, &err), &err);
	container_ok(env_add_option("FROM_ME", &env, &err), &err);
	container_ok(env_add_option("NOT_SET", &env, &err), &err);
	container_ok(env_add_option("A=2", &env, &err), &err);
	ck_assert_uint_eq(strv_len(env), 5);
	ck_assert_str_eq(env[0], "A=1");
	ck_assert_str_eq(env[1], "B=");
	ck_assert_str_eq(env[2], "C=a=b \"q\"");
	ck_assert_str_eq(env[3], "FROM_ME=mine = yes");
	ck_assert_str_eq(env[4], "A=2");
	ck_assert_int_eq(env_add_option("", &env, &err), -EINVAL);
	ck_assert_int_eq(env_add_option("=x", &env, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "'=x'"));
	ck_assert_uint_eq(strv_len(env), 5);
}
END_TEST

START_TEST(env_file)
{
	static const char text[] =
		"\xef\xbb\xbf"
		"# comment\nA=1\nB=\"quoted\" $not \\x\n\n  \t\n"
		"FROM_ME\nFROM_ME2  \nNOT_SET\nC=x # y \r\n  D=d\n  # indented\nE=\nLAST=end";
	static const char *const want[] = {
		"A=1",	      "B=\"quoted\" $not \\x",
		"FROM_ME=me", "FROM_ME2=me2",
		"C=x # y ",   "D=d",
		"E=",	      "LAST=end",
	};
	_cleanup_strv_ char **env = NULL;
	struct err err = ERR_INIT;

	ck_assert_int_eq(setenv("FROM_ME", "me", 1), 0);
	ck_assert_int_eq(setenv("FROM_ME2", "me2", 1), 0);
	ck_assert_int_eq(unsetenv("NOT_SET"), 0);
	container_ok(env_read_file(container_file("env", text, sizeof(text) - 1), &env, &err),
		     &err);
	ck_assert_uint_eq(strv_len(env), ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		ck_assert_str_eq(env[i], want[i]);
	/* it appends */
	container_ok(env_read_file(container_file("env", "", 0), &env, &err), &err);
	container_ok(env_read_file(container_file("env", "X=1\n", 4), &env, &err), &err);
	ck_assert_uint_eq(strv_len(env), ARRAY_SIZE(want) + 1);
}
END_TEST

static void file_refused(const char *bytes, size_t len, int code, const char *words)
{
	_cleanup_strv_ char **env = NULL;
	struct err err = ERR_INIT;

	ck_assert_int_eq(env_read_file(container_file("env", bytes, len), &env, &err), -code);
	ck_assert_msg(strstr(err.msg, words) != NULL, "%s", err.msg);
	ck_assert_msg(strstr(err.msg, "/env") != NULL, "%s", err.msg);
}

START_TEST(env_file_refused)
{
	_cleanup_strv_ char **env = NULL;
	struct err err = ERR_INIT;
	_cleanup_free_ char *large = xcalloc(1, LIMIT_ENV_FILE_SIZE + 1);

	file_refused("A=1\n\n=x\n", 8, EINVAL, "line 3: no variable name");
	file_refused("A B=1\n", 6, EINVAL, "line 1: the variable's name in 'A B=1'");
	file_refused("A =1\n", 5, EINVAL, "blanks");
	file_refused("A B\n", 4, EINVAL, "blanks");
	file_refused("A\0B=1\n", 6, EINVAL, "NUL");
	memset(large, 'x', LIMIT_ENV_FILE_SIZE + 1);
	file_refused(large, LIMIT_ENV_FILE_SIZE + 1, EFBIG, "");
	ck_assert_int_eq(env_read_file("/no/such/file", &env, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.msg, "'/no/such/file'"));
	ck_assert_int_lt(env_read_file(container_scratch, &env, &err), 0);
}
END_TEST

TCase *container_case_env(void)
{
	TCase *c = tcase_create("env");

	tcase_add_checked_fixture(c, container_scratch_make, container_scratch_remove);
	tcase_add_test(c, env_option);
	tcase_add_test(c, env_file);
	tcase_add_test(c, env_file_refused);
	return c;
}
