/* Looking at files, and the processes some checks need. */
#include "posix.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FUSE_MAGIC 0x65735546

const char *sf(const char *format, ...)
{
	static char ring[2000][1400];
	static unsigned int next;
	char *s = ring[next++ % COUNT(ring)];
	va_list ap;

	va_start(ap, format);
	vsnprintf(s, sizeof(ring[0]), format, ap);
	va_end(ap);
	return s;
}

/* ---- processes ---- */

void in_child(void (*fn)(const void *arg), const void *arg)
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		fn(arg);
		fflush(stdout);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("no child to be had: %s", strerror(errno));
	ck_num(status, 0, "a child of the test ends well");
}

void drop_caps(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	if (syscall(SYS_capset, &header, data) != 0)
		die("capset: %s", strerror(errno));
}

bool become(uid_t uid, gid_t gid)
{
	return setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0 &&
	       setresuid(uid, uid, uid) == 0;
}

bool fuse_before(int major, int minor)
{
	struct statfs fs;
	struct utsname name;
	int x = 0, y = 0;

	if (statfs(".", &fs) != 0 || fs.f_type != FUSE_MAGIC)
		return false;
	if (uname(&name) != 0 || sscanf(name.release, "%d.%d", &x, &y) != 2)
		return false;
	return x < major || (x == major && y < minor);
}

/* ---- what an object is ---- */

bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

ino_t ino_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_ino : 0;
}

mode_t mode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_mode : 0;
}

mode_t perm_of(const char *path)
{
	return mode_of(path) & 07777;
}

off_t size_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_size : -1;
}

nlink_t nlink_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_nlink : 0;
}

unsigned changes(const struct stat *before, const struct stat *after)
{
#define DIFFERS(t) (before->t.tv_sec != after->t.tv_sec || before->t.tv_nsec != after->t.tv_nsec)
	return (DIFFERS(st_atim) ? ATIME : 0) | (DIFFERS(st_mtim) ? MTIME : 0) |
	       (DIFFERS(st_ctim) ? CTIME : 0);
#undef DIFFERS
}

static bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

void let_pass(const char *path)
{
	struct timespec tick = {.tv_nsec = 500000}, now;
	struct stat st;

	if (lstat(path, &st) != 0)
		return;
	for (;;) {
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
		if (later(now, st.st_ctim))
			return;
		nanosleep(&tick, NULL);
	}
}

/* ---- content ---- */

bool holds_fd(int fd, const void *data, size_t size)
{
	char *buf = malloc(size + 1);
	size_t done = 0;
	ssize_t n = 1;
	bool same;

	if (!buf)
		die("out of memory");
	while (done < size + 1 && (n = pread(fd, buf + done, size + 1 - done, done)) > 0)
		done += n;
	same = n == 0 && done == size && memcmp(buf, data, size) == 0;
	free(buf);
	return same;
}

bool holds(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool same = fd >= 0 && holds_fd(fd, data, size);

	close(fd);
	return same;
}

int put(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	size_t done = 0;
	ssize_t n;
	int rc = 0;

	if (fd < 0)
		return errno;
	while (rc == 0 && done < size) {
		n = write(fd, (const char *)data + done, size - done);
		if (n < 0)
			rc = errno;
		else
			done += n;
	}
	if (close(fd) != 0 && rc == 0)
		rc = errno;
	return rc;
}

int put_text(const char *path, const char *text)
{
	return put(path, text, strlen(text));
}

int make_dir(const char *path)
{
	return TRY(mkdir(path, 0755));
}

int make_fifo(const char *path)
{
	return TRY(mkfifo(path, 0644));
}

uint64_t hash(uint64_t sum, const void *data, size_t size)
{
	const unsigned char *p = data;

	if (sum == 0)
		sum = 14695981039346656037u; /* FNV-1a */
	while (size-- > 0)
		sum = (sum ^ *p++) * 1099511628211u;
	return sum;
}

