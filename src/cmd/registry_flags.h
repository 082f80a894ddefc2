/* registry_flags: what pull, push, login and logout have in common. Only in strake-image. */
#ifndef STRAKE_CMD_REGISTRY_FLAGS_H
#define STRAKE_CMD_REGISTRY_FLAGS_H

#include "cmd/options.h"
#include "registry/client.h"

struct registry_flags {
	const char *authfile, *cert_dir, *creds;
	bool tls_no_verify;
	struct credentials credentials; /* of --creds, set by registry_flags_options() */
};

/* Rows of an option table; base: the offset of the struct registry_flags. */
#define REGISTRY_OFFSET(base, field) ((base) + offsetof(struct registry_flags, field))
#define OPTION_AUTHFILE(base)                                                                      \
	{                                                                                          \
		"authfile", 0, OPTION_STRING, REGISTRY_OFFSET(base, authfile),                     \
			.value = "FILE", .complete = COMPLETE_FILE,                                \
			.help = "Keep and look for credentials in FILE"                            \
	}
#define OPTION_CERT_DIR(base)                                                                      \
	{                                                                                          \
		"cert-dir", 0, OPTION_STRING, REGISTRY_OFFSET(base, cert_dir),                     \
			.value = "DIR", .complete = COMPLETE_DIRECTORY,                            \
			.help = "Trust the certificates (*.crt) in DIR, present its client ones"   \
	}
#define OPTION_CREDS(base)                                                                         \
	{                                                                                          \
		"creds", 0, OPTION_STRING, REGISTRY_OFFSET(base, creds),                           \
			.value = "USER[:PASSWORD]",                                                \
			.help = "Use these credentials instead of stored ones"                     \
	}
#define OPTION_TLS_VERIFY(base)                                                                    \
	{                                                                                          \
		"tls-verify", 0, OPTION_NOT, REGISTRY_OFFSET(base, tls_no_verify),                 \
			.help = "Demand https and valid certificates (default: true)"              \
	}

/* What the registry room wants; *ret borrows from flags. Asks on the terminal for a password that
 * --creds lacks. */
int registry_flags_options(struct registry_flags *flags, struct registry_options *ret,
			   struct err *err);
void registry_flags_release(struct registry_flags *flags);

/* "docker.io", "host:port", "https://index.docker.io/v1/": as a reference in that registry, for its
 * domain. NULL: Docker Hub. */
int registry_name_parse(const char *text, struct reference *ret, struct err *err);

#endif
