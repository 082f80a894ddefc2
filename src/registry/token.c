#include "registry/token.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "registry/url.h"

#define CLIENT_ID "strake"
#define LIFETIME_MAX (366LL * 24 * 3600)

int token_parse(const char *text, size_t len, char **ret_token, int64_t *ret_lifetime,
		struct err *err)
{
	_cleanup_json_ json_t *doc = NULL;
	const char *token = NULL;
	int64_t lifetime = TOKEN_LIFETIME;
	int r;

	r = json_parse_object(text, len, LIMIT_TOKEN_SIZE, "the token server's answer", &doc, err);
	if (r == 0)
		r = json_get_string(doc, "token", &token, err);
	if (r == 0 && str_is_empty(token))
		r = json_get_string(doc, "access_token", &token, err);
	if (r == 0)
		r = json_get_int(doc, "expires_in", INT64_MIN, INT64_MAX, &lifetime, err);
	if (r < 0)
		return r;
	if (str_is_empty(token))
		return err_set(err, EPROTO, "the token server's answer has no token");
	for (const char *p = token; *p; p++)
		if (*p <= ' ' || *p > '~')
			return err_set(
				err, EPROTO,
				"the token server's answer has a token of unprintable characters");
	/* The specification's least, for servers that say 0 or worse. */
	if (lifetime < TOKEN_LIFETIME)
		lifetime = TOKEN_LIFETIME;
	*ret_lifetime = lifetime > LIFETIME_MAX ? LIFETIME_MAX : lifetime;
	*ret_token = xstrdup(token);
	return 0;
}

char *token_url(const char *realm, const char *service, char *const *scopes, const char *account)
{
	char *url = xstrdup(realm);
	struct {
		const char *key, *value;
	} fixed[] = {{"service", service}, {"account", account}};

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
		char *longer;

		if (str_is_empty(fixed[i].value))
			continue;
		longer = url_with_query(url, fixed[i].key, fixed[i].value);
		free(url);
		url = longer;
	}
	for (size_t i = 0; i < strv_len(scopes); i++) {
		char *longer = url_with_query(url, "scope", scopes[i]);

		free(url);
		url = longer;
	}
	return url;
}

/* Appends "key=value" of a form, value escaped (percent encoding is a subset of what forms take).
 */
static void add_field(struct buf *form, const char *key, const char *value)
{
	char *escaped = url_escape(value ? value : "");

	buf_addf(form, "%s%s=%s", form->len ? "&" : "", key, escaped);
	explicit_bzero(escaped, strlen(escaped));
	free(escaped);
}

char *token_form(const char *service, char *const *scopes, const struct credentials *credentials)
{
	_cleanup_free_ char *scope = strv_join(scopes, " ");
	_cleanup_buf_ struct buf form;

	buf_init(&form, SIZE_MAX / 2);
	add_field(&form, "grant_type", credentials->identity_token ? "refresh_token" : "password");
	if (!str_is_empty(service))
		add_field(&form, "service", service);
	if (!str_is_empty(scope))
		add_field(&form, "scope", scope);
	add_field(&form, "client_id", CLIENT_ID);
	if (credentials->identity_token) {
		add_field(&form, "refresh_token", credentials->identity_token);
	} else {
		add_field(&form, "username", credentials->user);
		add_field(&form, "password", credentials->password);
	}
	return buf_steal(&form);
}
