#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "container/request.h"

/* Docker's rules (its opts/file.go and opts/env.go): a value is taken as it stands, quotes and all.
 */

#define BLANKS " \t\v\f\r"

/* KEY=VALUE as it stands; KEY from our environment, or nothing when it is not there. */
static void add_variable(const char *text, char ***env)
{
	const char *value;

	if (strchr(text, '=')) {
		strv_add(env, text);
		return;
	}
	value = getenv(text);
	if (value)
		strv_take(env, xasprintf("%s=%s", text, value));
}

int env_add_option(const char *text, char ***env, struct err *err)
{
	if (*text == '\0' || *text == '=')
		return err_set(err, EINVAL, "environment variable '%s' has no name", text);
	add_variable(text, env);
	return 0;
}

/* One line without its end. */
static int add_line(char *line, char ***env, struct err *err)
{
	char *key = line + strspn(line, BLANKS);
	const size_t key_len = strcspn(key, "=");
	size_t len = strlen(key);

	if (*key == '\0' || *key == '#')
		return 0;
	/* A name to copy may have blanks behind it. */
	if (key[key_len] == '\0') {
		while (len > 0 && strchr(BLANKS, key[len - 1]))
			key[--len] = '\0';
	}
	if (*key == '=')
		return err_set(err, EINVAL, "no variable name in '%s'", key);
	if (strcspn(key, BLANKS) < strcspn(key, "="))
		return err_set(err, EINVAL, "the variable's name in '%s' has blanks in it", key);
	add_variable(key, env);
	return 0;
}

int env_read_file(const char *path, char ***env, struct err *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_cleanup_free_ char *text = NULL;
	unsigned int number = 1;
	size_t len;
	char *line;
	int r;

	if (fd < 0)
		return err_sys(err, errno, "cannot open the environment file '%s'", path);
	r = fd_slurp(fd, LIMIT_ENV_FILE_SIZE, &text, &len, err);
	if (r < 0)
		return err_prefix(err, "environment file '%s'", path);
	if (strlen(text) != len)
		return err_set(err, EINVAL, "environment file '%s' has a NUL byte in it", path);
	line = str_starts(text, "\xef\xbb\xbf") ? text + 3 : text;
	for (; *line != '\0'; number++) {
		char *end = line + strcspn(line, "\n");
		char *next = *end == '\n' ? end + 1 : end;

		if (end > line && end[-1] == '\r')
			end--;
		*end = '\0';
		r = add_line(line, env, err);
		if (r < 0)
			return err_prefix(err, "environment file '%s', line %u", path, number);
		line = next;
	}
	return 0;
}
