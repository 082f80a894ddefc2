/* posix: a table of system calls run on a file system, and what each of them has to answer.
 *
 *   posix --prepare-lower A B   fill two layers, of which A goes over B
 *   posix --prepare-plain DIR   the same content in a plain directory
 *   posix DIR [--only GROUP]... run the table in an overlay of A over B (or in the plain directory)
 *   posix --verify DIR          after the file system was mounted again: what must have survived
 *   posix --list [DIR]          the groups of the table
 *
 * With --known FILE failures that match a line of FILE (a shell pattern for "GROUP: what (got X
 * want Y)"; # begins a comment) are counted apart. A table uses its objects up: it runs once in a
 * prepared tree. Prints failed checks and "N passed, N failed". Exit codes: 0 none failed, 1 some
 * did, 2 the table could not be run.
 */
#include "posix.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "posix_caps.h"

/* In the order they run: readers of the whole tree last. */
static const struct posix_group *const groups[] = {
	&open_group,	 &path_group,	   &name_group,	   &mkdir_group,   &mknod_group,
	&symlink_group,	 &link_group,	   &unlink_group,  &rename_group,  &redirect_group,
	&truncate_group, &fallocate_group, &copy_group,	   &io_group,	   &mmap_group,
	&lock_group,	 &xattr_group,	   &acl_group,	   &mode_group,	   &kill_group,
	&umask_group,	 &time_group,	   &readdir_group, &special_group, &tmpfile_group,
	&perm_group,	 &owner_group,	   &persist_group, &inode_group,
};

static const char *group_name = "posix";
static char **known;
static size_t n_known;

struct tally {
	long passed, failed, known;
};
static struct tally *tally; /* shared with the children */

void die(const char *format, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "posix: %s: ", group_name);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(2);
}

static bool is_known(const char *line)
{
	for (size_t i = 0; i < n_known; i++)
		if (fnmatch(known[i], line, 0) == 0)
			return true;
	return false;
}

/* ---- checks ---- */

PRINTF(3, 0)
static bool count(bool good, const char *result, const char *format, va_list ap)
{
	char what[1200], line[2500];

	if (good) {
		__atomic_add_fetch(&tally->passed, 1, __ATOMIC_RELAXED);
		return true;
	}
	vsnprintf(what, sizeof(what), format, ap);
	snprintf(line, sizeof(line), "%s: %s (%s)", group_name, what, result);
	if (is_known(line)) {
		__atomic_add_fetch(&tally->known, 1, __ATOMIC_RELAXED);
		return false;
	}
	__atomic_add_fetch(&tally->failed, 1, __ATOMIC_RELAXED);
	printf("FAILED %s\n", line);
	fflush(stdout);
	return false;
}

bool ck(bool good, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	good = count(good, "got no want yes", format, ap);
	va_end(ap);
	return good;
}

static const char *errno_name(int code)
{
	static const struct {
		int code;
		const char *name;
	} table[] = {
#define E(name) {name, #name}
		{0, "0"},     E(EPERM),	 E(ENOENT),  E(EINTR),	   E(EIO),	    E(ENXIO),
		E(EBADF),     E(EAGAIN), E(ENOMEM),  E(EACCES),	   E(EBUSY),	    E(EEXIST),
		E(EXDEV),     E(ENODEV), E(ENOTDIR), E(EISDIR),	   E(EINVAL),	    E(EMFILE),
		E(ENFILE),    E(ENOTTY), E(ETXTBSY), E(EFBIG),	   E(ENOSPC),	    E(ESPIPE),
		E(EROFS),     E(EMLINK), E(EPIPE),   E(ERANGE),	   E(ENAMETOOLONG), E(ENOSYS),
		E(ENOTEMPTY), E(ELOOP),	 E(ENODATA), E(EOVERFLOW), E(EOPNOTSUPP),   E(ESTALE),
		E(ENOTCONN),
#undef E
	};

	for (size_t i = 0; i < COUNT(table); i++)
		if (table[i].code == code)
			return table[i].name;
	return sf("errno %d", code);
}

bool ck_err(int got, int want, const char *format, ...)
{
	char result[64];
	va_list ap;
	bool good;

	snprintf(result, sizeof(result), "got %s want %s", errno_name(got), errno_name(want));
	va_start(ap, format);
	good = count(got == want, result, format, ap);
	va_end(ap);
	return good;
}

bool ck_err2(int got, int want, int or_want, const char *format, ...)
{
	char result[96];
	va_list ap;
	bool good;

	snprintf(result, sizeof(result), "got %s want %s or %s", errno_name(got), errno_name(want),
		 errno_name(or_want));
	va_start(ap, format);
	good = count(got == want || got == or_want, result, format, ap);
	va_end(ap);
	return good;
}

