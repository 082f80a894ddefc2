/* registry_auth: credential files: every place, their order, the forms of keys and entries,
 * writing. */
#include "registry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "registry/auth.h"

#define AUTH_ALICE "YWxpY2U6cGE6c3M=" /* alice:pa:ss */
#define AUTH_BOB "Ym9iOmI="	      /* bob:b */

static char dir[64];

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/strake-auth-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	setenv("HOME", dir, 1);
	unsetenv("REGISTRY_AUTH_FILE");
	unsetenv("XDG_RUNTIME_DIR");
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("DOCKER_CONFIG");
}

static void teardown(void)
{
	ck_assert_int_eq(fd_remove_tree(AT_FDCWD, dir, NULL), 0);
}

/* dir/name; the last four stay valid. */
static const char *at(const char *name)
{
	static char paths[4][256];
	static unsigned int n;
	char *path = paths[n++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const char *text)
{
	_cleanup_free_ char *path = xstrdup(at(name));
	_cleanup_fd_ int fd = -1;
	char *slash = strrchr(path, '/');

	*slash = '\0';
	ck_assert_int_eq(fd_mkdir_p(AT_FDCWD, path, 0700, NULL), 0);
	*slash = '/';
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_write_all(fd, text, strlen(text)), 0);
}

static void put_entry(const char *name, const char *key, const char *auth)
{
	_cleanup_free_ char *text = xasprintf("{\"auths\":{\"%s\":{\"auth\":\"%s\"}}}", key, auth);

	put(name, text);
}

static char *get(const char *name)
{
	char *text = NULL;

	ck_assert_int_eq(fd_read_file(AT_FDCWD, at(name), 65536, &text, NULL, NULL), 0);
	return text;
}

/* Who is found for an image name; "" for nobody. Valid until the next call. */
static const char *who(const char *authfile, const char *name)
{
	static char found[128];
	struct reference ref;
	struct credentials c;
	struct err err = ERR_INIT;
	int r;

	ck_assert_int_eq(reference_parse(name, &ref, &err), 0);
	r = auth_lookup(authfile, &ref, &c, &err);
	ck_assert_msg(r >= 0, "%s", err.msg);
	snprintf(found, sizeof(found), "%s%s%s%s", r ? (c.user ? c.user : "") : "",
		 r && c.password ? "/" : "", r && c.password ? c.password : "",
		 r && c.identity_token ? "+token" : "");
	credentials_release(&c);
	ck_assert_ptr_null(c.user);
	return found;
}

static int lookup_error(const char *authfile, struct err *err)
{
	struct reference ref;
	struct credentials c;

	*err = (struct err)ERR_INIT;
	ck_assert_int_eq(reference_parse("r.example/x", &ref, err), 0);
	return auth_lookup(authfile, &ref, &c, err);
}

START_TEST(places_in_order)
{
	static const char *const places[] = {".dockercfg", ".docker/config.json",
					     ".config/containers/auth.json",
					     "run/containers/auth.json", "named.json"};

	setenv("XDG_RUNTIME_DIR", at("run"), 1);
	setenv("REGISTRY_AUTH_FILE", at("named.json"), 1);
	ck_assert_str_eq(who(NULL, "r.example/x"), "");
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		char auth[16], expect[16], plain[16];
		/* Each place is looked in before the ones filled earlier. */
		static const char *const encoded[] = {
			"dTA6cA==", "dTE6cA==", "dTI6cA==", "dTM6cA==", "dTQ6cA=="};

		snprintf(auth, sizeof(auth), "%s", encoded[i]);
		snprintf(plain, sizeof(plain), "u%zu/p", i);
		snprintf(expect, sizeof(expect), "%s", plain);
		if (i == 0)
			put(places[i], "{\"r.example\":{\"auth\":\"dTA6cA==\"}}");
		else
			put_entry(places[i], "r.example", auth);
		ck_assert_str_eq(who(NULL, "r.example/x"), expect);
	}
	put_entry("given.json", "other.example", AUTH_BOB);
	ck_assert_str_eq(who(at("given.json"), "r.example/x"), "");
	ck_assert_str_eq(who(at("given.json"), "other.example/x"), "bob/b");
}
END_TEST

