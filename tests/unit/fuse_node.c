/* The node table: names, aliases, what a file is on disk, and that all is freed when the last who
 * knows it forgets it. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "fuse.h"
#include "fuse/node.h"

/* A table alone, with a root. */
static struct overlay o;
static struct node *root;

static struct node *fresh(mode_t type)
{
	struct node *n = node_new(&o.nodes, type);

	if (!n)
		ck_abort_msg("no memory");
	return n;
}

static void setup(void)
{
	memset(&o, 0, sizeof(o));
	ck_assert_int_eq(node_table_init(&o.nodes, &o), 0);
	root = fresh(S_IFDIR);
}

static void teardown(void)
{
	ck_assert_uint_eq(o.count.nodes, 1);
	ck_assert_uint_eq(root->count, 1);
	node_table_release(&o.nodes, root);
}

static void forget(struct node *n)
{
	node_unref(&o.nodes, n);
}

/* A new node of that name. */
static struct node *named(struct node *parent, const char *name)
{
	struct node *n = fresh(S_IFREG);

	if (node_add_name(&o.nodes, n, parent, name) != n)
		ck_abort_msg("'%s' is another's name", name);
	return n;
}

static bool is_known(struct node *parent, const char *name)
{
	struct node *n = node_find(&o.nodes, parent, name);

	if (n)
		forget(n);
	return n != NULL;
}

START_TEST(names)
{
	char longest[256];
	struct node *a, *b, *dir;
	struct where w;

	memset(longest, 'n', 255);
	longest[255] = '\0';
	ck_assert(!is_known(root, "a"));
	a = named(root, "a");
	b = named(root, longest);
	dir = fresh(S_IFDIR);
	ck_assert_ptr_eq(node_add_name(&o.nodes, dir, root, "dir"), dir);
	ck_assert_uint_eq(root->count, 4); /* its own and three names */
	ck_assert_ptr_eq(node_find(&o.nodes, root, "a"), a);
	ck_assert_uint_eq(a->count, 2);
	forget(a);
	/* a name is one of its directory */
	ck_assert(!is_known(dir, "a"));
	ck_assert(!is_known(root, "aa"));
	ck_assert(!is_known(root, ""));
	ck_assert(node_has_name(&o.nodes, a, root, "a"));
	ck_assert(!node_has_name(&o.nodes, b, root, "a"));
	ck_assert(!node_has_name(&o.nodes, a, root, "b"));
	ck_assert_int_eq(node_where(&o.nodes, b, &w), 0);
	ck_assert_ptr_eq(w.parent, root);
	ck_assert_str_eq(w.name, longest);
	forget(w.parent);
	ck_assert_int_eq(node_where(&o.nodes, root, &w), -ENOENT);
	forget(a);
	ck_assert(!is_known(root, "a"));
	ck_assert(is_known(root, longest));
	ck_assert_uint_eq(root->count, 3);
	node_forget(&o.nodes, node_ref(b), 2);
	forget(dir);
}
END_TEST

/* A second lookup of the same name gets the node of the first. */
START_TEST(second_lookup)
{
	struct node *a = named(root, "a"), *late = fresh(S_IFREG);

	ck_assert_ptr_eq(node_add_name(&o.nodes, late, root, "a"), a);
	ck_assert_uint_eq(a->count, 2);
	ck_assert_uint_eq(root->count, 2);
	forget(late);
	forget(a);
	ck_assert(is_known(root, "a"));
	forget(a);
	ck_assert(!is_known(root, "a"));
	/* the next one is another */
	a = named(root, "a");
	forget(a);
}
END_TEST

START_TEST(aliases)
{
	struct node *dir = fresh(S_IFDIR), *n = named(root, "a");
	struct where w;
	int found = 0;

	ck_assert_ptr_eq(node_add_name(&o.nodes, dir, root, "dir"), dir);
	ck_assert_ptr_eq(node_add_name(&o.nodes, n, dir, "b"), n);
	ck_assert_ptr_eq(node_add_name(&o.nodes, n, root, "c"), n);
	ck_assert_uint_eq(n->count, 1);
	ck_assert(node_has_name(&o.nodes, n, dir, "b") && node_has_name(&o.nodes, n, root, "c"));
	for (unsigned int k = 0; node_nth_name(&o.nodes, n, k, &w) == 0; k++) {
		found |= w.parent == root && !strcmp(w.name, "a") ? 1 : 0;
		found |= w.parent == dir && !strcmp(w.name, "b") ? 2 : 0;
		found |= w.parent == root && !strcmp(w.name, "c") ? 4 : 0;
		forget(w.parent);
	}
	ck_assert_int_eq(found, 7);
	ck_assert_int_eq(node_nth_name(&o.nodes, n, 3, &w), -ENOENT);
	node_remove_name(&o.nodes, n, root, "a");
	node_remove_name(&o.nodes, n, root, "a");   /* it is gone */
	node_remove_name(&o.nodes, dir, root, "c"); /* not its name */
	ck_assert(!is_known(root, "a") && is_known(root, "c") && is_known(dir, "b"));
	node_remove_name(&o.nodes, n, root, "c");
	node_remove_name(&o.nodes, n, dir, "b");
	ck_assert_int_eq(node_where(&o.nodes, n, &w), -ENOENT);
	ck_assert_uint_eq(dir->count, 1);
	/* without a name it lives as long as it is known, and may get one again */
	ck_assert_ptr_eq(node_add_name(&o.nodes, n, dir, "d"), n);
	forget(dir);
	ck_assert_uint_eq(o.count.nodes, 3);
	forget(n); /* and its directory with it */
}
END_TEST

