/* registry_put: pushing: uploads, sessions that fail, existence, manifests. */
#include "registry_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "oci/media_type.h"

#define MANIFEST "{\"schemaVersion\":2}"

struct uploads {
	const char *location; /* of a new session */
	unsigned int fail;    /* so many PUTs end in a 500 */
	int put_status;	      /* then; 0: 201 */
	bool there;	      /* HEAD says so from the second time on */
	unsigned int heads, puts;
	char digest_header[128];
};

static void answer_upload(struct heard *h, void *ctx)
{
	struct uploads *u = ctx;
	char headers[512];

	if (str_eq(h->method, "HEAD")) {
		answer_text(h, u->there && u->heads++ > 0 ? 200 : 404, "", "");
	} else if (str_eq(h->method, "POST")) {
		snprintf(headers, sizeof(headers), "Location: %s\r\n", u->location);
		answer_text(h, 202, u->location ? headers : "", "");
	} else if (++u->puts <= u->fail) {
		answer_text(h, 500, "", "");
	} else {
		answer_text(h, u->put_status ? u->put_status : 201, u->digest_header, "{}");
	}
}

static int put_blob(struct registry_client *c, const char *text, struct err *err)
{
	struct descriptor d;
	_cleanup_fd_ int fd = memfd_create("blob", MFD_CLOEXEC);
	int r;

	*err = (struct err)ERR_INIT;
	ck_assert_int_eq(fd_write_all(fd, text, strlen(text)), 0);
	describe_bytes(text, strlen(text), &d);
	r = registry_put_blob(c, &d, fd, NULL, NULL, err);
	descriptor_release(&d);
	return r;
}

START_TEST(upload)
{
	static const struct {
		const char *location, *expect;
	} cases[] = {{"/up/1?_state=x%3D", "/up/1?_state=x%3D&digest=sha256%3A"},
		     {"/up/1", "/up/1?digest=sha256%3A"},
		     {"2", "/v2/team/app/blobs/uploads/2?digest=sha256%3A"}};
	struct uploads u = {.location = cases[_i].location};
	struct server *s = server_start(answer_upload, &u);
	struct registry_client *c = client_for(s, NULL);
	struct err err;

	ck_assert_msg(put_blob(c, "some blob", &err) == 0, "%s", err.msg);
	ck_assert_uint_eq(server_count(s), 2);
	ck_assert_str_eq(server_heard(s, 0)->method, "POST");
	ck_assert_str_eq(server_heard(s, 0)->path, "/v2/team/app/blobs/uploads/");
	ck_assert_str_eq(server_heard(s, 1)->method, "PUT");
	ck_assert_str_eq(server_heard(s, 1)->body, "some blob");
	ck_assert_str_eq(server_heard(s, 1)->content_type, "application/octet-stream");
	ck_assert_msg(str_starts(server_heard(s, 1)->path, cases[_i].expect), "%s",
		      server_heard(s, 1)->path);
	registry_client_free(c);
	server_stop(s);
}
END_TEST

START_TEST(upload_of_nothing)
{
	struct uploads u = {.location = "/up"};
	struct server *s = server_start(answer_upload, &u);
	struct registry_client *c = client_for(s, NULL);
	struct err err;

	ck_assert_msg(put_blob(c, "", &err) == 0, "%s", err.msg);
	ck_assert_uint_eq(server_heard(s, 1)->body_len, 0);
	registry_client_free(c);
	server_stop(s);
}
END_TEST

START_TEST(upload_begins_again)
{
	struct uploads u = {.location = "/up", .fail = 2, .there = _i == 1};
	struct server *s = server_start(answer_upload, &u);
	struct registry_client *c = client_for(s, NULL);
	struct err err;

	ck_assert_msg(put_blob(c, "some blob", &err) == 0, "%s", err.msg);
	/* POST PUT HEAD, three times, or until HEAD says that it has arrived. */
	ck_assert_uint_eq(server_count(s), _i ? 6 : 8);
	ck_assert_uint_eq(u.puts, _i ? 2 : 3);
	registry_client_free(c);
	server_stop(s);
}
END_TEST

START_TEST(upload_fails)
{
	static const struct {
		struct uploads u;
		int code;
		unsigned int puts;
	} cases[] = {{{.location = "/up", .fail = 100}, -EIO, 1 + LIMIT_RETRIES},
		     {{.location = "/up", .put_status = 400}, -EPROTO, 1},
		     {{.location = "/up", .put_status = 403}, -EACCES, 1},
		     {{.location = "file:///x"}, -EPROTO, 0},
		     {{.location = NULL}, -EPROTO, 0}};
	struct uploads u = cases[_i].u;
	struct server *s = server_start(answer_upload, &u);
	struct registry_client *c = client_for(s, NULL);
	struct err err;

	ck_assert_int_eq(put_blob(c, "some blob", &err), cases[_i].code);
	ck_assert_msg(strstr(err.msg, "blob sha256:") != NULL, "%s", err.msg);
	ck_assert_uint_eq(u.puts, cases[_i].puts);
	registry_client_free(c);
	server_stop(s);
}
END_TEST

