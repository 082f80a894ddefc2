#include "cmd/registry_flags.h"

#include <errno.h>

#include "base/mem.h"
#include "base/str.h"
#include "cmd/prompt.h"

int registry_flags_options(struct registry_flags *flags, struct registry_options *ret,
			   struct err *err)
{
	const char *colon = flags->creds ? strchr(flags->creds, ':') : NULL;

	*ret = (struct registry_options){
		.authfile = flags->authfile,
		.cert_dir = flags->cert_dir,
		.tls_no_verify = flags->tls_no_verify,
	};
	if (!flags->creds)
		return 0;
	ret->credentials = &flags->credentials;
	if (colon) {
		flags->credentials.user = xstrndup(flags->creds, (size_t)(colon - flags->creds));
		flags->credentials.password = xstrdup(colon + 1);
		return 0;
	}
	flags->credentials.user = xstrdup(flags->creds);
	return prompt("Password: ", true, &flags->credentials.password, err);
}

void registry_flags_release(struct registry_flags *flags)
{
	credentials_release(&flags->credentials);
}

int registry_name_parse(const char *text, struct reference *ret, struct err *err)
{
	_cleanup_free_ char *host = NULL, *name = NULL;
	const char *start = text ? text : "docker.io";

	if (str_starts(start, "https://"))
		start += strlen("https://");
	else if (str_starts(start, "http://"))
		start += strlen("http://");
	host = xstrndup(start, strcspn(start, "/"));
	name = xasprintf("%s/x", host);
	if (*host && reference_parse(name, ret, NULL) == 0 && ret->has_domain)
		return 0;
	return err_set(err, EINVAL,
		       "'%s' is not the name of a registry: it is a host name with a dot, or "
		       "with a port, or localhost",
		       text);
}
