/* Places: descriptors are a cache, and depth costs neither stack nor descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "fuse.h"
#include "fuse/place.h"

enum { DEEP = 5000 }; /* each frame of a recursion would have 52 bytes of the 256 KiB below */

static int chain_end = -1;

/* *fd is from now on `name` in it. */
static void enter(int *fd, const char *name)
{
	int next = openat(*fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (next < 0)
		ck_abort_msg("%s: %s", name, strerror(errno));
	close(*fd);
	*fd = next;
}

/* A chain of directories "d" in l0, and a file at its end, which is open as chain_end. */
static void make_chain(unsigned int depth)
{
	int file;

	env_mkdir("l0");
	chain_end = openat(env_dir, "l0", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned int i = 0; i < depth; i++) {
		if (mkdirat(chain_end, "d", 0755) < 0)
			ck_abort_msg("%u: %s", i, strerror(errno));
		enter(&chain_end, "d");
	}
	file = openat(chain_end, "file", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	ck_assert_int_ge(file, 0);
	close(file);
}

/* From its end, which is faster than from its beginning. */
static void remove_chain(unsigned int depth)
{
	ck_assert_int_eq(unlinkat(chain_end, "file", 0), 0);
	for (unsigned int i = 0; i < depth; i++) {
		enter(&chain_end, "..");
		if (unlinkat(chain_end, "d", AT_REMOVEDIR) < 0)
			ck_abort_msg("%u: %s", i, strerror(errno));
	}
	fd_closep(&chain_end);
}

/* The places of the chain, each holding the one above: the last is returned, counted. */
static struct place *chain_places(unsigned int depth)
{
	struct place *p = place_ref(env_fs.layers[0].root);

	for (unsigned int i = 0; i < depth; i++) {
		struct place *child = place_new(p, "d");

		if (!child)
			ck_abort_msg("no memory");
		place_unref(p);
		p = child;
	}
	return p;
}

static ino_t ino_of(int fd)
{
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	return st.st_ino;
}

/* Lets go of nothing: the soft limit alone goes down, for what is opened from now on. */
static void limit_descriptors(rlim_t n)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = n;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

START_TEST(deep)
{
	struct rlimit stack;
	struct place *p;
	struct stat st;
	char *path;

	make_chain(DEEP);
	env_open(1, false);
	env_fs.places.max = 8;
	limit_descriptors(40);
	ck_assert_int_eq(getrlimit(RLIMIT_STACK, &stack), 0);
	stack.rlim_cur = 256 << 10;
	ck_assert_int_eq(setrlimit(RLIMIT_STACK, &stack), 0);
	p = chain_places(DEEP);
	for (int i = 0; i < 2; i++) { /* the second time near what is open */
		ck_assert_int_ge(place_pin(p), 0);
		ck_assert_uint_le(env_fs.places.open, 8);
		ck_assert_int_eq(p->layer->source->stat(p, "file", &st), 0);
		ck_assert(S_ISREG(st.st_mode));
		place_unpin(p);
	}
	path = place_path(p, "file");
	ck_assert_uint_eq(strlen(path), 2 * DEEP + strlen("/file"));
	ck_assert(str_ends(path, "/d/d/file"));
	free(path);
	place_unref(p); /* and all above it */
	ck_assert_uint_eq(env_fs.places.open, 0);
	ck_assert_ptr_null(env_fs.places.hand);
	remove_chain(DEEP);
}
END_TEST

/* Through the overlay: a lookup at each level, nothing forgotten before the end. */
START_TEST(deep_lookups)
{
	struct node *n;
	struct file f;

	make_chain(DEEP / 4);
	env_open(1, false);
	env_fs.places.max = 8;
	limit_descriptors(40);
	n = env_fs.root;
	for (int i = 0; i < DEEP / 4; i++) {
		int r = overlay_lookup(&env_fs, n, "d", &f);

		if (r < 0)
			ck_abort_msg("%d: %s", i, strerror(-r));
		env_forget(n);
		n = f.node;
	}
	ck_assert_int_eq(overlay_lookup(&env_fs, n, "file", &f), 0);
	ck_assert_uint_eq(env_fs.count.nodes, DEEP / 4 + 2);
	env_forget(n);
	env_forget(f.node);
	ck_assert_uint_eq(env_fs.count.nodes, 1);
	remove_chain(DEEP / 4);
}
END_TEST

/* --- the cache */

enum { N = 12, MAX = 4 };

static struct place *many[N];
static ino_t inodes[N];

/* N directories beside one another, of which MAX may be open. */
static void make_many(void)
{
	char path[16];

	for (int i = 0; i < N; i++) {
		snprintf(path, sizeof(path), "l0/%d", i);
		env_mkdir(path);
	}
	env_open(1, false);
	env_fs.places.max = MAX;
	for (int i = 0; i < N; i++) {
		struct stat st;

		snprintf(path, sizeof(path), "%d", i);
		many[i] = place_new(env_fs.layers[0].root, path);
		ck_assert_ptr_nonnull(many[i]);
		ck_assert_int_eq(place_pin(env_fs.layers[0].root), env_fs.layers[0].root->fd);
		ck_assert_int_eq(fstatat(env_fs.layers[0].root->fd, path, &st, 0), 0);
		place_unpin(env_fs.layers[0].root);
		inodes[i] = st.st_ino;
	}
}

static void release_many(void)
{
	for (int i = 0; i < N; i++)
		place_unref(many[i]);
	ck_assert_uint_eq(env_fs.places.open, 0);
}

START_TEST(opened_again)
{
	make_many();
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < N; i++) {
			ck_assert_uint_eq(ino_of(place_pin(many[i])), inodes[i]);
			place_unpin(many[i]);
			ck_assert_uint_le(env_fs.places.open, MAX);
		}
	}
	ck_assert_uint_eq(env_fs.places.open, MAX);
	release_many();
}
END_TEST