/* Asks for Basic, then sends the upload to another server. */
static void answer_upload_elsewhere(struct heard *h, void *ctx)
{
	char headers[256];

	if (!h->authorization[0]) {
		answer_text(h, 401, "WWW-Authenticate: Basic realm=\"r\"\r\n", "");
		return;
	}
	snprintf(headers, sizeof(headers), "Location: %s\r\n", (const char *)ctx);
	answer_text(h, 202, headers, "");
}

START_TEST(upload_elsewhere_gets_no_credentials)
{
	struct credentials credentials = {.user = LENT("u"), .password = LENT("p")};
	struct uploads u = {.location = "/unused"};
	struct server *storage = server_start(answer_upload, &u), *s;
	_cleanup_free_ char *to = xasprintf("http://127.0.0.1:%d/put?sig=1", server_port(storage));
	struct registry_client *c;
	struct err err;

	s = server_start(answer_upload_elsewhere, to);
	c = client_for(s, &credentials);
	ck_assert_msg(put_blob(c, "some blob", &err) == 0, "%s", err.msg);
	ck_assert_uint_eq(server_count(storage), 1);
	ck_assert_str_eq(server_heard(storage, 0)->authorization, "");
	ck_assert_str_eq(server_heard(storage, 0)->body, "some blob");
	registry_client_free(c);
	server_stop(s);
	server_stop(storage);
}
END_TEST

START_TEST(existence)
{
	struct uploads u = {.there = true};
	struct server *s = server_start(answer_upload, &u);
	struct registry_client *c = client_for(s, NULL);
	struct digest digest;
	struct err err = ERR_INIT;
	bool there = true;

	ck_assert_int_eq(digest_parse(digest_of("x", 1), &digest, &err), 0);
	ck_assert_int_eq(registry_has_blob(c, &digest, &there, &err), 0);
	ck_assert(!there);
	ck_assert_int_eq(registry_has_blob(c, &digest, &there, &err), 0);
	ck_assert(there);
	ck_assert_str_eq(server_heard(s, 0)->method, "HEAD");
	registry_client_free(c);
	server_stop(s);
}
END_TEST

static int put_manifest(struct registry_client *c, struct err *err)
{
	*err = (struct err)ERR_INIT;
	return registry_put_manifest(c, "1", MEDIA_DOCKER_MANIFEST, MANIFEST, strlen(MANIFEST),
				     err);
}

START_TEST(manifest_up)
{
	struct uploads u = {.fail = 2};
	struct server *s = server_start(answer_upload, &u);
	struct registry_client *c = client_for(s, NULL);
	struct err err;

	ck_assert_msg(put_manifest(c, &err) == 0, "%s", err.msg);
	ck_assert_uint_eq(server_count(s), 3);
	ck_assert_str_eq(server_heard(s, 2)->path, "/v2/team/app/manifests/1");
	ck_assert_str_eq(server_heard(s, 2)->content_type, MEDIA_DOCKER_MANIFEST);
	ck_assert_str_eq(server_heard(s, 2)->body, MANIFEST);
	snprintf(u.digest_header, sizeof(u.digest_header), "Docker-Content-Digest: %s\r\n",
		 digest_of(MANIFEST, strlen(MANIFEST)));
	ck_assert_int_eq(put_manifest(c, &err), 0);
	snprintf(u.digest_header, sizeof(u.digest_header), "Docker-Content-Digest: %s\r\n",
		 digest_of("x", 1));
	ck_assert_int_eq(put_manifest(c, &err), -EBADMSG);
	u.put_status = 413;
	ck_assert_int_eq(put_manifest(c, &err), -EPROTO);
	registry_client_free(c);
	server_stop(s);
}
END_TEST

TCase *registry_client_put(void)
{
	TCase *t = tcase_create("put");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, upload, 0, 3);
	tcase_add_test(t, upload_of_nothing);
	tcase_add_loop_test(t, upload_begins_again, 0, 2);
	tcase_add_loop_test(t, upload_fails, 0, 5);
	tcase_add_test(t, upload_elsewhere_gets_no_credentials);
	tcase_add_test(t, existence);
	tcase_add_test(t, manifest_up);
	return t;
}
