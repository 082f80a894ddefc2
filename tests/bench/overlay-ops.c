/*
 * Time file system operations one kind at a time: the small half of tests/bench/overlay.
 *
 * Each subcommand does many operations of one kind and prints a line "NAME NANOSECONDS" for each
 * figure, a mean per operation unless said otherwise. Names come from a LIST, a file of paths
 * relative to ROOT that was written when the tree was made: reading the directories here would fill
 * the very caches whose filling is to be timed. What is not as expected (a name missing, a short
 * read) ends the program with 1.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB (1 << 20)

extern char **environ;

struct list {
	char **names;
	long n;
};

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *fmt, ...)
{
	int e = errno;
	va_list ap;

	fputs("overlay-ops: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, " (%s)\n", strerror(e));
	exit(1);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void *get(size_t n)
{
	void *p = malloc(n);

	if (!p)
		die("no memory");
	/* no page fault is to be timed */
	memset(p, 1, n);
	return p;
}

static void result(const char *name, int64_t took, int64_t operations)
{
	printf("%s %.1f\n", name, (double)took / (double)operations);
}

static long number(const char *s)
{
	char *end;
	long n = strtol(s, &end, 10);

	if (*end || n <= 0)
		die("'%s' is no number", s);
	return n;
}

/* The lines of the file @path, each with @suffix added. */
static struct list list_read(const char *path, const char *suffix)
{
	struct list l = {NULL, 0};
	char line[4096];
	long room = 0;
	FILE *f = fopen(path, "re");

	if (!f)
		die("%s", path);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (l.n == room) {
			room = room ? 2 * room : 1024;
			l.names = realloc(l.names, room * sizeof(*l.names));
		}
		if (!l.names || asprintf(&l.names[l.n++], "%s%s", line, suffix) < 0)
			die("no memory");
	}
	fclose(f);
	if (!l.n)
		die("%s is empty", path);
	return l;
}

static void enter(const char *root)
{
	if (chdir(root) < 0)
		die("%s", root);
}

/* stat ROOT LIST ROUNDS present|absent: each name, ROUNDS times; absent ones have ".none" added */
static void do_stat(char **arg)
{
	bool absent = !strcmp(arg[3], "absent");
	struct list l = list_read(arg[1], absent ? ".none" : "");
	long rounds = number(arg[2]);
	int64_t begin;
	struct stat st;

	enter(arg[0]);
	begin = now();
	for (long r = 0; r < rounds; r++)
		for (long i = 0; i < l.n; i++)
			if (fstatat(AT_FDCWD, l.names[i], &st, 0) < 0 ? !absent || errno != ENOENT
								      : absent)
				die("%s", l.names[i]);
	result("stat", now() - begin, rounds * l.n);
}

/* Read every @step'th name of @l from @first on, @rounds times; each has @size bytes. */
static void read_some(struct list *l, long first, long step, long rounds, ssize_t size, char *buf)
{
	for (long r = 0; r < rounds; r++)
		for (long i = first; i < l->n; i += step) {
			int fd = open(l->names[i], O_RDONLY | O_CLOEXEC);

			if (fd < 0 || read(fd, buf, 65536) != size || close(fd) < 0)
				die("%s", l->names[i]);
		}
}

/*
 * read ROOT LIST ROUNDS SIZE CLIENTS: open, read and close each name once a round, shared out to
 * processes. The figure is the whole time by the number of files, so that two clients that help
 * each other halve it.
 */
static void do_read(char **arg)
{
	struct list l = list_read(arg[1], "");
	long rounds = number(arg[2]), size = number(arg[3]), clients = number(arg[4]);
	char *buf = get(65536);
	int64_t begin;
	int gate[2], status;

	enter(arg[0]);
	if (pipe2(gate, O_CLOEXEC) < 0)
		die("pipe");
	for (long c = 0; c < clients; c++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid) {
			char go;

			close(gate[1]);
			if (read(gate[0], &go, 1) < 0)
				die("pipe");
			read_some(&l, c, clients, rounds, size, buf);
			_exit(0);
		}
	}
	begin = now();
	close(gate[1]);
	for (long c = 0; c < clients; c++)
		if (wait(&status) < 0 || status)
			die("a client failed");
	result("read", now() - begin, rounds * l.n);
}

