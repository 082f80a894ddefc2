/* The command line: what each option sets, what escapes mean, and what is refused with which words.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "format/override_stat.h"
#include "fuse.h"
#include "fuse/options.h"

static struct options opts;
static struct err err;

static void setup(void)
{
	memset(&opts, 0, sizeof(opts));
	err = (struct err)ERR_INIT;
}

static void teardown(void)
{
	options_release(&opts);
	memset(&opts, 0, sizeof(opts));
}

/* args: without the program's name, NULL at the end. opts is what came out. */
static int parse_args(const char *const *args)
{
	char *argv[16] = {(char *)(uintptr_t) "strake-overlayfs"};
	int argc = 1, r;

	teardown();
	setup();
	for (; *args; args++)
		argv[argc++] = (char *)(uintptr_t)*args;
	r = options_parse(argc, argv, &opts, &err);
	ck_assert_int_eq(r < 0 ? -r : 0, err.code);
	ck_assert((r < 0) == (err.msg[0] != '\0'));
	return r;
}

#define ARGS(...)                                                                                  \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

/* "-o list /mnt" */
static int parse(const char *list)
{
	return parse_args(ARGS("-o", list, "/mnt"));
}

static void good(const char *list)
{
	int r = parse(list);

	ck_assert_msg(r == 0, "%s: %s", list, err.msg);
}

static void bad_args(const char *const *args, int code, const char *text)
{
	int r = parse_args(args);

	ck_assert_msg(r == -code, "%s %s: %d: %s", args[0], args[1], r, err.msg);
	ck_assert_msg(strstr(err.msg, text) != NULL, "%s %s: no '%s' in: %s", args[0], args[1],
		      text, err.msg);
}

static void bad(const char *list, const char *text)
{
	bad_args(ARGS("-o", list, "/mnt"), EINVAL, text);
}

START_TEST(defaults)
{
	good("lowerdir=/a");
	ck_assert_uint_eq(opts.overlay.n_lower, 1);
	ck_assert_str_eq(opts.overlay.lower[0], "/a");
	ck_assert_ptr_null(opts.overlay.upper);
	ck_assert_ptr_null(opts.overlay.work);
	ck_assert_str_eq(opts.mountpoint, "/mnt");
	ck_assert(opts.overlay.redirect && opts.overlay.metacopy && opts.overlay.acl);
	ck_assert(!opts.overlay.trusted && !opts.overlay.is_volatile && !opts.overlay.static_nlink);
	ck_assert(opts.writeback && opts.fsync && !opts.userxattr && !opts.allow_other);
	ck_assert(!opts.foreground && !opts.debug && !opts.check && !opts.confine);
	ck_assert(!opts.overlay.owner.squash_uid && !opts.overlay.owner.squash_gid);
	ck_assert_ptr_null(opts.overlay.owner.override);
	ck_assert_uint_eq(opts.overlay.owner.uid.n + opts.overlay.owner.gid.n, 0);
	ck_assert_uint_eq(opts.threads, 0);
	ck_assert(opts.timeout == 1e9);
	ck_assert_uint_eq(opts.mount_flags, 0);
	ck_assert(opts.fd == -1 && opts.notify == -1);
	ck_assert_ptr_null(opts.fsname);
	ck_assert_ptr_null(opts.context);
}
END_TEST

