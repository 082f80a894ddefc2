/* The state on disk: made, listed, found and removed; locks with real processes; what crashes
 * leave. */
#include "container.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "container/state.h"
#include "container/state_impl.h"
#include "ns/enter.h"

static struct store store;

static void open_store(void)
{
	struct err err = ERR_INIT;
	_cleanup_free_ char *path = NULL;

	container_scratch_make();
	path = xasprintf("%s/store", container_scratch);
	store = (struct store)STORE_INIT;
	container_ok(store_open(path, &store, &err), &err);
}

static void close_store(void)
{
	store_close(&store);
	container_scratch_remove();
}

static char hex_digest[] =
	"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static struct container_state example(const char *name)
{
	struct container_state c = {
		.name = name ? xstrdup(name) : NULL,
		.image_name = xstrdup("docker.io/library/busybox:latest"),
		.image_id = xstrdup(hex_digest),
		.n_layers = 2,
		.created = time(NULL),
	};

	snprintf(c.manifest.text, sizeof(c.manifest.text), "%s", hex_digest);
	c.layers = xcalloc(2, sizeof(*c.layers));
	c.layers[0] = c.layers[1] = c.manifest;
	c.layers[1].text[70] = '0';
	strv_add(&c.argv, "sh");
	strv_add(&c.argv, "-c");
	strv_add(&c.argv, "echo \"x\"\n\ttab \x01");
	return c;
}

/* Creates and saves; the lock is the caller's. */
static struct container_state make(const char *name, int *ret_dir, int *ret_lock)
{
	struct container_state c = example(name);
	struct err err = ERR_INIT;

	container_ok(container_state_create(&store, &c, ret_dir, &err), &err);
	container_ok(container_state_save(&c, *ret_dir, ret_lock, &err), &err);
	return c;
}

static size_t count(int dirfd)
{
	DIR *dir = fdopendir(openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	const struct dirent *entry;
	size_t n = 0;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL)
		n += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
	closedir(dir);
	return n;
}