START_TEST(identities)
{
	struct node *a = named(root, "a"), *b = named(root, "b"), *c = named(root, "c");

	ck_assert_ptr_null(node_intern(&o.nodes, a, 0, 77));
	ck_assert_ptr_eq(node_intern(&o.nodes, b, 0, 77), a);
	ck_assert_uint_eq(a->count, 2);
	forget(a);
	/* another layer, another number */
	ck_assert_ptr_null(node_intern(&o.nodes, b, 1, 77));
	ck_assert_ptr_null(node_intern(&o.nodes, c, 0, 78));
	ck_assert_ptr_eq(node_intern(&o.nodes, c, 1, 77), b);
	forget(b);
	/* one that was copied up is known as both */
	ck_assert_ptr_null(node_intern(&o.nodes, a, 2, 1));
	ck_assert_ptr_eq(node_intern(&o.nodes, c, 2, 1), a);
	ck_assert_ptr_eq(node_intern(&o.nodes, c, 0, 77), a);
	node_forget(&o.nodes, a, 2);
	/* forgotten: the number is free for another */
	forget(a);
	ck_assert_ptr_null(node_intern(&o.nodes, c, 0, 77));
	ck_assert_ptr_null(node_intern(&o.nodes, c, 2, 1));
	forget(b);
	forget(c);
}
END_TEST

/* Two lookups of one name of a file with several: each has made a node, and both get the one that
 * was known first. Each counts it once, whichever was faster. */
START_TEST(lookups_of_an_alias)
{
	struct node *first = fresh(S_IFREG), *late = fresh(S_IFREG), *same, *got;

	ck_assert_ptr_null(node_intern(&o.nodes, first, 0, 5));
	ck_assert_ptr_eq(node_add_name(&o.nodes, first, root, "a"), first);
	same = node_intern(&o.nodes, late, 0, 5);
	ck_assert_ptr_eq(same, first);
	forget(late);
	got = node_add_name(&o.nodes, same, root, "a");
	ck_assert_ptr_eq(got, same);
	ck_assert_uint_eq(first->count, 2);
	node_forget(&o.nodes, first, 2);
	ck_assert_uint_eq(o.count.nodes, 1);
}
END_TEST

/* A chain of 200,000: what forgets the last forgets all, on a small stack. */
static void *forget_deep(void *arg)
{
	forget(arg);
	return NULL;
}

START_TEST(deep)
{
	struct node *n = root;
	pthread_attr_t attr;
	pthread_t thread;

	node_ref(root);
	for (int i = 0; i < 200000; i++) {
		struct node *child = fresh(S_IFDIR);

		if (node_add_name(&o.nodes, child, n, "d") != child)
			ck_abort_msg("%d", i);
		forget(n);
		n = child;
	}
	ck_assert_uint_eq(o.count.nodes, 200001);
	ck_assert_int_eq(pthread_attr_init(&attr), 0);
	ck_assert_int_eq(pthread_attr_setstacksize(&attr, 256 << 10), 0);
	ck_assert_int_eq(pthread_create(&thread, &attr, forget_deep, n), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	pthread_attr_destroy(&attr);
	ck_assert_uint_eq(o.count.nodes, 1);
}
END_TEST

/* Enough of them for the table to grow, and all are found. */
START_TEST(many)
{
	enum { N = 30000 };
	static struct node *nodes[N];
	char name[24];

	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "%d", i);
		nodes[i] = named(i ? nodes[i / 2] : root, name);
	}
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "%d", i);
		if (node_find(&o.nodes, i ? nodes[i / 2] : root, name) != nodes[i])
			ck_abort_msg("%d", i);
		forget(nodes[i]);
	}
	/* parents first: they stay for their children */
	for (int i = 0; i < N; i++)
		forget(nodes[i]);
}
END_TEST

/* What the kernel never forgot is freed with the table. */
START_TEST(release)
{
	struct node *dir = fresh(S_IFDIR), *file;

	node_add_name(&o.nodes, dir, root, "dir");
	file = named(dir, "file");
	node_add_name(&o.nodes, file, dir, "other");
	(void)node_intern(&o.nodes, file, 0, 5);
	node_table_release(&o.nodes, root);
	ck_assert_uint_eq(o.count.nodes, 0);
	setup();
}
END_TEST

/* --- threads */