START_TEST(layers_and_escapes)
{
	static const struct {
		const char *list, *lower[4], *upper, *work;
	} cases[] = {
		{"lowerdir=/a:/b:/c", {"/a", "/b", "/c"}, NULL, NULL},
		{"lowerdir=/a,lowerdir=/b", {"/a", "/b"}, NULL, NULL},
		{",,lowerdir=/a,,", {"/a"}, NULL, NULL},
		{"lowerdir=/a\\:b:/c", {"/a:b", "/c"}, NULL, NULL},
		{"lowerdir=/a\\,b:/c", {"/a,b", "/c"}, NULL, NULL},
		{"lowerdir=/a\\\\:/b", {"/a\\", "/b"}, NULL, NULL},
		{"lowerdir=/a\\\\\\:b", {"/a\\:b"}, NULL, NULL},
		{"lowerdir=/a\\\\\\\\:b", {"/a\\\\", "b"}, NULL, NULL},
		{"lowerdir=/\\a\\b", {"/ab"}, NULL, NULL},
		{"lowerdir=/a\\", {"/a\\"}, NULL, NULL},
		{"lowerdir=\\:", {":"}, NULL, NULL},
		{"lowerdir=\\,", {","}, NULL, NULL},
		{"lowerdir=/a=b:c=d", {"/a=b", "c=d"}, NULL, NULL},
		{"lowerdir=/ a\n:/\xff\xfe", {"/ a\n", "/\xff\xfe"}, NULL, NULL},
		{"lowerdir=/a,upperdir=/u,workdir=/w", {"/a"}, "/u", "/w"},
		{"workdir=/w\\\\,upperdir=/u\\,v,lowerdir=/a", {"/a"}, "/u,v", "/w\\"},
		{"upperdir=/u:v,workdir=/w\\:x,lowerdir=/a", {"/a"}, "/u:v", "/w:x"},
		{"upperdir=/1,upperdir=/2,workdir=/w,lowerdir=/a", {"/a"}, "/2", "/w"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned int n = 0;

		good(cases[i].list);
		for (; n < 4 && cases[i].lower[n]; n++)
			ck_assert_str_eq(opts.overlay.lower[n], cases[i].lower[n]);
		ck_assert_uint_eq(opts.overlay.n_lower, n);
		ck_assert_pstr_eq(opts.overlay.upper, cases[i].upper);
		ck_assert_pstr_eq(opts.overlay.work, cases[i].work);
	}
	ck_assert_int_eq(parse_args(ARGS("-o", "lowerdir=/a:/b", "/mnt", "-o", "upperdir=/u", "-o",
					 "workdir=/w")),
			 0);
	ck_assert_uint_eq(opts.overlay.n_lower, 2);
	ck_assert_str_eq(opts.overlay.upper, "/u");
	ck_assert_str_eq(opts.mountpoint, "/mnt");
}
END_TEST

START_TEST(refused_layers)
{
	bad("", "'lowerdir' is missing");
	bad("ro", "'lowerdir' is missing");
	bad("lowerdir", "unknown option 'lowerdir'");
	bad("upperdir,lowerdir=/a", "unknown option 'upperdir'");
	bad("lowerdir=", "an empty name in 'lowerdir'");
	bad("lowerdir=:/a", "an empty name in 'lowerdir'");
	bad("lowerdir=/a:", "an empty name in 'lowerdir'");
	bad("lowerdir=/a::/b", "an empty name in 'lowerdir'");
	bad("lowerdir=/a\\\\:", "an empty name in 'lowerdir'");
	bad("lowerdir=/a,upperdir=/u", "'workdir' is missing");
	bad("lowerdir=/a,workdir=/w", "'upperdir' is missing");
	bad("upperdir=/u,workdir=/w", "'lowerdir' is missing");
	/* the comma ended it */
	bad("lowerdir=/a,b", "unknown option 'b'");
	bad("lowerdir=/a\\\\,b", "unknown option 'b'");
}
END_TEST

#define AT(member) offsetof(struct options, member)

/* Those that are on or off. */
START_TEST(switches)
{
	static const struct {
		const char *key;
		size_t at;
		bool negated;
	} cases[] = {
		{"redirect_dir", AT(overlay.redirect), false},
		{"metacopy", AT(overlay.metacopy), false},
		{"static_nlink", AT(overlay.static_nlink), false},
		{"writeback", AT(writeback), false},
		{"fsync", AT(fsync), false},
		{"squash_to_root", AT(overlay.owner.squash_uid), false},
		{"squash_to_root", AT(overlay.owner.squash_gid), false},
	};
	static const struct {
		const char *value;
		bool on;
	} values[] = {{"", true},    {"=1", true},    {"=on", true}, {"=yes", true},
		      {"=0", false}, {"=off", false}, {"=no", false}};
	static const char *const wrong[] = {"=", "=2", "=true", "=ON", "=on ", "=onn", "=1=1"};
	char list[128];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const bool *at = (const bool *)((const char *)&opts + cases[i].at);

		for (size_t j = 0; j < ARRAY_SIZE(values); j++) {
			/* the other way first: the last one counts, and it is set */
			snprintf(list, sizeof(list), "lowerdir=/a,%s=%s,%s%s", cases[i].key,
				 values[j].on ? "off" : "on", cases[i].key, values[j].value);
			good(list);
			ck_assert_msg(*at == values[j].on, "%s", list);
		}
		for (size_t j = 0; j < ARRAY_SIZE(wrong); j++) {
			snprintf(list, sizeof(list), "lowerdir=/a,%s%s", cases[i].key, wrong[j]);
			bad(list, cases[i].key);
		}
	}
	good("lowerdir=/a,redirect_dir=nofollow");
	ck_assert(!opts.overlay.redirect);
	good("lowerdir=/a,threaded=0");
	ck_assert_uint_eq(opts.threads, 1);
	good("lowerdir=/a,threaded=0,threaded=1");
	ck_assert_uint_eq(opts.threads, 0);
	bad("lowerdir=/a,threaded=x", "'threaded'");
}
END_TEST