/* ---- directories ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All names but "." and ".." sorted; free them and the list. -1 when it cannot be read. */
static int list_dir(const char *path, char ***ret_names)
{
	DIR *dir = opendir(path);
	char **list = NULL;
	struct dirent *e;
	int n = 0;

	if (!dir)
		return -1;
	while ((e = readdir(dir))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		list = realloc(list, (n + 1) * sizeof(*list));
		if (!list || !(list[n++] = strdup(e->d_name)))
			die("out of memory");
	}
	closedir(dir);
	if (n > 0)
		qsort(list, n, sizeof(*list), by_name);
	*ret_names = list;
	return n;
}

static void free_list(char **list, int n)
{
	while (n > 0)
		free(list[--n]);
	free(list);
}

const char *names_in(const char *path)
{
	char text[1200] = "";
	size_t len = 0;
	char **list = NULL;
	int n = list_dir(path, &list);

	if (n < 0)
		return sf("errno %d", errno);
	for (int i = 0; i < n && len < sizeof(text); i++)
		len += snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? " " : "", list[i]);
	free_list(list, n);
	return sf("%s", text);
}

bool entry_of(const char *path, unsigned char *ret_type, ino_t *ret_ino)
{
	const char *slash = strrchr(path, '/');
	DIR *dir = opendir(slash ? sf("%.*s", (int)(slash - path), path) : ".");
	bool found = false;
	struct dirent *e;

	if (!dir)
		return false;
	while (!found && (e = readdir(dir))) {
		if (strcmp(e->d_name, slash ? slash + 1 : path) != 0)
			continue;
		*ret_type = e->d_type;
		*ret_ino = e->d_ino;
		found = true;
	}
	closedir(dir);
	return found;
}

static uint64_t hash_of(const char *path)
{
	char buf[8192];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t sum = 0;
	ssize_t n;

	if (fd < 0)
		return errno;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		sum = hash(sum, buf, n);
	close(fd);
	return sum;
}

struct text {
	size_t len;
	char s[1300];
};

static void add(struct text *t, const char *s)
{
	t->len += snprintf(t->s + t->len, sizeof(t->s) - t->len, "%s", s);
	if (t->len >= sizeof(t->s))
		t->len = sizeof(t->s) - 1;
}

static void sign_into(struct text *t, const char *path, int depth)
{
	char target[256] = "";
	struct stat st;
	char **list = NULL;
	int n;

	if (lstat(path, &st) != 0) {
		add(t, sf("(errno %d)", errno));
		return;
	}
	if (S_ISREG(st.st_mode)) {
		add(t, sf("file:%o:%lld:%08x", st.st_mode & 07777, (long long)st.st_size,
			  (unsigned)hash_of(path)));
	} else if (S_ISLNK(st.st_mode)) {
		if (readlink(path, target, sizeof(target) - 1) < 0)
			snprintf(target, sizeof(target), "errno %d", errno);
		add(t, sf("link:%s", target));
	} else if (S_ISDIR(st.st_mode) && depth < 6) {
		add(t, sf("dir:%o{", st.st_mode & 07777));
		n = list_dir(path, &list);
		for (int i = 0; i < n; i++) {
			add(t, sf("%s=", list[i]));
			sign_into(t, sf("%s/%s", path, list[i]), depth + 1);
			add(t, ";");
		}
		free_list(list, n);
		add(t, n < 0 ? "unreadable}" : "}");
	} else {
		add(t, sf("%o", st.st_mode));
	}
}

const char *sign(const char *path)
{
	struct text t = {.s = ""};

	sign_into(&t, path, 0);
	return sf("%s", t.s);
}

int remove_tree(const char *path)
{
	char **list = NULL;
	int n, rc = 0;

	if (!S_ISDIR(mode_of(path)))
		return TRY(unlink(path));
	n = list_dir(path, &list);
	for (int i = 0; i < n && rc == 0; i++)
		rc = remove_tree(sf("%s/%s", path, list[i]));
	free_list(list, n < 0 ? 0 : n);
	return rc ? rc : TRY(rmdir(path));
}
