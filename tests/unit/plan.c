/* plan: what a request and an image config become, without privileges. */
#include "container/plan.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "ns/caps.h"
#include "unit.h"

TCase *user_tests(void);

static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
static char *layers[] = {"/s/cache/layers/a", "/s/cache/layers/b", NULL};

/* A request, a config and an identity that a test changes before make(). */
static struct run_request request;
static struct image_config config;
static struct identity identity;
static struct plan plan;
static char *no_strings[] = {NULL};

static void setup(void)
{
	request = (struct run_request){.image_name = "image"};
	config = (struct image_config){
		.user = "",
		.env = no_strings,
		.volumes = no_strings,
		.working_dir = "",
	};
	identity = (struct identity){.uid = 1000, .gid = 1000};
	plan = (struct plan){0};
}

static void teardown(void)
{
	plan_release(&plan);
}

static int make(struct err *err)
{
	struct plan_input in = {
		.request = &request,
		.config = &config,
		.identity = &identity,
		.dir = "/s/containers/x",
		.mountpoints = "/s/cache/mountpoints-1",
		.layers = layers,
		.id = id,
	};

	*err = (struct err)ERR_INIT;
	return plan_make(&in, &plan, err);
}

static void make_ok(void)
{
	struct err err;

	ck_assert_msg(make(&err) == 0, "%s", err.msg);
}

/* The only operation of a kind with that target (NULL: any); its place in *ret_at. */
static const struct op *find(enum op_kind kind, const char *target, size_t *ret_at)
{
	const struct op *found = NULL;

	for (size_t i = 0; i < plan.n_ops; i++) {
		const struct op *op = &plan.ops[i];

		if (op->kind != kind || (target && !str_eq(op->target, target)))
			continue;
		ck_assert_msg(!found, "two operations for %s", target ? target : "?");
		found = op;
		if (ret_at)
			*ret_at = i;
	}
	return found;
}

static void argv_is(const char *joined)
{
	_cleanup_free_ char *text = strv_join(plan.argv, " ");

	ck_assert_str_eq(text, joined);
}

START_TEST(argv_joins_entrypoint_and_cmd)
{
	char *entrypoint[] = {"/entry", "-x", NULL}, *cmd[] = {"default", NULL};

	config.entrypoint = entrypoint;
	config.cmd = cmd;
	make_ok();
	argv_is("/entry -x default");
}
END_TEST

START_TEST(argv_arguments_replace_cmd)
{
	char *entrypoint[] = {"/entry", NULL}, *cmd[] = {"default", NULL};
	char *args[] = {"a", "b", NULL};

	config.entrypoint = entrypoint;
	config.cmd = cmd;
	request.args = args;
	make_ok();
	argv_is("/entry a b");
}
END_TEST

START_TEST(argv_entrypoint_option_drops_cmd)
{
	char *entrypoint[] = {"/entry", NULL}, *cmd[] = {"default", NULL};

	config.entrypoint = entrypoint;
	config.cmd = cmd;
	request.entrypoint = "/other";
	make_ok();
	argv_is("/other");
}
END_TEST

START_TEST(argv_empty_entrypoint_option_clears)
{
	char *entrypoint[] = {"/entry", NULL};
	char *args[] = {"sh", NULL};

	config.entrypoint = entrypoint;
	request.entrypoint = "";
	request.args = args;
	make_ok();
	argv_is("sh");
}
END_TEST

START_TEST(argv_nothing_to_run)
{
	struct err err;

	ck_assert_int_lt(make(&err), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "no command"));
}
END_TEST

START_TEST(env_order_and_defaults)
{
	char *args[] = {"sh", NULL};
	char *image_env[] = {"A=image", "B=image", NULL},
	     *option_env[] = {"B=option", "C=x=y", NULL};

	request.args = args;
	request.tty = true;
	request.env = option_env;
	config.env = image_env;
	make_ok();
	ck_assert_str_eq(strv_env_get(plan.env, "A"), "image");
	ck_assert_str_eq(strv_env_get(plan.env, "B"), "option");
	ck_assert_str_eq(strv_env_get(plan.env, "C"), "x=y");
	ck_assert_str_eq(strv_env_get(plan.env, "TERM"), "xterm");
	ck_assert_str_eq(strv_env_get(plan.env, "HOSTNAME"), "0123456789ab");
	ck_assert_ptr_nonnull(strstr(strv_env_get(plan.env, "PATH"), "/usr/bin"));
	ck_assert_ptr_null(strv_env_get(plan.env, "HOME"));
}
END_TEST