/* Those whose presence says all. */
START_TEST(flags)
{
	static const struct {
		const char *key;
		size_t at;
		bool value;
	} cases[] = {
		{"volatile", AT(overlay.is_volatile), true},
		{"userxattr", AT(userxattr), true},
		{"noacl", AT(overlay.acl), false},
		{"noacl,acl", AT(overlay.acl), true},
		{"debug", AT(debug), true},
		{"debug", AT(foreground), true},
		{"allow_other", AT(allow_other), true},
	};
	char list[128];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const bool *at = (const bool *)((const char *)&opts + cases[i].at);

		snprintf(list, sizeof(list), "%s,lowerdir=/a", cases[i].key);
		good(list);
		ck_assert_msg(*at == cases[i].value, "%s", list);
	}
	good("lowerdir=/a,fsname=a\\,b,context=system_u:object_r:x_t:s0:c1\\,c2");
	ck_assert_str_eq(opts.fsname, "a,b");
	ck_assert_str_eq(opts.context, "system_u:object_r:x_t:s0:c1,c2");
}
END_TEST

START_TEST(mount_flags)
{
	static const struct {
		const char *words;
		unsigned long flags;
	} cases[] = {
		{"ro", MS_RDONLY},
		{"ro,rw", 0},
		{"nosuid,nodev,noexec,noatime", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME},
		{"nosuid,suid,nodev,dev,noexec,exec,noatime,atime", 0},
		{"suid,nosuid", MS_NOSUID},
		{"relatime,nodiratime,sync", MS_RELATIME | MS_NODIRATIME | MS_SYNCHRONOUS},
		{"sync,async", 0},
		/* what is always so, and what other programs put there */
		{"default_permissions,subtype=x,index=off,xino=off,nfs_export=off,uuid=on", 0},
		{"auto_unmount,big_writes,max_idle_threads=5,nonempty,defaults,_netdev", 0},
	};
	char list[256];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(list, sizeof(list), "lowerdir=/a,%s", cases[i].words);
		good(list);
		ck_assert_msg(opts.mount_flags == cases[i].flags, "%s: %lx", list,
			      opts.mount_flags);
	}
	bad("lowerdir=/a,lowerdri=/b", "unknown option 'lowerdri'");
	bad("lowerdir=/a,RO", "unknown option 'RO'");
	bad("lowerdir=/a,rox", "unknown option 'rox'");
	bad("lowerdir=/a, ro", "unknown option ' ro'");
	bad_args(ARGS("-o", "lowerdir=/a,plugins=/x.so", "/mnt"), ENOTSUP, "plugins");
}
END_TEST

