/* stress: several processes work on one file system for a while, each with a copy of its files in
 * memory.
 *
 *   stress [--clients N] [--seconds S] [--seed N] DIR
 *   stress --make-lower [--clients N] [--seed N] DIR
 *
 * Three of four clients have files of their own, which they write, read, map, truncate, punch,
 * copy, link and rename; what they read must be what they wrote. The others make, move and remove
 * names in directories that all of them share; what they are refused does not matter, but at the
 * end every name can be read, every directory lists each once, and every inode has as many names as
 * it says. With --make-lower first, and DIR in a lower layer, half of the files and many of the
 * names are there already.
 *
 * Prints the first difference, with the last operations of the client that found it, and exits 1.
 */
#include "stress.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLIENTS_MAX 64
#define LAST_OPS 20

static char last_ops[LAST_OPS][512];

void client_op(struct client *client, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(last_ops[client->ops++ % LAST_OPS], sizeof(*last_ops), format, args);
	va_end(args);
}

void client_fail(struct client *client, const char *format, ...)
{
	uint64_t i = client->ops > LAST_OPS ? client->ops - LAST_OPS : 0;
	va_list args;

	/* in one piece: others may fail at the same time */
	setvbuf(stdout, NULL, _IOFBF, 64 * 1024);
	printf("client %u: ", client->number);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\nits last operations:\n");
	for (; i < client->ops; i++)
		printf("%8" PRIu64 " %s\n", i, last_ops[i % LAST_OPS]);
	fflush(stdout);
	_exit(1);
}

bool client_done(struct client *client)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > client->end.tv_sec ||
	       (now.tv_sec == client->end.tv_sec && now.tv_nsec >= client->end.tv_nsec);
}

/* Every fourth client works on names. */
static bool works_on_names(unsigned number)
{
	return number % 4 == 3;
}

static void client_dir(char *ret, const char *root, unsigned number)
{
	char name[32];

	snprintf(name, sizeof(name), "client%u", number);
	join(ret, root, works_on_names(number) ? "shared" : name);
}

static void make_dirs(const char *root, unsigned clients)
{
	char dir[FULL_MAX];

	for (unsigned i = 0; i < clients; i++) {
		client_dir(dir, root, i);
		if (mkdir(dir, 0755) < 0 && errno != EEXIST)
			die("cannot make '%s': %s", dir, strerror(errno));
	}
}

static void make_lower(const char *root, unsigned clients, uint64_t seed)
{
	char dir[FULL_MAX];
	bool names = false;

	make_dirs(root, clients);
	for (unsigned i = 0; i < clients; i++) {
		client_dir(dir, root, i);
		if (!works_on_names(i))
			data_make_lower(seed, i, dir);
		else if (!names)
			names_make_lower(seed, dir);
		names = names || works_on_names(i);
	}
}

static _Noreturn void run_client(const char *root, unsigned number, uint64_t seed, uint64_t seconds)
{
	char dir[FULL_MAX];
	struct client client = {.number = number, .root = root, .dir = dir};

	client_dir(dir, root, number);
	rng_init(&client.rng, seed + number * 1000003);
	clock_gettime(CLOCK_MONOTONIC, &client.end);
	client.end.tv_sec += (time_t)seconds;
	if (works_on_names(number))
		names_run(&client);
	else
		data_run(&client, seed);
	printf("client %u: %" PRIu64 " operations\n", number, client.ops);
	fflush(stdout);
	_exit(0);
}

/* Wait for all; the first that fails ends the others. */
static bool wait_clients(pid_t *pids, unsigned clients)
{
	bool good = true;

	for (unsigned left = clients; left > 0; left--) {
		int status;
		pid_t pid = wait(&status);

		if (pid < 0)
			die("wait: %s", strerror(errno));
		for (unsigned i = 0; i < clients; i++)
			if (pids[i] == pid)
				pids[i] = 0;
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			continue;
		if (good && WIFSIGNALED(status))
			printf("a client ended by signal %d (%s)\n", WTERMSIG(status),
			       strsignal(WTERMSIG(status)));
		for (unsigned i = 0; good && i < clients; i++)
			if (pids[i] > 0)
				kill(pids[i], SIGKILL);
		good = false;
	}
	return good;
}

static int run_all(const char *root, unsigned clients, uint64_t seed, uint64_t seconds)
{
	pid_t pids[CLIENTS_MAX];
	long names;

	make_dirs(root, clients);
	fflush(stdout);
	for (unsigned i = 0; i < clients; i++) {
		pids[i] = fork();
		if (pids[i] < 0)
			die("fork: %s", strerror(errno));
		if (pids[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			run_client(root, i, seed, seconds);
		}
	}
	if (!wait_clients(pids, clients))
		return 1;
	names = names_verify(root);
	if (names < 0)
		return 1;
	printf("%u clients found no difference, %ld names are left\n", clients, names);
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t clients = 8, seconds = 10, seed = 1;
	bool make = false;
	int i;

	for (i = 1; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
		const char *option = argv[i] + 2, *value = i + 1 < argc ? argv[i + 1] : "";

		if (strcmp(option, "make-lower") == 0)
			make = true;
		else if (strcmp(option, "clients") == 0)
			clients = number(value), i++;
		else if (strcmp(option, "seconds") == 0)
			seconds = number(value), i++;
		else if (strcmp(option, "seed") == 0)
			seed = number(value), i++;
		else
			die("unknown option --%s", option);
	}
	if (argc - i != 1 || clients < 1 || clients > CLIENTS_MAX)
		die("usage: stress [--make-lower] [--clients N] [--seconds S] [--seed N] DIR");
	umask(022);
	if (!make)
		return run_all(argv[i], (unsigned)clients, seed, seconds);
	make_lower(argv[i], (unsigned)clients, seed);
	return 0;
}
