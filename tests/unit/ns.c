#include "ns.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "ns/enter.h"

char ns_scratch[4096];
int ns_scratch_fd = -1;

void ns_scratch_make(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(ns_scratch, sizeof(ns_scratch), "%s/strake-ns-XXXXXX",
		 tmp && *tmp == '/' ? tmp : "/tmp");
	ck_assert_msg(mkdtemp(ns_scratch) != NULL, "%s: %s", ns_scratch, strerror(errno));
	ns_scratch_fd = open(ns_scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(ns_scratch_fd, 0);
}

void ns_scratch_remove(void)
{
	struct err err = ERR_INIT;

	close(ns_scratch_fd);
	ns_ok(fd_remove_tree(AT_FDCWD, ns_scratch, &err), &err);
}

void ns_inside(int flags, int (*fn)(void *ctx, struct err *err), void *ctx)
{
	struct err err = ERR_INIT;
	struct identity id;

	ns_ok(identity_choose(USERNS_SINGLE, &id, &err), &err);
	ns_ok(ns_run(&id, flags, fn, ctx, &err), &err);
}

int ns_write(int dirfd, const char *path, const char *text)
{
	const int fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	int r;

	if (fd < 0)
		return -errno;
	r = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -errno;
	close(fd);
	return r;
}

const char *ns_read(int dirfd, const char *path)
{
	static char text[65536];
	const int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	if (fd >= 0) {
		n = fd_read_full(fd, text, sizeof(text) - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	return text;
}

int main(void)
{
	Suite *suite = suite_create("ns");

	suite_add_tcase(suite, ns_case_ids());
	suite_add_tcase(suite, ns_case_identity());
	suite_add_tcase(suite, ns_case_enter());
	suite_add_tcase(suite, ns_case_caps());
	suite_add_tcase(suite, ns_case_mount());
	suite_add_tcase(suite, ns_case_overlay());
	suite_add_tcase(suite, ns_case_probe());
	return unit_run(suite);
}