START_TEST(order_of_operations)
{
	char *args[] = {"sh", NULL};
	size_t rootfs, readonly, pivot, workdir, user, caps, privileges, exec;

	request.args = args;
	request.readonly = request.no_new_privileges = true;
	make_ok();
	find(OP_ROOTFS, NULL, &rootfs);
	ck_assert_ptr_nonnull(find(OP_ROOT_READONLY, NULL, &readonly));
	ck_assert_ptr_nonnull(find(OP_PIVOT, NULL, &pivot));
	ck_assert_ptr_nonnull(find(OP_WORKDIR, NULL, &workdir));
	ck_assert_ptr_nonnull(find(OP_USER, NULL, &user));
	ck_assert_ptr_nonnull(find(OP_CAPS, NULL, &caps));
	ck_assert_ptr_nonnull(find(OP_NO_NEW_PRIVS, NULL, &privileges));
	ck_assert_ptr_nonnull(find(OP_EXEC, NULL, &exec));
	ck_assert_uint_eq(rootfs, 0);
	ck_assert(readonly < pivot && pivot < workdir && workdir < user && user < caps);
	ck_assert(caps < privileges && privileges < exec && exec == plan.n_ops - 1);
	ck_assert_uint_eq(plan.ops[caps].caps, CAPS_DEFAULT);
	for (size_t i = 0; i < plan.n_ops; i++) {
		bool mounts = plan.ops[i].kind >= OP_PROC && plan.ops[i].kind <= OP_READONLY;

		ck_assert_msg(!mounts || i < readonly,
			      "operation %zu mounts after the root is closed", i);
	}
}
END_TEST

START_TEST(readonly_root_has_tmpfs)
{
	char *args[] = {"sh", NULL};
	struct mount_request mine = {.kind = MOUNT_BIND, .source = "/h", .target = "/tmp"};

	request.args = args;
	request.readonly = true;
	request.mounts = &mine;
	request.n_mounts = 1;
	make_ok();
	ck_assert_ptr_nonnull(find(OP_TMPFS, "/run", NULL));
	ck_assert_ptr_nonnull(find(OP_TMPFS, "/var/tmp", NULL));
	ck_assert_ptr_null(find(OP_TMPFS, "/tmp", NULL));
	ck_assert_ptr_nonnull(find(OP_BIND, "/tmp", NULL));
}
END_TEST

START_TEST(mounts_shallow_first)
{
	char *args[] = {"sh", NULL}, *volumes[] = {"/data", NULL};
	struct mount_request mine[] = {
		{.kind = MOUNT_BIND, .source = "/h1", .target = "/a/b/c", .readonly = true},
		{.kind = MOUNT_TMPFS, .target = "/a", .tmpfs_mode = 01777, .tmpfs_size = 4096},
	};
	const struct op *bind, *tmpfs, *volume;
	size_t bind_at = 0, tmpfs_at = 0;

	request.args = args;
	request.mounts = mine;
	request.n_mounts = 2;
	config.volumes = volumes;
	make_ok();
	bind = find(OP_BIND, "/a/b/c", &bind_at);
	tmpfs = find(OP_TMPFS, "/a", &tmpfs_at);
	volume = find(OP_VOLUME, "/data", NULL);
	ck_assert(bind && tmpfs && volume);
	ck_assert_uint_lt(tmpfs_at, bind_at);
	ck_assert(bind->flags & MOUNT_ATTR_RDONLY);
	ck_assert_str_eq(tmpfs->data, "mode=1777,size=4096");
	ck_assert(tmpfs->flags & MS_NOEXEC && tmpfs->flags & MS_NOSUID);
	ck_assert_str_eq(volume->source, "/s/containers/x/volumes/0");
}
END_TEST

START_TEST(user_mount_replaces_volume_and_etc_file)
{
	char *args[] = {"sh", NULL}, *volumes[] = {"/data", NULL};
	struct mount_request mine[] = {
		{.kind = MOUNT_BIND, .source = "/h1", .target = "/data"},
		{.kind = MOUNT_BIND, .source = "/h2", .target = "/etc/hosts"},
	};

	request.args = args;
	request.mounts = mine;
	request.n_mounts = 2;
	config.volumes = volumes;
	make_ok();
	ck_assert_ptr_null(find(OP_VOLUME, NULL, NULL));
	ck_assert_str_eq(find(OP_BIND, "/etc/hosts", NULL)->source, "/h2");
	ck_assert_ptr_null(find(OP_ETC_FILE, "/etc/hosts", NULL));
	ck_assert_str_eq(find(OP_ETC_FILE, "/etc/resolv.conf", NULL)->source, "resolv.conf");
	ck_assert_str_eq(find(OP_ETC_FILE, "/etc/hostname", NULL)->data, "0123456789ab");
}
END_TEST

