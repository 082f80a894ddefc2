#include "common.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void rng_init(struct rng *rng, uint64_t seed)
{
	rng->state = seed;
}

/* splitmix64 */
uint64_t rng_next(struct rng *rng)
{
	uint64_t z = rng->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint64_t rng_below(struct rng *rng, uint64_t n)
{
	return n ? rng_next(rng) % n : 0;
}

bool rng_chance(struct rng *rng, unsigned percent)
{
	return rng_below(rng, 100) < percent;
}

size_t rng_length(struct rng *rng, size_t max)
{
	unsigned kind = (unsigned)rng_below(rng, 100);
	size_t most;

	if (kind < 8)
		return 0;
	if (kind < 55)
		most = 200;
	else if (kind < 85)
		most = 8192;
	else if (kind < 97)
		most = 100 * 1000;
	else
		most = max;
	return rng_below(rng, (most < max ? most : max) + 1);
}

void fill(void *buf, size_t len, uint64_t seed)
{
	struct rng rng;
	unsigned char *p = buf;

	rng_init(&rng, seed);
	while (len > 0) {
		uint64_t word = rng_next(&rng) | 0x0101010101010101u;
		size_t n = len < sizeof(word) ? len : sizeof(word);

		memcpy(p, &word, n);
		p += n;
		len -= n;
	}
}

uint64_t sum_add(uint64_t sum, const void *buf, size_t len)
{
	const unsigned char *p = buf;
	uint64_t word;

	sum = (sum ^ len) * 0x9ddfea08eb382d69u;
	for (; len >= sizeof(word); len -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		sum = (sum ^ word) * 0x9fb21c651e98df25u;
		sum ^= sum >> 29;
	}
	for (; len > 0; len--, p++)
		sum = (sum ^ *p) * 0x100000001b3u;
	return sum ^ (sum >> 32);
}

ssize_t pread_all(int fd, void *buf, size_t len, off_t offset)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, (char *)buf + done, len - done, offset + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

ssize_t pwrite_all(int fd, const void *buf, size_t len, off_t offset)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pwrite(fd, (const char *)buf + done, len - done, offset + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

void join(char *ret_path, const char *dir, const char *name)
{
	if (snprintf(ret_path, FULL_MAX, "%s/%s", dir, name) >= FULL_MAX)
		die("a path is too long: %s/%s", dir, name);
}

/* One pass over a directory; names that come back to life would make it endless, so the caller
 * counts. */
static long remove_children(const char *path)
{
	char child[FULL_MAX];
	struct dirent *entry;
	DIR *dir = opendir(path);
	long total = 0;

	if (!dir)
		return -errno;
	while (errno = 0, (entry = readdir(dir)) != NULL) {
		long n;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		join(child, path, entry->d_name);
		n = remove_tree(child, true);
		if (n < 0) {
			closedir(dir);
			return n;
		}
		total += n;
	}
	if (errno != 0)
		total = -errno;
	closedir(dir);
	return total;
}

long remove_tree(const char *path, bool self)
{
	struct stat st;
	long total;

	if (lstat(path, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return unlink(path) < 0 ? -errno : 1;
	total = remove_children(path);
	if (total < 0 || !self)
		return total;
	return rmdir(path) < 0 ? -errno : total + 1;
}

const char *printable(char *ret, size_t size, const char *name)
{
	size_t at = 0;

	for (; *name && at + 5 < size; name++) {
		unsigned char c = (unsigned char)*name;

		if (c > ' ' && c < 127 && c != '\\')
			ret[at++] = (char)c;
		else
			at += (size_t)snprintf(ret + at, size - at, "\\x%02x", c);
	}
	ret[at] = '\0';
	return ret;
}

uint64_t number(const char *text)
{
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || *text == '-')
		die("'%s' is not a number", text);
	return value;
}

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fflush(stdout);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(2);
}
