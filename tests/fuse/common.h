/* common: what the programs of tests/fuse share: reproducible random numbers, contents made from a
 * number, sums, and the end when something other than the file system under test is wrong.
 *
 * Exit codes of these programs: 0 nothing found, 1 the file system is wrong, 2 the test could not
 * be made.
 */
#ifndef STRAKE_TESTS_FUSE_COMMON_H
#define STRAKE_TESTS_FUSE_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Longest path below a root, and longest path of all, that these programs make. */
#define REL_MAX 2560
#define FULL_MAX 4096

struct rng {
	uint64_t state;
};

void rng_init(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
/* A number in 0..n-1; 0 when n is 0. */
uint64_t rng_below(struct rng *rng, uint64_t n);
/* True in PERCENT of all calls. */
bool rng_chance(struct rng *rng, unsigned percent);
/* A length as files have them: mostly small, sometimes empty, seldom as large as MAX. */
size_t rng_length(struct rng *rng, size_t max);

/* Fill BUF with LEN bytes that follow from SEED; no byte is 0. */
void fill(void *buf, size_t len, uint64_t seed);

/* Add LEN bytes to SUM; sums of the same bytes in the same portions are the same. */
uint64_t sum_add(uint64_t sum, const void *buf, size_t len);

/* All of LEN bytes, over as many calls as that takes. The number of bytes moved, less than LEN only
 * at the end of the file; -errno. */
ssize_t pread_all(int fd, void *buf, size_t len, off_t offset);
ssize_t pwrite_all(int fd, const void *buf, size_t len, off_t offset);

/* RET_PATH (FULL_MAX) = DIR/NAME */
void join(char *ret_path, const char *dir, const char *name);

/* Remove everything below PATH, and PATH itself when SELF. The number of entries removed, or
 * -errno. */
long remove_tree(const char *path, bool self);

/* Print NAME with what is not printable as \xNN into RET (of SIZE bytes); returns RET. */
const char *printable(char *ret, size_t size, const char *name);

/* The number TEXT is, all of it; dies otherwise. */
uint64_t number(const char *text);

/* The test cannot be made: print why and exit 2. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
