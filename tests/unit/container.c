#include "container.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

char container_scratch[4096];

void container_scratch_make(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(container_scratch, sizeof(container_scratch), "%s/strake-container-XXXXXX",
		 tmp && *tmp == '/' ? tmp : "/tmp");
	ck_assert_msg(mkdtemp(container_scratch) != NULL, "%s: %s", container_scratch,
		      strerror(errno));
}

void container_scratch_remove(void)
{
	struct err err = ERR_INIT;

	container_ok(fd_remove_tree(AT_FDCWD, container_scratch, &err), &err);
}

const char *container_file(const char *name, const void *bytes, size_t len)
{
	static char path[sizeof(container_scratch) + 256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", container_scratch, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_write_all(fd, bytes, len), 0);
	close(fd);
	return path;
}

int main(void)
{
	Suite *suite = suite_create("container");

	suite_add_tcase(suite, container_case_mount());
	suite_add_tcase(suite, container_case_env());
	suite_add_tcase(suite, container_case_state());
	suite_add_tcase(suite, container_case_entry());
	suite_add_tcase(suite, container_case_overlay());
	return unit_run(suite);
}