enum { THREADS = 4, ROUNDS = 30000, NAMES = 8 };

static void *hammer_table(void *arg)
{
	unsigned int x = *(unsigned int *)arg;

	for (int i = 0; i < ROUNDS; i++) {
		char name[16];
		struct node *n, *mine;

		x = x * 1103515245 + 12345;
		snprintf(name, sizeof(name), "%u", (x >> 16) % NAMES);
		n = node_find(&o.nodes, root, name);
		if (!n) {
			mine = node_new(&o.nodes, S_IFREG);
			n = node_add_name(&o.nodes, mine, root, name);
			if (n != mine)
				forget(mine);
		}
		if (!node_has_name(&o.nodes, n, root, name))
			return arg;
		forget(n);
	}
	return NULL;
}

static void run_threads(void *(*run)(void *))
{
	unsigned int seeds[THREADS];
	pthread_t threads[THREADS];
	void *failed;

	for (unsigned int i = 0; i < THREADS; i++) {
		seeds[i] = i;
		ck_assert_int_eq(pthread_create(&threads[i], NULL, run, &seeds[i]), 0);
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
		ck_assert_ptr_null(failed);
	}
}

START_TEST(threads_on_the_table)
{
	run_threads(hammer_table);
	for (int i = 0; i < NAMES; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%d", i);
		ck_assert(!is_known(root, name));
	}
}
END_TEST

/* --- threads on files */

static const char *const paths[] = {"a",    "d/a",     "d/b",	   "d/e/a",  "d/e/f/g/a", "d/e/f",
				    "hard", "d/hard",  "d/e/hard", "none",   "d/none",	  "d/gone",
				    "d/e",  "upper/a", "upper/x",  "d/e/f/g"};

/* As env_node(), and without its assertions, which are for the main thread. */
static struct node *look_up(const char *path, int *ret_error)
{
	struct node *n = env_fs.root;

	while (*path) {
		size_t len = strcspn(path, "/");
		char name[256];
		struct file f;
		int r;

		memcpy(name, path, len);
		name[len] = '\0';
		path += len + (path[len] == '/');
		r = overlay_lookup(&env_fs, n, name, &f);
		env_forget(n);
		if (r < 0) {
			*ret_error = r;
			return NULL;
		}
		n = f.node;
	}
	return n;
}

static int take_entry(void *arg, const char *name, uint64_t cookie, const struct file *f)
{
	(void)arg;
	(void)name;
	(void)cookie;
	if (f->node)
		env_forget(f->node);
	return 0;
}

static void *hammer_files(void *arg)
{
	unsigned int x = *(unsigned int *)arg;

	for (int i = 0; i < ROUNDS / 10; i++) {
		const char *path;
		struct node *n;
		struct stat st;
		bool there;
		int r = 0;

		x = x * 1103515245 + 12345;
		path = paths[(x >> 16) % ARRAY_SIZE(paths)];
		there = !strstr(path, "none") && !strstr(path, "gone") && !strchr(path, 'x');
		n = look_up(path, &r);
		if (!n) {
			if (there || r != -ENOENT)
				return arg;
			continue;
		}
		r = overlay_getattr(&env_fs, n, &st);
		if (r == 0 && S_ISDIR(st.st_mode) && (x >> 8) % 4 == 0)
			r = overlay_readdir(&env_fs, n, 0, take_entry, NULL);
		env_forget(n);
		if (r < 0 || !there)
			return arg;
	}
	return NULL;
}

/* Lookups, attributes and readdir of the same few files in merged directories, all forgotten at
 * once: in the end nothing is known but the root. */
START_TEST(threads_on_files)
{
	env_file("l0/a", "");
	env_file("l0/d/a", "");
	env_file("l1/d/b", "");
	env_file("l0/d/e/a", "");
	env_file("l1/d/e/f/g/a", "");
	env_file("l1/hard", "");
	ck_assert_int_eq(linkat(env_dir, "l1/hard", env_dir, "l1/d/hard", 0), 0);
	ck_assert_int_eq(linkat(env_dir, "l1/hard", env_dir, "l1/d/e/hard", 0), 0);
	env_file("l0/d/.wh.gone", "");
	env_file("l1/d/gone", "");
	env_file("u/upper/a", "");
	env_open(2, true);
	run_threads(hammer_files);
	env_close();
}
END_TEST

TCase *fuse_node_case(void)
{
	TCase *tc = tcase_create("node");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, names);
	tcase_add_test(tc, second_lookup);
	tcase_add_test(tc, aliases);
	tcase_add_test(tc, identities);
	tcase_add_test(tc, lookups_of_an_alias);
	tcase_add_test(tc, deep);
	tcase_add_test(tc, many);
	tcase_add_test(tc, release);
	tcase_add_test(tc, threads_on_the_table);
	return tc;
}

TCase *fuse_node_files_case(void)
{
	TCase *tc = env_case("nodes of files");

	tcase_add_test(tc, threads_on_files);
	return tc;
}
