/* registry_certs: the certs.d directories and --cert-dir. */
#include "registry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "registry/certs.h"

#define OURS "-----BEGIN CERTIFICATE-----\nours\n-----END CERTIFICATE-----"

static char dir[64];

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/strake-certs-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	setenv("HOME", dir, 1);
	unsetenv("XDG_CONFIG_HOME");
}

static void teardown(void)
{
	ck_assert_int_eq(fd_remove_tree(AT_FDCWD, dir, NULL), 0);
}

static void put(const char *name, const char *text)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name), *parent = xstrdup(path);
	_cleanup_fd_ int fd = -1;

	*strrchr(parent, '/') = '\0';
	ck_assert_int_eq(fd_mkdir_p(AT_FDCWD, parent, 0700, NULL), 0);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_write_all(fd, text, strlen(text)), 0);
}

START_TEST(only_the_system_s)
{
	struct certs c;

	put("ca.pem", OURS);
	ck_assert_int_eq(certs_load("r.example:5000", NULL, &c, NULL), 0);
	ck_assert_int_eq(c.bundle_fd, -1);
	ck_assert_ptr_null(c.client_cert);
	certs_release(&c);
	setenv("SSL_CERT_FILE", "/some/file", 1);
	setenv("SSL_CERT_DIR", "/some/dir", 1);
	ck_assert_int_eq(certs_load("r.example:5000", NULL, &c, NULL), 0);
	ck_assert_str_eq(c.ca_file, "/some/file");
	ck_assert_str_eq(c.ca_dir, "/some/dir");
	certs_release(&c);
}
END_TEST

START_TEST(ours_beside_the_system_s)
{
	static const char *const places[] = {".config/containers/certs.d/r.example:5000/a.crt",
					     "xdg/containers/certs.d/r.example:5000/a.crt",
					     "given/a.crt"};
	_cleanup_free_ char *theirs = xasprintf("%s/system", dir), *xdg = xasprintf("%s/xdg", dir),
			    *given = xasprintf("%s/given", dir), *text = NULL;
	struct err err = ERR_INIT;
	struct certs c;

	put("system", "theirs");
	setenv("SSL_CERT_FILE", theirs, 1);
	put(places[_i], OURS);
	if (_i == 1)
		setenv("XDG_CONFIG_HOME", xdg, 1);
	ck_assert_msg(certs_load("r.example:5000", _i == 2 ? given : NULL, &c, &err) == 0, "%s",
		      err.msg);
	ck_assert_int_ge(c.bundle_fd, 0);
	ck_assert_int_eq(lseek(c.bundle_fd, 0, SEEK_SET), 0);
	ck_assert_int_eq(fd_slurp(c.bundle_fd, 4096, &text, NULL, &err), 0);
	ck_assert_str_eq(text, "theirs\n" OURS "\n");
	certs_release(&c);
	/* Another port is another registry. */
	if (_i < 2) {
		ck_assert_int_eq(certs_load("r.example", NULL, &c, &err), 0);
		ck_assert_int_eq(c.bundle_fd, -1);
		certs_release(&c);
	}
}
END_TEST

START_TEST(client_pairs)
{
	_cleanup_free_ char *given = xasprintf("%s/given", dir),
			    *key = xasprintf("%s/me.key", given);
	struct err err = ERR_INIT;
	struct certs c;

	put("given/me.cert", "c");
	ck_assert_int_eq(certs_load("r.example", given, &c, &err), -ENOENT);
	ck_assert_msg(strstr(err.msg, key) != NULL, "%s", err.msg);
	put("given/me.key", "k");
	put("given/you.cert", "c");
	put("given/you.key", "k");
	ck_assert_int_eq(certs_load("r.example", given, &c, &err), 0);
	ck_assert_str_eq(c.client_key, key);
	ck_assert(str_ends(c.client_cert, "/given/me.cert"));
	certs_release(&c);
}
END_TEST

START_TEST(missing_directory)
{
	_cleanup_free_ char *given = xasprintf("%s/given", dir);
	struct err err = ERR_INIT;
	struct certs c;

	ck_assert_int_eq(certs_load("r.example", given, &c, &err), -ENOENT);
	ck_assert_msg(strstr(err.msg, given) != NULL, "%s", err.msg);
}
END_TEST

TCase *registry_certificates(void)
{
	TCase *t = tcase_create("certificates");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, only_the_system_s);
	tcase_add_loop_test(t, ours_beside_the_system_s, 0, 3);
	tcase_add_test(t, client_pairs);
	tcase_add_test(t, missing_directory);
	return t;
}