START_TEST(pinned_stay)
{
	unsigned int open;
	int fds[N];

	make_many();
	/* more are pinned than may be open: all stay, each with its own descriptor */
	for (int i = 0; i < N - 2; i++)
		fds[i] = place_pin(many[i]);
	ck_assert_uint_eq(env_fs.places.open, N - 2);
	for (int round = 0; round < 3; round++) {
		for (int i = N - 2; i < N; i++) {
			ck_assert_int_ge(place_pin(many[i]), 0);
			place_unpin(many[i]);
		}
	}
	for (int i = 0; i < N - 2; i++) {
		ck_assert_uint_eq(ino_of(fds[i]), inodes[i]);
		/* twice pinned is twice unpinned */
		ck_assert_int_eq(place_pin(many[i]), fds[i]);
		place_unpin(many[i]);
	}
	ck_assert_uint_ge(env_fs.places.open, N - 2);
	for (int i = 0; i < N - 2; i++)
		place_unpin(many[i]);
	/* from now on they are closed as others are opened */
	open = env_fs.places.open;
	for (int round = 0; round < 2 * N; round++) {
		ck_assert_int_ge(place_pin(many[round % N]), 0);
		place_unpin(many[round % N]);
	}
	ck_assert_uint_le(env_fs.places.open, open);
	release_many();
}
END_TEST

/* What was used since the hand came by is kept: one that is used all the time is opened again
 * seldom, where each of the others is each time. */
START_TEST(second_chance)
{
	int again = 0;

	make_many();
	for (int i = 0; i < 200; i++) {
		again += many[0]->fd < 0;
		ck_assert_int_ge(place_pin(many[0]), 0);
		place_unpin(many[0]);
		ck_assert_int_ge(place_pin(many[1 + i % (N - 1)]), 0);
		place_unpin(many[1 + i % (N - 1)]);
	}
	ck_assert_int_lt(again, 30);
	release_many();
}
END_TEST

