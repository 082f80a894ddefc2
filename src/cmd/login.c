#include <errno.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "cmd/command.h"
#include "cmd/prompt.h"
#include "cmd/registry_flags.h"

struct login_flags {
	struct registry_flags registry;
	struct credentials credentials;
	const char *user;
	bool password_stdin;
};

#define REGISTRY offsetof(struct login_flags, registry)

static const struct option_spec options[] = {
	OPTION_AUTHFILE(REGISTRY),
	OPTION_CERT_DIR(REGISTRY),
	{"password-stdin", 0, OPTION_BOOL, offsetof(struct login_flags, password_stdin),
	 .help = "Read the password from the standard input"},
	OPTION_TLS_VERIFY(REGISTRY),
	{"username", 'u', OPTION_STRING, offsetof(struct login_flags, user), .value = "USER",
	 .help = "Log in as USER"},
	{0},
};

/* The whole standard input without the newline that echo puts at its end. */
static int read_password(char **ret, struct err *err)
{
	size_t len = 0;
	int r = fd_slurp(STDIN_FILENO, LIMIT_TOKEN_SIZE, ret, &len, err);

	if (r < 0)
		return err_prefix(err, "cannot read the password");
	if (len > 0 && (*ret)[len - 1] == '\n')
		(*ret)[--len] = '\0';
	if (len > 0 && (*ret)[len - 1] == '\r')
		(*ret)[--len] = '\0';
	if (len == 0 || strlen(*ret) != len)
		return err_set(err, EINVAL,
			       "the standard input is no password: it is empty or has a NUL");
	return 0;
}

static int ask(struct login_flags *flags, struct err *err)
{
	struct credentials *c = &flags->credentials;
	int r;

	if (flags->password_stdin && !flags->user)
		return err_set(err, EINVAL, "--password-stdin needs --username");
	if (flags->user)
		c->user = xstrdup(flags->user);
	else if ((r = prompt("Username: ", false, &c->user, err)) < 0)
		return r;
	return flags->password_stdin ? read_password(&c->password, err)
				     : prompt("Password: ", true, &c->password, err);
}

/* Credentials are kept only after the registry took them. */
static int run(const struct context *c, void *flags_, char **args, struct err *err)
{
	struct login_flags *flags = flags_;
	_cleanup_(registry_client_freep) struct registry_client *client = NULL;
	_cleanup_free_ char *path = NULL;
	struct registry_options registry;
	struct reference ref;
	int r;

	(void)c;
	r = registry_name_parse(args[0], &ref, err);
	if (r == 0)
		r = registry_flags_options(&flags->registry, &registry, err);
	if (r == 0)
		r = ask(flags, err);
	if (r < 0)
		return r;
	registry.credentials = &flags->credentials;
	r = registry_client_new(&ref, &registry, &client, err);
	if (r == 0)
		r = registry_ping(client, err);
	if (r < 0)
		return err_prefix(err, "login to '%s'", ref.domain);
	r = auth_store(flags->registry.authfile, ref.domain, flags->credentials.user,
		       flags->credentials.password, &path, err);
	if (r < 0)
		return r;
	log_verbose("the credentials are in %s", path);
	puts("Login Succeeded");
	return 0;
}

static void release(void *flags)
{
	credentials_release(&((struct login_flags *)flags)->credentials);
}

const struct command command_login = {
	.name = "login",
	.summary = "Log in to a registry",
	.usage = "[REGISTRY]",
	.options = options,
	.flags_size = sizeof(struct login_flags),
	.max_args = 1,
	.run = run,
	.release = release,
};
