/* Listings: a fixed order, no name lost or doubled whatever changes between two chunks, and merged
 * directories that show each name once. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "fuse.h"

enum { BIG = 10000 };

/* --- a client that reads in chunks */

struct reader {
	struct node *dir;
	uint64_t after;
	unsigned int room; /* entries left in this chunk */
	unsigned int *seen;
	unsigned int n_seen, chunk_entries;
};

/* "f123" is the number 123; other names are not counted. */
static int take(void *arg, const char *name, uint64_t cookie, const struct file *f)
{
	struct reader *r = arg;
	unsigned int i;

	if (!r->room)
		return 1;
	r->room--;
	r->chunk_entries++;
	if (cookie <= r->after || cookie > INT64_MAX)
		ck_abort_msg("%s: %lx", name, (unsigned long)cookie);
	r->after = cookie;
	if (f->node)
		env_forget(f->node);
	if (name[0] == 'f') {
		if (sscanf(name + 1, "%u", &i) != 1 || i >= r->n_seen || cookie < FIRST_COOKIE)
			ck_abort_msg("%s: %lx", name, (unsigned long)cookie);
		r->seen[i]++;
	}
	return 0;
}

/* False at the end. */
static bool read_chunk(struct reader *r, unsigned int entries)
{
	r->room = entries;
	r->chunk_entries = 0;
	ck_assert_int_eq(overlay_readdir(&env_fs, r->dir, r->after, take, r), 0);
	return r->chunk_entries > 0;
}

static struct reader reader_new(const char *dir, unsigned int n)
{
	int error = 0;
	struct reader r = {.dir = env_node(dir, &error), .n_seen = n};

	ck_assert_ptr_nonnull(r.dir);
	r.seen = xcalloc(n, sizeof(*r.seen));
	return r;
}

static void reader_release(struct reader *r)
{
	env_forget(r->dir);
	free(r->seen);
}

static void make_files(const char *layer, unsigned int first, unsigned int n)
{
	_cleanup_fd_ int dir = -1;
	char name[24];

	env_mkdir(layer);
	dir = openat(env_dir, layer, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dir, 0);
	for (unsigned int i = first; i < first + n; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		if (mknodat(dir, name, S_IFREG | 0644, 0) < 0)
			ck_abort_msg("%s: %s", name, strerror(errno));
	}
}

/* --- */

START_TEST(each_name_once)
{
	static const unsigned int chunks[] = {1, 2, 3, 7, 100, 1000};

	make_files("l0/d", 0, 60);
	make_files("l1/d", 30, 60);
	make_files("l2/d", 89, 11);
	env_open(3, false);
	for (size_t c = 0; c < ARRAY_SIZE(chunks); c++) {
		struct reader r = reader_new("d", 100);
		unsigned int entries = 0;

		while (read_chunk(&r, chunks[c]))
			entries += r.chunk_entries;
		ck_assert_uint_eq(entries, 102); /* with "." and ".." */
		for (unsigned int i = 0; i < 100; i++)
			ck_assert_uint_eq(r.seen[i], 1);
		/* at the end it stays at the end */
		ck_assert(!read_chunk(&r, 10));
		reader_release(&r);
	}
}
END_TEST

/* The cookie is the name's alone, and good for a positive off_t. */
START_TEST(cookies)
{
	uint64_t hash = listing_hash("name");

	ck_assert_uint_ge(hash, FIRST_COOKIE);
	ck_assert_uint_ge(listing_hash(""), FIRST_COOKIE);
	ck_assert_uint_eq(listing_hash("name"), hash);
	ck_assert_uint_ne(listing_hash("name2"), hash);
	for (unsigned int i = 0; i < 100000; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%u", i);
		hash = listing_hash(name);
		if (hash > INT64_MAX || hash < FIRST_COOKIE)
			ck_abort_msg("%s: %lx", name, (unsigned long)hash);
	}
}
END_TEST

/* An image may bring names that were made to have the same hash (these have, by FNV-1a): all the
 * same both are there. */
START_TEST(same_hash)
{
	static const char *const pairs[][2] = {
		{"8yn0iYCKYHlIj4-BwPqk", "GReLUrM4wMqfg9yzV3KQ"},
		{"gMPflVXtwGDXbIhP73TX", "LtHf1prlU1bCeYZEdqWf"},
		{"pFuM83THhM-Qw8FI5FKo", ".jPx7rOtTDteKAwvfOEo"},
	};
	char path[64], want[64];

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		const char *a = pairs[i][0], *b = pairs[i][1];
		bool swap = strcmp(a, b) > 0;

		for (int j = 0; j < 2; j++) {
			snprintf(path, sizeof(path), "l%d/d%zu/%s", j, i, pairs[i][j]);
			env_file(path, "");
		}
		snprintf(want, sizeof(want), "%s %s", swap ? b : a, swap ? a : b);
		if (i == 0)
			env_open(2, false);
		snprintf(path, sizeof(path), "d%zu", i);
		ck_assert_str_eq(env_ls(path), want);
	}
}
END_TEST