START_TEST(places_by_environment)
{
	put_entry("xdg/containers/auth.json", "r.example", AUTH_ALICE);
	put_entry("docker/config.json", "q.example", AUTH_BOB);
	ck_assert_str_eq(who(NULL, "r.example/x"), "");
	setenv("XDG_CONFIG_HOME", at("xdg"), 1);
	setenv("DOCKER_CONFIG", at("docker"), 1);
	ck_assert_str_eq(who(NULL, "r.example/x"), "alice/pa:ss");
	ck_assert_str_eq(who(NULL, "q.example/x"), "bob/b");
}
END_TEST

START_TEST(keys_most_specific_first)
{
	put("a.json", "{\"auths\":{"
		      "\"r.example:5000\":{\"auth\":\"aG9zdDpw\"},"
		      "\"r.example:5000/team\":{\"auth\":\"dGVhbTpw\"},"
		      "\"r.example:5000/team/app\":{\"auth\":\"YXBwOnA=\"},"
		      "\"r.example\":{\"auth\":\"b3RoZXI6cA==\"}}}");
	ck_assert_str_eq(who(at("a.json"), "r.example:5000/team/app:1"), "app/p");
	ck_assert_str_eq(who(at("a.json"), "r.example:5000/team/app2"), "team/p");
	ck_assert_str_eq(who(at("a.json"), "r.example:5000/team/app/deep"), "app/p");
	ck_assert_str_eq(who(at("a.json"), "r.example:5000/teams/app"), "host/p");
	ck_assert_str_eq(who(at("a.json"), "r.example/x"), "other/p");
	ck_assert_str_eq(who(at("a.json"), "r.example:5001/x"), "");
}
END_TEST

START_TEST(keys_of_docker_hub)
{
	static const char *const keys[] = {"docker.io",
					   "https://index.docker.io/v1/",
					   "index.docker.io",
					   "https://registry-1.docker.io/v2/",
					   "https://docker.io",
					   "docker.io/library",
					   "docker.io/library/alpine"};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		put_entry("a.json", keys[i], AUTH_ALICE);
		ck_assert_msg(!strcmp(who(at("a.json"), "alpine"), "alice/pa:ss"), "%s", keys[i]);
		ck_assert_str_eq(who(at("a.json"), "r.example/x"), "");
	}
}
END_TEST

START_TEST(keys_decorated)
{
	static const char *const keys[] = {"https://r.example:5000", "http://r.example:5000/",
					   "https://r.example:5000/v1/",
					   "https://r.example:5000/v2/"};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		put_entry("a.json", keys[i], AUTH_BOB);
		ck_assert_msg(!strcmp(who(at("a.json"), "r.example:5000/x"), "bob/b"), "%s",
			      keys[i]);
	}
	put_entry("a.json", "r.example/v1", AUTH_BOB);
	ck_assert_str_eq(who(at("a.json"), "r.example/x"), "");
	ck_assert_str_eq(who(at("a.json"), "r.example/v1/x"), "bob/b");
}
END_TEST

START_TEST(entry_forms)
{
	put("a.json", "{\"auths\":{"
		      "\"a.x\":{},"
		      "\"b.x\":{\"username\":\"u\",\"password\":\"p\"},"
		      "\"c.x\":{\"auth\":\"" AUTH_BOB "\",\"identitytoken\":\"t\"},"
		      "\"d.x\":{\"auth\":\"PHRva2VuPjpzZWNyZXQ=\"},"
		      "\"e.x\":{\"auth\":null,\"email\":\"e\"},"
		      "\"f.x\":{\"auth\":\"dTo=\"}},\"credsStore\":\"pass\"}");
	ck_assert_str_eq(who(at("a.json"), "a.x/i"), "");
	ck_assert_str_eq(who(at("a.json"), "b.x/i"), "u/p");
	ck_assert_str_eq(who(at("a.json"), "c.x/i"), "bob/b+token");
	ck_assert_str_eq(who(at("a.json"), "d.x/i"), "+token");
	ck_assert_str_eq(who(at("a.json"), "e.x/i"), "");
	ck_assert_str_eq(who(at("a.json"), "f.x/i"), "u/");
}
END_TEST

