#include "oci/reference.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"

#define HUB "docker.io"
#define HUB_ALIAS "index.docker.io"
#define HUB_API "registry-1.docker.io"
#define HUB_LIBRARY "library/"
#define DEFAULT_TAG "latest"

static int refuse(struct err *err, const char *text, const char *why)
{
	return err_set(err, EINVAL, "invalid image name '%.300s': %s", text, why);
}

static bool is_image_id(const char *text)
{
	return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* "[0-9]+" up to 65535, the whole of s. */
static bool valid_port(const char *s)
{
	uint64_t port;

	return str_to_u64(s, 65535, &port) == 0 && port > 0;
}

/* One dns label, [a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?. */
static bool valid_label(const char *s, size_t len)
{
	if (len == 0 || s[0] == '-' || s[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)s[i]) && s[i] != '-')
			return false;
	return true;
}

/* What is wrong with a domain, or NULL. */
static const char *check_domain(const char *domain)
{
	const char *rest = domain;

	if (*domain == '[') {
		const char *end = strchr(domain, ']');
		size_t len = end ? (size_t)(end - domain - 1) : 0;
		char address[INET6_ADDRSTRLEN];
		struct in6_addr in6;

		if (!end || len >= sizeof(address))
			return "the domain is no IPv6 address in brackets";
		memcpy(address, domain + 1, len);
		address[len] = '\0';
		if (inet_pton(AF_INET6, address, &in6) != 1)
			return "the domain is no IPv6 address in brackets";
		rest = end + 1;
	} else {
		for (;;) {
			size_t len = strcspn(rest, ".:");

			if (!valid_label(rest, len))
				return "the domain is not a host name";
			rest += len;
			if (*rest != '.')
				break;
			rest++;
		}
	}
	if (*rest == '\0')
		return NULL;
	if (*rest != ':' || !valid_port(rest + 1))
		return "the domain's port is not a number from 1 to 65535";
	return NULL;
}

static bool lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* The length of a separator at s inside a path component (".", "_", "__", "-", "--" ...), or 0. */
static size_t separator(const char *s)
{
	if (*s == '.')
		return 1;
	if (*s == '_')
		return s[1] == '_' ? 2 : 1;
	return strspn(s, "-");
}

/* Passes over one component; false when it does not follow the grammar. */
static bool component(const char **s)
{
	for (;;) {
		if (!lower_alnum(**s))
			return false;
		while (lower_alnum(**s))
			(*s)++;
		if (**s == '\0' || **s == '/')
			return true;
		*s += separator(*s);
	}
}