START_TEST(owners)
{
	const struct owner_config *c = &opts.overlay.owner;

	good("lowerdir=/a,squash_to_uid=0,squash_to_gid=4294967294");
	ck_assert(c->squash_uid && c->squash_gid);
	ck_assert_uint_eq(c->to_uid, 0);
	ck_assert_uint_eq(c->to_gid, 4294967294U);
	good("lowerdir=/a,squash_to_uid=7");
	ck_assert(c->squash_uid && !c->squash_gid);
	good("lowerdir=/a,squash_to_uid=7,squash_to_gid=8,squash_to_root");
	ck_assert(c->squash_uid && c->squash_gid);
	ck_assert_uint_eq(c->to_uid + c->to_gid, 0);
	/* (uid_t)-1 is nobody's, and it means "leave it" to chown() */
	bad("lowerdir=/a,squash_to_uid=4294967295", "'squash_to_uid'");
	bad("lowerdir=/a,squash_to_uid=-1", "'squash_to_uid'");
	bad("lowerdir=/a,squash_to_uid=", "'squash_to_uid'");
	bad("lowerdir=/a,squash_to_uid", "'squash_to_uid'");
	bad("lowerdir=/a,squash_to_gid=1x", "'squash_to_gid'");
	bad("lowerdir=/a,squash_to_gid=18446744073709551617", "'squash_to_gid'");

	good("lowerdir=/a,uidmapping=0:1000:1:1:100000:65536,gidmapping=0:5:6");
	ck_assert_uint_eq(c->uid.n, 2);
	ck_assert_uint_eq(c->uid.range[1].shown, 1);
	ck_assert_uint_eq(c->uid.range[1].disk, 100000);
	ck_assert_uint_eq(c->uid.range[1].count, 65536);
	ck_assert_uint_eq(c->gid.n, 1);
	ck_assert_uint_eq(c->gid.range[0].disk, 5);
	/* the last one counts, and the first is not lost */
	good("lowerdir=/a,uidmapping=0:1:1:2:3:4,uidmapping=0:7:1");
	ck_assert_uint_eq(c->uid.n, 1);
	ck_assert_uint_eq(c->uid.range[0].disk, 7);
	bad("lowerdir=/a,uidmapping=0:1:1,uidmapping=x", "'uidmapping'");
	bad("lowerdir=/a,uidmapping", "'uidmapping'");
	bad("lowerdir=/a,uidmapping=", "'uidmapping'");
	bad("lowerdir=/a,gidmapping=0:1", "'gidmapping'");

	good("lowerdir=/a,xattr_permissions=0");
	ck_assert_ptr_null(c->override);
	good("lowerdir=/a,xattr_permissions=1");
	ck_assert_str_eq(c->override, "security.fuseoverlayfs.override_stat");
	good("lowerdir=/a,xattr_permissions=2");
	ck_assert_str_eq(c->override, OVERRIDE_STAT_XATTR);
	bad("lowerdir=/a,xattr_permissions=3", "'xattr_permissions'");
	bad("lowerdir=/a,xattr_permissions", "'xattr_permissions'");
}
END_TEST

START_TEST(timeouts)
{
	static const char *const wrong[] = {"",	   "=",	    "=-1",  "=nan",  "=inf",
					    "=5s", "=1e10", "=1,5", "=soon", "=-inf"};
	char list[64];

	good("lowerdir=/a,timeout=0");
	ck_assert(opts.timeout == 0);
	good("lowerdir=/a,timeout=1.5");
	ck_assert(opts.timeout == 1.5);
	good("lowerdir=/a,timeout=1e9");
	ck_assert(opts.timeout == 1e9);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		snprintf(list, sizeof(list), "lowerdir=/a,timeout%s", wrong[i]);
		bad(list, wrong[i][0] == '=' && wrong[i][1] == '1' && wrong[i][2] == ','
				  ? "unknown option '5'"
				  : "'timeout'");
	}
}
END_TEST

START_TEST(arguments)
{
	const char *l = "lowerdir=/a", *u = "lowerdir=/a,upperdir=/u,workdir=/w";

	ck_assert_int_eq(parse_args(ARGS("-f", "-o", l, "/mnt")), 0);
	ck_assert(opts.foreground && !opts.debug);
	ck_assert_int_eq(parse_args(ARGS("/mnt", "-do", l, "-s")), 0);
	ck_assert(opts.foreground && opts.debug);
	ck_assert_uint_eq(opts.threads, 1);
	ck_assert_int_eq(parse_args(ARGS("--debug", "--confine", "-o", l, "--", "-x")), 0);
	ck_assert(opts.debug && opts.confine);
	ck_assert_str_eq(opts.mountpoint, "-x");
	/* nothing else matters then */
	ck_assert_int_eq(parse_args(ARGS("-h")), 0);
	ck_assert(opts.help);
	ck_assert_int_eq(parse_args(ARGS("--help", "a", "b")), 0);
	ck_assert(opts.help);
	ck_assert_int_eq(parse_args(ARGS("-V")), 0);
	ck_assert(opts.version);
	ck_assert_int_eq(parse_args(ARGS("--version")), 0);
	ck_assert(opts.version);
	ck_assert_int_eq(parse_args(ARGS("--check", "-o", u)), 0);
	ck_assert(opts.check && !opts.flatten && !opts.dry_run);
	ck_assert_int_eq(parse_args(ARGS("--check", "--flatten", "-n", "-o", u)), 0);
	ck_assert(opts.check && opts.flatten && opts.dry_run);
	ck_assert_int_eq(parse_args(ARGS("--check", "--dry-run", "-o", u)), 0);
	ck_assert(opts.dry_run);

	bad_args(ARGS("-o", l), EINVAL, "the mount point is missing");
	bad_args(ARGS("-o", l, "/mnt", "/other"), EINVAL, "'/other' is one argument too many");
	bad_args(ARGS("--flatten", "-o", u, "/mnt"), EINVAL, "go with --check");
	bad_args(ARGS("-n", "-o", u, "/mnt"), EINVAL, "go with --check");
	bad_args(ARGS("--check", "-o", l), EINVAL, "'upperdir' is missing");
	bad_args(ARGS("--checks", "-o", u), EINVAL, "unknown option");
	bad_args(ARGS("-x", "-o", u), EINVAL, "unknown option");
	bad_args(ARGS("/mnt", "-o"), EINVAL, "unknown option");
}
END_TEST