START_TEST(bad_files_are_named)
{
	static const char *const bad[] = {
		"{",
		"[]",
		"{\"auths\":[]}",
		"{\"auths\":{\"r.example\":7}}",
		"{\"auths\":{\"r.example\":{\"auth\":7}}}",
		"{\"auths\":{\"r.example\":{\"auth\":\"!\"}}}",
		"{\"auths\":{\"r.example\":{\"auth\":\"Ym9i\"}}}",
	};
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		put("bad.json", bad[i]);
		ck_assert_msg(lookup_error(at("bad.json"), &err) < 0, "%s", bad[i]);
		ck_assert_msg(strstr(err.msg, "bad.json") != NULL, "%s", err.msg);
	}
	ck_assert_int_eq(lookup_error(at("missing.json"), &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.msg, "missing.json"));
	put("bad.json", " \n");
	ck_assert_int_eq(lookup_error(at("bad.json"), &err), 0);
}
END_TEST

static mode_t mode_of(const char *name)
{
	struct stat st;

	ck_assert_int_eq(lstat(at(name), &st), 0);
	return st.st_mode & 07777;
}

START_TEST(store_and_erase)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	struct err err = ERR_INIT;

	umask(0);
	ck_assert_int_eq(auth_store(NULL, "r.example:5000", "alice", "pa:ss", &path, &err), 0);
	ck_assert_str_eq(path, at(".config/containers/auth.json"));
	ck_assert_uint_eq(mode_of(".config/containers/auth.json"), 0600);
	ck_assert_uint_eq(mode_of(".config/containers"), 0700);
	text = get(".config/containers/auth.json");
	ck_assert_ptr_nonnull(strstr(text, AUTH_ALICE));
	ck_assert_str_eq(who(NULL, "r.example:5000/x"), "alice/pa:ss");
	ck_assert_int_eq(auth_store(NULL, "r.example:5000", "bob", "b", NULL, &err), 0);
	ck_assert_str_eq(who(NULL, "r.example:5000/x"), "bob/b");
	ck_assert_int_eq(auth_erase(NULL, "r.example:5000", NULL, &err), 0);
	ck_assert_str_eq(who(NULL, "r.example:5000/x"), "");
	ck_assert_int_eq(auth_erase(NULL, "r.example:5000", NULL, &err), -ENOENT);
	ck_assert_str_eq(err.msg, "not logged in to 'r.example:5000'");
}
END_TEST

START_TEST(store_prefers_the_runtime_directory)
{
	_cleanup_free_ char *path = NULL, *other = NULL;
	struct err err = ERR_INIT;

	setenv("XDG_RUNTIME_DIR", at("run"), 1);
	ck_assert_int_eq(auth_store(NULL, "a.x", "u", "p", &path, &err), 0);
	ck_assert_str_eq(path, at(".config/containers/auth.json"));
	ck_assert_int_eq(mkdir(at("run"), 0700), 0);
	ck_assert_int_eq(auth_store(NULL, "a.x", "u", "p", &other, &err), 0);
	ck_assert_str_eq(other, at("run/containers/auth.json"));
}
END_TEST

