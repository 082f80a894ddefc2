#include "registry/url.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "oci/reference.h"

#define _cleanup_url_ __attribute__((cleanup(url_cleanup)))
#define _cleanup_part_ __attribute__((cleanup(part_cleanup)))

static void url_cleanup(CURLU **u)
{
	curl_url_cleanup(*u);
}

static void part_cleanup(char **part)
{
	curl_free(*part);
}

static CURLU *url_handle(const char *url)
{
	CURLU *u = curl_url();

	if (u && url &&
	    curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
		curl_url_cleanup(u);
		return NULL;
	}
	return u;
}

static char *url_part(CURLU *u, CURLUPart part, unsigned int flags)
{
	char *value = NULL;

	return curl_url_get(u, part, &value, flags) == CURLUE_OK ? value : NULL;
}

int url_join(const char *base, const char *location, char **ret, struct err *err)
{
	_cleanup_url_ CURLU *u = url_handle(base);
	_cleanup_part_ char *scheme = NULL, *text = NULL;

	for (const char *p = location; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 127)
			return err_set(err, EPROTO, "the URL '%s' has blanks or control characters",
				       location);
	if (!u || curl_url_set(u, CURLUPART_URL, location, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
		return err_set(err, EPROTO, "'%s' is not a URL", location);
	scheme = url_part(u, CURLUPART_SCHEME, 0);
	if (!str_eq(scheme, "https") && !str_eq(scheme, "http"))
		return err_set(err, EPROTO, "the URL '%s' is neither https nor http", location);
	curl_url_set(u, CURLUPART_USER, NULL, 0);
	curl_url_set(u, CURLUPART_PASSWORD, NULL, 0);
	curl_url_set(u, CURLUPART_OPTIONS, NULL, 0);
	curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
	text = url_part(u, CURLUPART_URL, 0);
	if (!text)
		return err_set(err, EPROTO, "'%s' is not a URL", location);
	*ret = xstrdup(text);
	return 0;
}

bool url_same_origin(const char *a, const char *b)
{
	static const CURLUPart parts[] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
	_cleanup_url_ CURLU *ua = url_handle(a), *ub = url_handle(b);

	if (!ua || !ub)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		_cleanup_part_ char *pa = url_part(ua, parts[i], CURLU_DEFAULT_PORT);
		_cleanup_part_ char *pb = url_part(ub, parts[i], CURLU_DEFAULT_PORT);

		if (!pa || !pb || !curl_strequal(pa, pb))
			return false;
	}
	return true;
}

bool url_is_https(const char *url)
{
	return curl_strnequal(url, "https://", 8);
}

bool url_is_loopback(const char *url)
{
	_cleanup_url_ CURLU *u = url_handle(url);
	_cleanup_part_ char *host = NULL;

	if (!u)
		return false;
	host = url_part(u, CURLUPART_HOST, 0);
	return host && reference_is_loopback(host);
}

char *url_host(const char *url)
{
	_cleanup_url_ CURLU *u = url_handle(url);
	_cleanup_part_ char *host = NULL, *port = NULL;

	if (!u)
		return xstrdup("");
	host = url_part(u, CURLUPART_HOST, 0);
	port = url_part(u, CURLUPART_PORT, 0);
	return xasprintf("%s%s%s", host ? host : "", port ? ":" : "", port ? port : "");
}

char *url_escape(const char *text)
{
	char *out = xmalloc(strlen(text) * 3 + 1), *o = out;

	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		    (*p >= '0' && *p <= '9') || strchr("-._~", *p)) {
			*o++ = (char)*p;
			continue;
		}
		*o++ = '%';
		*o++ = "0123456789ABCDEF"[*p >> 4];
		*o++ = "0123456789ABCDEF"[*p & 15];
	}
	*o = '\0';
	return out;
}

char *url_with_query(const char *url, const char *key, const char *value)
{
	_cleanup_free_ char *escaped = url_escape(value);
	const char *mark = strchr(url, '?');
	const char *sep = "?";

	if (mark)
		sep = mark[1] == '\0' || str_ends(url, "&") ? "" : "&";
	return xasprintf("%s%s%s=%s", url, sep, key, escaped);
}

int url_may_redirect(const char *from, const char *to, struct err *err)
{
	bool secure = url_is_https(to);

	if (!secure && !curl_strnequal(to, "http://", 7))
		return err_set(err, EPROTO, "refusing the redirect to '%s': neither https nor http",
			       to);
	if (url_is_https(from) && !secure)
		return err_set(err, EPROTO, "refusing the redirect from https to '%s'", to);
	return 0;
}
