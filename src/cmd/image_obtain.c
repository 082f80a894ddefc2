#include "cmd/image_obtain.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "oci/platform.h"

/* "strake-image", with the options before the verb that we were given. */
static char **helper_argv(const struct context *c, const struct store *s)
{
	char **argv = NULL;

	strv_take(&argv, path_join(proc_libexec(), "strake-image"));
	for (int i = 0; i < c->verbosity; i++)
		strv_add(&argv, "-v");
	if (c->quiet)
		strv_add(&argv, "-q");
	strv_add(&argv, "--store");
	strv_add(&argv, s->path);
	return argv;
}

/* What a helper prints as its result is chatter here: its stdout is our stderr. */
static int run_helper(char **argv, struct err *err)
{
	_cleanup_fd_ int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	int r;

	if (out < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return err_sys(err, errno, "cannot redirect the output of '%s'", argv[0]);
	r = proc_run(argv, NULL, err);
	if (dup2(out, STDOUT_FILENO) < 0 && r >= 0)
		return err_sys(err, errno, "cannot restore the standard output");
	return r;
}

static int pull(const struct context *c, const struct store *s, const struct image_wish *wish,
		struct err *err)
{
	_cleanup_strv_ char **argv = helper_argv(c, s);

	strv_add(&argv, "pull");
	if (wish->quiet)
		strv_add(&argv, "--quiet");
	if (wish->tls_no_verify)
		strv_add(&argv, "--tls-verify=false");
	if (wish->platform_text) {
		strv_add(&argv, "--platform");
		strv_add(&argv, wish->platform_text);
	}
	if (wish->authfile) {
		strv_add(&argv, "--authfile");
		strv_add(&argv, wish->authfile);
	}
	strv_add(&argv, "--");
	strv_add(&argv, wish->name);
	return run_helper(argv, err);
}

/* Finds the layers' directories; makes missing ones again. Returns as image_obtain(). */
static int unpack(const struct context *c, struct store *s, const struct image_wish *wish,
		  const struct image *image, char ***ret_layers, struct err *err)
{
	_cleanup_strv_ char **argv = NULL;
	int r = image_layer_dirs(s, image, ret_layers, err);

	if (r != -ENOENT || wish->no_helpers)
		return r;
	log_verbose("%s", err->msg);
	*err = (struct err)ERR_INIT;
	argv = helper_argv(c, s);
	strv_add(&argv, "unpack");
	strv_add(&argv, image->descriptor.digest.text);
	r = run_helper(argv, err);
	return r == 0 ? image_layer_dirs(s, image, ret_layers, err) : r;
}

/* Opens what is here. -ENOENT when it is not, or is for another platform than the one asked for. */
static int open_local(struct store *s, const struct image_wish *wish, struct image *ret,
		      struct err *err)
{
	char text[112];
	int r = image_open(s, wish->name, ret, err);

	if (r < 0 || !wish->platform_text ||
	    platform_match(&wish->platform, &ret->config.platform) > 0)
		return r;
	r = err_set(err, ENOENT, "image '%s' is here for %s, not for %s", wish->name,
		    platform_text(&ret->config.platform, text), wish->platform_text);
	image_release(ret);
	*ret = (struct image){0};
	return r;
}

static void warn_of_platform(const struct image_wish *wish, const struct image *image)
{
	struct platform host;
	char theirs[112], ours[112];

	platform_host(&host);
	if (!wish->platform_text && platform_match(&host, &image->config.platform) == 0)
		log_warning("image '%s' is for %s, this machine is %s", wish->name,
			    platform_text(&image->config.platform, theirs),
			    platform_text(&host, ours));
}

int image_obtain(const struct context *c, struct store *s, const struct image_wish *wish,
		 struct image *ret, char ***ret_layers, struct err *err)
{
	bool always = str_eq(wish->pull, "always") && !wish->no_helpers;
	bool never = str_eq(wish->pull, "never");
	int r = always ? -ENOENT : open_local(s, wish, ret, err);

	if (r == -ENOENT && wish->no_helpers)
		return err_hint(err, "a dry run does not pull");
	if (r == -ENOENT && wish->local)
		return err_hint(err, "'strake pull %s' gets it", wish->name);
	if (r == -ENOENT && never)
		return err_hint(err, "--pull=never forbids to pull it");
	if (r == -ENOENT) {
		if (!always && !wish->quiet)
			log_notice("%s: pulling it", err->msg);
		*err = (struct err)ERR_INIT;
		r = pull(c, s, wish, err);
		if (r == 0)
			r = image_open(s, wish->name, ret, err);
	}
	if (r != 0)
		return r;
	warn_of_platform(wish, ret);
	return unpack(c, s, wish, ret, ret_layers, err);
}
