/* Theory of operation
 *
 * Runs a fuzz target over the files of its corpus, with any compiler and without libFuzzer: what
 * fuzzing once found stays found. replay_NAME reads $srcdir/tests/fuzz/corpus/NAME, or the
 * directories given as arguments. Each file's name is printed before it is tried, so that the last
 * line of the log names the one that crashed. An empty corpus is a failure: a test of nothing must
 * not pass. libFuzzer may hand over inputs of any length, so each file comes in an allocation of
 * exactly its size.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

#pragma weak LLVMFuzzerInitialize

static int replay_file(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	uint8_t *data = NULL;
	struct stat st;
	size_t len = 0;
	ssize_t n = -1;

	if (fd < 0 || fstat(fd, &st) < 0)
		goto failed;
	data = malloc(st.st_size > 0 ? (size_t)st.st_size : 1);
	if (!data)
		goto failed;
	while (len < (size_t)st.st_size) {
		n = read(fd, data + len, (size_t)st.st_size - len);
		if (n <= 0)
			goto failed;
		len += (size_t)n;
	}
	close(fd);
	LLVMFuzzerTestOneInput(data, len);
	free(data);
	return 0;
failed:
	fprintf(stderr, "cannot read %s: %s\n", name, n == 0 ? "it shrank" : strerror(errno));
	free(data);
	if (fd >= 0)
		close(fd);
	return -1;
}

static int replay_directory(const char *path, unsigned int *count)
{
	DIR *dir = opendir(path);
	const struct dirent *e;

	if (!dir) {
		fprintf(stderr, "cannot open %s: %s\n", path, strerror(errno));
		return -1;
	}
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		printf("%s\n", e->d_name);
		fflush(stdout);
		if (replay_file(dirfd(dir), e->d_name) < 0) {
			closedir(dir);
			return -1;
		}
		(*count)++;
	}
	closedir(dir);
	return 0;
}

static int replay_own_corpus(unsigned int *count)
{
	const char *srcdir = getenv("srcdir"),
		   *name = strstr(program_invocation_short_name, "replay_");
	char path[4096];

	if (!name) {
		fprintf(stderr, "the program is not named replay_NAME: name the directories\n");
		return -1;
	}
	snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".",
		 name + strlen("replay_"));
	return replay_directory(path, count);
}

int main(int argc, char **argv)
{
	unsigned int count = 0;

	if (LLVMFuzzerInitialize && LLVMFuzzerInitialize(&argc, &argv) != 0)
		return EXIT_FAILURE;
	if (argc < 2 && replay_own_corpus(&count) < 0)
		return EXIT_FAILURE;
	for (int i = 1; i < argc; i++)
		if (replay_directory(argv[i], &count) < 0)
			return EXIT_FAILURE;
	printf("%u inputs replayed\n", count);
	return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