bool ck_num(long long got, long long want, const char *format, ...)
{
	char result[96];
	va_list ap;
	bool good;

	snprintf(result, sizeof(result), "got %lld want %lld", got, want);
	va_start(ap, format);
	good = count(got == want, result, format, ap);
	va_end(ap);
	return good;
}

bool ck_mode(mode_t got, mode_t want, const char *format, ...)
{
	char result[64];
	va_list ap;
	bool good;

	snprintf(result, sizeof(result), "got %06o want %06o", got, want);
	va_start(ap, format);
	good = count(got == want, result, format, ap);
	va_end(ap);
	return good;
}

bool ck_str(const char *got, const char *want, const char *format, ...)
{
	char result[1200];
	va_list ap;
	bool good;

	snprintf(result, sizeof(result), "got %s want %s", got, want);
	va_start(ap, format);
	good = count(strcmp(got, want) == 0, result, format, ap);
	va_end(ap);
	return good;
}

/* ---- command line ---- */

static void read_known(const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	if (!f)
		die("cannot open %s: %s", path, strerror(errno));
	while ((len = getline(&line, &size, f)) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (!line[0] || line[0] == '#')
			continue;
		known = realloc(known, (n_known + 1) * sizeof(*known));
		if (!known)
			die("out of memory");
		known[n_known++] = strdup(line);
	}
	free(line);
	fclose(f);
}

static void enter(const char *dir)
{
	if (chdir(dir) != 0)
		die("cannot enter %s: %s", dir, strerror(errno));
}

static void prepare_in(const char *dir, enum layer layer)
{
	int back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (mkdir(dir, 0755) != 0 && errno != EEXIST)
		die("cannot make %s: %s", dir, strerror(errno));
	enter(dir);
	caps_prepare();
	object_prepare(layer);
	for (size_t i = 0; i < COUNT(groups); i++) {
		group_name = groups[i]->name;
		if (groups[i]->prepare)
			groups[i]->prepare(layer);
	}
	if (back < 0 || fchdir(back) != 0)
		die("cannot go back: %s", strerror(errno));
	close(back);
}

static int prepare(char **dirs, int n)
{
	umask(022);
	if (n == 2) {
		prepare_in(dirs[1], LAYER_B);
		prepare_in(dirs[0], LAYER_A);
	} else {
		caps |= CAP_PLAIN;
		prepare_in(dirs[0], LAYER_B);
		prepare_in(dirs[0], LAYER_A);
	}
	return 0;
}

static void run(const char *const *only, int n_only)
{
	int ran = 0;

	object_begin(false);
	for (size_t i = 0; i < COUNT(groups); i++) {
		bool wanted = n_only == 0;

		for (int j = 0; j < n_only; j++)
			wanted |= strcmp(only[j], groups[i]->name) == 0;
		if (!wanted)
			continue;
		group_name = groups[i]->name;
		groups[i]->run();
		ran++;
		if (access(".", F_OK) != 0 && errno == ENOTCONN)
			die("the file system has gone away");
	}
	if (ran < n_only)
		die("there is no such group (--list tells which there are)");
	group_name = "list";
	list_write();
}

static int table(const char *dir, bool verify, const char *const *only, int n_only)
{
	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (tally == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	umask(022);
	enter(dir);
	caps_read();
	if (verify) {
		group_name = "list";
		list_verify();
		object_begin(true);
		group_name = "persist";
		persist_verify();
	} else {
		run(only, n_only);
	}
	if (tally->known > 0)
		printf("%ld known to fail\n", tally->known);
	printf("%ld passed, %ld failed\n", tally->passed, tally->failed);
	return tally->failed == 0 ? 0 : 1;
}

static int list(void)
{
	for (size_t i = 0; i < COUNT(groups); i++)
		printf("%-10s %s\n", groups[i]->name, groups[i]->about);
	return 0;
}

int main(int argc, char **argv)
{
	const char *only[COUNT(groups)];
	bool verify = false;
	char *dirs[2];
	int n_dirs = 0, n_only = 0, prepares = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--list") == 0)
			return list();
		if (strcmp(argv[i], "--verify") == 0)
			verify = true;
		else if (strcmp(argv[i], "--prepare-lower") == 0)
			prepares = 2;
		else if (strcmp(argv[i], "--prepare-plain") == 0)
			prepares = 1;
		else if (strcmp(argv[i], "--known") == 0 && i + 1 < argc)
			read_known(argv[++i]);
		else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc &&
			 n_only < (int)COUNT(groups))
			only[n_only++] = argv[++i];
		else if (argv[i][0] != '-' && n_dirs < 2)
			dirs[n_dirs++] = argv[i];
		else
			die("what is '%s'?", argv[i]);
	}
	if (n_dirs != (prepares ? prepares : 1))
		die("usage: posix [--verify] DIR [--only GROUP] [--known FILE] | --list | "
		    "--prepare-lower A B | --prepare-plain DIR");
	return prepares ? prepare(dirs, n_dirs) : table(dirs[0], verify, only, n_only);
}