/* --- changes between chunks */

/* What was there all the time is listed once; what came or went, once at most. */
static void check_seen(const struct reader *r, unsigned int stable)
{
	for (unsigned int i = 0; i < r->n_seen; i++)
		if (i < stable ? r->seen[i] != 1 : r->seen[i] > 1)
			ck_abort_msg("f%u: %u times", i, r->seen[i]);
}

/* f0 to f99 stay; f100 to f199 are removed and f200 to f399 are made while the directory is read.
 */
static void change_while_reading(const char *dir, unsigned int chunk, bool drop)
{
	struct reader r = reader_new(dir, 400);
	unsigned int removed = 100, made = 200;
	char name[24];

	while (read_chunk(&r, chunk)) {
		for (int i = 0; i < 5 && removed < 200; i++) {
			snprintf(name, sizeof(name), "f%u", removed++);
			env_unlink(dir, name);
		}
		for (int i = 0; i < 9 && made < 400; i++) {
			snprintf(name, sizeof(name), "f%u", made++);
			env_create(dir, name);
		}
		if (drop) {
			pthread_rwlock_wrlock(&r.dir->dir->lock);
			listing_drop(&env_fs, r.dir->dir);
			pthread_rwlock_unlock(&r.dir->dir->lock);
		}
	}
	ck_assert_uint_eq(made, 400);
	ck_assert_uint_eq(removed, 200);
	check_seen(&r, 100);
	/* and afterwards it is what it now is */
	memset(r.seen, 0, r.n_seen * sizeof(*r.seen));
	r.after = 0;
	while (read_chunk(&r, 50))
		;
	for (unsigned int i = 0; i < 400; i++)
		ck_assert_uint_eq(r.seen[i], i < 100 || i >= 200);
	reader_release(&r);
}

START_TEST(changes_in_the_upper)
{
	make_files("u/d", 0, 200);
	env_open(1, true);
	change_while_reading("d", 4, false);
}
END_TEST

START_TEST(changes_over_lower)
{
	make_files("l0/d", 0, 150);
	make_files("l1/d", 120, 80);
	env_open(2, true);
	change_while_reading("d", 4, false);
}
END_TEST

/* The same when another directory takes its place in the cache each time. */
START_TEST(changes_and_remaking)
{
	make_files("l0/d", 0, 150);
	make_files("l1/d", 120, 80);
	env_open(2, true);
	change_while_reading("d", 5, true);
}
END_TEST

/* A name that goes and comes again, many times, is there once. */
START_TEST(come_and_go)
{
	struct reader r;

	make_files("l0/d", 0, 3);
	env_open(1, true);
	r = reader_new("d", 4);
	for (int i = 0; i < 50; i++) {
		env_create("d", "f3");
		ck_assert_str_eq(env_ls("d"), "f0 f1 f2 f3");
		env_unlink("d", "f3");
		env_unlink("d", "f1"); /* a lower one */
		ck_assert_str_eq(env_ls("d"), "f0 f2");
		env_create("d", "f1");
		ck_assert_str_eq(env_ls("d"), "f0 f1 f2");
	}
	reader_release(&r);
}
END_TEST

/* --- the index itself */

/* Entries are put in until the added ones are merged several times, and are all found. */
START_TEST(merge_of_added)
{
	enum { N = 5000 };
	const struct entry *e;
	struct dir *d;
	char name[24];
	uint64_t last = 0;
	unsigned int n = 0;

	make_files("l0", 0, 10);
	env_open(1, false);
	d = env_fs.root->dir;
	pthread_rwlock_wrlock(&d->lock);
	ck_assert_int_eq(listing_make(&env_fs, d), 0);
	for (unsigned int i = 10; i < N; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		ck_assert_ptr_null(listing_find(d, name));
		listing_put(&env_fs, d, name, S_IFDIR, 0);
		e = listing_find(d, name);
		ck_assert_ptr_nonnull(e);
		ck_assert_uint_eq(e->hash, listing_hash(name));
		ck_assert_uint_eq(e->type, S_IFDIR >> 12);
		ck_assert_str_eq(listing_name(d, e), name);
	}
	for (e = listing_after(d, 0); e; e = listing_after(d, e->hash), n++) {
		ck_assert_uint_gt(e->hash, last);
		last = e->hash;
		ck_assert_ptr_eq(listing_find(d, listing_name(d, e)), e);
	}
	ck_assert_uint_eq(n, N);
	/* again, with another type: no second entry */
	listing_put(&env_fs, d, "f4000", S_IFREG, 0);
	ck_assert_uint_eq(listing_find(d, "f4000")->type, S_IFREG >> 12);
	listing_remove(d, "not there");
	for (unsigned int i = 0; i < N; i++) {
		ck_assert(!listing_is_empty(d));
		snprintf(name, sizeof(name), "f%u", i);
		listing_remove(d, name);
		listing_remove(d, name);
		ck_assert_ptr_null(listing_find(d, name));
	}
	ck_assert(listing_is_empty(d));
	ck_assert_ptr_null(listing_after(d, 0));
	listing_put(&env_fs, d, "f7", S_IFREG, 0);
	ck_assert(!listing_is_empty(d));
	ck_assert_str_eq(listing_name(d, listing_after(d, 0)), "f7");
	pthread_rwlock_unlock(&d->lock);
}
END_TEST