/* What is wrong with a path, or NULL. */
static const char *check_path(const char *path)
{
	for (const char *s = path; *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			return "the path must be lower case";
	for (const char *s = path;; s++) {
		if (*s == '\0' || *s == '/')
			return "a part of the path is empty";
		if (!component(&s))
			return "the path may hold a-z, 0-9 and, between them, '.', '_', '__' and "
			       "'-'";
		if (*s == '\0')
			return NULL;
	}
}

static const char *check_tag(const char *tag)
{
	if (*tag == '\0')
		return "the tag is empty";
	if (strlen(tag) > LIMIT_TAG)
		return "the tag is longer than 128 characters";
	if (*tag == '.' || *tag == '-')
		return "a tag cannot begin with '.' or '-'";
	for (const char *s = tag; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("_.-", *s))
			return "the tag may hold letters, digits, '_', '.' and '-'";
	return NULL;
}

/* Whether the text in front of the first slash names a registry. */
static bool is_domain(const char *s, size_t len)
{
	if (len == strlen("localhost") && memcmp(s, "localhost", len) == 0)
		return true;
	for (size_t i = 0; i < len; i++)
		if (s[i] == '.' || s[i] == ':' || (s[i] >= 'A' && s[i] <= 'Z'))
			return true;
	return false;
}

/* Copies into a name field; NULL or what is wrong. */
static const char *put(char *out, size_t size, const char *s)
{
	size_t n = strlen(s);

	if (n >= size)
		return "the name is longer than 255 characters";
	memcpy(out, s, n + 1);
	return NULL;
}

/* Splits "[domain/]path" (modified) into ref, with the defaults. */
static const char *split_name(char *name, struct reference *ref)
{
	const char *domain = HUB, *wrong;
	char *path = name, *slash = strchr(name, '/');

	if (slash && is_domain(name, (size_t)(slash - name))) {
		*slash = '\0';
		ref->has_domain = true;
		domain = str_eq(name, HUB_ALIAS) ? HUB : name;
		path = slash + 1;
		wrong = check_domain(domain);
		if (wrong)
			return wrong;
	}
	wrong = check_path(path);
	if (wrong)
		return wrong;
	ref->added_library = str_eq(domain, HUB) && !strchr(path, '/');
	if (strlen(domain) + 1 + strlen(path) + (ref->added_library ? strlen(HUB_LIBRARY) : 0) >
	    LIMIT_REFERENCE_NAME)
		return "the name is longer than 255 characters";
	wrong = put(ref->domain, sizeof(ref->domain), domain);
	if (wrong)
		return wrong;
	if (ref->added_library)
		memcpy(ref->path, HUB_LIBRARY, strlen(HUB_LIBRARY));
	return put(ref->path + strlen(ref->path), sizeof(ref->path) - strlen(ref->path), path);
}

int reference_parse(const char *text, struct reference *ret, struct err *err)
{
	struct reference ref;
	_cleanup_free_ char *name = NULL;
	const char *wrong = NULL;
	char *at, *colon;
	int r;

	memset(&ref, 0, sizeof(ref));
	if (str_is_empty(text))
		return err_set(err, EINVAL, "the image name is empty");
	if (strlen(text) > LIMIT_REFERENCE)
		return refuse(err, text, "it is longer than 1024 characters");
	if (is_image_id(text))
		return refuse(err, text, "64 hexadecimal digits are an image id, not a name");
	if (strstr(text, "://"))
		return refuse(err, text, "write it without the scheme in front");
	name = xstrdup(text);
	at = strchr(name, '@');
	if (at) {
		*at = '\0';
		r = digest_parse(at + 1, &ref.digest, err);
		if (r < 0) {
			err_prefix(err, "invalid image name '%.300s'", text);
			return r;
		}
	}
	colon = strrchr(name, ':');
	if (colon && !strchr(colon, '/')) {
		*colon = '\0';
		wrong = check_tag(colon + 1);
		if (wrong)
			return refuse(err, text, wrong);
		memcpy(ref.tag, colon + 1, strlen(colon + 1) + 1);
		ref.has_tag = true;
	}
	wrong = split_name(name, &ref);
	if (wrong)
		return refuse(err, text, wrong);
	if (!ref.has_tag && !at)
		memcpy(ref.tag, DEFAULT_TAG, sizeof(DEFAULT_TAG));
	*ret = ref;
	return 0;
}

char *reference_text(const struct reference *ref)
{
	bool digest = digest_is_set(&ref->digest);

	return xasprintf("%s/%s%s%s%s%s", ref->domain, ref->path, ref->tag[0] ? ":" : "", ref->tag,
			 digest ? "@" : "", digest ? ref->digest.text : "");
}

char *reference_store_name(const struct reference *ref)
{
	if (ref->tag[0])
		return xasprintf("%s/%s:%s", ref->domain, ref->path, ref->tag);
	return xasprintf("%s/%s@%s", ref->domain, ref->path, ref->digest.text);
}

void reference_to_localhost(const struct reference *ref, struct reference *ret)
{
	struct reference local = *ref;

	memset(local.domain, 0, sizeof(local.domain));
	memcpy(local.domain, "localhost", strlen("localhost"));
	if (ref->added_library) {
		const char *path = ref->path + strlen(HUB_LIBRARY);

		memset(local.path, 0, sizeof(local.path));
		memcpy(local.path, path, strlen(path));
		local.added_library = false;
	}
	*ret = local;
}

const char *reference_selector(const struct reference *ref)
{
	return digest_is_set(&ref->digest) ? ref->digest.text : ref->tag;
}

const char *reference_api_host(const struct reference *ref)
{
	return str_eq(ref->domain, HUB) ? HUB_API : ref->domain;
}

bool reference_is_loopback(const char *domain)
{
	char host[LIMIT_REFERENCE_NAME + 1];
	struct in6_addr in6;
	struct in_addr in4;
	size_t len;

	if (*domain == '[') {
		domain++;
		len = strcspn(domain, "]");
	} else {
		len = strcspn(domain, ":");
	}
	if (len >= sizeof(host))
		return false;
	memcpy(host, domain, len);
	host[len] = '\0';
	if (domain[len] == ']')
		return inet_pton(AF_INET6, host, &in6) == 1 && IN6_IS_ADDR_LOOPBACK(&in6);
	if (inet_pton(AF_INET, host, &in4) == 1)
		return ntohl(in4.s_addr) >> 24 == 127;
	if (strcasecmp(host, "localhost") == 0)
		return true;
	return len > strlen(".localhost") &&
	       strcasecmp(host + len - strlen(".localhost"), ".localhost") == 0;
}
