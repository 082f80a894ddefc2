#include <errno.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/vec.h"
#include "cmd/common.h"
#include "cmd/image_obtain.h"
#include "container/run.h"

struct run_flags {
	struct run_request request;
	size_t mounts_cap;
	char **env, **env_files;
	struct image_wish wish;
};

#define AT(field) offsetof(struct run_flags, field)
#define IN(field) offsetof(struct run_flags, request.field)
#define WISH(field) offsetof(struct run_flags, wish.field)

static int add_mount(struct run_flags *f, const char *text, struct err *err,
		     int (*parse)(const char *, struct mount_request *, struct err *))
{
	struct run_request *q = &f->request;
	struct mount_request mount = {0};
	int r = parse(text, &mount, err);

	if (r < 0)
		return r;
	q->mounts = vec_grow(q->mounts, &f->mounts_cap, q->n_mounts + 1, sizeof(*q->mounts));
	q->mounts[q->n_mounts++] = mount;
	return 0;
}

static int set_mount(void *flags, const char *text, struct err *err)
{
	return add_mount(flags, text, err, mount_parse_mount);
}

static int set_tmpfs(void *flags, const char *text, struct err *err)
{
	return add_mount(flags, text, err, mount_parse_tmpfs);
}

static int set_volume(void *flags, const char *text, struct err *err)
{
	return add_mount(flags, text, err, mount_parse_volume);
}

static int set_overlay(void *flags, const char *text, struct err *err)
{
	return overlay_mode_parse(text, &((struct run_flags *)flags)->request.overlay, err);
}

static int set_userns(void *flags, const char *text, struct err *err)
{
	return userns_mode_parse(text, &((struct run_flags *)flags)->request.userns, err);
}

static int set_platform(void *flags, const char *text, struct err *err)
{
	struct image_wish *wish = &((struct run_flags *)flags)->wish;

	wish->platform_text = text;
	return platform_parse(text, &wish->platform, err);
}

static int set_workdir(void *flags, const char *text, struct err *err)
{
	if (*text && *text != '/')
		return err_set(err, EINVAL, "'%s' is not an absolute path", text);
	((struct run_flags *)flags)->request.workdir = *text ? text : NULL;
	return 0;
}

/* docker writes "no-new-privileges", "no-new-privileges:true" and, of old, "=true". */
static int set_security(void *flags, const char *text, struct err *err)
{
	static const char word[] = "no-new-privileges";
	bool *field = &((struct run_flags *)flags)->request.no_new_privileges;
	const char *rest = text + strlen(word);

	if (!str_starts(text, word) || (*rest && *rest != ':' && *rest != '='))
		return err_set(err, EINVAL,
			       "'%s' is not known: it takes no-new-privileges[:true|false]", text);
	*field = true;
	if (*rest && option_bool(rest + 1, field) < 0)
		return err_set(err, EINVAL, "invalid value '%s': it is true or false", rest + 1);
	return 0;
}

