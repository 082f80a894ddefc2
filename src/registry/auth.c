#include "registry/auth.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "registry/auth_file.h"
#include "registry/base64.h"

static void wipe(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

void credentials_release(struct credentials *c)
{
	wipe(&c->user);
	wipe(&c->password);
	wipe(&c->identity_token);
}

/* A key without the decorations that clients have put on it over the years: "https://host/v1/" ->
 * "host", and Docker Hub's names as one. malloced. */
static char *plain_key(const char *key)
{
	static const char *const suffixes[] = {"/v1", "/v2"};
	static const char *const hub[] = {"index.docker.io", "registry-1.docker.io"};
	_cleanup_free_ char *text = NULL;
	const char *start = key;
	size_t len;

	if (str_starts(start, "https://"))
		start += strlen("https://");
	else if (str_starts(start, "http://"))
		start += strlen("http://");
	text = xstrdup(start);
	len = strlen(text);
	while (len > 0 && text[len - 1] == '/')
		text[--len] = '\0';
	/* Only a decorated key loses its version: "host/v1" alone is a name space. */
	for (size_t i = 0; i < ARRAY_SIZE(suffixes) && strcmp(start, key); i++)
		if (str_ends(text, suffixes[i])) {
			text[strlen(text) - strlen(suffixes[i])] = '\0';
			break;
		}
	for (size_t i = 0; i < ARRAY_SIZE(hub); i++)
		if (str_eq(text, hub[i]))
			return xstrdup("docker.io");
	return steal_ptr(&text);
}

/* The key of `auths` that stands for a registry, or NULL: as it is, else under a decorated name. */
static const char *find_key(const json_t *auths, const char *name)
{
	const char *key;
	json_t *value;

	if (json_object_get(auths, name))
		return name;
	json_object_foreach ((json_t *)auths, key, value) {
		_cleanup_free_ char *plain = plain_key(key);

		if (str_eq(plain, name))
			return key;
	}
	return NULL;
}

/* "user:password" in base64; the password may hold colons. */
static int decode_auth(const char *auth, struct credentials *ret)
{
	char *plain = NULL, *colon;
	size_t len;
	int r;

	r = base64_decode(auth, &plain, &len);
	if (r < 0)
		return r;
	/* Docker pads some passwords with NULs: strings end there. */
	colon = strchr(plain, ':');
	if (colon) {
		ret->user = xstrndup(plain, (size_t)(colon - plain));
		ret->password = xstrdup(colon + 1);
	}
	explicit_bzero(plain, len);
	free(plain);
	return colon ? 0 : -EINVAL;
}

/* Returns 1 with credentials, 0 when the entry holds none (they are in a helper program). */
static int parse_entry(const json_t *entry, const char *key, struct credentials *ret,
		       struct err *err)
{
	const char *auth, *user, *password, *token;
	int r;

	r = json_get_string(entry, "auth", &auth, err);
	if (r == 0)
		r = json_get_string(entry, "username", &user, err);
	if (r == 0)
		r = json_get_string(entry, "password", &password, err);
	if (r == 0)
		r = json_get_string(entry, "identitytoken", &token, err);
	if (r < 0)
		return err_prefix(err, "entry '%s'", key);
	if (!str_is_empty(auth)) {
		if (decode_auth(auth, ret) < 0)
			return err_set(err, EINVAL,
				       "entry '%s': 'auth' is not the base64 of user:password",
				       key);
	} else if (!str_is_empty(user)) {
		ret->user = xstrdup(user);
		ret->password = xstrdup(password ? password : "");
	}
	if (!str_is_empty(token)) {
		ret->identity_token = xstrdup(token);
	} else if (str_eq(ret->user, "<token>")) {
		ret->identity_token = steal_ptr(&ret->password);
		wipe(&ret->user);
	}
	return ret->user || ret->identity_token ? 1 : 0;
}

static int lookup_in(const struct auth_file *file, const struct reference *ref,
		     struct credentials *ret, struct err *err)
{
	_cleanup_free_ char *name = NULL;
	_cleanup_json_ json_t *doc = NULL;
	json_t *auths = NULL;
	int r;

	r = auth_file_read(file, &doc, err);
	if (r < 0)
		return r;
	auths = doc;
	if (!file->legacy)
		r = json_get_object(doc, "auths", &auths, err);
	if (r < 0)
		return err_prefix(err, "'%s'", file->path);
	if (!auths)
		return 0;
	name = xasprintf("%s/%s", ref->domain, ref->path);
	for (;;) {
		const char *key = find_key(auths, name);
		const json_t *entry = key ? json_object_get(auths, key) : NULL;
		char *slash;

		if (entry && !json_is_object(entry))
			return err_set(err, EINVAL, "'%s': entry '%s' is not an object", file->path,
				       key);
		r = entry ? parse_entry(entry, key, ret, err) : 0;
		if (r < 0) {
			credentials_release(ret);
			return err_prefix(err, "'%s'", file->path);
		}
		if (r > 0) {
			log_debug("credentials for '%s' are those of '%s' in '%s'", ref->domain,
				  key, file->path);
			return 1;
		}
		slash = strrchr(name, '/');
		if (!slash)
			return 0;
		*slash = '\0';
	}
}

int auth_lookup(const char *authfile, const struct reference *ref, struct credentials *ret,
		struct err *err)
{
	struct auth_file files[AUTH_FILES_MAX];
	size_t n = auth_file_search(authfile, files);
	int r = 0;

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < n && r == 0; i++)
		r = lookup_in(&files[i], ref, ret, err);
	for (size_t i = 0; i < n; i++)
		auth_file_release(&files[i]);
	return r;
}

