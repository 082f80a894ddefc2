#include "registry/auth_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"

/* An environment variable, NULL when unset or empty. */
static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return str_is_empty(value) ? NULL : value;
}

static const char *home(void)
{
	const char *h = environment("HOME");
	const struct passwd *pw;

	if (h)
		return h;
	pw = getpwuid(getuid());
	return pw && !str_is_empty(pw->pw_dir) ? pw->pw_dir : NULL;
}

static char *config_home_path(void)
{
	const char *config = environment("XDG_CONFIG_HOME");

	if (config)
		return path_join(config, "containers/auth.json");
	return home() ? path_join(home(), ".config/containers/auth.json") : NULL;
}

static char *docker_path(void)
{
	const char *config = environment("DOCKER_CONFIG");

	if (config)
		return path_join(config, "config.json");
	return home() ? path_join(home(), ".docker/config.json") : NULL;
}

static char *runtime_path(void)
{
	const char *runtime = environment("XDG_RUNTIME_DIR");

	return runtime ? path_join(runtime, "containers/auth.json") : NULL;
}

static void add(struct auth_file *files, size_t *n, char *path, bool legacy)
{
	if (!path)
		return;
	files[*n] = (struct auth_file){.path = path, .legacy = legacy};
	(*n)++;
}

size_t auth_file_search(const char *authfile, struct auth_file files[AUTH_FILES_MAX])
{
	const char *named = environment("REGISTRY_AUTH_FILE");
	size_t n = 0;

	if (authfile) {
		add(files, &n, xstrdup(authfile), false);
		files[0].required = true;
		return n;
	}
	if (named)
		add(files, &n, xstrdup(named), false);
	add(files, &n, runtime_path(), false);
	add(files, &n, config_home_path(), false);
	add(files, &n, docker_path(), false);
	if (home())
		add(files, &n, path_join(home(), ".dockercfg"), true);
	return n;
}

void auth_file_release(struct auth_file *file)
{
	free(file->path);
	file->path = NULL;
}

/* A link to the file (a home kept in a repository of dotfiles) stays a link. */
static char *resolve(const char *path)
{
	char *real = realpath(path, NULL);

	return real ? real : xstrdup(path);
}

int auth_file_primary(const char *authfile, char **ret, struct err *err)
{
	const char *named = authfile ? authfile : environment("REGISTRY_AUTH_FILE");
	const char *runtime = environment("XDG_RUNTIME_DIR");
	_cleanup_free_ char *path = NULL;
	struct stat st;

	if (named)
		path = xstrdup(named);
	else if (runtime && stat(runtime, &st) == 0 && S_ISDIR(st.st_mode))
		path = runtime_path();
	else
		path = config_home_path();
	if (!path)
		return err_set(
			err, ENOENT,
			"no home directory for the credentials; name a file with --authfile");
	*ret = resolve(path);
	return 0;
}

int auth_file_read(const struct auth_file *file, json_t **ret, struct err *err)
{
	_cleanup_free_ char *path = resolve(file->path);
	char *text = NULL;
	size_t len = 0;
	int r;

	r = fd_read_file(AT_FDCWD, path, LIMIT_AUTH_FILE_SIZE, &text, &len, err);
	if ((r == -ENOENT || r == -ENOTDIR) && !file->required) {
		if (err)
			*err = (struct err)ERR_INIT;
		*ret = json_object();
		return 0;
	}
	if (r < 0)
		return err_prefix(err, "credentials");
	if (strspn(text, " \t\r\n") == len) {
		*ret = json_object();
		r = 0;
	} else {
		r = json_parse_object(text, len, LIMIT_AUTH_FILE_SIZE, path, ret, err);
	}
	explicit_bzero(text, len);
	free(text);
	return r;
}

int auth_file_write(const char *path, const json_t *doc, struct err *err)
{
	_cleanup_free_ char *dir = xstrdup(path);
	_cleanup_fd_ int dirfd = -1;
	char *slash = strrchr(dir, '/');
	char *text;
	int r;

	if (slash)
		*slash = '\0';
	if (slash && *dir) {
		r = fd_mkdir_p(AT_FDCWD, dir, 0700, err);
		if (r < 0)
			return r;
	}
	dirfd = open(slash ? (*dir ? dir : "/") : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return err_sys(err, errno, "cannot open the directory of '%s'", path);
	text = json_text_pretty(doc);
	r = fd_write_file_atomic(dirfd, slash ? slash + 1 : path, text, strlen(text), 0600, err);
	explicit_bzero(text, strlen(text));
	free(text);
	return r;
}