START_TEST(round_trip)
{
	struct err err = ERR_INIT;
	struct container_state found;
	int dir, lock;
	struct container_state c = make("first", &dir, &lock);
	struct stat st;

	ck_assert(state_is_id(c.id));
	ck_assert_int_eq(fstat(dir, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	ck_assert_int_eq(fcntl(lock, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);

	container_ok(container_find(&store, "first", &found, &err), &err);
	ck_assert_str_eq(found.id, c.id);
	ck_assert_str_eq(found.name, "first");
	ck_assert_str_eq(found.image_name, c.image_name);
	ck_assert_str_eq(found.image_id, c.image_id);
	ck_assert(digest_eq(&found.manifest, &c.manifest));
	ck_assert_uint_eq(found.n_layers, 2);
	ck_assert(digest_eq(&found.layers[0], &c.layers[0]));
	ck_assert(digest_eq(&found.layers[1], &c.layers[1]));
	ck_assert_uint_eq(strv_len(found.argv), 3);
	ck_assert_str_eq(found.argv[2], c.argv[2]);
	ck_assert_int_eq(found.created, c.created);
	ck_assert(!found.range);
	ck_assert(!found.remove);
	ck_assert_int_eq(found.status, CONTAINER_CREATED);
	ck_assert_int_eq(found.exit_code, -1);
	container_state_release(&found);
	ck_assert_ptr_null(found.name);

	container_ok(container_state_started(dir, getpid(), "fuse", &err), &err);
	container_ok(container_find(&store, c.id, &found, &err), &err);
	ck_assert_int_eq(found.status, CONTAINER_RUNNING);
	ck_assert_int_eq(found.pid, getpid());
	ck_assert_str_eq(found.overlay, "fuse");
	ck_assert_int_ge(found.started, c.created);
	ck_assert_int_eq(found.finished, 0);
	container_state_release(&found);

	container_ok(container_state_ended(dir, 137, &err), &err);
	container_ok(container_find(&store, "first", &found, &err), &err);
	ck_assert_int_eq(found.status, CONTAINER_EXITED);
	ck_assert_int_eq(found.exit_code, 137);
	ck_assert_str_eq(found.overlay, "fuse");
	ck_assert_int_eq(found.pid, 0);
	ck_assert_int_ge(found.finished, found.started);
	ck_assert_int_gt(found.started, 0);
	container_state_release(&found);
	close(lock);
	container_ok(container_remove(&store, &c, &err), &err);
	ck_assert_uint_eq(count(store.containers), 0);
	close(dir);
	container_state_release(&c);
}
END_TEST

START_TEST(flags_and_strange_words)
{
	struct err err = ERR_INIT;
	struct container_state found, c = example(NULL);
	int dir, lock;
	char *huge = xmalloc(200000);

	memset(huge, 'h', 199999);
	huge[199999] = '\0';
	c.range = c.remove = true;
	strv_add(&c.argv, "not \xff utf-8");
	strv_add(&c.argv, "");
	strv_take(&c.argv, huge);
	strv_add(&c.argv, "behind");
	container_ok(container_state_create(&store, &c, &dir, &err), &err);
	ck_assert(state_name_is_valid(c.name));
	ck_assert_ptr_nonnull(strchr(c.name, '_'));
	container_ok(container_state_save(&c, dir, &lock, &err), &err);
	container_ok(container_find(&store, c.name, &found, &err), &err);
	ck_assert(found.range);
	ck_assert(found.remove);
	ck_assert_str_eq(found.argv[3], "not ? utf-8");
	ck_assert_str_eq(found.argv[4], "");
	ck_assert_str_eq(found.argv[5], "...");
	ck_assert_ptr_null(found.argv[6]);
	container_state_release(&found);
	container_state_release(&c);
	close(dir);
	close(lock);
}
END_TEST

START_TEST(names)
{
	static const char *const bad[] = {"",	".",  "..",  "../x", "a/b",	 "-x",
					  "_x", ".x", "a b", "a\n",  "\xc3\xa4", NULL};
	char longest[130];
	struct err err = ERR_INIT;
	int dir, lock, dir2 = -1;
	struct container_state c = make("a", &dir, &lock);
	struct container_state d = example("a");

	ck_assert_int_eq(container_state_create(&store, &d, &dir2, &err), -EEXIST);
	ck_assert_ptr_nonnull(strstr(err.msg, "'a'"));
	{
		char short_id[13];

		snprintf(short_id, sizeof(short_id), "%.12s", c.id);
		ck_assert_ptr_nonnull(strstr(err.msg, short_id));
	}
	ck_assert_int_eq(dir2, -1);
	ck_assert_str_eq(d.id, "");
	container_state_release(&d);
	/* nothing is left of the attempt: the container and names/ */
	ck_assert_uint_eq(count(store.containers), 2);
	for (size_t i = 0; bad[i]; i++) {
		d = example(bad[i]);
		ck_assert_msg(container_state_create(&store, &d, &dir2, &err) == -EINVAL, "'%s'",
			      bad[i]);
		container_state_release(&d);
		ck_assert_int_eq(container_find(&store, bad[i], &d, &err), -ENOENT);
	}
	memset(longest, 'n', 129);
	longest[129] = '\0';
	ck_assert(!state_name_is_valid(longest));
	longest[128] = '\0';
	ck_assert(state_name_is_valid(longest));
	close(dir);
	close(lock);
	container_state_release(&c);
}
END_TEST

/* A container without a name has one that is found, reserves nothing, and cannot be taken. */
START_TEST(generated_names)
{
	struct err err = ERR_INIT;
	struct container_state found, again = example(NULL);
	int dir, lock, dir2;
	struct container_state c = make(NULL, &dir, &lock);
	char prefix[7];

	ck_assert(state_name_is_valid(c.name));
	ck_assert(state_name_is_generated(c.name, prefix));
	ck_assert_int_eq(strncmp(prefix, c.id, 6), 0);
	ck_assert_uint_eq(count(store.containers), 1);
	container_ok(container_find(&store, c.name, &found, &err), &err);
	ck_assert_str_eq(found.id, c.id);
	ck_assert_str_eq(found.name, c.name);
	container_state_release(&found);
	again.name = xstrdup(c.name);
	ck_assert_int_eq(container_state_create(&store, &again, &dir2, &err), -EEXIST);
	ck_assert_ptr_nonnull(strstr(err.msg, c.name));
	/* the same digits do not make it the same name */
	again.name[0] = again.name[0] == 'x' ? 'y' : 'x';
	ck_assert_int_eq(container_find(&store, again.name, &found, &err), -ENOENT);
	container_ok(container_state_create(&store, &again, &dir2, &err), &err);
	container_ok(container_remove(&store, &again, &err), &err);
	ck_assert_uint_eq(count(store.containers), 1);
	close(lock);
	close(dir);
	close(dir2);
	container_ok(container_remove(&store, &c, &err), &err);
	ck_assert_int_eq(container_find(&store, c.name, &found, &err), -ENOENT);
	container_state_release(&c);
	container_state_release(&again);

	ck_assert(!state_name_is_generated("able_keel", prefix));
	ck_assert(!state_name_is_generated("able_keel_12345", prefix));
	ck_assert(!state_name_is_generated("able_keel_1234567", prefix));
	ck_assert(!state_name_is_generated("able_keel_12345g", prefix));
	ck_assert(!state_name_is_generated("", prefix));
}
END_TEST

START_TEST(find_by_prefix)
{
	struct err err = ERR_INIT;
	struct container_state found, made[40];
	int dir, lock;
	char prefix[65];

	ck_assert_int_eq(container_find(&store, "nobody", &found, &err), -ENOENT);
	ck_assert_str_eq(err.msg, "no such container 'nobody'");
	ck_assert_int_eq(container_find(&store, "", &found, &err), -ENOENT);
	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		made[i] = make(NULL, &dir, &lock);
		close(dir);
		close(lock);
	}
	/* 40 ids: some share their first digit */
	ck_assert_int_eq(container_find(&store, "../", &found, &err), -ENOENT);
	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		snprintf(prefix, sizeof(prefix), "%.20s", made[i].id);
		container_ok(container_find(&store, prefix, &found, &err), &err);
		ck_assert_str_eq(found.id, made[i].id);
		container_state_release(&found);
	}
	for (int digit = 0, ambiguous = 0; digit < 16; digit++) {
		int r;

		snprintf(prefix, sizeof(prefix), "%x", (unsigned int)digit);
		r = container_find(&store, prefix, &found, &err);
		if (r == 0)
			container_state_release(&found);
		else if (r == -EINVAL)
			ambiguous += strstr(err.msg, "more than one") != NULL;
		else
			ck_assert_int_eq(r, -ENOENT);
		if (digit == 15)
			ck_assert_int_gt(ambiguous, 0);
	}
	/* a name that looks like an id's beginning wins */
	{
		struct container_state c;

		snprintf(prefix, sizeof(prefix), "%.3s", made[0].id);
		c = make(prefix, &dir, &lock);
		container_ok(container_find(&store, prefix, &found, &err), &err);
		ck_assert_str_eq(found.id, c.id);
		container_state_release(&found);
		container_state_release(&c);
		close(dir);
		close(lock);
	}
	for (size_t i = 0; i < ARRAY_SIZE(made); i++)
		container_state_release(&made[i]);
}
END_TEST

START_TEST(list)
{
	struct err err = ERR_INIT;
	struct container_list l;
	int dir, lock;

	log_set_level(LOG_QUIET);
	container_ok(container_list(&store, &l, &err), &err);
	ck_assert_uint_eq(l.n, 0);
	for (int i = 0; i < 5; i++) {
		struct container_state c = example(NULL);

		c.created = 1000 + (i * 7) % 5;
		container_ok(container_state_create(&store, &c, &dir, &err), &err);
		container_ok(container_state_save(&c, dir, &lock, &err), &err);
		container_state_release(&c);
		close(dir);
		close(lock);
	}
	/* others' things: unreadable, unfinished, half removed */
	ck_assert_int_eq(mkdirat(store.containers, "not-an-id", 0700), 0);
	ck_assert_int_eq(
		symlinkat("/", store.containers,
			  "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
		0);
	ck_assert_int_eq(mkdirat(store.containers,
				 "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee",
				 0700),
			 0);
	container_ok(container_list(&store, &l, &err), &err);
	ck_assert_uint_eq(l.n, 5);
	for (size_t i = 0; i < 5; i++) {
		ck_assert_int_eq(l.items[i].created, 1004 - (int)i);
		ck_assert_int_eq(l.items[i].status, CONTAINER_EXITED);
		ck_assert_int_eq(l.items[i].exit_code, -1);
	}
	container_list_release(&l);
	ck_assert_ptr_null(l.items);
}
END_TEST

START_TEST(hostile_files)
{
	static const char *const configs[] = {
		"x",
		"[]",
		"{}",
		"{\"name\":5}",
		"{\"name\":\"../x\",\"manifest\":\"sha256:0\"}",
		"{\"name\":\"a\",\"manifest\":\"nonsense\"}",
		"{\"name\":\"a\",\"manifest\":\"sha256:"
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\","
		"\"layers\":[5]}",
		"{\"name\":\"a\",\"manifest\":\"sha256:"
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\","
		"\"created\":-1}",
		"{\"name\":\"a\",\"name\":\"a\"}",
	};
	struct err err = ERR_INIT;
	struct container_list l;
	struct container_state found;
	int dir, lock;
	struct container_state c = make("victim", &dir, &lock);

	log_set_level(LOG_QUIET);
	for (size_t i = 0; i < ARRAY_SIZE(configs); i++) {
		_cleanup_fd_ int fd = openat(dir, STATE_CONFIG, O_WRONLY | O_TRUNC | O_CLOEXEC);

		ck_assert_int_eq(fd_write_all(fd, configs[i], strlen(configs[i])), 0);
		ck_assert_msg(container_find(&store, c.id, &found, &err) < 0, "%s", configs[i]);
		ck_assert_msg(strncmp(err.msg, "container ", 10) == 0, "%s", err.msg);
		container_ok(container_list(&store, &l, &err), &err);
		ck_assert_uint_eq(l.n, 0);
		container_list_release(&l);
	}
	/* a symlink is not followed */
	ck_assert_int_eq(unlinkat(dir, STATE_CONFIG, 0), 0);
	ck_assert_int_eq(symlinkat("/dev/zero", dir, STATE_CONFIG), 0);
	ck_assert_int_lt(container_find(&store, c.id, &found, &err), 0);
	/* a state.json that says nonsense */
	close(lock);
	close(dir);
	container_ok(container_remove(&store, &c, &err), &err);
	container_state_release(&c);
	c = make("victim", &dir, &lock);
	{
		_cleanup_fd_ int fd =
			openat(dir, STATE_PROCESS, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		ck_assert_int_eq(fd_write_all(fd, "{\"exitCode\":256}", 16), 0);
	}
	ck_assert_int_eq(container_find(&store, "victim", &found, &err), -ERANGE);
	ck_assert_ptr_nonnull(strstr(err.msg, "exitCode"));
	/* the end of the container replaces it */
	container_ok(container_state_ended(dir, 0, &err), &err);
	close(dir);
	close(lock);
	container_state_release(&c);
}
END_TEST

/* A process that makes a container, tells its id, and lives until it is killed. */
static pid_t hold(const char *name, bool remove, char id[65])
{
	int pipes[2];
	pid_t pid;

	ck_assert_int_eq(pipe(pipes), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct container_state c = example(name);
		struct err err = ERR_INIT;
		int dir, lock;

		c.remove = remove;
		if (container_state_create(&store, &c, &dir, &err) < 0 ||
		    container_state_save(&c, dir, &lock, &err) < 0 ||
		    container_state_started(dir, getpid(), "copy", &err) < 0)
			_exit(1);
		if (write(pipes[1], c.id, 65) != 65)
			_exit(1);
		for (;;)
			pause();
	}
	close(pipes[1]);
	ck_assert_int_eq(fd_read_full(pipes[0], id, 65), 65);
	close(pipes[0]);
	return pid;
}

static void end(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(running_is_a_lock)
{
	struct err err = ERR_INIT;
	struct container_state found;
	char id[65];
	size_t removed;
	const pid_t pid = hold("held", true, id);

	container_ok(container_find(&store, "held", &found, &err), &err);
	ck_assert_str_eq(found.id, id);
	ck_assert_int_eq(found.status, CONTAINER_RUNNING);
	ck_assert_int_eq(found.pid, pid);
	ck_assert_int_eq(container_remove(&store, &found, &err), -EBUSY);
	ck_assert_ptr_nonnull(strstr(err.msg, "'held' is running"));
	container_ok(container_clear_stale(&store, &removed, &err), &err);
	ck_assert_uint_eq(removed, 0);
	container_state_release(&found);
	end(pid);
	/* killed: it is seen at once, with no exit code */
	container_ok(container_find(&store, "held", &found, &err), &err);
	ck_assert_int_eq(found.status, CONTAINER_EXITED);
	ck_assert_int_eq(found.exit_code, -1);
	ck_assert_int_eq(found.pid, 0);
	container_state_release(&found);
	container_ok(container_clear_stale(&store, &removed, &err), &err);
	ck_assert_uint_eq(removed, 1);
	ck_assert_uint_eq(count(store.containers), 0);
}
END_TEST

/* Another boot's or host's pid is nobody's here. */
START_TEST(pid_of_another_boot)
{
	struct err err = ERR_INIT;
	struct container_state found;
	int dir, lock;
	struct container_state c = make("x", &dir, &lock);
	const char text[] = "{\"pid\":1,\"bootId\":\"another\",\"started\":5}";
	_cleanup_fd_ int fd = openat(dir, STATE_PROCESS, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_eq(fd_write_all(fd, text, sizeof(text) - 1), 0);
	container_ok(container_find(&store, "x", &found, &err), &err);
	ck_assert_int_eq(found.status, CONTAINER_RUNNING);
	ck_assert_int_eq(found.pid, 0);
	container_state_release(&found);
	container_state_release(&c);
	close(dir);
	close(lock);
}
END_TEST

START_TEST(stale_things)
{
	struct err err = ERR_INIT;
	struct container_state kept;
	char id[65], path[256];
	size_t removed;
	int dir, lock, lease;
	struct container_state c = make("kept", &dir, &lock);

	close(dir);
	close(lock);
	/* a removal that was cut short, with a closed directory in it; its name still there */
	end(hold("half-gone", false, id));
	snprintf(path, sizeof(path), STATE_REMOVING "%s", id);
	ck_assert_int_eq(renameat(store.containers, id, store.containers, path), 0);
	snprintf(path, sizeof(path), STATE_REMOVING "%s/closed", id);
	ck_assert_int_eq(mkdirat(store.containers, path, 0), 0);
	/* makers that died: no config.json, an empty one */
	ck_assert_int_eq(mkdirat(store.containers,
				 "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
				 0700),
			 0);
	end(hold("emptied", false, id));
	snprintf(path, sizeof(path), "%s/" STATE_CONFIG, id);
	close(openat(store.containers, path, O_WRONLY | O_TRUNC | O_CLOEXEC));

	/* another's shared lease: it may be making one of them at this moment */
	lease = store_lease(&store, STORE_SHARED, true, &err);
	container_ok(lease, &err);
	container_ok(container_clear_stale(&store, &removed, &err), &err);
	ck_assert_uint_eq(removed, 1);
	close(lease);
	container_ok(container_clear_stale(&store, &removed, &err), &err);
	ck_assert_uint_eq(removed, 2);
	ck_assert_uint_eq(count(store.containers), 2); /* kept, names */
	container_ok(container_find(&store, "kept", &kept, &err), &err);
	container_state_release(&kept);
	ck_assert(!state_name_read(store.containers, "half-gone", id));
	ck_assert(!state_name_read(store.containers, "emptied", id));
	/* a name that leads nowhere does not stand in the way */
	ck_assert_int_eq(
		symlinkat("../cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc",
			  store.containers, STATE_NAMES "/free"),
		0);
	container_state_release(&c);
	c = make("free", &dir, &lock);
	close(dir);
	close(lock);
	container_state_release(&c);
}
END_TEST

/* Twelve processes fight for one name, again and again: one has it each time, and nothing is left.
 */
START_TEST(one_name_for_many)
{
	pid_t pids[12];
	size_t removed;
	struct err err = ERR_INIT;

	for (size_t p = 0; p < ARRAY_SIZE(pids); p++) {
		pids[p] = fork();
		ck_assert_int_ge(pids[p], 0);
		if (pids[p] != 0)
			continue;
		for (int i = 0; i < 40; i++) {
			struct container_state c = example("wanted"), found;
			int dir, lock, r = container_state_create(&store, &c, &dir, &err);

			if (r == 0) {
				char id[65];

				r = container_state_save(&c, dir, &lock, &err);
				/* mine as long as I have it */
				if (r == 0 && (!state_name_read(store.containers, "wanted", id) ||
					       strcmp(id, c.id) != 0))
					_exit(2);
				close(lock);
				if (r == 0 && container_find(&store, "wanted", &found, &err) == 0)
					container_state_release(&found);
				else
					_exit(3);
				if (container_remove(&store, &c, &err) < 0)
					_exit(4);
				close(dir);
			} else if (r != -EEXIST) {
				fprintf(stderr, "%s\n", err.msg);
				_exit(5);
			}
			container_state_release(&c);
		}
		_exit(0);
	}
	for (size_t p = 0; p < ARRAY_SIZE(pids); p++) {
		int status;

		ck_assert_int_eq(waitpid(pids[p], &status, 0), pids[p]);
		ck_assert_int_eq(status, 0);
	}
	container_ok(container_clear_stale(&store, &removed, &err), &err);
	ck_assert_uint_eq(removed, 0);
	ck_assert_uint_eq(count(store.containers), 0);
}
END_TEST

/* Several remove one container at once: all succeed. */
START_TEST(removed_by_many)
{
	struct err err = ERR_INIT;
	int dir, lock;
	struct container_state c = make("shared", &dir, &lock);
	pid_t pids[6];

	for (int i = 0; i < 50; i++) {
		char name[16];

		snprintf(name, sizeof(name), "file%d", i);
		close(openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	}
	close(dir);
	close(lock);
	for (size_t p = 0; p < ARRAY_SIZE(pids); p++) {
		pids[p] = fork();
		if (pids[p] == 0 && container_remove(&store, &c, &err) < 0) {
			fprintf(stderr, "%s\n", err.msg);
			_exit(1);
		}
		if (pids[p] == 0)
			_exit(0);
	}
	for (size_t p = 0; p < ARRAY_SIZE(pids); p++) {
		int status;

		ck_assert_int_eq(waitpid(pids[p], &status, 0), pids[p]);
		ck_assert_int_eq(status, 0);
	}
	ck_assert_uint_eq(count(store.containers), 0);
	container_state_release(&c);
}
END_TEST

static int own_by_others(void *ctx, struct err *err)
{
	const int dir = *(int *)ctx;

	if (mkdirat(dir, "upper", 0700) < 0 || mkdirat(dir, "upper/d", 0700) < 0 ||
	    fchownat(dir, "upper/d", 1, 1, 0) < 0 || fchownat(dir, "upper", 1, 1, 0) < 0)
		return err_sys(err, errno, "cannot make files of others");
	return 0;
}

START_TEST(files_of_other_ids)
{
	struct err err = ERR_INIT;
	struct identity id;
	int dir, lock;
	struct container_state c;

	if (identity_choose(USERNS_RANGE, &id, &err) < 0) {
		printf("skipped: %s\n", err.msg);
		return;
	}
	c = make("theirs", &dir, &lock);
	container_ok(ns_run(&id, 0, own_by_others, &dir, &err), &err);
	close(lock);
	close(dir);
	c.range = true;
	container_ok(container_remove(&store, &c, &err), &err);
	ck_assert_uint_eq(count(store.containers), 0);
	container_state_release(&c);
}
END_TEST

TCase *container_case_state(void)
{
	TCase *c = tcase_create("state");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, open_store, close_store);
	tcase_add_test(c, round_trip);
	tcase_add_test(c, flags_and_strange_words);
	tcase_add_test(c, names);
	tcase_add_test(c, generated_names);
	tcase_add_test(c, find_by_prefix);
	tcase_add_test(c, list);
	tcase_add_test(c, hostile_files);
	tcase_add_test(c, running_is_a_lock);
	tcase_add_test(c, pid_of_another_boot);
	tcase_add_test(c, stale_things);
	tcase_add_test(c, one_name_for_many);
	tcase_add_test(c, removed_by_many);
	tcase_add_test(c, files_of_other_ids);
	return c;
}
