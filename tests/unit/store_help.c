#include "store_test.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/sha256.h"
#include "oci/descriptor.h"
#include "oci/media_type.h"
#include "store/blob.h"
#include "store/tag.h"

struct store store = STORE_INIT;
static char *directory;

void setup(void)
{
	const char *tmp = getenv("TMPDIR");

	directory = xasprintf("%s/strake-store.XXXXXX", tmp && tmp[0] == '/' ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ok(store_open(directory, &store, err));
}

void teardown(void)
{
	store_close(&store);
	ok(fd_remove_tree(AT_FDCWD, directory, err));
	freep(&directory);
}

void write_text(int dirfd, const char *path, const char *text)
{
	_cleanup_fd_ int fd = -1;
	const char *slash = strrchr(path, '/');

	if (slash) {
		_cleanup_free_ char *dir = xstrndup(path, (size_t)(slash - path));

		ok(fd_mkdir_p(dirfd, dir, 0755, err));
	}
	fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_write_all(fd, text, strlen(text)), 0);
}

char *read_text(int dirfd, const char *path)
{
	char *text = NULL;

	ok(fd_read_file(dirfd, path, 1 << 26, &text, NULL, err));
	return text;
}

bool exists(int dirfd, const char *path)
{
	return faccessat(dirfd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

size_t count_names(int dirfd)
{
	_cleanup_dir_ DIR *dir = fdopendir(openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	size_t n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	return n - 2;
}

void make_old(int dirfd, const char *path, int seconds)
{
	struct timespec times[2];

	clock_gettime(CLOCK_REALTIME, &times[0]);
	times[0].tv_sec -= seconds;
	times[1] = times[0];
	ck_assert_int_eq(utimensat(dirfd, path, times, 0), 0);
}

struct digest digest_of(const char *text)
{
	struct digest digest;
	char hex[65];

	sha256_hex(text, strlen(text), hex);
	digest_from_hex(hex, &digest);
	return digest;
}

struct descriptor describe(const char *media_type, const struct digest *digest, size_t size)
{
	struct descriptor d = {
		.media_type = (char *)media_type, .digest = *digest, .size = (int64_t)size};

	return d;
}

struct descriptor put_document(const char *media_type, const char *text)
{
	struct digest digest;

	ok(blob_put(&store, NULL, text, strlen(text), &digest, err));
	return describe(media_type, &digest, strlen(text));
}

void put_image(struct test_image *ret, const char *cmd, const char *const *layers)
{
	_cleanup_free_ char *ids = xstrdup(""), *list = xstrdup(""), *config = NULL,
			    *manifest = NULL;
	struct descriptor d;

	*ret = (struct test_image){0};
	for (size_t i = 0; layers[i]; i++) {
		_cleanup_free_ char *old_ids = ids, *old_list = list;
		_cleanup_free_ char *tar = xasprintf("tar of %s", layers[i]);
		const char *comma = i ? "," : "";

		d = put_document(MEDIA_OCI_LAYER, layers[i]);
		ret->layers[i] = d.digest;
		ret->diff_ids[i] = digest_of(tar);
		ids = xasprintf("%s%s\"%s\"", old_ids, comma, ret->diff_ids[i].text);
		list = xasprintf("%s%s{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}",
				 old_list, comma, MEDIA_OCI_LAYER, d.digest.text,
				 strlen(layers[i]));
		ret->n_layers++;
	}
	config = xasprintf(
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Cmd\":[\"%s\"]},"
		"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[%s]}}",
		cmd, ids);
	ret->config = put_document(MEDIA_OCI_CONFIG, config).digest;
	manifest = xasprintf(
		"{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":{\"mediaType\":\"%s\","
		"\"digest\":\"%s\",\"size\":%zu},\"layers\":[%s]}",
		MEDIA_OCI_MANIFEST, MEDIA_OCI_CONFIG, ret->config.text, strlen(config), list);
	ret->manifest = put_document(MEDIA_OCI_MANIFEST, manifest).digest;
	ret->manifest_size = strlen(manifest);
}

void put_tagged(struct test_image *ret, const char *name, const char *const *layers)
{
	struct descriptor d;

	put_image(ret, name, layers);
	d = describe(MEDIA_OCI_MANIFEST, &ret->manifest, ret->manifest_size);
	ok(tag_set(&store, name, &d, err));
}

pid_t start(void (*fn)(int ready))
{
	int pipe_fds[2];
	pid_t pid;
	char c;

	ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(pipe_fds[0]);
		fn(pipe_fds[1]);
		_exit(0);
	}
	close(pipe_fds[1]);
	ck_assert_int_ge(read(pipe_fds[0], &c, 1), 0);
	close(pipe_fds[0]);
	return pid;
}

int finish(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void ready_and_wait_for_kill(int ready)
{
	if (write(ready, "", 1) != 1)
		_exit(99);
	for (;;)
		pause();
}
