/* err and buf, vec, mem: records and memory. */
#include "base.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

START_TEST(set_and_context)
{
	struct err err = ERR_INIT;

	errno = ENOSPC;
	ck_assert_int_eq(err_set(&err, ENOENT, "cannot open '%s'", "x"), -ENOENT);
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_int_eq(err.code, ENOENT);
	ck_assert_int_eq(err.exit_status, 0);
	ck_assert_str_eq(err.msg, "cannot open 'x'");
	ck_assert_int_eq(err_prefix(&err, "layer %d", 3), -ENOENT);
	ck_assert_str_eq(err.msg, "layer 3: cannot open 'x'");
	ck_assert_int_eq(err_hint(&err, "try %s", "again"), -ENOENT);
	ck_assert_str_eq(err.msg, "layer 3: cannot open 'x'; try again");
	ck_assert_int_eq(err_exit(&err, 127), -ENOENT);
	ck_assert_int_eq(err.exit_status, 127);
	/* the next error does not inherit it */
	ck_assert_int_eq(err_sys(&err, EACCES, "cannot read '%s'", "y"), -EACCES);
	ck_assert_int_eq(err.exit_status, 0);
	ck_assert_str_eq(err.msg, "cannot read 'y': Permission denied");
}
END_TEST

START_TEST(codes)
{
	struct err err = ERR_INIT;

	ck_assert_int_eq(err_set(&err, 0, "no code"), -EINVAL);
	ck_assert_int_eq(err.code, EINVAL);
	ck_assert_int_eq(err_set(&err, -EIO, "a negative one"), -EIO);
	ck_assert_int_eq(err.code, EIO);
	ck_assert_int_eq(err_set(NULL, EIO, "nobody listens"), -EIO);
	ck_assert_int_eq(err_sys(NULL, EIO, "nobody listens"), -EIO);
	ck_assert_int_lt(err_prefix(NULL, "x"), 0);
	ck_assert_int_lt(err_hint(NULL, "x"), 0);
	ck_assert_int_lt(err_exit(NULL, 1), 0);
}
END_TEST

/* The message may be among its own arguments, and longer than there is room. */
START_TEST(long_messages)
{
	struct err err = ERR_INIT;
	char big[3000];

	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	err_set(&err, EIO, "%s", big);
	ck_assert_uint_eq(strlen(err.msg), sizeof(err.msg) - 1);
	ck_assert_str_eq(err.msg + sizeof(err.msg) - 5, "a...");
	err_set(&err, EIO, "short");
	err_set(&err, EIO, "again: %s", err.msg);
	ck_assert_str_eq(err.msg, "again: short");
	err_prefix(&err, "%s", err.msg);
	ck_assert_str_eq(err.msg, "again: short: again: short");
	err_sys(&err, EIO, "%s", big);
	ck_assert_str_eq(err.msg + sizeof(err.msg) - 5, "a...");
	err_set(&err, EIO, "%.*s", (int)sizeof(err.msg) - 1, big);
	ck_assert_str_eq(err.msg + sizeof(err.msg) - 4, "aaa");
	err_prefix(&err, "x");
	ck_assert_int_eq(strncmp(err.msg, "x: aaa", 6), 0);
	ck_assert_str_eq(err.msg + sizeof(err.msg) - 5, "a...");
	err_hint(&err, "never seen");
	ck_assert_str_eq(err.msg + sizeof(err.msg) - 5, "a...");
	err_prefix(&err, "%s", big);
	ck_assert_str_eq(err.msg + sizeof(err.msg) - 5, "a...");
}
END_TEST

START_TEST(through_a_pipe)
{
	struct err out = ERR_INIT, in = ERR_INIT;
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	err_set(&out, EPERM, "no");
	err_exit(&out, 126);
	ck_assert_int_eq(err_send(fds[1], &out), 0);
	ck_assert_int_eq(err_receive(fds[0], &in), 1);
	ck_assert_int_eq(in.code, EPERM);
	ck_assert_int_eq(in.exit_status, 126);
	ck_assert_str_eq(in.msg, "no");
	/* a child that died in the middle */
	ck_assert_int_eq(write(fds[1], &out, 100), 100);
	close(fds[1]);
	ck_assert_int_eq(err_receive(fds[0], &in), -EIO);
	ck_assert_int_eq(err_receive(fds[0], &in), 0);
	close(fds[0]);
	ck_assert_int_eq(err_receive(fds[0], &in), -EIO);
	ck_assert_int_eq(err_send(fds[1], &out), -EBADF);
}
END_TEST