static const struct option_spec options[] = {
	{"authfile", 0, OPTION_STRING, WISH(authfile), .value = "FILE", .complete = COMPLETE_FILE,
	 .help = "Read the credentials for a pull from FILE"},
	{"dry-run", 0, OPTION_BOOL, IN(dry_run), .help = "Print the plan and do nothing"},
	{"entrypoint", 0, OPTION_STRING, IN(entrypoint), .value = "PROGRAM",
	 .help = "Run PROGRAM in place of the image's entrypoint"},
	{"env", 'e', OPTION_LIST, AT(env), .value = "KEY[=VALUE]",
	 .help = "Set an environment variable, or pass it on"},
	{"env-file", 0, OPTION_LIST, AT(env_files), .value = "FILE", .complete = COMPLETE_FILE,
	 .help = "Read environment variables from FILE"},
	{"hostname", 'h', OPTION_STRING, IN(hostname), .value = "NAME",
	 .help = "Set the host name"},
	{"interactive", 'i', OPTION_BOOL, IN(interactive), .help = "Keep the standard input open"},
	{"mount", 0, OPTION_CALL, 0, .value = "SPEC", .set = set_mount,
	 .help = "Mount: type=bind,source=DIR,target=DIR[,readonly] or type=tmpfs,target=DIR"},
	{"name", 0, OPTION_STRING, IN(name), .value = "NAME", .help = "Name the container"},
	{"overlay", 0, OPTION_CALL, 0, .value = "MODE", .words = "auto|kernel|fuse|copy",
	 .set = set_overlay, .help = "How the root filesystem is made"},
	{"platform", 0, OPTION_CALL, 0, .value = "OS/ARCH", .set = set_platform,
	 .help = "Run the image for this platform"},
	{"pull", 0, OPTION_STRING, WISH(pull), .value = "WHEN", .words = "always|missing|never",
	 .help = "When to pull the image (default: missing)"},
	{"quiet", 'q', OPTION_BOOL, WISH(quiet), .help = "Pull without progress"},
	{"read-only", 0, OPTION_BOOL, IN(readonly), .help = "Make the root filesystem read-only"},
	{"rm", 0, OPTION_BOOL, IN(remove), .help = "Remove the container when it ends"},
	{"security-opt", 0, OPTION_CALL, 0, .value = "OPTION", .set = set_security,
	 .help = "no-new-privileges: setuid programs gain nothing"},
	{"tls-verify", 0, OPTION_NOT, WISH(tls_no_verify),
	 .help = "Demand valid https certificates in a pull (default: true)"},
	{"tmpfs", 0, OPTION_CALL, 0, .value = "DIR[:OPTIONS]", .set = set_tmpfs,
	 .help = "Mount an empty tmpfs on DIR"},
	{"tty", 't', OPTION_BOOL, IN(tty), .help = "Give it a terminal"},
	{"user", 'u', OPTION_STRING, IN(user), .value = "USER[:GROUP]",
	 .help = "Run as this user of the container, name or number"},
	{"userns", 0, OPTION_CALL, 0, .value = "MODE", .words = "auto|range|single|keep-id",
	 .set = set_userns, .help = "Which ids to map"},
	{"volume", 'v', OPTION_CALL, 0, .value = "SRC:DST[:OPTIONS]", .complete = COMPLETE_FILE,
	 .set = set_volume, .help = "Mount SRC of this machine on DST"},
	{"workdir", 'w', OPTION_CALL, 0, .value = "DIR", .set = set_workdir,
	 .help = "Start in this directory of the container"},
	{0},
};

static int run(const struct context *c, void *flags_, char **args, struct err *err)
{
	struct run_flags *flags = flags_;
	struct run_request *request = &flags->request;
	_cleanup_store_ struct store store = STORE_INIT;
	_cleanup_image_ struct image image = {0};
	_cleanup_strv_ char **layers = NULL;
	_cleanup_fd_ int lease = -1;
	int r = 0;

	/* docker: what -e says wins over every file, wherever it stands */
	for (size_t i = 0; r == 0 && flags->env_files && flags->env_files[i]; i++)
		r = env_read_file(flags->env_files[i], &request->env, err);
	for (size_t i = 0; r == 0 && flags->env && flags->env[i]; i++)
		r = env_add_option(flags->env[i], &request->env, err);
	if (r < 0)
		return r;
	request->image_name = args[0];
	request->args = args + 1;
	flags->wish.name = args[0];
	flags->wish.no_helpers = request->dry_run;
	r = command_open_store_leased(c, &store, &lease, err);
	if (r == 0)
		r = image_obtain(c, &store, &flags->wish, &image, &layers, err);
	if (r != 0)
		return r;
	return container_run(&store, &image, layers, request, steal_fd(&lease), err);
}

static void release(void *flags)
{
	run_request_release(&((struct run_flags *)flags)->request);
}

const struct command command_run = {
	.name = "run",
	.summary = "Run a command in a new container",
	.usage = "IMAGE [COMMAND [ARG...]]",
	.options = options,
	.flags_size = sizeof(struct run_flags),
	.min_args = 1,
	.max_args = ARGS_ANY,
	.stop = true,
	.complete = COMPLETE_IMAGE,
	.run = run,
	.release = release,
};