/* --- opening what is not there, and moves */

START_TEST(not_there)
{
	struct place *root, *p, *below;

	env_file("l0/file", "");
	env_mkdir("elsewhere/secret");
	env_mkdir("l0");
	ck_assert_int_eq(symlinkat("../elsewhere", env_dir, "l0/link"), 0);
	env_open(1, false);
	root = env_fs.layers[0].root;
	p = place_new(root, "missing");
	below = place_new(p, "below");
	ck_assert_int_eq(place_pin(p), -ENOENT);
	ck_assert_int_eq(place_pin(below), -ENOENT);
	place_unref(p);
	place_unref(below);
	p = place_new(root, "file");
	ck_assert_int_eq(place_pin(p), -ENOTDIR);
	place_unref(p);
	/* no link is followed out of the layer */
	p = place_new(root, "link");
	below = place_new(p, "secret");
	ck_assert_int_lt(place_pin(p), 0);
	ck_assert_int_lt(place_pin(below), 0);
	place_unref(p);
	place_unref(below);
	ck_assert_uint_eq(env_fs.places.open, 0);
	place_unref(NULL);
}
END_TEST

/* No descriptor is left, which is an error and nothing worse; later all is well again. */
START_TEST(out_of_descriptors)
{
	struct place *p;

	make_chain(20);
	env_open(1, false);
	p = chain_places(20);
	limit_descriptors(3);
	ck_assert_int_eq(place_pin(p), -EMFILE);
	ck_assert_uint_eq(env_fs.places.open, 0);
	limit_descriptors(64);
	ck_assert_int_ge(place_pin(p), 0);
	place_unpin(p);
	place_unref(p);
	remove_chain(20);
}
END_TEST

START_TEST(moved)
{
	struct place *root, *a, *below;
	char *path;
	ino_t ino;

	env_mkdir("l0/a/below");
	env_mkdir("l0/b");
	env_open(1, false);
	root = env_fs.layers[0].root;
	a = place_new(root, "a");
	below = place_new(a, "below");
	_cleanup_place_ struct place *b = place_new(root, "b");
	ino = ino_of(place_pin(below));
	place_unpin(below);
	ck_assert_int_ge(place_pin(a), 0);
	ck_assert_int_eq(renameat(env_dir, "l0/a", env_dir, "l0/b/c"), 0);
	ck_assert_int_eq(place_move(a, b, "c"), 0);
	place_unpin(a);
	path = place_path(below, "x");
	ck_assert_str_eq(path, "/b/c/below/x");
	free(path);
	path = place_path(root, "");
	ck_assert_str_eq(path, "/");
	free(path);
	path = place_path(root, "x");
	ck_assert_str_eq(path, "/x");
	free(path);
	/* closed by others and opened again by its new way */
	env_fs.places.max = 0;
	_cleanup_place_ struct place *c = place_new(b, "c");
	for (int i = 0; i < 8; i++) {
		ck_assert_int_ge(place_pin(c), 0);
		place_unpin(c);
		ck_assert_int_ge(place_pin(b), 0);
		place_unpin(b);
	}
	ck_assert_int_eq(below->fd, -1);
	ck_assert_uint_eq(ino_of(place_pin(below)), ino);
	place_unpin(below);
	place_unref(below);
	place_unref(a);
}
END_TEST

TCase *fuse_place_case(void)
{
	TCase *tc = env_case("place");

	tcase_add_test(tc, deep);
	tcase_add_test(tc, deep_lookups);
	tcase_add_test(tc, opened_again);
	tcase_add_test(tc, pinned_stay);
	tcase_add_test(tc, second_chance);
	tcase_add_test(tc, not_there);
	tcase_add_test(tc, out_of_descriptors);
	tcase_add_test(tc, moved);
	return tc;
}