/* Without a listing changes are nothing to it. */
START_TEST(no_listing)
{
	struct dir *d;

	make_files("l0", 0, 1);
	env_open(1, false);
	d = env_fs.root->dir;
	pthread_rwlock_wrlock(&d->lock);
	listing_put(&env_fs, d, "f1", S_IFREG, 0);
	listing_remove(d, "f0");
	listing_drop(&env_fs, d);
	ck_assert_ptr_null(d->listing);
	pthread_rwlock_unlock(&d->lock);
	ck_assert_str_eq(env_ls(""), "f0");
}
END_TEST

/* The cache keeps what fits, throws the oldest away, and never one that is in use. */
START_TEST(eviction)
{
	struct node *dirs[4];
	struct reader r;
	char path[16];
	int error;

	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "l0/%d", i);
		make_files(path, 0, 100);
	}
	env_open(1, false);
	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%d", i);
		dirs[i] = env_node(path, &error);
	}
	r = reader_new("0", 100);
	ck_assert(read_chunk(&r, 30));
	env_fs.listings->max = dirs[0]->dir->listing_size * 5 / 2;
	(void)env_ls("1");
	ck_assert(dirs[0]->dir->listing && dirs[1]->dir->listing);
	/* somebody uses the oldest: the next is taken in its place */
	pthread_rwlock_rdlock(&dirs[0]->dir->lock);
	(void)env_ls("2");
	ck_assert(dirs[0]->dir->listing && !dirs[1]->dir->listing && dirs[2]->dir->listing);
	pthread_rwlock_unlock(&dirs[0]->dir->lock);
	(void)env_ls("3");
	ck_assert(!dirs[0]->dir->listing && dirs[2]->dir->listing && dirs[3]->dir->listing);
	ck_assert_uint_le(env_fs.listings->size, env_fs.listings->max);
	/* one alone is kept, however big */
	env_fs.listings->max = 1;
	while (read_chunk(&r, 30))
		;
	ck_assert(dirs[0]->dir->listing && !dirs[2]->dir->listing && !dirs[3]->dir->listing);
	check_seen(&r, 100);
	for (int i = 0; i < 4; i++)
		env_forget(dirs[i]);
	reader_release(&r);
	/* forgotten: its listing is, too */
	ck_assert_ptr_null(env_fs.listings->oldest);
	ck_assert_uint_eq(env_fs.listings->size, 0);
}
END_TEST

/* 10,000 names in three layers, read in chunks while the cache has room for nothing. */
START_TEST(big)
{
	struct reader r, other;
	unsigned int entries = 0;

	make_files("l0/d", 0, 4000);
	make_files("l1/d", 2000, 5000);
	make_files("l2/d", 6000, 4000);
	make_files("l0/other", 0, 10);
	env_open(3, false);
	r = reader_new("d", BIG);
	other = reader_new("other", 10);
	env_fs.listings->max = 1;
	while (read_chunk(&r, 700)) {
		entries += r.chunk_entries;
		other.after = 0;
		memset(other.seen, 0, 10 * sizeof(*other.seen));
		ck_assert(read_chunk(&other, 100));
		check_seen(&other, 10);
		ck_assert_ptr_null(r.dir->dir->listing);
	}
	ck_assert_uint_eq(entries, BIG + 2);
	check_seen(&r, BIG);
	reader_release(&other);
	reader_release(&r);
}
END_TEST

TCase *fuse_listing_case(void)
{
	TCase *tc = env_case("listing");

	tcase_add_test(tc, each_name_once);
	tcase_add_test(tc, cookies);
	tcase_add_test(tc, same_hash);
	tcase_add_test(tc, changes_in_the_upper);
	tcase_add_test(tc, changes_over_lower);
	tcase_add_test(tc, changes_and_remaking);
	tcase_add_test(tc, come_and_go);
	tcase_add_test(tc, merge_of_added);
	tcase_add_test(tc, no_listing);
	tcase_add_test(tc, eviction);
	return tc;
}

TCase *fuse_listing_big_case(void)
{
	TCase *tc = env_case("big listing");

	tcase_add_test(tc, big);
	return tc;
}