/* Which of the first descriptors are open. */
static unsigned long open_descriptors(void)
{
	unsigned long set = 0;

	for (int fd = 0; fd < 60; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			set |= 1UL << fd;
	return set;
}

START_TEST(descriptors)
{
	static const char *const wrong[] = {"", "x", "-1", "9999", "1048577", "4294967296", "0x3"};
	int pipe_fds[2];
	char text[24];
	unsigned long before;

	ck_assert_int_eq(pipe(pipe_fds), 0);
	snprintf(text, sizeof(text), "%d", pipe_fds[0]);
	ck_assert_int_eq(parse_args(ARGS("--fd", text, "-o", "lowerdir=/a")), 0);
	ck_assert_int_eq(opts.fd, pipe_fds[0]);
	ck_assert_ptr_null(opts.mountpoint);
	ck_assert_int_eq(fcntl(pipe_fds[0], F_GETFD), FD_CLOEXEC);
	bad_args(ARGS("--fd", text, "-o", "lowerdir=/a", "/mnt"), EINVAL, "is one too many");
	ck_assert_int_eq(parse_args(ARGS("--notify", text, "-o", "lowerdir=/a", "/mnt")), 0);
	ck_assert_int_eq(opts.notify, pipe_fds[0]);
	before = open_descriptors();
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		int code = strcmp(wrong[i], "9999") ? EINVAL : EBADF;

		bad_args(ARGS("--fd", wrong[i], "-o", "lowerdir=/a"), code, "--fd");
		bad_args(ARGS("--notify", wrong[i], "-o", "lowerdir=/a"), code, "--notify");
		bad_args(ARGS("--options-fd", wrong[i]), code, "--options-fd");
	}
	ck_assert_uint_eq(open_descriptors(), before);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}
END_TEST

/* More than an argument holds, which is 128 KiB. */
START_TEST(long_list)
{
	enum { N = 1000, LONG = 200 };
	char file[] = "/tmp/strake-options-XXXXXX", text[LONG + 24], name[LONG + 1];
	int fd = mkstemp(file);

	ck_assert_int_ge(fd, 0);
	unlink(file);
	memset(name, 'n', LONG);
	name[LONG] = '\0';
	ck_assert_int_eq(fd_write_all(fd, "ro,lowerdir=", 12), 0);
	for (int i = 0; i < N; i++) {
		snprintf(text, sizeof(text), "%s/%s\\:%d", i ? ":" : "", name, i);
		ck_assert_int_eq(fd_write_all(fd, text, strlen(text)), 0);
	}
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	snprintf(text, sizeof(text), "%d", fd);
	ck_assert_int_eq(parse_args(ARGS("--options-fd", text, "/mnt")), 0);
	ck_assert_uint_eq(opts.overlay.n_lower, N);
	snprintf(text, sizeof(text), "/%s:%d", name, N - 1);
	ck_assert_str_eq(opts.overlay.lower[N - 1], text);
	ck_assert_uint_eq(opts.mount_flags, MS_RDONLY);
	ck_assert_int_lt(fcntl(fd, F_GETFD), 0); /* it is closed */
}
END_TEST

TCase *fuse_options_case(void)
{
	TCase *tc = tcase_create("options");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, defaults);
	tcase_add_test(tc, layers_and_escapes);
	tcase_add_test(tc, refused_layers);
	tcase_add_test(tc, switches);
	tcase_add_test(tc, flags);
	tcase_add_test(tc, mount_flags);
	tcase_add_test(tc, owners);
	tcase_add_test(tc, timeouts);
	tcase_add_test(tc, arguments);
	tcase_add_test(tc, descriptors);
	tcase_add_test(tc, long_list);
	return tc;
}