START_TEST(user_choice)
{
	char *args[] = {"sh", NULL};
	const struct op *op;

	request.args = args;
	config.user = "image";
	make_ok();
	op = find(OP_USER, NULL, NULL);
	ck_assert_str_eq(op->source, "image");
	ck_assert(op->optional);

	plan_release(&plan);
	request.user = "mine";
	make_ok();
	op = find(OP_USER, NULL, NULL);
	ck_assert_str_eq(op->source, "mine");
	ck_assert(!op->optional);

	plan_release(&plan);
	request.user = NULL;
	identity.keep_id = true;
	make_ok();
	ck_assert_str_eq(find(OP_USER, NULL, NULL)->source, "1000:1000");
}
END_TEST

START_TEST(workdir_is_absolute)
{
	char *args[] = {"sh", NULL};

	request.args = args;
	make_ok();
	ck_assert_str_eq(find(OP_WORKDIR, NULL, NULL)->target, "/");

	plan_release(&plan);
	config.working_dir = "/image";
	make_ok();
	ck_assert_str_eq(find(OP_WORKDIR, NULL, NULL)->target, "/image");

	plan_release(&plan);
	request.workdir = "/mine";
	make_ok();
	ck_assert_str_eq(find(OP_WORKDIR, NULL, NULL)->target, "/mine");
}
END_TEST

START_TEST(print_escapes_control_characters)
{
	char *args[] = {"echo", "\033[2J", NULL};
	char text[16384];
	FILE *out = fmemopen(text, sizeof(text), "w");

	request.args = args;
	make_ok();
	plan_print(&plan, out);
	fclose(out);
	ck_assert_ptr_null(strchr(text, '\033'));
	ck_assert_ptr_nonnull(strstr(text, "exec echo "));
	ck_assert_ptr_nonnull(strstr(
		text, "rootfs auto /s/containers/x /s/cache/mountpoints-1 /s/cache/layers/a"));
	ck_assert_ptr_nonnull(strstr(text, "\npivot\n"));
}
END_TEST

/* --dry-run says it as the option takes it. */
START_TEST(overlay_names)
{
	char *args[] = {"sh", NULL};

	request.args = args;
	for (enum overlay_mode mode = OVERLAY_AUTO; mode <= OVERLAY_COPY; mode++) {
		_cleanup_free_ char *line = xasprintf("rootfs %s /s/", overlay_mode_name(mode));
		enum overlay_mode again;
		char text[16384];
		FILE *out = fmemopen(text, sizeof(text), "w");

		ck_assert_int_eq(overlay_mode_parse(overlay_mode_name(mode), &again, NULL), 0);
		ck_assert_int_eq(again, mode);
		request.overlay = mode;
		plan_release(&plan);
		make_ok();
		plan_print(&plan, out);
		fclose(out);
		ck_assert_ptr_nonnull(strstr(text, line));
	}
}
END_TEST

/* Whatever is tried first, how it was stacked is known afterwards. */
START_TEST(stacked_how)
{
	char dir[] = "/tmp/strake-plan-XXXXXX";
	const struct overlay_server none = {0}, one = {.pid = 1};
	struct rootfs r = {.mode = OVERLAY_AUTO};
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(rootfs_stacked(&r, fd, &none), OVERLAY_KERNEL);
	ck_assert_int_eq(rootfs_stacked(&r, fd, &one), OVERLAY_FUSE);
	ck_assert_int_eq(mkdirat(fd, "root", 0700), 0);
	ck_assert_int_eq(rootfs_stacked(&r, fd, &none), OVERLAY_COPY);
	r.mode = OVERLAY_COPY;
	ck_assert_int_eq(rootfs_stacked(&r, fd, &none), OVERLAY_COPY);
	ck_assert_int_eq(unlinkat(fd, "root", AT_REMOVEDIR), 0);
	close(fd);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plan");
	TCase *tests = tcase_create("plan");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, argv_joins_entrypoint_and_cmd);
	tcase_add_test(tests, argv_arguments_replace_cmd);
	tcase_add_test(tests, argv_entrypoint_option_drops_cmd);
	tcase_add_test(tests, argv_empty_entrypoint_option_clears);
	tcase_add_test(tests, argv_nothing_to_run);
	tcase_add_test(tests, env_order_and_defaults);
	tcase_add_test(tests, order_of_operations);
	tcase_add_test(tests, readonly_root_has_tmpfs);
	tcase_add_test(tests, mounts_shallow_first);
	tcase_add_test(tests, user_mount_replaces_volume_and_etc_file);
	tcase_add_test(tests, user_choice);
	tcase_add_test(tests, workdir_is_absolute);
	tcase_add_test(tests, print_escapes_control_characters);
	tcase_add_test(tests, overlay_names);
	tcase_add_test(tests, stacked_how);
	suite_add_tcase(suite, tests);
	suite_add_tcase(suite, user_tests());
	return unit_run(suite);
}
