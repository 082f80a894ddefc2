/* user: "user[:group]" against hostile and ordinary passwd and group files (docker's rules). */
#include "container/user.h"

#include <string.h>

#include "unit.h"

TCase *user_tests(void);

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "broken line\n"
			     "bad:x:notanumber:5:::\n"
			     "www:x:33:34:web:/var/www:/bin/false\n"
			     "twin:x:33:99::/other:\n"
			     "1234:x:50:51::/named-like-a-number:\n"
			     "homeless:x:70:71:::\n"
			     "huge:x:4294967296:0::/:\n";
static const char group[] = "root:x:0:\n"
			    "daemon:x:1:www,other\n"
			    "webmasters:x:100:xwww,wwwx\n"
			    "staff:x:50:other,www\n"
			    "nogid:x::www";

static struct user user;

static int resolve(const char *spec, struct err *err)
{
	*err = (struct err)ERR_INIT;
	return user_resolve_text(passwd, group, spec, &user, err);
}

static void is(const char *spec, unsigned int uid, unsigned int gid, const char *home,
	       size_t n_groups)
{
	struct err err;

	ck_assert_msg(resolve(spec, &err) == 0, "%s: %s", spec, err.msg);
	ck_assert_uint_eq(user.uid, uid);
	ck_assert_uint_eq(user.gid, gid);
	ck_assert_str_eq(user.home, home);
	ck_assert_uint_eq(user.n_groups, n_groups);
	user_release(&user);
}

static void fails(const char *spec, const char *message)
{
	struct err err;

	ck_assert_msg(resolve(spec, &err) < 0, "'%s' was taken", spec);
	ck_assert_msg(strstr(err.msg, message) != NULL, "%s", err.msg);
}

START_TEST(names_and_numbers)
{
	is("", 0, 0, "/root", 0);
	is("root", 0, 0, "/root", 0);
	is("0", 0, 0, "/root", 0);
	is("www", 33, 34, "/var/www", 2);
	is("33", 33, 34, "/var/www", 2);
	is("homeless", 70, 71, "/", 0);
	is("4242", 4242, 0, "/", 0);
}
END_TEST

START_TEST(digits_are_never_a_name)
{
	is("1234", 1234, 0, "/", 0);
}
END_TEST

START_TEST(group_part)
{
	is("www:staff", 33, 50, "/var/www", 0);
	is("www:7", 33, 7, "/var/www", 0);
	is(":7", 0, 7, "/root", 0);
	is("www:", 33, 34, "/var/www", 2);
}
END_TEST

START_TEST(refusals)
{
	fails("nobody-here", "unable to find user 'nobody-here'");
	fails("bad", "unable to find user");
	fails("huge", "unable to find user");
	fails("www:nogroup", "unable to find group 'nogroup'");
	fails("www:nogid", "unable to find group 'nogid'");
	fails("2147483648", "out of range");
	fails("99999999999999999999", "out of range");
	fails("0:2147483648", "out of range");
}
END_TEST

START_TEST(missing_files)
{
	struct err err = ERR_INIT;

	ck_assert_int_eq(user_resolve_text("", "", "12:13", &user, &err), 0);
	ck_assert_uint_eq(user.uid, 12);
	ck_assert_uint_eq(user.gid, 13);
	user_release(&user);
	ck_assert_int_eq(user_resolve_text("", "", "", &user, &err), 0);
	ck_assert_uint_eq(user.uid, 0);
	user_release(&user);
}
END_TEST

TCase *user_tests(void)
{
	TCase *tests = tcase_create("user");

	tcase_add_test(tests, names_and_numbers);
	tcase_add_test(tests, digits_are_never_a_name);
	tcase_add_test(tests, group_part);
	tcase_add_test(tests, refusals);
	tcase_add_test(tests, missing_files);
	return tests;
}