struct walk {
	bool stat, read;
	long entries;
	int64_t bytes;
	char *buf;
};

static void walk_file(struct walk *w, int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		die("%s", name);
	while ((n = read(fd, w->buf, 131072)) > 0)
		w->bytes += n;
	if (n < 0)
		die("%s", name);
	close(fd);
}

/* Takes @fd. */
static void walk_dir(struct walk *w, int fd)
{
	DIR *d = fdopendir(fd);
	struct dirent *e;
	struct stat st;

	if (!d)
		die("fdopendir");
	while ((errno = 0, e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		w->entries++;
		if (w->stat && fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			die("%s", e->d_name);
		if (e->d_type == DT_UNKNOWN)
			die("%s has no d_type", e->d_name);
		if (w->read && e->d_type == DT_REG)
			walk_file(w, fd, e->d_name);
		if (e->d_type == DT_DIR) {
			int sub = openat(fd, e->d_name,
					 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			if (sub < 0)
				die("%s", e->d_name);
			walk_dir(w, sub);
		}
	}
	if (errno)
		die("readdir");
	closedir(d);
}

/* walk ROOT ROUNDS readdir|stat|read: the whole tree; the figure is one round's. Also "entries N",
 * "bytes N". */
static void do_walk(char **arg)
{
	struct walk w = {.stat = !strcmp(arg[2], "stat"), .read = !strcmp(arg[2], "read")};
	long rounds = number(arg[1]);
	int64_t begin;

	w.buf = get(131072);
	begin = now();
	for (long r = 0; r < rounds; r++) {
		int fd = open(arg[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			die("%s", arg[0]);
		w.entries = w.bytes = 0;
		walk_dir(&w, fd);
	}
	result("walk", now() - begin, rounds);
	printf("entries %ld\nbytes %lld\n", w.entries, (long long)w.bytes);
}

/* pwrite FILE COUNT: 4 KiB each, over and over the same new file of 16 MiB; closing it counts */
static void do_pwrite(char **arg)
{
	long n = number(arg[1]);
	char *buf = get(16 * MIB);
	int64_t begin;
	int fd = open(arg[0], O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, buf, 16 * MIB) != 16 * MIB)
		die("%s", arg[0]);
	begin = now();
	for (long i = 0; i < n; i++)
		if (pwrite(fd, buf, 4096, (off_t)(i * 7 % 4096) * 4096) != 4096)
			die("%s", arg[0]);
	if (close(fd) < 0)
		die("%s", arg[0]);
	result("pwrite", now() - begin, n);
}

/* write FILE COUNT: a new file by 1 MiB each; closing it counts */
static void do_write(char **arg)
{
	long n = number(arg[1]);
	char *buf = get(MIB);
	int64_t begin = now();
	int fd = open(arg[0], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	for (long i = 0; i < n; i++)
		if (write(fd, buf, MIB) != MIB)
			die("%s", arg[0]);
	if (close(fd) < 0)
		die("%s", arg[0]);
	result("write", now() - begin, n);
}

/* seqread FILE ROUNDS: all of it by 1 MiB each */
static void do_seqread(char **arg)
{
	int fd = open(arg[0], O_RDONLY | O_CLOEXEC);
	long rounds = number(arg[1]), n = 0;
	char *buf = get(MIB);
	int64_t begin = now();
	ssize_t got;

	if (fd < 0)
		die("%s", arg[0]);
	for (long r = 0; r < rounds; r++) {
		for (off_t at = 0; (got = pread(fd, buf, MIB, at)) == MIB; at += MIB)
			n++;
		if (got)
			die("%s: not in whole MiB", arg[0]);
	}
	result("seqread", now() - begin, n);
}

static void name_of(char *buf, size_t size, const char *what, long i)
{
	snprintf(buf, size, "d%ld/%s%ld", i % 10, what, i);
}

/* storm ROOT COUNT: that many files made, renamed and unlinked, in ten new directories */
static void do_storm(char **arg)
{
	long n = number(arg[1]);
	char a[64], b[64];
	int64_t begin;

	enter(arg[0]);
	for (long i = 0; i < 10; i++) {
		snprintf(a, sizeof(a), "d%ld", i);
		if (mkdir(a, 0755) < 0)
			die("%s", a);
	}
	begin = now();
	for (long i = 0; i < n; i++) {
		int fd;

		name_of(a, sizeof(a), "new", i);
		fd = open(a, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (fd < 0 || close(fd) < 0)
			die("%s", a);
	}
	result("create", now() - begin, n);
	begin = now();
	for (long i = 0; i < n; i++) {
		name_of(a, sizeof(a), "new", i);
		name_of(b, sizeof(b), "old", i);
		if (rename(a, b) < 0)
			die("%s", a);
	}
	result("rename", now() - begin, n);
	begin = now();
	for (long i = 0; i < n; i++) {
		name_of(b, sizeof(b), "old", i);
		if (unlink(b) < 0)
			die("%s", b);
	}
	result("unlink", now() - begin, n);
}

struct copy_up {
	const char *file;
	int64_t took;
	atomic_bool started, done;
};

static void *copy_up(void *p)
{
	struct copy_up *c = p;
	int64_t begin = now();
	int fd;

	atomic_store(&c->started, true);
	fd = open(c->file, O_RDWR | O_CLOEXEC);
	/* gathered writes reach the server when the file is closed, and it copies then */
	if (fd < 0 || pwrite(fd, "!", 1, 0) != 1 || close(fd) < 0)
		die("%s", c->file);
	c->took = now() - begin;
	atomic_store(&c->done, true);
	return NULL;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/*
 * latency ROOT LIST FILE: write a byte into FILE, of a lower layer, and look names up meanwhile,
 * one every 100 us, each for the first time: in turn one of LIST and one that is not there. Prints
 * max, p99, and the copy-up's own time; "lookups N" says how many were in time.
 */
static void do_latency(char **arg)
{
	struct list l = list_read(arg[1], ""), none = list_read(arg[1], ".none");
	int64_t *took = get(2 * l.n * sizeof(*took));
	struct copy_up c = {.file = arg[2]};
	pthread_t thread;
	struct stat st;
	long n = 0;

	enter(arg[0]);
	if (pthread_create(&thread, NULL, copy_up, &c))
		die("pthread_create");
	while (!atomic_load(&c.started))
		;
	do {
		const char *name = n % 2 ? none.names[n / 2] : l.names[n / 2];
		int64_t begin = now();

		if (fstatat(AT_FDCWD, name, &st, 0) < 0 ? n % 2 == 0 || errno != ENOENT : n % 2)
			die("%s", name);
		took[n++] = now() - begin;
		usleep(100);
	} while (!atomic_load(&c.done) && n / 2 < l.n);
	pthread_join(thread, NULL);
	qsort(took, n, sizeof(*took), by_size);
	result("max", took[n - 1], 1);
	result("p99", took[n * 99 / 100], 1);
	result("copy-up", c.took, 1);
	printf("lookups %ld\n", n);
}

/* time ROUNDS CMD ARG...: a program, its output thrown away; the figure is one round's */
static void do_time(char **arg)
{
	long rounds = number(arg[0]);
	posix_spawn_file_actions_t fa;
	int64_t begin;
	int status;
	pid_t pid;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
	begin = now();
	for (long r = 0; r < rounds; r++) {
		errno = posix_spawnp(&pid, arg[1], &fa, NULL, arg + 1, environ);
		if (errno || waitpid(pid, &status, 0) < 0)
			die("%s", arg[1]);
		if (status)
			die("%s: wait status 0x%x", arg[1], (unsigned)status);
	}
	result("time", now() - begin, rounds);
}

static const struct {
	const char *name;
	int args; /* at least */
	void (*run)(char **arg);
} commands[] = {
	{"stat", 4, do_stat},	  {"read", 5, do_read},	  {"walk", 3, do_walk},
	{"pwrite", 2, do_pwrite}, {"write", 2, do_write}, {"seqread", 2, do_seqread},
	{"storm", 2, do_storm},	  {"time", 2, do_time},	  {"latency", 3, do_latency},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(argv[1], commands[i].name) && argc - 2 >= commands[i].args) {
			commands[i].run(argv + 2);
			return 0;
		}
	fputs("usage: overlay-ops COMMAND ARG... (see the comments in overlay-ops.c)\n", stderr);
	return 2;
}