/* The file that login writes, read, and its "auths" (added when it is missing). */
static int open_primary(const char *authfile, char **ret_path, json_t **ret_doc, json_t **ret_auths,
			struct err *err)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_json_ json_t *doc = NULL;
	int r;

	r = auth_file_primary(authfile, &path, err);
	if (r < 0)
		return r;
	r = auth_file_read(&(struct auth_file){.path = path}, &doc, err);
	if (r < 0)
		return r;
	r = json_get_object(doc, "auths", ret_auths, err);
	if (r < 0)
		return err_prefix(err, "'%s'", path);
	if (!*ret_auths) {
		*ret_auths = json_object();
		json_object_set_new(doc, "auths", *ret_auths);
	}
	*ret_path = steal_ptr(&path);
	*ret_doc = steal_ptr(&doc);
	return 0;
}

int auth_store(const char *authfile, const char *registry, const char *user, const char *password,
	       char **ret_path, struct err *err)
{
	_cleanup_free_ char *path = NULL, *name = plain_key(registry);
	_cleanup_json_ json_t *doc = NULL;
	char *pair, *auth;
	json_t *auths, *entry;
	const char *key;
	int r;

	if (str_is_empty(user) || strchr(user, ':'))
		return err_set(err, EINVAL, "'%s' is not a user name: it is empty or has a ':'",
			       user ? user : "");
	r = open_primary(authfile, &path, &doc, &auths, err);
	if (r < 0)
		return r;
	key = find_key(auths, name);
	entry = key ? json_object_get(auths, key) : NULL;
	if (!json_is_object(entry)) {
		entry = json_object();
		json_object_set_new(auths, key ? key : name, entry);
	}
	pair = xasprintf("%s:%s", user, password);
	auth = base64_encode(pair, strlen(pair));
	json_object_set_new(entry, "auth", json_string(auth));
	json_object_del(entry, "identitytoken");
	json_object_del(entry, "username");
	json_object_del(entry, "password");
	r = auth_file_write(path, doc, err);
	wipe(&pair);
	wipe(&auth);
	if (r == 0 && ret_path)
		*ret_path = steal_ptr(&path);
	return r;
}

/* Whether another tool's file still has an entry: *ret_path is that file (malloced). */
static bool known_elsewhere(const char *authfile, const char *name, char **ret_path)
{
	struct auth_file files[AUTH_FILES_MAX];
	size_t n = auth_file_search(authfile, files);
	bool found = false;

	for (size_t i = 0; i < n; i++) {
		_cleanup_json_ json_t *doc = NULL;
		const json_t *auths;

		if (!found && auth_file_read(&files[i], &doc, NULL) == 0) {
			auths = files[i].legacy ? doc : json_object_get(doc, "auths");
			found = json_is_object(auths) && find_key(auths, name);
			if (found)
				*ret_path = xstrdup(files[i].path);
		}
		auth_file_release(&files[i]);
	}
	return found;
}

int auth_erase(const char *authfile, const char *registry, char **ret_path, struct err *err)
{
	_cleanup_free_ char *path = NULL, *other = NULL, *name = NULL;
	_cleanup_json_ json_t *doc = NULL;
	json_t *auths;
	size_t removed = 0;
	const char *key;
	int r;

	r = open_primary(authfile, &path, &doc, &auths, err);
	if (r < 0)
		return r;
	if (!registry) {
		json_object_clear(auths);
		removed = 1;
	} else {
		name = plain_key(registry);
		while ((key = find_key(auths, name)) != NULL) {
			json_object_del(auths, key);
			removed++;
		}
	}
	if (removed == 0 && known_elsewhere(authfile, name, &other))
		return err_set(
			err, ENOENT,
			"not logged in to '%s' here; its entry in '%s' belongs to another tool",
			registry, other);
	if (removed == 0)
		return err_set(err, ENOENT, "not logged in to '%s'", registry);
	r = auth_file_write(path, doc, err);
	if (r == 0 && ret_path)
		*ret_path = steal_ptr(&path);
	return r;
}
