/* Every input is unpacked as a tar. Whatever it says: no crash, nothing outside the layer's
 * directory changes, not when its links into lower layers are made either, and everything below it
 * is of a type and mode that unpacking may make. Headers get the right checksum first, which a
 * mutation would hardly find. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fuzz.h"

#include "base/fd.h"
#include "base/log.h"
#include "layer/lower.h"
#include "layer/unpack.h"

static char path[4096];
static int dir = -1;
static struct stat canary, outside;

static void must(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_unpack: %s (errno %s)\n", what, strerror(errno));
	abort();
}

static void remove_all(void)
{
	fd_remove_tree(AT_FDCWD, path, NULL);
}

/* PATH/outside/{canary,layer/}: entries that climb out of layer/root reach the canary first. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *tmp = getenv("TMPDIR");
	int fd;

	(void)argc;
	(void)argv;
	log_set_level(LOG_QUIET);
	if (!tmp)
		tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(path, sizeof(path), "%s/strake-fuzz-XXXXXX", tmp);
	must(mkdtemp(path) != NULL, "mkdtemp");
	atexit(remove_all);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(fd >= 0 && mkdirat(fd, "outside", 0755) == 0, "mkdir");
	dir = openat(fd, "outside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(dir >= 0, "open");
	close(fd);
	fd = openat(dir, "canary", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	must(fd >= 0 && fd_write_all(fd, "canary", 6) == 0, "canary");
	must(fstat(fd, &canary) == 0, "stat");
	close(fd);
	return 0;
}

struct input {
	const uint8_t *data;
	size_t size;
};

/* In pieces, so that headers and data also meet the edges of the caller's blocks. */
static ssize_t read_input(void *ctx, const void **ret)
{
	struct input *in = ctx;
	size_t n = in->size < 1536 ? in->size : 1536;

	*ret = in->data;
	in->data += n;
	in->size -= n;
	return (ssize_t)n;
}

static void mend_checksums(uint8_t *data, size_t size)
{
	for (uint8_t *h = data; size >= 512; h += 512, size -= 512) {
		unsigned int sum = 8 * ' ';
		char text[8];

		if (memcmp(h + 257, "ustar", 5) != 0)
			continue;
		for (int i = 0; i < 512; i++)
			sum += i >= 148 && i < 156 ? 0 : h[i];
		snprintf(text, sizeof(text), "%06o", sum);
		memcpy(h + 148, text, 7);
		h[155] = ' ';
	}
}

static void check_outside(void)
{
	struct stat st;
	int n = 0;
	DIR *d = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));

	must(d != NULL, "opendir");
	while (readdir(d))
		n++;
	closedir(d);
	must(n == 4, "something appeared outside"); /* . .. canary layer */
	must(fstatat(dir, "canary", &st, AT_SYMLINK_NOFOLLOW) == 0, "the canary is gone");
	must(st.st_ino == canary.st_ino && st.st_nlink == 1 && st.st_mode == canary.st_mode &&
		     st.st_size == canary.st_size && st.st_ctim.tv_sec == canary.st_ctim.tv_sec &&
		     st.st_ctim.tv_nsec == canary.st_ctim.tv_nsec,
	     "the canary changed");
	must(fstat(dir, &st) == 0 && st.st_mode == outside.st_mode &&
		     st.st_mtim.tv_sec == outside.st_mtim.tv_sec &&
		     st.st_mtim.tv_nsec == outside.st_mtim.tv_nsec,
	     "the directory outside changed");
}

static void check_file(const struct stat *st)
{
	must(st->st_uid == geteuid(), "a file of somebody else");
	must(!S_ISBLK(st->st_mode) && !S_ISSOCK(st->st_mode), "a device or socket");
	must(!S_ISCHR(st->st_mode) || st->st_rdev == makedev(0, 0), "a device");
	must(!S_ISREG(st->st_mode) || (st->st_mode & 0400), "a file that cannot be read");
	must(!S_ISDIR(st->st_mode) || (st->st_mode & 0700) == 0700, "a closed directory");
}

/* The levels near the root; what is made deep down is made by the same code. */
static void check_tree(int at, const char *name, int levels)
{
	DIR *d = fdopendir(openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
	struct stat st;

	must(d != NULL, "opendir in the layer");
	for (struct dirent *e; (e = readdir(d));) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		must(fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0, "stat");
		check_file(&st);
		if (S_ISDIR(st.st_mode) && levels > 0)
			check_tree(dirfd(d), e->d_name, levels - 1);
	}
	closedir(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct unpack_options options = {.max_bytes = 1 << 20, .lower_links = true};
	struct digest below = {"sha256:of the layer below"};
	uint8_t *copy = malloc(size + 1);
	struct input in = {copy, size};
	struct err err = ERR_INIT;
	int layer, r;

	must(copy != NULL, "malloc");
	memcpy(copy, data, size);
	mend_checksums(copy, size);
	must(mkdirat(dir, "layer", 0700) == 0, "mkdir layer");
	layer = openat(dir, "layer", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(layer >= 0 && fstat(dir, &outside) == 0, "open layer");
	r = layer_unpack(read_input, &in, layer, &options, NULL, &err);
	free(copy);
	must(r == 0 ? !err.code : err.code == -r && *err.msg, "code and message disagree");
	/* it is its own lower layer: what the search for targets walks through is hostile too */
	if (r == 0)
		layer_links_make(layer, &layer, &below, 1, NULL);
	check_outside();
	check_tree(layer, "root", 20);
	close(layer);
	must(fd_remove_tree(dir, "layer", &err) == 0, err.msg);
	return 0;
}