/* What comes from the other side is made sound: no text without an end, no error without a code. */
START_TEST(from_a_broken_child)
{
	struct err out, in = ERR_INIT;
	int fds[2];

	memset(&out, 'x', sizeof(out));
	out.code = 0;
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(err_send(fds[1], &out), 0);
	ck_assert_int_eq(err_receive(fds[0], &in), 1);
	ck_assert_int_eq(in.code, EINVAL);
	ck_assert_uint_eq(strlen(in.msg), sizeof(in.msg) - 1);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

TCase *base_err(void)
{
	TCase *tc = tcase_create("err");

	tcase_add_test(tc, set_and_context);
	tcase_add_test(tc, codes);
	tcase_add_test(tc, long_messages);
	tcase_add_test(tc, through_a_pipe);
	tcase_add_test(tc, from_a_broken_child);
	return tc;
}

START_TEST(buf_grows_to_its_maximum)
{
	_cleanup_buf_ struct buf b;

	buf_init(&b, 300);
	ck_assert_str_eq(b.data, "");
	for (int i = 0; i < 300; i++)
		ck_assert_int_eq(buf_addch(&b, (char)('a' + i % 26)), 0);
	ck_assert_int_eq(buf_addch(&b, 'x'), -EFBIG);
	ck_assert_int_eq(buf_addf(&b, "%d", 1), -EFBIG);
	ck_assert_int_eq(buf_add(&b, "", SIZE_MAX), -EFBIG);
	ck_assert_uint_eq(b.len, 300);
	ck_assert_uint_eq(strlen(b.data), 300);
	ck_assert_int_eq(buf_add(&b, NULL, 0), 0);
	buf_reset(&b);
	ck_assert_str_eq(b.data, "");
	ck_assert_int_eq(buf_addstr(&b, "again"), 0);
	ck_assert_str_eq(b.data, "again");
}
END_TEST

START_TEST(buf_formats)
{
	_cleanup_buf_ struct buf b;
	_cleanup_free_ char *text = NULL;
	char big[200];

	memset(big, 'b', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	buf_init(&b, 400);
	ck_assert_int_eq(buf_addf(&b, "%s-%d;", "x", 7), 0);
	ck_assert_int_eq(buf_addf(&b, "%s", big), 0);
	ck_assert_uint_eq(b.len, 4 + 199);
	/* refused as a whole: nothing of it stays */
	ck_assert_int_eq(buf_addf(&b, "%s", big), -EFBIG);
	ck_assert_uint_eq(b.len, 4 + 199);
	ck_assert_uint_eq(strlen(b.data), 4 + 199);
	text = buf_steal(&b);
	ck_assert_int_eq(strncmp(text, "x-7;bbb", 7), 0);
	ck_assert_uint_eq(b.len, 0);
	ck_assert_str_eq(b.data, "");
	ck_assert_uint_eq(b.max, 400);
}
END_TEST

START_TEST(buf_of_nothing)
{
	_cleanup_buf_ struct buf b;

	buf_init(&b, 0);
	ck_assert_str_eq(b.data, "");
	ck_assert_int_eq(buf_add(&b, "", 0), 0);
	ck_assert_int_eq(buf_addf(&b, "%s", ""), 0);
	ck_assert_int_eq(buf_addch(&b, 'a'), -EFBIG);
	buf_release(&b);
	ck_assert_ptr_null(b.data);
}
END_TEST

START_TEST(vec_keeps_its_content)
{
	_cleanup_free_ int *v = NULL;
	size_t cap = 0;

	for (size_t n = 0; n < 1000; n++) {
		v = vec_grow(v, &cap, n + 1, sizeof(*v));
		ck_assert_uint_gt(cap, n);
		v[n] = (int)n;
	}
	for (int n = 0; n < 1000; n++)
		ck_assert_int_eq(v[n], n);
	ck_assert_uint_lt(cap, 2001);
}
END_TEST

START_TEST(vec_of_nothing)
{
	size_t cap = 0;
	_cleanup_free_ int *v = vec_grow(NULL, &cap, 0, sizeof(int));

	ck_assert_ptr_nonnull(v);
	ck_assert_uint_ge(cap, 0);
}
END_TEST

/* The sizes go through volatile: the compiler knows that they cannot be. */
START_TEST(vec_aborts_on_overflow)
{
	volatile size_t need = SIZE_MAX / 2 + 2;
	size_t cap = 0;

	free(vec_grow(NULL, &cap, need, 2));
}
END_TEST

START_TEST(array_aborts_on_overflow)
{
	volatile size_t n = SIZE_MAX / 4 + 2;

	free(xreallocarray(NULL, n, 4));
}
END_TEST

START_TEST(mem_copies)
{
	_cleanup_free_ char *a = xstrndup("abcdef", 3), *b = xstrndup("ab", 9), *c = xstrdup("");
	_cleanup_free_ char *d = xmemdup("x\0y", 3), *e = xasprintf("%d%s", 1, "z"),
			    *f = xmalloc(0);
	_cleanup_free_ unsigned char *zero = xcalloc(10, 10);
	char *given = xstrdup("gone"), *taken;

	ck_assert_str_eq(a, "abc");
	ck_assert_str_eq(b, "ab");
	ck_assert_str_eq(c, "");
	ck_assert_int_eq(memcmp(d, "x\0y", 3), 0);
	ck_assert_str_eq(e, "1z");
	ck_assert_ptr_nonnull(f);
	for (int i = 0; i < 100; i++)
		ck_assert_uint_eq(zero[i], 0);
	taken = steal_ptr(&given);
	ck_assert_ptr_null(given);
	ck_assert_str_eq(taken, "gone");
	errno = ENOTTY;
	freep(&taken);
	ck_assert_ptr_null(taken);
	ck_assert_int_eq(errno, ENOTTY);
}
END_TEST

TCase *base_buf(void)
{
	TCase *tc = tcase_create("buf");

	tcase_add_test(tc, buf_grows_to_its_maximum);
	tcase_add_test(tc, buf_formats);
	tcase_add_test(tc, buf_of_nothing);
	tcase_add_test(tc, vec_keeps_its_content);
	tcase_add_test(tc, vec_of_nothing);
	tcase_add_test(tc, mem_copies);
	tcase_add_test_raise_signal(tc, vec_aborts_on_overflow, SIGABRT);
	tcase_add_test_raise_signal(tc, array_aborts_on_overflow, SIGABRT);
	return tc;
}