START_TEST(store_keeps_the_rest)
{
	_cleanup_json_ json_t *doc = NULL;
	_cleanup_free_ char *text = NULL;
	struct err err = ERR_INIT;
	const json_t *entry;

	put("c.json",
	    "{\"HttpHeaders\":{\"X\":\"y\"},\"auths\":{\"https://index.docker.io/v1/\":"
	    "{\"identitytoken\":\"old\",\"email\":\"e\"},\"b.x\":{\"auth\":\"" AUTH_BOB "\"}},"
	    "\"credHelpers\":{\"z\":\"w\"}}");
	setenv("REGISTRY_AUTH_FILE", at("c.json"), 1);
	ck_assert_int_eq(auth_store(NULL, "docker.io", "alice", "pa:ss", NULL, &err), 0);
	ck_assert_uint_eq(mode_of("c.json"), 0600);
	text = get("c.json");
	ck_assert_int_eq(json_parse_object(text, strlen(text), 65536, "c", &doc, &err), 0);
	ck_assert_ptr_nonnull(json_object_get(json_object_get(doc, "HttpHeaders"), "X"));
	ck_assert_ptr_nonnull(json_object_get(json_object_get(doc, "credHelpers"), "z"));
	ck_assert_uint_eq(json_object_size(json_object_get(doc, "auths")), 2);
	entry = json_object_get(json_object_get(doc, "auths"), "https://index.docker.io/v1/");
	ck_assert_str_eq(json_string_value(json_object_get(entry, "auth")), AUTH_ALICE);
	ck_assert_str_eq(json_string_value(json_object_get(entry, "email")), "e");
	ck_assert_ptr_null(json_object_get(entry, "identitytoken"));
	ck_assert_str_eq(who(NULL, "alpine"), "alice/pa:ss");
	ck_assert_int_eq(auth_erase(NULL, "docker.io", NULL, &err), 0);
	ck_assert_str_eq(who(NULL, "alpine"), "");
	ck_assert_str_eq(who(NULL, "b.x/i"), "bob/b");
	ck_assert_int_eq(auth_erase(NULL, NULL, NULL, &err), 0);
	ck_assert_str_eq(who(NULL, "b.x/i"), "");
}
END_TEST

START_TEST(store_follows_a_link)
{
	struct err err = ERR_INIT;
	struct stat st;

	put("dotfiles/auth.json", "{}");
	ck_assert_int_eq(symlink("dotfiles/auth.json", at("link.json")), 0);
	ck_assert_int_eq(auth_store(at("link.json"), "a.x", "u", "p", NULL, &err), 0);
	ck_assert_int_eq(lstat(at("link.json"), &st), 0);
	ck_assert(S_ISLNK(st.st_mode));
	ck_assert_str_eq(who(at("dotfiles/auth.json"), "a.x/i"), "u/p");
	ck_assert_str_eq(who(at("link.json"), "a.x/i"), "u/p");
}
END_TEST

START_TEST(store_refuses)
{
	struct err err = ERR_INIT;

	ck_assert_int_eq(auth_store(NULL, "a.x", "", "p", NULL, &err), -EINVAL);
	ck_assert_int_eq(auth_store(NULL, "a.x", "u:v", "p", NULL, &err), -EINVAL);
	put("bad.json", "{\"auths\":");
	ck_assert_int_lt(auth_store(at("bad.json"), "a.x", "u", "p", NULL, &err), 0);
	_cleanup_free_ char *text = get("bad.json");
	ck_assert_str_eq(text, "{\"auths\":");
}
END_TEST

START_TEST(erase_points_to_other_tools)
{
	struct err err = ERR_INIT;

	put_entry(".docker/config.json", "a.x", AUTH_BOB);
	ck_assert_int_eq(auth_erase(NULL, "a.x", NULL, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.msg, ".docker/config.json"));
	ck_assert_str_eq(who(NULL, "a.x/i"), "bob/b");
}
END_TEST

TCase *registry_auth_files(void)
{
	TCase *t = tcase_create("auth files");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, places_in_order);
	tcase_add_test(t, places_by_environment);
	tcase_add_test(t, keys_most_specific_first);
	tcase_add_test(t, keys_of_docker_hub);
	tcase_add_test(t, keys_decorated);
	tcase_add_test(t, entry_forms);
	tcase_add_test(t, bad_files_are_named);
	tcase_add_test(t, store_and_erase);
	tcase_add_test(t, store_prefers_the_runtime_directory);
	tcase_add_test(t, store_keeps_the_rest);
	tcase_add_test(t, store_follows_a_link);
	tcase_add_test(t, store_refuses);
	tcase_add_test(t, erase_points_to_other_tools);
	return t;
}
